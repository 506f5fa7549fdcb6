"""``sycee diff``: what changed between two versions, or since one. Reads only, takes no lock."""

from dataclasses import dataclass
from pathlib import Path

from sycee.core.diff import Change, Entry, Kind, compare, missing
from sycee.core.progress import SILENT, Progress
from sycee.errors import UsageError
from sycee.workspace.listing import is_cached, lying, named, pointed, require_known
from sycee.workspace.repository import Repository
from sycee.workspace.revisions import Revisions, read_history
from sycee.workspace.tracked import Tracked


@dataclass(frozen=True, slots=True)
class DiffRequest:
    """What to compare.

    Attributes:
        old: A revision.
        new: Another one; None for the work tree.
        targets: Absolute paths of tracked files and folders, of pointers, of folders around tracked files or files in
            tracked folders; none for everything.
    """

    old: str = "HEAD"
    new: str | None = None
    targets: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """How two versions differ.

    Attributes:
        changes: What is not the same, in the order of paths.
        not_in_cache: What the old version needs and the cache lacks; looked for only beside the work tree, as in DVC.
        unreadable: One message for each pointer of the past that cannot be read; its paths seem absent.
    """

    changes: tuple[Change, ...] = ()
    not_in_cache: tuple[Entry, ...] = ()
    unreadable: tuple[str, ...] = ()


_TOLD = {Kind.ADDED, Kind.DELETED, Kind.MODIFIED, Kind.RENAMED}


def diff(repo: Repository, request: DiffRequest, *, progress: Progress = SILENT) -> Difference:
    """Compare two versions of what is tracked.

    Args:
        repo: The repository; one without commits has nothing to compare.
        request: What to compare.
        progress: Told the bytes, if files have to be hashed.

    Raises:
        NotFound: If a revision does not exist, or a target is in neither version.
        UsageError: If the repository is without Git.
        FormatError: If a pointer of the work tree is unreadable.
    """
    if repo.git is None:
        raise UsageError("revisions need Git, and this repository is without it", hint="see: sycee status")
    if repo.git.head() is None:
        return Difference()
    before, unreadable = _revision(repo, request.old)
    if request.new is None:
        after = repo.tracked()
        states = pointed(repo, before), lying(repo, after, progress=progress)
    else:
        after, more = _revision(repo, request.new)
        unreadable = tuple(dict.fromkeys([*unreadable, *more]))
        states = pointed(repo, before), pointed(repo, after)
    tracked = [*before, *after]
    paths = named(repo, request.targets, tracked)
    require_known(paths, tracked, *states)
    changes = compare(*(state.within(paths) for state in states))
    lacking = [] if request.new else missing(changes, lambda content: is_cached(repo.cache, content))
    told = tuple(change for change in changes if change.kind in _TOLD)
    return Difference(told, tuple(lacking), unreadable)


def _revision(repo: Repository, rev: str) -> tuple[list[Tracked], tuple[str, ...]]:
    if repo.git is None:
        return [], ()
    history = read_history(repo.root, repo.git, Revisions(revs=(rev,)))
    return list(history.tracked), history.unreadable
