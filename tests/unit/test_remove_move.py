"""Remove, move, unprotect, root: pointer, ignore entry and data go together, and nothing is lost."""

import os
import stat

import pytest

from sycee.errors import Conflict, NotFound
from sycee.formats import pointer
from sycee.ops import move as move_module
from sycee.ops.add import add
from sycee.ops.move import move
from sycee.ops.remove import RemoveRequest, remove
from sycee.ops.unprotect import unprotect
from sycee.workspace import repository
from sycee.workspace.tracked import find_tracked


def write(root, files):
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)


def tracked(repo, files, *targets):
    write(repo.root, files)
    add(repo, [repo.root / target for target in targets or files])


def snapshot(root):
    """Path to mode and bytes of all that Git or a person sees."""
    return {
        path.relative_to(root).as_posix(): (path.lstat().st_mode, path.read_bytes())
        for path in sorted(root.rglob("*"))
        if path.is_file() and not {".git", ".dvc"} & set(path.relative_to(root).parts)
    }


def removal(repo, *names, outs=False, force=False):
    return remove(repo, RemoveRequest(tuple(repo.root / name for name in names), outs=outs, force=force))


@pytest.fixture(params=["copy", "hardlink", "symlink"])
def linked(request, repo_dir, run):
    run("config", "cache.type", request.param)
    return repo_dir


# remove


@pytest.mark.parametrize("name", ["a.pt", "b [1]#.pt", "ünïcode 名前"])
def test_remove_keeps_the_data_and_cleans_the_ignore_file(repo, name):
    tracked(repo, {name: b"weights", "other": b"1"})
    removal(repo, f"{name}.dvc")
    assert snapshot(repo.root).keys() - {".dvcignore"} == {name, "other", "other.dvc", ".gitignore"}
    assert (repo.root / name).read_bytes() == b"weights"
    assert (repo.root / ".gitignore").read_bytes() == b"/other\n"


def test_remove_deletes_an_ignore_file_that_becomes_empty(repo):
    tracked(repo, {"sub/a": b"1"})
    assert removal(repo, "sub/a.dvc") == ()  # Git never had them
    assert not (repo.root / "sub/.gitignore").exists()


def test_remove_outs_takes_files_and_folders_away_and_keeps_the_objects(repo):
    tracked(repo, {"a": b"1", "data/x": b"2", "data/deep/y": b"3"}, "a", "data")
    removal(repo, "a.dvc", "data.dvc", outs=True)
    assert snapshot(repo.root).keys() == {".dvcignore"}
    assert not (repo.root / "data").exists()
    assert all(repo.cache.find(one) for one in ("c4ca4238a0b923820dcc509a6f75849b", "c81e728d9d4c2f636f067f89cc14862c"))


@pytest.mark.parametrize(
    ("changed", "named"), [("a", "a"), ("data/x", "data/x"), ("data/new", "data/new"), ("data/.dvcignore", "data/.dvc")]
)
def test_remove_outs_refuses_what_is_stored_nowhere(repo, changed, named):
    tracked(repo, {"a": b"1", "data/x": b"2"}, "a", "data")
    write(repo.root, {changed: b"not stored"})
    before = snapshot(repo.root)
    with pytest.raises(Conflict, match=named) as caught:
        removal(repo, "a.dvc", "data.dvc", outs=True)
    assert "--force" in caught.value.hint
    assert snapshot(repo.root) == before
    removal(repo, "a.dvc", "data.dvc", outs=True, force=True)
    assert snapshot(repo.root).keys() == {".dvcignore"}


def test_remove_outs_refuses_when_the_object_is_damaged(repo):
    tracked(repo, {"a": b"1"})
    found = repo.cache.path("c4ca4238a0b923820dcc509a6f75849b")
    found.chmod(0o644)
    found.write_bytes(b"rotten")
    with pytest.raises(Conflict, match="stored nowhere"):
        removal(repo, "a.dvc", outs=True)
    assert (repo.root / "a").read_bytes() == b"1"


