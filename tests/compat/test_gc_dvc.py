"""What gc keeps is what ``dvc gc`` keeps, for the same options on the same repository, in the cache and on a remote."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from rigs.warm import run_warm
from sycee.cli.main import main

pytestmark = pytest.mark.slow

OPTIONS = [
    ["-w"],
    ["-w", "-c"],
    ["-T", "-c"],
    ["-a", "-n", "2"],
    ["--rev", "HEAD~1"],
    ["-A", "-c"],
    ["--date", "2024-06-01"],
    ["-w", "--not-in-remote"],
    ["-w", "-c", "-p", "../other"],
]


def write(root: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)


def version(root: Path, run, date: str, files: dict[str, str], *, push: bool = True) -> None:
    write(root, files)
    run("dvc", "add", "-q", *sorted({name.split("/")[0] for name in files}))
    if push:
        run("dvc", "push", "-q")
    run("git", "add", "-A")
    dates = {"GIT_COMMITTER_DATE": f"{date}T12:00:00", "GIT_AUTHOR_DATE": f"{date}T12:00:00"}
    run("git", "commit", "-qm", date, env={**os.environ, **dates})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gc")


@pytest.fixture
def world(made: Path, tmp_path: Path) -> Path:
    """Five versions of a file and a folder, a tag, a branch, a legacy object, a project that shares the cache."""
    if not (made / "repo").exists():
        build(made)
    shutil.copytree(made, tmp_path / "world", symlinks=True)
    return tmp_path / "world"


def build(top: Path) -> None:
    root = top / "repo"
    root.mkdir()

    def run(*words: str, cwd: Path = root, **options) -> None:
        if words[0] == "dvc":
            assert run_warm("dvc", words[1:], cwd).rc == 0
        else:
            subprocess.run(words, cwd=cwd, check=True, capture_output=True, **options)

    run("git", "init", "-q")
    run("dvc", "init", "-q")
    run("dvc", "remote", "add", "-q", "-d", "store", "../remote")
    version(root, run, "2024-01-01", {"f": "1", "d/a": "a", "d/b": "b"})
    run("git", "tag", "v1")
    version(root, run, "2024-02-01", {"f": "2", "d/a": "aa"})
    run("git", "branch", "side")
    version(root, run, "2024-07-01", {"f": "3", "d/sub/c": "c"}, push=False)
    version(root, run, "2024-08-01", {"f": "4", "d/b": "bb"})
    version(root, run, "2024-09-01", {"f": "5", "d/b": "bbb"}, push=False)
    (top / "other/.dvc").mkdir(parents=True)
    run("git", "init", "-q", cwd=top / "other")
    (top / "other/.dvc/config").write_text("[cache]\n    dir = ../../repo/.dvc/cache\n")
    write(top / "other", {"g": "2", "h": "only the other's"})
    run("dvc", "add", "-q", "g", "h", cwd=top / "other")


def stored(world: Path) -> dict[str, set[str]]:
    tops = {"cache": world / "repo/.dvc/cache", "remote": world / "remote"}
    return {
        name: {path.relative_to(top).as_posix() for path in (top / "files/md5").rglob("*") if path.is_file()}
        for name, top in tops.items()
    }


@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
def test_both_keep_the_same(world, capsys, options):
    twin = world.with_name("twin")
    shutil.copytree(world, twin, symlinks=True)
    repo = twin / "repo"
    theirs = run_warm("dvc", ["gc", "-f", *options], repo)
    assert theirs.rc == 0, theirs
    assert main(["-C", str(world / "repo"), "gc", "-f", *options]) == 0
    assert stored(world) == stored(twin)
    assert capsys.readouterr().out == theirs.stdout


def test_both_show_the_same_and_dvc_is_content_afterwards(world, capsys):
    repo = world / "repo"

    def dvc(*words: str) -> str:
        done = run_warm("dvc", words, repo)
        assert done.rc == 0, done
        return done.stdout

    shown = [line for line in dvc("gc", "-w", "--dry").splitlines() if line.startswith("Removing")]
    assert main(["-C", str(repo), "gc", "-w", "--dry"]) == 0
    assert sorted(capsys.readouterr().out.splitlines()) == sorted(shown)
    dvc("push", "-q")
    assert main(["-C", str(repo), "gc", "-w", "-c", "-f"]) == 0
    assert "up to date" in dvc("status")
    assert "in sync" in dvc("status", "-c")
    subprocess.run(["git", "checkout", "-q", "v1"], cwd=repo, check=True)
    (repo / "f").unlink()
    assert main(["-C", str(repo), "fetch"]) == 1  # gone from the remote, and said so
    subprocess.run(["git", "checkout", "-q", "main"], cwd=repo, check=True)
    dvc("pull", "-q")
    assert (repo / "f").read_text() == "5"
