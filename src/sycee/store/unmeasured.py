"""How much is taken of an object whose size no pointer tells, as of a folder's files without folder sums.

A store may send without end. So its own word binds it, where it gives one before it sends; and whatever it says, some
of the disk stays free. What is small is not asked about.
"""

import shutil
from collections.abc import Generator, Iterable, Iterator
from itertools import chain
from pathlib import Path

from sycee.errors import RemoteError, SyceeError
from sycee.storage.port import MAX_CHUNK, Pinning
from sycee.store.objects import Remote, Wanted

RESERVE = 256 << 20  # bytes that stay free, or a twentieth of the file system if that is less
LOOKS = 16  # how often the disk is looked at while so much comes: several objects come at once


def believed(
    remote: Remote, item: Wanted, chunks: Iterator[bytes], folder: Path, begun: Iterable[bytes] = ()
) -> Iterator[bytes]:
    """Yield the bytes of an object, as long as they can be it.

    Args:
        remote: From where they come.
        item: What they should be. If its size is known, whoever stores it stops in time, and nothing is done here.
        chunks: What comes; closed at the end.
        folder: On the file system where they go.
        begun: What came before.

    Raises:
        RemoteError: If more comes than the store itself said.
        SyceeError: If the disk would be filled.
    """
    whole = chain(begun, chunks)
    is_bound = item.expected.size is not None or item.expected.at_most is not None
    try:
        yield from whole if is_bound else _bounded(remote, item, whole, folder)
    finally:
        if isinstance(chunks, Generator):
            chunks.close()


def _bounded(remote: Remote, item: Wanted, chunks: Iterator[bytes], folder: Path) -> Iterator[bytes]:
    total, due, announced = 0, MAX_CHUNK, None
    for chunk in chunks:
        total += len(chunk)
        if total > due:
            announced = announced or _announced(remote, item)
            due = total + _require_room(item, total, announced, folder) // LOOKS
        if announced is not None and total > announced:
            raise RemoteError(
                f"remote {remote.name!r} sends more than the {announced} bytes that it says object {item.oid} has",
                hint="ask whoever runs it; nothing of the object was kept",
            )
        yield chunk


def _announced(remote: Remote, item: Wanted) -> int | None:
    """Return the size that a store gives an object; None for those whose answer itself says where it ends."""
    return remote.backend.pin(item.key).size if isinstance(remote.backend, Pinning) else None


def _require_room(item: Wanted, total: int, announced: int | None, folder: Path) -> int:
    """Refuse what would fill a disk; return how much of it is to stay free."""
    disk = shutil.disk_usage(folder)
    reserve = min(RESERVE, disk.total // 20)
    coming = max(0, (announced or 0) - total)
    if disk.free - coming < reserve:
        size = "no pointer tells how long it is" if announced is None else f"it is {announced} bytes long"
        raise SyceeError(
            f"object {item.oid} would fill the disk of {folder}: {size}, {total} bytes came, {disk.free} are free, "
            f"and {reserve} of these are kept",
            hint="free some space there, or ask whoever runs the remote whether it is as long; nothing of it was kept",
        )
    return reserve
