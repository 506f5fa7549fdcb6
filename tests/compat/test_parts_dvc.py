"""Paths in tracked folders as targets, beside the real dvc: one script, run with both; pointers, objects, counts."""

import pytest

from rigs.pair import TOOLS, Pair
from rigs.warm import run_warm

pytestmark = pytest.mark.slow


def folder_of(both):
    return {name for name in both.files("sycee") if name.startswith("dir/")}


def test_the_same_script_with_both(tmp_path):
    both = Pair(tmp_path)
    both.write({"dir/foo": "foo", "dir/bar": "bar"})
    both.run("add", "dir")
    assert "5ea40360f5b4ec688df672a4db9c17d1.dir\n  size: 6\n  nfiles: 2\n" in both.files("sycee")["dir.dvc"]
    assert both.run("push") == "3 files pushed\n"

    both.remove(".dvc/cache", "dir")  # a file and a folder are added although nothing else is here
    both.write({"dir/foobar": "foobar", "dir/subdir/file": "file"})
    both.run("add", "dir/foobar", "dir/subdir")
    assert "de78e9fff7c3478c6b316bf08437d0f6.dir\n  size: 16\n  nfiles: 4\n" in both.files("sycee")["dir.dvc"]
    assert both.run("push") == "3 files pushed\n"

    both.remove("dir/foobar")  # one is taken out; both do not know the size then
    both.run("add", "dir/foobar")
    assert "size" not in both.files("sycee")["dir.dvc"]
    both.write({"dir/foobar": "foobar"})
    both.run("add", "dir/foobar")
    assert "de78e9fff7c3478c6b316bf08437d0f6.dir" in both.files("sycee")["dir.dvc"]
    assert both.run("push") == "Everything is up to date.\n"

    both.remove(".dvc/cache", "dir")  # a folder in it is replaced, without its other files
    both.write({"dir/subdir/file": "file2", "dir/subdir/new": "new"})
    both.run("add", "dir/subdir")
    both.run("add", "dir/subdir")
    assert both.run("push") == "3 files pushed\n"
    assert both.run("push") == "Everything is up to date.\n"

    both.remove(".dvc/cache", "dir")  # a part comes back alone, and is updated
    assert both.run("pull", "dir/subdir") == "A       dir/\n3 files fetched and 2 files added\n"
    assert folder_of(both) == {"dir/subdir/file", "dir/subdir/new"}
    assert both.run("pull", "dir/subdir") == "Everything is up to date.\n"
    both.write({"dir/subdir/more": "more"})
    both.run("add", "dir/subdir/more")
    assert both.run("push") == "2 files pushed\n"

    both.remove("dir/subdir")
    both.run("checkout", "dir/subdir/more")
    assert folder_of(both) == {"dir/subdir/more"}
    assert both.run("checkout", "dir/subdir") == "M       dir/\n"
    for words in (("pull",), ("status",), ("status", "-c")):
        both.run(*words)

    both.write({"dir/foo": "changed", "dir/bar": "changed"})
    assert both.run("status", "dir/foo") == "dir.dvc:\n\tchanged outs:\n\t\tmodified:           dir\n"
    for tool in TOOLS:  # what one tool updated is whole for the other
        assert run_warm("sycee", ["add", "dir/foo"], both.folders[tool]).rc == 0
        assert run_warm("dvc", ["add", "dir/bar"], both.folders[tool]).rc == 0
        assert "up to date" in run_warm("sycee", ["status"], both.folders[tool]).stdout
        assert "up to date" in run_warm("dvc", ["status"], both.folders[tool]).stdout


@pytest.mark.parametrize(
    "words",
    [
        ("add", "dir/nope"),
        ("add", "--glob", "nope*"),
        ("push", "--glob", "nope*"),
        ("push", "nope"),
        ("fetch", "nope"),
        ("pull", "nope"),
        ("status", "-c", "nope"),
    ],
)
def test_both_refuse(pair_of_one, words):
    assert pair_of_one.run(*words) == ""


@pytest.fixture(scope="module")
def pair_of_one(tmp_path_factory):
    both = Pair(tmp_path_factory.mktemp("pair"))
    both.write({"dir/foo": "foo"})
    for folder in both.folders.values():
        assert run_warm("dvc", ["add", "-q", "dir"], folder).rc == 0
    return both


def test_what_lies_elsewhere(tmp_path):
    both = Pair(tmp_path)
    source = tmp_path / "elsewhere"
    (source / "sub").mkdir(parents=True)
    (source / "a").write_text("a")
    (source / "sub/b").write_text("b")
    one, folder = str(source / "a"), str(source)
    both.run("add", one, "--out", "a.bin")
    both.run("add", folder, "-o", "data")
    both.run("add", one, "-o", "data")  # exists, as a folder: it would lie in it
    assert {"a.bin", "data/a", "data/sub/b", "a.bin.dvc", "data.dvc"} <= both.files("sycee").keys()
    both.run("add", one, "--out", "a.bin")  # exists
    both.write({"a.bin": "other"})
    both.run("add", "-f", one, "--out", "a.bin")
    assert both.files("sycee")["a.bin"] == "a"
    both.run("status")

    both.run("add", "--to-remote", folder, "-o", "far")
    both.run("add", "--to-remote", one, "-o", "far.bin", "-r", "store", "--remote-jobs", "2")
    assert both.stored("sycee")
    both.run("pull", "far.bin")
    both.run("pull", "far")

    both.write({"later": "later", "more/1.pt": "1", "more/x/2.pt": "2", "more/x/no": "no"})
    both.run("add", "--no-commit", "later")
    both.run("status", "later")
    both.run("commit", "-f", "later")
    both.run("add", "--glob", "more/**/*.pt")
    assert {"more/1.pt.dvc", "more/x/2.pt.dvc"} <= both.files("sycee").keys()
    both.run("push", "--glob", "more/*.pt")
    both.run("status")
