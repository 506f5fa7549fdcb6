"""``data status`` beside the real dvc in the same repository: the same JSON and, but for the verbs, the same text."""

import json
import shutil

import pytest

pytestmark = pytest.mark.slow

FORMS = ([], ["--granular", "--unchanged", "--untracked-files"])


def write(root, files):
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)


@pytest.fixture
def committed(repo_dir, run, git):
    write(repo_dir, {"f": b"1", "g": b"2", "data/a": b"a", "data/b": b"b", "data/sub/c": b"c", "old/x": b"x"})
    run("add", "f", "g", "data", "old")
    git("add", "-A")
    git("commit", "-qm", "x")
    return repo_dir


def unordered(value):
    """Return JSON without the order of its lists, which dvc does not keep from run to run."""
    if isinstance(value, dict):
        return {key: unordered(part) for key, part in value.items()}
    return sorted(value, key=str) if isinstance(value, list) else value


def same(run, dvc, *arguments):
    ours, theirs = (json.loads(tool("data", "status", "--json", *arguments).stdout) for tool in (run, dvc))
    assert unordered(ours) == unordered(theirs)
    assert list(ours) == list(theirs)
    return ours


def nothing(root, run):
    pass


def edit(root, run):
    write(root, {"f": b"other", "data/a": b"other", "data/new": b"n", "unknown": b"u", "in/unknown": b"u"})
    (root / "g").unlink()
    (root / "data/b").unlink()


def edit_and_add(root, run):
    edit(root, run)
    run("add", "f", "data", "unknown")
    (root / "g.dvc").unlink()


def move(root, run):
    (root / "data/a").rename(root / "data/z")
    run("add", "data")
    (root / "data/z").rename(root / "data/sub/z")
    (root / "f").rename(root / "f2")
    (root / "f.dvc").unlink()
    run("add", "f2")


def move_folder(root, run):
    (root / "old").rename(root / "new")
    (root / "old.dvc").unlink()
    run("add", "new")


def file_for_folder(root, run):
    shutil.rmtree(root / "data")
    write(root, {"data": b"file"})


def folder_for_file(root, run):
    (root / "f").unlink()
    write(root, {"f/in": b"1"})
    run("add", "f")


def without_cache(root, run):
    shutil.rmtree(root / ".dvc/cache/files")


def without_cache_and_files(root, run):
    shutil.rmtree(root / ".dvc/cache/files")
    shutil.rmtree(root / "data")
    (root / "f").unlink()


def with_folders_only_in_cache(root, run):
    for path in (root / ".dvc/cache/files").rglob("*"):
        if path.is_file() and path.suffix != ".dir":
            path.unlink()


CHANGES = [
    nothing,
    edit,
    edit_and_add,
    move,
    move_folder,
    file_for_folder,
    folder_for_file,
    without_cache_and_files,
    with_folders_only_in_cache,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_the_same_is_told(committed, run, dvc, change):
    change(committed, run)
    for form in FORMS:
        same(run, dvc, *form)


def test_a_folder_that_nobody_can_name(committed, run, dvc):
    """Beside it dvc calls the folders in it unknown too; we list files."""
    without_cache(committed, run)
    same(run, dvc)
    ours, theirs = (json.loads(tool("data", "status", "--json", "--granular").stdout) for tool in (run, dvc))
    theirs["uncommitted"]["unknown"].remove("data/sub/")
    assert unordered(ours) == unordered(theirs)


def test_before_the_first_commit(repo_dir, run, dvc):
    assert run("data", "status").stdout == dvc("data", "status").stdout
    write(repo_dir, {"f": b"1", "data/a": b"a"})
    run("add", "f", "data")
    for form in FORMS:
        assert same(run, dvc, *form)


def test_text(committed, run, dvc):
    def as_ours(text):
        for theirs, ours in {'"dvc ': '"sycee ', "to dvc": "to sycee"}.items():
            text = text.replace(theirs, ours)
        return text

    assert run("data", "status").stdout == dvc("data", "status").stdout == "No changes.\n"
    write(committed, {"f": b"other", "u": b"u"})
    run("add", "f")
    (committed / "f").unlink()
    (committed / ".dvc/cache/files/md5/c8/1e728d9d4c2f636f067f89cc14862c").unlink()
    for form in ([], ["--untracked-files", "--unchanged"]):
        theirs = as_ours(dvc("data", "status", *form).stdout)
        assert sorted(run("data", "status", *form).stdout.splitlines()) == sorted(theirs.splitlines())


@pytest.mark.parametrize("target", ["f", "data", "data/sub", "data/a"])
def test_targets(committed, run, dvc, target):
    edit(committed, run)
    same(run, dvc, "--granular", "--untracked-files", "--unchanged", target)


def test_what_the_remote_lacks(committed, run, dvc, tmp_path):
    run("remote", "add", "-d", "store", tmp_path / "store")
    run("push", "f", "data")
    (tmp_path / "store/files/md5/0c/c175b9c0f1b6a831c399e269772661").unlink()
    assert same(run, dvc, "--not-in-remote")["not_in_remote"] == ["g", "old/"]
    assert same(run, dvc, "--not-in-remote", "--granular")["not_in_remote"] == ["data/a", "g", "old/", "old/x"]
