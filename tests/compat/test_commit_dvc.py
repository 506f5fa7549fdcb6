"""The same commit with sycee and with the real dvc: the same pointers and objects."""

import subprocess
import sys
from pathlib import Path

import pytest

from rigs.warm import run_warm

pytestmark = pytest.mark.slow

BIN = Path(sys.executable).parent


def run(program, folder, *words):
    return run_warm(program, words, folder)


def made(folder):
    (folder / "data").mkdir(parents=True)
    (folder / "a").write_bytes(b"1")
    (folder / "data/x").write_bytes(b"2")
    subprocess.run(["git", "init", "-q", folder], check=True)
    for words in (("init", "-q"), ("add", "-q", "a", "data")):
        assert run("dvc", folder, *words).rc == 0
    pointer = folder / "a.dvc"
    pointer.write_bytes(b"# ours\n" + pointer.read_bytes() + b"desc: words\n")
    (folder / "a").write_bytes(b"changed")
    (folder / "data/new").write_bytes(b"3")
    return folder


def seen(folder):
    """The bytes of pointers, without our record, and of ignore files, and the names of objects."""
    texts = {path.name: path.read_bytes().partition(b"meta:\n")[0] for path in folder.glob("*.dvc") if path.is_file()}
    objects = {path.parent.name + path.name for path in (folder / ".dvc/cache/files/md5").rglob("*") if path.is_file()}
    return texts, objects, (folder / ".gitignore").read_bytes()


def test_both_do_the_same(tmp_path):
    pair = {program: made(tmp_path / program) for program in ("sycee", "dvc")}
    for words, code in ((("commit",), 1), (("commit", "nothing"), 1), (("commit", "-f"), 0), (("commit",), 0)):
        assert [run(program, folder, *words).rc for program, folder in pair.items()] == [code, code], words
        assert seen(pair["sycee"]) == seen(pair["dvc"])
    assert "up to date" in run("dvc", pair["sycee"], "status").stdout
