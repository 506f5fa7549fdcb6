"""Disks that are full, fail, refuse or lose power: sycee says so, nothing is lost, and the next run completes.

They mount file systems, so they need root, and fail without it. All points of the power cuts: make test-crash
"""

import os
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from rigs.crash import Crasher
from rigs.http import running_http
from rigs.mounts import disk, failing, power_cut, readonly, small
from rigs.plugin import KILL_POINTS
from rigs.scenes import COMMANDS, Scene, check_pointers, check_stores, leftovers, objects, tree, weights
from sycee.digest import digest_bytes
from sycee.store.layout import object_key

pytestmark = pytest.mark.slow

POINTS = 2  # of each command, in CI
ALL = os.environ.get("SYCEE_CRASH") == "all"  # asked before the fixture that clears the environment
FULL = ("No space left on device", "free some space there")
BROKEN = ("Input/output error", "the disk fails: copy away what you need")
READ_ONLY = ("Read-only file system", "the file system is mounted read-only")


@pytest.fixture
def crasher() -> Iterator[Crasher]:
    with Crasher() as crasher:
        yield crasher


def fill(folder: Path, *, leave: int) -> Path:
    """Leave so many bytes free on a file system; returns what has to go to free them all."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(65_536))
        except OSError:
            file.truncate(max(0, file.tell() - leave))
    return filler


@pytest.mark.parametrize("name", ["add", "commit", "push", "pull", "checkout", "freeze"])
def test_full_disk(crasher, tmp_path, name):
    with small(tmp_path / "full", "8m") as folder:
        scene = Scene(crasher, folder / "world", tmp_path / "kept", name)
        scene.restore()
        filler = fill(folder, leave=100_000)  # half of the weights
        scene.require_refused(crasher.ask(scene.root / "repo", scene.command), *FULL)
        filler.unlink()
        if name == "freeze":
            scene.restore()  # its card says what was missing
        scene.require_completes()


def test_a_remote_whose_disk_is_not_mounted(crasher, tmp_path):
    repo, share = tmp_path / "repo", tmp_path / "share"
    repo.mkdir()
    (repo / "model.pt").write_bytes(b"weights")
    with small(share, "8m"):
        for words in ("init --no-scm", "remote add -d near ../share", "add model.pt", "push"):
            assert crasher.ask(repo, words.split())["rc"] == 0
    for words in ("push", "status -c", "check --remote", "gc -w -c -f"):  # its empty mount point is there
        answer = crasher.ask(repo, words.split())
        assert (answer["rc"], list(share.iterdir())) == (20, [])
        assert "is gone" in answer["printed"]


def test_a_server_that_sends_without_end(run, tmp_path):
    def endless(handler):
        if handler.command != "GET" or not handler.path.endswith(key):
            return False
        handler.send_response(200)
        handler.end_headers()
        with suppress(OSError):
            for _ in range(200):
                handler.wfile.write(bytes(1 << 20))
        return True

    key = object_key(digest_bytes(b"weights").md5)
    with small(tmp_path / "disk", "40m") as room, running_http(tmp_path / "http") as server:
        repo = room / "repo"
        (repo / "data").mkdir(parents=True)
        (repo / "data/a").write_bytes(b"weights")
        for words in ("init --no-scm", f"remote add -d far {server.url}", "add data", "push"):
            run(*words.split(), cwd=repo)
        shutil.rmtree(repo / ".dvc/cache")
        pointer = repo / "data.dvc"
        pointer.write_text(pointer.read_text().partition("meta:")[0])  # as plain dvc writes it: no folder sums
        server.rules.fault = endless
        assert "no pointer tells how long it is" in run("fetch", cwd=repo, rc=1).stderr
        assert shutil.disk_usage(room).used < 1 << 20
        server.rules.fault = lambda _: False
        run("fetch", cwd=repo)


def test_gc_needs_no_free_space(crasher, tmp_path):
    with small(tmp_path / "full", "8m") as folder:
        scene = Scene(crasher, folder / "world", tmp_path / "kept", "gc")
        scene.restore()
        filler = fill(folder, leave=0)
        scene.run()
        filler.unlink()
        assert tree(scene.root) == scene.after


def test_no_more_files(crasher, tmp_path):
    with small(tmp_path / "full", "8m", inodes=1000) as folder:
        scene = Scene(crasher, folder / "world", tmp_path / "kept", "add")
        scene.restore()
        fillers = [folder / f"filler{number}" for number in range(os.statvfs(folder).f_ffree - 3)]
        for filler in fillers:
            filler.touch()
        scene.require_refused(crasher.ask(scene.root / "repo", scene.command), *FULL)
        for filler in fillers:
            filler.unlink()
        scene.require_completes()


def test_read_only(crasher, tmp_path):
    reading = (["status"], ["diff"], ["data", "status"], ["list", "."], ["check"], ["check", "--remote"])
    writing = ("add", "commit", "checkout", "gc", "move", "remove", "config", "install", "unprotect", "remote add")
    with disk(tmp_path / "image", tmp_path / "disk", size="64M") as folder:
        scene = Scene(crasher, folder / "world", tmp_path / "kept", "add")
        scene.restore()
        before = tree(folder)
        readonly(folder)
        for words in reading:
            answer = crasher.ask(scene.root / "repo", words)
            assert (answer["rc"], "error" in answer["printed"]) == (0, False), (words, answer)
        for name in writing:
            answer = crasher.ask(scene.root / "repo", COMMANDS[name][0])
            assert answer["rc"] == 1, (name, answer)
            assert f": {READ_ONLY[0]}\n" in answer["printed"], (name, answer)
            if name != "install":  # there it is Git that says so
                assert f"hint: {READ_ONLY[1]}" in answer["printed"], (name, answer)
        assert tree(folder) == before


def test_the_disk_of_the_remote_fails(crasher, tmp_path):
    with disk(tmp_path / "image", tmp_path / "disk", size="32M") as folder:
        scene = Scene(crasher, tmp_path / "world", tmp_path / "kept", "pull")
        scene.restore()
        shutil.move(scene.root / "remote", folder / "remote")
        (scene.root / "remote").symlink_to(folder / "remote")
        with failing(tmp_path / "image", weights("2")):
            answer = crasher.ask(scene.root / "repo", scene.command)
            assert answer["rc"] == 20, answer
            assert f"{BROKEN[0]}\n" in answer["printed"], answer
            assert f"hint: {BROKEN[1]}" in answer["printed"], answer
            assert "Traceback" not in answer["printed"]
        check_stores(scene.root, scene.stores, scene.stores_after)
        scene.run()
        assert objects(scene.root, "repo/.dvc/cache") == scene.stores_after["repo/.dvc/cache"]


def test_the_disk_of_the_cache_fails(crasher, tmp_path):
    """An object that cannot be read now is neither damaged nor gone: it stays where it is."""
    with disk(tmp_path / "image", tmp_path / "disk", size="32M") as folder:
        scene = Scene(crasher, tmp_path / "world", tmp_path / "kept", "push")
        scene.restore()
        shutil.rmtree(scene.root / "repo/.dvc/tmp")  # what is remembered of objects
        shutil.move(scene.root / "repo/.dvc/cache", folder / "cache")
        (scene.root / "repo/.dvc/config.local").write_text(f"[cache]\n    dir = {folder / 'cache'}\n")
        with failing(tmp_path / "image", weights("2")):
            answer = crasher.ask(scene.root / "repo", scene.command)
            assert answer["rc"] == 1, answer
            assert f"{BROKEN[0]}\n" in answer["printed"], answer
            assert f"hint: {BROKEN[1]}" in answer["printed"], answer
        assert not list((folder / "cache/sycee").rglob("quarantine/*"))
        scene.run()
        assert objects(scene.root, "remote") == scene.stores_after["remote"]


def test_a_disk_that_cannot_keep_what_it_took(crasher, tmp_path):
    """The file system has space and its disk has none: writes succeed, and fsync says that they did not."""
    with (
        small(tmp_path / "host", "3m") as host,
        disk(host / "image", tmp_path / "disk", size="64M") as folder,
    ):
        scene = Scene(crasher, tmp_path / "world", tmp_path / "kept", "add")
        scene.restore()
        (scene.root / "repo/.dvc/config.local").write_text(f"[cache]\n    dir = {folder / 'cache'}\n")
        (scene.root / "repo/models/m/model.pt").write_bytes(random.Random(3).randbytes(6_000_000))
        pointer = (scene.root / "repo/models/m/model.pt.dvc").read_bytes()
        answer = crasher.ask(scene.root / "repo", ["add", "models/m/model.pt"])
        assert answer["rc"] == 1, answer
        assert any(f": {reason}\nhint: {hint}" in answer["printed"] for reason, hint in (FULL, BROKEN)), answer
        assert (scene.root / "repo/models/m/model.pt.dvc").read_bytes() == pointer
        assert not list((folder / "cache/files").rglob("*/*/*"))


def empty(store: Path) -> None:
    """Leave of each object what a crash leaves of files that were never made durable: a name."""
    for path in store.rglob("*/*/*"):
        path.chmod(0o644)
        path.write_bytes(b"")
        path.chmod(0o444)


def test_empty_objects_after_a_crash(crasher, tmp_path):
    scene = Scene(crasher, tmp_path / "world", tmp_path / "kept", "push")
    scene.run()
    repo = scene.root / "repo"
    empty(scene.root / "remote/files")
    crasher.run(repo, ["push", "--all-commits"])
    assert objects(scene.root, "remote") == scene.stores_after["remote"]
    empty(repo / ".dvc/cache/files")
    (repo / "models/m/model.pt").unlink()
    answer = crasher.ask(repo, ["checkout"])
    assert answer["rc"] != 0
    assert "not in the cache" in answer["printed"], answer
    crasher.run(repo, ["check", "--repair", "--all-commits"])
    crasher.run(repo, ["pull"])
    assert objects(scene.root, "repo/.dvc/cache") == scene.stores_after["repo/.dvc/cache"]
    assert (repo / "models/m/model.pt").read_bytes() == weights("2")


class Cut:
    """A scene on a disk whose power is cut while its command runs."""

    def __init__(self, crasher: Crasher, root: Path, name: str) -> None:
        self.image, self.place = root / "image", root / "disk"
        with disk(self.image, self.place, size="64M"):
            self.scene = Scene(crasher, self.place / "world", root / "kept", name)
        self.points = self.scene.points

    @contextmanager
    def after(self, at: int | None, *, durable: bool = True) -> Iterator[Scene]:
        """Run the command until a point, or its end; cut the power; give what is found afterwards."""
        with disk(self.image, self.place):
            self.scene.restore()
            os.sync()
            self.scene.run(at, durable=durable)
            power_cut(self.image)
        with disk(self.image.with_suffix(".cut"), self.place):
            yield self.scene


@pytest.mark.parametrize("name", ["add", "push", "fetch", "gc", "move"])
def test_power_cut(crasher, tmp_path, name, record_property):
    cut = Cut(crasher, tmp_path, name)
    record_property(KILL_POINTS, (f"{name}, power cut", cut.points))
    points = range(1, cut.points + 1)
    for at in points if ALL else sorted(random.Random(f"{name} cut").sample(points, POINTS)):
        with cut.after(at) as scene:
            scene.require_intact()
            scene.require_completes()
    with cut.after(None) as scene:
        assert tree(scene.root) == scene.after, "what was done is not durable"
        scene.require_content()
    with cut.after(None, durable=False) as scene:
        assert tree(scene.root) != scene.after, "this test cannot see what is not durable"


@pytest.mark.parametrize("name", ["checkout", "pull"])
def test_power_cut_after_the_cache_has_it(crasher, tmp_path, name):
    """Files of the work tree are not made durable: the cache is, and brings them again."""
    cut = Cut(crasher, tmp_path, name)
    for at in [*range(1, cut.points + 1)] if ALL else [cut.points // 2, cut.points - 1]:
        with cut.after(at) as scene:
            check_stores(scene.root, scene.stores, scene.stores_after)
            check_pointers(scene.root, scene.before)
            crasher.run(scene.root / "repo", [*scene.command, "--force"])
            assert tree(scene.root) == scene.after
            assert leftovers(scene.root) == []
