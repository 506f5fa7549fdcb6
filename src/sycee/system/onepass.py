"""All digests of a file, and a copy of it, from one read pass.

md5 has no parallel form for one stream and is the slowest of the three by far, so it sets the pace: it gets a thread
of its own, while the reading thread does sha256 and blake3. The copy is written by a third thread, past the page cache
where the file system allows it (``O_DIRECT``): the disk then works beside the processor, and nothing is left for the
final fsync. On two cores the whole costs little more than md5 alone. Buffers rotate through the stages, so memory stays
at ``BUFFERS * CHUNK`` whatever the size of the file.

Where one digest is enough (to verify, to load) reading, hashing and copying have a thread each.
"""

import mmap
import os
import queue
import stat
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from sycee.digest import LEGACY_BLOCK, Algorithm, FileDigests, Hasher, digest_bytes, hasher, legacy_md5
from sycee.errors import Conflict, NotFound
from sycee.system.atomic import write_all
from sycee.system.pouring import CHUNK, DirectWriter, SpareWriter, Stage

BUFFERS = 6
LARGE = 8 << 20  # bytes; of a file that is worth threads of its own
PIECE = 1 << 20  # bytes that one digest is made of at a time: still in the processor's cache when they are copied

OnBytes = Callable[[int], None]


def ignore_bytes(_count: int) -> None:
    """Listen to no progress."""


def open_regular(path: Path) -> int:
    """Open a regular file for reading; never a symlink, pipe or device.

    Raises:
        NotFound: If it is absent.
        Conflict: If it is something else than a regular file.
    """
    return _opened(path)[0]


