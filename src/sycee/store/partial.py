"""Large downloads that a later command continues.

The bytes that have arrived stay in a file whose name says of what they are a part: the object, the remote's address of
it, and the tag by which the store tells one version of it from the next. So there is no journal that could be damaged,
or disagree with the bytes. Whoever continues hashes all of them again; what does not add up is fetched anew.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from sycee.system.atomic import sweep_stale, try_hold
from sycee.system.pouring import CHUNK

if TYPE_CHECKING:
    from sycee.storage.port import Pin

STALE = 7 * 86_400.0  # seconds
_SUFFIX = ".part"


class Unfit(Exception):
    """Bytes of an earlier command and those that followed are not the object together."""


@dataclass(slots=True)
class Partial:
    """An object of which some bytes may be here.

    Attributes:
        path: Of the file.
        fd: For reading and writing; stands behind the bytes that are here.
        start: How many those are; whole buffers of the hashing pass.
        twin: A descriptor that gets every byte too, if they all arrive now; or None.
    """

    path: Path
    fd: int
    start: int
    twin: int | None = None

    def begun(self) -> Iterator[bytes]:
        """Yield the bytes that are here, through a descriptor of their own."""
        with self.path.open("rb", buffering=0) as file:
            for _ in range(0, self.start, CHUNK):
                yield file.read(CHUNK)

    def clear(self) -> None:
        """Begin anew."""
        os.ftruncate(self.fd, 0)
        os.lseek(self.fd, 0, os.SEEK_SET)
        self.start = 0


@contextmanager
def partial_of(folder: Path, oid: str, place: str, pin: "Pin") -> Iterator[Partial | None]:
    """Give the file for a download, locked; None if another process is at it, or it is not ours to write.

    It stays if the block ends with an error, unless that is the system's: a full disk must not stay full.

    Args:
        folder: Where such files are; it exists.
        oid: Id of the object.
        place: Address of the object on its remote.
        pin: Which version of it.
    """
    identity = sha256(json.dumps([place, pin.tag, pin.size]).encode()).hexdigest()[:32]
    path = folder / f"{oid}-{identity}{_SUFFIX}"
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError:  # in a shared cache, what another user's command left
        yield None
        return
    try:
        if not (try_hold(fd) and _is(path, fd)):
            yield None
            return
        start = min(os.fstat(fd).st_size, pin.size) // CHUNK * CHUNK
        os.ftruncate(fd, start)
        os.lseek(fd, start, os.SEEK_SET)
        try:
            yield Partial(path, fd, start)
        except OSError:
            path.unlink(missing_ok=True)
            raise
        path.unlink(missing_ok=True)  # it was not needed: somebody else stored the object meanwhile
    finally:
        os.close(fd)


def sweep_partials(folder: Path) -> None:
    """Remove what nobody continued for a week."""
    sweep_stale(folder, _SUFFIX, older=STALE)


def _is(path: Path, fd: int) -> bool:
    """Tell whether a name still belongs to an open file, which its last holder may have renamed."""
    with suppress(OSError):
        return os.path.samestat(path.lstat(), os.fstat(fd))
    return False
