"""The stat cache answers only for files that cannot have changed."""

import os
import sqlite3

import pytest

from sycee.digest import digest_bytes
from sycee.errors import NotFound
from sycee.store import statcache
from sycee.store.statcache import COARSE, SECOND, SETTLED, StatCache


@pytest.fixture
def late(tmp_path):
    """A cache whose clock says that everything was written long ago."""
    import time

    cache = StatCache(tmp_path / "db" / "statcache.sqlite", clock=lambda: time.time_ns() + 10 * SETTLED)
    yield cache
    cache.close()


def test_it_remembers_an_unchanged_file(tmp_path, late):
    path = tmp_path / "f"
    path.write_bytes(b"abc")
    assert late.get(path) is None
    assert late.digests_of(path) == digest_bytes(b"abc")
    assert late.get(path) == digest_bytes(b"abc")


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p.write_bytes(b"xyz"),
        lambda p: p.write_bytes(b"abcd"),
        lambda p: (p.unlink(), p.write_bytes(b"abc")),
        lambda p: os.utime(p, ns=(1, 1)),
    ],
    ids=["rewritten", "longer", "another inode", "touched"],
)
def test_it_forgets_what_changed(tmp_path, late, change):
    path = tmp_path / "f"
    path.write_bytes(b"abc")
    late.digests_of(path)
    change(path)
    assert late.get(path) is None


@pytest.mark.parametrize("change", [lambda p: p.write_bytes(b"xyz"), lambda p: (p.unlink(), p.write_bytes(b"abc"))])
def test_what_is_foreseen_is_judged_when_it_is_asked_for(tmp_path, late, change):
    same, other = tmp_path / "same", tmp_path / "other"
    for path in (same, other):
        path.write_bytes(b"abc")
        late.digests_of(path)
    late.foresee([str(same), str(other), str(tmp_path / "absent")])
    change(other)
    assert late.get(same) == digest_bytes(b"abc")
    assert late.get(other) is None


def test_many_that_are_foreseen_are_one_query(tmp_path, late, monkeypatch):
    paths = [tmp_path / str(number) for number in range(5)]
    for path in paths:
        path.write_bytes(b"abc")
        late.digests_of(path)
    late.foresee([str(path) for path in paths])
    monkeypatch.setattr(late, "get_all", None)  # whoever asks singly fails
    assert [late.get(path) for path in paths] == [digest_bytes(b"abc")] * 5


def test_what_was_foreseen_can_be_forgotten_and_learnt_anew(tmp_path, late):
    path = tmp_path / "f"
    path.write_bytes(b"abc")
    late.digests_of(path)
    late.foresee([str(path)])
    late.forget(path)
    assert late.get(path) is None
    late.foresee([str(path)])
    path.write_bytes(b"xyz")
    assert late.digests_of(path) == late.get(path) == digest_bytes(b"xyz")


def test_same_size_and_forged_mtime_are_seen_through_ctime(tmp_path, late):
    path = tmp_path / "f"
    path.write_bytes(b"abc")
    late.digests_of(path)
    before = path.stat()
    path.write_bytes(b"xyz")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert late.get(path) is None


def test_a_file_written_this_instant_is_not_remembered(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"abc")
    cache = StatCache(tmp_path / "db.sqlite", clock=lambda: path.stat().st_mtime_ns + SETTLED - 1)
    cache.digests_of(path)
    assert cache.get(path) is None
    cache.close()


@pytest.mark.parametrize(("written", "age", "kept"), [(0, SETTLED, False), (0, COARSE, True), (1, SETTLED, True)])
def test_where_times_may_be_coarse_more_of_it_must_pass(tmp_path, written, age, kept):
    """On a file system of whole seconds a file can be written again for one or two without a trace."""
    path, moment = tmp_path / "f", 1_000 * SECOND + written
    path.write_bytes(b"abc")
    os.utime(path, ns=(moment, moment))
    cache = StatCache(tmp_path / "db.sqlite", clock=lambda: moment + age)
    cache.put(path, digest_bytes(b"abc"), path.lstat(), settled=True)
    assert (cache.get(path) is not None) is kept
    cache.close()


