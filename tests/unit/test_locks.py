"""One writer at a time, dvc included, and nobody led elsewhere."""

import fcntl
import os
import subprocess
import sys
import time

import pytest

from sycee.errors import Conflict
from sycee.system.locks import repository_lock

HOLD = """
import fcntl, os, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(fd, fcntl.LOCK_EX)
os.write(fd, b" 4711\\n")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock until its standard input is closed."""
    command = [sys.executable, "-c", HOLD, tmp_path / "lock"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_it_says_who_holds_the_lock(tmp_path, holder):
    begun = time.monotonic()
    words = r"process 4711\) is working in this repository"
    with pytest.raises(Conflict, match=words) as refused, repository_lock(tmp_path, wait=0.2):
        pytest.fail("held twice")
    assert time.monotonic() - begun >= 0.2
    assert refused.value.details["process"] == "4711"


def test_a_long_wait_is_told(tmp_path, holder):
    told = []
    with pytest.raises(Conflict), repository_lock(tmp_path, wait=1.3, notify=told.append):
        pytest.fail("held twice")
    assert told == ["waiting for process 4711, which is working in this repository"]


def test_it_waits_for_the_other_to_end(tmp_path, holder):
    holder.stdin.close()
    with repository_lock(tmp_path, wait=10):
        assert (tmp_path / "lock").read_text() == f" {os.getpid()}\n"


def test_while_it_is_held_nobody_else_gets_it(tmp_path):
    with repository_lock(tmp_path / "made"):
        fd = os.open(tmp_path / "made/lock", os.O_RDWR)
        with pytest.raises(BlockingIOError):
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(fd)
    with repository_lock(tmp_path / "made", wait=0):
        pass
    assert (tmp_path / "made/lock").exists()


@pytest.mark.parametrize("name", ["lock", ""], ids=["file", "folder"])
def test_a_symbolic_link_does_not_make_it_write_elsewhere(tmp_path, name):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/lock").write_text("precious")
    place = tmp_path / "tmp"
    if name:
        place.mkdir()
    (place / name).symlink_to(tmp_path / "elsewhere" / name)
    with pytest.raises(Conflict, match="is a symbolic link"), repository_lock(place, wait=0):
        pytest.fail("followed")
    assert (tmp_path / "elsewhere/lock").read_text() == "precious"
