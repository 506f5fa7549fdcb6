"""The five requests of an upload in parts, spoken to S3 directly.

obstore uploads in parts too, but keeps the upload's id to itself, so that what a killed command has sent is lost.
A connection that takes no byte for a while is given up, and the part is sent again.
"""

import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from html import escape, unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from sycee.storage.awskeys import Provider
from sycee.storage.awssign import UNSIGNED, Keys, Request, encoded_query, signed_headers

if TYPE_CHECKING:
    import ssl
    from http.client import HTTPConnection

ATTEMPTS = 6
_STEP = 1 << 18  # bytes sent under one time-out
_PAUSE = 0.25  # seconds before the second attempt; doubled each time
_MAX_ANSWER = 8 << 20  # bytes; a list of 1 000 parts has 200 KB
_AGAIN = {408, 429, 500, 502, 503, 504}
_UPLOAD = re.compile("<UploadId>([^<]+)<")
_PART = re.compile("<Part>(.*?)</Part>", re.DOTALL)
_NUMBER = re.compile(r"<PartNumber>(\d{1,5})<")
_SIZE = re.compile(r"<Size>(\d{1,15})<")
_TAG = re.compile("<ETag>([^<]+)<")
_GONE = {"NoSuchUpload", "NoSuchKey", "InvalidPart", "InvalidPartOrder"}

Alive = Callable[[], None]  # called often while a part is on its way; may raise to stop it


class S3Error(OSError):
    """S3 refused, or did not answer. The text carries its code as :mod:`sycee.storage.storeerrors` reads it."""


