"""The cache takes nothing that is not what its name says, and loses nothing."""

import itertools
import os
import stat
import time
from contextlib import ExitStack

import pytest

from sycee.digest import digest_bytes
from sycee.errors import Conflict, DigestMismatch, FormatError, NotFound
from sycee.store.cache import Cache
from sycee.store.expected import Expected
from sycee.store.layout import object_key
from sycee.store.statcache import StatCache, settle

FOO = digest_bytes(b"foo")


@pytest.fixture
def cache(tmp_path):
    statcache = StatCache(tmp_path / "statcache.sqlite")
    yield Cache(tmp_path / "cache", statcache)
    statcache.close()


def quarantined(cache):
    return sorted(path.read_bytes() for path in (cache.root / "sycee" / "quarantine").glob("*"))


def test_an_ingested_file_lies_where_dvc_looks_for_it(cache, tmp_path):
    (tmp_path / "foo").write_bytes(b"foo")
    assert cache.ingest(tmp_path / "foo") == FOO
    path = cache.root / "files/md5/ac/bd18db4cc2f85cedef654fccc4a4d8"
    assert path.read_bytes() == b"foo"
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    assert list(cache.root.rglob("*.tmp")) == []


def test_a_stream_that_is_right_is_stored(cache):
    cache.put_stream(Expected(FOO.md5, 3, FOO.sha256), [b"fo", b"o"])
    assert cache.verified(FOO.md5) == FOO


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        (Expected(FOO.md5, 4), "expected 4 bytes, found 3 bytes"),
        (Expected("0" * 32, 3), "expected md5 00000000"),
        (Expected(FOO.md5, 3, "1" * 64), "expected sha256 1111"),
    ],
    ids=["truncated", "another object", "md5 right and sha256 wrong"],
)
def test_a_stream_that_is_wrong_is_kept_aside(cache, expected, words):
    with pytest.raises(DigestMismatch, match=words) as caught:
        cache.put_stream(expected, [b"foo"])
    assert caught.value.exit_code == 11
    assert cache.find(expected.oid) is None
    assert quarantined(cache) == [b"foo"]


@pytest.mark.parametrize("expected", [Expected(FOO.md5, 3), Expected(FOO.md5 + ".dir", at_most=3)])
def test_a_stream_without_end_is_left_as_soon_as_it_is_too_long(cache, expected):
    with pytest.raises(DigestMismatch, match=r"expected (at most )?3 bytes, found 6 bytes"):
        cache.put_stream(expected, itertools.repeat(b"foo"))
    assert quarantined(cache) == [b"foofoo"]
    assert list(cache.root.rglob("*.tmp")) == []


@pytest.mark.parametrize("name", ["files", "files/md5", "files/md5/ac", "sycee", "sycee/tmp"])
def test_a_link_in_the_cache_does_not_lead_objects_elsewhere(cache, tmp_path, name):
    outside = tmp_path / "outside"
    outside.mkdir()
    (cache.root / name).parent.mkdir(parents=True)
    (cache.root / name).symlink_to(outside)
    with pytest.raises(Conflict, match="is a symbolic link"):
        cache.put_bytes(b"foo")
    assert list(outside.iterdir()) == []


