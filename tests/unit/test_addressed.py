"""Pointers that ``dvc import-url`` made: their content comes from a url, if it is still what it was."""

import hashlib
import shutil

import pytest

from sycee.digest import digest_bytes, md5_hex
from sycee.errors import DigestMismatch, NotFound, RemoteError, SyceeError, UsageError
from sycee.formats import pointer
from sycee.ops.checkout import checkout
from sycee.ops.importing import fill
from sycee.ops.push import push
from sycee.ops.status import status
from sycee.ops.transfer import Fetching, fetch
from sycee.storage.local import LocalBackend
from sycee.store.objects import Remote
from sycee.workspace.tracked import select

DATA = b"weights\n" * 400
MD5 = md5_hex(DATA)
FOLDER = "d51834de0d0bf85d6a6c9a4c881ad503.dir"  # x: "1\n", y: "2\n", as the real dvc reckons it
LOCAL = f"md5: {MD5}\n  size: {len(DATA)}\n  hash: md5"


@pytest.fixture
def source(tmp_path):
    """A file and a folder outside the repository."""
    place = tmp_path / "outside"
    (place / "d").mkdir(parents=True)
    for name, data in {"w.bin": DATA, "d/x": b"1\n", "d/y": b"2\n"}.items():
        (place / name).write_bytes(data)
    return place


def imported(repo, url, dep="hash: md5", out="hash: md5", more=""):
    """Write the pointer of a url in a folder of the repository, and return the path of what it stands for."""
    folder = repo.root / "in"
    folder.mkdir(exist_ok=True)
    name = url.rpartition("/")[2]
    text = f"md5: {'a' * 32}\nfrozen: true\ndeps:\n- {dep}\n  path: {url}\nouts:\n- {out}\n  path: {name}\n{more}"
    (folder / f"{name}.dvc").write_text(text)
    return folder / name


def pull(repo, open_remote=None):
    fill(repo, repo.tracked())
    fetch(repo, repo.tracked(), open_remote or no_remote)
    return checkout(repo, repo.tracked()).marks


def no_remote(_name):
    raise NotFound("there is no default remote")


def the_pointer(place):
    return place.with_name(f"{place.name}.dvc")


@pytest.mark.parametrize("url", ["../../outside/w.bin", "{source}/w.bin"])
def test_what_no_remote_has_comes_from_its_path(repo, source, url):
    place = imported(repo, url.format(source=source), LOCAL, LOCAL)
    before = the_pointer(place).read_bytes()
    pull(repo)
    assert place.read_bytes() == DATA
    assert the_pointer(place).read_bytes() == before
    assert not status(repo, repo.tracked()).changes


def test_a_remote_is_asked_first(repo, source, tmp_path):
    place = imported(repo, f"{source}/w.bin", LOCAL, LOCAL)
    pull(repo)
    remote = Remote("store", LocalBackend(tmp_path / "store"))
    assert push(repo, repo.tracked(), lambda _: remote).moved == ["in/w.bin"]
    (source / "w.bin").write_bytes(b"changed")
    shutil.rmtree(repo.root / ".dvc/cache")
    place.unlink()
    pull(repo, lambda _: remote)
    assert place.read_bytes() == DATA


def test_nothing_is_asked_when_nothing_lacks(repo, source):
    place = imported(repo, f"{source}/w.bin", LOCAL, LOCAL)
    pull(repo)
    shutil.rmtree(source)
    place.unlink()
    pull(repo)
    assert place.read_bytes() == DATA


def test_a_remote_that_fails_is_told_although_the_source_has_it(repo, source):
    def broken(_name):
        raise RemoteError("down")

    imported(repo, f"{source}/w.bin", LOCAL, LOCAL)
    with pytest.raises(RemoteError, match="down"):
        pull(repo, broken)


def test_a_folder_comes_from_its_path(repo, source):
    whole = f"md5: {FOLDER}\n  size: 4\n  nfiles: 2\n  hash: md5"
    place = imported(repo, f"{source}/d", whole, whole)
    pull(repo)
    assert {path.name: path.read_text() for path in place.iterdir()} == {"x": "1\n", "y": "2\n"}
    with pytest.raises(NotFound, match="has no nope"):
        fetch(repo, select(repo.tracked(), [place / "nope"], repo.root, parts=True), no_remote)


