"""Repositories shared with the real dvc 3.67: what one tool makes the other uses, and neither alters the other's."""

import contextlib
import json
import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rigs.warm import run_warm
from sycee.digest import digest_bytes

pytestmark = pytest.mark.slow

# One process for many commands: starting dvc takes most of a second.
TARGETS = ["big.bin", "data", "tool.sh", "empty", "two/a.pt", "two/b [1].pt"]


def dvc(*commands, rc=0):
    """Run ``(folder, argument, …)`` commands of the real dvc; each must end with ``rc``. Returns what they printed."""
    results = [run_warm("dvc", arguments, folder) for folder, *arguments in commands]
    for command, done in zip(commands, results, strict=True):
        assert done.rc == rc, (command, done)
    return [done.stdout + done.stderr for done in results]


def sycee(folder, *arguments, rc=0):
    """Run the real ``sycee``; returns what it printed to both streams."""
    done = run_warm("sycee", arguments, folder)
    assert done.rc == rc, done
    return done.stdout + done.stderr


def git(folder, *arguments):
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def new_repository(folder):
    git(folder.parent, "init", "-q", str(folder))
    return folder


def commit(folder):
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "x")


def clone(folder, name):
    git(folder.parent, "clone", "-q", str(folder), name)
    return folder.parent / name


def fill(folder):
    """Write what is to be tracked: the same bytes in every repository."""
    files = {
        "big.bin": bytes(range(256)) * 12_000,
        "data/train/x.bin": b"\x00\xff" * 5_000,
        "data/train/ünïcode 名前 😀.txt": b"one\r\ntwo\r\n",
        "data/sub-x": b"1",
        "data/sub.txt": b"2",
        "data/sub/deep/é": b"",
        "data/A": b"3",
        "data/same": b"1",
        "tool.sh": b"#!/bin/sh\necho hi\n",
        "empty": b"",
        "two/a.pt": b"a" * 1000,
        "two/b [1].pt": b"b" * 1000,
    }
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    (folder / "tool.sh").chmod(0o755)
    return files


