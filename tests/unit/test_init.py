"""``sycee init`` makes what ``dvc init`` makes."""

import subprocess

import pytest

from sycee.errors import Conflict, NotFound
from sycee.ops.init import InitRequest, init


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "work"
    subprocess.run(["git", "init", "-q", folder], check=True)
    return folder


def files(root):
    paths = (path for path in root.rglob("*") if path.is_file() and ".git" not in path.relative_to(root).parts)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


DVCIGNORE = (
    b"# Add patterns of files dvc should ignore, which could improve\n"
    b"# the performance. Learn more at\n"
    b"# https://dvc.org/doc/user-guide/dvcignore\n"
)


def test_the_files_are_dvcs_and_staged(root):
    init(InitRequest(root))
    assert files(root) == {
        ".dvc/config": b"",
        ".dvc/.gitignore": b"/config.local\n/tmp\n/cache\n",
        ".dvc/tmp/btime": b"",
        ".dvcignore": DVCIGNORE,
    }
    staged = subprocess.run(["git", "diff", "--cached", "--name-only"], cwd=root, capture_output=True, check=True)
    assert staged.stdout.split() == [b".dvc/.gitignore", b".dvc/config", b".dvcignore"]


def test_without_git(tmp_path):
    init(InitRequest(tmp_path, no_scm=True))
    assert (tmp_path / ".dvc/config").read_bytes() == b"[core]\n    no_scm = True\n"
    assert not (tmp_path / ".dvc/.gitignore").exists()


def test_what_the_user_wrote_stays(root):
    (root / ".dvcignore").write_bytes(b"*.log\n")
    init(InitRequest(root))
    assert (root / ".dvcignore").read_bytes() == b"*.log\n"


def test_outside_of_git_it_says_what_to_do(tmp_path):
    with pytest.raises(NotFound, match="is not in a Git repository") as refused:
        init(InitRequest(tmp_path))
    assert "git init" in (refused.value.hint or "")
    assert list(tmp_path.iterdir()) == []


def test_below_the_root_it_wants_to_be_told(root):
    (root / "part").mkdir()
    with pytest.raises(NotFound, match=f"the root of its Git repository is {root}"):
        init(InitRequest(root / "part"))
    init(InitRequest(root / "part", subdir=True))
    assert (root / "part/.dvc/config").exists()


def test_a_repository_is_replaced_only_by_force(root):
    init(InitRequest(root))
    (root / ".dvc/config").write_bytes(b"[core]\n    remote = x\n")
    with pytest.raises(Conflict, match="exists already"):
        init(InitRequest(root))
    assert (root / ".dvc/config").read_bytes() == b"[core]\n    remote = x\n"
    init(InitRequest(root, force=True))
    assert (root / ".dvc/config").read_bytes() == b""
