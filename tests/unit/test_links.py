"""Four ways to make one file out of another."""

import errno

import pytest

from sycee.errors import Conflict, SyceeError
from sycee.system import links
from sycee.system.links import DEFAULT_WAYS, link, prepare


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "object"
    path.write_bytes(b"bytes")
    path.chmod(0o444)
    return path


@pytest.mark.parametrize("ways", [DEFAULT_WAYS, ("copy",), ("hardlink",), ("symlink",)])
def test_the_target_has_the_bytes_and_replaces_what_was_there(tmp_path, source, ways):
    target = tmp_path / "target"
    target.write_bytes(b"before")
    counted = []
    way = link(source, target, ways, on_bytes=counted.append)
    assert way in ways
    assert target.read_bytes() == b"bytes"
    assert sum(counted) == 5
    assert sorted(p.name for p in tmp_path.iterdir()) == ["object", "target"]


def test_a_copy_is_writable_and_does_not_share(tmp_path, source):
    link(source, tmp_path / "target", ("copy",))
    assert (tmp_path / "target").stat().st_mode & 0o200
    (tmp_path / "target").write_bytes(b"other")
    assert source.read_bytes() == b"bytes"


def test_a_hardlink_is_the_same_inode_but_for_empty_files(tmp_path, source):
    link(source, tmp_path / "target", ("hardlink",))
    assert (tmp_path / "target").stat().st_ino == source.stat().st_ino
    empty = tmp_path / "empty"
    empty.touch()
    link(empty, tmp_path / "other", ("hardlink",))
    assert (tmp_path / "other").stat().st_ino != empty.stat().st_ino


def test_linking_twice_leaves_no_temporary_file(tmp_path, source):
    for _ in range(2):  # rename between two links to one inode does nothing, and keeps both
        link(source, tmp_path / "target", ("hardlink",))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["object", "target"]


def test_a_symlink_is_absolute(tmp_path, source):
    link(source, tmp_path / "target", ("symlink",))
    assert (tmp_path / "target").readlink() == source


def test_the_next_way_is_tried_where_one_does_not_work(tmp_path, source, monkeypatch):
    def unsupported(*_):
        raise OSError(errno.EOPNOTSUPP, "not here")

    monkeypatch.setitem(links.WAYS, "reflink", unsupported)
    assert link(source, tmp_path / "target", DEFAULT_WAYS) == "copy"
    with pytest.raises(SyceeError, match="no link type of reflink works") as refused:
        link(source, tmp_path / "other", ("reflink",))
    assert "copy" in (refused.value.hint or "")


def test_a_failure_leaves_the_target_alone(tmp_path, source, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setitem(links.WAYS, "copy", full)
    (tmp_path / "target").write_bytes(b"before")
    with pytest.raises(OSError, match="full"):
        link(source, tmp_path / "target", ("copy",))
    assert (tmp_path / "target").read_bytes() == b"before"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["object", "target"]


def test_a_linked_object_is_not_followed(tmp_path, source):
    (tmp_path / "alias").symlink_to(source)
    with pytest.raises(Conflict, match="symbolic link"):
        link(tmp_path / "alias", tmp_path / "target", ("copy",))


def test_a_prepared_file_waits_under_a_temporary_name(tmp_path, source):
    (tmp_path / "folder").mkdir()
    prepared = prepare(source, tmp_path / "folder", ("copy",))
    assert prepared.way == "copy"
    assert prepared.temp.parent == tmp_path / "folder"
    assert prepared.temp.name.startswith(".")
    assert prepared.temp.name.endswith(".tmp")