def test_of_many_files_each_is_judged_when_it_is_read(tmp_path):
    """At the end of many, the times of the first have settled, but it may have been written again in the meantime."""
    paths = [tmp_path / name for name in "ab"]
    for path in paths:
        path.write_bytes(b"abc")
    clock = iter([SETTLED - 1, *[9 * SETTLED] * 9])
    cache = StatCache(tmp_path / "db.sqlite", clock=lambda: paths[0].stat().st_ctime_ns + next(clock))
    files = {str(path): path.lstat() for path in paths}
    assert cache.digests_of_all(files) == dict.fromkeys(files, digest_bytes(b"abc"))
    assert [*cache.get_all(files)] == [str(paths[1])]
    cache.close()


def test_many_files_are_read_once(tmp_path, late, monkeypatch):
    paths = [tmp_path / f"f{number}" for number in range(statcache.AT_ONCE + 5)]
    for path in paths:
        path.write_bytes(path.name.encode())
    files = {str(path): path.lstat() for path in paths}
    told = []
    first = late.digests_of_all(files, on_bytes=told.append)
    assert first == {str(path): digest_bytes(path.name.encode()) for path in paths}
    paths[3].write_bytes(b"xyz")
    files[str(paths[3])] = paths[3].lstat()
    read = []
    real = statcache.read_regular
    monkeypatch.setattr(statcache, "read_regular", lambda path: (read.append(path), real(path))[1])
    assert late.digests_of_all(files) == first | {str(paths[3]): digest_bytes(b"xyz")}
    assert read == [str(paths[3])]
    assert sum(told) == sum(len(path.name) for path in paths)


def test_what_was_read_before_a_refusal_is_kept(tmp_path, late):
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "b").write_bytes(b"abc")
    files = {str(tmp_path / name): (tmp_path / name).lstat() for name in "ab"}
    (tmp_path / "b").unlink()
    with pytest.raises(NotFound):
        late.digests_of_all(files)
    assert [*late.get_all(files)] == [str(tmp_path / "a")]


@pytest.mark.parametrize("back", [SETTLED, 3600 * 10**9], ids=["a moment", "an hour"])
def test_a_clock_that_went_back_costs_time_and_nothing_else(tmp_path, back):
    """A file of the future: written before the clock was set back, and again after it, with the same size."""
    path = tmp_path / "f"
    path.write_bytes(b"abc")
    cache = StatCache(tmp_path / "db.sqlite", clock=lambda: path.stat().st_mtime_ns - back)
    for data in (b"abc", b"xyz"):
        path.write_bytes(data)
        assert cache.digests_of(path) == digest_bytes(data)
        assert cache.get(path) is None
    cache.close()


def test_a_clock_that_goes_back_after_a_file_is_known_hides_no_change(tmp_path, late):
    path = tmp_path / "f"
    path.write_bytes(b"abc")
    late.digests_of(path)
    earlier = path.stat().st_mtime_ns - 3600 * 10**9
    path.write_bytes(b"xyz")
    os.utime(path, ns=(earlier, earlier))  # as if the clock had been set back by an hour before it was written
    assert late.get(path) is None
    assert late.digests_of(path) == digest_bytes(b"xyz")


def test_a_damaged_database_is_made_anew(tmp_path, late):
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "statcache.sqlite").write_bytes(b"this is no database, and long enough to look at" * 40)
    path = tmp_path / "f"
    path.write_bytes(b"abc")
    assert late.digests_of(path) == digest_bytes(b"abc")


