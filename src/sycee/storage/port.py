"""The port every store of bytes sits behind: eight methods, written down once, tested once for all backends.

A backend keeps *objects*: sequences of bytes under a key. A key is a relative path with ``/`` as separator
(``files/md5/ab/cdef…``); a remote's url is the folder all keys are relative to. Backends know nothing of digests,
pointers or models: what arrives is verified by whoever asked for it.

Rules that hold for every backend (``tests/conformance/backend_suite.py`` checks each of them):

* *Whole or not at all.* An object becomes visible under its key in one step, after its last byte is stored. A write
  that fails, is killed or is cut off leaves what was there before.
* *Read your writes.* After ``write`` returns, ``size``, ``read`` and ``list`` of every client see the object.
* *Threads.* All methods may be called from several threads at once. An iterator belongs to the thread that uses it.
* *Memory.* Bounded per backend, whatever the size of objects and the number of threads
  (:data:`MEMORY_BUDGET` for what is in flight, and one chunk per running iterator).

Errors, and nothing else, leave a backend:

* :class:`~sycee.errors.FormatError`: the key is not one (``../x``, empty, absolute); nothing was asked of the store.
* :class:`~sycee.errors.NotFound`: the store answered, and has no such object. Never raised for a missing bucket.
* :class:`~sycee.errors.RemoteError`: the store could not be reached, refused, or misbehaved. Retrying is already done.
* :class:`CannotList`, one of these: from ``list``, by every store of a kind that has no listing (HTTP).
* :class:`~sycee.errors.SyceeError` itself: the source of a write could not be read; the store is not to blame.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol, runtime_checkable

from sycee.errors import RemoteError, SyceeError
from sycee.formats.paths import check_path

CHUNK = 1 << 20  # bytes: what local files are read and written in
MAX_CHUNK = 4 << 20  # bytes: no iterator yields more at once
MEMORY_BUDGET = 64 << 20  # bytes in flight in one backend, so that a push or pull of anything stays below 200 MB

Source = BinaryIO | Path
OnBytes = Callable[[int], None]


class CannotList(RemoteError):
    """This kind of store has no listing: what it holds can only be asked key by key."""


def ignore_bytes(_amount: int) -> None:
    """Listen to no progress."""


class Write(Protocol):
    """A function like :meth:`Backend.write`."""

    def __call__(self, key: str, source: Source, size: int, *, on_bytes: OnBytes | None = None) -> None:
        """Store an object."""


class Stored(NamedTuple):
    """An object as a listing shows it.

    Attributes:
        key: Relative to the backend's root.
        size: In bytes.
    """

    key: str
    size: int


@runtime_checkable
class Backend(Protocol):
    """A store of objects under keys. See the module for the rules that hold for all methods."""

    def size(self, key: str) -> int | None:
        """Return the size of an object in bytes, or None when there is none."""

    def read(self, key: str, *, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Yield the bytes ``[start, start + length)`` of an object in order, in chunks of at most :data:`MAX_CHUNK`.

        What lies behind the end of the object is left out, so a range may come out short or empty. The backend may
        fetch ahead. Closing the iterator early stops that.

        Args:
            key: The object.
            start: Offset of the first byte.
            length: Number of bytes; None for all to the end.

        Raises:
            NotFound: At the first chunk, if there is no such object.
            RemoteError: If the store sends fewer bytes than it announced.
        """

    def write(self, key: str, source: Source, size: int, *, on_bytes: OnBytes | None = None) -> None:
        """Store exactly ``size`` bytes under a key, replacing what was there.

        Args:
            key: The object.
            source: A file to read from the start, or an open one to read from where it stands.
            size: How many bytes the source has from there.
            on_bytes: Called with the number of bytes each time some more were taken from the source.

        Raises:
            RemoteError: Also if the source is shorter or longer than ``size``; nothing is stored then.
        """

    def write_new(self, key: str, data: bytes) -> bool:
        """Store a small object unless the key is taken; tell whether this call stored it.

        Of several callers at once, exactly one is told True.
        """

    def list(self, prefix: str = "") -> Iterator[Stored]:
        """Yield all objects below a folder (``files/md5``; empty for all), in no particular order.

        Unfinished writes are not listed. A folder that does not exist has no objects.
        """

    def delete(self, key: str) -> None:
        """Remove an object; that it was not there is no error."""

    def describe(self, key: str = "") -> str:
        """Return the url of the store or of an object, for messages. Never shows a credential."""

    def close(self) -> None:
        """Give up connections and threads. May be called twice; nothing else may be called afterwards."""


