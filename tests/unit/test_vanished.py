"""A checkout takes away what no pointer names any more, if nobody worked on it and it is stored; and its options."""

import json
import stat

import pytest

from sycee.cli.main import main
from sycee.digest import digest_bytes
from sycee.errors import Conflict, NotFound
from sycee.ops.add import add
from sycee.ops.checkout import Options, checkout
from sycee.ops.remove import RemoveRequest, remove
from sycee.workspace.placed import going, placed

ALL = Options(take_away=True)


def write(repo, files):
    for name, content in files.items():
        (repo.root / name).parent.mkdir(parents=True, exist_ok=True)
        (repo.root / name).write_text(content)


@pytest.fixture
def switched(repo):
    """A file and a folder that were added, and whose pointers are gone; what stays tracked is ``stays``."""
    write(repo, {"sub/f": "file", "d/a": "1", "d/s/b": "2", "stays": "here"})
    add(repo, [repo.root / name for name in ("sub/f", "d", "stays")])
    for name in ("sub/f.dvc", "d.dvc", "sub/.gitignore"):
        (repo.root / name).unlink()
    return repo


def left(repo):
    names = (path.relative_to(repo.root).as_posix() for path in repo.root.rglob("*") if not path.is_dir())
    return {name for name in names if not name.startswith(".")}


STAYS = {"stays", "stays.dvc"}


def test_what_no_pointer_names_is_taken_away_with_its_empty_folders(switched):
    done = checkout(switched, switched.tracked(), ALL)
    assert sorted(done.marks) == [("D", "d/"), ("D", "sub/f")]
    assert done.files == {"D": 2}
    assert left(switched) == STAYS
    assert not (switched.root / "sub").exists()
    assert set(placed(switched)) == {"stays"}
    assert checkout(switched, switched.tracked(), ALL).marks == []


def test_a_checkout_of_targets_takes_nothing_away(switched):
    assert checkout(switched, switched.tracked()).marks == []
    assert (switched.root / "sub/f").exists()


def test_what_a_checkout_restored_is_taken_away_too(repo):
    write(repo, {"f": "file"})
    add(repo, [repo.root / "f"])
    (repo.root / ".dvc/tmp/sycee/placed.json").unlink()
    (repo.root / "f").unlink()
    checkout(repo, repo.tracked())
    (repo.root / "f.dvc").unlink()
    assert checkout(repo, repo.tracked(), ALL).marks == [("D", "f")]


WORK = {
    "edited": lambda root: (root / "sub/f").write_text("mine"),
    "touched": lambda root: (root / "sub/f").touch(),
    "replaced by the same": lambda root: ((root / "sub/f").unlink(), (root / "sub/f").write_text("file")),
    "a link": lambda root: ((root / "sub/f").unlink(), (root / "sub/f").symlink_to("/etc/hostname")),
    "a folder": lambda root: ((root / "sub/f").unlink(), (root / "sub/f").mkdir(), (root / "sub/f/x").write_text("")),
}
FOLDER_WORK = {
    "edited": lambda root: (root / "d/s/b").write_text("mine"),
    "a new file": lambda root: (root / "d/s/new").write_text("mine"),
    "a missing file": lambda root: (root / "d/s/b").unlink(),
    "a file now": lambda root: ((root / "d").rename(root / "e"), (root / "d").write_text("")),
}


@pytest.mark.parametrize("work", WORK.values(), ids=WORK)
def test_a_file_somebody_worked_on_stays(switched, work):
    work(switched.root)
    assert checkout(switched, switched.tracked(), ALL).marks == [("D", "d/")]
    assert (switched.root / "sub/f").lstat()


@pytest.mark.parametrize("work", FOLDER_WORK.values(), ids=FOLDER_WORK)
def test_a_folder_somebody_worked_in_stays_whole(switched, work):
    work(switched.root)
    before = {name for name in left(switched) if name.startswith(("d", "e"))}
    assert checkout(switched, switched.tracked(), ALL).marks == [("D", "sub/f")]
    assert {name for name in left(switched) if name.startswith(("d", "e"))} == before


def test_a_folder_that_was_half_taken_away_goes_whole_the_next_time(switched):
    going(switched, ["d"])
    (switched.root / "d/a").unlink()
    assert checkout(switched, switched.tracked(), ALL).marks == [("D", "d/"), ("D", "sub/f")]


def test_even_then_nothing_goes_that_is_not_stored(switched):
    going(switched, ["d"])
    write(switched, {"d/new": "mine"})
    assert checkout(switched, switched.tracked(), ALL).marks == [("D", "sub/f")]
    assert (switched.root / "d/a").exists()


def test_what_is_stored_nowhere_stays(switched):
    for content in (b"file", b"2"):
        switched.cache.path(digest_bytes(content).md5).unlink()
    assert checkout(switched, switched.tracked(), ALL).marks == []


def test_what_is_stored_damaged_stays(switched):
    path = switched.cache.path(digest_bytes(b"file").md5)
    path.chmod(0o644)
    path.write_bytes(b"fil?")
    assert checkout(switched, switched.tracked(), ALL).marks == [("D", "d/")]


def test_what_git_keeps_stays(switched, git):
    (switched.root / ".gitignore").unlink()
    git("add", "-f", "sub/f", "d/s/b")
    assert checkout(switched, switched.tracked(), ALL).marks == []


def test_what_was_untracked_on_purpose_stays(repo):
    write(repo, {"f": "file"})
    add(repo, [repo.root / "f"])
    remove(repo, RemoveRequest((repo.root / "f.dvc",)))
    assert checkout(repo, repo.tracked(), ALL).marks == []
    assert left(repo) == {"f"}


