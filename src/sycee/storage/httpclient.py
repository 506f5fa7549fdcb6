"""Requests to one HTTP server: connections, credentials, redirects, repetition, and words for what went wrong.

A redirect is followed only for what reads, at most :data:`MAX_REDIRECTS` times, never from https to http; to another
origin without any credentials, whose answer is checked by its digest like every other. An upload is never redirected:
its bytes go where the user said, or nowhere.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from sycee.errors import NotFound, RemoteError
from sycee.storage.httpauth import Auth

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

ATTEMPTS = 5
BACKOFF_SECONDS = 0.2  # before the second attempt; doubled before each further one
MAX_WAIT_SECONDS = 20  # whatever a server asks for
MAX_REDIRECTS = 5
_POOL = 32  # idle connections kept

_REDIRECTS = {301, 302, 303, 307, 308}
_AGAIN = {408, 429, 500, 502, 503, 504}
_ABSENT = {404, 410}

_REASONS: Mapping[int, tuple[str, str]] = {
    401: ("the server refuses the credentials", "set `auth`, `user` and `password` with `sycee remote modify --local`"),
    403: ("access denied", "ask whoever runs the server for the permission"),
    405: (
        "the server does not take this method",
        "choose the one it takes: `sycee remote modify NAME method PUT` (or POST)",
    ),
    407: ("the proxy wants to know who asks", "put name and password into the proxy's url in the environment"),
    409: ("the server has no such folder", "make the remote's folder there, or correct the url"),
    411: ("the server wants another form of upload", "try `sycee remote modify NAME method PUT`"),
    413: ("the object is too large for the server", "raise its limit for uploads"),
    429: ("the server is overloaded", "try again later, with fewer `jobs`"),
    501: ("the server does not know this method", "try `sycee remote modify NAME method PUT`"),
    503: ("the server is overloaded", "try again later, with fewer `jobs`"),
    507: ("the server has no space left", "free some space there"),
}
_OFFLINE = "check the network and the remote's `url`; what was stored before is untouched"


class Interrupted(RemoteError):
    """No answer, only a part of one, or "not now": another attempt may succeed."""

    wait: float | None = None  # seconds, where the server says how long


@dataclass(frozen=True, slots=True)
class Transport:
    """How a server is reached.

    Attributes:
        connect: Seconds to wait for a connection.
        read: Seconds without a byte.
        context: For TLS; None for what the system trusts.
        proxy: Its url, or None.
    """

    connect: float
    read: float
    context: Any = None
    proxy: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A request.

    Attributes:
        method: ``GET``, ``HEAD``, ``PUT``, ``POST``.
        url: Absolute, quoted.
        shown: What the url is called in messages.
        headers: Beside those that every request has.
        body: Gives the bytes to send, from the start.
        attempts: How often to try; once where the body cannot be given again.
    """

    method: str
    url: str
    shown: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Callable[[], Iterator[bytes]] | None = None
    attempts: int = ATTEMPTS

    @property
    def reads(self) -> bool:
        """Whether it changes nothing."""
        return self.body is None


