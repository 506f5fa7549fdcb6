"""HTTP servers that break off, lie, redirect or refuse: what is made of it, and what a user is told."""

import io
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from backend_suite import load, pattern, save

from rigs.http import HEADER, PASSWORD, USER, HttpRig, HttpRules, running_http
from sycee.errors import NotFound, RemoteError, SyceeError, UsageError
from sycee.storage import httpclient
from sycee.storage.httpoptions import open_http
from sycee.storage.options import RemoteRequest
from sycee.storage.port import Backend

DATA = pattern(3 << 20)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(httpclient, "BACKOFF_SECONDS", 0.01)


@contextmanager
def opened(rig: HttpRig, environ: dict[str, str] | None = None, **more: str) -> Iterator[Backend]:
    with closing(open_http(RemoteRequest(more.pop("url", rig.url), rig.options(**more), environ or {}))) as backend:
        yield backend


def failing(backend: Backend, act: Callable[[Backend], object]) -> RemoteError:
    with pytest.raises(RemoteError) as caught:
        act(backend)
    assert caught.value.exit_code == 20
    assert caught.value.hint
    assert PASSWORD not in f"{caught.value.message} {caught.value.hint} {caught.value.details}"
    return caught.value


def times(count: int, act: Callable[[Any], None], method: str = "GET") -> Callable[[Any], bool]:
    """A fault for the first ``count`` requests of a method."""
    left = [count]

    def fault(handler: Any) -> bool:
        if handler.command != method or not left[0]:
            return False
        left[0] -= 1
        act(handler)
        return True

    return fault


