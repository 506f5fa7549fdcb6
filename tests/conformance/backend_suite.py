"""What every backend must do: one suite, run on each of them by subclassing :class:`BackendSuite`.

A subclass names a fixture ``backend`` that gives an empty store, and may set the class attributes below.
"""

import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sycee.errors import FormatError, NotFound, RemoteError, SyceeError
from sycee.storage.port import MAX_CHUNK, Backend, Stored

ODD_KEYS = [
    "+plus",
    "a & b=c",
    "é",
    "中",
    "two  spaces",
    "p%20q",
    "z#?*",
    "quote'\"",
    "~x",
    "[b]",
    ".hidden",
    "a/..b/c",
]
NO_KEYS = ["", "/abs", "../up", "a/../b", "a//b", "a/", "a/./b", "nul\0", "line\n", "back\\slash", ".git/x"]
SECRET = "sycee-test-secret"


def save(backend: Backend, key: str, data: bytes) -> None:
    backend.write(key, io.BytesIO(data), len(data))


def load(backend: Backend, key: str, *, start: int = 0, length: int | None = None) -> bytes:
    return b"".join(backend.read(key, start=start, length=length))


def listed(backend: Backend, prefix: str = "") -> list[Stored]:
    return sorted(backend.list(prefix), key=lambda one: one.key)


def pattern(size: int) -> bytes:
    """Bytes in which every 8 differ from all others, so that swapped or doubled ranges show."""
    return b"".join(i.to_bytes(8, "big") for i in range(-(-size // 8)))[:size]


class Dripping(io.RawIOBase):
    """A source that gives at most 1000 bytes at a time, as pipes do."""

    def __init__(self, data: bytes) -> None:
        self._inner = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._inner.read(min(size, 1000))


class BackendSuite:
    large = 20 << 20  # bytes: more than one part, more than two ranges
    many = 1_100  # objects: more than one page of a listing

    @pytest.fixture
    def backend(self) -> Iterator[Backend]:
        raise NotImplementedError

    def test_is_a_backend(self, backend: Backend) -> None:
        assert isinstance(backend, Backend)

    def test_starts_empty(self, backend: Backend) -> None:
        assert listed(backend) == []
        assert listed(backend, "files/md5") == []

    def test_gives_back_what_was_stored(self, backend: Backend) -> None:
        save(backend, "files/md5/ab/cd", b"weights")
        assert backend.size("files/md5/ab/cd") == 7
        assert load(backend, "files/md5/ab/cd") == b"weights"

    def test_stores_from_a_path(self, backend: Backend, tmp_path: Path) -> None:
        source = tmp_path / "source"
        source.write_bytes(b"weights")
        backend.write("k", source, 7)
        assert load(backend, "k") == b"weights"

    def test_stores_an_open_file_from_where_it_stands(self, backend: Backend) -> None:
        source = io.BytesIO(b"header-weights")
        source.seek(7)
        backend.write("k", source, 7)
        assert load(backend, "k") == b"weights"
        assert not source.closed

    def test_stores_a_source_that_gives_little_at_a_time(self, backend: Backend) -> None:
        data = pattern(100_001)
        backend.write("k", Dripping(data), len(data))
        assert load(backend, "k") == data

    def test_stores_zero_bytes(self, backend: Backend) -> None:
        save(backend, "empty", b"")
        assert backend.size("empty") == 0
        assert load(backend, "empty") == b""
        assert listed(backend) == [Stored("empty", 0)]

    @pytest.mark.parametrize(
        ("start", "length", "expected"),
        [
            (0, 4, b"0123"),
            (3, 4, b"3456"),
            (3, None, b"3456789"),
            (8, 100, b"89"),
            (9, 1, b"9"),
            (10, None, b""),
            (10, 5, b""),
            (500, 5, b""),
            (2, 0, b""),
        ],
    )
    def test_gives_back_a_range(self, backend: Backend, start: int, length: int | None, expected: bytes) -> None:
        save(backend, "k", b"0123456789")
        assert load(backend, "k", start=start, length=length) == expected

    def test_stores_a_large_object_and_gives_it_back_in_order(self, backend: Backend) -> None:
        data = pattern(self.large + 13)
        taken: list[int] = []
        backend.write("large", io.BytesIO(data), len(data), on_bytes=taken.append)
        assert sum(taken) == len(data)
        assert backend.size("large") == len(data)
        chunks = list(backend.read("large"))
        assert b"".join(chunks) == data
        assert max(map(len, chunks)) <= MAX_CHUNK
        middle = load(backend, "large", start=MAX_CHUNK - 5, length=MAX_CHUNK + 10)
        assert middle == data[MAX_CHUNK - 5 :][: MAX_CHUNK + 10]

    def test_reads_of_one_thread_do_not_wait_for_each_other(self, backend: Backend) -> None:
        data = pattern(self.large)
        save(backend, "large", data)
        readers = [backend.read("large") for _ in range(4)]
        heads = [next(reader) for reader in readers]
        assert len(set(heads)) == 1
        assert [heads[i] + b"".join(readers[i]) == data for i in reversed(range(4))] == [True] * 4

    def test_a_read_may_be_given_up(self, backend: Backend) -> None:
        data = pattern(self.large)
        save(backend, "large", data)
        for _ in range(8):
            reader = backend.read("large")
            next(reader)
            reader.close()  # type: ignore[attr-defined] # an iterator in the port, a generator in all backends
        assert load(backend, "large") == data

    def test_lists_all_objects_below_a_folder(self, backend: Backend) -> None:
        for key in ("a", "ab", "d/1", "d/e/2", "dd/3"):
            save(backend, key, key.encode())
        assert [one.key for one in listed(backend)] == ["a", "ab", "d/1", "d/e/2", "dd/3"]
        assert listed(backend, "d") == [Stored("d/1", 3), Stored("d/e/2", 5)]
        assert listed(backend, "d/") == listed(backend, "d")
        assert listed(backend, "d/e") == [Stored("d/e/2", 5)]
        assert listed(backend, "a") == []
        assert listed(backend, "none") == []

    def test_lists_more_than_a_page(self, backend: Backend) -> None:
        keys = {f"many/{i:05}" for i in range(self.many)}
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda key: save(backend, key, b"x"), keys))
        assert {one.key for one in backend.list("many")} == keys

    def test_delete_may_be_repeated(self, backend: Backend) -> None:
        save(backend, "k", b"x")
        for _ in range(2):
            backend.delete("k")
            assert backend.size("k") is None
        backend.delete("never/was/there")

    def test_what_is_missing_is_not_found(self, backend: Backend) -> None:
        save(backend, "other/object", b"x")
        for key in ("missing", "other/missing", "other/object/below", "other"):
            assert backend.size(key) is None
            with pytest.raises(NotFound, match="does not exist") as caught:
                load(backend, key)
            assert caught.value.exit_code == 1
            assert backend.describe(key) in caught.value.message

    @pytest.mark.parametrize("found", [0, 5, 7, 9])
    def test_a_source_of_another_size_stores_nothing(self, backend: Backend, found: int) -> None:
        with pytest.raises(RemoteError, match="the source changed while it was stored: expected 8 bytes, found"):
            backend.write("k", io.BytesIO(b"x" * found), 8)
        assert listed(backend) == []

    def test_a_large_source_that_ends_early_leaves_the_old_object(self, backend: Backend) -> None:
        save(backend, "k", b"old")
        with pytest.raises(RemoteError, match=f"expected {self.large} bytes, found {self.large - 1}"):
            backend.write("k", io.BytesIO(bytes(self.large - 1)), self.large)
        assert load(backend, "k") == b"old"
        assert listed(backend) == [Stored("k", 3)]

    def test_a_source_that_cannot_be_read_is_not_the_stores_fault(self, backend: Backend, tmp_path: Path) -> None:
        with pytest.raises(SyceeError, match=r"cannot read .*nowhere: No such file") as caught:
            backend.write("k", tmp_path / "nowhere", 5)
        assert type(caught.value) is SyceeError
        assert listed(backend) == []

    def test_a_failing_reader_of_the_source_is_passed_on(self, backend: Backend) -> None:
        def stop(_: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            backend.write("k", io.BytesIO(bytes(self.large)), self.large, on_bytes=stop)
        assert listed(backend) == []

    def test_overwriting_shows_the_old_or_the_new_object(self, backend: Backend) -> None:
        versions = [bytes([i]) * 300_000 for i in range(6)]
        save(backend, "k", versions[0])
        stop = threading.Event()
        seen: set[bytes] = set()

        def look() -> None:
            while not stop.is_set():
                seen.add(load(backend, "k"))

        with ThreadPoolExecutor(1) as pool:
            looking = pool.submit(look)
            for version in versions:
                save(backend, "k", version)
            stop.set()
            looking.result()
        assert seen <= set(versions)
        assert load(backend, "k") == versions[-1]
        assert listed(backend) == [Stored("k", 300_000)]

    def test_only_one_of_many_stores_a_new_object(self, backend: Backend) -> None:
        start = threading.Barrier(8)

        def compete(i: int) -> bool:
            start.wait()
            return backend.write_new("refs/one", b"by %d" % i)

        with ThreadPoolExecutor(8) as pool:
            won = list(pool.map(compete, range(8)))
        assert won.count(True) == 1
        assert load(backend, "refs/one") == b"by %d" % won.index(True)
        assert backend.write_new("refs/one", load(backend, "refs/one")) is False
        assert listed(backend) == [Stored("refs/one", 4)]

    @pytest.mark.parametrize("key", ODD_KEYS)
    def test_keeps_odd_keys(self, backend: Backend, key: str) -> None:
        save(backend, key, b"x")
        assert load(backend, key) == b"x"
        assert listed(backend) == [Stored(key, 1)]
        backend.delete(key)
        assert listed(backend) == []

    @pytest.mark.parametrize("key", NO_KEYS)
    def test_refuses_what_is_no_key(self, backend: Backend, key: str) -> None:
        with pytest.raises(FormatError):
            backend.size(key)
        with pytest.raises(FormatError):
            load(backend, key)
        with pytest.raises(FormatError):
            save(backend, key, b"x")
        with pytest.raises(FormatError):
            backend.write_new(key, b"x")
        with pytest.raises(FormatError):
            backend.delete(key)
        assert listed(backend) == []

    def test_refuses_to_list_outside(self, backend: Backend) -> None:
        with pytest.raises(FormatError):
            list(backend.list("../up"))

    def test_describes_itself_without_secrets(self, backend: Backend) -> None:
        assert backend.describe("a/b").startswith(backend.describe())
        assert backend.describe("a/b").endswith("/a/b")
        assert SECRET not in backend.describe() + repr(backend)

    def test_may_be_closed_twice(self, backend: Backend) -> None:
        backend.close()
        backend.close()