def test_what_is_damaged_goes_through_no_link(cache, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (cache.root / "sycee").mkdir(parents=True)
    (cache.root / "sycee" / "quarantine").symlink_to(outside)
    with pytest.raises(Conflict, match="is a symbolic link"):
        cache.put_stream(Expected("0" * 32), [b"foo"])
    (cache.root / "sycee" / "sums").symlink_to(outside)
    with pytest.raises(Conflict, match="is a symbolic link"):
        cache.put_private("sycee/sums/ab/cd", b"foo")
    assert list(outside.iterdir()) == []


def test_the_root_of_the_cache_may_be_a_link(cache, tmp_path):
    (tmp_path / "disk").mkdir()
    cache.root.symlink_to(tmp_path / "disk")
    cache.put_bytes(b"foo")
    assert cache.verified(FOO.md5) == FOO


def test_a_damaged_object_is_never_served_and_never_deleted(cache):
    cache.put_bytes(b"foo")
    path = cache.path(FOO.md5)
    path.chmod(0o644)
    path.write_bytes(b"f00")
    path.chmod(0o444)
    with pytest.raises(DigestMismatch, match="damaged"):
        cache.verified(FOO.md5)
    assert quarantined(cache) == [b"f00"]
    with pytest.raises(NotFound):
        cache.verified(FOO.md5)


def test_storing_again_replaces_a_damaged_object(cache, tmp_path):
    cache.put_bytes(b"foo")
    path = cache.path(FOO.md5)
    path.chmod(0o644)
    path.write_bytes(b"bad")
    (tmp_path / "foo").write_bytes(b"foo")
    cache.ingest(tmp_path / "foo")
    assert path.read_bytes() == b"foo"
    assert quarantined(cache) == [b"bad"]


# The public collision of Marc Stevens: two blocks of 64 bytes with one md5 (the pair of his "fastcoll" page).
COLLISION_A = bytes.fromhex(
    "4dc968ff0ee35c209572d4777b721587d36fa7b21bdc56b74a3dc0783e7b9518afbfa200a8284bf36e8e4b55b35f427593d849676da0d1555d8360fb5f07fea2"
)
COLLISION_B = bytes.fromhex(
    "4dc968ff0ee35c209572d4777b721587d36fa7b21bdc56b74a3dc0783e7b9518afbfa202a8284bf36e8e4b55b35f427593d849676da0d1d55d8360fb5f07fea2"
)


def test_two_files_with_one_md5_cannot_replace_each_other(cache, tmp_path):
    assert digest_bytes(COLLISION_A).md5 == digest_bytes(COLLISION_B).md5
    (tmp_path / "a").write_bytes(COLLISION_A)
    (tmp_path / "b").write_bytes(COLLISION_B)
    oid = cache.ingest(tmp_path / "a").md5
    with pytest.raises(Conflict, match="two different files have the md5"):
        cache.ingest(tmp_path / "b")
    assert cache.path(oid).read_bytes() == COLLISION_A


def test_two_small_files_with_one_md5_cannot_replace_each_other_before_either_is_stored(cache, tmp_path):
    (tmp_path / "a").write_bytes(COLLISION_A)
    (tmp_path / "b").write_bytes(COLLISION_B)
    with ExitStack() as stack:
        batch = stack.enter_context(cache.batch())
        cache.ingest_small(batch, str(tmp_path / "a"))
        cache.ingest_small(batch, str(tmp_path / "b"))
        with pytest.raises(Conflict, match="two different files have the md5"):
            stack.close()
    assert not list((cache.root / "files").rglob("*.*"))


def test_a_batch_does_not_replace_what_was_stored_while_it_was_filled(cache, tmp_path):
    (tmp_path / "a").write_bytes(COLLISION_A)
    (tmp_path / "b").write_bytes(COLLISION_B)
    with ExitStack() as stack:
        batch = stack.enter_context(cache.batch())
        cache.ingest_small(batch, str(tmp_path / "a"))
        oid = cache.ingest(tmp_path / "b").md5
        with pytest.raises(Conflict, match="two different files have the md5"):
            stack.close()
    assert cache.path(oid).read_bytes() == COLLISION_B


def test_what_is_ingested_is_known_as_long_as_file_and_object_are_as_they_were(cache, tmp_path):
    paths = [tmp_path / name for name in ("kept", "rewritten", "lost", "new")]
    for path in paths:
        path.write_bytes(path.name.encode())
        settle(path)
    time.sleep(0.06)  # so that their change times have settled too
    with cache.batch() as batch:
        taken = {path: cache.ingest_small(batch, str(path)) for path in paths[:3]}
    paths[1].write_bytes(b"REWRITTEN")
    cache.path(taken[paths[2]].md5).unlink()
    found = cache.ingested({str(path): path.lstat() for path in paths})
    assert found == {str(paths[0]): taken[paths[0]]}


def test_an_object_that_is_known_no_more_is_not_believed(cache, tmp_path):
    (path := tmp_path / "a").write_bytes(b"abc")
    time.sleep(0.06)
    digests = cache.ingest(path)
    assert cache.ingested({str(path): path.lstat()}) == {str(path): digests}
    cache.forget(digests.md5)
    assert cache.ingested({str(path): path.lstat()}) == {}


def test_two_directory_objects_with_one_md5_cannot_replace_each_other(cache):
    oid = cache.put_bytes(COLLISION_A, suffix=".dir")
    with pytest.raises(Conflict, match="two different files have the md5"):
        cache.put_bytes(COLLISION_B, suffix=".dir")
    assert cache.path(oid).read_bytes() == COLLISION_A


def test_ingest_of_the_same_twice_is_one_object(cache, tmp_path):
    for name in "ab":
        (tmp_path / name).write_bytes(b"foo")
        cache.ingest(tmp_path / name)
    assert sum(path.is_file() for path in (cache.root / "files").rglob("*")) == 1


@pytest.mark.parametrize(
    "oid", ["", "..", "../../etc/passwd", "ABCD" * 8, "a" * 31, "a" * 32 + ".dirx", "a" * 32 + "/x"]
)
def test_only_object_ids_become_paths(oid):
    with pytest.raises(FormatError):
        object_key(oid)


def test_a_legacy_object_is_judged_by_the_legacy_md5(cache):
    oid = digest_bytes(b"one\ntwo\n").md5
    cache.put_stream(Expected(oid), [b"one\r\ntwo\r\n"], legacy=True)
    assert cache.path(oid, legacy=True) == cache.root / oid[:2] / oid[2:]
    with pytest.raises(DigestMismatch):
        cache.put_stream(Expected("0" * 32), [b"one\r\n"], legacy=True)


def test_a_source_that_vanishes_leaves_nothing(cache, tmp_path):
    with pytest.raises(NotFound):
        cache.ingest(tmp_path / "absent")
    assert not (cache.root / "files").exists()


def test_a_shared_cache_gives_its_folders_to_the_group(tmp_path):
    old = os.umask(0o022)
    try:
        cache = Cache(tmp_path / "cache", StatCache(tmp_path / "s.sqlite"), shared=True)
        cache.put_bytes(b"foo")
    finally:
        os.umask(old)
    assert stat.S_IMODE(cache.path(FOO.md5).parent.stat().st_mode) == 0o2775
    assert stat.S_IMODE(cache.path(FOO.md5).stat().st_mode) == 0o444


def test_objects_of_before_dvc_3_are_not_looked_for_beyond_a_link(cache, tmp_path):
    theirs = tmp_path / "theirs" / ("d" * 30)
    theirs.parent.mkdir()
    theirs.write_bytes(b"precious")
    cache.root.mkdir()
    (cache.root / "ab").symlink_to(theirs.parent)
    assert list(cache.old_ids()) == []
