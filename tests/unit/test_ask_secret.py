"""A password is asked for at the terminal, and is not shown there."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from sycee.errors import UsageError
from sycee.system.terminal import ask_secret

CHILD = "from sycee.system.terminal import ask_secret; print('got', ask_secret('Password of ann').upper())"


def test_a_person_is_asked() -> None:
    ours, theirs = pty.openpty()
    words = [sys.executable, "-W", "error", "-c", CHILD]
    child = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    shown = b""
    while b"ann: " not in shown:
        shown += os.read(ours, 1000)
    os.write(ours, b"s3cr3t\n")
    while b"got S3CR3T" not in shown:
        shown += os.read(ours, 1000)
    assert child.wait() == 0
    os.close(ours)
    assert b"s3cr3t" not in shown


def test_without_a_terminal_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path(os.devnull).open() as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        with pytest.raises(UsageError, match="there is no terminal to ask for: Password of ann") as caught:
            ask_secret("Password of ann")
    assert "config.local" in str(caught.value.hint)


def test_a_closed_standard_input_is_nobody(repo_dir):
    """Some schedulers start a program without it; the first file that is opened must not become it."""
    (repo_dir / "file").write_bytes(b"x")
    command = f'exec <&-; cd "{repo_dir}"; {sys.executable} -m sycee {{}}'
    added = subprocess.run(["sh", "-c", command.format("add file")], capture_output=True, text=True, check=False)
    assert (added.returncode, "Traceback" in added.stderr) == (0, False), added.stderr
    (repo_dir / ".gitignore").unlink()
    (repo_dir / "file.dvc").unlink()
    collected = subprocess.run(["sh", "-c", command.format("gc -w")], capture_output=True, text=True, check=False)
    assert (collected.returncode, "there is no terminal to ask" in collected.stderr) == (1, True), collected.stderr
