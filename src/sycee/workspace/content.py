"""What lies in the work tree where a tracked file or folder belongs, in terms of object ids."""

import os
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from sycee.core.parts import WHOLE, Parts
from sycee.core.printable import in_line
from sycee.core.progress import SILENT, Progress
from sycee.digest import FileDigests
from sycee.errors import Conflict, DigestMismatch, SyceeError
from sycee.formats import dirobject, dvcignore
from sycee.formats.dirobject import Entry
from sycee.formats.paths import is_plain, path_fault
from sycee.store.layout import is_object_id
from sycee.store.statcache import look_of
from sycee.system.onepass import OnBytes, legacy_md5_file
from sycee.system.tree import TreeEntry, kind_at, scan
from sycee.workspace.ignored import Ignored
from sycee.workspace.repository import Repository
from sycee.workspace.tracked import Tracked


class Member(NamedTuple):
    """One file of a tracked folder.

    Attributes:
        relpath: Below the folder, with ``/``.
        path: Where its bytes are, absolute: behind a link, if it is one. Text, since there may be very many.
        status: What ``lstat`` says of that.
        is_link: Whether it is a symbolic link.
    """

    relpath: str
    path: str
    status: os.stat_result
    is_link: bool = False

    @property
    def is_shared(self) -> bool:
        """Whether it may be one file with another name, such as that of its object."""
        return self.is_link or self.status.st_nlink > 1

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return self.status.st_size


def members(
    repo: Repository, folder: Path, parts: Parts = WHOLE, *, leave: Callable[[Path], bool] | None = None
) -> list[Member]:
    """Return the files that belong to a tracked folder, as DVC sees them: links to files count, links to folders not.

    What ``.dvcignore`` names, and other projects in the folder, are no part of it.

    Args:
        repo: The repository.
        folder: The folder, absolute.
        parts: Which of its files; into other folders it does not look.
        leave: Which paths not to take, as if nothing stood there.

    Raises:
        Conflict: If something in it is neither file nor folder, a name is not valid UTF-8, or it has rules of its own
            about what belongs to it.
    """
    ignored, above, ways = Ignored(repo.root), repo.relpath(folder), parts.ways()

    def enter(relpath: str) -> bool:
        return (relpath in ways or parts.hold(relpath)) and not ignored.ignores(f"{above}/{relpath}", is_dir=True)

    def holds(relpath: str) -> bool:
        if not parts.hold(relpath) or ignored.ignores(f"{above}/{relpath}"):
            return False
        return leave is None or not leave(folder / relpath)

    return files_below(folder, enter=enter, holds=holds)


def files_below(
    folder: Path, *, enter: Callable[[str], bool] = lambda _: True, holds: Callable[[str], bool] = lambda _: True
) -> list[Member]:
    """Return the files of a folder, wherever it lies, that a directory object can name.

    Args:
        folder: The folder, absolute.
        enter: Whether to look into the folder of this relative path.
        holds: Whether to take the file of this relative path.

    Raises:
        Conflict: As :func:`members`.
    """
    found = []
    base = f"{folder}/"
    for entry in scan(folder, enter=enter):
        relpath, kind, status = entry
        if kind == "dir" or not holds(relpath):
            continue
        if not is_plain(relpath):  # as nearly all of very many are
            _require_listable(folder, relpath)
        if kind == "file":
            found.append(Member(relpath, base + relpath, status))
        elif kind != "symlink" or not (folder / relpath).is_dir():
            found.append(_linked(folder, entry))
    return found


def _linked(folder: Path, entry: TreeEntry) -> Member:
    path = Path(os.path.realpath(folder / entry.relpath))  # resolve() fails where links lead round in a circle
    if entry.kind != "symlink" or kind_at(path) != "file":
        raise Conflict(f"{folder / entry.relpath} is not a file", hint="move it out of the folder, then repeat")
    return Member(entry.relpath, str(path), path.lstat(), is_link=True)


