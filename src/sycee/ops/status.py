"""``sycee status``: does the work tree hold what the pointers say? Reads only, takes no lock."""

from collections.abc import Sequence
from typing import NamedTuple

from sycee.core.progress import SILENT, Progress
from sycee.errors import NotFound, SyceeError
from sycee.formats.pointer import strong_digests, sums_object
from sycee.store.layout import is_directory
from sycee.store.members import expected_of, surely_held
from sycee.workspace.content import Current, current, listed
from sycee.workspace.repository import Repository
from sycee.workspace.tracked import PIPELINE, Tracked
from sycee.workspace.wanted import wanted


class Change(NamedTuple):
    """One tracked path that is not as its pointer says.

    Attributes:
        relpath: Relative to the repository's root.
        origin: The pointer file, relative to the root, or the step of a pipeline, as DVC names it.
        state: ``modified``, ``deleted``, ``new`` (never added) or ``not in cache``: DVC's words.
    """

    relpath: str
    origin: str
    state: str


class Status(NamedTuple):
    """The state of a work tree.

    Attributes:
        changes: What differs, in the order of the pointers.
        unvouched: Paths whose pointer has no strong digests for its present md5: a plain ``dvc add`` wrote it.
    """

    changes: tuple[Change, ...]
    unvouched: tuple[str, ...]


def status(repo: Repository, tracked: Sequence[Tracked], *, progress: Progress = SILENT) -> Status:
    """Compare the work tree and the cache with the pointers.

    Args:
        repo: The repository.
        tracked: What to look at.
        progress: Told the bytes, if files have to be hashed.
    """
    states = [(one, _state(repo, one, progress)) for one in tracked]
    changes = tuple(Change(one.relpath, _origin(repo, one), state) for one, state in states if state)
    return Status(changes, tuple(one.relpath for one in tracked if _unvouched(one)))


def _origin(repo: Repository, tracked: Tracked) -> str:
    if tracked.stage is None:
        return repo.relpath(tracked.origin)
    in_root = tracked.origin.parent == repo.root
    return tracked.stage if in_root else f"{repo.relpath(tracked.origin.with_name(PIPELINE))}:{tracked.stage}"


def _state(repo: Repository, tracked: Tracked, progress: Progress) -> str | None:
    out = tracked.out
    if out.md5 and out.cache and not in_cache(repo, tracked):
        return "not in cache"
    found = current(repo, tracked, progress=progress, granular=bool(tracked.parts))
    if tracked.parts:
        _require_parts(repo, tracked, found)
    if found is None:
        return "deleted"
    if out.md5 is None:
        return "new"
    return None if found.oid == out.md5 else "modified"


def _require_parts(repo: Repository, tracked: Tracked, found: Current | None) -> None:
    entries = [*listed(repo, tracked), *(found.entries if found else ())]
    for name in tracked.parts.missing(entry.relpath for entry in entries):
        relpath = f"{tracked.relpath}/{name}"
        raise NotFound(f"{relpath} does not exist, and is not tracked", hint="look for a misspelt path", path=relpath)


def in_cache(repo: Repository, tracked: Tracked) -> bool:
    """Tell whether every object of an artifact is in the cache; so it is if no store keeps it."""
    whole = wanted(tracked)
    if whole is None:
        return True
    if not repo.cache.holds(whole.expected, legacy=whole.legacy):
        return False
    if not is_directory(whole.oid):
        return True
    try:
        if not whole.legacy and repo.statcache.has_listed(whole.oid) and surely_held(repo.cache, whole):
            return True
        return all(repo.cache.holds(one, legacy=whole.legacy) for one in expected_of(repo.cache, whole))
    except SyceeError:  # a damaged directory object: fetch brings it anew
        return False


def _unvouched(tracked: Tracked) -> bool:
    pointer, md5 = tracked.pointer, tracked.out.md5
    if pointer is None or md5 is None or not isinstance(pointer.meta.get("sycee"), dict):
        return False
    return (sums_object if tracked.out.is_dir else strong_digests)(pointer, md5) is None
