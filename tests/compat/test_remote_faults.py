"""Push and pull over a network, and to a store, that misbehave: nothing wrong is accepted, and it ends.

Between sycee and a real S3 server stands a proxy that resets, drips, cuts, alters and loses (``rigs/proxy.py``).
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import obstore
import obstore.store
import pytest

from rigs.proxy import Proxy, running_proxy
from sycee.cli.main import main
from sycee.digest import md5_hex
from sycee.storage import objectstore, s3parts
from sycee.storage.options import RemoteRequest
from sycee.storage.s3 import open_s3
from sycee.store import moving

pytestmark = pytest.mark.slow

FILES = {"model.pt": os.urandom(300_000), "data/a": b"a" * 5000, "data/b": b"b" * 5000, "data/empty": b""}
RETRIES = 3  # what a test has patience for; the client waits longer each time
PASSING = ("reset", "lost", "500", "503", "429", "slow", "cut")  # a second attempt makes them good
LYING = ("short", "wrong")  # the client cannot see them; the digests do


@dataclass(frozen=True)
class Scene:
    """A repository whose remote lies behind the proxy, and a clone of it without data."""

    repo: Path
    clone: Path
    prefix: str
    proxy: Proxy
    store: obstore.store.S3Store

    def objects(self) -> dict[str, bytes]:
        """What the server really has."""
        found = [one["path"] for page in self.store.list(self.prefix) for one in page]
        return {path.removeprefix(f"{self.prefix}/"): bytes(self.store.get(path).bytes()) for path in found}


@pytest.fixture(scope="module")
def proxy(s3_server) -> Iterator[Proxy]:
    with running_proxy(s3_server.endpoint) as running:
        yield running


@pytest.fixture
def scene(repo_dir: Path, s3_server, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    proxy.clear()
    for name, content in FILES.items():
        (repo_dir / name).parent.mkdir(exist_ok=True)
        (repo_dir / name).write_bytes(content)
    prefix = f"faults/{tmp_path.name}"
    monkeypatch.chdir(repo_dir)
    for words in (
        ["remote", "add", "-d", "store", f"s3://models/{prefix}"],
        ["remote", "modify", "store", "endpointurl", proxy.endpoint],
        ["remote", "modify", "--local", "store", "access_key_id", s3_server.access_key],
        ["remote", "modify", "--local", "store", "secret_access_key", s3_server.secret_key],
        ["add", "model.pt", "data"],
    ):
        assert main(words) == 0
    _make_impatient(monkeypatch)
    clone = tmp_path / "clone"
    shutil.copytree(repo_dir, clone, ignore=shutil.ignore_patterns("cache", "tmp", *(n.split("/")[0] for n in FILES)))
    subprocess.run(["git", "-C", clone, "status"], check=True, capture_output=True)
    return Scene(repo_dir, clone, prefix, proxy, s3_server.store())


def _make_impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    real = obstore.store.S3Store

    def impatient(*args, retry_config, **options):
        retry_config = {**retry_config, "max_retries": min(RETRIES, retry_config["max_retries"])}
        return real(*args, retry_config=retry_config, **options)

    monkeypatch.setattr(obstore.store, "S3Store", impatient)


def run(folder: Path, *words: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.chdir(folder)
    return main(list(words))


def once(fault: str, *methods: str):
    """A plan: the first request for each thing meets the fault, where it moves bytes."""
    return lambda request: fault if request.method in methods and request.seen == 0 else None


def on_model(fault: str, method: str, name: str = "model.pt"):
    """A plan: every such request for one object meets the fault."""
    key = md5_key(FILES[name])
    return lambda request: fault if request.method == method and key in request.path else None


def require_whole_objects(scene: Scene) -> None:
    for key, content in scene.objects().items():
        if key.startswith("files/md5/"):
            assert md5_hex(content) == key.removeprefix("files/md5/").replace("/", "").removesuffix(".dir"), key


def require_whole_clone(scene: Scene) -> None:
    """Nothing in the cache or the work tree is anything but what its name says."""
    for path in (scene.clone / ".dvc/cache/files/md5").rglob("*"):
        if path.is_file():
            assert md5_hex(path.read_bytes()) == (path.parent.name + path.name).removesuffix(".dir"), path
    for name, content in FILES.items():
        path = scene.clone / name
        assert not path.exists() or path.read_bytes() == content, name


def require_complete_clone(scene: Scene) -> None:
    require_whole_clone(scene)
    assert {name for name in FILES if (scene.clone / name).exists()} == set(FILES)


@pytest.mark.parametrize("fault", PASSING)
def test_what_passes_by_is_only_slower(scene, fault, monkeypatch):
    scene.proxy.plan = once(fault, "PUT", "HEAD", "GET")
    assert run(scene.repo, "push", monkeypatch=monkeypatch) == 0
    require_whole_objects(scene)
    assert len([key for key in scene.objects() if key.startswith("files/md5/")]) == len(FILES) + 1
    scene.proxy.requests.clear()
    assert run(scene.clone, "pull", monkeypatch=monkeypatch) == 0
    require_complete_clone(scene)
    assert fault in {met for _, met in scene.proxy.requests}


@pytest.mark.parametrize("fault", LYING)
def test_bytes_that_are_not_the_object_are_refused_by_name(scene, fault, monkeypatch, capsys):
    assert run(scene.repo, "push", monkeypatch=monkeypatch) == 0
    scene.proxy.plan = on_model(fault, "GET")
    assert run(scene.clone, "pull", monkeypatch=monkeypatch) in {11, 20}
    said = capsys.readouterr().err
    assert "model.pt" in said
    assert "Traceback" not in said
    require_whole_clone(scene)
    assert not (scene.clone / "model.pt").exists()
    scene.proxy.clear()
    assert run(scene.clone, "pull", monkeypatch=monkeypatch) == 0
    require_complete_clone(scene)


@pytest.mark.parametrize(("verb", "method"), [("push", "PUT"), ("pull", "GET")])
@pytest.mark.parametrize("fault", ["reset", "503", "cut"])
def test_what_does_not_pass_ends_with_a_name_and_few_requests(scene, verb, method, fault, monkeypatch, capsys):
    if (verb, fault) == ("push", "cut"):
        fault = "lost"
    folder = scene.repo if verb == "push" else scene.clone
    if verb == "pull":
        assert run(scene.repo, "push", monkeypatch=monkeypatch) == 0
    scene.proxy.requests.clear()
    scene.proxy.plan = on_model(fault, method)
    assert run(folder, verb, monkeypatch=monkeypatch) == 20
    said = capsys.readouterr().err
    assert "model.pt" in said
    assert "Traceback" not in said
    asked = [request for request, met in scene.proxy.requests if met]
    assert 0 < len(asked) <= 4 * (RETRIES + 1)
    require_that_it_goes_on(scene, folder, verb, monkeypatch)


def test_a_store_that_keeps_half_of_what_it_was_sent_is_found_out(scene, monkeypatch, capsys):
    scene.proxy.plan = on_model("half", "PUT")
    assert run(scene.repo, "push", monkeypatch=monkeypatch) == 20
    assert "model.pt" in capsys.readouterr().err
    scene.proxy.clear()
    assert run(scene.repo, "push", monkeypatch=monkeypatch) == 0
    require_whole_objects(scene)


def test_a_folder_is_not_announced_before_its_members_are_there(scene, monkeypatch):
    scene.proxy.plan = on_model("503", "PUT", "data/b")
    assert run(scene.repo, "push", monkeypatch=monkeypatch) == 20
    assert not any(path.endswith(".dir") for path in scene.objects())


def test_a_store_that_ignores_conditions_does_not_lose_what_is_there(s3_server, proxy):
    proxy.clear()
    proxy.plan = lambda request: "unconditional" if request.method == "PUT" else None
    proxy.put = lambda path, body: s3_server.store().put(path.removeprefix("/models/"), body)
    request = RemoteRequest("s3://models/conditions", s3_server.options(endpointurl=proxy.endpoint), {})
    with closing(open_s3(request)) as backend:
        assert backend.write_new("lease", b"first")
        assert not backend.write_new("lease", b"second")
        assert b"".join(backend.read("lease")) == b"first"


def test_credentials_that_expire_half_way_cost_nothing_that_was_done(scene, monkeypatch, capsys):
    for verb, method, folder in (("push", "PUT", scene.repo), ("pull", "GET", scene.clone)):
        scene.proxy.plan = expiring(method, after=2)
        assert run(folder, verb, monkeypatch=monkeypatch) == 20
        said = capsys.readouterr().err
        assert re.search(r"^ +(model\.pt|data\S*): cannot .*: the session token has expired$", said, re.MULTILINE), said
        assert "hint: log in again, then run the command again" in said
        require_whole_objects(scene)
        require_whole_clone(scene)
        done = sent(scene, method)[:2]
        scene.proxy.clear()
        assert run(folder, verb, monkeypatch=monkeypatch) == 0
        assert not set(done) & set(sent(scene, method))
    require_complete_clone(scene)


def expiring(method: str, *, after: int):
    """A plan: when so many objects have gone over the line, nothing is answered any more."""
    gone: list[str] = []

    def plan(request):
        if "expired" not in gone and request.method == method and "files/md5" in request.path:
            gone.append(request.path if len(gone) < after else "expired")
        return "expired" if "expired" in gone else None

    return plan


def sent(scene: Scene, method: str) -> list[str]:
    """The paths of objects that went over the line."""
    return [one.path for one, _ in scene.proxy.requests if one.method == method and "files/md5" in one.path]


PART = 5 << 20  # S3 takes no smaller ones


@pytest.mark.parametrize("fault", ["reset", "lost", "503", "cut"])
def test_large_objects_meet_the_same(scene, fault, monkeypatch):
    """Those that are sent in parts and fetched in ranges, each of which may fail."""
    monkeypatch.setattr(objectstore, "PART", PART)
    monkeypatch.setattr(moving, "RESUMABLE", PART)
    monkeypatch.setattr(s3parts, "_PAUSE", 0.01)
    large = os.urandom(2 * PART + 1000)
    (scene.repo / "model.pt").write_bytes(large)
    assert run(scene.repo, "add", "model.pt", monkeypatch=monkeypatch) == 0
    shutil.copy(scene.repo / "model.pt.dvc", scene.clone)
    scene.proxy.plan = once(fault, "POST", "PUT", "HEAD", "GET", "DELETE")
    assert run(scene.repo, "push", monkeypatch=monkeypatch) == 0
    assert any("partNumber=3" in request.path for request, _ in scene.proxy.requests)
    require_whole_objects(scene)
    assert run(scene.clone, "pull", monkeypatch=monkeypatch) == 0
    assert (scene.clone / "model.pt").read_bytes() == large


@pytest.mark.parametrize(("verb", "at"), [("push", 2), ("push", 5), ("push", 8), ("pull", 1), ("pull", 4)])
def test_killed_at_a_request(scene, verb, at, monkeypatch):
    folder = scene.repo if verb == "push" else scene.clone
    if verb == "pull":
        assert run(scene.repo, "push", monkeypatch=monkeypatch) == 0
    scene.proxy.requests.clear()
    scene.proxy.plan = lambda _request: "stop" if len(scene.proxy.requests) >= at else None
    with subprocess.Popen([sys.executable, "-m", "sycee", verb], cwd=folder, stderr=subprocess.DEVNULL) as process:
        scene.proxy.stop = process.kill
        assert process.wait(30) == -signal.SIGKILL
    require_that_it_goes_on(scene, folder, verb, monkeypatch)


def require_that_it_goes_on(scene, folder, verb, monkeypatch):
    """Require that nothing wrong was accepted, and that the command completes when the fault is over."""
    require_whole_objects(scene)
    require_whole_clone(scene)
    scene.proxy.clear()
    assert run(folder, verb, monkeypatch=monkeypatch) == 0
    assert run(scene.clone, "pull", monkeypatch=monkeypatch) == 0
    require_complete_clone(scene)


def md5_key(content: bytes) -> str:
    digest = md5_hex(content)
    return f"{digest[:2]}/{digest[2:]}"
