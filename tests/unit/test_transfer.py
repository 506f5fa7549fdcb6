"""Objects move whole, in the right order, verified; what cannot move is told and is never success."""

import io
import threading

import pytest

from sycee.core.progress import SILENT
from sycee.digest import digest_bytes
from sycee.errors import DigestMismatch, FormatError, NotFound, RemoteError
from sycee.formats import dirobject
from sycee.formats.dirobject import Entry
from sycee.storage.local import LocalBackend
from sycee.storage.memory import MemoryBackend
from sycee.storage.port import CannotList
from sycee.store.cache import Cache
from sycee.store.expected import Expected
from sycee.store.layout import object_key
from sycee.store.objects import FEW, Remote, Wanted
from sycee.store.statcache import StatCache
from sycee.store.transfer import fetch, lacking, present, push


class Recording(MemoryBackend):
    """A store that notes what is asked of it, and refuses what it is told to refuse."""

    def __init__(self):
        super().__init__("test")
        self.asked = []
        self.refuse = set()
        self.cut = set()

    def _note(self, verb, key):
        self.asked.append((verb, key))
        if (verb, key) in self.refuse:
            raise RemoteError(f"cannot {verb} {key}: refused by the test")

    def size(self, key):
        self._note("size", key)
        return super().size(key)

    def read(self, key, **options):
        self._note("read", key)
        return super().read(key, **options)

    def write(self, key, source, size, **options):
        self._note("write", key)
        super().write(key, source, size, **options)
        if key in self.cut:
            self._objects[key] = self._objects[key][:-1]

    def list(self, prefix=""):
        self._note("list", prefix)
        return super().list(prefix)

    def written(self):
        return [key for verb, key in self.asked if verb == "write"]


@pytest.fixture
def make_cache(tmp_path):
    opened = []

    def make(name):
        statcache = StatCache(tmp_path / f"{name}.sqlite")
        opened.append(statcache)
        return Cache(tmp_path / name, statcache)

    yield make
    for statcache in opened:
        statcache.close()


@pytest.fixture
def cache(make_cache):
    return make_cache("ours")


@pytest.fixture
def other(make_cache):
    return make_cache("theirs")


@pytest.fixture
def backend():
    return Recording()


@pytest.fixture
def remote(backend):
    return Remote("store", backend, jobs=4)


def file(cache, data, label="f"):
    return Wanted(label, Expected(cache.put_bytes(data), len(data)))


def folder(cache, files, label="d"):
    entries = [Entry(name, cache.put_bytes(data)) for name, data in files.items()]
    return Wanted(label, Expected(cache.put_bytes(dirobject.render(entries), suffix=".dir")))


def key_of(data):
    return object_key(digest_bytes(data).md5)


def test_there_and_back(cache, other, remote):
    wanted = [file(cache, b"weights"), folder(cache, {"a": b"1", "s/b": b"2", "empty": b""})]
    assert sorted(push(remote, cache, wanted, SILENT).moved) == ["d", "d/a", "d/empty", "d/s/b", "f"]
    assert lacking(other, wanted)
    outcome = fetch(remote, other, wanted, SILENT)
    outcome.require_success("fetch")
    assert sorted(outcome.moved) == ["d", "d/a", "d/empty", "d/s/b", "f"]
    assert not lacking(other, wanted)
    for path in (cache.root / "files").rglob("*"):
        if path.is_file():
            assert (other.root / path.relative_to(cache.root)).read_bytes() == path.read_bytes()
    assert push(remote, cache, wanted, SILENT).moved == fetch(remote, other, wanted, SILENT).moved == []


def test_members_are_stored_before_the_directory_object(cache, remote, backend):
    item = folder(cache, {str(i): str(i).encode() for i in range(20)})
    push(remote, cache, [item], SILENT)
    assert backend.written()[-1] == item.key
    assert len(backend.written()) == 21


def test_a_directory_object_is_withheld_when_a_member_fails(cache, remote, backend):
    broken, whole = folder(cache, {"a": b"1", "b": b"2"}, "broken"), folder(cache, {"c": b"3"}, "whole")
    backend.refuse.add(("write", key_of(b"2")))
    outcome = push(remote, cache, [broken, whole], SILENT)
    assert sorted(outcome.moved) == ["broken/a", "whole", "whole/c"]
    assert backend.size(broken.key) is None
    with pytest.raises(RemoteError, match="broken/b: cannot write") as failed:
        outcome.require_success("push")
    assert failed.value.exit_code == 20


