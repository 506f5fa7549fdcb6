"""Reading another repository beside the real dvc: ``list`` and ``get`` of one source with all kinds of outs."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import command

pytestmark = pytest.mark.slow

PIPELINE = """\
vars:
- out: gen
stages:
  plain:
    wdir: sub
    cmd: echo p > p.txt; echo q > q.txt; echo np > np.txt
    outs:
    - p.txt
    - np.txt:
        push: false
    metrics:
    - q.txt:
        cache: false
  each:
    foreach: [a, b]
    do:
      wdir: sub
      cmd: echo ${item} > e-${item}.txt; mkdir -p dd-${item}; echo 1 > dd-${item}/x
      outs:
      - e-${item}.txt:
          cache: false
      - dd-${item}:
          remote: other
  mat:
    matrix:
      k: [x, y]
    cmd: mkdir -p ${out}; echo ${item.k} > ${out}/${item.k}.txt
    outs:
    - ${out}/${item.k}.txt
"""
FILES = {
    "models/w.bin": b"weights 1\n",
    "models/run.sh": b"#!/bin/sh\n",
    "data/d/a": b"1\n",
    "data/d/s/b": b"22\n",
    "data/d/c": b"22\n",
    "data/d/s-x": "é\n".encode(),
    "pkg/code.py": b"code\n",
    "pkg/inner/y": b"y\n",
    "pkg/big.bin": b"big\n",
    "sub/keep": b"",
    "dvc.yaml": PIPELINE.encode(),
}


MADE: list[Path] = []  # the one repository that all tests copy


@pytest.fixture
def source(tmp_path, tmp_path_factory):
    """A repository with files of Git and of DVC, a pipeline, a project inside, and two local remotes beside it."""
    if not MADE:
        MADE.append(tmp_path_factory.mktemp("source"))
        make(MADE[0] / "src")
    shutil.copytree(MADE[0], tmp_path, symlinks=True, dirs_exist_ok=True)
    return tmp_path / "src"


def make(root):
    for name, data in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    (root / "pkg/code.py").chmod(0o755)
    (root / "models/run.sh").chmod(0o755)
    (root / "pkg/link").symlink_to("code.py")
    dvc, git = command("dvc", root), command("git", root)
    git("init", "-q")
    dvc("init", "-q")
    dvc("remote", "add", "-q", "-d", "store", "../store")
    dvc("remote", "add", "-q", "other", "../other")
    dvc("add", "-q", "models/w.bin", "models/run.sh", "data/d", "pkg/big.bin")
    dvc("repro", "-q")
    nested(root / "nest")
    git("add", "-A")
    git("commit", "-qm", "one")
    git("tag", "v1")
    dvc("push", "-q")
    (root / "models/w.bin").write_bytes(b"longer weights 2\n")
    dvc("add", "-q", "models/w.bin")
    git("commit", "-qam", "two")
    dvc("push", "-q")


def nested(root):
    """Make a project of its own, with a remote of its own."""
    root.mkdir()
    dvc = command("dvc", root)
    dvc("init", "-q", "--subdir")
    dvc("remote", "add", "-q", "-d", "store", "../../nested-store")
    (root / "n.bin").write_bytes(b"nested\n")
    dvc("add", "-q", "n.bin")
    dvc("push", "-q")


def listed(run, *words):
    """Return what ``list --json`` says, but for the sizes of Git's own folders, and for the exec bits of outs."""
    found = json.loads(run("list", *words, "--json").stdout)
    for one in found:
        one.pop("isexec" if one["isout"] else "size" if one["isdir"] else None, None)
    return found


