"""``sycee status``: does the work tree hold what the pointers say, and does the remote? Reads only, takes no lock."""

from collections.abc import Sequence
from dataclasses import dataclass

from sycee.core.progress import SILENT, Progress
from sycee.errors import NotFound, SyceeError
from sycee.formats.pointer import strong_digests, sums_object
from sycee.store.layout import is_directory
from sycee.store.objects import Remote, Wanted
from sycee.store.transfer import members_of, require_parts, unstored
from sycee.workspace.content import Current, current, listed
from sycee.workspace.repository import Repository
from sycee.workspace.tracked import PIPELINE, Tracked
from sycee.workspace.wanted import wanted


@dataclass(frozen=True, slots=True)
class Change:
    """One tracked path that is not as its pointer says.

    Attributes:
        relpath: Relative to the repository's root.
        origin: The pointer file, relative to the root, or the step of a pipeline, as DVC names it.
        state: ``modified``, ``deleted``, ``new`` (never added) or ``not in cache``: DVC's words.
    """

    relpath: str
    origin: str
    state: str


@dataclass(frozen=True, slots=True)
class Status:
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
    found = current(repo, tracked, progress=progress)
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
    if repo.cache.find(whole.oid, legacy=whole.legacy) is None:
        return False
    if not is_directory(whole.oid):
        return True
    try:
        parts = members_of(repo.cache, whole)
    except SyceeError:  # a damaged directory object: fetch brings it anew
        return False
    return all(repo.cache.find(part.oid, legacy=part.legacy) for part in parts)


def _unvouched(tracked: Tracked) -> bool:
    pointer, md5 = tracked.pointer, tracked.out.md5
    if pointer is None or md5 is None or not isinstance(pointer.meta.get("sycee"), dict):
        return False
    return (sums_object if tracked.out.is_dir else strong_digests)(pointer, md5) is None


def cloud_status(repo: Repository, tracked: Sequence[Tracked], remote: Remote) -> dict[str, str]:
    """Compare the cache with a remote.

    Returns:
        Path to state, in DVC's words: ``new`` (only in the cache), ``deleted`` (only on the remote), ``missing``
        (in neither). Paths that are in both are left out; what a remote keeps in another size it does not have.

    Raises:
        RemoteError: If the remote cannot be asked.
    """
    pushed = [one for one in tracked if one.out.push]
    require_parts(repo.cache, filter(None, map(wanted, pushed)))
    items = [part for one in pushed for part in _parts(repo, one)]
    lacking = {item.oid for item in unstored(remote, repo.cache, items)}
    return {item.label: state for item in items if (state := _cloud_state(repo, item, item.oid not in lacking))}


def _parts(repo: Repository, tracked: Tracked) -> list[Wanted]:
    whole = wanted(tracked)
    if whole is None:
        return []
    try:
        return [whole, *members_of(repo.cache, whole)] if is_directory(whole.oid) else [whole]
    except SyceeError:
        return [whole]


def _cloud_state(repo: Repository, item: Wanted, is_stored: bool) -> str | None:
    is_cached = repo.cache.find(item.oid, legacy=item.legacy) is not None
    table = {(True, True): None, (True, False): "new", (False, True): "deleted", (False, False): "missing"}
    return table[is_cached, is_stored]
