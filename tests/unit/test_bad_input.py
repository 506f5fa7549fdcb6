"""Whatever lies there instead of what should: what happened, what to do, the exit code; and nothing is lost."""

import os
import re
import shutil
import subprocess
from contextlib import contextmanager

import pytest

from rigs.warm import run_warm
from sycee.digest import md5_hex

MEND = "mend it, or take the last good one: git checkout -- f.dvc"
OUT = "outs:\n- {}\n  path: f\n  hash: md5\n"
BROKEN_POINTERS = {
    "cut off": ("outs: [", "is not readable YAML", MEND),
    "empty": ("", "is empty", "an interrupted write can leave it so"),
    "not text": (b"\xff\xfe", "is not UTF-8", MEND),
    "unknown key of an out": (OUT.format("blake3: x"), r"outs\[0\].blake3: is not a key that DVC knows", MEND),
    "unknown key": (OUT.format("md5: " + "a" * 32) + "foo: 1\n", r"\$.foo: is not a key that DVC knows", MEND),
    "md5 of digits, unquoted": (OUT.format("md5: " + "1" * 32), "must be text in quotes", MEND),
    "md5 with an e, unquoted": (OUT.format("md5: 1e" + "1" * 30), "must be text in quotes", MEND),
    "md5 in upper case": (OUT.format("md5: " + "A" * 32), "must be in lower case", MEND),
    "conflict of a merge": ("<<<<<<< HEAD\nouts:\n=======\n>>>>>>> x\n", "conflict", "git add"),
    "path outside": (OUT.format("md5: " + "a" * 32).replace("path: f", "path: ../f"), "unsafe path", MEND),
}
VERBS = (["status"], ["checkout"], ["pull"], ["push"], ["add", "f"], ["add", "d"], ["commit", "-f"], ["add", "d/a"])


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A repository with the tracked file ``f`` and folder ``d``, pushed."""
    root = tmp_path_factory.mktemp("template")
    (root / "repo/d").mkdir(parents=True)
    for name in ("f", "d/a", "d/b"):
        (root / "repo" / name).write_text(name)
    subprocess.run(["git", "init", "-q", root / "repo"], check=True)
    for words in (["init"], ["remote", "add", "-d", "store", "../store"], ["add", "f", "d"], ["push"]):
        assert run_warm("sycee", words, root / "repo").rc == 0
    subprocess.run(["git", "add", "-A"], cwd=root / "repo", check=True)
    return root


@pytest.fixture
def filled(template, tmp_path):
    shutil.copytree(template, tmp_path / "root")
    return tmp_path / "root/repo"


@pytest.fixture
def run(filled):
    def run(*words, cwd=filled, rc=0):
        done = run_warm("sycee", words, cwd)
        assert done.rc == rc, done
        return done

    return run


def state(root):
    """Every file but what may be lost, with its bytes."""
    paths = [path for top in (root, root.parent / "store") for path in sorted(top.rglob("*")) if path.is_file()]
    return {path: path.read_bytes() for path in paths if not {".git", "tmp"} & set(path.relative_to(root.parent).parts)}


def refuses(run, words, message, hint, rc=1):
    done = run(*words, rc=rc)
    assert re.search(rf"^error: (?s:.*{message})", done.stderr), done
    assert re.search(f"^hint: .*{re.escape(hint)}", done.stderr, re.MULTILINE), done
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", BROKEN_POINTERS)
def test_broken_pointers_stop_everything_and_cost_nothing(filled, run, name):
    data, message, hint = BROKEN_POINTERS[name]
    (filled / "f.dvc").write_bytes(data if isinstance(data, bytes) else data.encode())
    before = state(filled)
    for words in VERBS[:: 1 if name == "cut off" else 4]:
        refuses(run, words, message, hint)
    assert state(filled) == before


def test_the_hint_names_a_version_of_a_broken_pointer_only_where_git_has_a_good_one(filled, run):
    def git(*words):
        subprocess.run(["git", "-c", "core.hooksPath=", *words], cwd=filled, check=True)

    message = "is not readable YAML"
    (filled / "f.dvc").write_text("outs: [")
    git("rm", "-qf", "--cached", "f.dvc")
    refuses(run, ["status"], message, "mend it, or remove it, and track what it named again: sycee add")
    git("commit", "-qm", "without it")
    git("add", "f.dvc")
    refuses(run, ["status"], message, "mend it, or remove it, and track what it named again: sycee add")
    run("add", "d", rc=1)
    (filled / "f.dvc").unlink()
    run("add", "f")
    git("add", "f.dvc")
    git("commit", "-qm", "with it")
    (filled / "f.dvc").write_text("outs: [")
    refuses(run, ["status"], message, "take the last good one: git checkout -- f.dvc")
    git("add", "f.dvc")
    refuses(run, ["status"], message, "take the last good one: git checkout HEAD -- f.dvc")
    (filled / "f.dvc").unlink()
    (filled / "dvc.lock").write_text("x: [")
    refuses(run, ["status"], "is not YAML", "mend it, or remove it, and make it anew: dvc repro")


def test_a_pointer_without_a_digest_gets_one(filled, run):
    (filled / "f.dvc").write_text("outs:\n- path: f\n")
    assert "new:                f" in run("status").stdout
    run("add", "f")
    assert f"md5: {md5_hex(b'f')}" in (filled / "f.dvc").read_text()


def test_a_list_of_files_in_another_order_is_read_and_put_in_order(filled, run):
    listing = b'[{"relpath": "b", "md5": "%s"}, {"relpath": "a", "md5": "%s"}]' % (
        md5_hex(b"d/b").encode(),
        md5_hex(b"d/a").encode(),
    )
    oid = md5_hex(listing)
    place = filled / ".dvc/cache/files/md5" / oid[:2] / f"{oid[2:]}.dir"
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(listing)
    (filled / "d.dvc").write_text(f"outs:\n- md5: {oid}.dir\n  hash: md5\n  path: d\n")
    (filled / "d/a").unlink()
    assert "M       d/" in run("checkout", "--force").stdout
    assert (filled / "d/a").read_text() == "d/a"
    assert "modified:           d" in run("status").stdout
    (filled / "d/a").write_text("new")
    run("add", "d/a")
    assert "up to date" in run("status").stdout


NAMES = {
    "not UTF-8": (b"x\xff", r"the file name x\\xff is not valid UTF-8", "rename it"),
    "no room for .dvc": (b"x" * 255, "leaves no room for .dvc", "rename it"),
    "line break": (b"a\nb", "contains a control character", "rename it"),
}


@pytest.mark.parametrize("name", NAMES)
def test_names_that_no_pointer_can_have(filled, run, name):
    raw, message, hint = NAMES[name]
    path = filled / os.fsdecode(raw)
    path.write_text("kept")
    before = state(filled)
    refuses(run, ["add", path.name], message, hint)
    assert state(filled) == before


def test_a_name_of_255_bytes_and_one_that_is_not_utf_8_in_a_folder(filled, run):
    (filled / "d" / ("x" * 255)).write_text("long")
    run("add", "d")
    (filled / "d" / ("x" * 255)).unlink()
    run("checkout")
    assert (filled / "d" / ("x" * 255)).read_text() == "long"
    (filled / "d" / os.fsdecode(b"\xff")).write_text("kept")
    before = state(filled)
    for words in (["add", "d"], ["commit", "-f", "d"], ["status"]):
        refuses(run, words, r"the file name d/\\xff is not valid UTF-8", "rename it")
    assert state(filled) == before
    (filled / "d" / os.fsdecode(b"\xff")).rename(filled / "d" / "x\ny")
    before = state(filled)
    for words in (["add", "d"], ["commit", "-f", "d"], ["status"], ["data", "status"]):
        refuses(run, words, r"the file name d/x\\u000ay contains a control character", "rename it")
    assert state(filled) == before


def test_a_cache_that_is_a_file(filled, run):
    (filled / ".dvc/cache").rename(filled / "kept")
    (filled / ".dvc/cache").write_text("mine")
    (filled / "f").write_text("changed")
    before = state(filled)
    for words in (["add", "f"], ["fetch"], ["pull"]):
        refuses(run, words, r"\.dvc/cache is a file, where the cache needs a folder", "sycee cache dir FOLDER")
    assert "not in cache:       f" in run("status").stdout
    refuses(run, ["checkout", "--force"], "not in the cache", "sycee fetch")
    assert state(filled) == before


STRANGE = {
    "a folder for an object": (lambda path: path.mkdir(), "Is a directory", "look at it, then move it away"),
    "a link for an object": (lambda path: path.symlink_to("/etc/passwd"), "is a symbolic link", "look where it leads"),
}


@pytest.mark.parametrize("name", STRANGE)
def test_what_stands_where_an_object_belongs_is_named(filled, run, name):
    make, message, hint = STRANGE[name]
    digest = md5_hex(b"f")
    path = filled / ".dvc/cache/files/md5" / digest[:2] / digest[2:]
    path.unlink()
    make(path)
    before = state(filled)
    refuses(run, ["add", "f"], rf"{path.name}.*{message}", hint)
    (filled / "f").unlink()
    refuses(run, ["pull"], rf"{path.name}.*{message}", hint)
    assert {*before} - {*state(filled)} == {filled / "f"}
    path.rmdir() if path.is_dir() else path.unlink()
    assert "A       f" in run("pull").stdout


def test_a_file_where_notes_belong(filled, run):
    (filled / ".dvc/tmp").rename(filled / "kept")
    (filled / ".dvc/tmp").write_text("mine")
    refuses(run, ["add", "f"], r"\.dvc/tmp: File exists", "look at it, then move it away")


@contextmanager
def read_only(folder):
    """Give the folder as it is seen through a read-only mount; without root, through its modes."""
    if os.geteuid():
        paths = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
        for path in paths:
            path.chmod(0o555)
        yield folder
        for path in paths:
            path.chmod(0o755)
        return
    seen = folder.with_name("seen")
    seen.mkdir()
    subprocess.run(["mount", "--bind", folder, seen], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", seen], check=True)
        yield seen
    finally:
        subprocess.run(["umount", seen], check=True)


def test_a_repository_that_is_read_only(filled, run):
    (filled / "f").write_text("changed")
    before = state(filled)
    with read_only(filled) as seen:
        assert "modified:           f" in run("status", cwd=seen).stdout
        assert run("push", cwd=seen).stdout == "Everything is up to date.\n"
        for words in (
            ["add", "f"],
            ["add", "d/a"],
            ["commit", "-f"],
            ["checkout", "-f"],
            ["pull"],
            ["remove", "f.dvc"],
        ):
            done = run(*words, cwd=seen, rc=1)
            assert re.search("^error: .*: (Read-only file system|Permission denied)\nhint: ", done.stderr), done
    assert state(filled) == before
