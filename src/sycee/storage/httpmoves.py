"""One object on its way over HTTP, in either direction, through any number of attempts."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

from sycee.errors import RemoteError
from sycee.storage.httpclient import Call, HttpClient
from sycee.storage.port import CHUNK, OnBytes, pieces

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_SMALL = 1 << 16  # bytes: what is read of an answer's body only to use its connection again


@contextmanager
def ended(answer: "BaseHTTPResponse") -> Iterator["BaseHTTPResponse"]:
    """Give up an answer at the end of the block; its connection is kept if little of it was left."""
    from urllib3.exceptions import HTTPError

    try:
        yield answer
        with suppress(HTTPError, OSError):
            answer.read(_SMALL, decode_content=False)
    finally:
        answer.close()


class Download:
    """The bytes ``[position, end)`` of an object; what has come need not come again.

    Args:
        client: Speaks to the server.
        call: Asks for the whole object.
        position: Offset of the first byte that is missing.
        end: Offset behind the last one; None for all to the end.
    """

    def __init__(self, client: HttpClient, call: Call, position: int, end: int | None) -> None:
        self.position = position
        self._client = client
        self._call = call
        self._end = end
        self._version: str | None = None  # the server's name for these very bytes
        self._total: int | None = None

    def pieces(self) -> Iterator[bytes]:
        """Yield what is missing, in chunks of at most :data:`sycee.storage.port.CHUNK`.

        Raises:
            NotFound: If there is no such object.
            Interrupted: If the connection broke; calling again goes on from there.
            RemoteError: If the answer cannot be what was asked for.
        """
        from urllib3.exceptions import HTTPError

        answer = self._client.send(self._ranged())
        with ended(answer):
            if answer.status == 416:  # the object ends before the range starts
                return
            skip = self._skipped(answer)
            try:
                for chunk in answer.stream(CHUNK, decode_content=False):
                    wanted = self._wanted(chunk, skip)
                    skip = max(0, skip - len(chunk))
                    self.position += len(wanted)
                    if wanted:
                        yield wanted
                    if self.position == self._end:
                        answer.close()  # the rest is not wanted
                        return
            except (HTTPError, OSError) as error:
                raise self._client.failed(self._call, error) from error

    def _ranged(self) -> Call:
        if self.position == 0 and self._end is None:
            return self._call
        last = "" if self._end is None else self._end - 1
        headers = {"Range": f"bytes={self.position}-{last}"}
        if self._version:
            headers["If-Range"] = self._version
        return replace(self._call, headers=headers)

    def _skipped(self, answer: "BaseHTTPResponse") -> int:
        """Return how many bytes of the answer lie before the range, once it is clear what it holds."""
        if answer.headers.get("content-encoding", "identity").lower() != "identity":
            raise self._wrong("the server compresses it", "switch compression off for the remote's folder")
        found = _RANGE.fullmatch(answer.headers.get("content-range", ""))
        partial = answer.status == 206
        if partial and (found is None or int(found[1]) != self.position):
            raise self._wrong("the server sent another part than it was asked for")
        length = answer.headers.get("content-length", "")
        total = found[3] if partial and found else length
        version = answer.headers.get("etag")
        self._same(int(total) if total.isdecimal() else None, version)
        return 0 if partial else self.position

    def _same(self, total: int | None, version: str | None) -> None:
        """Notice that the object was replaced between two attempts: two halves of two versions make none."""
        strong = None if version is None or version.startswith("W/") else version
        for known, now in ((self._total, total), (self._version, strong)):
            if None not in (known, now) and known != now:
                raise self._wrong("it was replaced while it was read")
        self._total, self._version = total, strong

    def _wanted(self, chunk: bytes, skip: int) -> bytes:
        rest = chunk[skip:] if skip else chunk
        return rest if self._end is None else rest[: self._end - self.position]

    def _wrong(self, reason: str, hint: str = "run the command again; what arrived was not kept") -> RemoteError:
        return RemoteError(f"cannot read {self._call.shown}: {reason}", hint=hint)


class Upload:
    """The bytes of a source, to be sent once or, where the source can be read again, more often.

    Args:
        file: Stands at the first byte.
        size: How many there are.
        on_bytes: Told each byte once, however often it is sent.
    """

    def __init__(self, file: BinaryIO, size: int, on_bytes: OnBytes | None) -> None:
        self.repeatable = file.seekable()
        self._file = file
        self._size = size
        self._on_bytes = on_bytes
        self._begin = file.tell() if self.repeatable else 0
        self._told = 0

    def pieces(self) -> Iterator[bytes]:
        """Return all bytes from the start. The last piece comes only when the source has shown that it ends there.

        Raises:
            RemoteError: If the source has another size.
            SyceeError: If it cannot be read.
        """
        if self.repeatable:
            self._file.seek(self._begin)
        held_back = self._one_ahead()
        first = next(held_back, b"")  # before the first byte is sent, so that a source of no bytes is judged, too
        return _joined(first, held_back)

    def _one_ahead(self) -> Iterator[bytes]:
        held: bytes | None = None
        position = 0
        for piece in pieces(self._file, self._size, CHUNK):
            if held is not None:
                yield held
            held = piece
            position += len(piece)
            self._tell(position)
        if held is not None:
            yield held

    def _tell(self, position: int) -> None:
        if self._on_bytes is not None and position > self._told:
            self._on_bytes(position - self._told)
            self._told = position


def _joined(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest
