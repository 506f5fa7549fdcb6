"""Pointers, directory objects and ignore files against the real dvc: the same bytes, and our ``meta`` left alone."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rigs.warm import run_warm
from sycee.formats import dirobject, ignorefile, pointer
from sycee.formats.dirobject import Entry
from sycee.formats.pointer import Out

pytestmark = pytest.mark.slow

NAMES = [
    "plain.pt",
    "with space.pt",
    " leading space",
    "two  spaces",
    "yes",
    "no",
    "on",
    "true",
    "null",
    "~",
    "=",
    "<<",
    "1:30",
    "12345",
    "007",
    "1e5",
    "0x1f",
    "0b11",
    "1_000",
    "1.5",
    ".5",
    ".inf",
    "2024-01-01",
    "2024-model.pt",
    "#x",
    "a #b",
    "a#b",
    "[a]",
    "{a}",
    "ab: c",
    "ab:",
    "- a",
    "? a",
    "!x",
    "&x",
    "*x",
    "|x",
    ">x",
    "%x",
    "@x",
    "`x",
    "'x'",
    "it's",
    '"x"',
    "a?*",
    "a,b",
    "模型.pt",
    "e\u0301",
    "é",
    "😀.bin",
    "\u3000wide",
    "nb\u00a0space",
    "zero\u200bwidth",
    "x" * 90,
    "word " * 30 + "end",
    "x" * 90 + " " + "y" * 60,
    "$HOME",
    "a=b",
    "...",
]
DASHED = ["-x", "--help", "-"]  # only below a folder: `dvc add -- -` would read standard input
FOLDER = ["sub/deep/é", "sub-x", "sub.txt", "A", "a", "\ufb01", "😀", "模型 v2.pt", 'q"uote', "x y/z", *DASHED]


class Dvc:
    """A git repository with the real dvc in it, shut off from the user's settings."""

    def __init__(self, root: Path, home: Path) -> None:
        self.root = root
        self.env = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(home),
            "DVC_NO_ANALYTICS": "1",
            "DVC_SITE_CACHE_DIR": str(home / "site"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "LC_ALL": "C.UTF-8",
            **{f"XDG_{name}_HOME": str(home / name) for name in ("CONFIG", "CACHE", "DATA", "STATE")},
        }
        self.run("git", "init", "-q", ".")
        self.dvc("init", "-q")

    def run(self, *command: str) -> str:
        done = subprocess.run(command, cwd=self.root, env=self.env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command[:3]}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout

    def dvc(self, *arguments: str) -> str:
        done = run_warm("dvc", arguments, self.root, self.env)
        assert done.rc == 0, (arguments, done)
        return done.stdout


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _strong(data: bytes) -> dict[str, str]:
    return {"sha256": hashlib.sha256(data).hexdigest(), "blake3": "4" * 64}


def _out(path: str, data: bytes, **more: object) -> Out:
    return Out(path, md5=_md5(data), size=len(data), **more)


@pytest.fixture(scope="module")
def added(tmp_path_factory: pytest.TempPathFactory) -> Dvc:
    """One ``dvc add`` of everything awkward."""
    root = tmp_path_factory.mktemp("repo")
    repo = Dvc(root, tmp_path_factory.mktemp("home"))
    for name in NAMES:
        (root / name).write_bytes(name.encode())
    for name in DASHED:
        (root / "dash" / name).mkdir(parents=True)
        (root / "dash" / name / name).write_bytes(name.encode())
    for name in FOLDER:
        path = root / "folder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    (root / "empty").mkdir()
    (root / "zero").touch()
    (root / "run.sh").write_bytes(b"#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    (root / "crlf").mkdir()
    (root / "crlf/.gitignore").write_bytes(b"/other")
    (root / "crlf/m").write_bytes(b"m")
    dashed = [f"dash/{name}/{name}" for name in DASHED]
    targets = [*(f"./{name}" for name in NAMES), *dashed, "folder", "empty", "zero", "run.sh", "crlf/m"]
    repo.dvc("add", "-q", "--", *targets)
    return repo


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_pointer_bytes(added, name):
    assert pointer.render(_out(name, name.encode()), None) == (added.root / f"{name}.dvc").read_bytes()


@pytest.mark.parametrize("name", DASHED)
def test_pointer_bytes_of_dashed_names(added, name):
    folder = added.root / "dash" / name
    assert pointer.render(_out(name, name.encode()), None) == (folder / f"{name}.dvc").read_bytes()
    assert (folder / ".gitignore").read_bytes() == ignorefile.add(b"", name)


def test_pointers_are_read_back(added):
    for path in added.root.glob("*.dvc"):
        if path.is_file():
            found = pointer.parse(path.read_bytes(), path.name)
            assert found.outs[0].path == path.stem
            assert pointer.patch(found.raw, path.name, found.outs[0], None) is found.raw


def test_pointers_of_executable_and_empty_files(added):
    assert (added.root / "run.sh.dvc").read_bytes() == pointer.render(_out("run.sh", b"#!/bin/sh\n", isexec=True), None)
    assert (added.root / "zero.dvc").read_bytes() == pointer.render(_out("zero", b""), None)


@pytest.mark.parametrize("folder", ["folder", "empty"])
def test_directory_object_bytes(added, folder):
    names = FOLDER if folder == "folder" else []
    data = dirobject.render(Entry(name, _md5(name.encode())) for name in names)
    address = dirobject.object_id(data)
    assert (added.root / ".dvc/cache/files/md5" / address[:2] / address[2:]).read_bytes() == data
    out = Out(folder, md5=address, size=sum(len(name.encode()) for name in names), nfiles=len(names))
    assert (added.root / f"{folder}.dvc").read_bytes() == pointer.render(out, None)


def test_ignore_file_bytes(added):
    data = b""
    for name in [*NAMES, "folder", "empty", "zero", "run.sh"]:
        data = ignorefile.add(data, name)
    found = (added.root / ".gitignore").read_bytes()
    assert sorted(found.splitlines()) == sorted(data.splitlines())
    assert (added.root / "crlf/.gitignore").read_bytes() == ignorefile.add(b"/other", "m")
    ignored = added.run("git", "-c", "core.quotePath=false", "ls-files", "-oz", "--exclude-standard")
    assert not set(ignored.split("\0")) & set(NAMES)


def test_git_ignores_a_name_that_ends_in_a_space(tmp_path):
    repo = Dvc(tmp_path, tmp_path / "home")
    for name in ("x ", "x  ", "#!x", "a\\b"):
        (tmp_path / name).touch()
        (tmp_path / ".gitignore").write_bytes(ignorefile.add(b"", name))
        repo.run("git", "check-ignore", "-q", name)


@pytest.fixture
def repo(tmp_path: Path) -> Dvc:
    (tmp_path / "r").mkdir()
    return Dvc(tmp_path / "r", tmp_path / "home")


def _add(repo: Dvc, name: str, data: bytes) -> Path:
    (repo.root / name).unlink(missing_ok=True)
    (repo.root / name).write_bytes(data)
    repo.dvc("add", "-q", name)
    return repo.root / f"{name}.dvc"


def test_dvc_keeps_our_meta_and_stale_digests_are_ignored(repo):
    path = _add(repo, "m.pt", b"one")
    sycee = {_md5(b"one"): _strong(b"one"), "card": "1" * 64, "sig": "2" * 63 + "e"}
    ours = pointer.patch(path.read_bytes(), "m.pt.dvc", _out("m.pt", b"one"), sycee)
    assert ours == pointer.render(_out("m.pt", b"one"), sycee)
    path.write_bytes(ours)
    assert repo.dvc("status", "--json").strip() == "{}"
    repo.dvc("add", "-q", "m.pt")
    assert path.read_bytes() == ours

    _add(repo, "m.pt", b"two")
    found = pointer.parse(path.read_bytes(), "m.pt.dvc")
    assert found.outs == (_out("m.pt", b"two"),)
    assert found.meta["sycee"] == sycee
    assert pointer.strong_digests(found, _md5(b"two")) is None
    again = pointer.patch(found.raw, "m.pt.dvc", found.outs[0], {_md5(b"two"): _strong(b"two")})
    assert list(pointer.parse(again, "m.pt.dvc").meta["sycee"]) == ["card", "sig", _md5(b"two")]
    path.write_bytes(again)
    assert repo.dvc("status", "--json").strip() == "{}"


ANNOTATED = """# top comment

outs:
  - path: m.pt   # where
    # the digest
    md5: {md5}   # what
    size: 3
    desc: >-
      a folded
      description
    type: "model"
    labels: [b,   'a']
    meta: {{k: 'v', n: 1.50}}
    remote: cold
wdir: .
meta:
    deep:   # indented by four
        - yes
        - ~
# the end
"""


SILENT = """outs:
- md5: {md5}
  isexec: false
  hash: md5
  path: m.pt
  desc: ''
  type: ''
  labels: []
  meta: {{}}
  cache: true
  push: true
  persist: false
  remote: ''
frozen: false
always_changed: false
wdir: .
"""


@pytest.mark.parametrize(
    "text",
    [
        ANNOTATED,
        ANNOTATED.replace("    size: 3\n", "    size: 3\n    hash: md5\n"),
        "{{outs: [{{md5: {md5}, hash: md5, path: m.pt}}], desc: 'flow'}}\n",
        "outs:\n- md5: {md5}\n  path: m.pt\n  isexec: true\n  nfiles: 3\n",
        SILENT,
        ANNOTATED.replace("\n", "\r\n"),
        "---\nouts:\n- hash: md5\n  path: 'm.pt'\n  md5: \"{md5}\"\n  desc: |\n    literal\n\n    text\n",
    ],
    ids=["annotated-legacy", "annotated", "flow", "stale-keys", "defaults", "crlf", "document-start"],
)
def test_patch_writes_what_dvc_writes_when_it_adds_again(repo, text):
    path = _add(repo, "m.pt", b"one")
    repo.dvc("remote", "add", "-q", "cold", str(repo.root.parent / "cold"))
    raw = text.format(md5=_md5(b"one")).encode()
    path.write_bytes(raw)
    ours = pointer.patch(raw, "m.pt.dvc", _out("m.pt", b"twoo"), None)
    _add(repo, "m.pt", b"twoo")
    assert path.read_bytes() == ours


def test_dvc_refuses_the_keys_that_we_refuse(repo):
    path = _add(repo, "m.pt", b"one")
    raw = path.read_bytes()
    for extra in (b"cmd: echo\n", b"foo: 1\n", b"  blake3: abc\n", b"  metric: true\n", b"  plot: true\n"):
        path.write_bytes(raw + extra)
        with pytest.raises(AssertionError, match="validation failed"):
            repo.dvc("status")
        with pytest.raises(pointer.FormatError, match="is not a key that DVC knows here"):
            pointer.parse(raw + extra, "m.pt.dvc")


def test_dvcs_own_verbs_carry_our_record_through(repo_dir, run, dvc):
    """``dvc commit`` and ``dvc move`` keep ``meta.sycee``, so a model keeps its digests when a colleague moves it."""
    (repo_dir / "model.pt").write_bytes(b"weights")
    run("add", "model.pt")
    before = pointer.parse((repo_dir / "model.pt.dvc").read_bytes(), "p")
    dvc("commit", "-f")
    dvc("move", "model.pt", "renamed.pt")
    after = pointer.parse((repo_dir / "renamed.pt.dvc").read_bytes(), "p")
    assert after.meta == before.meta
    assert pointer.strong_digests(after, after.outs[0].md5) is not None
    assert run("status").stdout == "Data and pipelines are up to date.\n"
