"""A real S3 server for tests and benchmarks: SeaweedFS, with objects on disk and signatures checked.

with running_s3(folder) as server:
    server.create_bucket("models")
    ... server.endpoint, server.access_key, server.secret_key ...
"""

import contextlib
import ctypes
import datetime as dt
import ipaddress
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Each service takes its port and the one 10 000 higher (gRPC); both stay below the range of outgoing connections.
PORTS = range(12_000, 22_000)
GRPC_OFFSET = 10_000
SERVICES = ("s3.port", "s3.port.https", "master.port", "volume.port", "filer.port", "admin.port")
BUCKETS = ("models", "second")
START_SECONDS = 60
_PR_SET_PDEATHSIG = 1
# What this machine exports for its proxy; it must not decide how a local server is spoken to.
_FOREIGN = ("AWS_", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


@dataclass(frozen=True)
class S3Server:
    """A running server: where it is and who may use it."""

    endpoint: str
    access_key: str = "sycee-test"
    secret_key: str = "sycee-test-secret"
    buckets: tuple[str, ...] = BUCKETS
    tls_endpoint: str = ""
    authority: Path = Path()  # of the certificate at tls_endpoint, which nobody else knows
    environ: Mapping[str, str] = field(default_factory=dict)

    def options(self, **more: str) -> dict[str, str]:
        """The options of a DVC remote that reaches this server."""
        keys = {"access_key_id": self.access_key, "secret_access_key": self.secret_key}
        return {"endpointurl": self.endpoint, **keys, **more}

    def store(self, bucket: str = BUCKETS[0]) -> Any:
        """An obstore client of a bucket, independent of the code under test."""
        from obstore.store import S3Store

        return S3Store(
            bucket,
            endpoint=self.endpoint,
            region="us-east-1",
            access_key_id=self.access_key,
            secret_access_key=self.secret_key,
            client_options={"allow_http": True, "timeout": "20s"},
            retry_config={"max_retries": 0},
        )


@contextlib.contextmanager
def running_s3(folder: Path) -> Iterator[S3Server]:
    """Run a server that keeps its data in ``folder`` until the block ends (or this process dies)."""
    for attempt in range(5):
        ports = free_ports(len(SERVICES))
        home = folder / f"try{attempt}"
        server = S3Server(
            f"http://127.0.0.1:{ports[0]}",
            tls_endpoint=f"https://127.0.0.1:{ports[1]}",
            authority=home / "ca.pem",
            environ=clean_environ(),
        )
        process = _start(home, ports, server)
        try:
            if _ready(server, process):
                yield server
                return
        finally:
            process.kill()  # safe for the data, and 2 seconds faster than SIGTERM
            process.wait()
    raise RuntimeError(f"SeaweedFS did not start, see {folder}/try*/log")


def clean_environ() -> dict[str, str]:
    """The environment of this process without what would lead S3 clients astray."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}


def _start(folder: Path, ports: list[int], server: S3Server) -> subprocess.Popen[bytes]:
    (folder / "data").mkdir(parents=True)
    make_certificates(folder)
    weed = Path(sys.executable).with_name("weed")
    arguments = [f"-{service}={port}" for service, port in zip(SERVICES, ports, strict=True)]
    arguments += ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.electionTimeout=1s", "-master.telemetry=false"]
    arguments += [f"-s3.cert.file={folder / 'cert.pem'}", f"-s3.key.file={folder / 'key.pem'}"]
    arguments += ["-admin.ui=false", "-webdav=false", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    keys = {"AWS_ACCESS_KEY_ID": server.access_key, "AWS_SECRET_ACCESS_KEY": server.secret_key}
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [weed, "mini", f"-dir={folder / 'data'}", f"-bucket={','.join(server.buckets)}", *arguments],
            env={**server.environ, **keys},
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            preexec_fn=die_with_parent,
        )


def make_certificates(folder: Path) -> None:
    """Write ``ca.pem``, and a certificate for 127.0.0.1 that it signed: ``cert.pem`` with ``key.pem``."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    now = dt.datetime.now(dt.UTC)
    names = {who: x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, who)]) for who in ("test CA", "server")}
    keys = {who: ec.generate_private_key(ec.SECP256R1()) for who in names}

    def certificate(who: str, extension: x509.ExtensionType) -> bytes:
        builder = x509.CertificateBuilder().subject_name(names[who]).issuer_name(names["test CA"])
        builder = builder.public_key(keys[who].public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - dt.timedelta(1)).not_valid_after(now + dt.timedelta(2))
        signed = builder.add_extension(extension, critical=True).sign(keys["test CA"], hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM)

    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    (folder / "ca.pem").write_bytes(certificate("test CA", x509.BasicConstraints(ca=True, path_length=None)))
    (folder / "cert.pem").write_bytes(certificate("server", address))
    (folder / "key.pem").write_bytes(
        keys["server"].private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


def die_with_parent() -> None:
    # A parent that is killed cannot stop its servers; the kernel can.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def free_ports(count: int) -> list[int]:
    found: list[int] = []
    while len(found) < count:
        port = random.choice(PORTS)
        if port not in found and _is_free(port) and _is_free(port + GRPC_OFFSET):
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _ready(server: S3Server, process: subprocess.Popen[bytes]) -> bool:
    """Wait for a real PUT and GET in every bucket: ListBuckets answers before anything can be stored."""
    import obstore

    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            for bucket in server.buckets:
                store = server.store(bucket)
                obstore.put(store, "ready", b"yes")
                assert bytes(obstore.get(store, "ready").bytes()) == b"yes"
                obstore.delete(store, "ready")
        except Exception:  # noqa: BLE001 - whatever it is, it is not ready
            time.sleep(0.2)
        else:
            return True
    return False