@pytest.mark.parametrize(
    ("name", "dep", "expected"),
    [
        ("w.bin", LOCAL, pointer.Out("w.bin", MD5, len(DATA), isexec=True)),
        ("d", f"md5: {FOLDER}\n  size: 4\n  nfiles: 2\n  hash: md5", pointer.Out("d", FOLDER, 4, 2)),
    ],
)
def test_content_that_was_left_out_is_brought_and_noted(repo, source, name, dep, expected):
    (source / "w.bin").chmod(0o755)
    place = imported(repo, f"{source}/{name}", dep)
    with pytest.raises(NotFound, match="imported without its content") as raised:
        checkout(repo, repo.tracked())
    assert raised.value.hint.endswith(f"sycee pull in/{name}.dvc")
    pull(repo)
    assert repo.tracked()[0].out == expected
    assert place.exists()
    assert not status(repo, repo.tracked()).changes


@pytest.mark.parametrize("out", [LOCAL, "hash: md5"])
@pytest.mark.parametrize("change", [b"longer " + DATA, DATA[::-1]])
def test_a_source_that_has_changed_is_refused(repo, source, out, change):
    place = imported(repo, f"{source}/w.bin", LOCAL, out)
    before = the_pointer(place).read_bytes()
    (source / "w.bin").write_bytes(change)
    with pytest.raises(DigestMismatch, match=r"in/w\.bin: its source .*outside/w\.bin has changed") as raised:
        pull(repo)
    assert "dvc update in/w.bin.dvc" in raised.value.hint
    assert not place.exists()
    assert the_pointer(place).read_bytes() == before
    assert not list((repo.root / ".dvc/cache/files").rglob("*/*/*"))


def test_the_evidence_of_a_pointer_counts(repo, source):
    evidence = f"meta:\n  sycee:\n    {MD5}:\n      sha256: '{'0' * 64}'\n      blake3: {digest_bytes(DATA).blake3}\n"
    place = imported(repo, f"{source}/w.bin", LOCAL, LOCAL, evidence)
    with pytest.raises(DigestMismatch, match="expected sha256 0000"):
        pull(repo)
    assert not place.exists()


def test_a_folder_that_has_changed_is_refused(repo, source):
    whole = f"md5: {FOLDER}\n  size: 4\n  nfiles: 2\n  hash: md5"
    imported(repo, f"{source}/d", whole, whole)
    (source / "d/x").write_text("3\n")
    with pytest.raises(DigestMismatch, match="expected md5 d51834"):
        pull(repo)
    shutil.rmtree(source / "d")
    with pytest.raises(NotFound, match="does not exist"):
        pull(repo)


def test_a_source_that_is_gone_is_named_and_the_rest_comes(repo, source):
    lost = LOCAL.replace(MD5, "b" * 32)
    imported(repo, f"{source}/gone.bin", lost, lost)
    imported(repo, f"{source}/w.bin", LOCAL)
    with pytest.raises(NotFound, match=r"in/gone\.bin: its source .*outside/gone\.bin does not exist"):
        pull(repo)
    assert b"size: 3200\n" in (repo.root / "in/w.bin.dvc").read_bytes().partition(b"outs:")[2]
    assert not fetch(repo, repo.tracked(), no_remote, Fetching(allow_missing=True)).failures


@pytest.mark.parametrize(
    ("url", "dep", "out", "told"),
    [
        ("ssh://host/w.bin", LOCAL, LOCAL, "from ssh://, which sycee does not speak"),
        ("hdfs://host/w.bin", LOCAL, LOCAL, "from hdfs://"),
        ("webdavs://host/w.bin", LOCAL, "hash: md5", "from webdavs://"),
        ("s3://bucket/w.bin", f"{LOCAL}\n  fs_config:\n    endpointurl: http://evil", LOCAL, "sets options"),
        ("s3://bucket/w.bin", LOCAL, f"{LOCAL}\n  fs_config:\n    endpointurl: http://evil", "sets options"),
        ("/w.bin", "hash: md5", "hash: md5", "does not say which it was"),
        ("/w.bin", "size: 3", "md5: ''", "does not say which it was"),
        ("/d", f"md5: {FOLDER}", f"md5: {FOLDER}", "before DVC 3.0"),
    ],
)
def test_what_is_left_to_dvc_is_named(repo, url, dep, out, told):
    place = imported(repo, url, dep, out)
    with pytest.raises(NotFound, match=told) as raised:
        pull(repo)
    assert raised.value.hint.startswith("bring it with dvc: dvc ")
    assert raised.value.hint.endswith(f" in/{place.name}.dvc")
    assert fetch(repo, repo.tracked(), no_remote, Fetching(allow_missing=True)).moved == []


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("https://host/download/w.bin?id=3", UsageError),
        ("https:///w.bin", UsageError),
        ("s3://bucket", UsageError),
        ("remote://nowhere/w.bin", NotFound),
        ("../../outside/d", NotFound),
    ],
)
def test_urls_that_name_no_file(repo, source, url, error):
    imported(repo, url, LOCAL, LOCAL)
    with pytest.raises(error) as raised:
        pull(repo)
    assert raised.value.hint