def _opened(path: str | Path) -> tuple[int, os.stat_result]:
    """Return a descriptor as :func:`open_regular` does, and what it is of."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise NotFound(f"{path} does not exist", path=str(path)) from None
    except OSError as error:
        if Path(path).is_symlink():
            hint = "look where it leads; then put a file in its place, or nothing"
            raise Conflict(
                f"{path} is a symbolic link, where a regular file is needed", hint=hint, path=str(path)
            ) from None
        raise Conflict(f"{path} cannot be read: {error.strerror}", path=str(path)) from error
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        os.close(fd)
        raise Conflict(f"{path} is not a regular file", path=str(path))
    return fd, status


def digest_stream(
    fill: Callable[[memoryview], int],
    *,
    sink: int | None = None,
    twin: int | None = None,
    skip: int = 0,
    on_bytes: OnBytes = ignore_bytes,
) -> FileDigests:
    """Digest what ``fill`` delivers, and copy it on the way.

    Args:
        fill: Puts the next bytes into the buffer and returns how many; 0 at the end.
        sink: A descriptor to write every byte to.
        twin: Another one, which others can do without: where it cannot be written to, it is empty at the end.
        skip: So many bytes are there already and not written again; a multiple of ``CHUNK``.
        on_bytes: Called with the number of bytes of each step.

    Returns:
        Size, md5, sha256 and blake3 of all bytes.
    """
    buffer = mmap.mmap(-1, CHUNK)
    length = _fill_up(fill, buffer)
    writers = [] if sink is None else [DirectWriter(sink, skip)]
    writers += [] if twin is None else [SpareWriter(twin, skip)]
    if length == CHUNK:
        return _digest_long(fill, buffer, writers, on_bytes)
    with memoryview(buffer) as view, view[:length] as small:  # not worth a thread
        for writer in writers:
            writer.write(small)
        on_bytes(length)
        return digest_bytes(small)


def _digest_long(
    fill: Callable[[memoryview], int], buffer: mmap.mmap, writers: Sequence[DirectWriter], on_bytes: OnBytes
) -> FileDigests:
    free: queue.SimpleQueue[mmap.mmap] = queue.SimpleQueue()
    for _ in range(BUFFERS - 1):
        free.put(mmap.mmap(-1, CHUNK))
    address, hashers = hasher("md5"), (hasher("sha256"), hasher("blake3"))
    stages = [Stage("md5", address.update, lambda piece: free.put(piece[0]))]
    for writer in writers:
        stages.append(Stage("write", writer.write, stages[-1].put))
    size, length = 0, CHUNK
    try:
        while length and not any(stage.failed() for stage in stages):
            stages[-1].put((buffer, length))
            _update(hashers, buffer, length)  # the buffer comes back to us only when we ask for a free one
            size += length
            on_bytes(length)
            buffer = free.get()
            length = _fill_up(fill, buffer)
    finally:
        for stage in reversed(stages):
            stage.join()
    for stage in stages:
        stage.raise_failure()
    return FileDigests(size, address.hexdigest(), *(one.hexdigest() for one in hashers))


def _update(hashers: Iterable[Hasher], buffer: mmap.mmap, length: int) -> None:
    with memoryview(buffer) as view, view[:length] as part:
        for one in hashers:
            one.update(part)


def _fill_up(fill: Callable[[memoryview], int], buffer: mmap.mmap) -> int:
    length = 0
    with memoryview(buffer) as view:
        while length < len(view):
            with view[length:] as rest:
                count = fill(rest)
            if not count:
                break
            length += count
    return length


def digest_fd(fd: int, *, sink: int | None = None, on_bytes: OnBytes = ignore_bytes) -> FileDigests:
    """Digest a file from its current position, optionally copying it; see :func:`digest_stream`."""
    return digest_stream(lambda view: os.readv(fd, [view]), sink=sink, on_bytes=on_bytes)


def digest_file(path: Path, *, on_bytes: OnBytes = ignore_bytes) -> FileDigests:
    """Return all digests of a regular file from one read pass.

    Raises:
        NotFound: If it is absent.
        Conflict: If it is not a regular file, or changed while it was read.
    """
    fd, before = _opened(path)
    try:
        digests = digest_fd(fd, on_bytes=on_bytes)
        require_unchanged(path, before, os.fstat(fd))
    finally:
        os.close(fd)
    return digests


def read_regular(path: str | Path) -> tuple[bytes, os.stat_result]:
    """Return the bytes of a small regular file, and its status after they were read.

    Raises:
        NotFound: If it is absent.
        Conflict: If it is not a regular file, or changed while it was read.
    """
    fd, before = _opened(path)
    try:
        data = _read_whole(fd, before.st_size)
        after = os.fstat(fd)
    except OSError as error:
        error.filename = str(path)
        raise
    finally:
        os.close(fd)
    require_unchanged(path, before, after)
    if len(data) != after.st_size:
        raise changed(path)
    return data, after


def _read_whole(fd: int, size: int) -> bytes:
    """Return the bytes of a file that had this size, and one more if it has grown."""
    data = os.read(fd, size + 1)
    while len(data) < size and (more := os.read(fd, size + 1 - len(data))):  # on some file systems it may be less
        data += more
    return data


def read_at(fd: int, begin: int, size: int) -> bytes:
    """Return so many bytes of a file from a place on, fewer if it ends before; its position stays as it is."""
    data = bytearray()
    while len(data) < size and (more := os.pread(fd, size - len(data), begin + len(data))):
        data += more
    return bytes(data)


def require_unchanged(path: str | Path, before: os.stat_result, after: os.stat_result) -> None:
    """Refuse digests of a file that somebody wrote to meanwhile.

    Raises:
        Conflict: If size or times differ between the two looks.
    """
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise changed(path)


def changed(path: str | Path) -> Conflict:
    """Return the error that somebody wrote to a file while it was read."""
    return Conflict(f"{path} changed while it was read", hint="wait until it is written, and repeat the command")


def digest_chunks(
    chunks: Iterable[bytes],
    *,
    sink: int | None = None,
    twin: int | None = None,
    skip: int = 0,
    on_bytes: OnBytes = ignore_bytes,
) -> FileDigests:
    """Digest a stream of byte strings, optionally copying it; see :func:`digest_stream`."""
    return digest_stream(_filler(iter(chunks)), sink=sink, twin=twin, skip=skip, on_bytes=on_bytes)


def _filler(chunks: Iterator[bytes]) -> Callable[[memoryview], int]:
    rest = memoryview(b"")

    def fill(view: memoryview) -> int:
        nonlocal rest
        while not rest:
            if (chunk := next(chunks, None)) is None:
                return 0
            rest = memoryview(chunk)
        length = min(len(view), len(rest))
        view[:length] = rest[:length]
        rest = rest[length:]
        return length

    return fill


def legacy_md5_fd(fd: int) -> str:
    """Return :func:`sycee.digest.legacy_md5` of a whole file, leaving its position alone."""
    size = os.fstat(fd).st_size
    return legacy_md5(os.pread(fd, LEGACY_BLOCK, offset) for offset in range(0, size, LEGACY_BLOCK))


def legacy_md5_file(path: Path) -> str:
    """Return the md5 of DVC before 3.0 of a regular file."""
    fd = open_regular(path)
    try:
        return legacy_md5_fd(fd)
    finally:
        os.close(fd)


def hash_fd(
    fd: int, algorithm: Algorithm, *, sink: int | None = None, on_bytes: OnBytes = ignore_bytes
) -> tuple[int, str]:
    """Hash a file by one algorithm from its current position, optionally copying it in the same pass.

    What is hashed and what is written are the same bytes of the same buffer, whatever happens to the file meanwhile.

    Returns:
        The number of bytes and their digest in lower-case hexadecimal.
    """
    left = os.fstat(fd).st_size
    return _hash(lambda view: os.readv(fd, [view]), left, algorithm, sink, on_bytes)


def cores() -> int:
    """Return how many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def hash_range(fd: int, begin: int, end: int, *, sink: int | None = None, algorithm: Algorithm = "blake3") -> str:
    """Hash a part of a file, optionally copying it in the same pass; its position stays as it is.

    Args:
        fd: The file.
        begin: The first byte.
        end: The first byte behind it; a file that ends before has another digest.
        sink: A descriptor to write these bytes to.
        algorithm: The digest to make.

    Returns:
        The digest of the bytes that were read, in lower-case hexadecimal.
    """
    at = begin

    def fill(view: memoryview) -> int:
        nonlocal at
        with view[: end - at] as wanted:
            count = os.preadv(fd, [wanted], at) if wanted else 0
        at += count
        return count

    return _hash(fill, end - begin, algorithm, sink, ignore_bytes)[1]


