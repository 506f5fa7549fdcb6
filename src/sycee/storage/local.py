"""A store in a folder: a disk, a network share, another repository's cache.

DVC's own layout and modes: objects are read-only (0444), unfinished ones are called ``.<22 characters>.tmp`` in the
folder they belong to. Bytes are durable before they are visible: fsync of the file, rename, fsync of the folder.
A symbolic link inside the folder never leads out of it.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sycee.errors import NotFound, RemoteError
from sycee.formats.paths import path_fault
from sycee.storage.options import RemoteRequest
from sycee.storage.port import CHUNK, Backend, OnBytes, Source, Stored, Write, check_key, check_prefix, opened, pieces
from sycee.storage.sighting import Sighting
from sycee.system.atomic import TEMP_NAME, fsync_dir, replacing, sweep, temp_name, write_all
from sycee.system.pouring import pouring
from sycee.system.refusals import HINTS
from sycee.system.staging import publish, staging

OBJECT_MODE = 0o444  # as DVC: whoever edits a linked object must first notice that it is shared
TEMPORARY = "sycee/tmp"  # below the root: where what is stored together waits for its names
ABANDONED = 86_400.0  # seconds after which what nobody writes to is a leftover: DVC locks none of its temporary files
GROUP_FOLDER_MODE = 0o2775  # DVC's `shared = group`: new folders belong to the group of their parent

_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR}
_NO_HARDLINKS = {errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS}
_HINTS = {
    **HINTS,
    errno.EROFS: "the file system is mounted read-only: mount it for writing, or push to another remote",
    errno.ELOOP: "replace the symbolic link by what it points to: sycee follows none inside a remote",
}


def open_local(request: RemoteRequest) -> Backend:
    """Return a backend for a folder. Nothing is made yet.

    Raises:
        RemoteError: If the folder was there when this repository used it last, and is not.
    """
    root = Path(request.url)
    sighting = Sighting(root, request.name, request.scratch and request.scratch / "remotes")
    sighting.require()
    if root.is_dir():
        sighting.note()
    return LocalBackend(root, shared=request.options.get("shared", "").lower() == "group", sighting=sighting)


class LocalBackend:
    """Objects as files below a folder.

    Args:
        root: The folder; created by the first write. It may itself be a symbolic link.
        shared: Whether new folders get the mode of DVC's ``shared = group``.
        sighting: Whether the folder was there before; None if nobody knows.
    """

    def __init__(self, root: Path, *, shared: bool = False, sighting: Sighting | None = None) -> None:
        self._root = root
        self._shared = shared
        self._sighting = sighting or Sighting(root)
        self._swept: set[Path] = set()

    def size(self, key: str) -> int | None:
        """See :meth:`sycee.storage.port.Backend.size`."""
        with self._speaking("look at", key):
            try:
                status = os.lstat(self._place(key))
            except (FileNotFoundError, NotADirectoryError):
                return None
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def read(self, key: str, *, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See :meth:`sycee.storage.port.Backend.read`."""
        with self._speaking("read", key):
            # O_NONBLOCK: opening a pipe that somebody put there must not wait for its other end.
            fd = os.open(self._place(key), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                status = os.fstat(fd)
                if not stat.S_ISREG(status.st_mode):
                    raise IsADirectoryError(errno.EISDIR, "not a regular file")
                end = status.st_size if length is None else min(status.st_size, start + length)
                while start < end:
                    chunk = os.pread(fd, min(CHUNK, end - start), start)
                    if not chunk:
                        raise RemoteError(f"{self.describe(key)} was cut short while it was read", key=key)
                    start += len(chunk)
                    yield chunk
            finally:
                os.close(fd)

    def write(self, key: str, source: Source, size: int, *, on_bytes: OnBytes | None = None) -> None:
        """See :meth:`sycee.storage.port.Backend.write`."""
        with opened(source) as file, self._speaking("write", key):
            path = self._place(key)
            self._make_folder(path.parent)
            with replacing(path, mode=OBJECT_MODE) as fd, pouring(fd) as pour:
                for piece in pieces(file, size, CHUNK, on_bytes):
                    pour(piece)

    @contextmanager
    def batch(self) -> Iterator[Write]:
        """See :meth:`sycee.storage.port.Batching.batch`."""
        folders: dict[str, Path] = {}
        moves: list[tuple[str, str]] = []

        def place_of(key: str) -> Path:
            parent, _, name = check_key(key).rpartition("/")
            if parent not in folders:
                folder = self._inside(self._root / parent)
                self._make_folder(folder)
                folders[parent] = folder
            return folders[parent] / name

        def write(key: str, source: Source, size: int, *, on_bytes: OnBytes | None = None) -> None:
            if size > CHUNK:
                self.write(key, source, size, on_bytes=on_bytes)
                return
            with opened(source) as file, self._speaking("write", key):
                data = b"".join(pieces(file, size, CHUNK, on_bytes))
                moves.append((place.write(data, mode=OBJECT_MODE), str(place_of(key))))

        with self._speaking("write", ""):
            temporary = self._inside(self._root / TEMPORARY)
            self._make_folder(temporary)
            sweep(temporary)
            with staging(temporary) as place:
                yield write
                publish(moves)

    def write_new(self, key: str, data: bytes) -> bool:
        """See :meth:`sycee.storage.port.Backend.write_new`."""
        with self._speaking("write", key):
            path = self._place(key)
            self._make_folder(path.parent)
            temp = path.with_name(temp_name())
            try:
                with replacing(temp, mode=OBJECT_MODE) as fd:
                    write_all(fd, data)
                return _link_new(temp, path)
            finally:
                temp.unlink(missing_ok=True)

    def list(self, prefix: str = "") -> Iterator[Stored]:
        """See :meth:`sycee.storage.port.Backend.list`."""
        folder = check_prefix(prefix)
        with self._speaking("list", folder):
            place = self._inside(self._root / folder)
            # What is reached through a link is listed under its own name only: it is one object, with one name.
            if os.path.realpath(place) == str(Path(os.path.realpath(self._root)) / folder):
                yield from self._walk(place)

    def delete(self, key: str) -> None:
        """See :meth:`sycee.storage.port.Backend.delete`."""
        with self._speaking("delete", key), suppress(FileNotFoundError, NotADirectoryError):
            path = self._place(key)
            path.unlink()
            fsync_dir(path.parent)  # who deletes one object before another may rely on it after a power cut

    def describe(self, key: str = "") -> str:
        """See :meth:`sycee.storage.port.Backend.describe`."""
        return str(self._root / key)

    def close(self) -> None:
        """See :meth:`sycee.storage.port.Backend.close`."""

    def _place(self, key: str) -> Path:
        """Return where an object lies. Its last component may be a link; nobody here follows it."""
        path = self._root / check_key(key)
        self._inside(path.parent)
        return path

    def _inside(self, folder: Path) -> Path:
        """Return ``folder`` unless a symbolic link on the way leads out of the root."""
        if not Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(self._root)):
            raise OSError(errno.ELOOP, "a symbolic link leads out of the remote", str(folder))
        return folder

    def _make_folder(self, folder: Path) -> None:
        if folder not in self._swept:
            self._swept.add(folder)
            sweep(folder, older=ABANDONED)
        missing = []
        while not folder.is_dir():
            missing.append(folder)
            folder = folder.parent
        if self._root in missing:
            self._sighting.require()  # it may have gone since the remote was opened
        for new in reversed(missing):
            new.mkdir(exist_ok=True)
            if self._shared:
                new.chmod(GROUP_FOLDER_MODE)
            fsync_dir(new.parent)
        if self._root in missing:
            self._sighting.note()

    def _walk(self, folder: Path) -> Iterator[Stored]:
        try:
            entries = os.scandir(folder)
        except (FileNotFoundError, NotADirectoryError):
            return
        with entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if TEMP_NAME.fullmatch(entry.name):
                        continue
                    yield from self._walk(folder / entry.name)
                elif entry.is_file(follow_symlinks=False) and not TEMP_NAME.fullmatch(entry.name):
                    key = (folder / entry.name).relative_to(self._root).as_posix()
                    if path_fault(key) is None:  # a name that is no key belongs to somebody else
                        with suppress(FileNotFoundError):  # deleted by somebody meanwhile
                            yield Stored(key, entry.stat(follow_symlinks=False).st_size)

    @contextmanager
    def _speaking(self, verb: str, key: str) -> Iterator[None]:
        """Turn what the system says into what the port promises."""
        try:
            yield
        except OSError as error:
            if error.errno in _ABSENT and verb != "write":
                raise self._absent(key) from error
            reason = error.strerror or str(error)
            raise RemoteError(
                f"cannot {verb} {self.describe(key)}: {reason}", hint=_HINTS.get(error.errno or 0), key=key
            ) from error

    def _absent(self, key: str) -> NotFound:
        if self._root.is_dir():
            return NotFound(f"{self.describe(key)} does not exist", key=key)
        return NotFound(
            f"{self.describe(key)} does not exist: there is no folder {self._root}",
            hint="mount it if it is a share, or see `sycee remote list` for its path",
            key=key,
        )


def _link_new(temp: Path, path: Path) -> bool:
    """Give a finished file its name unless the name is taken, in one step."""
    try:
        os.link(temp, path, follow_symlinks=False)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_HARDLINKS:
            raise
        return _create_new(temp, path)
    fsync_dir(path.parent)
    return True


def _create_new(temp: Path, path: Path) -> bool:
    """Do the same where there are no hard links (exFAT, some shares): reserve the name, then rename over it."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, OBJECT_MODE))
    except FileExistsError:
        return False
    temp.replace(path)
    fsync_dir(path.parent)
    return True
