"""``diff`` beside the real dvc in the same repository: the same JSON, text and tables."""

import json
import shutil

import pytest

pytestmark = pytest.mark.slow


def write(root, files):
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)


@pytest.fixture
def versions(repo_dir, run, git):
    """Two commits: v1, and v2 in which every kind of change happened to a file and in a folder."""
    write(repo_dir, {"edited": b"1", "deleted": b"2", "moved": b"3", "kept": b"4", "empty": b""})
    write(repo_dir, {f"data/{name}": name.encode() for name in ("a", "b", "sub/c", "sub-x", "sub/deep/é", "twin")})
    write(repo_dir, {"data/twin2": b"twin", "old/x": b"x", "old/y": b"y"})
    run("add", "edited", "deleted", "moved", "kept", "empty", "data", "old")
    git("add", "-A")
    git("commit", "-qm", "v1")
    git("tag", "v1")
    write(repo_dir, {"edited": b"11", "added": b"5", "data/a": b"aa", "data/new": b"n", "data/sub/c2": b"sub/c"})
    (repo_dir / "data/sub/c").unlink()
    (repo_dir / "data/b").unlink()
    (repo_dir / "data/twin").rename(repo_dir / "data/z1")
    (repo_dir / "data/twin2").rename(repo_dir / "data/z0")
    for old, new in {"moved": "moved.to", "old": "new"}.items():
        (repo_dir / old).rename(repo_dir / new)
        (repo_dir / f"{old}.dvc").unlink()
    (repo_dir / "deleted").unlink()
    (repo_dir / "deleted.dvc").unlink()
    run("add", "edited", "added", "data", "moved.to", "new")
    git("add", "-A")
    git("commit", "-qm", "v2")
    return repo_dir


def same(run, dvc, *arguments):
    """Compare the JSON of both, and what people read; returns the JSON."""
    ours = json.loads(run("diff", "--json", "--show-hash", *arguments).stdout)
    assert ours == json.loads(dvc("diff", "--json", "--show-hash", *arguments).stdout)
    assert run("diff", *arguments).stdout == dvc("diff", *arguments).stdout
    return ours


@pytest.mark.parametrize("revisions", [("v1", "HEAD"), ("HEAD", "v1"), ("v1",), ("HEAD",)], ids=" ".join)
def test_versions(versions, run, dvc, revisions):
    assert bool(same(run, dvc, *revisions)) == (revisions != ("HEAD",))


def test_other_forms(versions, run, dvc):
    for form in (["--show-hash"], ["--md"], ["--md", "--show-hash"], ["--hide-missing"]):
        assert run("diff", "v1", *form).stdout == dvc("diff", "v1", *form).stdout != ""


@pytest.mark.parametrize(
    "targets",
    [["data"], ["data/sub"], ["edited", "kept"], ["edited.dvc"], ["data/a"], ["moved", "moved.to"]],
    ids=" ".join,
)
def test_targets(versions, run, dvc, targets):
    same(run, dvc, "v1", "HEAD", "--targets", *targets)


def edit(root):
    write(root, {"edited": b"other", "data/a": b"other"})
    (root / "kept").unlink()


def move_and_remove(root):
    (root / "data/sub/c2").rename(root / "data/c3")
    (root / "data/sub-x").unlink()
    shutil.rmtree(root / "new")


def file_for_folder(root):
    shutil.rmtree(root / "data")
    write(root, {"data": b"file"})


def folder_for_file(root):
    (root / "kept").unlink()
    write(root, {"kept/in/it": b"4"})


def gone_from_cache(root):
    shutil.rmtree(root / ".dvc/cache/files")


def partly_gone_from_cache(root):
    for path in (root / ".dvc/cache/files").rglob("*"):
        if path.is_file() and path.suffix != ".dir":
            path.unlink()


CHANGES = [edit, move_and_remove, file_for_folder, folder_for_file, gone_from_cache, partly_gone_from_cache]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_the_work_tree(versions, run, dvc, change):
    change(versions)
    assert same(run, dvc)


def test_a_pointer_of_the_time_before_dvc_3_brought_up_to_date(versions, run, dvc, git):
    pointer = versions / "kept.dvc"
    old = "outs:\n- md5: a87ff679a2f3e71d9181a67b7542122c\n  size: 1\n  path: kept\n"
    pointer.write_text(old)
    git("commit", "-qam", "old")
    assert [row["path"] for row in same(run, dvc)["not in cache"]] == ["kept"]
    write(versions, {".dvc/cache/a8/7ff679a2f3e71d9181a67b7542122c": b"4"})
    pointer.write_text(old.replace("  path", "  hash: md5\n  path"))
    assert same(run, dvc) == {}


def test_a_repository_without_commits(repo_dir, run, dvc):
    assert same(run, dvc) == {}


def test_a_repository_below_the_git_root(tmp_path, run, dvc, git):
    top = tmp_path / "top"
    (top / "sub").mkdir(parents=True)
    git("init", "-q", cwd=top)
    dvc("init", "-q", "--subdir", cwd=top / "sub")
    write(top, {"sub/f": b"1", "sub/in/d/x": b"2"})
    run("add", "f", "in/d", cwd=top / "sub")
    git("add", "-A", cwd=top)
    git("commit", "-qm", "x", cwd=top)
    write(top, {"sub/f": b"11", "sub/in/d/y": b"3"})
    for folder in ("sub", "sub/in"):
        ours, theirs = (json.loads(tool("diff", "--json", cwd=top / folder).stdout) for tool in (run, dvc))
        assert ours == theirs != {}
