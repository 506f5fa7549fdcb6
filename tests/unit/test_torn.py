"""An object whose size cannot be right is not there: it is told, mended, and never sent."""

import pytest

from sycee.cli.main import main
from sycee.digest import digest_bytes
from sycee.store.expected import Expected, cannot_be
from sycee.store.layout import object_key

DATA = {"model.pt": b"weights", "data/a": b"first", "data/b": b""}
EMPTY = digest_bytes(b"").md5


@pytest.fixture
def sycee(repo_dir, monkeypatch, capsys):
    """The command in this process, in a repository with a pushed file and a pushed folder."""
    monkeypatch.chdir(repo_dir)
    (repo_dir / "data").mkdir()
    for name, content in DATA.items():
        (repo_dir / name).write_bytes(content)

    def sycee(*words, rc=0):
        assert main(words) == rc, capsys.readouterr()
        return capsys.readouterr()

    for words in ("remote add -d store ../store", "config cache.type copy", "add model.pt data", "push"):
        sycee(*words.split())
    return sycee


def tear(root, name, content):
    """Put other bytes in the place of an object, as a power cut or a full disk under another tool may leave them."""
    path = root / object_key(digest_bytes(DATA[name]).md5)
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(0o444)
    return path


TORN = [("model.pt", b""), ("model.pt", b"weig"), ("model.pt", b"weights and more"), ("data/a", b""), ("data/a", b"fi")]
torn = pytest.mark.parametrize(("name", "content"), TORN)


@torn
@pytest.mark.parametrize("words", ["pull", "fetch", "commit", "checkout --relink", "check --repair"])
def test_it_is_told_and_mended(sycee, repo_dir, name, content, words):
    path = tear(repo_dir / ".dvc/cache", name, content)
    shown = sycee("status").out
    assert f"not in cache:       {name.partition('/')[0]}\n" in shown
    if words == "checkout --relink":
        shown = sycee(*words.split(), rc=1)
        assert "not in the cache" in shown.err
        return
    sycee(*words.split())
    assert path.read_bytes() == DATA[name]
    assert sycee("status").out == "Data and pipelines are up to date.\n"
    (kept,) = (repo_dir / ".dvc/cache/sycee/quarantine").iterdir()
    assert kept.read_bytes() == content


@torn
def test_it_is_not_sent(sycee, repo_dir, tmp_path, name, content):
    tear(repo_dir / ".dvc/cache", name, content)
    assert sycee("push").out == "Everything is up to date.\n"  # the remote's copy is whole
    (tmp_path / "store" / object_key(digest_bytes(DATA[name]).md5)).unlink()
    assert "is damaged" in sycee("push", rc=11).err
    assert not (tmp_path / "store" / object_key(digest_bytes(DATA[name]).md5)).exists()


@torn
def test_without_a_remote_the_work_tree_mends_it(sycee, repo_dir, name, content):
    sycee("remote", "remove", "store")
    path = tear(repo_dir / ".dvc/cache", name, content)
    assert "repaired from the work tree" in sycee("check", "--repair").out
    assert path.read_bytes() == DATA[name]


def test_an_empty_list_of_files_is_fetched_again(sycee, repo_dir):
    (path,) = (repo_dir / ".dvc/cache/files/md5").glob("*/*.dir")
    whole = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(b"")
    assert "not in cache:       data\n" in sycee("status").out
    sycee("pull")
    assert path.read_bytes() == whole


@pytest.mark.parametrize("where", [".dvc/cache", "../store"])
def test_a_quick_check_sees_an_empty_object_of_unknown_size(sycee, repo_dir, where):
    for pointer in (repo_dir / "model.pt.dvc", repo_dir / "data.dvc"):
        pointer.write_text(pointer.read_text().partition("meta:")[0])  # as plain dvc writes them: no folder sums
    tear(repo_dir / where, "data/a", b"")
    remote = ["--remote"] if where == "../store" else []
    assert "damaged  data/a" in sycee("check", "--quick", *remote, rc=11).out


def test_an_empty_object_on_the_remote_is_replaced_from_here(sycee, repo_dir, tmp_path):
    for pointer in (repo_dir / "model.pt.dvc", repo_dir / "data.dvc"):
        pointer.write_text(pointer.read_text().partition("meta:")[0])
    path = tear(tmp_path / "store", "data/a", b"")
    assert "new:                data/a\n" in sycee("status", "-c").out
    assert sycee("push").out == "1 file pushed\n"
    assert path.read_bytes() == DATA["data/a"]


def test_an_empty_file_is_whole(sycee, repo_dir):
    assert (repo_dir / ".dvc/cache" / object_key(EMPTY)).read_bytes() == b""
    assert sycee("status").out == "Data and pipelines are up to date.\n"
    assert sycee("check", "--quick").out.endswith("all whole\n")


@pytest.mark.parametrize(
    ("expected", "size", "answer"),
    [
        (Expected("a" * 32), 0, True),
        (Expected("a" * 32), 1, False),
        (Expected(EMPTY), 0, False),
        (Expected(EMPTY), 1, True),
        (Expected("a" * 32 + ".dir", at_most=10), 0, True),
        (Expected("a" * 32 + ".dir", at_most=10), 10, False),
        (Expected("a" * 32 + ".dir", at_most=10), 11, True),
        (Expected("a" * 32, 5), 5, False),
        (Expected("a" * 32, 5), 4, True),
        (Expected("a" * 32, 0), 0, True),
    ],
)
def test_what_a_size_tells(expected, size, answer):
    assert cannot_be(expected, size) is answer