def test_remove_checks_all_targets_first(repo):
    tracked(repo, {"a": b"1"})
    before = snapshot(repo.root)
    with pytest.raises(NotFound, match="nothing does not exist or is no pointer"):
        removal(repo, "a.dvc", "nothing")
    with pytest.raises(NotFound, match="a is no pointer") as caught:
        removal(repo, "a")
    assert caught.value.hint == "name its pointer: sycee remove a.dvc"
    assert snapshot(repo.root) == before


def test_remove_of_a_pointer_whose_data_is_absent(repo):
    tracked(repo, {"sub/a": b"1"})
    (repo.root / "sub/a").unlink()
    removal(repo, "sub/a.dvc")
    assert snapshot(repo.root).keys() == {".dvcignore"}


def test_remove_leaves_an_ordinary_file_of_a_link(linked, run):
    write(linked, {"a": b"1"})
    run("add", "a")
    run("remove", "a.dvc")
    assert stat.S_IMODE((linked / "a").lstat().st_mode) == 0o644
    assert (linked / "a").lstat().st_nlink == 1
    (linked / "a").write_bytes(b"edited")
    assert (linked / ".dvc/cache/files/md5/c4/ca4238a0b923820dcc509a6f75849b").read_bytes() == b"1"


def test_remove_outs_takes_a_link_whose_object_is_gone(repo_dir, run):
    run("config", "cache.type", "symlink")
    write(repo_dir, {"a": b"1"})
    run("add", "a")
    (repo_dir / ".dvc/cache/files/md5/c4/ca4238a0b923820dcc509a6f75849b").unlink()
    run("remove", "--outs", "a.dvc")
    assert not (repo_dir / "a").is_symlink()


def test_remove_outs_goes_through_no_link(repo, tmp_path):
    tracked(repo, {"sub/a": b"1"})
    (repo.root / "sub").rename(tmp_path / "elsewhere")
    (repo.root / "sub").symlink_to(tmp_path / "elsewhere")
    with pytest.raises((Conflict, NotFound)):
        removal(repo, "sub/a.dvc", outs=True, force=True)
    assert (tmp_path / "elsewhere/a").read_bytes() == b"1"


def test_remove_leaves_pipelines_to_dvc(repo):
    write(repo.root, {"dvc.yaml": b"stages: {}\n", "dvc.lock": b"schema: '2.0'\nstages: {}\n"})
    with pytest.raises(Conflict, match="belongs to a pipeline"):
        removal(repo, "dvc.lock")
    lock = b"schema: '2.0'\nstages:\n  train:\n    cmd: x\n    outs:\n    - path: m\n      hash: md5\n      md5: "
    lock += b"acbd18db4cc2f85cedef654fccc4a4d8\n      size: 3\n"
    write(repo.root, {"dvc.yaml": b"stages:\n  train:\n    cmd: x\n    outs: [m]\n", "dvc.lock": lock})
    with pytest.raises(Conflict, match="train is a step of a pipeline") as caught:
        removal(repo, "train")
    assert caught.value.hint == "it is dvc's to remove: dvc remove train"


def test_remove_tells_what_git_has_to_know(repo_dir, run, git):
    write(repo_dir, {"a": b"1"})
    run("add", "a")
    git("add", "-A")
    git("commit", "-qm", "x")
    done = run("remove", "a.dvc")
    assert (done.stdout, done.stderr) == (
        "",
        "To track the changes with git, run:\n\n\tgit add .gitignore a.dvc\n\n",
    )
    git("add", ".gitignore", "a.dvc")
    run("-q", "add", "a")
    run("config", "core.autostage", "true")
    assert run("remove", "a.dvc").stderr == ""


# move


def test_move_renames_data_pointer_and_ignore_entry(repo):
    tracked(repo, {"a": b"1", "other": b"2"})
    before = (repo.root / "a.dvc").read_bytes()
    moved = move(repo, repo.root / "a", repo.root / "b [1]")
    assert moved.present
    assert snapshot(repo.root).keys() == {".dvcignore", ".gitignore", "b [1]", "b [1].dvc", "other", "other.dvc"}
    assert (repo.root / "b [1].dvc").read_bytes() == before.replace(b"path: a\n", b"path: b [1]\n")
    assert (repo.root / ".gitignore").read_bytes() == b"/other\n/b \\[1\\]\n"


