"""Which files a block of code reads."""

import gc
import json
import mmap
import os
import sqlite3
import sys
import threading
from pathlib import Path

import pytest

from sycee.capture import opened as module
from sycee.capture.opened import Reads, opened


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("vocab.txt", "labels.json", "mean.npy", "model.pt", "other.txt"):
        (tmp_path / name).write_text("{}")
    return tmp_path


def names(files):
    return [path.name for path in files]


def test_files_are_found_in_the_order_in_which_they_are_read(folder):
    with opened() as files:
        json.loads(Path("labels.json").read_text())
        os.close(os.open(b"vocab.txt", os.O_RDONLY))
        os.close(os.open(folder / "other.txt", os.O_RDONLY))
        (folder / "sub").mkdir()
        Path("sub/../vocab.txt").read_text()
        thread = threading.Thread(target=(folder / "mean.npy").read_bytes)
        thread.start()
        thread.join()
        assert files == []
    assert files == [folder / name for name in ("labels.json", "vocab.txt", "other.txt", "mean.npy")]
    Path("model.pt").read_bytes()
    assert len(files) == 4  # the block is over


def test_numpy_pillow_and_sqlite_are_seen(folder):
    import numpy as np
    from PIL import Image

    np.save("mean.npy", np.zeros(3))
    Image.new("RGB", (2, 2)).save("x.png")
    sqlite3.connect("db.sqlite").close()
    (folder / "db.sqlite").touch()
    with opened() as files:
        np.load("mean.npy")
        Image.open("x.png").load()
        sqlite3.connect("db.sqlite").close()
    assert names(files) == ["mean.npy", "x.png", "db.sqlite"]


def test_what_is_mapped_at_the_end_is_seen_without_an_event(folder, monkeypatch):
    monkeypatch.setattr(module, "_hook", None)
    with opened() as files:
        monkeypatch.setattr(module, "_reading", [])  # as if native code had opened it
        with Path("mean.npy").open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    mapped.close()
    assert names(files) == ["mean.npy"]


def test_what_is_no_input_is_left_aside(folder):
    (folder / "code.py").write_text("")
    (folder / "env/lib/site-packages/x").mkdir(parents=True)
    (folder / "env/lib/site-packages/x/data.json").write_text("")
    (folder / "model").mkdir()
    (folder / "model/config.json").write_text("")
    with opened(leave=[folder / "model.pt", folder / "model"]) as files:
        for name in (
            "model.pt",
            "model/config.json",
            "code.py",
            "env/lib/site-packages/x/data.json",
            "/proc/self/stat",
        ):
            Path(name).read_bytes()
        Path(json.__file__).read_bytes()
        (Path(sys.prefix) / "pyvenv.cfg").exists() and (Path(sys.prefix) / "pyvenv.cfg").read_bytes()
        Path("made.txt").write_text("made here")
        Path("made.txt").read_text()
        Path("gone.txt").write_text("")
        os.close(os.open(folder, os.O_RDONLY))
        with pytest.raises(FileNotFoundError):
            Path("missing.txt").read_text()
    assert files == []


def test_what_raises_is_still_told(folder):
    found = []

    def fail():
        with opened() as files:
            found.append(files)
            Path("vocab.txt").read_text()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert names(found[0]) == ["vocab.txt"]


def test_blocks_inside_of_blocks(folder):
    with opened() as outer:
        Path("vocab.txt").read_text()
        with opened() as inner:
            Path("labels.json").read_text()
        Path("other.txt").read_text()
    assert (names(inner), names(outer)) == (["labels.json"], ["vocab.txt", "labels.json", "other.txt"])


def test_a_folder_that_is_gone_stops_nobody(folder, monkeypatch):
    place = folder / "gone"
    place.mkdir()
    monkeypatch.chdir(place)
    place.rmdir()
    with opened() as files:
        (folder / "vocab.txt").read_text()
    os.chdir(folder)
    assert files == []  # where a name begins is not known here


def test_a_hundred_thousand_files_become_their_folders(folder, monkeypatch):
    monkeypatch.setattr(module, "MAX_PATHS", 3)
    (folder / "data").mkdir()
    files = [folder / f"data/{number}" for number in range(20)]
    for file in files:
        file.touch()
    noted = Reads()
    noted.start()
    for file in files:
        file.read_bytes()
    noted.stop()
    assert list(noted.paths) == [*map(str, files[:3]), str(folder / "data")]


def test_who_is_gone_is_not_told_any_more(folder):
    noted = Reads()
    noted.start()
    known = len(module._reading)
    del noted
    gc.collect()
    assert len(module._reading) == known - 1
    (folder / "vocab.txt").read_text()
