"""A store that sends without end fills no disk, where no pointer tells how long an object is."""

import shutil
from typing import NamedTuple

import pytest

from sycee.core.progress import SILENT
from sycee.digest import digest_bytes
from sycee.errors import RemoteError, SyceeError
from sycee.storage.memory import MemoryBackend
from sycee.storage.port import Pin
from sycee.store.cache import Cache
from sycee.store.expected import Expected
from sycee.store.objects import Remote, Wanted
from sycee.store.statcache import StatCache
from sycee.store.transfer import fetch

MIB = 1 << 20
DATA = bytes(6 * MIB)
ITEM = Wanted("data/a", Expected(digest_bytes(DATA).md5))


class Disk(NamedTuple):
    """What the system says of one."""

    total: int
    free: int


class Endless(MemoryBackend):
    """A store that sends zeros until it is not listened to."""

    def __init__(self):
        super().__init__("test")
        self.sent = 0
        self.closed = False

    def read(self, key, *, start=0, length=None):
        try:
            while self.sent < 300 * MIB:
                self.sent += MIB
                yield bytes(MIB)
        finally:
            self.closed = True


class Announcing(Endless):
    """The same, which gives a size when it is asked for one."""

    size_said = len(DATA)

    def pin(self, key):
        return Pin("tag", self.size_said)

    def read_pinned(self, key, pin, *, start=0):
        raise AssertionError


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache", StatCache(tmp_path / "statcache.sqlite"))


def refused(cache, backend, kind, words, item=ITEM):
    with pytest.raises(kind, match=words) as caught:
        fetch(Remote("store", backend), cache, [item], SILENT).require_success("fetch")
    assert type(caught.value) is kind
    assert caught.value.hint
    assert backend.closed
    assert not [path for path in cache.root.rglob("*") if path.is_file()]  # nothing is kept, in quarantine neither


def test_a_store_is_bound_by_the_size_it_gives(cache):
    backend = Announcing()
    refused(
        cache, backend, RemoteError, r"data/a: remote 'store' sends more than the 6291456 bytes that it says object"
    )
    assert backend.sent == 7 * MIB


def test_what_would_not_fit_is_not_begun(cache):
    backend = Announcing()
    backend.size_said = 1 << 60
    refused(cache, backend, SyceeError, "would fill the disk of .*: it is 1152921504606846976 bytes long")
    assert backend.sent == 5 * MIB


def test_some_of_the_disk_stays_free(cache, monkeypatch):
    backend = Endless()
    free = 500 * MIB
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Disk(10_000 * MIB, free - backend.sent))
    refused(cache, backend, SyceeError, "would fill the disk of .*: no pointer tells how long it is, ")
    assert 244 * MIB <= backend.sent <= 244 * MIB + 17 * MIB


def test_what_ends_where_it_should_is_taken(cache):
    backend = MemoryBackend()
    backend._objects[ITEM.key] = DATA
    fetch(Remote("store", backend), cache, [ITEM], SILENT).require_success("fetch")
    assert cache.path(ITEM.oid).read_bytes() == DATA
