"""A real HTTP server for tests: keeps objects as files, knows PUT, POST, ranges, conditions, credentials and TLS.

with running_http(folder, HttpRules(auth="digest")) as server:
    ... server.url, server.folder, server.seen ...
"""

import contextlib
import hashlib
import os
import ssl
import threading
import uuid
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from rigs.loopback import LoopbackServer
from rigs.s3 import make_certificates

USER, PASSWORD, HEADER = "ann", "s3cr3t: x", "X-Token"
REALM = 'the "store"'
_PIECE = 1 << 16


@dataclass
class HttpRules:
    """How a server behaves; the defaults are those of a good one.

    ``fault`` is asked before each request and may answer it itself, by returning True.
    """

    auth: str = ""
    methods: tuple[str, ...] = ("PUT", "POST")
    ranges: bool = True
    conditions: bool = True
    head: bool = True
    lengths: bool = True
    algorithm: str = "SHA-256"
    tls: bool = False
    fault: "Callable[[Any], bool]" = field(default=lambda _: False)


@dataclass
class HttpRig:
    """A running server."""

    url: str
    folder: Path
    rules: HttpRules
    authority: Path
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)  # method, path, headers
    nonces: dict[str, int] = field(default_factory=dict)

    def options(self, **more: str) -> dict[str, str]:
        """The options of a DVC remote that reaches this server."""
        names = {"custom": "custom_auth_header", "basic": "user", "digest": "user"}
        own = {"auth": self.rules.auth, "password": PASSWORD} if self.rules.auth else {}
        if self.rules.auth:
            own[names[self.rules.auth]] = HEADER if self.rules.auth == "custom" else USER
        return {**own, **({"ssl_verify": str(self.authority)} if self.rules.tls else {}), **more}


@contextlib.contextmanager
def running_http(folder: Path, rules: HttpRules | None = None) -> Iterator[HttpRig]:
    """Run a server that keeps its objects in ``folder/objects`` until the block ends."""
    rules = rules or HttpRules()
    objects = folder / "objects"
    objects.mkdir(parents=True, exist_ok=True)
    with _Server(("127.0.0.1", 0), _Handler) as server:
        if rules.tls:
            make_certificates(folder)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
            server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "https" if rules.tls else "http"
        rig = HttpRig(f"{scheme}://127.0.0.1:{server.server_port}/store", objects, rules, folder / "ca.pem")
        server.rig = rig
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield rig
        server.shutdown()
        thread.join()


class _Server(LoopbackServer):
    rig: HttpRig


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._meet(self._give)

    def do_HEAD(self) -> None:
        self._meet(self._give if self.rules.head else lambda: self.end(405))

    def do_PUT(self) -> None:
        self._meet(self._take)

    def do_POST(self) -> None:
        self._meet(self._take)

    @property
    def rules(self) -> HttpRules:
        return self.server.rig.rules

    def _meet(self, act: Callable[[], None]) -> None:
        self.server.rig.seen.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
        if self.rules.fault(self):
            self.close_connection = True
        elif not self._knows():
            self.close_connection = True
            self.end(401, {"WWW-Authenticate": self._challenge()})
        else:
            act()

    def path_of(self) -> Path:
        return self.server.rig.folder / unquote(urlsplit(self.path).path).removeprefix("/store/")

    def end(self, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _give(self) -> None:
        try:
            file = self.path_of().open("rb")
        except OSError:
            self.end(404)
            return
        with file:
            size = os.fstat(file.fileno()).st_size
            tag = f'"{os.fstat(file.fileno()).st_ino}-{os.fstat(file.fileno()).st_mtime_ns}"'
            start, stop = self._span(size, tag)
            if start >= size > 0 or (start > 0 and size == 0):
                self.end(416, {"Content-Range": f"bytes */{size}"})
                return
            whole = (start, stop) == (0, size)
            self.send_response(200 if whole else 206)
            self.send_header("ETag", tag)
            if not whole:
                self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
            if self.rules.lengths:
                self.send_header("Content-Length", str(stop - start))
            else:
                self.send_header("Connection", "close")
                self.close_connection = True
            self.end_headers()
            file.seek(start)
            while self.command == "GET" and start < stop:
                piece = file.read(min(_PIECE, stop - start))
                self.wfile.write(piece)
                start += len(piece)

    def _span(self, size: int, tag: str) -> tuple[int, int]:
        asked = self.headers.get("Range", "").removeprefix("bytes=")
        if not asked or not self.rules.ranges or self.headers.get("If-Range", tag) != tag:
            return 0, size
        first, _, last = asked.partition("-")
        return int(first), min(size, int(last) + 1 if last else size)

    def _take(self) -> None:
        path = self.path_of()
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.server.rig.folder.with_name(uuid.uuid4().hex)  # outside: half a body is no object
        with temporary.open("wb") as file:
            whole = self._body(file.write)
        if not whole:
            temporary.unlink()
            self.close_connection = True
        elif self.command not in self.rules.methods:
            temporary.unlink()
            self.end(405)
        elif self.headers.get("If-None-Match") == "*" and self.rules.conditions:
            self._publish_new(temporary, path)
        else:
            temporary.replace(path)
            self.end(201)

    def _publish_new(self, temporary: Path, path: Path) -> None:
        try:
            os.link(temporary, path)
            self.end(201)
        except FileExistsError:
            self.end(412)
        finally:
            temporary.unlink()

    def _body(self, write: Callable[[bytes], Any]) -> bool:
        """Read a body of known length or in chunks (as DVC sends it); tell whether it came whole."""
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while length := int(self.rfile.readline().strip() or b"0", 16):
                write(self.rfile.read(length))
                self.rfile.readline()
            self.rfile.readline()
            return True
        left = int(self.headers.get("Content-Length", 0))
        while left and (piece := self.rfile.read(min(_PIECE, left))):
            write(piece)
            left -= len(piece)
        return left == 0

    def _knows(self) -> bool:
        said = self.headers.get("Authorization", "")
        match self.rules.auth:
            case "":
                return True
            case "basic":
                return said.startswith("Basic ") and b64decode(said[6:]).decode() == f"{USER}:{PASSWORD}"
            case "custom":
                return self.headers.get(HEADER, "").encode("latin-1").decode() == PASSWORD
        return said.startswith("Digest ") and self._digest_holds(_fields(said[7:]))

    def _challenge(self) -> str:
        if self.rules.auth != "digest":
            return f'{self.rules.auth} realm="store"'
        nonce = uuid.uuid4().hex
        self.server.rig.nonces[nonce] = 0
        realm = REALM.replace('"', '\\"')
        quality = f'qop="auth,auth-int", algorithm={self.rules.algorithm}'
        return f'Basic realm="x", Digest realm="{realm}", {quality}, nonce="{nonce}", opaque="o"'

    def _digest_holds(self, said: dict[str, str]) -> bool:
        hasher = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}[self.rules.algorithm]

        def digest(*parts: str) -> str:
            return hasher(":".join(parts).encode()).hexdigest()

        if said["nonce"] not in self.server.rig.nonces or said["uri"] != self.path or said["opaque"] != "o":
            return False
        secret, request = digest(USER, REALM, PASSWORD), digest(self.command, self.path)
        return said["response"] == digest(secret, said["nonce"], said["nc"], said["cnonce"], "auth", request)

    def log_message(self, *_: object) -> None:
        pass


def _fields(text: str) -> dict[str, str]:
    from urllib.request import parse_http_list, parse_keqv_list

    return parse_keqv_list(parse_http_list(text))
