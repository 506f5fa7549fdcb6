"""Memory stays bounded whatever the size of a file: each command moves half a gigabyte in less than 200 MB."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

SIZE = 512 << 20
BAR = 200_000_000  # bytes


def peak(*arguments, cwd):
    """Run sycee and return its largest resident memory in bytes."""
    process = subprocess.Popen([sys.executable, "-m", "sycee", *map(str, arguments)], cwd=cwd)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss * 1024


def test_every_command_that_moves_bytes(repo_dir, run, git, tmp_path):
    model, key = repo_dir / "models/m", tmp_path / "key"
    model.mkdir(parents=True)
    with (model / "model.bin").open("wb") as file:
        file.truncate(SIZE)
    (model / "note.txt").write_text("a model needs no card to be signed\n")
    run("remote", "add", "-d", "store", tmp_path / "store")
    run("keygen", "--no-password", key)
    assert peak("add", "models/m/model.bin", cwd=repo_dir) < BAR
    assert peak("sign", "models/m", "--key", key, cwd=repo_dir) < BAR
    assert peak("push", cwd=repo_dir) < BAR
    git("add", "-A")
    git("commit", "-qm", "v1")
    git("clone", "-q", repo_dir, tmp_path / "clone")
    assert peak("pull", cwd=tmp_path / "clone") < BAR
    assert peak("verify", "models/m", "--key", f"{key}.pub", cwd=tmp_path / "clone") < BAR
    assert peak("export", "models/m", tmp_path / "out", "--key", f"{key}.pub", cwd=tmp_path / "clone") < BAR
