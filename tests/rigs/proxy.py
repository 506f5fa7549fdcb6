"""A proxy on loopback between a client and a real HTTP server, which does to requests what bad networks and stores do.

with running_proxy(server.endpoint) as proxy:
    proxy.plan = lambda request: "reset" if request.method == "GET" else None
    ... proxy.endpoint ...  proxy.requests
"""

import contextlib
import http.client
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

STATUS = {"500": "Internal Server Error", "503": "Slow Down", "429": "Too Many Requests"}
_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive"}
_NO_LINGER = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Request:
    """What a plan decides upon.

    Attributes:
        method: ``GET``, ``PUT``, …
        path: With the query.
        seen: How many requests of this method and path came before.
        size: Of its body in bytes.
    """

    method: str
    path: str
    seen: int
    size: int


# A plan returns one of these, or None for an honest answer:
# stop          what Proxy.stop does, and then a reset
# reset         the connection is reset before the request reaches the server
# lost          the request reaches the server; its answer does not come back
# 500 503 429   the server is not asked
# expired       the server is not asked; it is said that the session token was good until now
# slow          the body drips
# cut           the connection is reset in the middle of the body of a good answer
# short         half of the body, with a Content-Length and a status that say it is all
# wrong         other bytes, as many
# half          half of the request's body reaches the server, as if it were all
# unconditional a PUT is done as if it had no condition (by Proxy.put: the condition is signed)
Plan = Callable[[Request], str | None]


@dataclass
class Proxy:
    """A running proxy.

    Attributes:
        endpoint: Its own URL.
        target: ``host:port`` of the server.
        plan: What is done to each request.
        put: Stores a body at the path of a request, for ``unconditional``.
        stop: Ends the client, for ``stop``.
        requests: All that came, in order, each with the fault it met.
    """

    endpoint: str
    target: str
    plan: Plan = lambda _request: None
    put: Callable[[str, bytes], object] = lambda _path, _body: None
    stop: Callable[[], object] = lambda: None
    requests: list[tuple[Request, str | None]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def decide(self, method: str, path: str, size: int) -> str | None:
        """Note a request and return its fault."""
        with self.lock:
            seen = sum(1 for before, _ in self.requests if (before.method, before.path) == (method, path))
            request = Request(method, path, seen, size)
            fault = self.plan(request)
            self.requests.append((request, fault))
        return fault

    def clear(self) -> None:
        """Be honest from now on, and forget what came."""
        with self.lock:
            self.plan = lambda _request: None
            self.requests.clear()


@contextlib.contextmanager
def running_proxy(target: str) -> Iterator[Proxy]:
    """Run a proxy for the server at a URL until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.proxy = Proxy(f"http://127.0.0.1:{server.server_port}", urlsplit(target).netloc)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield server.proxy
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def _any(self) -> None:
        proxy: Proxy = self.server.proxy
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = proxy.decide(self.command, self.path, len(body))
        if fault == "half":
            body = body[: len(body) // 2]
        if fault == "stop":
            proxy.stop()
        if fault in {"reset", "stop"}:
            self._reset()
        elif fault == "unconditional":
            proxy.put(self.path, body)
            self._answer(200, {"ETag": '"new"'}, b"", fault)
        elif fault in STATUS:
            self._answer(int(fault), {}, b"<Error><Code>InternalError</Code></Error>", fault)
        elif fault == "expired":
            self._answer(403, {}, b"<Error><Code>ExpiredToken</Code></Error>", fault)
        else:
            self._answer(*self._forward(proxy.target, body, fault), fault)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _any  # noqa: N815 - the names that http.server calls

    def _forward(self, target: str, body: bytes, fault: str | None) -> tuple[int, dict[str, str], bytes]:
        with contextlib.closing(http.client.HTTPConnection(target, timeout=60)) as server:
            server.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                server.putheader(name, str(len(body)) if name.lower() == "content-length" else value)
            server.endheaders(body)
            answer = server.getresponse()
            headers = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP}
            if self.command == "HEAD":
                headers["Content-Length"] = answer.getheader("Content-Length") or "0"
            return answer.status, headers, answer.read()

    def _answer(self, status: int, headers: dict[str, str], body: bytes, fault: str | None) -> None:
        if fault == "lost":
            self._reset()
            return
        if status < 300 and fault == "short":
            body = body[: len(body) // 2]
        if status < 300 and fault == "wrong":
            body = bytes(byte ^ 1 for byte in body)
        self.send_response_only(status, STATUS.get(str(status)))
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self._send(body, fault if status < 300 else None)

    def _send(self, body: bytes, fault: str | None) -> None:
        with contextlib.suppress(OSError):
            if fault == "cut" and body:
                self.wfile.write(body[: len(body) // 2])
                self._reset()
            elif fault == "slow":
                for begin in range(0, len(body), step := max(1, len(body) // 20)):
                    self.wfile.write(body[begin : begin + step])
                    time.sleep(0.01)
            else:
                self.wfile.write(body)

    def _reset(self) -> None:
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.close_connection = True
        self.connection.close()
