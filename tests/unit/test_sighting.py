"""A remote's folder is made once; where it was there before and is gone, nobody is told that objects are missing."""

import shlex
import shutil

import pytest

from sycee.cli.main import main
from sycee.errors import RemoteError
from sycee.storage.local import LocalBackend
from sycee.storage.sighting import Sighting


@pytest.fixture
def sycee(repo_dir, monkeypatch, capsys):
    """The command in this process, in a repository with an added file and a remote that nobody has made yet."""
    monkeypatch.chdir(repo_dir)
    (repo_dir / "model.pt").write_bytes(b"weights")

    def sycee(*words, rc=0):
        assert main(words) == rc, capsys.readouterr()
        return capsys.readouterr()

    sycee("remote", "add", "-d", "near", "../disk/store")
    sycee("add", "model.pt")
    return sycee


@pytest.fixture
def store(tmp_path):
    return tmp_path / "disk/store"


COMMANDS = ("push", "status -c", "gc -w -c -f", "gc -w --not-in-remote --dry", "check --remote", "push -r near")


def test_the_first_push_makes_the_folder(sycee, store):
    assert sycee("status", "-c").out.startswith("\tnew:")
    assert sycee("push").out == "1 file pushed\n"
    assert store.is_dir()


@pytest.mark.parametrize("words", COMMANDS)
def test_a_folder_that_was_there_is_not_made_anew_and_nothing_in_it_counts_as_missing(sycee, store, words):
    sycee("push")
    store.rename(store.with_name("unmounted"))
    shown = sycee(*words.split(), rc=20)
    assert shown.out == ""
    assert f"error: the folder {store} of remote 'near' is gone, and was there when it was used last\n" in shown.err
    assert "hint: mount it if it is a disk or a share; " in shown.err
    assert not store.exists()
    store.with_name("unmounted").rename(store)
    assert sycee("push").out == "Everything is up to date.\n"


@pytest.mark.parametrize("words", ["fetch", "pull"])
def test_a_clone_that_only_fetched_knows_it_too(sycee, store, repo_dir, words):
    sycee("push")
    shutil.rmtree(repo_dir / ".dvc/tmp/sycee/remotes")
    shutil.rmtree(repo_dir / ".dvc/cache")
    sycee("fetch")
    shutil.rmtree(repo_dir / ".dvc/cache")
    store.rename(store.with_name("unmounted"))
    assert "is gone" in sycee(words, rc=20).err


def test_the_hint_works_and_so_does_a_folder_made_by_hand(sycee, store):
    sycee("push")
    shutil.rmtree(store)
    hint = sycee("push", rc=20).err
    assert shlex.split(hint)[-3:] == ["mkdir", "-p", str(store)]
    store.mkdir(parents=True)
    assert sycee("push").out == "1 file pushed\n"


def test_where_its_disk_is_not_mounted_the_hint_is_to_forget_it_too(sycee, store, repo_dir):
    sycee("push")
    (note,) = (repo_dir / ".dvc/tmp/sycee/remotes").iterdir()
    note.write_bytes(b"/mnt/nowhere")
    shutil.rmtree(store)
    hint = sycee("push", rc=20).err
    assert shlex.split(hint)[-6:] == ["mkdir", "-p", str(store), "&&", "rm", str(note)]
    store.mkdir(parents=True)
    sycee("push", rc=20)
    note.unlink()
    assert sycee("push").out == "1 file pushed\n"


def test_another_place_is_another_remote(sycee, store):
    sycee("push")
    shutil.rmtree(store)
    sycee("remote", "modify", "near", "url", "../elsewhere")
    assert sycee("push").out == "1 file pushed\n"


def test_repair_goes_on_with_the_other_remotes(sycee, store, repo_dir):
    sycee("remote", "add", "far", "../far")
    sycee("push", "-r", "far")
    sycee("push")
    shutil.rmtree(store)
    shutil.rmtree(repo_dir / ".dvc/cache/files")
    (repo_dir / "model.pt").unlink()
    shown = sycee("check", "--repair")
    assert "repaired from remote 'far'" in shown.out
    assert "remote 'near' is not asked: the folder" in shown.err


def test_a_folder_that_goes_while_it_is_written_to_is_not_made_anew(store, tmp_path):
    sighting = Sighting(store, "near", tmp_path / "notes")
    backend = LocalBackend(store, sighting=sighting)
    (tmp_path / "file").write_bytes(b"1")
    backend.write("ab/cd", tmp_path / "file", 1)
    shutil.rmtree(store)
    with pytest.raises(RemoteError, match="is gone"):
        backend.write("ab/cd", tmp_path / "file", 1)
    assert not store.exists()


def test_a_note_that_cannot_be_written_is_no_failure(sycee, store, repo_dir):
    (repo_dir / ".dvc/tmp/sycee").mkdir(parents=True, exist_ok=True)
    (repo_dir / ".dvc/tmp/sycee/remotes").write_text("")
    assert sycee("push").out == "1 file pushed\n"
    shutil.rmtree(store)
    assert sycee("push").out == "1 file pushed\n"


def test_a_link_of_a_clone_leads_no_note_elsewhere(sycee, repo_dir, tmp_path):
    (tmp_path / "home").mkdir()
    (repo_dir / ".dvc/tmp/sycee").mkdir(parents=True, exist_ok=True)
    (repo_dir / ".dvc/tmp/sycee/remotes").symlink_to(tmp_path / "home")
    assert sycee("push").out == "1 file pushed\n"
    assert list((tmp_path / "home").iterdir()) == []
