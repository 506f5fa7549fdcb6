"""Files appear whole or not at all."""

import os
import re
import stat

import pytest

from sycee.system.atomic import replacing, temp_name, write_file


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