class UploadGone(S3Error):
    """The server knows nothing of this upload, or not of all its parts: it expired, was ended, or is complete."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part that the server holds.

    Attributes:
        number: From 1.
        size: In bytes.
        tag: Its ETag, with quotes, as the server gave it.
    """

    number: int
    size: int
    tag: str


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where and how to speak.

    Attributes:
        endpoint: ``https://host[:port][/path]``.
        name: Of the bucket.
        prefix: Of all keys in it, without a final slash; may be empty.
        region: Of the bucket.
        keys: Gives the credentials out, as obstore asks for them.
        seconds: How long a connection may stand still.
        headers: Sent when an upload begins: encryption.
        tls: Makes the context for https.
    """

    endpoint: str
    name: str
    prefix: str
    region: str
    keys: Provider
    seconds: float
    headers: Mapping[str, str]
    tls: "Callable[[], ssl.SSLContext]"


def proxied(endpoint: str, environ: Mapping[str, str]) -> bool:
    """Tell whether the environment names a proxy for an address; :class:`S3Parts` knows none."""
    names = {name.lower(): value for name, value in environ.items() if value}
    parts = urlsplit(endpoint)
    if not names.keys() & {f"{parts.scheme}_proxy", "all_proxy"}:
        return False
    host = parts.hostname or ""
    spared = [name.strip().lstrip("*").lstrip(".") for name in names.get("no_proxy", "").split(",")]
    return names.get("no_proxy") != "*" and not any(
        name and (host == name or host.endswith(f".{name}")) for name in spared
    )


class S3Parts:
    """Uploads in parts to one bucket; usable from several threads."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        parts = urlsplit(bucket.endpoint)
        self._secure = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port
        self._base = parts.path.rstrip("/")
        self._idle: list[HTTPConnection] = []
        self._guard = threading.Lock()
        self._context: ssl.SSLContext | None = None

    def begin(self, key: str) -> str:
        """Begin an upload and return its id."""
        answer = self._ask("POST", key, {"uploads": ""}, headers=self._bucket.headers)
        return _one(_UPLOAD, answer.text)

    def put(self, key: str, upload: str, number: int, data: bytes, alive: Alive) -> str:
        """Send one part and return its tag.

        Raises:
            UploadGone: If the upload is no more.
        """
        query = {"partNumber": str(number), "uploadId": upload}
        return self._ask("PUT", key, query, data, alive=alive).tag

    def parts(self, key: str, upload: str) -> Iterator[Part]:
        """Yield the parts that the server holds; some servers list none where others raise.

        Raises:
            UploadGone: If the upload is no more.
        """
        marker, last = -1, 0
        while marker < last:  # a server that says that there is more has to go on
            marker = last
            answer = self._ask("GET", key, {"uploadId": upload, "part-number-marker": str(marker)})
            for text in _PART.findall(answer.text):
                part = Part(int(_one(_NUMBER, text)), int(_one(_SIZE, text)), unescape(_one(_TAG, text)))
                last = part.number
                yield part
            if "<IsTruncated>true<" not in answer.text:
                return

    def complete(self, key: str, upload: str, tags: Mapping[int, str]) -> None:
        """Make the object of its parts; only then is it visible.

        Raises:
            UploadGone: If the upload is no more, or some of its parts.
        """
        parts = (f"<Part><PartNumber>{n}</PartNumber><ETag>{escape(tags[n])}</ETag></Part>" for n in sorted(tags))
        body = f"<CompleteMultipartUpload>{''.join(parts)}</CompleteMultipartUpload>"
        self._ask("POST", key, {"uploadId": upload}, body.encode())

    def abort(self, key: str, upload: str) -> None:
        """Have the server forget an upload and its parts; that it already has is no error."""
        with suppress(UploadGone):
            self._ask("DELETE", key, {"uploadId": upload})

    def close(self) -> None:
        """Give up all connections."""
        with self._guard:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _ask(self, method: str, key: str, query: Mapping[str, str], body: bytes = b"", **more: Any) -> "_Answer":
        path = "/".join(part for part in (self._base, self._bucket.name, self._bucket.prefix, key) if part)
        order = _Order(method, quote(f"/{path.lstrip('/')}", safe="/~"), query, body, **more)
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(_PAUSE * 2**attempt * random.uniform(0.5, 1))
            with suppress(_Passing):
                return self._try(order, last=attempt == ATTEMPTS - 1)
        raise AssertionError("unreachable: the last attempt raises what it met")

    def _try(self, order: "_Order", *, last: bool) -> "_Answer":
        import http.client

        try:
            answer = self._exchange(order)
        except (http.client.HTTPException, OSError) as error:
            failure = S3Error(f"kind: Connect {error}" if not isinstance(error, TimeoutError) else "timed out")
            failure.__cause__ = error
        else:
            if answer.fine:
                return answer
            failure = answer.failure()
            if answer.status not in _AGAIN and "InternalError" not in str(failure):
                raise failure
        raise failure if last else _Passing

    def _exchange(self, order: "_Order") -> "_Answer":
        with self._connection() as connection:
            connection.request(order.method, order.target, order.pieces(), self._headers(order))
            response = connection.getresponse()
            body = response.read(_MAX_ANSWER)
            return _Answer(response.status, body, response.getheader("ETag") or "")

    def _headers(self, order: "_Order") -> dict[str, str]:
        given = self._bucket.keys()
        keys = Keys(given["access_key_id"], given["secret_access_key"], given.get("token"))
        payload = UNSIGNED if self._secure else sha256(order.body).hexdigest()
        host = self._host if self._port is None else f"{self._host}:{self._port}"
        request = Request(order.method, host, order.path, order.query, order.headers, payload)
        headers = signed_headers(request, keys, self._bucket.region, datetime.now(UTC))
        return {**headers, "content-length": str(len(order.body))}

    @contextmanager
    def _connection(self) -> "Iterator[HTTPConnection]":
        """Lend a connection; one on which anything went wrong is not used again."""
        with self._guard:
            connection = self._idle.pop() if self._idle else self._connected()
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        with self._guard:
            self._idle.append(connection)

    def _connected(self) -> "HTTPConnection":
        import http.client

        if not self._secure:
            return http.client.HTTPConnection(self._host, self._port, timeout=self._bucket.seconds)
        self._context = self._context or self._bucket.tls()
        return http.client.HTTPSConnection(self._host, self._port, timeout=self._bucket.seconds, context=self._context)


def _one(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    if found is None:
        raise S3Error("the server's answer is not what S3 answers")
    return found[1]


class _Passing(Exception):
    """What happened may not happen again."""


def _unasked() -> None:
    pass


@dataclass(frozen=True, slots=True)
class _Order:
    method: str
    path: str
    query: Mapping[str, str]
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    alive: Alive = _unasked

    @property
    def target(self) -> str:
        return f"{self.path}?{encoded_query(self.query)}"

    def pieces(self) -> Iterator[memoryview]:
        view = memoryview(self.body)
        for start in range(0, len(view), _STEP):
            self.alive()
            yield view[start : start + _STEP]


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes
    tag: str

    @property
    def fine(self) -> bool:
        # S3 may begin to answer 200 before it knows that completing an upload fails.
        return self.status < 300 and "<Error>" not in self.text[:300]

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    def failure(self) -> S3Error:
        text = f"status code: {self.status}\n{self.text[:2000]}"
        gone = any(f"<Code>{code}</Code>" in text for code in _GONE)
        return UploadGone(text) if gone else S3Error(text)
