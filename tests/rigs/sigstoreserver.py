"""The small Sigstore of :mod:`rigs.fulcio` as a service on this machine, for clients that sign."""

import base64
import datetime as dt
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from rigs.fulcio import ISSUER, SUBJECT, Sigstore, Who, dsse
from rigs.loopback import LoopbackServer

WORKFLOW = SUBJECT.removeprefix("https://github.com/")


def token(*, seconds: int = 300, workflow: str = WORKFLOW, **claims: Any) -> str:
    """Return a token as a CI service gives it; nobody checks its signature."""
    now = int(dt.datetime.now(dt.UTC).timestamp())
    body = {"aud": "sigstore", "iss": ISSUER, "sub": "repo:acme/models", "iat": now, "exp": now + seconds}
    parts = [{"alg": "HS256", "typ": "JWT"}, {**body, "job_workflow_ref": workflow, **claims}]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, "c2lnbmF0dXJl"])


class Service:
    """What answers: certificates for tokens, entries for signatures.

    Attributes:
        asked: Paths that were asked for.
        broken: Paths that are answered with an error.
        lies: Whether the log gives entries of a tree that is not its own.
    """

    def __init__(self, instance: Sigstore) -> None:
        self.instance = instance
        self.asked: list[str] = []
        self.broken: set[str] = set()
        self.lies = False
        self.url = ""

    def answer(self, path: str, bearer: str, body: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(path)
        return self._certified(bearer, body) if path == "/api/v2/signingCert" else self._logged(body)

    def _certified(self, bearer: str, body: dict[str, Any]) -> dict[str, Any]:
        claims = bearer.split(".")[1]
        workflow = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["job_workflow_ref"]
        request = x509.load_pem_x509_csr(base64.b64decode(body["certificateSigningRequest"]))
        who = Who(subject=f"https://github.com/{workflow}", since=dt.datetime.now(dt.UTC).replace(microsecond=0))
        leaf = self.instance.certificate(request.public_key(), who)
        chain = [one.public_bytes(Encoding.PEM).decode() for one in (leaf, self.instance.root)]
        return {"signedCertificateEmbeddedSct": {"chain": {"certificates": chain}}}

    def _logged(self, proposed: dict[str, Any]) -> dict[str, Any]:
        if proposed["kind"] == "dsse":
            content = proposed["spec"]["proposedContent"]
            certificate = x509.load_pem_x509_certificate(base64.b64decode(content["verifiers"][0]))
            proposed = dsse(json.loads(content["envelope"]), certificate)
        else:
            data, signature = (proposed["spec"][name] for name in ("data", "signature"))
            signature = {name: signature[name] for name in ("content", "publicKey")}
            signature["publicKey"] = {"content": signature["publicKey"]["content"]}
            hashed = {name: data["hash"][name] for name in ("algorithm", "value")}
            proposed = {**proposed, "spec": {"data": {"hash": hashed}, "signature": signature}}
        entry = (Sigstore() if self.lies else self.instance).entry(proposed, dt.datetime.now(dt.UTC))
        return {"0" * 64: _as_answer(entry)}


def _as_answer(entry: dict[str, Any]) -> dict[str, Any]:
    def hexed(text: str) -> str:
        return base64.b64decode(text).hex()

    proof = entry["inclusionProof"]
    return {
        "body": entry["canonicalizedBody"],
        "integratedTime": int(entry["integratedTime"]),
        "logID": hexed(entry["logId"]["keyId"]),
        "logIndex": int(entry["logIndex"]),
        "verification": {
            "signedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
            "inclusionProof": {
                "logIndex": int(proof["logIndex"]),
                "rootHash": hexed(proof["rootHash"]),
                "treeSize": int(proof["treeSize"]),
                "hashes": [hexed(one) for one in proof["hashes"]],
                "checkpoint": proof["checkpoint"]["envelope"],
            },
        },
    }


@contextmanager
def serving(instance: Sigstore) -> Iterator[Service]:
    """Run the services of an instance while the block runs."""
    service = Service(instance)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path in service.broken:
                self.send_response(503)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self._give(201, service.answer(self.path, self.headers.get("Authorization", ""), body))

        def do_GET(self) -> None:  # some clients ask where people would log in
            self._give(200, {"authorization_endpoint": service.url, "token_endpoint": service.url})

        def _give(self, status: int, answer: dict[str, Any]) -> None:
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_arguments: object) -> None:
            pass

    server = LoopbackServer(("127.0.0.1", 0), Handler)
    service.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def write_config(service: Service, path: Path) -> Path:
    """Write the client trust configuration of a service."""

    def at(url: str) -> dict[str, Any]:
        since = {"start": "2025-01-01T00:00:00Z"}
        return {"url": url, "majorApiVersion": 1, "validFor": since, "operator": "test"}

    signing = {
        "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
        "caUrls": [at(service.url)],
        "oidcUrls": [at(service.url)],
        "rekorTlogUrls": [at(service.url)],
        "tsaUrls": [],
        "rekorTlogConfig": {"selector": "ANY"},
        "tsaConfig": {"selector": "ANY"},
    }
    kind = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"
    config = {"mediaType": kind, "trustedRoot": service.instance.trusted_root(), "signingConfig": signing}
    path.write_text(json.dumps(config))
    return path
