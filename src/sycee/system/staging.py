"""Many small files that become durable together.

The order is that of every write (see ``atomic``), taken once for all of them: bytes into temporary files in one locked
folder, one flush of the file system, renames, one fsync of each touched folder. Ten thousand files so need some
hundred flushes instead of twenty thousand.
"""

import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sycee.system.atomic import fsync, fsync_dir, hold, remove_tree, temp_name, write_all

FEW = 64  # fewer files are flushed one by one: others may have written much to the same file system

Finish = Callable[[int], None]


@dataclass(slots=True)
class Staging:
    """Files that wait for their names. :meth:`write` may be called from several threads.

    Attributes:
        folder: Where they wait; on the file system of their final places.
    """

    folder: Path
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def write(self, data: bytes, *, mode: int, finish: Finish | None = None) -> str:
        """Write a file and return its temporary path; as text, like all paths here, for they are many.

        Args:
            data: All of its bytes.
            mode: Permission bits.
            finish: Called with the descriptor before it is closed.
        """
        temp = f"{self.folder}/{next(self._numbers)}"
        fd = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            write_all(fd, data)
            os.fchmod(fd, mode)
            if finish:
                finish(fd)
        finally:
            os.close(fd)
        return temp


def publish(moves: Sequence[tuple[str, str]]) -> None:
    """Give files their names, durably.

    Args:
        moves: Temporary path and final path of each, whose folder exists. What stands there is replaced.
    """
    if not moves:
        return
    _flush([temp for temp, _ in moves])
    for temp, path in moves:
        os.replace(temp, path)  # noqa: PTH105 - as everywhere here, no object is made for a path
    folders = {os.path.dirname(path) for _, path in moves}  # noqa: PTH120
    if not (len(folders) >= FEW and flush_file_system(min(folders))):
        for folder in folders:
            fsync_dir(Path(folder))


def _flush(files: Sequence[str]) -> None:
    if len(files) >= FEW and flush_file_system(os.path.dirname(files[0])):  # noqa: PTH120
        return
    for file in files:
        fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fsync(fd)
        finally:
            os.close(fd)


@contextmanager
def staging(folder: Path) -> Iterator[Staging]:
    """Give a place to stage files; what has no name when the block ends is removed.

    Args:
        folder: In which the place is made. After a kill, ``sweep`` of it removes what was left.
    """
    place, fd = _locked_folder(folder)
    try:
        yield Staging(place)
    finally:
        os.close(fd)
        remove_tree(place)


def _locked_folder(parent: Path) -> tuple[Path, int]:
    while True:
        place = parent / temp_name()
        place.mkdir(mode=0o700)
        fd = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        hold(fd)
        if place.exists():  # else it was swept in the instant before it was locked
            return place, fd
        os.close(fd)


def flush_file_system(folder: str | Path) -> bool:
    """Make everything durable that was written to a file system; tell whether this system can.

    Raises:
        OSError: If something could not be written.
    """
    import ctypes

    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None:
        return False
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if syncfs(fd) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(folder))
    finally:
        os.close(fd)
    return True
