"""Push and pull over a network, and to a store, that misbehave: nothing wrong is accepted, and it ends.

Between sycee and a real S3 server stands a proxy that resets, drips, cuts, alters and loses (``rigs/proxy.py``).
"""

import os
import shutil
import subprocess
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
from sycee.storage.options import RemoteRequest
from sycee.storage.s3 import open_s3

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
    require_whole_objects(scene)
    require_whole_clone(scene)
    scene.proxy.clear()
    assert run(folder, verb, monkeypatch=monkeypatch) == 0
    assert run(scene.clone, "pull", monkeypatch=monkeypatch) == 0
    require_complete_clone(scene)


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


def md5_key(content: bytes) -> str:
    digest = md5_hex(content)
    return f"{digest[:2]}/{digest[2:]}"
