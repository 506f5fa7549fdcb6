"""``sycee commit``."""

import sys

import click

from sycee.cli.context import Context, pass_context
from sycee.cli.targets import named, target_options
from sycee.cli.words import to_track
from sycee.ops.commit import commit
from sycee.ops.storing import Manner


@click.command()
@click.argument("targets", nargs=-1, metavar="[TARGET…]")
@click.option("-f", "--force", is_flag=True, help="Do not ask, and store unchanged content too.")
@click.option("--no-relink", is_flag=True, help="Leave the files as they are; make no links into the cache.")
@target_options
@pass_context
def command(ctx: Context, targets: tuple[str, ...], *, force: bool, no_relink: bool, with_deps: bool) -> None:
    r"""Store what changed in tracked files and folders.

    As add does for a file or folder that is tracked already: objects into the cache, new digests into the pointer, all
    else in it stays. A TARGET may be a file or folder in a tracked folder: then only this part is stored. Asks before a
    pointer changes. Without TARGET: everything but the outputs of pipelines.

    \b
    Examples:
      sycee commit
      sycee commit --force models/bert

    \b
    Exit codes: 0 done; 1 not confirmed (on no terminal: without --force), or content is not there: nothing was done.
    """
    with ctx.repository() as repo:
        paths = named(ctx, repo, targets, repo.tracked() if with_deps else [], with_deps=with_deps)
        confirm, manner = None if force else _confirmed, Manner(relink=not no_relink)
        added = commit(repo, paths, confirm=confirm, manner=manner, progress=ctx.progress)
        autostaged = repo.config.get_bool("core", "autostage")
    changed = {ctx.shown(path) for one in added for path in one.changed}
    if changed and not autostaged:
        ctx.say(to_track(changed))


def _confirmed(question: str) -> bool:
    return sys.stdin.isatty() and click.confirm(question, err=True)