def test_a_directory_object_is_withheld_when_a_member_is_not_in_the_cache(cache, remote, backend):
    item = folder(cache, {"a": b"1", "b": b"2"})
    cache.path(digest_bytes(b"2").md5).unlink()
    outcome = push(remote, cache, [item], SILENT)
    assert outcome.moved == ["d/a"]
    assert backend.size(item.key) is None
    with pytest.raises(NotFound, match=r"d/b: object .* is not in the cache"):
        outcome.require_success("push")


def test_what_neither_side_has_is_never_up_to_date(cache, remote):
    absent = Wanted("f", Expected("0" * 32, 3))
    for act in (push, fetch):
        outcome = act(remote, cache, [absent], SILENT)
        assert outcome.moved == []
        with pytest.raises(NotFound) as failed:
            outcome.require_success(act.__name__)
        assert failed.value.exit_code == 1
        assert failed.value.message.startswith("f: object 00000000")


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        (b"weight", "expected 7 bytes, found 6 bytes"),
        (b"WEIGHTS", f"expected md5 {digest_bytes(b'weights').md5}, found md5 {digest_bytes(b'WEIGHTS').md5}"),
    ],
    ids=["truncated", "other bytes"],
)
def test_what_is_not_what_it_should_be_is_refused_and_kept_aside(cache, other, remote, backend, stored, words):
    bad, good = file(cache, b"weights", "bad"), file(cache, b"good", "good")
    push(remote, cache, [bad, good], SILENT)
    backend._objects[bad.key] = stored
    outcome = fetch(remote, other, [bad, good], SILENT)
    assert outcome.moved == ["good"]
    with pytest.raises(DigestMismatch, match=words) as failed:
        outcome.require_success("fetch")
    assert failed.value.exit_code == 11
    assert failed.value.message.startswith("bad: object")
    assert other.find(bad.oid) is None
    assert [p.read_bytes() for p in (other.root / "sycee/quarantine").iterdir()] == [stored]
    assert list((other.root / "sycee/tmp").iterdir()) == []
    assert backend._objects[bad.key] == stored  # never deleted on a remote


def test_a_sha256_in_the_pointer_is_asked_for_too(cache, other, remote):
    item = file(cache, b"weights")
    push(remote, cache, [item], SILENT)
    wrong = Wanted("f", Expected(item.oid, 7, sha256="0" * 64))
    with pytest.raises(DigestMismatch, match="expected sha256 0000"):
        fetch(remote, other, [wrong], SILENT).require_success("fetch")


def test_a_truncated_object_on_the_remote_is_mended_by_the_next_push(cache, remote, backend):
    item = file(cache, b"weights")
    push(remote, cache, [item], SILENT)
    backend._objects[item.key] = b"wei"
    assert push(remote, cache, [item], SILENT).moved == ["f"]
    assert backend._objects[item.key] == b"weights"


def test_a_store_that_keeps_less_than_it_was_sent_is_found_out(cache, remote, backend):
    item = file(cache, b"weights")
    backend.cut.add(item.key)
    with pytest.raises(RemoteError, match="keeps 6 bytes of the 7 it was sent"):
        push(remote, cache, [item], SILENT).require_success("push")


def test_a_damaged_object_is_not_pushed(cache, remote, backend):
    item = file(cache, b"weights")
    path = cache.path(item.oid)
    path.chmod(0o644)
    path.write_bytes(b"WEIGHTS")
    with pytest.raises(DigestMismatch):
        push(remote, cache, [item], SILENT).require_success("push")
    assert backend.written() == []


def test_the_same_bytes_move_once(cache, other, remote, backend):
    wanted = [file(cache, b"same", "a"), file(cache, b"same", "b"), folder(cache, {"c": b"same", "d": b"same"})]
    push(remote, cache, wanted, SILENT)
    assert backend.written().count(key_of(b"same")) == 1
    fetch(remote, other, wanted, SILENT)
    assert [key for verb, key in backend.asked if verb == "read"].count(key_of(b"same")) == 1


def test_many_objects_are_looked_for_by_listing(cache, remote, backend):
    item = folder(cache, {f"{i:03}": str(i).encode() for i in range(FEW + 44)})
    push(remote, cache, [item], SILENT)
    backend.asked.clear()
    assert push(remote, cache, [item], SILENT).moved == []
    verbs = {verb for verb, _ in backend.asked}
    assert verbs == {"list", "size"}
    assert len(backend.asked) <= 256 + 1
    items = [Wanted("x", Expected(digest_bytes(str(i).encode()).md5)) for i in range(FEW + 1)]
    assert set(present(remote, [*items, Wanted("no", Expected("0" * 32))])) == {one.oid for one in items}