def test_move_into_a_folder_keeps_the_name(repo):
    tracked(repo, {"data/x": b"1"}, "data")
    (repo.root / "into").mkdir()
    move(repo, repo.root / "data", repo.root / "into")
    assert (repo.root / "into/data/x").read_bytes() == b"1"
    assert (repo.root / "into/.gitignore").read_bytes() == b"/data\n"
    assert not (repo.root / ".gitignore").exists()
    assert [one.relpath for one in repo.tracked()] == ["into/data"]


def test_move_keeps_comments_annotations_and_meta(repo):
    tracked(repo, {"a": b"1"})
    raw = b"# ours\n" + (repo.root / "a.dvc").read_bytes() + b"  note: kept # why\ndesc: words\n"
    (repo.root / "a.dvc").write_bytes(raw)
    move(repo, repo.root / "a", repo.root / "b")
    assert (repo.root / "b.dvc").read_bytes() == raw.replace(b"path: a\n", b"path: b\n")
    (one,) = repo.tracked()
    assert pointer.strong_digests(one.pointer, one.out.md5)


def test_move_of_absent_data_moves_the_pointer(repo_dir, run):
    write(repo_dir, {"a": b"1"})
    run("add", "a")
    (repo_dir / "a").unlink()
    assert "a is not here; only its pointer has moved" in run("move", "a", "b").stderr
    assert run("checkout").stdout == "A       b\n"


def test_move_keeps_content_that_changed(repo_dir, run):
    write(repo_dir, {"a": b"1"})
    run("add", "a")
    write(repo_dir, {"a": b"changed"})
    run("move", "a", "b")
    assert (repo_dir / "b").read_bytes() == b"changed"
    assert "modified:           b" in run("status").stdout


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("file", "file already exists"),
        ("gone", "gone.dvc already exists"),
        ("none/b", "there is no folder"),
        ("ignored/b", "would be ignored by Git"),
        ("folder/b", "is a part of folder"),
        ("a", "a already exists"),
        ("b.dvc", "has a name that DVC reads as its own"),
        (".dvc/b", "belongs to Git or DVC itself"),
        ("../b", "lies outside the repository"),
        ("committed", "is tracked by Git"),
    ],
)
def test_move_refuses_and_changes_nothing(repo, git, target, message):
    tracked(repo, {"a": b"1", "gone": b"2", "folder/x": b"3"}, "a", "gone", "folder")
    (repo.root / "gone").unlink()
    write(repo.root, {"file": b"mine", ".gitignore": (repo.root / ".gitignore").read_bytes() + b"/ignored/\n"})
    (repo.root / "ignored").mkdir()
    write(repo.root, {"committed": b"4"})
    git("add", "committed")
    (repo.root / "committed").unlink()
    before = snapshot(repo.root)
    with pytest.raises((Conflict, NotFound), match=message):
        move(repo, repo.root / "a", repo.root.joinpath(target).resolve())
    assert snapshot(repo.root) == before


def test_move_of_what_cannot_move(repo):
    tracked(repo, {"a": b"1"})
    raw = (repo.root / "a.dvc").read_bytes()
    (repo.root / "a.dvc").rename(repo.root / "named.dvc")
    with pytest.raises(Conflict, match=r"named\.dvc is not a pointer of a alone"):
        move(repo, repo.root / "a", repo.root / "b")
    (repo.root / "named.dvc").rename(repo.root / "a.dvc")
    (repo.root / "a.dvc").write_bytes(b"frozen: true\ndeps:\n- path: x\n  repo:\n    url: u\n    rev_lock: abc\n" + raw)
    with pytest.raises(Conflict, match="was imported"):
        move(repo, repo.root / "a", repo.root / "b")
    with pytest.raises(NotFound, match=r"a\.dvc is not tracked here"):
        move(repo, repo.root / "a.dvc", repo.root / "b.dvc")


