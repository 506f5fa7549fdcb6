"""Bytes that nobody can change any more: anonymous memory, sealed after it was filled and hashed in one pass.

A file that was hashed and is opened again may be another file; even one that is kept open, or mapped, shows later
writes. A sealed memfd shows none: the kernel refuses to write to it, grow it or shrink it, also through
``/proc/self/fd``. Where the system has no memfd, an unlinked private file stands in: nobody else has its name.
"""

import fcntl
import os
import tempfile
import threading
from collections.abc import Callable
from typing import BinaryIO, Self

from sycee.digest import Algorithm
from sycee.system.onepass import OnBytes, hash_fd, ignore_bytes

_SEALS = ("F_SEAL_WRITE", "F_SEAL_GROW", "F_SEAL_SHRINK", "F_SEAL_SEAL")


def path_of(fd: int) -> str:
    """Return a path that opens what a descriptor has open, for as long as it has."""
    return f"/proc/self/fd/{fd}" if os.path.isdir("/proc/self/fd") else f"/dev/fd/{fd}"  # noqa: PTH112


class SealedFile:
    """Immutable bytes with a descriptor, readable many times, gone when closed.

    Attributes:
        name: What the bytes are, for messages.
        size: Their number.
        path: A path that opens these very bytes, for libraries that insist on one; valid in this process until close.
    """

    def __init__(self, name: str, fd: int, size: int) -> None:
        self.name = name
        self.size = size
        self._fd = fd
        self._lock = threading.Lock()  # a closed descriptor's number may be another file's an instant later

    @property
    def path(self) -> str:
        """``/proc/self/fd/N`` (Linux) or ``/dev/fd/N``."""
        return path_of(self.fileno())

    def fileno(self) -> int:
        """Return the descriptor.

        Raises:
            ValueError: After close.
        """
        if self._fd < 0:
            raise ValueError(f"{self.name} is closed")
        return self._fd

    def open(self) -> BinaryIO:
        """Return a new read-only file over the bytes, with a position of its own."""
        with self._lock:
            return os.fdopen(os.open(self.path, os.O_RDONLY | os.O_CLOEXEC), "rb")

    def read(self) -> bytes:
        """Return all bytes."""
        with self.open() as file:
            return file.read()

    def close(self) -> None:
        """Give the memory back; maps of it that libraries hold stay valid."""
        with self._lock:
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def seal(name: str, source: int, algorithm: Algorithm, *, on_bytes: OnBytes = ignore_bytes) -> tuple[SealedFile, str]:
    """Copy a file from its current position into sealed memory, hashing the copied bytes in the same pass.

    Args:
        name: What it is, for messages.
        source: A descriptor open for reading.
        algorithm: The digest to make.
        on_bytes: Called with the number of bytes of each step.

    Returns:
        The sealed bytes and their digest in lower-case hexadecimal: the digest of exactly what was kept.
    """
    fd, close_writes = _anonymous(name)
    try:
        size, digest = hash_fd(source, algorithm, sink=fd, on_bytes=on_bytes)
        close_writes(fd)
    except BaseException:
        os.close(fd)
        raise
    return SealedFile(name, fd, size), digest


def _anonymous(name: str) -> tuple[int, Callable[[int], None]]:
    if hasattr(os, "memfd_create"):
        return os.memfd_create(f"sycee:{name}"[:249], os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING), _add_seals
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno()), lambda _fd: None


def _add_seals(fd: int) -> None:
    seals = 0
    for seal_name in _SEALS:
        seals |= getattr(fcntl, seal_name)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
