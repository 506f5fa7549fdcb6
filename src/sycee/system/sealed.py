"""Bytes that are held while others may write to the file they came from: in memory, on disk, or only watched.

A file that was hashed and is opened again may be another file; even one that is kept open, or mapped, shows later
writes. So its bytes are copied while they are hashed:

* :func:`seal` copies into anonymous memory that is sealed afterwards: the kernel refuses to write to it, grow it or
  shrink it, also through ``/proc/self/fd``.
* :func:`copy_aside` copies to a file of mode 0400 in a new folder of mode 0700, which loses its name at once: nobody
  else can open it, and it is gone when the process ends, however it ends.
* :func:`watch` copies nothing. It holds a descriptor, and tells by a later look when somebody wrote: an alarm, no wall.
"""

import fcntl
import os
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Self

from sycee.digest import Algorithm
from sycee.errors import DigestMismatch
from sycee.system.atomic import write_all
from sycee.system.onepass import OnBytes, hash_fd, hash_range, ignore_bytes
from sycee.system.refusals import FULL, naming

_SEALS = ("F_SEAL_WRITE", "F_SEAL_GROW", "F_SEAL_SHRINK", "F_SEAL_SEAL")
_COPY = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ_ONLY = 0o400
_MAX_LABEL = 249  # bytes of the name of a memfd, which only /proc shows


def path_of(fd: int) -> str:
    """Return a path that opens what a descriptor has open, for as long as it has."""
    return f"/proc/self/fd/{fd}" if os.path.isdir("/proc/self/fd") else f"/dev/fd/{fd}"  # noqa: PTH112


def can_seal() -> bool:
    """Tell whether this system has memory that can be sealed."""
    return hasattr(os, "memfd_create")


