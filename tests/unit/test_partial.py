"""A large download that was interrupted goes on; what does not add up is fetched anew; a leftover never blocks."""

import os
import random

import pytest

from sycee.core.progress import SILENT
from sycee.digest import digest_bytes
from sycee.errors import DigestMismatch, RemoteError
from sycee.storage.memory import MemoryBackend
from sycee.storage.port import Pin
from sycee.store import moving
from sycee.store.cache import Cache
from sycee.store.expected import Expected
from sycee.store.layout import object_key
from sycee.store.objects import Remote, Wanted
from sycee.store.partial import STALE, sweep_partials
from sycee.store.statcache import StatCache
from sycee.store.transfer import fetch
from sycee.system.atomic import try_hold
from sycee.system.pouring import CHUNK

DATA = random.Random("partial").randbytes(3 * CHUNK + 5)
OID = digest_bytes(DATA).md5
ITEM = Wanted("m", Expected(OID, len(DATA)))


class Versioned(MemoryBackend):
    """A store that tells versions apart, notes what it sends, and breaks off where it is told to."""

    def __init__(self):
        super().__init__("test")
        self.tag, self.sent, self.breaks_at = "1", 0, None

    def pin(self, key):
        return Pin(self.tag, self.size(key))

    def read_pinned(self, key, pin, *, start=0):
        if pin.tag != self.tag:
            raise RemoteError("replaced")
        for chunk in self.read(key, start=start):
            if self.breaks_at is not None and self.sent >= self.breaks_at:
                raise RemoteError("broken off")
            self.sent += len(chunk)
            yield chunk


@pytest.fixture(autouse=True)
def everything_is_large(monkeypatch):
    monkeypatch.setattr(moving, "RESUMABLE", 1)


@pytest.fixture
def cache(tmp_path):
    statcache = StatCache(tmp_path / "statcache.sqlite")
    yield Cache(tmp_path / "cache", statcache)
    statcache.close()


@pytest.fixture
def backend():
    backend = Versioned()
    backend._objects[object_key(OID)] = DATA
    return backend


def interrupt(backend, cache, at=2 * CHUNK + CHUNK // 2):
    """Fetch until so many bytes were sent."""
    backend.breaks_at = at
    assert [error.message for error in fetch(Remote("r", backend), cache, [ITEM], SILENT).failures] == ["m: broken off"]
    assert cache.find(OID) is None
    backend.sent, backend.breaks_at = 0, None


def complete(backend, cache):
    """Fetch, check what is then in the cache, and return how many whole buffers were sent."""
    fetch(Remote("r", backend), cache, [ITEM], SILENT).require_success("fetch")
    assert cache.find(OID).read_bytes() == DATA
    assert cache.find(OID).stat().st_mode & 0o777 == 0o444
    assert cache.verified(OID).md5 == OID
    return backend.sent // CHUNK


def leftovers(cache):
    return sorted(path for path in (cache.root / "sycee/partial").iterdir())


def test_a_download_that_is_not_interrupted_leaves_nothing(backend, cache):
    assert complete(backend, cache) == 3
    assert leftovers(cache) == []


def test_an_interrupted_download_goes_on(backend, cache):
    interrupt(backend, cache)
    assert [path.stat().st_size for path in leftovers(cache)] == [2 * CHUNK]
    assert complete(backend, cache) == 1
    assert leftovers(cache) == []


def test_bytes_that_a_crash_left_beyond_a_whole_buffer_are_fetched_again(backend, cache):
    interrupt(backend, cache)
    with leftovers(cache)[0].open("ab") as file:
        file.write(b"half of a write")
    assert complete(backend, cache) == 1


def test_damaged_leftovers_cost_time_and_nothing_else(backend, cache):
    interrupt(backend, cache)
    with leftovers(cache)[0].open("r+b") as file:
        file.write(b"\0" * 100)
    assert complete(backend, cache) == 1 + 3
    assert leftovers(cache) == []
    assert not (cache.root / "sycee/quarantine").exists()


def test_a_leftover_that_is_longer_than_the_object_does_no_harm(backend, cache):
    interrupt(backend, cache)
    leftovers(cache)[0].write_bytes(DATA + DATA)
    assert complete(backend, cache) == 0


def test_another_version_on_the_remote_is_not_spliced_with_the_first(backend, cache):
    interrupt(backend, cache)
    backend.tag = "2"
    assert complete(backend, cache) == 3
    assert len(leftovers(cache)) == 1  # of the version that is no more; swept after a week


def test_what_is_damaged_on_the_remote_is_told_and_kept_aside(backend, cache):
    backend._objects[object_key(OID)] = DATA[:-1] + b"?"
    with pytest.raises(DigestMismatch, match="damaged on remote 'r'"):
        fetch(Remote("r", backend), cache, [ITEM], SILENT).require_success("fetch")
    assert leftovers(cache) == []
    assert len(list((cache.root / "sycee/quarantine").iterdir())) == 1


def test_what_is_damaged_on_the_remote_is_told_by_the_run_that_goes_on_too(backend, cache):
    backend._objects[object_key(OID)] = DATA[:-1] + b"?"
    interrupt(backend, cache)
    with pytest.raises(DigestMismatch, match="damaged on remote 'r'"):
        fetch(Remote("r", backend), cache, [ITEM], SILENT).require_success("fetch")
    assert leftovers(cache) == []


def test_two_commands_do_not_share_a_file(backend, cache):
    interrupt(backend, cache)
    (path,) = leftovers(cache)
    with path.open("rb") as held:
        assert try_hold(held.fileno())
        assert complete(backend, cache) == 3
    assert leftovers(cache) == [path]


def test_a_full_disk_does_not_stay_full(backend, cache, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    interrupt(backend, cache)
    monkeypatch.setattr(cache, "put_partial", full)
    assert "No space left" in fetch(Remote("r", backend), cache, [ITEM], SILENT).failures[0].message
    assert leftovers(cache) == []


def test_a_link_in_place_of_the_file_is_not_followed(backend, cache, tmp_path):
    interrupt(backend, cache)
    (path,) = leftovers(cache)
    path.unlink()
    (tmp_path / "victim").write_bytes(b"x")
    path.symlink_to(tmp_path / "victim")
    assert complete(backend, cache) == 3
    assert (tmp_path / "victim").read_bytes() == b"x"
    assert path.is_symlink()


def test_what_another_user_left_does_not_stop_anybody(backend, cache):
    interrupt(backend, cache)
    (path,) = leftovers(cache)
    path.unlink()
    path.mkdir()  # as little to be opened as a file of another user
    assert complete(backend, cache) == 3


def test_what_nobody_continued_for_a_week_is_swept(tmp_path):
    for name, age in (("old.part", STALE + 60), ("new.part", STALE - 60), ("foreign", 10**8)):
        (tmp_path / name).write_bytes(b"")
        moment = (tmp_path / name).stat().st_mtime - age
        os.utime(tmp_path / name, (moment, moment))
    sweep_partials(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["foreign", "new.part"]
    sweep_partials(tmp_path / "absent")


def test_nothing_is_swept_beyond_a_link(tmp_path):
    theirs = tmp_path / "Downloads/film.part"
    theirs.parent.mkdir()
    theirs.write_bytes(b"precious")
    os.utime(theirs, (0, 0))
    (tmp_path / "cache/sycee").mkdir(parents=True)
    (tmp_path / "cache/sycee/partial").symlink_to(theirs.parent)
    Cache(tmp_path / "cache", StatCache(tmp_path / "statcache.sqlite")).put_bytes(b"x")
    assert theirs.read_bytes() == b"precious"
