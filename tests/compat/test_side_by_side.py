"""Commands interrupted by signals, and commands at the same time: nothing half done, nothing lost, no long wait."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sycee.digest import digest_bytes

pytestmark = pytest.mark.slow

BIN = Path(sys.executable).parent
LARGE = 300_000_000


def begin(folder, *words):
    return subprocess.Popen(
        [BIN / words[0], *words[1:]], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def ended(process, *, within=60):
    stdout, stderr = process.communicate(timeout=within)
    assert "Traceback" not in stderr
    return process.returncode, stdout + stderr


def all_ended(*processes):
    for process in processes:
        assert ended(process)[0] == 0, process.args


def files_below(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def wait_for_temporary(folder, process):
    """Wait until the command is in the middle of writing."""
    while process.poll() is None:
        if any(path.name.endswith(".tmp") and path.stat().st_size > 1_000_000 for path in files_below(folder)):
            return
        time.sleep(0.001)
    raise AssertionError(f"it had ended before: {process.communicate()}")


def require_whole(store):
    for path in files_below(store / "files/md5"):
        if path.name.endswith(".tmp"):  # on a remote: a killed push's, until a day has passed
            continue
        assert digest_bytes(path.read_bytes()).md5 == (path.parent.name + path.name).removesuffix(".dir")


@pytest.fixture
def large(repo_dir):
    with (repo_dir / "large.bin").open("wb") as file:
        for _ in range(LARGE // 1_000_000):
            file.write(os.urandom(1_000) * 1_000)
    return repo_dir


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_add_at_once(large, run, number):
    process = begin(large, "sycee", "add", "large.bin")
    wait_for_temporary(large / ".dvc/cache", process)
    process.send_signal(number)
    code, printed = ended(process, within=15)
    assert code == (130 if number == signal.SIGINT else -number)
    assert printed.strip() == (
        "interrupted; nothing is half done, run the command again to go on" if number == signal.SIGINT else ""
    )
    left = files_below(large / ".dvc/cache")
    assert not [path for path in left if not path.name.endswith(".tmp")]
    assert len(left) == (0 if number == signal.SIGINT else 1)
    assert not (large / "large.bin.dvc").exists()
    run("add", "large.bin")
    assert [path.name.endswith(".tmp") for path in files_below(large / ".dvc/cache")] == [False]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_push_at_once(large, run, tmp_path, number):
    run("add", "large.bin")
    run("remote", "add", "-d", "store", str(tmp_path / "remote"))
    (tmp_path / "remote").mkdir()
    process = begin(large, "sycee", "push")
    wait_for_temporary(tmp_path / "remote", process)
    process.send_signal(number)
    assert ended(process, within=15)[0] == (130 if number == signal.SIGINT else -number)
    assert all(path.name.endswith(".tmp") for path in files_below(tmp_path / "remote"))
    run("push")
    require_whole(tmp_path / "remote")


def test_ctrl_c_does_not_wait_for_a_server_that_does_not_answer(repo_dir, run):
    (repo_dir / "a").write_bytes(b"a")
    run("add", "a")
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        run("remote", "add", "-d", "store", "s3://bucket")
        run("remote", "modify", "store", "endpointurl", f"http://127.0.0.1:{deaf.getsockname()[1]}")
        run("remote", "modify", "--local", "store", "access_key_id", "x")
        run("remote", "modify", "--local", "store", "secret_access_key", "x")
        process = begin(repo_dir, "sycee", "push")
        asked, _ = deaf.accept()
        asked.recv(1)
        process.send_signal(signal.SIGINT)
        begun = time.monotonic()
        assert ended(process, within=10)[0] == 130
        assert time.monotonic() - begun < 5
        asked.close()


def test_adds_at_once_by_both_tools(repo_dir, run, dvc):
    for name in ("a", "b", "c", "d"):
        (repo_dir / name).write_bytes(name.encode() * 3_000_000)
    (repo_dir / "same").write_bytes(b"a" * 3_000_000)
    all_ended(
        begin(repo_dir, "sycee", "add", "a"),
        begin(repo_dir, "sycee", "add", "same", "b"),
        begin(repo_dir, "dvc", "add", "-q", "c"),
        begin(repo_dir, "sycee", "add", "d"),
    )
    assert sorted((repo_dir / ".gitignore").read_text().split()) == ["/a", "/b", "/c", "/d", "/same"]
    require_whole(repo_dir / ".dvc/cache")
    assert dvc("status").stdout == "Data and pipelines are up to date.\n"


def test_one_cache_for_two_repositories_that_ingest_the_same_bytes(repo_dir, run, tmp_path):
    subprocess.run(["cp", "-r", repo_dir, tmp_path / "twin"], check=True)
    both = [repo_dir, tmp_path / "twin"]
    for root in both:
        (root / "same").write_bytes(b"same" * 5_000_000)
        run("config", "--local", "cache.dir", str(tmp_path / "cache"), cwd=root)
    all_ended(*(begin(root, "sycee", "add", "same") for root in both for _ in range(2)))
    require_whole(tmp_path / "cache")
    assert not [path for path in files_below(tmp_path / "cache") if path.parent.name in {"tmp", "quarantine"}]


def test_pushes_and_pulls_at_once(repo_dir, run, dvc, git, tmp_path):
    for name in ("a", "b", "c"):
        (repo_dir / name).write_bytes(name.encode() * 9_000_000)
    run("add", "a", "b", "c")
    run("remote", "add", "-d", "store", str(tmp_path / "remote"))
    git("add", "-A")
    git("commit", "-qm", "x")
    all_ended(
        *(
            begin(repo_dir, tool, "push", "-q") if tool == "dvc" else begin(repo_dir, tool, "push")
            for tool in ("sycee", "sycee", "dvc")
        )
    )
    require_whole(tmp_path / "remote")
    git("clone", "-q", repo_dir, tmp_path / "clone")
    all_ended(*(begin(tmp_path / "clone", "sycee", "pull") for _ in range(3)))
    assert (tmp_path / "clone/b").read_bytes() == b"b" * 9_000_000
    require_whole(tmp_path / "clone/.dvc/cache")
    assert not [path for path in files_below(tmp_path / "clone") if path.name.endswith(".tmp")]
