"""Files appear whole or not at all."""

import errno
import os
import re
import stat

import pytest

from sycee.system.atomic import open_temp, replacing, sweep, temp_name, write_file
from sycee.system.refusals import refused


def test_a_new_file_gets_the_process_mode(tmp_path):
    old = os.umask(0o027)
    try:
        write_file(tmp_path / "f", b"x")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o640


def test_a_replaced_file_keeps_its_mode(tmp_path):
    (tmp_path / "f").write_bytes(b"old")
    (tmp_path / "f").chmod(0o600)
    write_file(tmp_path / "f", b"new")
    assert (tmp_path / "f").read_bytes() == b"new"
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o600


def test_a_symlink_is_replaced_not_followed(tmp_path):
    (tmp_path / "target").write_bytes(b"precious")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write_file(tmp_path / "link", b"new")
    assert (tmp_path / "target").read_bytes() == b"precious"
    assert (tmp_path / "link").read_bytes() == b"new"
    assert not (tmp_path / "link").is_symlink()


def test_a_failure_leaves_the_old_file_and_no_rest(tmp_path):
    (tmp_path / "f").write_bytes(b"old")

    def fail():
        with replacing(tmp_path / "f") as fd:
            os.write(fd, b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == ["f"]
    assert (tmp_path / "f").read_bytes() == b"old"


def test_temp_names_are_those_dvc_sweeps():
    assert re.fullmatch(r"\.[A-Za-z0-9_-]{22}\.tmp", temp_name())
    assert temp_name() != temp_name()


def test_what_killed_writers_left_is_swept_and_nothing_else(tmp_path):
    dead, live = tmp_path / temp_name(), open_temp(tmp_path)
    dead.write_bytes(b"half")
    (tmp_path / temp_name()).symlink_to("nowhere")
    half_exported = tmp_path / temp_name()
    (half_exported / "sub").mkdir(parents=True)
    mine = tmp_path / ".notes.tmp"
    mine.write_bytes(b"mine")
    sweep(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([live[0], mine])
    os.close(live[1])
    sweep(tmp_path, older=60)
    assert live[0].exists()
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == [mine]


def test_a_full_disk_is_told_with_the_name_of_the_file(tmp_path):
    with pytest.raises(OSError, match="No space") as caught, replacing(tmp_path / "weights.pt"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    told = refused(caught.value)
    assert told.message == f"{tmp_path / 'weights.pt'}: No space left on device"
    assert told.hint == "free some space there; what was stored before is untouched"
    assert list(tmp_path.iterdir()) == []
