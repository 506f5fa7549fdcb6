"""How much memory is left here, and whether a file can change at all: what decides how its bytes are held."""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_GET_FLAGS = 0x80086601  # FS_IOC_GETFLAGS of linux/fs.h
_VERITY = 0x00100000  # FS_VERITY_FL: the file can be deleted, never written; each page is checked when it is read

# File systems that have no way to write. A read-only mount of another one may be written through another mount.
_WRITTEN_ONCE = {"squashfs", "erofs", "iso9660", "cramfs", "romfs"}


def available(root: Path = Path("/")) -> int | None:
    """Return how many bytes of memory can still be used here: of the machine, and of every control group around.

    Args:
        root: The root of ``proc`` and ``sys``.

    Returns:
        The least of all; None where the system does not tell.
    """
    with suppress(OSError, ValueError, IndexError):
        text = (root / "proc/meminfo").read_text()
        machine = int(text.split("MemAvailable:")[1].split()[0]) << 10
        return min((machine, *_of_groups(root)))
    return None


def _of_groups(root: Path) -> Iterator[int]:
    """Yield what is left of the limit of each control group (version 2) that this process is in."""
    top = root / "sys/fs/cgroup"
    with suppress(OSError):
        lines = (root / "proc/self/cgroup").read_text().splitlines()
        place = next((top / line[3:].lstrip("/") for line in lines if line.startswith("0::")), top)
        for group in (place, *place.parents):
            if group.is_relative_to(top) and (left := _left(group)) is not None:
                yield left


def _left(group: Path) -> int | None:
    try:
        limit, used = int((group / "memory.max").read_text()), int((group / "memory.current").read_text())
        cached = int((group / "memory.stat").read_text().split("inactive_file ")[1].split()[0])
    except (OSError, ValueError, IndexError):  # "max", or no such control
        return None
    return max(0, limit - used + cached)


def is_immutable(fd: int, mounts: Path = Path("/proc/self/mountinfo")) -> bool:
    """Tell whether nobody at all can change the bytes of an open file.

    Args:
        fd: The file.
        mounts: What lists the mounted file systems.
    """
    with suppress(OSError):  # most file systems do not know the question
        flags = fcntl.ioctl(fd, _GET_FLAGS, bytes(8))
        if int.from_bytes(flags, "little") & _VERITY:
            return True
    with suppress(OSError, IndexError):
        device = os.fstat(fd).st_dev
        wanted = f"{os.major(device)}:{os.minor(device)}"
        lines = [line.split() for line in mounts.read_text().splitlines()]
        return any(line[2] == wanted and line[line.index("-") + 1] in _WRITTEN_ONCE for line in lines)
    return False


def exposure(fd: int, folder: Path) -> str | None:
    """Say by what way somebody else could write to an open file, or None.

    Args:
        fd: The file.
        folder: The folder it is in.
    """
    status = os.fstat(fd)
    if status.st_nlink > 1:
        return f"it has {status.st_nlink} names (hard links), and a write by any of them changes it"
    for what, one in (("it", status), ("its folder", folder.stat())):
        if one.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return f"others may write to {what}"
        if one.st_uid not in {0, os.geteuid()}:
            return f"{what} belongs to another user"
    return None