def tree(folder):
    """Path to (mode, bytes) of every file below a folder, temporary and private ones left out."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not name.startswith(("sycee/", ".git/", ".dvc/tmp/", ".dvc/cache/")):
            found[name] = (oct(stat.S_IMODE(path.stat().st_mode)), path.read_bytes())
    return found


def contents(folder, files):
    return {name: (folder / name).read_bytes() for name in files}


def without_record(pointer):
    return pointer.partition(b"meta:\n")[0]


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """The same files under both tools: folders ``ours`` and ``theirs``, each pushed to a remote of its own."""
    base = tmp_path_factory.mktemp("pair")
    with isolated(base):
        ours, theirs = new_repository(base / "ours"), new_repository(base / "theirs")
        for folder in (ours, theirs):
            fill(folder)
        sycee(ours, "init")
        sycee(ours, "remote", "add", "-d", "store", "../store-ours")
        sycee(ours, "add", *TARGETS)
        sycee(ours, "push")
        dvc(
            (theirs, "init", "-q"),
            (theirs, "remote", "add", "-d", "store", "../store-theirs"),
            (theirs, "add", "-q", *TARGETS),
            (theirs, "push", "-q"),
        )
        for folder in (ours, theirs):
            commit(folder)
    return ours, theirs


@contextlib.contextmanager
def isolated(base):
    """The environment of the fixture ``environment``, for fixtures that outlive a test."""
    names = ("DVC_SITE_CACHE_DIR", "DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR", "HOME")
    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            patch.setenv(name, str(base / "home" / name.lower()))
        patch.setenv("DVC_NO_ANALYTICS", "1")
        patch.setenv("GIT_CONFIG_GLOBAL", str(base / "gitconfig"))
        (base / "gitconfig").write_text("[user]\nname = T\nemail = t@example.org\n[init]\ndefaultBranch = main\n")
        yield


def test_the_same_input_gives_the_same_bytes(pair):
    ours, theirs = pair
    mine, other = tree(ours), tree(theirs)
    other["tool.sh"] = mine["tool.sh"]  # dvc add takes the group's right to execute it away
    assert mine.keys() == other.keys()
    for name, (mode, data) in mine.items():
        expected = other[name][1].replace(b"store-theirs", b"store-ours")
        found = without_record(data) if name.endswith(".dvc") else data
        assert (name, mode, found) == (name, other[name][0], expected)
    assert tree(ours / ".dvc/cache") == tree(theirs / ".dvc/cache")
    assert {mode for mode, _ in tree(ours / ".dvc/cache").values()} == {"0o444"}
    assert tree(ours.parent / "store-ours") == tree(theirs.parent / "store-theirs")


def test_dvc_finds_our_repository_clean_and_pulls_it(pair, tmp_path):
    ours, _ = pair
    copy = clone(ours, tmp_path / "copy")
    (tmp_path / "store-ours").symlink_to(ours.parent / "store-ours")
    _, status, data_status, cloud, *_ = dvc(
        (copy, "pull"),
        (copy, "status"),
        (copy, "data", "status", "--json"),
        (copy, "status", "-c"),
        (copy, "gc", "-w", "-f"),
        (copy, "checkout"),
    )
    files = fill(tmp_path / "expected")
    assert contents(copy, files) == files
    assert os.access(copy / "tool.sh", os.X_OK)
    assert "up to date" in status
    assert json.loads(data_status.splitlines()[0]) == {}
    assert "in sync" in cloud
    assert git(copy, "status", "--porcelain") == ""
    assert "up to date" in sycee(copy, "status")


def test_dvcs_garbage_collection_keeps_what_we_need(pair, tmp_path):
    ours = clone(pair[0], tmp_path / "ours")
    sycee(ours, "remote", "add", "-d", "-f", "store", str(tmp_path / "store"))
    fill(ours)
    sycee(ours, "add", *TARGETS)
    sycee(ours, "push")
    (ours / "two/a.pt").write_bytes(b"second version")
    sycee(ours, "add", "two/a.pt")
    sycee(ours, "push")
    commit(ours)
    before = private(ours / ".dvc/cache"), private(tmp_path / "store")
    assert all(before)
    dvc((ours, "gc", "-w", "-c", "-f", "-q"))
    assert (private(ours / ".dvc/cache"), private(tmp_path / "store")) == before
    assert digest_bytes(b"a" * 1000).md5[2:] not in {path.name for path in (tmp_path / "store").rglob("*")}
    copy = clone(ours, tmp_path / "copy")
    sycee(copy, "pull")
    files = fill(tmp_path / "expected") | {"two/a.pt": b"second version"}
    assert contents(copy, files) == files
    for target in TARGETS:
        shutil.rmtree(ours / target) if (ours / target).is_dir() else (ours / target).unlink()
    sycee(ours, "checkout")
    assert contents(ours, files) == files


def private(store):
    """The files of sycee's own corner, scratch left out."""
    found = {path.relative_to(store).as_posix() for path in (store / "sycee").rglob("*") if path.is_file()}
    return {name for name in found if not name.startswith("sycee/tmp/")}


def test_we_use_dvcs_repository_and_change_no_byte_of_it(pair, tmp_path):
    _, theirs = pair
    copy = clone(theirs, tmp_path / "copy")
    (tmp_path / "store-theirs").symlink_to(theirs.parent / "store-theirs")
    before = tree(copy)
    assert "11 files fetched and 12 files added" in sycee(copy, "pull")  # two members of data/ are one object
    files = fill(tmp_path / "expected")
    assert contents(copy, files) == files
    assert os.access(copy / "tool.sh", os.X_OK)
    assert tree(copy / ".dvc/cache") == tree(theirs / ".dvc/cache")
    shutil.rmtree(copy / "data")
    assert sycee(copy, "status") == "data.dvc:\n\tchanged outs:\n\t\tdeleted:            data\n"
    assert sycee(copy, "checkout") == "A       data/\n"
    assert sycee(copy, "fetch") == sycee(copy, "push") == sycee(copy, "pull") == "Everything is up to date.\n"
    assert sycee(copy, "status") == "Data and pipelines are up to date.\n"
    sycee(copy, "remote", "add", "second", str(tmp_path / "second"), "--local")
    sycee(copy, "push", "-r", "second")
    assert tree(tmp_path / "second") == tree(theirs.parent / "store-theirs")
    after = tree(copy)
    assert {name: after[name] for name in before} == before
    assert git(copy, "status", "--porcelain") == ""
    (status,) = dvc((copy, "status"))
    assert "up to date" in status


