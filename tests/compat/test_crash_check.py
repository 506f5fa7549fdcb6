"""``check --repair`` killed at any change to the disk: no byte is lost, the next run completes, the real dvc agrees.

In CI it is killed at a few points, drawn from a seed; SYCEE_CRASH=all takes all of them.
"""

import os
import random
import re
import shutil
import subprocess

import pytest

from rigs.crash import Crasher
from rigs.plugin import KILL_POINTS
from rigs.warm import run_warm
from sycee.digest import md5_hex
from sycee.formats import dirobject

pytestmark = pytest.mark.slow

POINTS = 3
ALL = os.environ.get("SYCEE_CRASH") == "all"  # asked before the fixture that clears the environment
FILES = {"model.pt": random.Random(1).randbytes(200_000), "data/a": b"a" * 900, "data/sub/b": b"b"}
SPOILT = {name: bytes([data[0] ^ 1]) + data[1:] for name, data in FILES.items()}


def place(store, data, suffix=""):
    md5 = md5_hex(data)
    return store / f"files/md5/{md5[:2]}/{md5[2:]}{suffix}"


def spoil(store, name):
    path = place(store, FILES[name])
    path.chmod(0o644)
    path.write_bytes(SPOILT[name])


def make_world(crasher, root):
    """A repository with a remote and a second one; of both the cache and the first remote some objects are bad."""
    repo, cache, store = root / "repo", root / "repo/.dvc/cache", root / "store"
    subprocess.run(["git", "init", "-q", repo], check=True)
    for name, data in FILES.items():
        (repo / name).parent.mkdir(parents=True, exist_ok=True)
        (repo / name).write_bytes(data)
    crasher.run(repo, ["init"])
    crasher.run(repo, ["remote", "add", "-d", "store", str(store)])
    crasher.run(repo, ["remote", "add", "backup", str(root / "backup")])
    crasher.run(repo, ["add", *sorted({name.partition("/")[0] for name in FILES})])
    crasher.run(repo, ["push"])
    crasher.run(repo, ["push", "-r", "backup"])
    spoil(cache, "model.pt")
    spoil(store, "model.pt")
    spoil(store, "data/a")
    (repo / "model.pt").unlink()
    for path in [place(cache, FILES["data/sub/b"]), place(store, FILES["data/sub/b"]), *store.rglob("*.dir")]:
        path.unlink()
    for path in repo.rglob(".dvc/tmp/sycee/statcache*"):
        path.unlink()  # paths and inodes will be others


def objects(store):
    return {
        p.parent.name + p.name: p.read_bytes()
        for p in (store / "files").rglob("*")
        if not p.name.endswith(".tmp") and p.is_file()
    }


def require_nothing_lost(root):
    everything = {path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert {SPOILT["model.pt"], SPOILT["data/a"]} <= everything, "damaged bytes are gone"
    for store in (root / "repo/.dvc/cache", root / "store"):
        for oid, data in objects(store).items():
            assert md5_hex(data) == oid.removesuffix(".dir") or data in SPOILT.values(), f"{store}: {oid} is wrong"
    there = objects(root / "store")
    for oid in (oid for oid in there if oid.endswith(".dir")):
        assert all(md5_hex(there.get(one.md5, b"")) == one.md5 for one in dirobject.parse(there[oid])), "lacks members"


def require_whole(root):
    for store in (root / "repo/.dvc/cache", root / "store"):
        found = objects(store)
        assert len(found) == 4
        assert all(md5_hex(data) == oid.removesuffix(".dir") for oid, data in found.items())
    left = [path for path in (root / "repo").rglob("*") if re.fullmatch(r"\.[\w-]{22}\.tmp", path.name)]
    assert left == []


@pytest.mark.parametrize("words", [["check", "--repair"], ["check", "--remote", "--repair"]], ids=["cache", "remote"])
def test_killed_while_it_repairs(tmp_path, words, record_property):
    with Crasher() as crasher:
        (tmp_path / "kept").mkdir()
        make_world(crasher, tmp_path / "kept")
        root = tmp_path / "world"

        def restore():
            shutil.rmtree(root, ignore_errors=True)
            shutil.copytree(tmp_path / "kept", root, symlinks=True)
            config = root / "repo/.dvc/config"
            config.write_text(config.read_text().replace("kept", "world"))

        restore()
        points = range(1, crasher.ask(root / "repo", words)["points"] + 1)
        assert len(points) > 20
        record_property(KILL_POINTS, (" ".join(words), len(points)))
        for at in points if ALL else sorted(random.Random(str(words)).sample(points, POINTS)):
            restore()
            crasher.run(root / "repo", words, at=at)
            require_nothing_lost(root)
            crasher.run(root / "repo", ["check", "--repair"])
            crasher.run(root / "repo", ["check", "--remote", "--repair"])
            require_nothing_lost(root)
            require_whole(root)
    for arguments in (["checkout"], ["status"], ["status", "--cloud"]):
        done = run_warm("dvc", arguments, root / "repo")
        assert done.rc == 0, done
    assert "in sync" in done.stdout
