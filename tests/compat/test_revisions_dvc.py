"""``-a``, ``-T``, ``-A`` and ``--rev`` beside the real dvc: the same objects on the remote."""

import pytest

pytestmark = pytest.mark.slow


def objects(folder):
    return {path.relative_to(folder).as_posix() for path in folder.glob("files/md5/*/*")}


@pytest.fixture
def history(repo_dir, run, git, tmp_path):
    """Three versions of a file and a folder: the first tagged, the second on a branch, the third the tip."""
    for name in ("ours", "theirs"):  # dvc wants a default one, and reads the configuration of each revision
        run("remote", "add", "-d", "-f", name, tmp_path / name)
    (repo_dir / "data").mkdir()
    for content in ("one", "two", "three"):
        (repo_dir / "model.pt").write_text(content)
        (repo_dir / "data/part").write_text(content * 2)
        run("add", "model.pt", "data")
        git("add", "-A")
        git("commit", "-qm", content)
        git(*{"one": ("tag", "v1"), "two": ("branch", "side"), "three": ("status", "-s")}[content])
    return repo_dir


@pytest.mark.parametrize("option", [(), ("-T",), ("-a",), ("-A",)], ids=["work tree", "tags", "branches", "commits"])
def test_push_sends_what_dvc_sends(history, run, dvc, tmp_path, option):
    run("push", "-r", "ours", *option)
    dvc("push", "-q", "-r", "theirs", *option)
    assert objects(tmp_path / "ours") == objects(tmp_path / "theirs") != set()


def test_an_old_version_is_fetched_into_an_empty_cache(history, run, git, tmp_path):
    run(
        "remote", "add", "-d", "-f", "store", "../store"
    )  # relative: also for versions of the past it is the repository's
    git("add", "-A")
    git("commit", "-qm", "remote")
    run("push", "--all-commits")
    clone = tmp_path / "clone"
    git("clone", "-q", history, clone)
    assert run("fetch", "--rev", "v1", "model.pt", cwd=clone).stdout == "2 files fetched\n"
    git("checkout", "-q", "v1", cwd=clone)
    assert run("checkout", "model.pt", cwd=clone).stdout == "A       model.pt\n"
    assert (clone / "model.pt").read_text() == "one"
    assert run("fetch", "--rev", "nothing", cwd=clone, rc=1).stderr.startswith("error: 'nothing' is no revision")