def test_s3_both_ways(pair, tmp_path, s3_server):
    ours, _ = pair
    one, two = clone(ours, tmp_path / "one"), clone(ours, tmp_path / "two")
    files = fill(tmp_path / "expected")
    for folder, prefix in ((one, "ours"), (two, "theirs")):
        for target in TARGETS:
            shutil.rmtree(folder / ".dvc/cache", ignore_errors=True)
            source = ours / target
            (shutil.copytree if source.is_dir() else shutil.copy2)(source, folder / target)
        sycee(folder, "remote", "add", "-f", "-d", "store", f"s3://models/{tmp_path.name}/{prefix}")
        for option, value in s3_server.options().items():
            sycee(folder, "remote", "modify", "--local", "store", option, value)
    sycee(one, "add", *TARGETS)
    sycee(one, "push")
    dvc((two, "add", "-q", *TARGETS), (two, "push", "-q"))
    for folder in (one, two):
        shutil.rmtree(folder / ".dvc/cache")
        for name in files:
            (folder / name).unlink()
    sycee(one, "remote", "modify", "store", "url", f"s3://models/{tmp_path.name}/theirs")
    sycee(two, "remote", "modify", "store", "url", f"s3://models/{tmp_path.name}/ours")
    sycee(one, "pull")
    dvc((two, "pull", "-q"), (two, "status", "-c"))
    assert contents(one, files) == contents(two, files) == files


def test_retrained_weights_of_a_colleague_get_no_old_digest(pair, tmp_path):
    ours, _ = pair
    copy = clone(ours, tmp_path / "copy")
    (tmp_path / "store-ours").symlink_to(ours.parent / "store-ours")
    sycee(copy, "pull", "two")
    old, new = digest_bytes(b"a" * 1000), digest_bytes(b"retrained")
    (copy / "two/a.pt").write_bytes(b"retrained")
    sycee(copy, "remote", "add", "-d", "-f", "store", str(tmp_path / "store"))
    dvc((copy, "add", "-q", "two/a.pt"), (copy, "push", "-q", "two/a.pt"))
    pointer = copy / "two/a.pt.dvc"
    assert old.sha256 in pointer.read_text()  # DVC carries meta along: this is what must not be believed
    assert "the strong digests in its pointer belong to other content" in sycee(copy, "status", "two/a.pt")
    (copy / "two/a.pt").unlink()
    shutil.rmtree(copy / ".dvc/cache")
    sycee(copy, "pull", "two/a.pt")
    assert (copy / "two/a.pt").read_bytes() == b"retrained"
    sycee(copy, "add", "two/a.pt")
    assert old.sha256 not in pointer.read_text()
    assert new.sha256 in pointer.read_text()
    assert "warning" not in sycee(copy, "status", "two/a.pt")
    (status,) = dvc((copy, "status", "two/a.pt"))
    assert "up to date" in status


def test_a_folder_that_a_colleague_changed_gets_no_old_digest(pair, tmp_path):
    copy = clone(pair[0], tmp_path / "copy")
    sycee(copy, "remote", "add", "-d", "-f", "store", str(tmp_path / "store"))
    fill(copy)
    (copy / "data/A").write_bytes(b"relabelled")
    dvc((copy, "add", "-q", "data"), (copy, "push", "-q", "data"))
    stale = (copy / "data.dvc").read_bytes()
    assert "data: the strong digests in its pointer belong to other content" in sycee(copy, "status", "data")
    shutil.rmtree(copy / "data")
    shutil.rmtree(copy / ".dvc/cache")
    sycee(copy, "pull", "data")
    assert (copy / "data/A").read_bytes() == b"relabelled"
    assert (copy / "data.dvc").read_bytes() == stale
    sycee(copy, "add", "data")
    assert (copy / "data.dvc").read_bytes() != stale
    assert "warning" not in sycee(copy, "status", "data")


