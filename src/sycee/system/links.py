"""Four ways to make one file out of another: reflink, hardlink, symlink, copy.

The names are those of DVC's ``cache.type``. A new way is one more function in the table ``WAYS``.
"""

import errno
import fcntl
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from sycee.errors import SyceeError
from sycee.system.atomic import temp_name, write_all
from sycee.system.onepass import OnBytes, ignore_bytes, open_regular
from sycee.system.pouring import CHUNK
from sycee.system.refusals import naming

_FICLONE = 0x40049409  # from linux/fs.h; the same on every architecture Python supports
_NOT_HERE = {errno.EOPNOTSUPP, errno.ENOTTY, errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EPERM, errno.EMLINK}
_CANNOT_COPY_IN_KERNEL = {errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM}


class Prepared(NamedTuple):
    """A file that is complete under a temporary name, and needs only a rename.

    Attributes:
        temp: Its present path.
        way: How it was made, a name from ``WAYS``.
    """

    temp: Path
    way: str


def prepare(source: Path, folder: Path, ways: Sequence[str], *, on_bytes: OnBytes = ignore_bytes) -> Prepared:
    """Make a file with the content of ``source`` by the first way that works here, under a temporary name.

    Args:
        source: An object in the cache.
        folder: Where to make it; on the file system it is to be renamed on.
        ways: Names from ``WAYS``, the preferred first.
        on_bytes: Called with bytes copied.

    Raises:
        SyceeError: If none works.
    """
    temp = folder / temp_name()
    for way in ways:
        try:
            WAYS[way](source, temp, on_bytes)
        except OSError as error:
            temp.unlink(missing_ok=True)
            if error.errno not in _NOT_HERE:
                raise
        except BaseException:
            temp.unlink(missing_ok=True)
            raise
        else:
            return Prepared(temp, way)
    raise SyceeError(
        f"no link type of {', '.join(ways)} works between {source.parent} and {folder}",
        hint="add copy to the list: sycee config cache.type reflink,copy",
    )


def first_way(source: Path, folder: Path, ways: Sequence[str]) -> str | None:
    """Return the way in which :func:`prepare` would make a file; None if none works.

    Args:
        source: A file that is not empty, where objects are.
        folder: Where it would be made.
        ways: Names from ``WAYS``, the preferred first.
    """
    with suppress(OSError, SyceeError):
        prepared = prepare(source, folder, ways)
        prepared.temp.unlink()
        return prepared.way
    return None


def link(source: Path, target: Path, ways: Sequence[str], *, on_bytes: OnBytes = ignore_bytes) -> str:
    """Make ``target`` have the content of ``source``; it appears whole, replacing what is there.

    Args:
        source: An object in the cache.
        target: The file in the workspace; its folder must exist.
        ways: Names from ``WAYS``, the preferred first.
        on_bytes: Called with bytes copied.

    Returns:
        The way that was used.

    Raises:
        SyceeError: If none works.
    """
    prepared = prepare(source, target.parent, ways, on_bytes=on_bytes)
    try:
        prepared.temp.replace(target)
    finally:
        prepared.temp.unlink(missing_ok=True)  # also after a rename between two links to one inode, which does nothing
    return prepared.way


def _reflink(source: Path, target: Path, on_bytes: OnBytes) -> None:
    _fill(source, target, lambda out, into: fcntl.ioctl(into, _FICLONE, out))
    on_bytes(target.stat().st_size)


def _hardlink(source: Path, target: Path, on_bytes: OnBytes) -> None:
    if source.stat().st_size == 0:  # as DVC: all empty files of a workspace would become one inode
        _copy(source, target, on_bytes)
        return
    os.link(source, target, follow_symlinks=False)
    on_bytes(target.stat().st_size)


def _symlink(source: Path, target: Path, on_bytes: OnBytes) -> None:
    target.symlink_to(source.absolute())
    on_bytes(source.stat().st_size)


def _copy(source: Path, target: Path, on_bytes: OnBytes) -> None:
    _fill(source, target, lambda out, into: _copy_bytes(out, into, on_bytes))


def _fill(source: Path, target: Path, copy: Callable[[int, int], object]) -> None:
    out = open_regular(source)
    try:
        into = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            with naming(target.parent):
                copy(out, into)
        finally:
            os.close(into)
    finally:
        os.close(out)


def _copy_bytes(out: int, into: int, on_bytes: OnBytes) -> None:
    while (count := _copy_some(out, into)) > 0:
        on_bytes(count)


def _copy_some(out: int, into: int) -> int:
    if hasattr(os, "copy_file_range"):
        try:
            return os.copy_file_range(out, into, 64 * CHUNK)
        except OSError as error:
            if error.errno not in _CANNOT_COPY_IN_KERNEL:
                raise
    data = os.read(out, CHUNK)
    write_all(into, data)
    return len(data)


WAYS: dict[str, Callable[[Path, Path, OnBytes], None]] = {
    "reflink": _reflink,
    "hardlink": _hardlink,
    "symlink": _symlink,
    "copy": _copy,
}
SHARED_INODE = frozenset({"hardlink", "symlink"})  # ways whose file is the object itself, with its mode 0444
DEFAULT_WAYS = ("reflink", "copy")
