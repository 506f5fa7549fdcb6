"""Memory stays bounded whatever the size of a file: each command moves half a gigabyte in less than 200 MB."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

SIZE = 512 << 20
BAR = 200_000_000  # bytes
# The process tells its own high-water mark: what the system tells of a child begins with the size of its parent.
SCRIPT = """
import sys
from pathlib import Path
from sycee.cli.main import main
code = main(sys.argv[1:])
print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
sys.exit(code)
"""


def peak(*arguments, cwd):
    """Run sycee and return its largest resident memory in bytes."""
    command = [sys.executable, "-c", SCRIPT, *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True)
    return int(done.stdout.split()[-1]) * 1024


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