HOLD = """
import sys
from pathlib import Path
from sycee.system.locks import repository_lock
with repository_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_each_tool_waits_for_the_others_lock(pair, tmp_path):
    ours, _ = pair
    copy = clone(ours, tmp_path / "copy")
    (copy / "new").write_bytes(b"new")
    holding = [sys.executable, "-c", HOLD, copy / ".dvc/tmp"]
    with subprocess.Popen(holding, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        (refused,) = dvc((copy, "add", "new"), rc=1)
        assert "lock" in refused
        waiting = subprocess.Popen([Path(sys.executable).with_name("sycee"), "add", "new"], cwd=copy)
        time.sleep(1)
        assert waiting.poll() is None
        assert not (copy / "new.dvc").exists()
        holder.stdin.close()
        assert waiting.wait(30) == 0
    assert (copy / "new.dvc").exists()


def test_outputs_of_a_pipeline_are_moved_and_never_added(tmp_path):
    folder = new_repository(tmp_path / "repo")
    sycee(folder, "init")
    sycee(folder, "remote", "add", "-d", "store", str(tmp_path / "store"))
    (folder / "dvc.yaml").write_text(
        "stages:\n  train:\n    cmd: mkdir d && printf weights > m.pt && printf 1 > d/x && printf 1 > metrics.json\n"
        "    outs: [m.pt, d]\n    metrics:\n    - metrics.json:\n        cache: false\n"
    )
    dvc((folder, "repro", "-q"))
    lock = (folder / "dvc.lock").read_bytes()
    assert "up to date" in sycee(folder, "status")
    assert "is an output of a pipeline" in sycee(folder, "add", "m.pt", rc=1)
    assert sycee(folder, "push") == "3 files pushed\n"
    commit(folder)
    copy = clone(folder, tmp_path / "copy")
    sycee(copy, "pull")
    assert (copy / "m.pt").read_bytes() == b"weights"
    assert (copy / "d/x").read_bytes() == b"1"
    (copy / "m.pt").write_bytes(b"other")
    assert sycee(copy, "status") == "train:\n\tchanged outs:\n\t\tmodified:           m.pt\n"
    assert (copy / "dvc.lock").read_bytes() == lock
    assert not (copy / "m.pt.dvc").exists()


def test_a_repository_of_dvc_2(tmp_path):
    folder = new_repository(tmp_path / "repo")
    sycee(folder, "init")
    text, inner = b"one\r\ntwo\r\n", b"\x00binary"
    listed = json.dumps([{"md5": digest_bytes(inner).md5, "relpath": "x"}]).encode()
    objects = {digest_bytes(b"one\ntwo\n").md5: text, digest_bytes(inner).md5: inner}
    objects[digest_bytes(listed).md5 + ".dir"] = listed
    for oid, data in objects.items():
        place = tmp_path / "store" / oid[:2] / oid[2:]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        place.chmod(0o444)
    (folder / "f.dvc").write_text(f"outs:\n- md5: {next(iter(objects))}\n  size: 10\n  path: f\n")
    (folder / "d.dvc").write_text(f"outs:\n- md5: {digest_bytes(listed).md5}.dir\n  size: 7\n  nfiles: 1\n  path: d\n")
    sycee(folder, "remote", "add", "-d", "store", str(tmp_path / "store"))
    before = {path.name: path.read_bytes() for path in folder.glob("?.dvc")}
    sycee(folder, "pull")
    assert (folder / "f").read_bytes() == text
    assert (folder / "d/x").read_bytes() == inner
    assert "up to date" in sycee(folder, "status")
    status, _ = dvc((folder, "status"), (folder, "checkout"))
    assert "up to date" in status
    sycee(folder, "add", "f")
    sycee(folder, "push")
    assert {path.name: path.read_bytes() for path in folder.glob("?.dvc")} == before


@pytest.mark.parametrize("way", ["hardlink", "symlink"])
def test_link_types_and_a_shared_cache(tmp_path, way):
    folder = new_repository(tmp_path / "repo")
    sycee(folder, "init")
    sycee(folder, "config", "cache.type", way)
    sycee(folder, "config", "cache.dir", str(tmp_path / "cache"))
    sycee(folder, "config", "cache.shared", "group")
    fill(folder)
    sycee(folder, "add", *TARGETS)
    commit(folder)
    copy = clone(folder, tmp_path / "copy")
    sycee(copy, "checkout")
    for place in (folder, copy):
        linked = place / "data/train/x.bin"
        assert linked.is_symlink() == (way == "symlink")
        assert linked.stat().st_ino == linked.resolve().stat().st_ino
        assert linked.stat().st_nlink == (3 if way == "hardlink" else 1)
        assert "up to date" in sycee(place, "status")
    assert os.access(copy / "tool.sh", os.X_OK)
    assert {oct(p.stat().st_mode & 0o7777) for p in (tmp_path / "cache/files/md5").iterdir()} == {"0o2775"}
    results = dvc((folder, "status"), (copy, "status"), (copy, "checkout"), (copy, "status"))
    assert all("up to date" in text for text in (results[0], results[1], results[3]))
    assert "up to date" in sycee(copy, "status")
    shutil.rmtree(copy / "data")
    dvc((copy, "checkout", "-q"))
    assert "up to date" in sycee(copy, "status")
