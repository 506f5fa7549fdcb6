"""A store in a bucket: S3 and what speaks like it, through obstore.

Objects go up in one request when they are small, in parts that become visible together when they are large. They
come down in ranges that are fetched in parallel and handed out in order. No checksum trailers are sent: compatible
stores stumble over them, and every object is verified by its digest anyway.

The first call *knocks*: it lists a folder that does not exist. That is one quick request whose answer names what is
wrong (bucket, key, secret, region), which the answer to a HEAD request cannot: it has no body.
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sycee.errors import NotFound, RemoteError, SyceeError
from sycee.formats.paths import path_fault
from sycee.storage.budget import Budget, return_large_blocks
from sycee.storage.port import (
    MAX_CHUNK,
    MEMORY_BUDGET,
    OnBytes,
    Pin,
    Source,
    Stored,
    check_key,
    check_prefix,
    ignore_bytes,
    opened,
    pieces,
)
from sycee.storage.storeerrors import Action, beyond_the_end, error_code, translated
from sycee.storage.uploads import Upload, Uploader

if TYPE_CHECKING:
    from concurrent.futures import Future

READ_AHEAD = 8  # ranges of MAX_CHUNK fetched ahead by all iterators of a backend together
PART = 16 << 20  # bytes: smaller objects are one request; S3 takes parts from 5 MiB
MAX_PARTS = 9_000  # S3 takes 10 000

LISTING_ATTEMPTS = 3  # for each page
LISTED_AT_ONCE = 1_000  # the length of an S3 page

_KNOCK = "files/no-such-folder"


@dataclass(frozen=True, slots=True)
class Clients:
    """Four obstore clients of one bucket, which differ in their patience.

    Attributes:
        reader: Gives up on a transfer that stalls, and resumes it.
        writer: Lets a part take as long as a slow line needs.
        knocker: Gives up soon, so that a wrong endpoint does not take minutes to be told.
        creator: Never repeats a request: "the key is taken" must not be said of the caller's own first attempt.
    """

    reader: Any
    writer: Any
    knocker: Any
    creator: Any


class ObjectStoreBackend:
    """Objects in a bucket.

    Args:
        clients: See :class:`Clients`; keys are relative to their prefix.
        url: For messages; must not hold a credential.
        name: Of the remote, for hints.
        uploader: Sends large files so that a later command can go on; the client library does if there is none.
    """

    def __init__(self, clients: Clients, url: str, *, name: str = "NAME", uploader: Uploader | None = None) -> None:
        from concurrent.futures import ThreadPoolExecutor

        return_large_blocks()
        self._clients = clients
        self._url = url.rstrip("/")
        self._name = name
        self._uploader = uploader
        self._outgoing = Budget(MEMORY_BUDGET)
        self._ahead = threading.Semaphore(READ_AHEAD)
        self._pool = ThreadPoolExecutor(READ_AHEAD, thread_name_prefix="sycee-read")
        self._knocked = False
        self._silence: Exception | None = None
        self._knocking = threading.Lock()

    def size(self, key: str) -> int | None:
        """See :meth:`sycee.storage.port.Backend.size`."""
        import obstore

        check_key(key)
        try:
            with self._speaking("look at", key):
                return int(obstore.head(self._clients.reader, key)["size"])
        except NotFound:
            return None

    def read(self, key: str, *, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See :meth:`sycee.storage.port.Backend.read`."""
        if length is not None and length <= 0:
            return
        wanted = MAX_CHUNK if length is None else min(MAX_CHUNK, length)
        first, total, tag = self._first(check_key(key), start, wanted)
        if first:
            yield first
        end = total if length is None else min(total, start + length)
        position = start + len(first)
        del first
        yield from self._rest(key, position, end, tag)

    def pin(self, key: str) -> Pin:
        """See :meth:`sycee.storage.port.Pinning.pin`."""
        import obstore

        with self._speaking("look at", check_key(key)):
            found = obstore.head(self._clients.reader, key)
            return Pin(found["e_tag"] or "", int(found["size"]))

    def tag(self, key: str) -> str | None:
        """See :meth:`sycee.storage.port.Tagging.tag`."""
        return self.pin(key).tag or None

    def read_pinned(self, key: str, pin: Pin, *, start: int = 0) -> Iterator[bytes]:
        """See :meth:`sycee.storage.port.Pinning.read_pinned`."""
        return self._rest(check_key(key), start, pin.size, pin.tag)

    def read_version(self, key: str, version: str) -> Iterator[bytes]:
        """See :meth:`sycee.storage.port.Versioning.read_version`."""
        position, total = 0, 1
        while position < total:
            data, total = self._part_of_version(check_key(key), version, position)
            position += len(data)
            yield data

    def _part_of_version(self, key: str, version: str, start: int) -> tuple[bytes, int]:
        """Return the bytes of a version from an offset on, as many as are read at once, and its size."""
        import obstore

        with self._speaking("read", key):
            options: Any = {"range": (start, start + MAX_CHUNK), "version": version}
            try:
                answer = obstore.get(self._clients.reader, key, options=options)
            except obstore.exceptions.BaseError as error:
                if not beyond_the_end(error):
                    raise
                return b"", 0  # it has no bytes
            total = int(answer.meta["size"])
            data = _body(answer, MAX_CHUNK)
        return self._complete(key, data, min(MAX_CHUNK, total - start)), total

    def _first(self, key: str, start: int, length: int) -> tuple[bytes, int, str]:
        """Return the first bytes of a range, and size and tag of the whole object, by one request."""
        import obstore

        with self._speaking("read", key):
            try:
                answer = obstore.get(self._clients.reader, key, options={"range": (start, start + length)})
            except obstore.exceptions.BaseError as error:
                if not beyond_the_end(error):
                    raise
                return b"", 0, ""  # the object ends before the range starts
            total, tag = int(answer.meta["size"]), answer.meta["e_tag"] or ""
            data = _body(answer, length)
        return self._complete(key, data, min(length, total - start)), total, tag

    def _rest(self, key: str, position: int, end: int, tag: str) -> Iterator[bytes]:
        """Yield the bytes up to ``end`` of the version with this tag, fetching ahead while the shared allowance lasts.

        The range that is due is fetched whether or not there is an allowance, so that two iterators of one thread
        cannot wait for each other.
        """
        window: deque[Future[bytes]] = deque()
        due = position
        try:
            while position < end:
                while due < end and self._ahead.acquire(blocking=False):
                    window.append(self._pool.submit(self._range, key, due, min(due + MAX_CHUNK, end), tag))
                    due += MAX_CHUNK
                if window:
                    data = self._landed(window.popleft())
                else:
                    data = self._range(key, position, min(position + MAX_CHUNK, end), tag)
                    due = position + MAX_CHUNK
                position += len(data)
                yield data
                del data
        finally:
            while window:
                self._dropped(window.popleft())

    def _range(self, key: str, start: int, end: int, tag: str) -> bytes:
        import obstore

        with self._speaking("read", key):
            options: Any = {"range": (start, end), **({"if_match": tag} if tag else {})}
            answer = obstore.get(self._clients.reader, key, options=options)
            data = _body(answer, end - start)
        return self._complete(key, data, end - start)

    def _complete(self, key: str, data: bytes, expected: int) -> bytes:
        if len(data) == expected:
            return data
        raise RemoteError(
            f"{self.describe(key)} came incomplete: expected {expected} bytes, found {len(data)}",
            hint="run the command again; what arrived was not kept",
            key=key,
        )

    def _landed(self, future: "Future[bytes]") -> bytes:
        try:
            return future.result()
        finally:
            self._ahead.release()

    def _dropped(self, future: "Future[bytes]") -> None:
        """Give back the allowance of a range that nobody wants any more, once it is no longer in memory."""
        future.add_done_callback(lambda _: self._ahead.release())
        future.cancel()

    def write(self, key: str, source: Source, size: int, *, on_bytes: OnBytes | None = None) -> None:
        """See :meth:`sycee.storage.port.Backend.write`."""
        check_key(key)
        part = max(PART, -(-size // MAX_PARTS))
        if self._uploader and isinstance(source, Path) and size > part:
            with self._speaking("write", key):
                upload = Upload(self._url, key, source, size, part)
                self._uploader.write(upload, self._outgoing, on_bytes or ignore_bytes)
            return
        parallel = max(1, MEMORY_BUDGET // part)
        with opened(source) as file, self._outgoing.taken(min(size, part * parallel)):
            parts = pieces(file, size, part, on_bytes)
            if size <= part:
                self._put(key, b"".join(parts), use_multipart=False)
            else:
                # A failing source ends the upload: nothing becomes visible, and its parts are given up.
                self._put(key, parts, use_multipart=True, chunk_size=part, max_concurrency=parallel)

    def _put(self, key: str, body: bytes | Iterator[bytes], **options: Any) -> None:
        import obstore

        with self._speaking("write", key):
            obstore.put(self._clients.writer, key, body, **options)

    def write_new(self, key: str, data: bytes) -> bool:
        """See :meth:`sycee.storage.port.Backend.write_new`."""
        import obstore

        if self.size(key) is not None:  # for servers that ignore the condition
            return False
        with self._speaking("write", key):
            try:
                obstore.put(self._clients.creator, key, data, mode="create")
            except obstore.exceptions.AlreadyExistsError:
                return False
            # The same servers let several callers in: reading it back tells who came last.
            return _body(obstore.get(self._clients.reader, key), len(data)) == data

    def list(self, prefix: str = "") -> Iterator[Stored]:
        """See :meth:`sycee.storage.port.Backend.list`."""
        folder = check_prefix(prefix)
        with self._speaking("list", folder):
            for page in _pages(self._clients.reader, folder):
                yield from (Stored(one["path"], one["size"]) for one in page if path_fault(one["path"]) is None)

    def delete(self, key: str) -> None:
        """See :meth:`sycee.storage.port.Backend.delete`."""
        import obstore

        check_key(key)
        try:
            with self._speaking("delete", key):
                obstore.delete(self._clients.writer, key)
        except NotFound:
            return

    def describe(self, key: str = "") -> str:
        """See :meth:`sycee.storage.port.Backend.describe`."""
        return f"{self._url}/{key}" if key else self._url

    def close(self) -> None:
        """See :meth:`sycee.storage.port.Backend.close`."""
        if self._uploader:
            self._uploader.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    @contextmanager
    def _speaking(self, verb: str, key: str) -> Iterator[None]:
        """Knock if nobody did, then turn what the client library says into what the port promises."""
        from obstore.exceptions import BaseError

        action = Action(verb, self.describe(key), key, self._name)
        try:
            self._knock()
            yield
        except SyceeError:
            raise
        except (BaseError, OSError, ValueError) as error:
            if not error_code(error):  # no answer: the next call knocks before it waits as long
                self._knocked = False
            raise translated(self._explained(error), action) from error

    def _explained(self, error: Exception) -> Exception:
        """Return a failure that says more, if there is one: an answer to HEAD has no body that could say why."""
        from obstore.exceptions import BaseError

        if error_code(error) == "403":
            self._knocked = False
            try:
                self._knock()
            except BaseError as reason:
                return reason
        return error

    def _knock(self) -> None:
        import obstore

        if self._knocked:
            return
        with self._knocking:
            if self._knocked:
                return
            if self._silence:  # nobody answered: hundreds of objects must not wait for it one by one
                raise self._silence
            try:
                next(_pages(self._clients.knocker, _KNOCK), None)
            except obstore.exceptions.BaseError as error:
                if error_code(error) not in {"AccessDenied", "403"}:  # may read objects, may not list: a common policy
                    self._silence = error
                    raise
            self._knocked = True


def _pages(client: Any, folder: str) -> Iterator[Any]:
    """Yield a listing page by page; one that breaks off is asked for again, which the client does only for answers."""
    import obstore

    last, attempts = None, LISTING_ATTEMPTS
    while True:
        try:
            for page in obstore.list(client, folder or None, offset=last, chunk_size=LISTED_AT_ONCE):
                yield page
                last, attempts = page[-1]["path"], LISTING_ATTEMPTS
        except obstore.exceptions.BaseError as error:
            attempts -= 1
            if error_code(error) or attempts == 0:
                raise
        else:
            return


def _body(answer: Any, length: int) -> bytes:
    """Return the body of an answer, and of one that is longer than was asked for no more than shows it."""
    parts = []
    for part in answer.stream(min_chunk_size=MAX_CHUNK):
        parts.append(bytes(part))
        length -= len(part)
        if length < 0:
            break
    return parts[0] if len(parts) == 1 else b"".join(parts)