class SealedFile:
    """Bytes with a descriptor, readable many times, gone when closed.

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
            data = file.read()
        self.require_unchanged()
        return data

    @contextmanager
    def steady(self) -> Iterator["SealedFile"]:
        """Give bytes that nobody can change, and that may be mapped: these, or a copy that was compared again."""
        yield self

    def require_unchanged(self) -> None:
        """Look whether the bytes are still those that were hashed; to be called after they were used.

        Raises:
            DigestMismatch: If they are not, which only happens to a watched file.
        """

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


class WatchedFile(SealedFile):
    """A descriptor of the file itself, which tells when somebody wrote to it, or moved it, since it was hashed.

    Attributes:
        fixed: Whether the file system lets nobody change the bytes.
    """

    def __init__(self, name: str, fd: int, before: os.stat_result, *, fixed: bool) -> None:
        super().__init__(name, fd, before.st_size)
        self.fixed = fixed
        self._before = _mark(before)
        self._digest: tuple[Algorithm, str] = ("blake3", "")

    def hash(self, source: int, algorithm: Algorithm, on_bytes: OnBytes) -> str:
        """Hash the file, and remember its digest.

        Args:
            source: A descriptor of it, at its start.
            algorithm: The digest to make.
            on_bytes: Called with the number of bytes of each step.

        Raises:
            DigestMismatch: If somebody wrote to it meanwhile.
        """
        self._digest = (algorithm, hash_fd(source, algorithm, on_bytes=on_bytes)[1])
        self.require_unchanged()
        return self._digest[1]

    @contextmanager
    def steady(self) -> Iterator[SealedFile]:
        """See :meth:`SealedFile.steady`: a map of a file that others can cut short ends the process."""
        if self.fixed:
            yield self
            return
        algorithm, expected = self._digest
        with self.open() as file:
            copy, found = hold(self.name, file.fileno(), algorithm)
        with copy:
            if found != expected:
                raise self._changed()
            yield copy

    def open(self) -> BinaryIO:
        """Return a new read-only file over the bytes; see :meth:`require_unchanged`."""
        self.require_unchanged()
        return super().open()

    def require_unchanged(self) -> None:
        """See :meth:`SealedFile.require_unchanged`: compares inode, size and times."""
        with self._lock:
            now = _mark(os.fstat(self.fileno()))
        if now != self._before:
            raise self._changed()

    def _changed(self) -> DigestMismatch:
        return DigestMismatch(
            f"{self.name} was written to, or moved, after it was verified",
            hint="use nothing that was loaded from it; restore the signed version, and load with mode='auto'",
            path=self.name,
        )


def _mark(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


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
    fd = _memory(name)
    try:
        size, digest = hash_fd(source, algorithm, sink=fd, on_bytes=on_bytes)
        _add_seals(fd)
    except BaseException:
        os.close(fd)
        raise
    return SealedFile(name, fd, size), digest


def hold(name: str, source: int, algorithm: Algorithm) -> tuple[SealedFile, str]:
    """Copy a file as :func:`seal` does; to the disk where memory cannot be sealed."""
    if can_seal():
        return seal(name, source, algorithm)
    return copy_aside(name, source, algorithm, place=Path(tempfile.gettempdir()))


def seal_parts(name: str, source: int, head: bytes, ranges: Iterable[tuple[int, int]]) -> tuple[SealedFile, list[str]]:
    """Put a few parts of a file behind a new beginning, in sealed memory, hashing each part in the same pass.

    Args:
        name: What it is, for messages.
        source: A descriptor open for reading.
        head: The new beginning.
        ranges: First byte, and first byte behind, of each part.

    Returns:
        The sealed bytes, and the blake3 of each part in lower-case hexadecimal.
    """
    fd = _memory(name)
    try:
        write_all(fd, head)
        digests = [hash_range(source, begin, end, sink=fd) for begin, end in ranges]
        _add_seals(fd)
    except BaseException:
        os.close(fd)
        raise
    return SealedFile(name, fd, os.fstat(fd).st_size), digests


def _memory(name: str) -> int:
    label = os.fsdecode(os.fsencode(f"sycee:{name}")[:_MAX_LABEL])
    return os.memfd_create(label, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)


def _add_seals(fd: int) -> None:
    seals = 0
    for seal_name in _SEALS:
        seals |= getattr(fcntl, seal_name)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)


def copy_aside(
    name: str, source: int, algorithm: Algorithm, *, place: Path, on_bytes: OnBytes = ignore_bytes
) -> tuple[SealedFile, str]:
    """Copy a file from its current position to a private file without a name, hashing the copied bytes.

    Args:
        name: What it is, for messages.
        source: A descriptor open for reading.
        algorithm: The digest to make.
        place: The folder on whose file system the copy lies.
        on_bytes: Called with the number of bytes of each step.

    Returns:
        The copy, and its digest in lower-case hexadecimal.

    Raises:
        OSError: If it cannot be written.
    """
    writer, reader = _nameless(place)
    try:
        with naming(place, only=FULL):
            size, digest = hash_fd(source, algorithm, sink=writer, on_bytes=on_bytes)
    except BaseException:
        os.close(reader)
        raise
    finally:
        os.close(writer)
    return SealedFile(name, reader, size), digest


def _nameless(place: Path) -> tuple[int, int]:
    """Return descriptors to write and to read a new file that has no name any more."""
    folder = Path(tempfile.mkdtemp(prefix="sycee-", dir=place))  # of mode 0700
    path = folder / "copy"
    try:
        writer = os.open(path, _COPY, _READ_ONLY)
        try:
            return writer, os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except BaseException:
            os.close(writer)
            raise
        finally:
            path.unlink()
    finally:
        folder.rmdir()


def watch(
    name: str, source: int, algorithm: Algorithm, *, fixed: bool, on_bytes: OnBytes = ignore_bytes
) -> tuple[WatchedFile, str]:
    """Hash a file where it is, and hold a descriptor of it.

    Args:
        name: What it is, for messages.
        source: A descriptor open for reading, at its start.
        algorithm: The digest to make.
        fixed: Whether the file system lets nobody change it.
        on_bytes: Called with the number of bytes of each step.
    """
    held = WatchedFile(name, os.dup(source), os.fstat(source), fixed=fixed)
    try:
        digest = held.hash(source, algorithm, on_bytes)
    except BaseException:
        held.close()
        raise
    return held, digest