class HttpClient:
    """Speaks to a server, from any number of threads.

    Args:
        transport: How to reach it.
        auth: Who asks; said to the origin of each call only.
        name: Of the remote, for hints.
    """

    def __init__(self, transport: Transport, auth: Auth, *, name: str) -> None:
        self._transport = transport
        self._auth = auth
        self._name = name
        self._pool = _pool(transport)
        self._heard = False
        self._dead: tuple[str, str] | None = None

    def send(self, call: Call) -> "BaseHTTPResponse":
        """Return the answer, whose body is still to be read; the caller closes it.

        Raises:
            NotFound: If there is no such object.
            Interrupted: If nobody answers, also after all attempts.
            RemoteError: If the server refuses.
        """
        if self._dead:  # many objects must not wait one by one for a server that never answered
            raise self._interrupted(call, *self._dead)
        pause = BACKOFF_SECONDS
        for left in reversed(range(call.attempts)):
            try:
                return self._good(call, self._answered(call))
            except Interrupted as error:
                if not left:
                    raise
                time.sleep(pause if error.wait is None else error.wait)
                pause *= 2
        raise AssertionError("a call has at least one attempt")

    def failed(self, call: Call, error: Exception) -> Interrupted:
        """Return what a failure of the connection means."""
        return self._interrupted(call, *_cause(error))

    def _interrupted(self, call: Call, reason: str, hint: str) -> Interrupted:
        told = hint.replace("NAME", self._name)
        return Interrupted(f"cannot {_verb(call)} {call.shown}: {reason}", hint=told)

    def close(self) -> None:
        """Give up all connections."""
        self._pool.clear()

    def _answered(self, call: Call) -> "BaseHTTPResponse":
        """Send a request, once more after a challenge, and follow redirects."""
        url = call.url
        if call.body is not None and self._auth.waits:
            self._introduce(call)
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._once(call, url)
            if self._asks_who(call, url, answer):
                continue
            if answer.status not in _REDIRECTS or "location" not in answer.headers:
                return answer
            url = self._redirected(call, url, answer)
        raise RemoteError(f"cannot {_verb(call)} {call.shown}: the server redirects in a circle", hint=_OFFLINE)

    def _introduce(self, call: Call) -> None:
        """Have the server ask who it is before many bytes are sent; what is wrong the upload itself will tell."""
        with suppress(RemoteError, NotFound):
            self.send(replace(call, method="HEAD", headers={}, body=None)).close()

    def _asks_who(self, call: Call, url: str, answer: "BaseHTTPResponse") -> bool:
        """Tell whether the answer is a challenge that the next attempt meets."""
        if answer.status != 401 or _origin(url) != _origin(call.url):
            return False
        if not self._auth.challenged(answer.headers.get("www-authenticate", "")):
            return False
        answer.close()
        if call.body is not None and call.attempts == 1:
            raise RemoteError(f"cannot write {call.shown}: the server asks again who it is from", hint="try again")
        return True

    def _once(self, call: Call, url: str) -> "BaseHTTPResponse":
        from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

        parts = urlsplit(url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        ours = _origin(url) == _origin(call.url)
        known = self._auth.headers(call.method, target or "/") if ours else {}
        headers = {"User-Agent": "sycee", "Accept-Encoding": "identity", **call.headers, **known}
        body = None if call.body is None else call.body()
        try:
            answer = self._pool.request(
                call.method, url, headers=headers, body=body, preload_content=False, redirect=False, retries=False
            )
        except (HTTPError, OSError, ValueError) as error:
            if not self._heard and isinstance(error, NewConnectionError | ConnectTimeoutError):
                self._dead = _cause(error)
            raise self.failed(call, error) from error
        self._heard, self._dead = True, None
        return answer

    def _redirected(self, call: Call, url: str, answer: "BaseHTTPResponse") -> str:
        target = urljoin(url, answer.headers["location"])
        answer.close()
        parts = urlsplit(target)
        host = f"{parts.scheme}://{parts.hostname}"
        if not call.reads:
            raise RemoteError(
                f"cannot write {call.shown}: the server redirects the upload to {host}",
                hint=f"if that is right, make it the remote's url: `sycee remote modify {self._name} url URL`",
            )
        if parts.scheme not in {"http", "https"} or (urlsplit(url).scheme, parts.scheme) == ("https", "http"):
            raise RemoteError(
                f"cannot read {call.shown}: the server redirects to {host}, which is not safe",
                hint="ask whoever runs the server",
            )
        return target

    def _good(self, call: Call, answer: "BaseHTTPResponse") -> "BaseHTTPResponse":
        if answer.status < 300 or answer.status in {412, 416}:
            return answer
        if answer.status in _ABSENT and call.reads:
            answer.close()
            raise NotFound(f"{call.shown} does not exist")
        raise self._refusal(call, answer)

    def _refusal(self, call: Call, answer: "BaseHTTPResponse") -> RemoteError:
        answer.close()
        unknown = (f"the server answers {answer.status} {answer.reason or ''}".rstrip(), "look into the server's log")
        if answer.status in _ABSENT:
            unknown = ("the server has no such place", "correct the remote's url, or make the folder there")
        reason, hint = _REASONS.get(answer.status, unknown)
        if answer.status not in _AGAIN:
            told = hint.replace("NAME", self._name)
            return RemoteError(f"cannot {_verb(call)} {call.shown}: {reason}", hint=told, code=answer.status)
        error = self._interrupted(call, reason, hint)
        error.wait = _wait(answer)
        return error


def _pool(transport: Transport) -> "PoolManager":
    import urllib3

    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # `ssl_verify = false` is the user's own word
    options: dict[str, Any] = {
        "timeout": urllib3.Timeout(connect=transport.connect, read=transport.read),
        "maxsize": _POOL,
        "ssl_context": transport.context,
    }
    if transport.proxy is None:
        return urllib3.PoolManager(**options)
    return urllib3.ProxyManager(transport.proxy, **options)


def _verb(call: Call) -> str:
    return {"GET": "read", "HEAD": "look at"}.get(call.method, "write")


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    with suppress(ValueError):
        return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return "", None, None  # a port that is none: nobody's origin


def _wait(answer: "BaseHTTPResponse") -> float | None:
    asked = answer.headers.get("retry-after", "")
    return min(float(asked), MAX_WAIT_SECONDS) if asked.isdecimal() else None


def _cause(error: Exception) -> tuple[str, str]:
    """Return reason and hint for a connection that failed."""
    from urllib3 import exceptions

    text = str(error)
    if isinstance(error, exceptions.ProxyError):
        return "the proxy cannot be reached", "check HTTPS_PROXY, HTTP_PROXY and NO_PROXY in the environment"
    if isinstance(error, exceptions.NameResolutionError):
        return "its name cannot be resolved", _OFFLINE
    if isinstance(error, exceptions.NewConnectionError):
        refused = "refused" in text
        return ("nothing answers there (connection refused)" if refused else "no connection"), _OFFLINE
    if isinstance(error, exceptions.TimeoutError):
        return "it did not answer in time", _OFFLINE
    if isinstance(error, exceptions.SSLError):
        if "CERTIFICATE_VERIFY_FAILED" in text or "certificate verify failed" in text:
            hint = "name the authority that signed it: `sycee remote modify NAME ssl_verify CA.pem`"
            return "its TLS certificate is not trusted", hint
        return "it does not speak TLS", "begin the url with http://, if that is meant"
    if isinstance(error, exceptions.IncompleteRead | exceptions.ProtocolError):
        return "the connection broke", "run the command again; what arrived was not kept"
    return text.partition("\n")[0][:200] or type(error).__name__, _OFFLINE
