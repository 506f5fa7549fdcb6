"""The state of a work tree as one patch: it applies, holds all source and no secret, and touches nothing."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from sycee.capture.worktree import tree_in, work_state
from sycee.digest import sha256_hex
from sycee.errors import SyceeError
from sycee.system.git import Git

AWS = "AKIA" + "ABCDEFGHIJKLMNOP"
KEY = "-----BEGIN " + "PRIVATE KEY-----\nabc\n"


@pytest.fixture
def git(tmp_path):
    """A repository with one commit."""
    root = tmp_path / "work"
    root.mkdir()
    made = Git(root)
    made.run("init", "-q")
    put(root, "train.py", "lr = 1\n" * 30)
    put(root, "old.py", "gone\n")
    put(root, "image.bin", b"\0\1\2" * 100)
    put(root, ".gitignore", "*.log\n/data/\n")
    made.run("add", "-A")
    made.run("commit", "-qm", "begin")
    return made


def put(root: Path, name: str, data: bytes | str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def files(state):
    return sorted(
        line.split(" b/")[1] for line in state.patch.decode("latin-1").splitlines() if line[:11] == "diff --git "
    )


def snapshot(git):
    """All that Git keeps, and the work tree, byte for byte."""
    return {path: path.read_bytes() for path in git.root.rglob("*") if path.is_file() and not path.is_symlink()}


def applied(git, state, tmp_path):
    """The tree that a fresh clone has after the patch."""
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(git.root), str(clone)], check=True, capture_output=True)
    put(tmp_path, "work.patch", state.patch)
    fresh = Git(clone)
    fresh.run("apply", str(tmp_path / "work.patch"))
    fresh.run("add", "-A", "-f")
    return fresh.run("write-tree").decode().strip()


def change_all(root):
    put(root, "train.py", "lr = 1\n" * 15 + "lr = 2\n" + "lr = 1\n" * 15)
    (root / "old.py").unlink()
    put(root, "image.bin", b"\0\1\3" * 100)
    put(root, "new/pre process.py", "x = 1\n")
    put(root, "naïve.py", "no line end")
    put(root, "empty.py", "")
    put(root, "run.sh", "#!/bin/sh\n").chmod(0o755)


def test_changed_staged_deleted_and_untracked_files_are_one_patch_that_applies(git, tmp_path):
    change_all(git.root)
    put(git.root, "staged.py", "staged\n")
    git.run("add", "staged.py", "train.py")
    put(git.root, "staged.py", "staged, then changed\n")
    put(git.root, "train.py", "lr = 3\n")
    before = snapshot(git)
    state = work_state(git)
    assert snapshot(git) == before  # neither index, nor refs, nor objects, nor files
    assert state.warnings == ()
    assert state.patch.startswith(f"Work state of commit {git.head()}\nTree: ".encode())
    assert applied(git, state, tmp_path) == tree_in(state.patch)
    clone = tmp_path / "clone"
    assert (clone / "staged.py").read_text() == "staged, then changed\n"
    assert (clone / "train.py").read_text() == "lr = 3\n"
    assert (clone / "image.bin").read_bytes() == b"\0\1\3" * 100
    assert not (clone / "old.py").exists()
    assert os.access(clone / "run.sh", os.X_OK)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("diff.noprefix", "true"),
        ("diff.mnemonicPrefix", "true"),
        ("color.ui", "always"),
        ("diff.external", "false"),
        ("diff.context", "0"),
        ("diff.renames", "copies"),
        ("diff.orderFile", "/dev/null"),
        ("core.quotePath", "false"),
        ("core.autocrlf", "input"),
        ("core.safecrlf", "true"),
        ("diff.ignoreSubmodules", "all"),
        ("diff.suppressBlankEmpty", "true"),
    ],
)
def test_no_setting_of_the_user_spoils_the_patch(git, tmp_path, name, value):
    git.run("config", name, value)
    change_all(git.root)
    put(git.root, "moved.py", "lr = 1\n" * 30)
    put(git.root, "dos.py", "a\r\nb\r\n")
    state = work_state(git)
    assert applied(git, state, tmp_path) == tree_in(state.patch)


def test_nothing_changed_is_no_patch(git):
    os.utime(git.root / "train.py", (1, 1))  # looks changed until Git compares
    assert work_state(git) == (b"", b"", ())


def test_a_detached_head_is_as_good_as_a_branch(git, tmp_path):
    git.run("checkout", "-q", "--detach")
    change_all(git.root)
    state = work_state(git)
    assert applied(git, state, tmp_path) == tree_in(state.patch)


def test_a_repository_without_a_commit(tmp_path):
    git = Git(tmp_path)
    git.run("init", "-q")
    put(tmp_path, "train.py", "x\n")
    put(tmp_path, "staged.py", "y\n")
    git.run("add", "staged.py")
    state = work_state(git)
    assert state.patch.startswith(b"Work state of commit none\nTree: ")
    other = Git(tmp_path / "other")
    other.root.mkdir()
    other.run("init", "-q")
    other.run("apply", stdin=state.patch)
    assert {path.name for path in other.root.iterdir()} == {".git", "train.py", "staged.py"}


def test_a_merge_in_progress(git, tmp_path):
    git.run("checkout", "-qb", "side")
    put(git.root, "train.py", "side\n")
    git.run("commit", "-qam", "side")
    git.run("checkout", "-q", "-")
    put(git.root, "train.py", "main\n")
    git.run("commit", "-qam", "main")
    git.run("merge", "side", ok=(1,))
    state = work_state(git)
    assert b"+<<<<<<< HEAD" in state.patch
    assert applied(git, state, tmp_path) == tree_in(state.patch)


def test_files_that_became_links_or_folders(git, tmp_path):
    (git.root / "old.py").unlink()
    (git.root / "old.py").symlink_to("train.py")
    (git.root / "image.bin").unlink()
    put(git.root, "image.bin/inside.py", "x\n")
    put(git.root, "pkg/a.py", "x\n")
    git.run("add", "-A")
    git.run("commit", "-qm", "more")
    put(git.root, "elsewhere/a.py", "x\n")
    (git.root / "pkg/a.py").unlink()
    (git.root / "pkg").rmdir()
    (git.root / "pkg").symlink_to("elsewhere")
    (git.root / "old.py").unlink()
    put(git.root, "old.py", "a file again\n")
    state = work_state(git)
    assert files(state) == ["elsewhere/a.py", "old.py", "old.py", "pkg/a.py"]
    assert applied(git, state, tmp_path) == tree_in(state.patch)


def test_ignored_files_models_and_data_are_no_part_of_it(git):
    put(git.root, "run.log", "x")
    put(git.root, "data/loader.py", "x")
    put(git.root, "models/bert/prepare.py", "x")
    put(git.root, "models/other/model_card.yaml", "task: x")
    put(git.root, "models/other/context/source/pre.py", "x")
    put(git.root, "models/bertha.py", "x")
    state = work_state(git, leave=["models/bert"])
    assert files(state) == ["models/bertha.py"]


def test_environments_and_checkpoints_are_no_part_of_it(git):
    put(git.root, "venv/pyvenv.cfg", "home = x")
    put(git.root, "venv/lib/x.py", "x")
    put(git.root, "web/node_modules/x.js", "x")
    put(git.root, "out/checkpoint-500/trainer_state.json", "{}")
    put(git.root, "web/app.js", "x")
    state = work_state(git)
    assert files(state) == ["web/app.js"]
    assert state.left_out.endswith(b"  out/checkpoint-500/trainer_state.json\n")
    assert state.left_out.count(b"\n") == 1


def test_of_very_many_files_some_are_hashed(git, monkeypatch):
    monkeypatch.setattr("sycee.capture.worktree.MAX_LISTED", 3)
    for number in range(5):
        put(git.root, f"images/{number}.png", "x")
    state = work_state(git)
    assert state.left_out.count(b"\n") == 3
    assert state.warnings == ("of 5 files that the work state leaves out 3 were hashed",)


def test_what_is_no_source_is_listed_with_its_digest(git):
    put(git.root, "plots/loss.png", b"\x89PNG")
    put(git.root, "train.csv", "a,b\n")
    put(git.root, "Makefile", "all:\n")
    (git.root / "link.py").symlink_to("train.py")
    state = work_state(git)
    assert files(state) == ["Makefile"]
    assert state.warnings == ()
    png, csv = (sha256_hex(data) for data in (b"\x89PNG", b"a,b\n"))
    assert state.left_out == f"{png}  plots/loss.png\n{csv}  train.csv\n".encode()


def test_sizes_have_limits(git, monkeypatch):
    monkeypatch.setattr("sycee.capture.worktree.MAX_FILE", 1 << 10)
    monkeypatch.setattr("sycee.capture.worktree.MAX_TOTAL", 3 << 10)
    monkeypatch.setattr("sycee.capture.worktree.MAX_READ", 5 << 10)
    put(git.root, "big.py", "x" * 1025)
    for number in range(4):
        put(git.root, f"part{number}.py", "y" * 800)
    put(git.root, "train.py", "z\n" * 1000)
    put(git.root, "image.bin", os.urandom(6000))
    state = work_state(git)
    assert files(state) == ["part0.py", "part1.py", "part2.py"]
    assert state.warnings == (
        "the work state leaves out image.bin: it is more than 0 MB",
        "the work state leaves out big.py: it is not tracked and more than 0 MB",
        "the work state leaves out part3.py: more than 0 MB of source are not tracked",
        "the work state leaves out train.py: its changes are more than 0 MB",
    )
    listed = [line.split("  ")[1] for line in state.left_out.decode().splitlines()]
    assert listed == ["big.py", "image.bin", "part3.py", "train.py"]


@pytest.mark.parametrize("name", [".env", "prod.env", "deploy.key", "id_rsa", "credentials.json", ".aws/config.ini"])
def test_files_that_hold_secrets_by_their_name_are_left_out_and_named(git, name):
    put(git.root, name, "password")
    state = work_state(git)
    assert (state.patch, state.left_out) == (b"", b"")
    assert state.warnings == (f"the work state leaves out {name}: files of this name hold secrets",)


def test_untracked_files_with_secrets_are_left_out_and_named(git):
    put(git.root, "aws.py", f"a = 1\nkey = '{AWS}'\n")
    put(git.root, "fine.py", "token = '[PAD]'\n")
    state = work_state(git)
    assert files(state) == ["fine.py"]
    assert state.warnings == ("the work state leaves out aws.py: line 2 holds what looks like an AWS key",)
    assert AWS.encode() not in state.patch
    assert state.left_out == b""


@pytest.mark.parametrize("staged", [False, True])
def test_a_tracked_file_with_a_secret_in_its_changes_is_left_out_of_patch_and_tree(git, tmp_path, staged):
    put(git.root, "train.py", f"lr = 1\n{KEY}")
    put(git.root, "old.py", "kept\n")
    put(git.root, "image.bin", b"\0" + AWS.encode() + b"\0")
    if staged:
        git.run("add", "-A")
    state = work_state(git)
    assert files(state) == ["old.py"]
    assert state.warnings == (
        "the work state leaves out image.bin: it holds what looks like an AWS key",
        "the work state leaves out train.py: it holds what looks like a private key",
    )
    if not staged:
        assert applied(git, state, tmp_path) == tree_in(state.patch)


def test_a_secret_that_is_taken_out_is_not_in_the_patch_either(git):
    put(git.root, "train.py", f"key = '{AWS}'\n")
    git.run("commit", "-qam", "oops")
    put(git.root, "train.py", "key = os.environ['KEY']\n")
    state = work_state(git)
    assert state.patch == b""
    assert state.warnings == ("the work state leaves out train.py: it holds what looks like an AWS key",)


def test_files_behind_a_filter_stay_behind_it(git):
    git.run("config", "filter.vault.clean", "touch ran-the-filter; cat")
    put(git.root, ".gitattributes", "*.bin filter=vault\n")
    put(git.root, "image.bin", b"secret")
    state = work_state(git)
    assert files(state) == [".gitattributes"]
    assert state.warnings == ("the work state leaves out image.bin: Git keeps it through the filter vault",)
    assert not (git.root / "ran-the-filter").exists()


def test_links_to_places_of_this_machine_are_left_out(git):
    (git.root / "old.py").unlink()
    (git.root / "old.py").symlink_to("/etc/hostname")
    state = work_state(git)
    assert state.patch == b""
    assert state.warnings == ("the work state leaves out old.py: it is a link to a place of this machine",)


def test_submodules_and_nested_repositories(git, tmp_path):
    other = Git(tmp_path / "other")
    other.root.mkdir()
    other.run("init", "-q")
    put(other.root, "lib.py", "x\n")
    other.run("add", "-A")
    other.run("commit", "-qm", "lib")
    git.run("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other.root), "libs/other")
    git.run("commit", "-qm", "submodule")
    assert work_state(git).warnings == ()
    put(git.root, "libs/other/lib.py", "changed\n")
    nested = Git(git.root / "nested")
    nested.root.mkdir()
    nested.run("init", "-q")
    put(nested.root, "x.py", "x\n")
    nested.run("add", "-A")
    nested.run("commit", "-qm", "nested")
    put(git.root, "train.py", "changed\n")
    state = work_state(git)
    assert files(state) == ["train.py"]
    assert state.warnings == (
        (
            "the work state leaves out libs/other: it is a submodule, which is at another commit or has changes of its "
            "own; commit them there"
        ),
        "the work state leaves out nested/: it is a repository of its own",
    )


def test_a_worktree_and_a_path_with_a_colon(git, tmp_path):
    place = tmp_path / "a:b"
    git.run("worktree", "add", "-q", str(place), "-b", "side")
    put(place, "train.py", "changed\n")
    state = work_state(Git(place))
    assert files(state) == ["train.py"]
    (tmp_path / "c:d").mkdir()
    inner = Git(tmp_path / "c:d")
    inner.run("init", "-q")
    put(inner.root, "a.py", "x\n")
    inner.run("add", "-A")
    inner.run("commit", "-qm", "x")
    put(inner.root, "a.py", "y\n")
    assert files(work_state(inner)) == ["a.py"]


def test_names_that_are_no_text_are_kept_by_the_patch(git, tmp_path):
    raw = os.fsdecode(b"caf\xe9.py")
    put(git.root, raw, "x\n")
    put(git.root, os.fsdecode(b"\xe9.csv"), "x\n")
    state = work_state(git)
    assert state.left_out == b""
    assert applied(git, state, tmp_path) == tree_in(state.patch)
    assert (tmp_path / "clone" / raw).exists()


def test_it_takes_bounded_time(git):
    change_all(git.root)
    with pytest.raises(SyceeError, match="git took too long and was stopped"):
        work_state(git, clock=0.0)


PAGE = Path(__file__).parents[2] / "docs/spec/source.md"


def test_the_example_of_the_page(tmp_path, monkeypatch):
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "ada@example.com")
        monkeypatch.setenv(f"GIT_{who}_DATE", "2026-01-31T12:00:00Z")
    git = Git(tmp_path)
    git.run("init", "-q")
    put(tmp_path, "settings.py", "LR = 0.1\n")
    git.run("add", "-A")
    git.run("commit", "-qm", "begin")
    put(tmp_path, "settings.py", "LR = 0.2\n")
    put(tmp_path, "pre.py", "SIZE = 224\n")
    put(tmp_path, "data.csv", "a,b\n")
    page = PAGE.read_text()
    patch = re.search(r"```diff\n(.*?)```", page, re.DOTALL)[1].encode()
    left_out = re.search(r"```text\n(.*?)```", page, re.DOTALL)[1].encode()
    assert work_state(git) == (patch, left_out, ())
    subprocess.run(["sha256sum", "-c", "--strict", "-"], input=left_out, cwd=tmp_path, check=True, capture_output=True)
