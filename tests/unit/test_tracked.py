"""Which files a repository tracks, and which pointers are refused."""

import os
import subprocess

import pytest

from sycee.errors import Conflict, FormatError, NotFound
from sycee.workspace.repository import find_repository
from sycee.workspace.tracked import find_tracked, select
from sycee.workspace.wanted import wanted

MD5 = "acbd18db4cc2f85cedef654fccc4a4d8"


def pointer(path, *lines, top=""):
    return f"{top}outs:\n- md5: {MD5}\n  size: 3\n  hash: md5\n  path: {path}\n" + "".join(
        f"  {line}\n" for line in lines
    )


@pytest.fixture
def put(repo_dir):
    def put(name, text):
        path = repo_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    return put


def found(repo):
    return [(one.relpath, one.origin.relative_to(repo.root).as_posix()) for one in repo.tracked()]


def test_pointers_and_pipelines_with_and_without_git(repo, put):
    put("a.dvc", pointer("a"))
    put("s/t/b.dvc", pointer("b"))
    put("s/w.dvc", pointer("deep/er", top="wdir: ../t\n"))
    put("p/dvc.yaml", "stages:\n  train:\n    cmd: x\n    wdir: work\n    outs: [m]\n")
    put("p/dvc.lock", f"schema: '2.0'\nstages:\n  train:\n    cmd: x\n    outs:\n    - path: m\n      md5: {MD5}\n")
    expected = [("a", "a.dvc"), ("p/work/m", "p/dvc.lock"), ("s/t/b", "s/t/b.dvc"), ("t/deep/er", "s/w.dvc")]
    assert found(repo) == expected
    assert [one.relpath for one in find_tracked(repo.root, None)] == [relpath for relpath, _ in expected]


def test_what_is_no_pointer_of_this_repository(repo, put, repo_dir):
    put("nested/.dvc/config", "")
    put("nested/a.dvc", pointer("a"))
    put(".gitignore", "/ignored\n")
    put("ignored/b.dvc", pointer("b"))
    put("folder.dvc/file", "x")
    put("deleted.dvc", pointer("c"))
    subprocess.run(["git", "add", "deleted.dvc"], cwd=repo_dir, check=True)
    (repo_dir / "deleted.dvc").unlink()
    assert found(repo) == []


def test_several_outs_in_one_pointer(repo, put):
    put("x.dvc", pointer("a") + pointer("b").removeprefix("outs:\n"))
    assert found(repo) == [("a", "x.dvc"), ("b", "x.dvc")]


ESCAPES = {
    "parent": pointer("../x"),
    "absolute": pointer("/etc/x"),
    "wdir up": pointer("x", top="wdir: ../..\n"),
    "git hook": pointer(".git/hooks/pre-commit"),
    "git hook by wdir": pointer("pre-commit", top="wdir: ../.git/hooks\n"),
    "settings": pointer("config.local", top="wdir: ../.dvc\n"),
    "settings, on a mac": pointer("config.local", top="wdir: ../.DVC\n"),
    "the root": pointer(".", top="wdir: ..\n"),
}


@pytest.mark.parametrize("text", ESCAPES.values(), ids=ESCAPES)
def test_a_pointer_leads_nowhere_else(repo, put, text):
    put("sub/x.dvc", text)
    with pytest.raises(FormatError, match=r"sub/x\.dvc"):
        repo.tracked()


def test_a_pipeline_leads_nowhere_else(repo, put):
    put("dvc.lock", f"schema: '2.0'\nstages:\n  s:\n    cmd: x\n    outs:\n    - path: ../x\n      md5: {MD5}\n")
    with pytest.raises(FormatError, match=r"dvc\.lock"):
        repo.tracked()


@pytest.mark.parametrize("second", [pointer("a", top="wdir: .\n"), pointer("a/part")], ids=["same", "inside"])
def test_one_path_has_one_pointer(repo, put, second):
    put("a.dvc", pointer("a"))
    put("b.dvc", second)
    with pytest.raises(FormatError, match="is tracked twice: by"):
        repo.tracked()