def test_a_database_is_left_to_dvc(repo):
    (repo.root / "t.csv.dvc").write_text("deps:\n- db:\n    query: SELECT 1\nouts:\n- hash: md5\n  path: t.csv\n")
    with pytest.raises(NotFound, match="from no url"):
        pull(repo)


class TestHttp:
    @pytest.fixture
    def url(self, http_server):
        (http_server.folder / "in dir").mkdir()
        (http_server.folder / "in dir/w.bin").write_bytes(DATA)
        return f"{http_server.url}/in%20dir/w.bin"

    def noted(self, server):
        """What dvc notes of the present version."""
        stat = (server.folder / "in dir/w.bin").stat()
        return f"checksum: '\"{stat.st_ino}-{stat.st_mtime_ns}\"'\n  size: {stat.st_size}\n  hash: md5"

    @pytest.mark.parametrize("head", [True, False])
    def test_what_was_left_out(self, repo, http_server, url, head):
        http_server.rules.head = head
        place = imported(repo, url, self.noted(http_server))
        pull(repo)
        assert place.read_bytes() == DATA
        assert repo.tracked()[0].out == pointer.Out("w.bin", MD5, len(DATA))
        assert not list((repo.root / ".dvc/tmp/sycee").rglob("made"))

    def test_by_md5(self, repo, url):
        place = imported(repo, url, "checksum: '123'", LOCAL)
        pull(repo)
        assert place.read_bytes() == DATA

    def test_another_version_is_refused(self, repo, http_server, url):
        place = imported(repo, url, self.noted(http_server))
        (http_server.folder / "in dir/w.bin").write_bytes(DATA[::-1])
        with pytest.raises(DigestMismatch, match="expected version"):
            pull(repo)
        assert not place.exists()

    def test_a_version_that_changes_meanwhile_is_refused(self, repo, http_server, url):
        imported(repo, url, self.noted(http_server))

        def replaced(handler):
            if handler.command == "GET":
                (http_server.folder / "in dir/w.bin").write_bytes(DATA[::-1])
            return False

        http_server.rules.fault = replaced
        with pytest.raises(DigestMismatch, match="expected version"):
            pull(repo)
        assert not list((repo.root / ".dvc/cache/files").rglob("*/*/*"))

    def test_a_server_that_names_no_version(self, repo, http_server, url):
        imported(repo, url, f"checksum: '{hashlib.md5(b'').hexdigest()}'\n  size: 9")

        def nameless(handler):
            handler.end(200, {"Content-Length": "9"})
            return True

        http_server.rules.fault = nameless
        with pytest.raises(SyceeError, match="sends no ETag"):
            pull(repo)

    def test_an_object_that_is_gone_and_a_folder(self, repo, http_server, url):
        imported(repo, f"{http_server.url}/none", LOCAL, LOCAL)
        with pytest.raises(NotFound, match="does not exist"):
            pull(repo)
        whole = f"md5: {FOLDER}\n  size: 4\n  hash: md5"
        imported(repo, f"{http_server.url}/none", whole, whole)
        with pytest.raises(RemoteError, match="cannot list"):
            pull(repo)

    def test_a_remote_gives_its_options_and_a_bare_url_none(self, repo_dir, run, http_server, url):
        http_server.rules.auth = "basic"
        run("remote", "add", "web", http_server.url)
        for name, value in http_server.options().items():
            run("remote", "modify", *(["--local"] if name == "password" else []), "web", name, value)
        (repo_dir / "w.bin.dvc").write_text(
            f"deps:\n- checksum: xyz\n  path: remote://web/in%20dir/w.bin\nouts:\n- {LOCAL}\n  path: w.bin\n"
        )
        assert run("pull").stdout == "A       w.bin\n1 file fetched and 1 file added\n"
        (repo_dir / "w.bin").unlink()
        shutil.rmtree(repo_dir / ".dvc/cache")
        text = (repo_dir / "w.bin.dvc").read_text().replace("remote://web/in%20dir/w.bin", url)
        (repo_dir / "w.bin.dvc").write_text(text)
        refused = run("pull", rc=20)
        assert "w.bin: cannot" in refused.stderr
        assert not any("authorization" in headers for _, _, headers in http_server.seen[-1:])


def test_a_fetch_of_what_was_left_out_is_done_once(repo, source):
    place = imported(repo, f"{source}/w.bin", LOCAL)
    before = the_pointer(place).read_bytes()
    assert fetch(repo, repo.tracked(), no_remote).moved == ["in/w.bin"]
    assert not fetch(repo, repo.tracked(), no_remote).moved
    assert the_pointer(place).read_bytes() == before