def test_an_unwritable_place_only_costs_time(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    cache = StatCache(tmp_path / "file" / "db.sqlite")
    path = tmp_path / "f"
    path.write_bytes(b"abc")
    assert cache.digests_of(path) == digest_bytes(b"abc")
    with pytest.raises((sqlite3.Error, OSError)):
        cache._open()


FORGED = digest_bytes(b"what the attacker wants signed")


def forged_view(path):
    """A database whose answer fits any state of the file: the view hands back what it is asked for."""
    facts = f"{FORGED.size} AS size, '{FORGED.md5}' AS md5, '{FORGED.sha256}' AS sha256, '{FORGED.blake3}' AS blake3"
    return [f"CREATE VIEW digests AS SELECT '{path}' AS path, arg AS state, {facts} FROM pragma_quick_check"]


def forged_trigger(_path):
    evil = f"UPDATE digests SET sha256 = '{FORGED.sha256}' WHERE path = NEW.path"
    return [*statcache._TABLES.values(), f"CREATE TRIGGER evil AFTER INSERT ON digests BEGIN {evil}; END"]


@pytest.mark.parametrize("forge", [forged_view, forged_trigger])
def test_a_database_that_a_clone_brings_along_cannot_answer(tmp_path, late, forge):
    path = tmp_path / "f"
    path.write_bytes(b"abc")
    (tmp_path / "db").mkdir()
    connection = sqlite3.connect(tmp_path / "db" / "statcache.sqlite")
    for statement in forge(path):
        connection.execute(statement)
    connection.close()
    assert late.get(path) is None
    assert late.digests_of(path) == late.get(path) == digest_bytes(b"abc")


@pytest.mark.parametrize("suffix", ["", "-wal", "-journal"])
def test_a_linked_database_is_neither_read_nor_written(tmp_path, late, suffix):
    other = tmp_path / "other.sqlite"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    before = other.read_bytes()
    path = tmp_path / "f"
    path.write_bytes(b"abc")
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / f"statcache.sqlite{suffix}").symlink_to(other)
    assert late.digests_of(path) == late.get(path) == digest_bytes(b"abc")
    assert other.read_bytes() == before
    assert not list(tmp_path.glob("other.sqlite-*"))


def test_the_table_is_found_again_by_the_next_process(tmp_path, late):
    path = tmp_path / "f"
    path.write_bytes(b"abc")
    late.digests_of(path)
    late.close()
    assert late.get(path) == digest_bytes(b"abc")


def test_what_was_known_before_folders_were_remembered_is_still_known(tmp_path, late):
    path = tmp_path / "f"
    path.write_bytes(b"abc")
    late.digests_of(path)
    late.close()
    connection = sqlite3.connect(tmp_path / "db" / "statcache.sqlite")
    connection.execute("DROP TABLE folders")
    connection.close()
    assert late.get(path) == digest_bytes(b"abc")
    late.put_folder(tmp_path, "look", "oid")
    assert late.folder_id(tmp_path, "look") == "oid"


def test_of_a_folder_the_last_look_is_remembered(tmp_path, late):
    assert late.folder_id(tmp_path, "one") is None
    assert not late.has_listed("1.dir")
    late.put_folder(tmp_path, "one", "1.dir")
    late.put_folder(tmp_path, "two", "2.dir")
    assert [late.folder_id(tmp_path, look) for look in ("one", "two")] == [None, "2.dir"]
    assert [late.has_listed(oid) for oid in ("1.dir", "2.dir")] == [False, True]
    assert late.folder_id(tmp_path / "other", "two") is None


@pytest.mark.parametrize("put", ["one", "many"])
def test_a_folder_goes_when_a_file_below_it_gets_another_row(tmp_path, late, put):
    inner = tmp_path / "d" / "s"
    inner.mkdir(parents=True)
    path = inner / "f"
    path.write_bytes(b"abc")
    folders = {place: late.put_folder(place, "look", "1.dir") for place in (tmp_path / "d", inner, tmp_path / "d2")}
    if put == "one":
        late.put(path, digest_bytes(b"abc"), path.lstat())
    else:
        late.put_all([(str(path), digest_bytes(b"abc"), path.lstat())])
    assert [late.folder_id(place, "look") for place in folders] == [None, None, "1.dir"]


def test_a_place_whose_name_is_not_utf8_is_never_remembered(tmp_path, late):
    path = tmp_path / os.fsdecode(b"x\xff")
    path.write_bytes(b"abc")
    for _ in range(2):
        assert late.digests_of(path) == digest_bytes(b"abc")
        assert late.digests_of_all({str(path): path.lstat()}) == {str(path): digest_bytes(b"abc")}
    late.put_folder(path, "look", "1.dir")
    late.forget(path)
    assert late.get(path) is late.folder_id(path, "look") is None
