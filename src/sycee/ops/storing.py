"""How content gets into the cache and its digests into a pointer: what ``add``, ``commit`` and ``freeze`` share.

Order, each step durable before the next: objects into the cache, the ``.gitignore`` entry, the pointer. So a crash
leaves at worst objects that nobody names, and never a pointer without its object or a large file that Git would take.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sycee.core.progress import Progress
from sycee.digest import FileDigests
from sycee.formats import dirobject, pointer
from sycee.formats.dirobject import Entry
from sycee.formats.foldersums import FileSums
from sycee.formats.pointer import Out
from sycee.ops.taking import ingest, take
from sycee.store import sums
from sycee.system.atomic import write_file
from sycee.system.links import SHARED_INODE, link
from sycee.system.onepass import legacy_md5_file
from sycee.system.tree import kind_at
from sycee.workspace.content import Member, cached_by_symlink, digests_of, is_executable, listed, members
from sycee.workspace.gitside import ignore
from sycee.workspace.repository import Repository
from sycee.workspace.tracked import SUFFIX, Tracked
from sycee.workspace.wanted import wanted


@dataclass(frozen=True, slots=True)
class Added:
    """One target after ``add``.

    Attributes:
        path: The file or folder, absolute.
        pointer: Its pointer, absolute.
        out: What the pointer now says.
        digests: All digests of a file; None for a folder.
        changed: The files that Git has to know of: the pointer, the ``.gitignore``; empty when nothing changed.
    """

    path: Path
    pointer: Path
    out: Out
    digests: FileDigests | None
    changed: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Manner:
    """How content is stored.

    Attributes:
        keep: Whether its objects go into the cache; if not, the pointer alone is written.
        relink: Whether files become links into the cache where the configuration asks for links.
    """

    keep: bool = True
    relink: bool = True


DEFAULT = Manner()


@dataclass(frozen=True, slots=True)
class Artifact:
    """What is to be written into a pointer.

    Attributes:
        path: The file or folder, absolute.
        out: Its out.
        record: What belongs into ``meta.sycee``.
        digests: All digests of a file; None for a folder.
    """

    path: Path
    out: Out
    record: Mapping[str, Any]
    digests: FileDigests | None = None


def strong(digests: FileDigests) -> dict[str, Any]:
    """Return the entry of ``meta.sycee`` for a file."""
    return {digests.md5: {"sha256": digests.sha256, "blake3": digests.blake3}}


def store(
    repo: Repository, target: Path, before: Tracked | None, progress: Progress, manner: Manner = DEFAULT
) -> Added:
    """Store what stands at a path and write its pointer; the lock must be held, and the path be one to add.

    Args:
        repo: The repository.
        target: The file or folder, absolute; the tracked folder where only parts of it are meant.
        before: What its pointer says now, or None if it has none.
        progress: Told the bytes.
        manner: How.
    """
    if before and before.parts:
        return write(repo, _add_parts(repo, before, progress, manner), before)
    if target.is_dir():
        return write(repo, taken_folder(repo, target, members(repo, target), progress, manner), before)
    if before and is_legacy(before) and legacy_md5_file(target) == before.out.md5:
        return Added(target, before.origin, before.out, None, ())  # as DVC: an unchanged old pointer stays as it is
    if oid := cached_by_symlink(repo, target):
        digests = repo.cache.verified(oid)
    else:
        digests = (ingest if manner.keep else digests_of)(repo, target, progress=progress)
    out = Out(target.name, digests.md5, digests.size, isexec=is_executable(target))
    _relink(repo, target, digests.md5, manner)
    return write(repo, Artifact(target, out, strong(digests), digests), before)


def is_legacy(tracked: Tracked | None) -> bool:
    """Tell whether a pointer is of the time before DVC 3.0."""
    return tracked is not None and tracked.out.is_legacy


def taken_folder(
    repo: Repository, folder: Path, found: Sequence[Member], progress: Progress, manner: Manner
) -> Artifact:
    """Store the files of a folder, its directory object and its sums.

    Args:
        repo: The repository; its lock is held by the caller.
        folder: Where the folder is tracked, absolute.
        found: Its files, wherever they lie now.
        progress: Told the bytes.
        manner: How.
    """
    files = _add_members(repo, folder, found, progress, manner)
    return listed_folder(repo, folder, files, manner)


def listed_folder(repo: Repository, folder: Path, files: Sequence[FileSums], manner: Manner) -> Artifact:
    """Return what belongs into the pointer of a folder, after storing its lists.

    Args:
        repo: The repository.
        folder: Where the folder is tracked, absolute.
        files: Its files.
        manner: Whether to store the lists.
    """
    listing = dirobject.render(Entry(file.relpath, file.md5) for file in files)
    out = Out(folder.name, dirobject.object_id(listing), sum(file.size for file in files), nfiles=len(files))
    return Artifact(folder, out, _keep_lists(repo, listing, files) if manner.keep else {})


def _add_parts(repo: Repository, before: Tracked, progress: Progress, manner: Manner) -> Artifact:
    """Store parts of a folder, and its lists with them replaced; of the other files nothing has to be here."""
    present = listed(repo, before)
    whole = wanted(before)
    known = sums.known(repo.cache, whole.sums if whole else None)
    found = members(repo, before.path, before.parts)
    files = {file.relpath: file for file in _add_members(repo, before.path, found, progress, manner)}
    entries = before.parts.replaced(present, (Entry(file.relpath, file.md5) for file in files.values()))
    listing = dirobject.render(entries)
    oid = dirobject.object_id(listing)
    evidence = [files.get(entry.relpath) or known.get(entry.relpath) for entry in entries]
    sure = [one for one, entry in zip(evidence, entries, strict=True) if one and one.md5 == entry.md5]
    out = before.out._replace(md5=oid, size=_size(before, present, oid, files.values()), nfiles=len(entries))
    record = _keep_lists(repo, listing, sure if len(sure) == len(entries) else None) if manner.keep else {}
    return Artifact(before.path, out, record)


def _size(before: Tracked, present: Collection[Entry], oid: str, files: Collection[FileSums]) -> int | None:
    """Return the size of a folder after an update, None where DVC gives up: it knows only that of what was added."""
    if oid == before.out.md5:
        return before.out.size
    if not before.out.size or any(before.parts.hold(entry.relpath) for entry in present):
        return None
    return before.out.size + sum(file.size for file in files)


def _keep_lists(repo: Repository, listing: bytes, files: Sequence[FileSums] | None) -> dict[str, Any]:
    """Store a directory object, and the sums of its files if all are known; return the entry of ``meta.sycee``."""
    oid = repo.cache.put_bytes(listing, suffix=dirobject.SUFFIX)
    return {} if files is None else {oid: {"sums": sums.keep(repo.cache, files)}}


def _add_members(
    repo: Repository, folder: Path, found: Sequence[Member], progress: Progress, manner: Manner
) -> list[FileSums]:
    taken = take(repo, found, f"adding {folder.name}/", keep=manner.keep, progress=progress)
    are_links = repo.link_ways[0] in SHARED_INODE
    for one in found:
        if are_links or one.is_shared:
            _relink(repo, folder / one.relpath, taken[one.path].md5, manner)
    return [_sums(one.relpath, taken[one.path]) for one in found]


def _sums(relpath: str, digests: FileDigests) -> FileSums:
    return FileSums(relpath, digests.size, digests.md5, digests.sha256, digests.blake3)


def _relink(repo: Repository, path: Path, oid: str, manner: Manner) -> None:
    """Make the file a link into the cache where the configuration asks for one, or such a link what it asks for.

    An executable file stays: it cannot be one with an object, whose mode is 0444.
    """
    if not (manner.keep and manner.relink) or is_executable(path):
        return
    way, source = repo.link_ways[0], repo.cache.path(oid)
    is_link = {"symlink": kind_at(path) == "symlink", "hardlink": path.lstat().st_ino == source.stat().st_ino}
    if not is_link[way] if way in SHARED_INODE else any(is_link.values()):
        link(source, path, repo.link_ways)


def write(repo: Repository, artifact: Artifact, before: Tracked | None, *, here: bool = True) -> Added:
    """Write the ignore entry and then the pointer of an artifact.

    Args:
        repo: The repository.
        artifact: What belongs into the pointer; its objects are in the cache.
        before: What the pointer says now, or None if there is none.
        here: Whether the content is, or comes, into the work tree, where Git must not see it.
    """
    path, out = artifact.path, artifact.out
    ignored = ignore(repo, path) if here else []
    origin = before.origin if before else path.with_name(path.name + SUFFIX)
    data = _pointer_bytes(origin, artifact, before)
    changed = [] if before and before.pointer and data == before.pointer.raw else [origin]
    if changed:
        write_file(origin, data)
    return Added(path, origin, out, artifact.digests, (*changed, *ignored))


def _pointer_bytes(origin: Path, artifact: Artifact, before: Tracked | None) -> bytes:
    out = artifact.out
    if before is None or before.pointer is None:
        return pointer.render(out, artifact.record)
    # Card and signature of other content do not belong to this one any more.
    stale = {"card": None, "sig": None} if before.out.md5 != out.md5 else {}
    record = {**stale, **artifact.record}
    return pointer.patch(before.pointer.raw, origin.name, out._replace(path=before.out.path), record)
