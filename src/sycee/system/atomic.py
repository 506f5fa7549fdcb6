"""Files that appear whole or not at all, and stay after a power cut.

Order of every write: bytes into a temporary file in the same folder, fsync, rename over the name, fsync of the folder.
A temporary file is locked while it is written. So what a killed writer left is known by its free lock: :func:`sweep`.
"""

import base64
import errno
import fcntl
import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sycee.system.refusals import naming

_NO_FSYNC = {errno.EINVAL, errno.ENOTSUP, errno.EROFS}  # file systems on which fsync has no meaning
TEMP_NAME = re.compile(r"\.[A-Za-z0-9_-]{22}\.tmp")


def temp_name() -> str:
    """Return a name for a temporary file, in the form DVC gives and its ``gc`` knows: dot, 22 characters, ``.tmp``."""
    return f".{base64.urlsafe_b64encode(os.urandom(16)).rstrip(b'=').decode()}.tmp"


def open_temp(folder: Path) -> tuple[Path, int]:
    """Make a temporary file, locked for as long as it is open.

    Returns:
        Its path and a descriptor for reading and writing.
    """
    while True:
        temp = folder / temp_name()
        try:
            fd = os.open(temp, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            error.filename = str(folder)  # nobody knows the temporary name
            raise
        hold(fd)
        if temp.exists():  # else it was swept in the instant before it was locked
            return temp, fd
        os.close(fd)


def hold(fd: int) -> None:
    """Lock a temporary file or folder until the descriptor is closed; where there are no locks nobody sweeps either."""
    with suppress(OSError):
        fcntl.flock(fd, fcntl.LOCK_EX)


def try_hold(fd: int) -> bool:
    """Lock a file until the descriptor is closed, unless somebody else holds it; tell whether it is locked."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def sweep(folder: Path, *, older: float = 0) -> None:
    """Remove what killed writers left in a folder: temporary files and folders whose lock nobody holds.

    What cannot be asked (another user's, on a file system without locks) stays.

    Args:
        folder: Where to look, not below it.
        older: Seconds since they were last written to, where writers that take no lock are at work too.
    """
    now = time.time()
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                if TEMP_NAME.fullmatch(entry.name) and now - entry.stat(follow_symlinks=False).st_mtime >= older:
                    _remove_unless_held(Path(entry.path))


def sweep_stale(folder: Path, suffix: str, *, older: float) -> None:
    """Remove files that nobody continued for long; nothing beyond a symbolic link, which a clone may contain.

    Args:
        folder: Where to look, not below it.
        suffix: What their names end with.
        older: Seconds since they were last written to.
    """
    if folder.is_symlink():
        return
    with suppress(OSError):
        for path in folder.glob(f"*{suffix}"):
            if time.time() - path.lstat().st_mtime > older:
                path.unlink(missing_ok=True)


def _remove_unless_held(temp: Path) -> None:
    if temp.is_symlink():  # made in one step, so it is never being written
        temp.unlink()
        return
    fd = os.open(temp, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            remove_tree(temp)
        else:
            temp.unlink()
    finally:
        os.close(fd)


@contextmanager
def hidden_folder(parent: Path) -> Iterator[Path]:
    """Give a hidden folder that goes when the block ends; what killed commands left beside it goes first.

    Args:
        parent: Where; made if it is not there.
    """
    parent.mkdir(parents=True, exist_ok=True)
    sweep(parent)
    folder = parent / temp_name()
    folder.mkdir(mode=0o700)
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        hold(held)
        yield folder
    finally:
        remove_tree(folder)
        os.close(held)


def default_mode() -> int:
    """Return the mode a newly created file gets from the process: ``0666 & ~umask``."""
    return 0o666 & ~_umask()


def _umask() -> int:
    # Linux tells without changing it; changing it for an instant would race with other threads.
    with suppress(OSError, ValueError, StopIteration), open("/proc/self/status") as status:  # noqa: PTH123
        return int(next(line for line in status if line.startswith("Umask:")).split()[1], 8)
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def fsync(fd: int) -> None:
    """Make a file or folder durable; silently impossible on some network and memory file systems."""
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in _NO_FSYNC:
            raise


def fsync_dir(path: Path) -> None:
    """Make the names in a folder durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fsync(fd)
    finally:
        os.close(fd)


@contextmanager
def replacing(path: Path, *, mode: int | None = None, durable: bool = True) -> Iterator[int]:
    """Give a descriptor to write; the file gets its name only if the block ends without an error.

    Args:
        path: The final name; its folder must exist. What stands there before is replaced.
        mode: Permission bits of the final file; ``0666 & ~umask`` when None.
        durable: Whether to fsync file and folder.

    Yields:
        A descriptor opened for reading and writing on the temporary file.

    Raises:
        OSError: If the file cannot be written; nothing is left behind.
    """
    temp, fd = open_temp(path.parent)
    try:
        with naming(path):
            yield fd
            os.fchmod(fd, default_mode() if mode is None else mode)
            if durable:
                fsync(fd)
        temp.replace(path)
    except BaseException:
        temp.unlink(missing_ok=True)
        raise
    finally:
        os.close(fd)
    if durable:
        fsync_dir(path.parent)


def write_file(path: Path, data: bytes, *, mode: int | None = None) -> None:
    """Write a small file whole, durably, under its final name.

    Args:
        path: The final name; its folder must exist.
        data: All bytes of the file.
        mode: Permission bits; when None those of the file that is replaced, else ``0666 & ~umask``.
    """
    if mode is None and path.is_file() and not path.is_symlink():
        mode = path.stat().st_mode & 0o777
    with replacing(path, mode=mode) as fd:
        write_all(fd, data)


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Write every byte, however short the system's single writes are."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def remove_tree(folder: Path) -> None:
    """Remove a folder of our own with all that is in it, as far as that is possible."""
    import shutil  # with its compressors a tenth of the time a small command takes to start

    shutil.rmtree(folder, ignore_errors=True)
