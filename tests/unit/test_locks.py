"""One writer at a time, dvc included, and nobody led elsewhere."""

import errno
import fcntl
import hashlib
import os
import socket
import subprocess
import sys
import time

import pytest

from sycee.errors import Conflict
from sycee.system.locks import Waiting, repository_lock

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
    with pytest.raises(Conflict, match=words) as refused, repository_lock(tmp_path, Waiting(0.2)):
        pytest.fail("held twice")
    assert time.monotonic() - begun >= 0.2
    assert refused.value.details["process"] == "4711"


def test_a_long_wait_is_told(tmp_path, holder):
    told = []
    with pytest.raises(Conflict), repository_lock(tmp_path, Waiting(1.3, told.append)):
        pytest.fail("held twice")
    assert told == ["waiting for process 4711, which is working in this repository"]


def test_it_waits_for_the_other_to_end(tmp_path, holder):
    holder.stdin.close()
    with repository_lock(tmp_path, Waiting(10)):
        assert (tmp_path / "lock").read_text() == f" {os.getpid()}\n"


def test_while_it_is_held_nobody_else_gets_it(tmp_path):
    with repository_lock(tmp_path / "made"):
        fd = os.open(tmp_path / "made/lock", os.O_RDWR)
        with pytest.raises(BlockingIOError):
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(fd)
    with repository_lock(tmp_path / "made", Waiting(0)):
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
    with pytest.raises(Conflict, match="is a symbolic link"), repository_lock(place, Waiting(0)):
        pytest.fail("followed")
    assert (tmp_path / "elsewhere/lock").read_text() == "precious"


def test_hard_links_exclude_and_leave_nothing(tmp_path):
    with repository_lock(tmp_path, hardlink=True):
        assert (tmp_path / "lock").stat().st_nlink == 2
        second = repository_lock(tmp_path, Waiting(0), hardlink=True)
        with pytest.raises(Conflict, match=rf"process {os.getpid()}\)") as refused, second:
            pytest.fail("held twice")
        assert "no such command runs on any machine" in refused.value.hint
        assert len(list(tmp_path.iterdir())) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_claim_is_dvcs_in_form_and_date(tmp_path):
    with repository_lock(tmp_path, hardlink=True):
        [claim] = [path for path in tmp_path.iterdir() if path.name != "lock"]
        text = claim.read_bytes()
        assert claim.name == f"{hashlib.md5(text).hexdigest()}.lock"
        assert text.startswith(f"{tmp_path}/lock|{socket.gethostname()}|{os.getpid()}|".encode())
        assert claim.stat().st_mtime == pytest.approx(time.time() + 365 * 86_400, abs=60)


def test_the_holder_of_a_claim_is_named_with_its_machine(tmp_path):
    (tmp_path / "claim").write_text(f"{tmp_path}/lock|far.example.org|12|345")
    (tmp_path / "lock").hardlink_to(tmp_path / "claim")
    second = repository_lock(tmp_path, Waiting(0), hardlink=True)
    with pytest.raises(Conflict, match=r"process 12 on far\.example\.org"), second:
        pytest.fail("held twice")
    assert (tmp_path / "lock").exists(), "nobody's lock is taken away"


def test_what_flock_left_is_in_no_claims_way_once_it_is_idle(tmp_path, holder):
    with pytest.raises(Conflict, match="process 4711"), repository_lock(tmp_path, Waiting(0), hardlink=True):
        pytest.fail("held twice")
    holder.stdin.close()
    holder.wait()
    with repository_lock(tmp_path, hardlink=True):
        pass
    assert not (tmp_path / "lock").exists()


def test_a_file_that_is_no_lock_is_never_removed(tmp_path):
    (tmp_path / "lock").write_text("precious")
    with pytest.raises(Conflict), repository_lock(tmp_path, Waiting(0), hardlink=True):
        pytest.fail("held")
    assert (tmp_path / "lock").read_text() == "precious"
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_a_lock_that_somebody_removed_by_hand_is_no_error(tmp_path):
    with repository_lock(tmp_path, hardlink=True):
        (tmp_path / "lock").unlink()
        (tmp_path / "lock").write_text("another's")
    assert (tmp_path / "lock").read_text() == "another's"


def test_a_file_system_without_hard_links_is_named(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(Conflict, match="without hard links") as refused, repository_lock(tmp_path, hardlink=True):
        pytest.fail("held")
    assert refused.value.hint.endswith("sycee config core.hardlink_lock false")
    assert list(tmp_path.iterdir()) == []
