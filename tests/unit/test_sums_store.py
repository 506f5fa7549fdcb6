"""Folder sums travel with their folder, and make its files answer to sha256."""

import pytest

from sycee.core.progress import SILENT
from sycee.digest import digest_bytes
from sycee.errors import DigestMismatch, FormatError
from sycee.formats import dirobject
from sycee.formats.dirobject import Entry
from sycee.formats.foldersums import FileSums
from sycee.storage.memory import MemoryBackend
from sycee.store import sums
from sycee.store.cache import Cache
from sycee.store.expected import Expected
from sycee.store.objects import Remote, Wanted
from sycee.store.statcache import StatCache
from sycee.store.transfer import fetch, push

FILES = {"a": b"alpha", "sub/b": b"beta"}


def make_cache(folder):
    return Cache(folder / "cache", StatCache(folder / "statcache.sqlite"))


@pytest.fixture
def remote():
    return Remote("store", MemoryBackend(), jobs=2)


@pytest.fixture
def folder(tmp_path):
    """A cache with a folder in it, and the folder as a wanted object."""
    cache = make_cache(tmp_path / "here")
    for data in FILES.values():
        cache.put_bytes(data)
    entries = [Entry(path, digest_bytes(data).md5) for path, data in FILES.items()]
    oid = cache.put_bytes(dirobject.render(entries), suffix=".dir")
    digests = {path: digest_bytes(data) for path, data in FILES.items()}
    sums_id = sums.keep(cache, [FileSums(p, d.size, d.md5, d.sha256, d.blake3) for p, d in digests.items()])
    return cache, Wanted("data", Expected(oid), sums=sums_id)


def test_they_are_pushed_and_fetched_with_their_folder(folder, remote, tmp_path):
    here, whole = folder
    push(remote, here, [whole], SILENT).require_success("push")
    there = make_cache(tmp_path / "there")
    fetch(remote, there, [whole], SILENT).require_success("fetch")
    assert {path: one.sha256 for path, one in sums.known(there, whole.sums).items()} == {
        path: digest_bytes(data).sha256 for path, data in FILES.items()
    }


def test_a_file_with_the_right_md5_and_another_sha256_is_refused(folder, remote, tmp_path):
    here, whole = folder
    digests = {path: digest_bytes(data) for path, data in FILES.items()}
    lying = [FileSums(p, d.size, d.md5, "0" * 64, d.blake3) for p, d in digests.items()]
    whole = Wanted("data", whole.expected, sums=sums.keep(here, lying))
    push(remote, here, [whole], SILENT).require_success("push")
    with pytest.raises(DigestMismatch, match="expected sha256 0000"):
        fetch(remote, make_cache(tmp_path / "there"), [whole], SILENT).require_success("fetch")


def test_a_remote_without_them_serves_the_folder_all_the_same(folder, remote, tmp_path):
    here, whole = folder
    push(remote, here, [Wanted("data", whole.expected)], SILENT).require_success("push")
    there = make_cache(tmp_path / "there")
    fetch(remote, there, [whole], SILENT).require_success("fetch")
    assert sums.known(there, whole.sums) == {}
    assert there.verified(digest_bytes(b"beta").md5)


def test_damaged_sums_are_named(folder, remote, tmp_path):
    here, whole = folder
    push(remote, here, [whole], SILENT).require_success("push")
    remote.backend.delete(sums.key_of(whole.sums))
    remote.backend.write_new(sums.key_of(whole.sums), b"something else")
    with pytest.raises(DigestMismatch, match="data: the folder sums on"):
        fetch(remote, make_cache(tmp_path / "there"), [whole], SILENT).require_success("fetch")


@pytest.mark.parametrize("name", ["", "../x", "0" * 63, "A" * 64])
def test_only_a_sha256_names_them(name):
    with pytest.raises(FormatError):
        sums.key_of(name)
