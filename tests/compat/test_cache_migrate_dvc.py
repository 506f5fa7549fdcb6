"""``cache migrate`` beside the real dvc: the same objects, pointers and words, and dvc is content with the result."""

import os
import shutil
import subprocess

import pytest
from ruamel.yaml import YAML

from rigs.legacy import old_repository
from rigs.warm import run_warm

pytestmark = pytest.mark.slow


def objects(cache):
    """Path to bytes, mode and inode count of every object of either layout."""
    return {
        path.relative_to(cache).as_posix(): (path.read_bytes(), path.stat().st_mode, path.stat().st_nlink)
        for path in sorted(cache.rglob("*"))
        if path.is_file() and path.relative_to(cache).parts[0] not in {"sycee", "runs"}
    }


def pointers(folder):
    """Name to what each pointer says, without our own record."""
    found = {path.name: YAML(typ="safe").load(path) for path in folder.glob("[!.]*.dvc")}
    for value in found.values():
        value.pop("meta", None)
    return found


def test_the_same_migration(tmp_path, repo_dir):
    old_repository(repo_dir)
    twin = shutil.copytree(repo_dir, tmp_path / "twin")
    for words in (
        ["cache", "migrate", "--dry", "--dvc-files"],
        ["cache", "migrate"],
        ["cache", "migrate", "--dvc-files"],
        ["cache", "migrate", "--dvc-files"],
    ):
        ours, theirs = run_warm("sycee", words, repo_dir), run_warm("dvc", words, twin)
        said, _, hints = theirs.stdout.partition("\nTo track the changes")
        assert (ours.rc, sorted(ours.stdout.splitlines())) == (theirs.rc, sorted(said.splitlines())), words
        assert bool(hints) == ("To track the changes" in ours.stderr)
    assert objects(repo_dir / ".dvc/cache") == objects(twin / ".dvc/cache")
    assert pointers(repo_dir) == pointers(twin)
    assert "up to date" in run_warm("dvc", ["status"], repo_dir).stdout
    for name in ("data", "a.txt", "b.bin"):
        path = repo_dir / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert run_warm("dvc", ["checkout"], repo_dir).rc == 0
    assert (repo_dir / "a.txt").read_bytes() == (twin / "a.txt").read_bytes() == b"one\r\ntwo\r\n"
    assert (repo_dir / "data/sub/c").read_bytes() == b"c\r\n"
    assert run_warm("sycee", ["status"], repo_dir).stdout == "Data and pipelines are up to date.\n"


STAGED = {
    "add a sub/b": ["A .gitignore", "A a.dvc", "A sub/.gitignore", "A sub/b.dvc"],
    "commit -f a.dvc": ["M a.dvc"],
    "move a sub/a": ["A sub/a.dvc", "D .gitignore", "D a.dvc", "M sub/.gitignore"],
    "remove a.dvc sub/b.dvc": ["D .gitignore", "D a.dvc", "D sub/.gitignore", "D sub/b.dvc"],
}


@pytest.mark.parametrize("line", STAGED)
def test_autostage_stages_what_dvc_does_and_what_else_changed(tmp_path, repo_dir, line):
    verb, *words = line.split()
    (repo_dir / "sub").mkdir()
    for name in ("a", "sub/b"):
        (repo_dir / name).write_text(name)
    run_warm("dvc", ["config", "core.autostage", "true"], repo_dir)
    subprocess.run(["git", "commit", "-qm", "start"], cwd=repo_dir, check=True)
    if verb != "add":
        assert run_warm("dvc", ["add", "-q", "a", "sub/b"], repo_dir).rc == 0
        subprocess.run(["git", "commit", "-qm", "tracked"], cwd=repo_dir, check=True)
    if verb == "commit":
        (repo_dir / "a").write_text("changed")
    twin = shutil.copytree(repo_dir, tmp_path / "twin")
    staged = {}
    for program, folder in (("sycee", repo_dir), ("dvc", twin)):
        done = run_warm(program, [verb, *words], folder)
        assert done.rc == 0, done
        listing = ["git", "diff", "--cached", "--name-status", "--no-renames"]
        listed = subprocess.run(listing, cwd=folder, check=True, capture_output=True, text=True).stdout
        staged[program] = sorted(listed.replace("\t", " ").splitlines())
        assert "git add" not in done.stdout + done.stderr
    assert staged["sycee"] == STAGED[line]
    assert set(staged["dvc"]) <= set(STAGED[line])


def test_several_repositories_share_a_cache_as_a_group(tmp_path, repo_dir, monkeypatch):
    """Modes are dvc's, whoever makes the folder; what one repository stores the others have."""
    second = tmp_path / "second"
    subprocess.run(["git", "init", "-q", second], check=True)
    shared = tmp_path / "shared"
    mask = os.umask(0o077)
    try:
        assert run_warm("sycee", ["init"], second).rc == 0
        for program, folder, content in (("sycee", repo_dir, "1"), ("dvc", second, "2")):
            assert run_warm(program, ["config", "cache.shared", "group"], folder).rc == 0
            assert run_warm(program, ["cache", "dir", shared], folder).rc == 0
            assert run_warm(program, ["cache", "dir"], folder).stdout == f"{shared}\n"
            (folder / "a").write_text(content)
            assert run_warm(program, ["add", "a"], folder).rc == 0
            (folder / "a").chmod(0o400)
            assert run_warm(program, ["unprotect", "a"], folder).rc == 0
            assert (folder / "a").stat().st_mode & 0o777 == 0o664
    finally:
        os.umask(mask)
    found = {path: path.stat().st_mode & 0o7777 for path in shared.rglob("*")}
    assert {mode for path, mode in found.items() if path.is_file() and "sycee" not in path.parts} == {0o444}
    assert {mode for path, mode in found.items() if path.is_dir()} == {0o2775}
    shutil.copy(repo_dir / "a.dvc", second / "c.dvc")
    (second / "c.dvc").write_text((second / "c.dvc").read_text().replace("path: a", "path: c"))
    assert run_warm("dvc", ["checkout", "c.dvc"], second).rc == 0
    assert (second / "c").read_text() == "1"
