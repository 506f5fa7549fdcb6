"""``sycee unprotect``."""

import click

from sycee.cli.context import Context, pass_context
from sycee.ops.unprotect import unprotect


@click.command()
@click.argument("targets", nargs=-1, required=True, metavar="TARGET…")
@pass_context
def command(ctx: Context, targets: tuple[str, ...]) -> None:
    r"""Make tracked files ordinary files that may be edited.

    With cache.type hardlink or symlink, files of the work tree are objects of the cache. This gives each one a copy of
    its own and the right to write, and leaves pointers and cache as they are.

    \b
    Examples:
      sycee unprotect data/train
      sycee unprotect data/train/labels.csv

    \b
    Exit codes: 0 done; 1 a target is absent or not tracked: nothing was done; 11 an object in the cache is damaged.
    """
    with ctx.repository() as repo:
        unprotect(repo, [ctx.path(target) for target in targets], progress=ctx.progress)