def test_what_is_a_part_of_something_tracked_now_is_left_to_that(switched):
    write(switched, {"sub/g": "another"})
    add(switched, [switched.root / "sub"])
    assert checkout(switched, switched.tracked(), ALL).marks == [("D", "d/")]


def test_nothing_is_taken_away_when_the_checkout_is_refused(switched):
    (switched.root / "stays").write_text("unsaved")
    with pytest.raises(Conflict, match="stays would be overwritten"):
        checkout(switched, switched.tracked(), ALL)
    assert {"sub/f", "d/a"} <= left(switched)


@pytest.mark.parametrize("note", [b"", b"[", b"[]", b"{", b'{"f": 1}', b"\xff", b"[" * 100_000])
def test_a_damaged_note_is_none(switched, note):
    path = switched.root / ".dvc/tmp/sycee/placed.json"
    path.write_bytes(note)
    assert placed(switched) == {}
    assert checkout(switched, switched.tracked(), ALL).marks == []
    assert set(placed(switched)) == {"stays"}


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", ".git/config", ".dvc/config", "a/../../x", "sub/.DVC/x"])
def test_a_hostile_note_leads_nowhere(switched, name):
    path = switched.root / ".dvc/tmp/sycee/placed.json"
    rows = json.loads(path.read_text())
    path.write_text(json.dumps({name: rows["sub/f"]}))
    assert placed(switched) == {}


def test_a_link_among_the_folders_leads_nowhere(switched, tmp_path):
    (switched.root / "sub").rename(tmp_path / "elsewhere")
    (switched.root / "sub").symlink_to(tmp_path / "elsewhere")
    assert checkout(switched, switched.tracked(), ALL).marks == [("D", "d/")]
    assert (tmp_path / "elsewhere/f").exists()


@pytest.fixture
def lacking(repo):
    """Two files and a folder, all absent from the work tree; one file's and one member's objects are absent too."""
    write(repo, {"f": "file", "g": "other", "d/a": "1", "d/b": "2"})
    add(repo, [repo.root / name for name in "fgd"])
    for name in ("f", "g", "d/a", "d/b"):
        (repo.root / name).unlink()
    for content in (b"file", b"2"):
        repo.cache.path(digest_bytes(content).md5).unlink()
    return repo


def test_missing_objects_can_be_allowed(lacking):
    with pytest.raises(NotFound, match="d/b, f cannot be checked out"):
        checkout(lacking, lacking.tracked())
    done = checkout(lacking, lacking.tracked(), Options(allow_missing=True))
    assert done.marks == [("A", "g")]
    assert left(lacking) == {"f.dvc", "g", "g.dvc", "d.dvc"}


def test_a_pointer_without_content_is_no_success(repo):
    write(repo, {"f.dvc": "outs:\n- hash: md5\n  path: f\n"})
    with pytest.raises(NotFound, match="its pointer names no content"):
        checkout(repo, repo.tracked())


def relinked(repo, way, *, force=False):
    (repo.root / ".dvc/config").write_text(f"[cache]\n    type = {way}\n")
    assert main(["-C", str(repo.root), "checkout", "--relink", *["--force"] * force]) == 0


def test_relink_changes_how_files_are_made(repo, capsys):
    write(repo, {"f": "file", "d/a": "1", "tool": "#!"})
    (repo.root / "tool").chmod(0o755)
    add(repo, [repo.root / name for name in ("f", "d", "tool")])
    for way, links, kind in (("hardlink", 2, stat.S_IFREG), ("symlink", 1, stat.S_IFLNK), ("copy", 1, stat.S_IFREG)):
        relinked(repo, way)
        assert capsys.readouterr().out == "Relinked successfully\n"
        for name in ("f", "d/a"):
            status = (repo.root / name).lstat()
            assert (status.st_nlink, stat.S_IFMT(status.st_mode)) == (links, kind)
        assert (repo.root / "tool").lstat().st_nlink == 1
        assert (repo.root / "tool").stat().st_mode & stat.S_IXUSR
        assert main(["-C", str(repo.root), "checkout"]) == 0
        assert capsys.readouterr().out == ""


def test_relink_refuses_what_is_stored_nowhere(repo):
    write(repo, {"f": "file"})
    add(repo, [repo.root / "f"])
    (repo.root / "f").write_text("mine")
    with pytest.raises(Conflict):
        checkout(repo, repo.tracked(), Options(relink=True))
    assert (repo.root / "f").read_text() == "mine"


def test_the_command_sums_up_and_suggests_git_for_what_is_gits(switched, capsys):
    def run(*words):
        code = main(["-C", str(switched.root), "checkout", *words])
        return code, capsys.readouterr()

    (switched.root / "stays").unlink()
    assert run("--summary")[1].out == "1 file added and 2 files deleted\n"
    assert run("--summary")[1].out == "No changes.\n"
    code, said = run("main.py")
    assert code == 1
    assert "hint: see what is: sycee status" in said.err
    (switched.root / "main.py").touch()
    switched.git.stage([switched.root / "main.py"])
    switched.git.run("commit", "-qm", "x")
    for name in ("main.py", "HEAD"):
        code, said = run(name)
        assert code == 1
        assert f"hint: did you mean: git checkout {name}" in said.err


def test_a_note_that_came_with_the_clone_takes_nothing_away(switched):
    switched.git.run("add", "-f", ".dvc/tmp/sycee/placed.json")
    assert checkout(switched, switched.tracked(), ALL).marks == []
    assert "sub/f" in left(switched)
