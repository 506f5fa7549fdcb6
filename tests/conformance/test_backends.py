"""The suite of `backend_suite.py`, run on every backend there is."""

import uuid
from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path

import pytest
from backend_suite import BackendSuite, listed, load, save

from rigs.azure import AzureServer
from rigs.gcs import GcsServer
from rigs.http import HttpRig, HttpRules, running_http
from sycee.errors import RemoteError
from sycee.storage.azure import open_azure
from sycee.storage.gcs import open_gcs
from sycee.storage.http import HttpBackend
from sycee.storage.httpoptions import open_http
from sycee.storage.local import LocalBackend
from sycee.storage.memory import MemoryBackend
from sycee.storage.options import RemoteRequest
from sycee.storage.port import CHUNK, Backend, CannotList, Stored
from sycee.storage.s3 import open_s3


class TestMemory(BackendSuite):
    @pytest.fixture
    def backend(self) -> Backend:
        return MemoryBackend("test")


class TestLocal(BackendSuite):
    @pytest.fixture
    def backend(self, tmp_path: Path) -> Backend:
        return LocalBackend(tmp_path / "new" / "remote")

    def test_objects_are_files_as_dvc_writes_them(self, backend: Backend, tmp_path: Path) -> None:
        save(backend, "files/md5/ab/cd", b"x")
        assert backend.write_new("files/md5/ab/ef", b"y")
        folder = tmp_path / "new/remote/files/md5/ab"
        assert sorted(path.name for path in folder.iterdir()) == ["cd", "ef"]
        assert [path.stat().st_mode & 0o777 for path in folder.iterdir()] == [0o444, 0o444]

    def test_shared_folders_belong_to_the_group(self, tmp_path: Path) -> None:
        save(LocalBackend(tmp_path / "r", shared=True), "a/b", b"x")
        assert (tmp_path / "r/a").stat().st_mode & 0o7777 == 0o2775

    def test_unfinished_objects_are_not_listed(self, backend: Backend, tmp_path: Path) -> None:
        save(backend, "a/b", b"x")
        (tmp_path / "new/remote/a/.Zm9vYmFyYmF6cXV4cXV1eA.tmp").write_bytes(b"half")
        (tmp_path / "new/remote/a/line\nbreak").write_bytes(b"foreign")
        assert [one.key for one in backend.list()] == ["a/b"]

    def test_objects_that_are_stored_together(self, tmp_path: Path) -> None:
        backend, source = LocalBackend(tmp_path / "r", shared=True), tmp_path / "source"
        source.write_bytes(b"x" * (CHUNK + 1))
        with backend.batch() as write:
            for i in range(70):
                write(f"files/md5/{i % 3:02}/{i}", BytesIO(b"%d" % i), len(str(i)))
            write("files/md5/large", source, CHUNK + 1)
            assert [one.key for one in backend.list()] == ["files/md5/large"]
        assert len(listed(backend)) == 71
        assert load(backend, "files/md5/00/69") == b"69"
        assert (tmp_path / "r/files/md5/00/69").stat().st_mode & 0o777 == 0o444
        assert (tmp_path / "r/files/md5/00").stat().st_mode & 0o7777 == 0o2775
        assert list((tmp_path / "r/sycee/tmp").iterdir()) == []

    def test_of_what_is_stored_together_nothing_is_seen_after_a_failure(self, tmp_path: Path) -> None:
        backend = LocalBackend(tmp_path / "r")

        def store_two() -> None:
            with backend.batch() as write:
                write("a", BytesIO(b"1"), 1)
                write("b", BytesIO(b"1"), 2)

        with pytest.raises(RemoteError, match="expected 2 bytes"):
            store_two()
        assert listed(backend) == []

    def test_stored_together_they_do_not_follow_links_either(self, tmp_path: Path) -> None:
        (tmp_path / "outside").mkdir()
        (tmp_path / "r").mkdir()
        (tmp_path / "r/linked").symlink_to(tmp_path / "outside")
        with pytest.raises(RemoteError, match="symbolic link"), LocalBackend(tmp_path / "r").batch() as write:
            write("linked/new", BytesIO(b"x"), 1)
        assert list((tmp_path / "outside").iterdir()) == []

    def test_links_do_not_lead_out(self, backend: Backend, tmp_path: Path) -> None:
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "passwd").write_bytes(b"root")
        save(backend, "a/b", b"x")
        root = tmp_path / "new/remote"
        (root / "linked").symlink_to(outside)
        (root / "a/file").symlink_to(outside / "passwd")
        assert [one.key for one in backend.list()] == ["a/b"]
        for key in ("linked/passwd", "a/file"):
            with pytest.raises(RemoteError, match="symbolic link"):
                load(backend, key)
        assert backend.size("a/file") is None
        with pytest.raises(RemoteError, match="symbolic link"):
            save(backend, "linked/new", b"x")
        with pytest.raises(RemoteError, match="symbolic link"):
            list(backend.list("linked"))
        save(backend, "a/file", b"mine")  # replaces the link, not what it points to
        assert (outside / "passwd").read_bytes() == b"root"
        assert load(backend, "a/file") == b"mine"
        assert sorted(path.name for path in outside.iterdir()) == ["passwd"]

    def test_a_pipe_is_not_waited_for(self, backend: Backend, tmp_path: Path) -> None:
        import os

        save(backend, "a", b"x")
        os.mkfifo(tmp_path / "new/remote/pipe")
        with pytest.raises(Exception, match="does not exist"):
            load(backend, "pipe")

    def test_a_missing_folder_is_named(self, backend: Backend, tmp_path: Path) -> None:
        with pytest.raises(Exception, match="there is no folder"):
            load(backend, "a")

    def test_a_file_in_the_way_is_named(self, backend: Backend, tmp_path: Path) -> None:
        save(backend, "a", b"x")
        with pytest.raises(RemoteError, match=r"cannot write .*a/b: ") as caught:
            save(backend, "a/b", b"x")
        assert caught.value.exit_code == 20
        assert listed(backend)[0].key == "a"

    def test_without_hard_links_new_objects_still_appear_once(
        self, backend: Backend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import errno
        import os

        def refuse(*_: object, **__: object) -> None:
            raise OSError(errno.EPERM, "no hard links here")

        monkeypatch.setattr(os, "link", refuse)
        self.test_only_one_of_many_stores_a_new_object(backend)


class _Watched:
    """An HTTP backend beside the folder of its server: HTTP lists and deletes nothing, the suite has to."""

    def __init__(self, backend: Backend, folder: Path) -> None:
        self._backend = backend
        self._folder = LocalBackend(folder)
        (folder / "files").mkdir()

    def __getattr__(self, name: str) -> object:
        return getattr(self._backend, name)

    def list(self, prefix: str = "") -> Iterator[Stored]:
        return self._folder.list(prefix)

    def delete(self, key: str) -> None:
        self._folder.delete(key)


class TestHttp(BackendSuite):
    rules = HttpRules()
    large = 5 << 20  # every object is one request, whatever its size
    many = 100  # nothing is listed by the backend

    @pytest.fixture
    def rig(self, tmp_path: Path) -> Iterator[HttpRig]:
        with running_http(tmp_path / "http", self.rules) as rig:
            yield rig

    @pytest.fixture
    def backend(self, rig: HttpRig) -> Iterator[Backend]:
        with closing(open_http(RemoteRequest(rig.url, rig.options(), {}))) as backend:
            yield _Watched(backend, rig.folder)

    def test_refuses_what_http_has_not(self, rig: HttpRig) -> None:
        with closing(open_http(RemoteRequest(rig.url, {}, {}))) as backend:
            with pytest.raises(CannotList, match="servers do not say what they hold") as caught:
                list(backend.list("files"))
            assert caught.value.exit_code == 20
            with pytest.raises(RemoteError, match="only take and give"):
                backend.delete("k")
            assert isinstance(backend, HttpBackend)


class TestHttpsWithDigest(TestHttp):
    """TLS by an authority that nobody knows, digest authentication, objects stored by PUT, no ranges."""

    rules = HttpRules(auth="digest", tls=True, ranges=False)


@pytest.mark.slow
class TestS3(BackendSuite):
    many = 300  # each costs a request; paging over 1000 is checked once, below

    @pytest.fixture
    def backend(self, s3_server, tmp_path: Path) -> Iterator[Backend]:
        url = f"s3://models/{uuid.uuid4().hex}/é & x"
        with closing(open_s3(RemoteRequest(url, s3_server.options(), {}, scratch=tmp_path / "scratch"))) as backend:
            yield backend

    def test_pages_are_joined(self, backend: Backend, s3_server, monkeypatch: pytest.MonkeyPatch) -> None:
        from sycee.storage import objectstore

        monkeypatch.setattr(objectstore, "LISTED_AT_ONCE", 7)
        self.test_lists_more_than_a_page(backend)

    def test_a_pinned_read_is_of_one_version(self, backend: Backend) -> None:
        save(backend, "k", b"first")
        pin = backend.pin("k")
        assert pin.size == 5
        assert b"".join(backend.read_pinned("k", pin, start=2)) == b"rst"
        save(backend, "k", b"other")
        with pytest.raises(RemoteError, match="somebody replaced it meanwhile"):
            list(backend.read_pinned("k", pin))

    def test_keys_are_below_the_prefix_of_the_url(self, s3_server) -> None:
        import obstore

        with closing(open_s3(RemoteRequest("s3://second/pre/fix/", s3_server.options(), {}))) as backend:
            save(backend, "files/md5/ab/cd", b"x")
            assert bytes(obstore.get(s3_server.store("second"), "pre/fix/files/md5/ab/cd").bytes()) == b"x"
            assert backend.describe("a") == "s3://second/pre/fix/a"


@pytest.mark.slow
class TestAzure(BackendSuite):
    large = 17 << 20  # two parts
    many = 100  # each costs a request

    @pytest.fixture
    def backend(self, azure_server: AzureServer) -> Iterator[Backend]:
        url = f"azure://models/{uuid.uuid4().hex}/é & x"
        with closing(open_azure(RemoteRequest(url, azure_server.options(), {}))) as backend:
            yield backend


@pytest.mark.slow
class TestGcs(BackendSuite):
    large = 17 << 20  # two parts
    many = 100  # each costs a request

    @pytest.fixture
    def backend(self, gcs_server: GcsServer) -> Iterator[Backend]:
        url = f"gs://models/{uuid.uuid4().hex}/é & x"
        with closing(open_gcs(RemoteRequest(url, gcs_server.options(), {}))) as backend:
            yield backend
