"""Status says what differs, trusts no old digest, and writes nothing."""

import os

import pytest

from sycee.digest import digest_bytes
from sycee.errors import Conflict
from sycee.ops.add import add
from sycee.ops.cloudstatus import cloud_status
from sycee.ops.push import push
from sycee.ops.status import Change, Status, status
from sycee.storage.memory import MemoryBackend
from sycee.store.objects import Remote


@pytest.fixture
def tracked(repo):
    """A repository with a file and a folder."""
    (repo.root / "f").write_bytes(b"weights")
    (repo.root / "d").mkdir()
    (repo.root / "d/a").write_bytes(b"1")
    add(repo, [repo.root / "f", repo.root / "d"])
    return repo


def changes(repo):
    return [(change.relpath, change.state) for change in status(repo, repo.tracked()).changes]


def test_a_clean_work_tree(tracked):
    assert status(tracked, tracked.tracked()) == Status((), ())


DIFFERENCES = {
    "edited": (lambda r: (r / "f").write_bytes(b"WEIGHTS"), [("f", "modified")]),
    "gone": (lambda r: (r / "f").unlink(), [("f", "deleted")]),
    "member edited": (lambda r: (r / "d/a").write_bytes(b"2"), [("d", "modified")]),
    "member gone": (lambda r: (r / "d/a").unlink(), [("d", "modified")]),
    "member more": (lambda r: (r / "d/b").write_bytes(b"2"), [("d", "modified")]),
    "touched": (lambda r: os.utime(r / "f", (1, 1)), []),
    "empty folder more": (lambda r: (r / "d/e").mkdir(), []),
    "file for folder": (lambda r: ((r / "d/a").unlink(), (r / "d").rmdir(), (r / "d").touch()), [("d", "modified")]),
    "folder for file": (lambda r: ((r / "f").unlink(), (r / "f").mkdir()), [("f", "modified")]),
    "both": (lambda r: ((r / "f").unlink(), (r / "d/a").write_bytes(b"2")), [("d", "modified"), ("f", "deleted")]),
}


@pytest.mark.parametrize(("change", "expected"), DIFFERENCES.values(), ids=DIFFERENCES)
def test_what_differs(tracked, change, expected):
    change(tracked.root)
    assert changes(tracked) == expected


@pytest.mark.parametrize("data", [b"weights", b"1"])
def test_what_the_cache_lacks(tracked, data):
    tracked.cache.path(digest_bytes(data).md5).unlink()
    assert changes(tracked) == [("f" if data == b"weights" else "d", "not in cache")]


def test_a_pointer_without_an_object(tracked):
    (tracked.root / "n").write_bytes(b"n")
    (tracked.root / "n.dvc").write_text("outs:\n- path: n\n  hash: md5\n")
    assert status(tracked, tracked.tracked()).changes == (Change("n", "n.dvc", "new"),)


def test_targets_narrow_it(tracked):
    (tracked.root / "f").write_bytes(b"WEIGHTS")
    assert status(tracked, tracked.tracked([tracked.root / "d"])).changes == ()


def test_digests_of_another_md5_vouch_for_nothing(tracked):
    old, new = digest_bytes(b"weights"), digest_bytes(b"retrained")
    (tracked.root / "f").write_bytes(b"retrained")
    tracked.cache.put_bytes(b"retrained")
    pointer = tracked.root / "f.dvc"
    pointer.write_text(pointer.read_text().replace(f"- md5: {old.md5}\n  size: 7", f"- md5: {new.md5}\n  size: 9"))
    found = status(tracked, tracked.tracked())
    assert found == Status((), ("f",))


def test_a_plain_dvc_pointer_is_nothing_to_warn_of(tracked):
    pointer = tracked.root / "f.dvc"
    pointer.write_text(pointer.read_text().partition("meta:")[0])
    assert status(tracked, tracked.tracked()) == Status((), ())


def test_it_writes_nothing_but_its_own_records(tracked):
    def names():
        return {p for p in tracked.root.rglob("*") if ".dvc/tmp" not in str(p) and ".git/" not in str(p)}

    before = {path: path.lstat().st_mtime_ns for path in names()}
    status(tracked, tracked.tracked())
    assert {path: path.lstat().st_mtime_ns for path in names()} == before


def test_cache_and_remote(tracked):
    remote = Remote("store", MemoryBackend())
    assert cloud_status(tracked, tracked.tracked(), remote) == {"d": "new", "d/a": "new", "f": "new"}
    push(tracked, tracked.tracked(), lambda _: remote)
    assert cloud_status(tracked, tracked.tracked(), remote) == {}
    tracked.cache.path(digest_bytes(b"weights").md5).unlink()
    remote.backend.delete("files/md5/" + digest_bytes(b"1").md5[:2] + "/" + digest_bytes(b"1").md5[2:])
    assert cloud_status(tracked, tracked.tracked(), remote) == {"d/a": "new", "f": "deleted"}
    tracked.cache.path(digest_bytes(b"1").md5).unlink()
    assert cloud_status(tracked, tracked.tracked(), remote) == {"d/a": "missing", "f": "deleted"}


def test_a_truncated_object_on_the_remote_is_not_there(tracked):
    remote = Remote("store", MemoryBackend())
    push(tracked, tracked.tracked(), lambda _: remote)
    md5 = digest_bytes(b"weights").md5
    remote.backend._objects[f"files/md5/{md5[:2]}/{md5[2:]}"] = b"weig"
    assert cloud_status(tracked, tracked.tracked(), remote) == {"f": "new"}
    tracked.cache.path(md5).unlink()
    assert cloud_status(tracked, tracked.tracked(), remote) == {"f": "missing"}


def test_a_damaged_directory_object_is_told_and_left_where_it_is(repo):
    (repo.root / "d").mkdir()
    (repo.root / "d/a").write_bytes(b"1")
    (added,) = add(repo, [repo.root / "d"])
    path = repo.cache.path(added.out.md5)
    path.chmod(0o644)
    path.write_bytes(b"[]")
    path.chmod(0o444)
    assert [(one.relpath, one.state) for one in status(repo, repo.tracked()).changes] == [("d", "not in cache")]
    assert path.read_bytes() == b"[]"


@pytest.mark.parametrize("name", ["d", "f"])
def test_a_link_in_the_place_of_an_artifact_is_not_followed(tracked, tmp_path, name):
    (tmp_path / "outside" / "deep").mkdir(parents=True)
    (tracked.root / name).rename(tmp_path / "moved")
    (tracked.root / name).symlink_to(tmp_path / "outside")
    with pytest.raises(Conflict, match=f"{name} is a symlink"):
        changes(tracked)


def test_a_link_above_an_artifact_is_not_followed(tracked, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x").write_bytes(b"weights")
    (tracked.root / "link").symlink_to(tmp_path / "outside")
    md5 = digest_bytes(b"weights").md5
    (tracked.root / "x.dvc").write_text(f"wdir: link\nouts:\n- md5: {md5}\n  hash: md5\n  path: x\n")
    with pytest.raises(Conflict, match="link is a symlink"):
        changes(tracked)
