"""Options by which a verb means more versions than the one in the work tree: ``-a``, ``-T``, ``-A``, ``--rev``."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click

from sycee.cli.context import Context
from sycee.cli.targets import chosen, found_for
from sycee.errors import UsageError
from sycee.workspace.repository import Repository
from sycee.workspace.tracked import Tracked

_Command = TypeVar("_Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option("-a", "--all-branches", is_flag=True, help="All branches too."),
    click.option("-T", "--all-tags", is_flag=True, help="All tags too."),
    click.option("-A", "--all-commits", is_flag=True, help="Every commit too."),
    click.option("--rev", "revs", multiple=True, metavar="REV", help="This revision too; may be repeated."),
)


def revision_options(command: _Command) -> _Command:
    """Give a verb the options; it takes them as ``**revisions`` and hands them to :func:`tracked`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def asks_for_revisions(revisions: Mapping[str, Any]) -> bool:
    """Tell whether any of the options was given."""
    return any(revisions[name] for name in ("all_branches", "all_tags", "all_commits", "revs"))


def tracked(ctx: Context, repo: Repository, targets: Sequence[str], **revisions: Any) -> list[Tracked]:
    """Return what the work tree and the chosen revisions track, or that part of it which the targets name.

    Args:
        ctx: Told of pointers of the past that cannot be read.
        repo: The repository.
        targets: As typed.
        **revisions: The values of the options, and of ``--with-deps`` where the verb has it.

    Raises:
        NotFound: If a target names nothing, or a revision does not exist.
        UsageError: If there is no Git to ask for revisions.
    """
    with_deps = revisions.get("with_deps", False)
    found = found_for(ctx, repo, targets, with_deps=with_deps)
    if asks_for_revisions(revisions):
        found += _of_the_past(ctx, repo, **revisions)
    return chosen(ctx, repo, targets, found, with_deps=with_deps)


def _of_the_past(ctx: Context, repo: Repository, **revisions: Any) -> tuple[Tracked, ...]:
    from sycee.workspace.revisions import Revisions, read_history  # what reads history is not small

    if repo.git is None:
        raise UsageError("revisions need Git, and this repository is without it", hint="leave the option out")
    versions = Revisions(
        branches=revisions["all_branches"],
        tags=revisions["all_tags"],
        commits=revisions["all_commits"],
        revs=revisions["revs"],
    )
    history = read_history(repo.root, repo.git, versions)
    for message in history.unreadable:
        ctx.warn(f"{message}; left out")
    return history.tracked