def hash_shards(
    fd: int, algorithm: Algorithm, shard_size: int, *, on_bytes: OnBytes = ignore_bytes
) -> Iterator[tuple[int, int, str]]:
    """Hash a file in runs of ``shard_size`` bytes, the last one shorter; nothing for an empty file.

    Yields:
        Offset of the first byte, offset behind the last, and the digest in lower-case hexadecimal.
    """
    size = os.fstat(fd).st_size
    for begin in range(0, size, shard_size):
        end = min(begin + shard_size, size)
        yield begin, end, hash_range(fd, begin, end, algorithm=algorithm)
        on_bytes(end - begin)


def _hash(
    fill: Callable[[memoryview], int], size: int, algorithm: Algorithm, sink: int | None, on_bytes: OnBytes
) -> tuple[int, str]:
    """Hash what ``fill`` delivers, some ``size`` bytes: with threads if they are many."""
    large = size >= LARGE
    one = hasher(algorithm, threads=max(1, cores() - 1) if large else 1)  # one core is left to copy
    works: list[Callable[[memoryview], object]] = [] if sink is None else [partial(write_all, sink)]
    works.append(one.update)
    count = (_through if large else _alone)(fill, works, on_bytes)
    return count, one.hexdigest()


_own = threading.local()


def _own_buffer() -> mmap.mmap:
    """Return this thread's buffer for one piece, the same for every file: fresh memory costs as much as reading.

    It is private, so a forked process has one of its own.
    """
    if not hasattr(_own, "buffer"):
        _own.buffer = mmap.mmap(-1, PIECE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    buffer: mmap.mmap = _own.buffer
    return buffer


def _alone(
    fill: Callable[[memoryview], int], works: Sequence[Callable[[memoryview], object]], on_bytes: OnBytes
) -> int:
    """Read to the end and do these works to every piece; return the number of bytes."""
    size, buffer = 0, _own_buffer()
    while length := _fill_up(fill, buffer):
        part = memoryview(buffer)[:length]
        for work in works:
            work(part)
        size += length
        on_bytes(length)
    return size


def _through(
    fill: Callable[[memoryview], int], works: Sequence[Callable[[memoryview], object]], on_bytes: OnBytes
) -> int:
    """Do the same while threads of their own do the works, the last one first."""
    free: queue.SimpleQueue[mmap.mmap] = queue.SimpleQueue()
    for _ in range(BUFFERS):
        free.put(mmap.mmap(-1, PIECE))
    stages: list[Stage] = []
    for work in works:
        stages.append(Stage("digest", work, stages[-1].put if stages else lambda piece: free.put(piece[0])))
    size = 0
    try:
        while not any(stage.failed() for stage in stages):
            buffer = free.get()
            if not (length := _fill_up(fill, buffer)):
                break
            stages[-1].put((buffer, length))
            size += length
            on_bytes(length)
    finally:
        for stage in reversed(stages):
            stage.join()
    for stage in stages:
        stage.raise_failure()
    return size
