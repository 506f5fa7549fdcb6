"""A door through which a real object server speaks as Google Cloud Storage does.

No emulator that can be installed answers the XML interface as the client library speaks it. SeaweedFS does, but for
two things, which the door puts right: who asks is said by a bearer token, here a signed one of a service account, whose
signature and times the door checks; and ``x-goog-if-generation-match: 0`` asks that an object be new.
"""

import base64
import contextlib
import http.client
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from rigs.loopback import LoopbackServer
from rigs.s3 import S3Server

_KEPT = ("content-type", "range", "if-match", "if-none-match")


@dataclass
class GcsServer:
    """A running door: its address and the file of a service account that it knows."""

    endpoint: str
    account: Path
    public: Any
    inner: S3Server
    seen: list[str] = field(default_factory=list)  # what was said of who asks

    def options(self, **more: str) -> dict[str, str]:
        """The options of a DVC remote that reaches this server."""
        return {"endpointurl": self.endpoint, "credentialpath": str(self.account), **more}


@contextlib.contextmanager
def running_gcs(folder: Path, inner: S3Server) -> Iterator[GcsServer]:
    """Run a door before a server until the block ends."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    pem = private_key()
    public = load_pem_private_key(pem.encode(), None).public_key()
    account = folder / "account.json"
    account.write_text(service_account(pem))
    with _Server(("127.0.0.1", 0), _Door) as server:
        server.rig = GcsServer(f"http://127.0.0.1:{server.server_port}", account, public, inner)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield server.rig
        server.shutdown()


def private_key() -> str:
    """Return a new RSA key in PEM form."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(65537, 2048)
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain).decode()


def service_account(pem: str) -> str:
    """Return the file of a service account with a private key."""
    names = {"client_email": "rig@example.org", "client_id": "1", "private_key_id": "1", "project_id": "rig"}
    return json.dumps({"type": "service_account", "private_key": pem, "token_uri": "http://127.0.0.1:1/", **names})


class _Server(LoopbackServer):
    rig: GcsServer


class _Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._pass()

    def do_HEAD(self) -> None:
        self._pass()

    def do_PUT(self) -> None:
        self._pass()

    def do_POST(self) -> None:
        self._pass()

    def do_DELETE(self) -> None:
        self._pass()

    def _pass(self) -> None:
        rig = self.server.rig
        size = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(size)
        said = self.headers.get("Authorization", "")
        rig.seen.append(said)
        if len(body) < size:
            self.close_connection = True
        elif not _holds(said, rig.public):
            self._refuse()
        else:
            self._hand_on(body)

    def _refuse(self) -> None:
        text = b"<Error><Code>AuthenticationRequired</Code><Message>Who are you?</Message></Error>"
        self.send_response(401)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else text)

    def _hand_on(self, body: bytes) -> None:
        parts = urlsplit(self.server.rig.inner.endpoint)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        target = _canonical(self.path)
        with contextlib.closing(connection):
            connection.request(self.command, target, body, self._signed(target, body))
            answer = connection.getresponse()
            content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"connection", "transfer-encoding", "content-length", "date", "server"}:
                self.send_header(name, value)
        length = answer.headers.get("content-length", "0") if self.command == "HEAD" else str(len(content))
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(content)

    def _signed(self, target: str, body: bytes) -> dict[str, str]:
        """Return the headers by which the server inside knows us."""
        from botocore.auth import S3SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        inner = self.server.rig.inner
        headers = {name: self.headers[name] for name in _KEPT if name in self.headers}
        if self.headers.get("x-goog-if-generation-match") == "0":
            headers["if-none-match"] = "*"
        url = f"{inner.endpoint}{target}"
        request = AWSRequest(self.command, url, headers, body)
        S3SigV4Auth(Credentials(inner.access_key, inner.secret_key), "s3", "us-east-1").add_auth(request)
        return dict(request.headers)

    def log_message(self, *_: object) -> None:
        pass


def _canonical(target: str) -> str:
    """Return path and query quoted in the one way that signatures know."""
    parts = urlsplit(target)
    query = urlencode(parse_qsl(parts.query, keep_blank_values=True), quote_via=quote, safe="")
    return quote(unquote(parts.path), safe="/-_.~") + (f"?{query}" if query else "")


def _holds(said: str, public: Any) -> bool:
    """Tell whether a token was signed by the account, for this purpose, and is still good."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    parts = said.removeprefix("Bearer ").split(".")
    if not said.startswith("Bearer ") or len(parts) != 3:
        return False
    try:
        public.verify(_decoded(parts[2]), f"{parts[0]}.{parts[1]}".encode(), PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    claims = json.loads(_decoded(parts[1]))
    return claims["iss"] == "rig@example.org" and claims["iat"] - 60 <= time.time() < claims["exp"]


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
