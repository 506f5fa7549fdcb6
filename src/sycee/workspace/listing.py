"""States of what is tracked, as lists to compare: what pointers say, and what lies in the work tree."""

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from sycee.core.diff import Content, Listing
from sycee.core.progress import SILENT, Progress
from sycee.errors import NotFound, SyceeError
from sycee.store.cache import Cache
from sycee.store.members import members_of
from sycee.store.objects import Wanted
from sycee.workspace.content import Current, current
from sycee.workspace.repository import Repository
from sycee.workspace.tracked import Tracked
from sycee.workspace.wanted import wanted


def pointed(repo: Repository, tracked: Iterable[Tracked], *, granular: bool = True) -> Listing:
    """Return what pointers say, of the work tree or of a revision.

    Args:
        repo: The repository, whose cache knows what folders hold.
        tracked: What the pointers name; what no store keeps is left out, as is what was never added.
        granular: Whether to list the files of folders too.
    """
    contents: dict[str, Content] = {}
    opaque = set()
    for whole in filter(None, map(wanted, tracked)):
        contents[whole.label] = found = Content(whole.oid, whole.legacy)
        if not granular or not found.is_dir:
            continue
        members = _members(repo.cache, whole)
        if members is None:
            opaque.add(whole.label)
        contents.update((item.label, Content(item.oid, item.legacy)) for item in members or ())
    return Listing(contents, frozenset(opaque))


def lying(
    repo: Repository, tracked: Iterable[Tracked], *, granular: bool = True, progress: Progress = SILENT
) -> Listing:
    """Return what lies in the work tree where tracked files and folders belong.

    Args:
        repo: The repository.
        tracked: What its pointers name.
        granular: Whether to list the files of folders too.
        progress: Told the bytes, if files have to be hashed.

    Raises:
        Conflict: If something in a tracked folder is neither file nor folder.
    """
    contents: dict[str, Content] = {}
    for one in tracked:
        found = current(repo, one, progress=progress) if one.out.cache and not one.out.versioned else None
        if found:
            contents.update(_contents(one, found, granular=granular))
    return Listing(contents)


def named(repo: Repository, targets: Collection[Path], tracked: Collection[Tracked]) -> set[str]:
    """Return the paths that targets mean, for :meth:`Listing.within`; none of them means everything.

    Args:
        repo: The repository; its root as a target means everything.
        targets: Absolute paths of files, folders and pointers.
        tracked: All that may be meant.

    Raises:
        Conflict: If a target lies outside the repository.
    """
    if repo.root in targets:
        return set()
    outs = {target: {one.relpath for one in tracked if one.origin == target} for target in targets}
    return {path for target in targets for path in outs[target] or {repo.relpath(target)}}


def require_known(paths: Iterable[str], tracked: Collection[Tracked], *listings: Listing) -> None:
    """Refuse a path of which nothing is known, lest silence about it be taken for good news.

    Raises:
        NotFound: If it is neither tracked nor in a list.
    """
    whole = {one.relpath for one in tracked}
    for path in paths:
        if path not in whole and not any(listing.within({path}).contents for listing in listings):
            raise NotFound(f"{path} is tracked in none of the states that are compared", hint="see all: sycee diff")


def is_cached(cache: Cache, content: Content) -> bool:
    """Tell whether the cache holds an object."""
    return cache.find(content.oid, legacy=content.legacy) is not None


def _contents(one: Tracked, found: Current, *, granular: bool) -> Iterator[tuple[str, Content]]:
    legacy = one.out.is_legacy
    yield one.relpath, Content(found.oid, legacy)
    if granular:
        yield from ((f"{one.relpath}/{entry.relpath}", Content(entry.md5, legacy)) for entry in found.entries)


def _members(cache: Cache, folder: Wanted) -> list[Wanted] | None:
    try:
        return members_of(cache, folder)
    except SyceeError:  # absent or damaged: it names nothing
        return None