def half(handler: Any) -> None:
    """Give the first half of what was asked for under the length of all of it."""
    start = int(handler.headers.get("Range", "bytes=0-")[6:].split("-")[0])
    data = handler.path_of().read_bytes()
    handler.send_response(206 if start else 200)
    handler.send_header("Content-Length", str(len(data) - start))
    if start:
        handler.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
    handler.end_headers()
    handler.wfile.write(data[start : (start + len(data)) // 2])


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_download_goes_on_where_it_ended(http_server: HttpRig, ranges: bool) -> None:
    (http_server.folder / "k").write_bytes(DATA)
    http_server.rules.ranges = ranges
    http_server.rules.fault = times(3, half)
    with opened(http_server) as backend:
        assert load(backend, "k") == DATA
    asked = [headers.get("range", "") for _, _, headers in http_server.seen]
    assert asked[0] == ""
    assert len(asked) == 4
    assert all(one.startswith("bytes=") for one in asked[1:])


def test_a_download_that_never_gets_on_is_given_up(http_server: HttpRig) -> None:
    (http_server.folder / "k").write_bytes(DATA)

    def nothing(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(DATA)))
        handler.end_headers()

    http_server.rules.fault = times(1000, nothing)
    with opened(http_server) as backend:
        error = failing(backend, lambda backend: load(backend, "k"))
    assert error.message == f"cannot read {http_server.url}/k: the connection broke"
    assert len(http_server.seen) == 6


def test_two_versions_are_not_joined(http_server: HttpRig) -> None:
    target = http_server.folder / "k"
    target.write_bytes(DATA)

    def replaced(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("ETag", '"old"')
        handler.send_header("Content-Length", str(len(DATA)))
        handler.end_headers()
        handler.wfile.write(DATA[: 2 << 20])

    http_server.rules.fault = times(1, replaced)
    with opened(http_server) as backend:
        error = failing(backend, lambda backend: load(backend, "k"))
    assert error.message.endswith("it was replaced while it was read")
    assert http_server.seen[-1][2]["if-range"] == '"old"'


@pytest.mark.parametrize("claim", ["bytes 0-3/10", "bytes */10", "", "bytes 5-3", "4-6/10"])
def test_a_206_is_not_believed(http_server: HttpRig, claim: str) -> None:
    def lie(handler: Any) -> None:
        handler.end(206, {"Content-Range": claim, "Content-Length": "4"}, b"0123")

    http_server.rules.fault = times(1, lie)
    with opened(http_server) as backend:
        error = failing(backend, lambda backend: load(backend, "k", start=4))
    assert error.message.endswith("the server sent another part than it was asked for")


def test_more_than_was_asked_for_is_cut_off(http_server: HttpRig) -> None:
    http_server.rules.ranges = False
    (http_server.folder / "k").write_bytes(DATA)
    with opened(http_server) as backend:
        assert load(backend, "k", start=5, length=7) == DATA[5:12]


def test_compressed_answers_are_refused(http_server: HttpRig) -> None:
    http_server.rules.fault = times(1, lambda handler: handler.end(200, {"Content-Encoding": "gzip"}))
    with opened(http_server) as backend:
        assert failing(backend, lambda backend: load(backend, "k")).message.endswith("the server compresses it")


@pytest.mark.parametrize("rules", [HttpRules(head=False), HttpRules(lengths=False)])
def test_sizes_where_head_does_not_tell(tmp_path: Path, rules: HttpRules) -> None:
    with running_http(tmp_path, rules) as rig, opened(rig) as backend:
        save(backend, "k", b"weights")
        assert backend.size("k") == 7
        assert backend.size("none") is None
        assert load(backend, "k") == b"weights"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_busy_servers_are_asked_again(http_server: HttpRig, status: int) -> None:
    busy = times(2, lambda handler: handler.end(status, {"Retry-After": "0"}), "POST")
    http_server.rules.fault = busy
    told: list[int] = []
    with opened(http_server) as backend:
        backend.write("k", io.BytesIO(DATA), len(DATA), on_bytes=told.append)
    assert (http_server.folder / "k").read_bytes() == DATA
    assert sum(told) == len(DATA)  # however often they were sent
    assert len(http_server.seen) == 3


def test_a_lost_answer_to_an_upload_is_repeated(http_server: HttpRig) -> None:
    http_server.rules.fault = times(2, lambda handler: handler._body(bytes), "POST")
    with opened(http_server) as backend:
        save(backend, "k", b"weights")
    assert (http_server.folder / "k").read_bytes() == b"weights"


def test_a_condition_that_is_ignored_is_noticed(http_server: HttpRig) -> None:
    http_server.rules.conditions = False
    with opened(http_server) as backend:
        assert backend.write_new("k", b"one")


@pytest.mark.parametrize(
    ("status", "message", "hint"),
    [
        (403, "access denied", "permission"),
        (404, "the server has no such place", "correct the remote's url"),
        (405, "the server does not take this method", "method PUT"),
        (413, "the object is too large for the server", "limit"),
        (507, "the server has no space left", "space"),
        (418, "the server answers 418 I'm a Teapot", "log"),
    ],
)
def test_refused_uploads(http_server: HttpRig, status: int, message: str, hint: str) -> None:
    http_server.rules.fault = times(1, lambda handler: handler.end(status), "POST")
    with opened(http_server) as backend:
        error = failing(backend, lambda backend: save(backend, "k", b"x"))
    assert error.message == f"cannot write {http_server.url}/k: {message}"
    assert hint in str(error.hint)


def test_the_method_is_chosen(http_server: HttpRig) -> None:
    http_server.rules.methods = ("PUT",)
    with opened(http_server, method="put") as backend:
        save(backend, "k", b"x")
    assert [method for method, _, _ in http_server.seen] == ["PUT"]


@pytest.mark.parametrize("auth", ["basic", "digest", "custom"])
def test_wrong_passwords(tmp_path: Path, auth: str) -> None:
    with running_http(tmp_path, HttpRules(auth=auth, algorithm="MD5")) as rig:
        with opened(rig) as backend:
            save(backend, "k", b"x")
            assert backend.size("k") == 1
        with opened(rig, password="wrong") as backend:
            for act in (lambda one: one.size("k"), lambda one: load(one, "k"), lambda one: save(one, "k", b"y")):
                error = failing(backend, act)
                assert error.message.endswith("/store/k: the server refuses the credentials")
                assert "remote modify --local" in str(error.hint)
        assert load_plain(rig, "k") == b"x"


def load_plain(rig: HttpRig, key: str) -> bytes:
    return (rig.folder / key).read_bytes()


def test_name_and_password_in_the_url(tmp_path: Path) -> None:
    with running_http(tmp_path, HttpRules(auth="basic")) as rig:
        url = rig.url.replace("://", f"://{USER}:s3cr3t%3A%20x@")
        with closing(open_http(RemoteRequest(url, {}, {}))) as backend:
            save(backend, "k", b"x")
            assert backend.describe("k") == f"{rig.url}/k"


def moved(target: str, status: int = 302) -> Callable[[Any], None]:
    return lambda handler: handler.end(status, {"Location": target})


def test_redirects_at_home_keep_the_credentials(tmp_path: Path) -> None:
    with running_http(tmp_path, HttpRules(auth="custom")) as rig, opened(rig) as backend:
        save(backend, "real", DATA)
        rig.rules.fault = lambda handler: handler.path.endswith("/k") and (moved("real")(handler) or True)
        assert load(backend, "k", start=4, length=4) == DATA[4:8]
        assert backend.size("k") == len(DATA)
    assert [headers[HEADER.lower()] for _, _, headers in rig.seen] == [PASSWORD] * 5


@pytest.mark.parametrize("auth", ["basic", "custom"])
def test_redirects_elsewhere_lose_them(tmp_path: Path, auth: str) -> None:
    with running_http(tmp_path / "a", HttpRules(auth=auth)) as rig, running_http(tmp_path / "b") as other:
        (other.folder / "real").write_bytes(DATA)
        rig.rules.fault = times(1, moved(f"{other.url}/real", 307))
        with opened(rig) as backend:
            assert load(backend, "k") == DATA
    assert not {HEADER.lower(), "authorization"} & other.seen[0][2].keys()


def test_a_stranger_who_asks_for_the_password_gets_nothing(tmp_path: Path) -> None:
    with (
        running_http(tmp_path / "a", HttpRules(auth="digest")) as rig,
        running_http(tmp_path / "b", HttpRules(auth="digest")) as other,
        opened(rig) as backend,
    ):
        rig.rules.fault = times(1, moved(f"{other.url}/k"))
        error = failing(backend, lambda backend: load(backend, "k"))
    assert error.message.endswith("the server refuses the credentials")
    assert len(other.seen) == 1
    assert "authorization" not in other.seen[0][2]


def test_redirects_that_are_not_followed(tmp_path: Path) -> None:
    with running_http(tmp_path, HttpRules(tls=True)) as rig, opened(rig) as backend:
        for target, reason in (
            (rig.url.replace("https", "http"), "which is not safe"),
            ("file:///etc/passwd", "which is not safe"),
            (f"{rig.url}/k", "redirects in a circle"),
        ):
            rig.rules.fault = times(10, moved(f"{target}/k" if target.startswith("http:") else target))
            assert reason in failing(backend, lambda backend: load(backend, "k")).message
        rig.rules.fault = times(1, moved(f"{rig.url}/other", 307), "POST")
        error = failing(backend, lambda backend: save(backend, "k", b"x"))
        assert "the server redirects the upload to https://127.0.0.1" in error.message
        assert "remote modify NAME url" in str(error.hint)
    assert list(rig.folder.iterdir()) == []


def test_tls_is_checked(tmp_path: Path) -> None:
    with running_http(tmp_path, HttpRules(tls=True)) as rig:
        with opened(rig, ssl_verify="true") as backend:
            error = failing(backend, lambda backend: save(backend, "k", b"x"))
            assert error.message.endswith("its TLS certificate is not trusted")
            assert "ssl_verify CA.pem" in str(error.hint)
        for environ, verify in (({}, "false"), ({"REQUESTS_CA_BUNDLE": str(rig.authority)}, "True")):
            with opened(rig, environ, ssl_verify=verify) as backend:
                save(backend, "k", b"x")
        with opened(rig, url=rig.url.replace("https", "http")) as backend:
            failing(backend, lambda backend: save(backend, "k", b"x"))


def test_a_plain_server_does_not_speak_tls(http_server: HttpRig) -> None:
    with opened(http_server, url=http_server.url.replace("http", "https")) as backend:
        assert failing(backend, lambda backend: backend.size("k")).message.endswith("it does not speak TLS")


def test_a_dead_server_is_not_asked_for_each_of_many_objects() -> None:
    begun = time.monotonic()
    with closing(open_http(RemoteRequest("http://127.0.0.1:1/x", {}, {}))) as backend:
        for number in range(500):
            error = failing(backend, lambda backend, key=f"k{number}": backend.size(key))
            assert error.message.endswith(f"/x/k{number}: nothing answers there (connection refused)")
    assert time.monotonic() - begun < 5


def test_unknown_host() -> None:
    with closing(open_http(RemoteRequest("https://no-such-host.invalid/x", {}, {}))) as backend:
        assert failing(backend, lambda backend: backend.size("k")).message.endswith("its name cannot be resolved")


def test_silence_is_not_waited_for(http_server: HttpRig) -> None:
    http_server.rules.fault = lambda handler: time.sleep(1) or True
    with opened(http_server, read_timeout="0.05") as backend:
        assert failing(backend, lambda backend: backend.size("k")).message.endswith("it did not answer in time")


def test_the_proxy_of_the_environment_is_used(http_server: HttpRig) -> None:
    proxy = http_server.url.removesuffix("/store")
    (http_server.folder / "k").write_bytes(b"x")
    with opened(http_server, {"http_proxy": proxy}, url="http://remote.invalid/store") as backend:
        assert load(backend, "k") == b"x"
    with opened(http_server, {"HTTP_PROXY": "127.0.0.1:1", "NO_PROXY": "127.0.0.1"}) as backend:
        assert load(backend, "k") == b"x"
    with opened(http_server, {"HTTP_PROXY": "127.0.0.1:1"}) as backend:
        assert failing(backend, lambda backend: load(backend, "k")).message.endswith("the proxy cannot be reached")


@pytest.mark.parametrize(
    ("url", "options", "message"),
    [
        ("https://host/x?token=y", {}, "no url that objects can lie below"),
        ("https:///x", {}, "no url that objects can lie below"),
        ("https://host:port/x", {}, "no url that objects can lie below"),
        ("https://host/x", {"method": "PATCH"}, "method has the value 'PATCH'"),
        ("https://host/x", {"auth": "ntlm"}, "auth has the value 'ntlm'"),
        ("https://host/x", {"auth": "basic", "password": PASSWORD}, "auth 'basic' needs the option user"),
        ("https://host/x", {"auth": "custom", "password": PASSWORD}, "'custom' needs the option custom_auth_header"),
        ("https://host/x", {"auth": "basic", "user": USER}, "has `auth` and no password"),
        ("https://host/x", {"auth": "basic", "user": USER, "ask_password": "true"}, "there is no terminal to ask"),
        ("https://host/x", {"auth": "custom", "custom_auth_header": "X: y", "password": "p"}, "cannot be a custom_"),
        ("https://host/x", {"auth": "custom", "custom_auth_header": "Host", "password": "p"}, "cannot be a custom_"),
        ("https://host/x", {"auth": "custom", "custom_auth_header": "X", "password": "p\r\nEvil: 1"}, "line break"),
        ("https://host/x", {"read_timeout": "long"}, "read_timeout has the value 'long'"),
    ],
)
def test_options_that_mean_nothing(url: str, options: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        open_http(RemoteRequest(url, options, {}))
    assert caught.value.hint
    assert PASSWORD not in caught.value.message


def test_a_file_without_certificates(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("é no certificate")
    with pytest.raises(UsageError, match="holds no certificates"):
        open_http(RemoteRequest("https://host/x", {"ssl_verify": str(tmp_path / "ca.pem")}, {}))
    with pytest.raises(SyceeError, match="cannot read the certificates"):
        open_http(RemoteRequest("https://host/x", {"ssl_verify": "/no/such/ca.pem"}, {}))


def test_missing_objects_are_not_the_remotes_fault(http_server: HttpRig) -> None:
    with opened(http_server) as backend, pytest.raises(NotFound) as caught:
        load(backend, "missing")
    assert caught.value.message == f"{http_server.url}/missing does not exist"