def check_key(key: str) -> str:
    """Return ``key`` unchanged if it names an object below the root of a store.

    Raises:
        FormatError: If it does not (see :func:`sycee.formats.paths.check_path`).
    """
    return check_path(key, "key")


def check_prefix(prefix: str) -> str:
    """Return a folder's key without a final ``/``; the empty one is the root.

    Raises:
        FormatError: If it leaves the root.
    """
    return check_key(prefix.rstrip("/")) if prefix else ""


class Pin(NamedTuple):
    """One version of an object.

    Attributes:
        tag: What the store changes when somebody replaces the object.
        size: In bytes.
    """

    tag: str
    size: int


@runtime_checkable
class Pinning(Backend, Protocol):
    """What a backend can do beside the port if it can tell one version of an object from the next."""

    def pin(self, key: str) -> Pin:
        """Return the present version of an object.

        Raises:
            NotFound: If there is none.
        """

    def read_pinned(self, key: str, pin: Pin, *, start: int = 0) -> Iterator[bytes]:
        """Yield the bytes of just this version from an offset on, as :meth:`Backend.read` does.

        Raises:
            RemoteError: If it was replaced.
        """


@runtime_checkable
class Tagging(Protocol):
    """What a backend can do beside the port if its store names the versions of an object, as DVC notes them."""

    def tag(self, key: str) -> str | None:
        """Return the name of an object's present version, perhaps in quotes; None if the store does not tell.

        Raises:
            NotFound: If there is no such object.
        """


@runtime_checkable
class Versioning(Backend, Protocol):
    """What a backend can do beside the port if its store keeps all versions of an object."""

    def read_version(self, key: str, version: str) -> Iterator[bytes]:
        """Yield the bytes of a version, as :meth:`Backend.read` does.

        Raises:
            NotFound: If there is no such object, or no such version of it.
        """


@runtime_checkable
class Batching(Protocol):
    """What a backend can do beside the port if durability costs less for many objects together."""

    def batch(self) -> AbstractContextManager[Write]:
        """Give a :meth:`Backend.write` for small objects, which are stored when the block ends without an error."""


@contextmanager
def opened(source: Source) -> Iterator[BinaryIO]:
    """Give a source as an open file: a path is opened and closed again, an open file stays open."""
    if not isinstance(source, Path):
        yield source
        return
    try:
        file = source.open("rb")
    except OSError as error:
        raise _unreadable(error) from error
    with file:
        yield file


def pieces(source: BinaryIO, size: int, chunk: int, on_bytes: OnBytes | None = None) -> Iterator[bytes]:
    """Yield a source in pieces of exactly ``chunk`` bytes (the last one shorter), ``size`` bytes in all.

    Args:
        source: Open for reading.
        size: How many bytes it must have.
        chunk: Length of a piece in bytes.
        on_bytes: Told the length of each piece.

    Raises:
        RemoteError: If it has fewer bytes, or more.
        SyceeError: If it cannot be read.
    """
    left = size
    while left > 0:
        piece = _read_fully(source, min(chunk, left))
        left -= len(piece)
        if left and len(piece) < chunk:
            raise _wrong_size(size, size - left)
        if on_bytes is not None:
            on_bytes(len(piece))
        yield piece
    if _read_fully(source, 1):
        raise _wrong_size(size, size + 1)


def _read_fully(source: BinaryIO, length: int) -> bytes:
    """Read ``length`` bytes although a raw or wrapped file may return fewer at a time; fewer only at its end."""
    try:
        piece = source.read(length)
        if len(piece) in {0, length}:
            return piece
        parts = [piece]
        while (missing := length - sum(map(len, parts))) and (piece := source.read(missing)):
            parts.append(piece)
    except OSError as error:
        raise _unreadable(error) from error
    return b"".join(parts)


def _unreadable(error: OSError) -> SyceeError:
    return SyceeError(f"cannot read {error.filename or 'the source'}: {error.strerror or error}")


def _wrong_size(expected: int, found: int) -> RemoteError:
    more = "at least " if found > expected else ""
    return RemoteError(
        f"the source changed while it was stored: expected {expected} bytes, found {more}{found}",
        hint="make sure that nothing writes to the file, then run the command again",
        expected=expected,
        found=found,
    )