def require_utf8(relpath: str) -> None:
    """Refuse a file name that no pointer or directory object can hold.

    Raises:
        Conflict: If it is not valid UTF-8.
    """
    try:
        relpath.encode()
    except UnicodeEncodeError:
        shown = os.fsencode(relpath).decode(errors="backslashreplace")
        raise Conflict(f"the file name {shown} is not valid UTF-8", hint="rename it, then repeat") from None


def _require_listable(folder: Path, relpath: str) -> None:
    """Refuse the name of a file that no directory object can hold, and a file of rules about what belongs to it."""
    if relpath.rpartition("/")[2] == dvcignore.NAME:
        place = folder / relpath
        raise Conflict(f"{place} lies in a tracked folder", hint="move its rules to .dvcignore in the root")
    shown = f"{folder.name}/{relpath}"
    require_utf8(shown)
    if fault := path_fault(relpath):
        raise Conflict(f"the file name {in_line(shown)} {fault}", hint="rename it, then repeat", path=shown)


class Current(NamedTuple):
    """What lies in the work tree where a tracked file or folder belongs.

    Attributes:
        oid: Its object id.
        entries: Of a folder, its files; where only parts of it are meant, the others are as the pointer says.
    """

    oid: str
    entries: tuple[Entry, ...] = ()


def current_id(repo: Repository, tracked: Tracked, *, progress: Progress = SILENT) -> str | None:
    """Return the object id of what lies in the work tree now, or None when nothing does; see :func:`current`.

    Of a whole folder, whose files need not be told apart then, it is quicker.
    """
    found = current(repo, tracked, progress=progress, granular=False)
    return found.oid if found else None


def current(
    repo: Repository, tracked: Tracked, *, progress: Progress = SILENT, granular: bool = True
) -> Current | None:
    """Return what lies in the work tree now, or None when nothing does.

    Files that are unchanged since they were hashed last are not read.

    Args:
        repo: The repository.
        tracked: The file or folder, whose pointer says which md5 (of DVC 3 or of before) its id is made of.
        progress: Told the bytes.
        granular: Whether the files of a folder are wanted too; else there may be none of them.
    """
    repo.require_real_folders(tracked.path)
    kind = kind_at(tracked.path)
    if kind is None or (kind == "symlink" and not tracked.path.exists()):
        return None
    if kind == "dir":  # not a link to one: it could lead to the whole disk
        return _current_folder(repo, tracked, progress, granular=granular)
    if linked := cached_by_symlink(repo, tracked.path):
        return Current(linked)
    if kind != "file":
        raise Conflict(f"{tracked.relpath} is a {kind}, where a file is needed", path=tracked.relpath)
    return Current(file_id(repo, tracked.path, legacy=tracked.out.is_legacy, progress=progress))


def file_id(repo: Repository, path: Path, *, legacy: bool = False, progress: Progress = SILENT) -> str:
    """Return the object id of a file of the work tree."""
    if linked := cached_by_symlink(repo, path):
        return linked
    if legacy:
        return legacy_md5_file(path)
    return digests_of(repo, path, progress=progress).md5


def digests_of(repo: Repository, path: Path, *, progress: Progress = SILENT) -> FileDigests:
    """Return the digests of a file of the work tree, reading it only if it changed since it was last read."""
    with progress.start(f"hashing {path.name}", path.stat().st_size) as task:
        return repo.statcache.digests_of(path, on_bytes=task.advance)


def is_stored(repo: Repository, path: Path, oid: str, *, legacy: bool = False) -> bool:
    """Tell whether the cache holds the very bytes of a file, judged by all digests of both.

    Args:
        repo: The repository.
        path: The file.
        oid: Its object id.
        legacy: Whether that is made of the md5 of before DVC 3.0, which does not see line ends.
    """
    if kind_at(path) == "symlink":
        return repo.cache.find(oid) is not None
    if repo.cache.find(oid, legacy=legacy) is None:
        return False
    try:  # the md5 alone proves nothing, nor does an object that is damaged
        return repo.cache.verified(oid, legacy=legacy) == digests_of(repo, path)
    except DigestMismatch:
        return False


