"""``sycee checkout``."""

from shlex import quote
from typing import Any

import click

from sycee.cli.context import Context, pass_context
from sycee.cli.targets import chosen_here, target_options
from sycee.cli.words import changed, changes
from sycee.errors import NotFound
from sycee.ops.checkout import Options, checkout
from sycee.system.git import Git
from sycee.workspace.repository import Repository
from sycee.workspace.tracked import Tracked


@click.command()
@click.argument("targets", nargs=-1, metavar="[TARGET…]")
@click.option("-f", "--force", is_flag=True, help="Give up content that is stored nowhere.")
@click.option("--relink", is_flag=True, help="Make files anew that are right, as cache.type says now.")
@click.option("--allow-missing", is_flag=True, help="Leave alone what lacks objects, and do the rest.")
@click.option("--summary", is_flag=True, help="Print one line: how many files changed.")
@target_options
@pass_context
def command(ctx: Context, targets: tuple[str, ...], *, summary: bool, with_deps: bool, **how: Any) -> None:
    r"""Make files what their pointers say, from the cache.

    Refuses before the first change if objects are missing, or if a file would be overwritten whose content is stored
    nowhere. Prints A, M or D and the path of what it added, modified or deleted.

    Without TARGETs it also removes what no pointer names any more, as after a switch of branches: of what sycee left
    there, files that are unchanged and stored in the cache.

    \b
    Examples:
      git checkout experiment-202405 && sycee checkout
      sycee checkout models/bert --force
      sycee config cache.type hardlink,copy && sycee checkout --relink

    \b
    Exit codes: 0 done; 1 refused, nothing changed; 11 an object in the cache is damaged, nothing changed.
    """
    with ctx.repository() as repo:
        tracked = _chosen(ctx, repo, targets, with_deps=with_deps)
        done = checkout(repo, tracked, Options(take_away=not targets, **how), progress=ctx.progress)
    for line in [changed(done.files) or "No changes."] if summary else changes(done.marks):
        ctx.tell(line)
    if how["relink"]:
        ctx.tell("Relinked successfully")


def _chosen(ctx: Context, repo: Repository, targets: tuple[str, ...], *, with_deps: bool) -> list[Tracked]:
    try:
        return chosen_here(ctx, repo, targets, with_deps=with_deps)
    except NotFound as error:
        if repo.git and all(_is_gits(ctx, repo.git, target) for target in targets):
            error.advise(f"did you mean: git checkout {' '.join(map(quote, targets))}")
        raise


def _is_gits(ctx: Context, git: Git, target: str) -> bool:
    """Tell whether Git could check a target out: a file or folder in its index, or a revision."""
    path = ctx.path(target)
    return bool(
        (git.root in path.parents and git.tracked([path.relative_to(git.root).as_posix()]))
        or git.run("rev-parse", "--verify", "--quiet", "--end-of-options", target, ok=(0, 1, 128))
    )
