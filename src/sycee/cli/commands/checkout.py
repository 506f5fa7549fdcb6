"""``sycee checkout``."""

import click

from sycee.cli.context import Context, pass_context
from sycee.cli.targets import chosen, target_options
from sycee.cli.words import changes
from sycee.ops.checkout import checkout


@click.command()
@click.argument("targets", nargs=-1, metavar="[TARGET…]")
@click.option("-f", "--force", is_flag=True, help="Give up content that is stored nowhere.")
@target_options
@pass_context
def command(ctx: Context, targets: tuple[str, ...], *, force: bool, with_deps: bool) -> None:
    r"""Make files what their pointers say, from the cache.

    Refuses before the first change if objects are missing, or if a file would be overwritten whose content is stored
    nowhere. Prints A, M or D and the path of what it added, modified or deleted.

    \b
    Examples:
      git checkout experiment-202405 && sycee checkout
      sycee checkout models/bert --force

    \b
    Exit codes: 0 done; 1 refused, nothing changed; 11 an object in the cache is damaged, nothing changed.
    """
    with ctx.repository() as repo:
        tracked = chosen(ctx, repo, targets, repo.tracked(), with_deps=with_deps)
        done = checkout(repo, tracked, force=force, progress=ctx.progress)
    for line in changes(done.marks):
        ctx.out(line)
