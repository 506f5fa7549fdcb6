"""The locks of the real dvc, both ways: who holds makes the other wait or refuse, and who ends leaves nothing."""

import json
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

pytestmark = pytest.mark.slow

# Holds what the first argument says with the code of either tool, says so, and gives it back at the end of its input.
DVC = """
import sys
from dvc.repo import Repo
from dvc.rwlock import rwlock
repo = Repo()
hardlink = repo.config["core"].get("hardlink_lock", False)
path = repo.root_dir + "/data"
with repo.lock if sys.argv[1] == "lock" else rwlock(repo.tmp_dir, repo.fs, "held here", [], [path], hardlink):
    print("held", flush=True)
    sys.stdin.read()
"""
SYCEE = """
import os, sys
from pathlib import Path
from sycee.workspace.repository import find_repository
repo = find_repository(Path.cwd(), environ=os.environ)
with repo.locked(writes=[repo.root / "data"] if sys.argv[1] == "rwlock" else []):
    if sys.argv[1] == "rwlock":  # as a stage of a pipeline: without the lock
        (repo.dvc_dir / "tmp/rwlock.kept").write_bytes((repo.dvc_dir / "tmp/rwlock").read_bytes())
    else:
        print("held", flush=True)
        sys.stdin.read()
if sys.argv[1] == "rwlock":
    (repo.dvc_dir / "tmp/rwlock.kept").rename(repo.dvc_dir / "tmp/rwlock")
    print("held", flush=True)
    sys.stdin.read()
    (repo.dvc_dir / "tmp/rwlock").unlink()
"""


@contextmanager
def holding(source, what, cwd):
    words = [sys.executable, "-c", source, what]
    with subprocess.Popen(words, cwd=cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.stdin.close()


def locks_left(tmp):
    """Names of lock files that are held, or were left by a tool that removes its own."""
    return sorted(path.name for path in tmp.glob("*lock") if path.stat().st_nlink > 1 or len(path.stem) == 32)


@pytest.mark.parametrize("hardlink", [False, True], ids=["flock", "hard link"])
def test_dvc_holds_and_sycee_waits(repo_dir, run, dvc, hardlink):
    if hardlink:
        run("config", "core.hardlink_lock", "true")
    (repo_dir / "data").write_bytes(b"1")
    for what, words in [("lock", "is working in this repository"), ("rwlock", "(held here)")]:
        with holding(DVC, what, repo_dir) as holder:
            refused = run("--lock-timeout", "0.2", "add", "data", rc=1)
            assert words in refused.stderr
            assert (hardlink and what == "lock") or str(holder.pid) in refused.stderr  # dvc's claims name nobody
            assert run("status").rc == 0, "readers wait for nobody"
            waiting = subprocess.Popen(
                [sys.executable, "-m", "sycee", "--wait-for-lock", "add", "data"], cwd=repo_dir, stderr=subprocess.PIPE
            )
            assert waiting.stderr.readline().startswith(b"waiting for process")
            assert not (repo_dir / "data.dvc").exists()
        waiting.communicate(timeout=60)
        assert waiting.returncode == 0
        (repo_dir / "data.dvc").unlink()
    assert locks_left(repo_dir / ".dvc/tmp") == []


@pytest.mark.parametrize("hardlink", [False, True], ids=["flock", "hard link"])
def test_sycee_holds_and_dvc_waits(repo_dir, run, dvc, hardlink):
    if hardlink:
        run("config", "core.hardlink_lock", "true")
    (repo_dir / "data").write_bytes(b"1")
    with holding(SYCEE, "lock", repo_dir):
        assert "Unable to acquire lock" in dvc("add", "data", rc=1).stderr
        waiting = subprocess.Popen(["dvc", "--wait-for-lock", "add", "-q", "data"], cwd=repo_dir)
        time.sleep(1)
        assert waiting.poll() is None
    assert waiting.wait(60) == 0
    (repo_dir / "data.dvc").unlink()
    with holding(SYCEE, "rwlock", repo_dir) as holder:
        refused = dvc("add", "data", rc=1).stderr
        assert f"(PID {holder.pid})" in refused
        assert "is busy, it is being blocked by" in refused
    dvc("add", "data")
    assert locks_left(repo_dir / ".dvc/tmp") == []


def test_a_stage_that_runs_keeps_its_outs_and_may_use_sycee_itself(repo_dir, run, dvc):
    (repo_dir / "stage.py").write_text(
        "import pathlib, subprocess, sys\n"
        "pathlib.Path('model').write_bytes(b'weights')\n"
        "pathlib.Path('started').touch()\n"
        "sys.stdin = None\n"
        "while not pathlib.Path('go').exists(): __import__('time').sleep(0.05)\n"
        "subprocess.run([sys.executable, '-m', 'sycee', 'add', 'notes'], check=True)\n"
    )
    (repo_dir / "notes").mkdir()
    (repo_dir / "notes/a").write_bytes(b"a")
    dvc("stage", "add", "-q", "-n", "train", "-d", "stage.py", "-o", "model", f"{sys.executable} stage.py")
    training = subprocess.Popen(["dvc", "repro", "-q"], cwd=repo_dir)
    while not (repo_dir / "started").exists():
        assert training.poll() is None
        time.sleep(0.1)
    table = json.loads((repo_dir / ".dvc/tmp/rwlock").read_bytes())
    assert table["write"][str(repo_dir / "model")]["pid"] == training.pid
    (repo_dir / "other").write_bytes(b"other")
    run("add", "other")  # the stage runs without the lock
    refused = run("--lock-timeout", "0", "add", "stage.py", rc=1).stderr
    assert f"stage.py is in use by process {training.pid}" in refused
    (repo_dir / "go").touch()
    assert training.wait(60) == 0
    assert (repo_dir / "notes.dvc").exists()
    run("checkout")
    assert (repo_dir / "dvc.lock").exists()