def test_where_nothing_is_listed_objects_are_asked_for(cache, remote, backend, monkeypatch):
    def refuse(prefix=""):
        raise CannotList("no listing")

    monkeypatch.setattr(backend, "list", refuse)
    wanted = [Wanted(f"f{i}", Expected(f"{i:032x}")) for i in range(FEW + 1)]
    backend.write(wanted[3].key, io.BytesIO(b"x"), 1)
    assert present(remote, wanted) == {wanted[3].oid: 1}


def test_one_refusal_does_not_stop_the_rest(cache, other, remote, backend):
    wanted = [file(cache, str(i).encode(), f"f{i}") for i in range(30)]
    push(remote, cache, wanted, SILENT)
    backend.refuse.add(("read", wanted[7].key))
    backend._objects[wanted[9].key] = b"?"
    outcome = fetch(remote, other, wanted, SILENT)
    assert len(outcome.moved) == 28
    with pytest.raises(RemoteError, match=r"2 objects could not be fetched:\n  f7: .*\n  f9: ") as failed:
        outcome.require_success("fetch")
    assert failed.value.exit_code == 20
    assert len(failed.value.details["failures"]) == 2


def test_a_malformed_directory_object_does_not_stop_the_rest(cache, other, remote):
    oid = cache.put_bytes(b'[{"md5": "../../x", "relpath": "a"}]', suffix=".dir")
    bad, good = Wanted("bad", Expected(oid)), file(cache, b"good", "good")
    remote.backend._objects |= {bad.key: cache.path(oid).read_bytes(), good.key: b"good"}
    outcome = fetch(remote, other, [bad, good], SILENT)
    assert outcome.moved == ["bad", "good"]
    with pytest.raises(FormatError, match=r"^bad: "):
        outcome.require_success("fetch")
    assert lacking(other, [bad])


def test_a_member_that_is_missing_on_the_remote_is_named(cache, other, remote, backend):
    item = folder(cache, {"a": b"1", "b": b"2"})
    push(remote, cache, [item], SILENT)
    backend.delete(key_of(b"2"))
    with pytest.raises(NotFound, match=r"d/b: object .* is neither in the cache nor on remote 'store'"):
        fetch(remote, other, [item], SILENT).require_success("fetch")
    assert push(remote, cache, [item], SILENT).moved == ["d/b"]  # the directory object there proves nothing


def test_a_folder_that_is_not_mounted_is_not_a_colleague_who_forgot_to_push(other, tmp_path):
    item = Wanted("f", Expected(digest_bytes(b"1").md5))
    gone = Remote("store", LocalBackend(tmp_path / "not-mounted"))
    with pytest.raises(NotFound, match=r"there is no folder .*not-mounted") as caught:
        fetch(gone, other, [item], SILENT).require_success("fetch")
    assert str(caught.value.hint).startswith("mount it")


def test_a_legacy_object_goes_to_its_old_place(cache, other, remote, backend):
    data = b"one\r\ntwo\r\n"
    item = Wanted("f", Expected(digest_bytes(b"one\ntwo\n").md5), legacy=True)
    cache.put_stream(item.expected, [data], legacy=True)
    push(remote, cache, [item], SILENT).require_success("push")
    assert backend._objects == {f"{item.oid[:2]}/{item.oid[2:]}": data}
    fetch(remote, other, [item], SILENT).require_success("fetch")
    assert other.path(item.oid, legacy=True).read_bytes() == data


def test_an_interruption_stops_running_transfers(cache, other, remote, backend):
    wanted = [file(cache, bytes([i]) * (3 << 20), f"f{i}") for i in range(4)]
    push(remote, cache, wanted, SILENT)
    running = threading.Barrier(4, timeout=20)

    class Interrupting:
        def start(self, *_):
            return self

        def advance(self, _):
            running.wait()
            raise KeyboardInterrupt

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    with pytest.raises(KeyboardInterrupt):
        fetch(remote, other, wanted, Interrupting())
    for thread in threading.enumerate():  # nobody waited for them
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(20)
    assert list((other.root / "sycee/tmp").iterdir()) == []
    assert not (other.root / "files").exists()
