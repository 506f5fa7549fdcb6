"""A store behind an HTTP server, as DVC speaks to it: ``GET`` and ``HEAD`` of a key, ``PUT`` or ``POST`` of an object.

Such a server lists and deletes nothing for us, so what is there is asked key by key. Whether an upload becomes visible
in one step is up to the server; it is sent with its length, so that a server can tell when one was cut off.

A download that breaks is taken up where it ended, if the server honours ranges and says that the object is still the
same one. What a server says of ranges is not believed: an answer that starts elsewhere is refused.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from urllib.parse import quote

from sycee.errors import NotFound, RemoteError
from sycee.storage.budget import return_large_blocks
from sycee.storage.httpclient import ATTEMPTS, Call, HttpClient, Interrupted
from sycee.storage.httpmoves import Download, Upload, ended
from sycee.storage.port import CHUNK, CannotList, OnBytes, Source, Stored, check_key, check_prefix, opened

RESUMES = 5  # in a row, without a byte in between

_SAFE = "/-_.~!$&'()*+,;=:@"
_UPLOAD = {"Content-Type": "application/octet-stream"}


class HttpBackend:
    """Objects below a url.

    Args:
        client: Speaks to the server.
        url: Without credentials; keys are below it.
        method: What stores an object: ``PUT`` or ``POST``.
    """

    def __init__(self, client: HttpClient, url: str, *, method: str) -> None:
        return_large_blocks()
        self._client = client
        self._url = url.rstrip("/")
        self._method = method

    def size(self, key: str) -> int | None:
        """See :meth:`sycee.storage.port.Backend.size`."""
        try:
            return self._size(check_key(key))
        except NotFound:
            return None

    def _size(self, key: str) -> int:
        """Ask by ``HEAD``; where a server does not take that, or leaves the length out, by looking at the object."""
        length = (self._head(key) or {}).get("content-length", "")
        if length.isdecimal():
            return int(length)
        with ended(self._client.send(self._call("GET", key))) as answer:
            length = answer.headers.get("content-length", "")
            return int(length) if length.isdecimal() else sum(map(len, answer.stream(CHUNK, decode_content=False)))

    def _head(self, key: str) -> "Mapping[str, str] | None":
        """Return what the server says of an object, or None if it does not take the question."""
        try:
            with ended(self._client.send(self._call("HEAD", key))) as answer:
                return answer.headers
        except Interrupted:
            raise
        except RemoteError as error:
            if error.details.get("code") not in {405, 501}:
                raise
            return None

    def tag(self, key: str) -> str | None:
        """See :meth:`sycee.storage.port.Tagging.tag`."""
        headers = self._head(check_key(key))
        if headers is None:
            with ended(self._client.send(self._call("GET", key))) as answer:
                headers = answer.headers
        return headers.get("etag") or headers.get("content-md5")

    def read(self, key: str, *, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See :meth:`sycee.storage.port.Backend.read`."""
        if length is not None and length <= 0:
            return
        end = None if length is None else start + length
        download = Download(self._client, self._call("GET", check_key(key)), start, end)
        failures = 0
        while True:
            before = download.position
            try:
                yield from download.pieces()
            except Interrupted:
                failures = 1 if download.position > before else failures + 1
                if failures > RESUMES:
                    raise
            else:
                return

    def write(self, key: str, source: Source, size: int, *, on_bytes: OnBytes | None = None) -> None:
        """See :meth:`sycee.storage.port.Backend.write`."""
        check_key(key)
        with opened(source) as file:
            body = Upload(file, size, on_bytes)
            call = self._call(self._method, key, {**_UPLOAD, "Content-Length": str(size)})
            attempts = ATTEMPTS if body.repeatable else 1
            with ended(self._client.send(replace(call, body=body.pieces, attempts=attempts))):
                return

    def write_new(self, key: str, data: bytes) -> bool:
        """See :meth:`sycee.storage.port.Backend.write_new`."""
        headers = {**_UPLOAD, "Content-Length": str(len(data)), "If-None-Match": "*"}
        call = self._call(self._method, check_key(key), headers)
        # Not repeated: "the key is taken" must not be said of the caller's own first attempt.
        with ended(self._client.send(replace(call, body=lambda: iter([data]), attempts=1))) as answer:
            if answer.status == 412:
                return False
        # Some servers ignore the condition: reading it back tells who came last.
        return b"".join(self.read(key)) == data

    def list(self, prefix: str = "") -> Iterator[Stored]:
        """Refuse: HTTP has no listing.

        Raises:
            CannotList: Always.
        """
        check_prefix(prefix)
        raise CannotList(
            f"cannot list {self.describe(prefix)}: HTTP servers do not say what they hold",
            hint="what needs a listing has to be done on the server, or through another kind of remote",
        )

    def delete(self, key: str) -> None:
        """Refuse: DVC's HTTP remotes delete nothing.

        Raises:
            RemoteError: Always.
        """
        raise RemoteError(
            f"cannot delete {self.describe(check_key(key))}: HTTP remotes only take and give",
            hint="delete it on the server",
        )

    def describe(self, key: str = "") -> str:
        """See :meth:`sycee.storage.port.Backend.describe`."""
        return f"{self._url}/{key}" if key else self._url

    def close(self) -> None:
        """See :meth:`sycee.storage.port.Backend.close`."""
        self._client.close()

    def _call(self, method: str, key: str, headers: Mapping[str, str] | None = None) -> Call:
        return Call(method, f"{self._url}/{quote(key, safe=_SAFE)}", self.describe(key), headers or {})