def state(place: Path):
    """Return the files at a place and their bytes."""
    if place.is_file():
        return place.read_bytes()
    return {path.relative_to(place).as_posix(): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def test_list(source, tmp_path):
    ours, theirs = command("sycee", tmp_path), command("dvc", tmp_path)
    for words in (
        ["--rev", "v1"],
        ["-R", "--rev", "v1"],
        ["models", "--rev", "v1"],
        ["models/w.bin"],
        ["data/d", "--rev", "v1"],
        ["data/d/s", "-R", "--rev", "v1"],
        ["-R", "--dvc-only", "--rev", "v1"],
        ["--dvc-only", "--rev", "v1"],
        ["nest"],
        ["-R", "-L", "2", "--rev", "v1"],
        ["-R", "-L", "1"],
    ):
        assert listed(ours, "src", *words) == listed(theirs, "src", *words), words
    for words in (["-R"], ["-T", "--rev", "v1"], ["models", "--size", "--show-hash", "--rev", "v1"], ["-T", "-L", "2"]):
        assert ours("list", "src", *words).stdout == theirs("list", "src", *words).stdout, words
    assert ours("list", "src", "none", rc=1).stdout == theirs("list", "src", "none", rc=1).stdout == ""


def test_list_of_the_work_tree_and_of_an_address(source, tmp_path):
    ours, theirs = command("sycee", source), command("dvc", source)
    (source / "untracked.txt").write_text("u")
    (source / "models/w.bin").write_bytes(b"not added yet")
    assert ours("list", ".", "-R").stdout == theirs("list", ".", "-R").stdout
    assert ours("list", source.as_uri(), "models").stdout == theirs("list", source.as_uri(), "models").stdout
    plain = tmp_path / "plain.git"
    subprocess.run(["git", "clone", "-q", "--bare", source, plain], check=True)
    assert ours("list", plain, "pkg").stdout == theirs("list", plain, "pkg").stdout


def test_get(source, tmp_path):
    for number, words in enumerate(
        [
            ["models/w.bin"],
            ["models/w.bin", "--rev", "v1"],
            ["data/d/a"],
            ["data/d/s", "--rev", "v1"],
            ["data"],
            ["pkg", "--rev", "v1"],
            ["pkg/code.py", "--rev", "v1", "-o", "renamed.py"],
            ["sub/dd-a"],
            ["sub/e-a.txt"],
            ["gen", "--rev", "v1"],
            ["nest/n.bin"],
        ]
    ):
        found = []
        for program in ("sycee", "dvc"):
            cwd = tmp_path / f"{program}{number}"
            cwd.mkdir()
            command(program, cwd)("get", "../src", *words)
            found.append(state(cwd))
            assert [path.name for path in cwd.iterdir()] == [Path(words[-1] if "-o" in words else words[0]).name]
        assert found[0] == found[1], words
    assert (tmp_path / "sycee0/w.bin").read_bytes() == b"longer weights 2\n"


def test_refusals_and_urls_of_get(source, tmp_path):
    ours, theirs = command("sycee", tmp_path), command("dvc", tmp_path)
    for words in (["models/w.bin", "--show-url"], ["data/d", "--rev", "v1", "--show-url"], ["data/d/a", "--show-url"]):
        assert ours("get", "src", *words).stdout == theirs("get", "src", *words).stdout
    ours("get", "src", "models/w.bin")
    theirs("get", "src", "models/w.bin", rc=1)
    ours("get", "src", "models/w.bin", rc=1)
    theirs("get", "-f", "src", "models/w.bin")
    ours("get", "-f", "src", "models/w.bin", "--rev", "v1")
    assert (tmp_path / "w.bin").read_bytes() == FILES["models/w.bin"]
    ours("get", "src", "models/w.bin.dvc", rc=2)
    theirs("get", "src", "models/w.bin.dvc", rc=1)
    assert "damaged" not in ours("get", "src", "none", rc=1).stderr
    subprocess.run(["git", "clone", "-q", "src", "moved/copy"], cwd=tmp_path, check=True)
    assert "neither" in ours("get", (tmp_path / "moved/copy").as_uri(), "models/w.bin", "-o", "x", rc=1).stderr
    with_store = ["--remote-config", "url=store"]
    ours("get", (tmp_path / "moved/copy").as_uri(), "models/w.bin", "-o", "x", *with_store)
    assert (tmp_path / "x").read_bytes() == b"longer weights 2\n"


def test_pull_of_imports(source, tmp_path):
    imp = tmp_path / "imp"
    (imp / "in").mkdir(parents=True)
    git, dvc = command("git", imp), command("dvc", imp / "in")
    git("init", "-q")
    dvc("init", "-q", cwd=imp)
    for words in (["models/w.bin"], ["data/d", "--rev", "v1"], ["pkg/code.py"], ["data/d/a"], ["nest/n.bin"]):
        dvc("import", "-q", "../../src", *words)
    dvc("import", "-q", "--no-download", "../../src", "models/run.sh")
    git("add", "-A")
    git("commit", "-qm", "imports")
    shutil.rmtree(imp / ".dvc/cache")
    git("clean", "-fdxq")
    shutil.copytree(imp, tmp_path / "ours", symlinks=True)
    ours = command("sycee", tmp_path / "ours/in")
    dvc("pull")
    assert "9 files added" in ours("pull").stdout
    theirs = state(imp / "in")
    found = state(tmp_path / "ours/in")
    assert {name for name in theirs if theirs[name] != found.get(name)} == {"run.sh.dvc"}
    assert found.keys() == theirs.keys()
    dvc("commit", "-f", "run.sh.dvc")
    filled = (tmp_path / "ours/in/run.sh.dvc").read_text().replace("  isexec: true\n", "")
    assert filled == (imp / "in/run.sh.dvc").read_text()
    assert "changed outs" not in dvc("status", cwd=tmp_path / "ours/in").stdout
    assert "up to date" in ours("status").stdout
