"""What a remote holds is asked in the cheaper way, in a bounded number of requests, and of every object."""

from concurrent.futures import ThreadPoolExecutor
from hashlib import md5
from io import BytesIO

import pytest

from sycee.errors import RemoteError
from sycee.storage.memory import MemoryBackend
from sycee.storage.port import CannotList
from sycee.store import inventory as module
from sycee.store.inventory import inventory
from sycee.store.layout import object_key
from sycee.store.objects import FEW


def keys(count, start=0):
    return [object_key(md5(str(i).encode()).hexdigest()) for i in range(start, start + count)]


class Counting(MemoryBackend):
    def __init__(self, held):
        super().__init__()
        for key in held:
            self.write(key, BytesIO(b"x"), 1)
        self.asked, self.names = [], 0

    def size(self, key):
        self.asked.append(key)
        return super().size(key)

    def list(self, prefix=""):
        self.asked.append(prefix)
        for stored in super().list(prefix):
            self.names += 1
            yield stored


@pytest.fixture
def pool():
    with ThreadPoolExecutor(4) as pool:
        yield pool


def asked(backend, wanted, pool):
    counts = []
    return inventory(backend, wanted, pool, counts.append), sum(counts)


def test_few_objects_are_asked_for_singly(pool):
    backend = Counting(keys(5000))
    found, requests = asked(backend, keys(FEW, 4900), pool)
    assert found == dict.fromkeys(keys(100, 4900), 1)
    assert requests == len(backend.asked) == FEW
    assert backend.names == 0


def test_many_objects_are_listed_by_folder(pool):
    backend = Counting(keys(3000))
    found, requests = asked(backend, keys(4000), pool)
    assert found == dict.fromkeys(keys(3000), 1)
    assert requests == len(backend.asked) == 256


def test_a_member_that_is_gone_is_found_out(pool):
    backend = Counting(keys(3000))
    backend.delete(keys(3000)[777])
    found, _ = asked(backend, keys(3000), pool)
    assert set(keys(3000)) - found.keys() == {keys(3000)[777]}


def test_a_remote_that_holds_far_more_is_not_read_to_its_end(pool, monkeypatch):
    monkeypatch.setattr(module, "PAGE", 4)
    backend = Counting(keys(20_000))
    wanted = keys(300) + keys(30, 50_000)
    found, requests = asked(backend, wanted, pool)
    assert found == dict.fromkeys(keys(300), 1)
    assert requests <= 2 * len(wanted) + 256
    assert backend.names <= 5 * len(wanted)


def test_an_empty_remote_is_asked_once_per_folder(pool):
    assert asked(Counting([]), keys(4000), pool) == ({}, 256)


def test_a_store_that_cannot_list_is_asked_for_each_object(pool):
    class Unlisted(Counting):
        def list(self, prefix=""):
            raise CannotList("no listing")

    assert asked(Unlisted(keys(400)), keys(500), pool) == (dict.fromkeys(keys(400), 1), 500)


def test_a_refusal_is_not_absence(pool):
    class Refusing(MemoryBackend):
        def list(self, prefix=""):
            raise RemoteError("no")

    with pytest.raises(RemoteError):
        asked(Refusing(), keys(1000), pool)