def test_every_fault_of_a_pointer_is_told(repo, put):
    put("a.dvc", "outs:\n- md5: 7\n  size: x\n  foo: 1\n")
    with pytest.raises(FormatError) as refused:
        repo.tracked()
    assert refused.value.message.startswith("a.dvc")
    assert len(refused.value.faults) >= 3


def test_targets(repo, put):
    put("m/a.dvc", pointer("a"))
    put("m/b.dvc", pointer("b"))
    all_of_it, root = repo.tracked(), repo.root

    def chosen(*names):
        return [one.relpath for one in select(all_of_it, [root / name for name in names], root)]

    assert chosen("m") == chosen("m/a", "m/b.dvc", "m/a.dvc") == ["m/a", "m/b"]
    with pytest.raises(NotFound, match="n is not tracked here"):
        chosen("n")
    with pytest.raises(NotFound, match="m/a/x is a part of m/a"):
        chosen("m/a/x")


def test_what_is_wanted_of_a_store(repo, put):
    put("a.dvc", pointer("a"))
    put("b.dvc", pointer("b", "cache: false"))
    put("c.dvc", "outs:\n- path: c\n")
    items = [wanted(one) for one in repo.tracked()]
    assert [(item.label, item.expected.size) if item else None for item in items] == [("a", 3), None, None]


@pytest.mark.parametrize("name", ["tmp", "tmp/sycee", "tmp/sycee/statcache.sqlite"])
def test_a_repository_cannot_lead_our_own_files_elsewhere(repo_dir, tmp_path, name):
    place = repo_dir / ".dvc" / name
    if name == "tmp":
        (place / "btime").unlink()
        place.rmdir()
    place.parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "elsewhere").mkdir()
    place.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Conflict, match="is a symbolic link"):
        find_repository(repo_dir, environ={})
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_repository_that_a_clone_brings_along_starts_no_program(tmp_path):
    # Git takes a folder with HEAD, objects and refs for a repository, and its settings can name programs to run.
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    inner, witness = tmp_path / "[a] b" / "c", tmp_path / "witness"
    for name in ("refs/heads", "objects", ".dvc", "deep"):
        (inner / name).mkdir(parents=True)
    (inner / "HEAD").write_text("ref: refs/heads/main\n")
    (inner / "config").write_text(f'[core]\nbare = false\nworktree = .\nfsmonitor = "touch {witness}; false"\n')
    (inner / "a.dvc").write_text(pointer("a"))
    (inner / "deep" / "b.dvc").write_text(pointer("b"))
    (tmp_path / "outside.dvc").write_text(pointer("x"))
    inner_repo = find_repository(inner, environ=os.environ)
    assert found(inner_repo) == [("a", "a.dvc"), ("deep/b", "deep/b.dvc")]
    assert not witness.exists()


def test_a_pointer_that_is_a_link_to_a_huge_file_is_not_read_whole(repo, tmp_path):
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(1 << 40)
    (repo.root / "a.dvc").symlink_to(tmp_path / "huge")
    with pytest.raises(FormatError, match=r"a\.dvc is larger than"):
        repo.tracked()


def test_a_repository_whose_settings_are_another_ones_is_refused(tmp_path, repo_dir):
    (tmp_path / "clone").mkdir()
    (tmp_path / "clone" / ".dvc").symlink_to(repo_dir / ".dvc")
    with pytest.raises(Conflict, match=r"\.dvc is a symbolic link"):
        find_repository(tmp_path / "clone", environ=os.environ)


def test_where_pointers_are_named_no_other_one_is_read(repo, put):
    put("a.dvc", pointer("a"))
    put("b.dvc", pointer("b"))
    put("broken.dvc", "<<<<<<< HEAD\nouts:\n")
    named = [repo.root / "a.dvc"]
    assert [one.relpath for one in repo.tracked_among(named)] == ["a"]
    assert [one.relpath for one in repo.tracked(named)] == ["a"]
    for whole in ([], [repo.root / "b"], [*named, repo.root / "b"], [*named, repo.root / "broken.dvc"]):
        with pytest.raises(FormatError, match=r"broken\.dvc"):
            repo.tracked_among(whole)
    with pytest.raises(FormatError, match=r"broken\.dvc"):
        repo.tracked()
