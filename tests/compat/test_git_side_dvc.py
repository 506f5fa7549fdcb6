"""Hooks and drivers under the real git, beside those of the real dvc: the same merged pointers, the same hooks."""

import shutil
import subprocess

import pytest

from conftest import command
from sycee.ops.add import add
from sycee.ops.init import InitRequest, init

pytestmark = pytest.mark.slow

GOLDEN = "outs:\n- md5: 839ef9371606817569c1ee0e5f4ed233.dir\n  size: 12\n  nfiles: 3\n  hash: md5\n  path: data\n"
VERSIONS = {
    "empty": {},
    "base": {"foo": "foo"},
    "ours": {"foo": "foo", "bar": "bar"},
    "theirs": {"foo": "foo", "sub/baz": "baz"},
    "changed": {"foo": "FOO"},
    "otherwise": {"foo": "other", "bar": "bar"},
}
MERGES = [
    ("base", "ours", "theirs"),
    ("empty", "base", "ours"),
    ("empty", "empty", "ours"),
    ("empty", "ours", "empty"),
    ("base", "changed", "ours"),
    ("base", "base", "changed"),
    ("base", "ours", "empty"),
    (None, "ours", "theirs"),
    (None, None, "ours"),
    (None, "ours", None),
]
CONFLICTS = [("base", "changed", "otherwise"), (None, "changed", "otherwise"), ("base", "changed", "empty")]


def write(root, files):
    shutil.rmtree(root / "data", ignore_errors=True)
    (root / "data").mkdir()
    for name, text in files.items():
        (root / "data" / name).parent.mkdir(exist_ok=True)
        (root / "data" / name).write_text(text)


@pytest.fixture
def versions(repo):
    """A pointer for each version, without sycee's digests, so that both drivers start from the same bytes and cache."""
    for name, files in VERSIONS.items():
        write(repo.root, files)
        add(repo, [repo.root / "data"])
        pointer = (repo.root / "data.dvc").read_bytes().partition(b"meta:")[0]
        (repo.root / f"{name}.txt").write_bytes(pointer)
    (repo.root / "None.txt").touch()
    return repo.root


def merges(root, program):
    """The three files of each merge, made anew, and the words for a driver."""
    for at, sides in enumerate(MERGES + CONFLICTS):
        words = []
        for option, side in zip(("ancestor", "our", "their"), sides, strict=True):
            shutil.copy(root / f"{side}.txt", root / f"{program}{at}.{option}")
            words += [f"--{option}", f"{program}{at}.{option}"]
        yield ["git-hook", "merge-driver", *words]


def test_both_drivers_merge_alike(versions, run, dvc):
    ours, theirs = (
        [program(*words, rc=None).rc == 0 for words in merges(versions, name)]
        for name, program in (("sycee", run), ("dvc", dvc))
    )
    assert ours == theirs == [True] * len(MERGES) + [False] * len(CONFLICTS)
    for at, sides in enumerate(MERGES + CONFLICTS):
        assert (versions / f"sycee{at}.our").read_bytes() == (versions / f"dvc{at}.our").read_bytes(), sides


def test_git_merges_folders_and_the_golden_one(repo_dir, run, git, dvc):
    write(repo_dir, {"master": "master"})
    run("add", "data")
    git("add", "-A")
    git("commit", "-qm", "base")
    for branch in ("one", "two"):
        git("checkout", "-q", "-b", branch, "main")
        write(repo_dir, {"master": "master", branch: branch})
        run("add", "data")
        git("commit", "-qam", branch)
    run("install")
    git("merge", "-q", "-m", "merged", "one")
    assert (repo_dir / "data.dvc").read_text().partition("meta:")[0] == GOLDEN
    assert not (repo_dir / "data/one").exists()  # as with dvc, a merge does not check out
    dvc("checkout", "-q")
    assert sorted(path.name for path in (repo_dir / "data").iterdir()) == ["master", "one", "two"]


def test_a_conflict_is_told_and_both_sides_are_there(repo_dir, run, git):
    run("install")
    for branch, text in (("main", "1"), ("side", "2")):
        git("checkout", "-q", "--orphan", branch)
        (repo_dir / "w.pt").write_text(text)
        run("add", "w.pt")
        git("add", "-A")
        git("commit", "-qm", branch)
    done = git("merge", "--allow-unrelated-histories", "main", rc=1)
    assert "both sides changed 'w.pt', each to other content" in done.stderr
    git("checkout", "--theirs", "w.pt.dvc")
    run("checkout", "w.pt.dvc")
    assert (repo_dir / "w.pt").read_text() == "1"


def test_the_hooks_of_both_are_the_same_files(repo_dir, run, tmp_path):
    other = tmp_path / "other"
    subprocess.run(["git", "init", "-q", other], check=True)
    init(InitRequest(other))
    command("dvc", other)("install")
    run("install")
    ours, theirs = (
        {path.name: path.stat().st_mode & 0o111 for path in (root / ".git/hooks").iterdir() if path.suffix != ".sample"}
        for root in (repo_dir, other)
    )
    assert ours == theirs
    for name in ours:
        assert f"exec dvc git-hook {name}" in (other / ".git/hooks" / name).read_text()
        assert f"exec sycee git-hook {name}" in (repo_dir / ".git/hooks" / name).read_text()
    command("dvc", repo_dir)("install", rc=1)


def test_in_a_clone_that_dvc_serves(repo_dir, run, git, dvc):
    def state():
        return (repo_dir / ".git/config").read_text().split(), {
            path.name: (path.stat().st_mode & 0o755, path.read_bytes()) for path in (repo_dir / ".git/hooks").iterdir()
        }

    dvc("install")
    before = state()
    run("install")
    assert b"sycee" in (repo_dir / ".git/hooks/pre-push").read_bytes()
    run("install")
    git("commit", "-qm", "x")  # a hook runs
    run("install", "--remove")
    assert state() == before


def test_the_day_of_a_clone(repo_dir, run, git, tmp_path):
    """Commit, refused push, push, switch of branches, deletion of a branch: what each hook does under the real git."""
    subprocess.run(["git", "init", "-q", "--bare", tmp_path / "up.git"], check=True)
    git("remote", "add", "origin", str(tmp_path / "up.git"))
    run("remote", "add", "-d", "store", str(tmp_path / "store"))
    run("install")
    (repo_dir / "a").write_text("1")
    run("add", "a")
    git("add", "-A")
    git("commit", "-qm", "1")
    refused = git("push", "origin", "main", rc=1)
    assert "the push is stopped: what it names is not on remote 'store'" in refused.stderr
    mend = refused.stderr.partition("hint: sycee ")[2].partition(",")[0]
    run(*mend.split())
    git("push", "-q", "origin", "main")

    git("checkout", "-q", "-b", "next")
    (repo_dir / "a").write_text("2")
    assert "modified:" in git("commit", "-q", "--allow-empty", "-m", "told").stderr
    run("add", "a")
    git("commit", "-qam", "2")
    git("checkout", "-q", "main")
    assert (repo_dir / "a").read_text() == "1"
    git("checkout", "-q", "next")
    assert (repo_dir / "a").read_text() == "2"
    run("install", "--push")
    git("push", "-q", "origin", "next")
    shutil.rmtree(repo_dir / ".dvc/cache")
    git("push", "-q", "origin", ":next")
    git("push", "-q", "origin", "next")
