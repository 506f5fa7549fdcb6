"""``sycee root``."""

import click

from sycee.cli.context import Context, pass_context


@click.command()
@pass_context
def command(ctx: Context) -> None:
    r"""Print the path of the repository's root.

    It is relative to the working folder: a dot in the root itself.

    \b
    Examples:
      cd "$(sycee root)"

    \b
    Exit codes: 0 done; 1 the working folder is in no repository.
    """
    with ctx.repository() as repo:
        ctx.out(ctx.shown(repo.root))
