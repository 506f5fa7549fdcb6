"""What goes wrong with S3 remotes, and what a user is told: each message names the cause and what to do."""

import io
import resource
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice

import pytest

from sycee.errors import NotFound, RemoteError, UsageError
from sycee.storage.options import RemoteRequest
from sycee.storage.port import Backend
from sycee.storage.s3 import open_s3
from sycee.storage.s3parts import Bucket, Part, S3Parts

URL = "s3://models/errors"
WRONG = "wrong-sycee-secret"

CALLS: dict[str, Callable[[Backend], object]] = {
    "size": lambda backend: backend.size("k"),
    "read": lambda backend: list(backend.read("k")),
    "write": lambda backend: backend.write("k", io.BytesIO(b"x"), 1),
    "write_new": lambda backend: backend.write_new("k", b"x"),
    "list": lambda backend: list(backend.list()),
    "delete": lambda backend: backend.delete("k"),
}


def failure(
    call: str, options: dict[str, str], *, url: str = URL, environ: dict[str, str] | None = None
) -> RemoteError:
    with closing(open_s3(RemoteRequest(url, options, environ or {}))) as backend:
        started = time.monotonic()
        with pytest.raises(RemoteError) as caught:
            CALLS[call](backend)
        assert time.monotonic() - started < 5
    assert caught.value.exit_code == 20
    assert caught.value.hint
    assert WRONG not in f"{caught.value.message} {caught.value.hint} {caught.value.details}"
    return caught.value


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS)
def test_wrong_secret(s3_server, call: str) -> None:
    error = failure(call, s3_server.options(secret_access_key=WRONG))
    assert error.message.endswith("the server refuses the signature: the secret key is wrong")
    assert "s3://models/errors" in error.message
    assert "secret_access_key" in str(error.hint)


@pytest.mark.slow
def test_unknown_access_key(s3_server) -> None:
    error = failure("size", s3_server.options(access_key_id="nobody"))
    assert error.message == "cannot look at s3://models/errors/k: the server does not know the access key"


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS)
def test_missing_bucket(s3_server, call: str) -> None:
    error = failure(call, s3_server.options(), url="s3://no-such-bucket/p")
    assert error.message.endswith(": the bucket does not exist")
    assert "correct the remote's url" in str(error.hint)


@pytest.mark.slow
def test_anonymous_login_is_refused_as_access_denied(s3_server) -> None:
    options = {"endpointurl": s3_server.endpoint, "allow_anonymous_login": "true"}
    error = failure("write", options)
    assert error.message == "cannot write s3://models/errors/k: access denied"


@pytest.mark.slow
def test_environment_does_not_redirect(s3_server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_SESSION_TOKEN": "stale",
        "AWS_SKIP_SIGNATURE": "true",
        "AWS_CA_BUNDLE": "",
        "AWS_ACCESS_KEY_ID": "other",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }.items():
        monkeypatch.setenv(name, value)
    with closing(open_s3(RemoteRequest(URL, s3_server.options(), {"AWS_CA_BUNDLE": "/no/such/file"}))) as backend:
        CALLS["write"](backend)
        assert backend.size("k") == 1


@pytest.mark.slow
def test_speaking_tls_to_a_plain_server(s3_server) -> None:
    error = failure("size", s3_server.options(endpointurl=s3_server.endpoint.replace("http:", "https:")))
    assert error.message == "cannot look at s3://models/errors/k: it does not speak TLS"


@pytest.mark.slow
def test_tls_is_checked(s3_server) -> None:
    options = s3_server.options(endpointurl=s3_server.tls_endpoint)
    error = failure("size", options)
    assert error.message == "cannot look at s3://models/errors/k: its TLS certificate is not trusted"
    assert "ssl_verify CA.pem" in str(error.hint)
    authority = str(s3_server.authority)
    for more, environ in (
        ({"ssl_verify": authority}, {}),
        ({"ssl_verify": "false"}, {}),
        ({}, {"AWS_CA_BUNDLE": authority}),
        ({"ssl_verify": "True"}, {"AWS_CA_BUNDLE": authority}),
    ):
        with closing(open_s3(RemoteRequest(URL, {**options, **more}, environ))) as backend:
            CALLS["write"](backend)
            assert backend.size("k") == 1


KEYS = {"access_key_id": "k", "secret_access_key": WRONG}


@pytest.mark.parametrize("call", CALLS)
def test_nothing_listens(call: str) -> None:
    error = failure(call, {"endpointurl": "http://127.0.0.1:1", **KEYS})
    assert error.message.endswith(": nothing answers there (connection refused)")


def test_a_dead_server_is_not_asked_for_each_of_many_objects() -> None:
    begun = time.monotonic()
    with closing(open_s3(RemoteRequest(URL, {"endpointurl": "http://127.0.0.1:1", **KEYS}, {}))) as backend:
        for number in range(500):
            with pytest.raises(RemoteError, match=f"k{number}: nothing answers there"):
                backend.size(f"k{number}")
    assert time.monotonic() - begun < 10


