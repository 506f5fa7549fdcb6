"""``add --out`` and ``--to-remote``: what lies elsewhere is tracked by a copy here, or by one on a remote."""

import pytest

from sycee.digest import digest_bytes
from sycee.errors import Conflict, NotFound, RemoteError
from sycee.ops.add import add
from sycee.ops.bring import Bringing, add_copy, add_to_remote
from sycee.ops.checkout import checkout
from sycee.ops.status import status
from sycee.ops.transfer import fetch
from sycee.storage.memory import MemoryBackend
from sycee.store import direct
from sycee.store.layout import object_key
from sycee.store.objects import Remote
from sycee.workspace.wanted import wanted

WEIGHTS = digest_bytes(b"weights")


@pytest.fixture
def elsewhere(tmp_path):
    """A file ``w.bin`` and a folder ``set`` outside the repository."""
    top = tmp_path / "elsewhere"
    (top / "set/sub").mkdir(parents=True)
    (top / "w.bin").write_bytes(b"weights")
    (top / "set/a").write_bytes(b"a")
    (top / "set/sub/b").write_bytes(b"b")
    (top / "set/link").symlink_to(top / "w.bin")
    return top


@pytest.fixture
def remote():
    return Remote("store", MemoryBackend("store"))


def clean(repo):
    return status(repo, repo.tracked()).changes == ()


def test_a_copy_of_a_file(repo, elsewhere):
    (elsewhere / "w.bin").chmod(0o755)
    added = add_copy(repo, Bringing(elsewhere / "w.bin", repo.root / "m.bin"))
    assert (repo.root / "m.bin").read_bytes() == b"weights"
    assert added.out.isexec
    assert (repo.root / "m.bin").stat().st_mode & 0o100
    assert (repo.root / ".gitignore").read_text() == "/m.bin\n"
    assert (elsewhere / "w.bin").read_bytes() == b"weights"
    assert clean(repo)


def test_a_copy_of_a_folder(repo, elsewhere):
    added = add_copy(repo, Bringing(elsewhere / "set", repo.root / "data"))
    assert (added.out.nfiles, added.out.size) == (3, 9)
    assert not (repo.root / "data/link").is_symlink()
    assert clean(repo)


def test_what_stands_there_is_replaced_only_by_force(repo, elsewhere):
    (repo.root / "m.bin").write_bytes(b"mine, stored nowhere")
    with pytest.raises(Conflict, match=r"m\.bin already exists"):
        add_copy(repo, Bringing(elsewhere / "w.bin", repo.root / "m.bin"))
    assert (repo.root / "m.bin").read_bytes() == b"mine, stored nowhere"
    assert repo.tracked() == []
    add_copy(repo, Bringing(elsewhere / "w.bin", repo.root / "m.bin", force=True))
    assert (repo.root / "m.bin").read_bytes() == b"weights"
    add_copy(repo, Bringing(elsewhere / "set", repo.root / "m.bin", force=True))
    assert (repo.root / "m.bin/sub/b").read_bytes() == b"b"
    assert clean(repo)


@pytest.mark.parametrize(
    ("source", "target", "error", "words"),
    [
        ("nope", "m.bin", NotFound, "does not exist"),
        ("circle", "m.bin", NotFound, "does not exist"),
        ("w.bin", "no/folder/m.bin", NotFound, "no/folder does not exist"),
        ("w.bin", "../m.bin", Conflict, "outside the repository"),
        ("w.bin", "m.dvc", Conflict, "DVC reads as its own"),
        ("w.bin", "held/x", Conflict, "is a part of held"),
        (".", "held", Conflict, "already exists"),
        ("../repo/held", "held/sub", Conflict, "lie in each other"),
    ],
)
def test_what_cannot_be_brought(repo, elsewhere, remote, source, target, error, words):
    (repo.root / "held").mkdir()
    (elsewhere / "circle").symlink_to("circle")
    add(repo, [repo.root / "held"])
    request = Bringing(elsewhere / source, (repo.root / target).resolve())
    with pytest.raises(error, match=words):
        add_copy(repo, request)
    with pytest.raises(error, match=words):
        add_to_remote(repo, request, remote)
    assert [one.relpath for one in repo.tracked()] == ["held"]
    assert list(remote.backend.list()) == []


def test_to_a_remote_goes_everything_and_here_only_the_pointer(repo, elsewhere, remote):
    for name, target in (("w.bin", "m.bin"), ("set", "data")):
        add_to_remote(repo, Bringing(elsewhere / name, repo.root / target), remote)
    assert not any((repo.root / name).exists() for name in ("m.bin", "data", ".gitignore"))
    assert repo.cache.find(WEIGHTS.md5) is None
    fetch(repo, repo.tracked(), lambda _name: remote)
    checkout(repo, repo.tracked())
    assert (repo.root / "m.bin").read_bytes() == b"weights"
    assert (repo.root / "data/sub/b").read_bytes() == b"b"
    assert clean(repo)
    assert all(wanted(one).expected.sha256 or wanted(one).sums for one in repo.tracked())


def test_a_file_of_the_work_tree_is_hidden_from_git(repo, remote):
    (repo.root / "m.bin").write_bytes(b"weights")
    add_to_remote(repo, Bringing(repo.root / "m.bin", repo.root / "m.bin"), remote)
    assert (repo.root / ".gitignore").read_text() == "/m.bin\n"


def test_what_is_there_is_not_sent_again_but_a_torn_copy_is_replaced(repo, elsewhere, remote):
    key = object_key(WEIGHTS.md5)
    sent = []
    remote.backend.write = lambda *words, **options: (
        sent.append(words[0]) or MemoryBackend.write(remote.backend, *words, **options)
    )
    for data, times in ((b"weig", 1), (b"weights", 1)):
        remote.backend._objects[key] = data
        add_to_remote(repo, Bringing(elsewhere / "w.bin", repo.root / "m.bin"), remote)
        assert sent == [key] * times
        assert b"".join(remote.backend.read(key)) == b"weights"


def test_a_file_that_changes_between_the_passes_gets_no_name(repo, elsewhere, remote, monkeypatch):
    path = elsewhere / "w.bin"

    def hash_and_change(path, **options):
        digests = direct_digest(path, **options)
        path.write_bytes(b"WEIGHTS")
        return digests

    direct_digest = direct.digest_file
    monkeypatch.setattr(direct, "digest_file", hash_and_change)
    with pytest.raises(RemoteError, match=r"w\.bin changed while it was sent"):
        add_to_remote(repo, Bringing(path, repo.root / "m.bin"), remote)
    assert list(remote.backend.list()) == []
    assert repo.tracked() == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("a", "b", "--out", "c"), "take one TARGET"),
        (("a", "--to-remote", "--no-commit"), "--no-commit stores nothing"),
        (("a", "--remote", "store"), "--remote only goes with --to-remote"),
        (("a", "--remote-jobs", "2"), "--remote-jobs only goes with --to-remote"),
    ],
)
def test_options_that_contradict_each_other(run, words, message):
    assert message in run("add", *words, rc=2).stderr


def test_out_may_be_a_folder_to_put_it_into(run, repo_dir, elsewhere):
    (repo_dir / "models").mkdir()
    assert "models/w.bin.dvc" in run("add", elsewhere / "w.bin", "--out", "models").stderr
    assert (repo_dir / "models/w.bin").read_bytes() == b"weights"
