"""The same remove, move and unprotect with sycee and with the real dvc: the same files, modes and exit codes."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from rigs.warm import run_warm

pytestmark = pytest.mark.slow

BIN = Path(sys.executable).parent
FILES = {"a.pt": b"a" * 1000, "data/x": b"1", "data/deep/y": b"2", "sub/b": b"3", "ünï 名": b"4"}
SCRIPTS = {
    "remove": [("root",), ("unprotect", "data"), ("remove", "a.pt.dvc", "ünï 名.dvc"), ("remove", "sub/b.dvc")],
    "remove with data": [("remove", "--outs", "a.pt.dvc", "data.dvc", "sub/b.dvc")],
    "move": [("move", "a.pt", "sub"), ("move", "sub/b", "new.pt"), ("move", "data", "sub/data2")],
}
REFUSED = [
    ("remove", "a.pt"),
    ("remove", "nothing.dvc"),
    ("move", "nothing", "b"),
    ("move", "a.pt", "nowhere/b"),
    ("move", "a.pt", "ignored/b"),
    ("move", "a.pt", "data/b"),
    ("unprotect", "nothing"),
]


def run(program, folder, *words):
    return run_warm(program, words, folder)


def made(folder, cache_type):
    """A repository with everything tracked by dvc; what sycee makes of the same files is compared elsewhere."""
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "ignored").mkdir()
    subprocess.run(["git", "init", "-q", folder], check=True)
    (folder / ".gitignore").write_bytes(b"/ignored/\n")
    assert run("dvc", folder, "init", "-q").rc == 0
    assert run("dvc", folder, "config", "cache.type", cache_type).rc == 0
    assert run("dvc", folder, "add", "-q", "a.pt", "data", "sub/b", "ünï 名").rc == 0
    return folder


def seen(folder):
    """Path to kind, mode, number of names and content, of all that is not Git's or DVC's own."""
    found = {}
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if not {".git", ".dvc"} & set(parts):
            status = path.lstat()
            linked = status.st_nlink if path.is_file() and not path.is_symlink() else None
            content = path.read_bytes() if path.is_file() else None
            found["/".join(parts)] = (stat.filemode(status.st_mode), linked, content)
    return found


@pytest.fixture(params=["copy", "hardlink", "symlink"])
def pair(request, tmp_path):
    return {program: made(tmp_path / program, request.param) for program in ("sycee", "dvc")}


@pytest.mark.parametrize("script", SCRIPTS)
def test_both_do_the_same(pair, script):
    for words in SCRIPTS[script]:
        ours, theirs = (run(program, folder, *words) for program, folder in pair.items())
        assert (ours.rc, theirs.rc) == (0, 0), (ours, theirs)
        if words == ("root",):
            assert ours.stdout == theirs.stdout
    assert seen(pair["sycee"]) == seen(pair["dvc"])
    if script == "move":
        assert "up to date" in run("dvc", pair["sycee"], "status").stdout


def test_both_refuse_the_same(tmp_path):
    pair = {program: made(tmp_path / program, "copy") for program in ("sycee", "dvc")}
    for words in REFUSED:
        before = seen(pair["sycee"])
        ours, theirs = (run(program, folder, *words) for program, folder in pair.items())
        assert ours.rc == 1, words
        assert theirs.rc != 0, words
        assert seen(pair["sycee"]) == before
