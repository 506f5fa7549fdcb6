"""``kill -9`` in the middle of a large transfer to and from a real S3 server: the next run does the rest."""

import os
import random
import signal
import subprocess
import sys

import pytest

from rigs.counting import relayed

pytestmark = pytest.mark.slow

SIZE = 128 << 20  # eight parts, of which four are on their way at once
MOST = SIZE * 7 // 8


@pytest.fixture
def relay(s3_server):
    with relayed(s3_server.endpoint) as relay:
        yield relay


def killed_after(relay, amount, cwd, verb):
    """Run sycee until so many bytes went over the line, then kill it."""
    relay.reset()
    relay.limit = amount
    relay.stalled.clear()
    process = subprocess.Popen([sys.executable, "-m", "sycee", verb], cwd=cwd, stdout=subprocess.DEVNULL)
    assert relay.stalled.wait(60)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    relay.limit = None
    relay.reset()


def test_killed_and_run_again(repo_dir, run, dvc, git, relay, s3_server, tmp_path):
    (repo_dir / "model.bin").write_bytes(random.Random("resume").randbytes(SIZE))
    run("remote", "add", "-d", "store", f"s3://models/resume-{os.getpid()}")
    for option, value in s3_server.options(endpointurl=relay.endpoint).items():
        run("remote", "modify", "--local", "store", option, value)
    run("add", "model.bin")

    killed_after(relay, MOST, repo_dir, "push")
    assert run("push").stdout == "1 file pushed\n"
    assert relay.sent < SIZE * 3 // 4
    assert list((repo_dir / ".dvc/tmp/sycee/uploads").iterdir()) == []
    assert "in sync" in dvc("status", "--cloud").stdout

    cached = next(path for path in (repo_dir / ".dvc/cache/files").rglob("*") if path.is_file())
    cached.unlink()
    killed_after(relay, MOST, repo_dir, "fetch")
    assert run("fetch").stdout == "1 file fetched\n"
    assert relay.received < SIZE // 2
    assert cached.stat().st_size == SIZE
    assert list((repo_dir / ".dvc/cache/sycee/partial").iterdir()) == []
    assert dvc("status").stdout == "Data and pipelines are up to date.\n"