def cached_by_symlink(repo: Repository, path: Path) -> str | None:
    """Return the object id behind a symbolic link into the cache (``cache.type = symlink``), or None."""
    if kind_at(path) != "symlink":
        return None
    target = path.readlink()
    if not target.is_absolute() or repo.cache.root.absolute() not in target.parents:
        return None
    oid = target.parent.name + target.name
    if not is_object_id(oid) or repo.cache.find(oid) != target:
        return None
    repo.cache.verified(oid)
    return oid


def is_lost_link(path: Path) -> bool:
    """Tell whether a path is a symbolic link to an object that is gone, as after a cache moved: it holds nothing."""
    if kind_at(path) != "symlink" or path.exists():
        return False
    target = path.readlink()
    return is_object_id(target.parent.name + target.name)


def _current_folder(repo: Repository, tracked: Tracked, progress: Progress, *, granular: bool) -> Current:
    found = members(repo, tracked.path, tracked.parts)
    look = None  # that of no files at all can be foretold, so nothing is believed of it
    if found and not (granular or tracked.parts or tracked.out.is_legacy):
        look = look_of((one.relpath, one.status) for one in found)
        if oid := repo.statcache.folder_id(tracked.path, look):
            return Current(oid)
    with progress.start(f"hashing {tracked.path.name}/", sum(one.size for one in found)) as task:
        md5s, known = _md5s(repo, found, task.advance, legacy=tracked.out.is_legacy)
    current = _named(repo, tracked, tuple(Entry(one.relpath, md5s[one.path]) for one in found))
    if look and known:
        repo.statcache.put_folder(tracked.path, look, current.oid)
    return current


def _md5s(
    repo: Repository, found: Sequence[Member], on_bytes: OnBytes, *, legacy: bool
) -> tuple[Mapping[str, str], bool]:
    """Return the md5 of each file by its path, and whether all were known without reading any."""
    if legacy:
        return {one.path: legacy_md5_file(Path(one.path)) for one in found}, False
    files = {one.path: one.status for one in found}
    known = repo.statcache.get_all(files)
    on_bytes(sum(digests.size for digests in known.values()))
    unknown = {path: status for path, status in files.items() if path not in known}
    read = repo.statcache.digests_of_all(unknown, on_bytes=on_bytes)
    return {path: digests.md5 for path, digests in (known | read).items()}, not unknown


def _named(repo: Repository, tracked: Tracked, entries: tuple[Entry, ...]) -> Current:
    if tracked.parts:
        entries = tuple(tracked.parts.replaced(listed(repo, tracked), entries))
    if (oid := tracked.out.md5) and _is_listed(repo, tracked, entries):
        return Current(oid, entries)
    return Current(dirobject.object_id(dirobject.render(entries)), entries)


def _is_listed(repo: Repository, tracked: Tracked, entries: tuple[Entry, ...]) -> bool:
    """Tell whether files are those of the pointer, without rendering a list that may be long."""
    try:
        data = repo.cache.read(tracked.out.md5 or "", legacy=tracked.out.is_legacy)
    except SyceeError:  # what the list was is not known here
        return False
    return len(data) <= dirobject.MAX_BYTES and tuple(sorted(entries)) == dirobject.rendered(data)


def listed(repo: Repository, tracked: Tracked) -> tuple[Entry, ...]:
    """Return the files that a tracked folder has by its pointer.

    Raises:
        NotFound: If the directory object is not in the cache.
        DigestMismatch: If it is damaged there.
        FormatError: If it breaks its format.
    """
    try:
        return dirobject.parse(repo.cache.read(tracked.out.md5 or "", legacy=tracked.out.is_legacy))
    except SyceeError as error:
        raise error.about(f"the list of files of {tracked.relpath}") from None


def is_executable(path: Path) -> bool:
    """Tell whether the owner may execute a file."""
    return bool(path.stat().st_mode & stat.S_IXUSR)
