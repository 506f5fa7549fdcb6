"""Many files become durable together: none has its name before its bytes are flushed, and nothing is left over."""

import os
from pathlib import Path

import pytest

from sycee.system import staging as module
from sycee.system.atomic import TEMP_NAME, sweep
from sycee.system.staging import FEW, flush_file_system, publish, staging


@pytest.fixture
def place(tmp_path):
    (tmp_path / "tmp").mkdir()
    with staging(tmp_path / "tmp") as place:
        yield place


def staged(place, folder, count):
    return [(place.write(str(i).encode(), mode=0o444), f"{folder}/f{i}") for i in range(count)]


@pytest.mark.parametrize("count", [0, 1, FEW])
def test_files_get_their_names(place, tmp_path, count):
    publish(staged(place, tmp_path, count))
    files = {path.name: path for path in tmp_path.iterdir() if path.is_file()}
    assert {name: path.read_bytes() for name, path in files.items()} == {f"f{i}": b"%d" % i for i in range(count)}
    assert all(path.stat().st_mode & 0o777 == 0o444 for path in files.values())


def test_bytes_are_flushed_before_the_first_name_and_folders_after_the_last(place, tmp_path, monkeypatch):
    done = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(module, "flush_file_system", lambda _folder: done.append("flush") or True)
    monkeypatch.setattr(module, "fsync_dir", lambda folder: done.append(folder.name))
    real = os.replace
    monkeypatch.setattr(os, "replace", lambda *paths: done.append("name") or real(*paths))
    moves = staged(place, tmp_path / "a", FEW) + staged(place, tmp_path / "b", 1)
    publish(moves)
    assert done[0] == "flush"
    assert done[1:-2] == ["name"] * len(moves)
    assert sorted(done[-2:]) == ["a", "b"]


def test_where_the_file_system_cannot_be_flushed_each_file_is(place, tmp_path, monkeypatch):
    flushed = []
    monkeypatch.setattr(module, "flush_file_system", lambda _folder: False)
    monkeypatch.setattr(module, "fsync", flushed.append)
    publish(staged(place, tmp_path, FEW))
    assert len(flushed) == FEW


def test_what_stands_there_is_replaced(place, tmp_path):
    (tmp_path / "f0").write_bytes(b"old")
    publish(staged(place, tmp_path, 1))
    assert (tmp_path / "f0").read_bytes() == b"0"


def test_what_got_no_name_is_removed(tmp_path):
    with pytest.raises(OSError, match="Invalid argument"), staging(tmp_path) as place:
        place.write(b"x", mode=0o600, finish=lambda fd: os.lseek(fd, -1, os.SEEK_SET))
    assert list(tmp_path.iterdir()) == []


def test_a_place_in_use_is_not_swept_and_one_that_was_left_is(tmp_path):
    with staging(tmp_path) as place:
        place.write(b"x", mode=0o600)
        assert TEMP_NAME.fullmatch(place.folder.name)
        sweep(tmp_path)
        assert [path.read_bytes() for path in place.folder.iterdir()] == [b"x"]
        left = place.folder.rename(tmp_path / ".Zm9vYmFyYmF6cXV4cXV1eA.tmp")
        (tmp_path / "copy").mkdir()
    (tmp_path / "copy").rename(tmp_path / ".Zm9vYmFyYmF6cXV4cXV1eB.tmp")
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert not left.exists()


def test_the_finish_sees_the_open_file(place):
    path = place.write(b"x", mode=0o600, finish=lambda fd: os.utime(fd, (5, 5)))
    assert Path(path).stat().st_mtime == 5


def test_a_real_file_system_is_flushed(tmp_path):
    assert flush_file_system(tmp_path)