class Killed(BaseException):
    """What no handler expects."""


@pytest.mark.parametrize("step", ["write_file", "rename", "unignore", "unlink"])
def test_move_goes_on_where_it_was_killed(repo, monkeypatch, step):
    tracked(repo, {"a": b"1"})

    def die(*_):
        raise Killed

    with monkeypatch.context() as patch:
        if step == "rename":
            patch.setattr(type(repo.root), "rename", die)
        else:
            patch.setattr(move_module, step, die)
        with pytest.raises(Killed):
            move(repo, repo.root / "a", repo.root / "b")
    whole = [name for name in ("a", "b") if (repo.root / name).exists()]
    assert len(whole) == 1
    assert whole[0] in {one.relpath for one in find_tracked(repo.root, repo.git)}
    assert repo.git.ignored(whole) == set(whole)
    move(repo, repo.root / "a", repo.root / "b")
    assert snapshot(repo.root).keys() == {".dvcignore", ".gitignore", "b", "b.dvc"}
    assert (repo.root / ".gitignore").read_bytes() == b"/b\n"


def test_move_that_is_refused_by_the_system_leaves_all_as_it_was(repo, monkeypatch):
    tracked(repo, {"a": b"1"})
    before = snapshot(repo.root)
    rename = type(repo.root).rename

    def refuse(self, target):
        if self.name == "a":
            raise PermissionError(13, "no", str(self))
        return rename(self, target)

    monkeypatch.setattr(type(repo.root), "rename", refuse)
    with pytest.raises(PermissionError):
        move(repo, repo.root / "a", repo.root / "b")
    assert snapshot(repo.root) == before


# unprotect and root


def test_unprotect_makes_links_ordinary_files(linked, run):
    write(linked, {"a": b"1", "data/x": b"2", "data/y": b"3"})
    run("add", "a", "data")
    run("unprotect", "a", "data/x", "data.dvc")
    for name, data in {"a": b"1", "data/x": b"2", "data/y": b"3"}.items():
        status = (linked / name).lstat()
        assert stat.filemode(status.st_mode) == "-rw-r--r--"
        assert status.st_nlink == 1
        assert (linked / name).read_bytes() == data
    assert "up to date" in run("status").stdout


def test_unprotect_keeps_the_right_to_execute(repo):
    tracked(repo, {"tool": b"1"})
    (repo.root / "tool").chmod(0o555)
    unprotect(repo, [repo.root / "tool"])
    assert stat.S_IMODE((repo.root / "tool").stat().st_mode) == 0o755


def test_unprotect_refuses_what_is_not_tracked(repo):
    write(repo.root, {"a": b"1"})
    for name, message in {"a": "is not tracked", "b": "does not exist"}.items():
        with pytest.raises(NotFound, match=message):
            unprotect(repo, [repo.root / name])


def test_root_is_relative_to_where_one_is(repo_dir, run, tmp_path):
    (repo_dir / "x/y").mkdir(parents=True)
    assert run("root").stdout == ".\n"
    assert run("root", cwd=repo_dir / "x/y").stdout == f"..{os.sep}..\n"
    assert "is not inside" in run("root", cwd=tmp_path, rc=1).stderr


@pytest.mark.parametrize("verb", [remove, move, unprotect])
def test_writers_hold_the_lock(repo, monkeypatch, verb):
    tracked(repo, {"a": b"1"})
    before = snapshot(repo.root)

    def held(*_, **__):
        raise Conflict("another process holds the lock")

    monkeypatch.setattr(repository, "working", held)
    words = {
        remove: (RemoveRequest((repo.root / "a.dvc",)),),
        move: (repo.root / "a", repo.root / "b"),
        unprotect: ([repo.root / "a"],),
    }
    with pytest.raises(Conflict, match="holds the lock"):
        verb(repo, *words[verb])
    assert snapshot(repo.root) == before


def test_what_fingers_type(run, repo):
    tracked(repo, {"f": b"1"})
    run("mv", "f", "g")
    run("rm", "g.dvc")
    assert repo.tracked() == []
    assert "\n  rm" not in run("--help").stdout