def test_unknown_host() -> None:
    error = failure("size", {"endpointurl": "http://no-such-host.invalid", **KEYS})
    assert error.message == "cannot look at s3://models/errors/k: its name cannot be resolved"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"access_key_id": "k"}, "have access_key_id but no secret_access_key"),
        ({"secret_access_key": WRONG}, "have secret_access_key but no access_key_id"),
        ({"endpointurl": "minio:9000", **KEYS}, "is no http or https address"),
        ({"endpointurl": f"http://me:{WRONG}@host", **KEYS}, "endpointurl holds a user name"),
        ({"region": "x@evil.example/", **KEYS}, "is no region"),  # it would lead the request to another host
        ({"region": "evil.example/#", **KEYS}, "is no region"),
        ({"use_ssl": "perhaps", **KEYS}, "use_ssl has the value 'perhaps'"),
        ({"read_timeout": "long", **KEYS}, "read_timeout has the value 'long'"),
        ({"sse_customer_key": "x", **KEYS}, "cannot use `sse_customer_key`"),
    ],
)
def test_options_that_mean_nothing(options: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        open_s3(RemoteRequest(URL, options, {}))
    assert caught.value.hint
    assert WRONG not in caught.value.message


def test_url_without_bucket() -> None:
    with pytest.raises(UsageError, match="names no bucket"):
        open_s3(RemoteRequest("s3:///prefix", KEYS, {}))


def test_certificates_that_cannot_be_read() -> None:
    options = {"endpointurl": "https://127.0.0.1:1", "ssl_verify": "/no/such/ca.pem", **KEYS}
    with pytest.raises(RemoteError, match=r"cannot read the certificates in /no/such/ca\.pem"):
        open_s3(RemoteRequest(URL, options, {}))


def test_no_credentials_at_all(tmp_path) -> None:
    environ = {"HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}
    with pytest.raises(RemoteError, match="there are no credentials for the remote"):
        open_s3(RemoteRequest(URL, {}, environ))


@pytest.mark.slow
def test_access_lists_make_a_remote_read_only(s3_server) -> None:
    with closing(open_s3(RemoteRequest("s3://models/acl", s3_server.options(), {}))) as writable:
        CALLS["write"](writable)
    options = s3_server.options(acl="bucket-owner-full-control")
    with closing(open_s3(RemoteRequest("s3://models/acl", options, {}))) as backend:
        assert backend.size("k") == 1
        assert list(backend.read("k")) == [b"x"]
        assert [one.key for one in backend.list()] == ["k"]
        for call in ("write", "write_new", "delete"):
            with pytest.raises(RemoteError, match="sycee cannot set `acl` on what it stores") as caught:
                CALLS[call](backend)
            assert "dvc push" in str(caught.value.hint)


@pytest.mark.slow
def test_missing_object_is_not_a_remote_error(s3_server) -> None:
    with closing(open_s3(RemoteRequest(URL, s3_server.options(), {}))) as backend, pytest.raises(NotFound) as caught:
        list(backend.read("missing"))
    assert caught.value.message == "s3://models/errors/missing does not exist"


class _Flood(BaseHTTPRequestHandler):
    """A store that answers every request for a few bytes with far more."""

    def do_GET(self) -> None:
        listing = b"<ListBucketResult><Name>models</Name><IsTruncated>false</IsTruncated></ListBucketResult>"
        size = len(listing) if "list-type" in self.path else 1 << 34
        self.send_response(200 if "list-type" in self.path else 206)
        self.send_header("content-length", str(size))
        self.send_header("content-range", "bytes 0-4/5")
        self.send_header("last-modified", "Tue, 01 Jan 2019 00:00:00 GMT")
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(listing)
            while size > len(listing):
                self.wfile.write(bytes(1 << 20))

    def log_message(self, *_: object) -> None:
        pass


def test_a_store_that_sends_without_end_is_not_listened_to() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Flood) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        error = failure("read", {"endpointurl": f"http://127.0.0.1:{server.server_port}", **KEYS})
        server.shutdown()
    assert "came incomplete: expected 5 bytes, found" in error.message
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


class _Endless(BaseHTTPRequestHandler):
    """A store that always says that there are more parts, and gives the same ones."""

    def do_GET(self) -> None:
        part = b'<Part><PartNumber>1</PartNumber><Size>5</Size><ETag>"a"</ETag></Part>'
        body = b"<ListPartsResult>" + part + b"<IsTruncated>true</IsTruncated></ListPartsResult>"
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_a_list_of_parts_that_does_not_go_on_ends() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Endless) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        endpoint = f"http://127.0.0.1:{server.server_port}"
        keys = {"access_key_id": "a", "secret_access_key": "b"}
        bucket = Bucket(endpoint, "models", "", "us-east-1", lambda: keys, 5, {}, ssl.create_default_context)
        with closing(S3Parts(bucket)) as parts:
            found = list(islice(parts.parts("k", "id"), 100))
        server.shutdown()
    assert found == [Part(1, 5, '"a"')] * 2
