"""``sycee diff`` tells what changed, claims nothing it cannot know, and writes nothing."""

import json

import pytest

from sycee.digest import digest_bytes
from sycee.errors import NotFound
from sycee.ops.diff import Difference, DiffRequest, diff


def oid(data):
    return digest_bytes(data).md5


@pytest.fixture
def versions(repo_dir, run, git):
    """Two commits: v1 holds f and the folder d; in v2 f is edited, d/a moved to d/z, and g is new."""
    (repo_dir / "f").write_bytes(b"one")
    (repo_dir / "d/sub").mkdir(parents=True)
    (repo_dir / "d/a").write_bytes(b"a")
    (repo_dir / "d/sub/b").write_bytes(b"b")
    run("add", "f", "d")
    git("add", "-A")
    git("commit", "-qm", "v1")
    git("tag", "v1")
    (repo_dir / "f").write_bytes(b"two")
    (repo_dir / "g").write_bytes(b"new")
    (repo_dir / "d/a").rename(repo_dir / "d/z")
    run("add", "f", "d", "g")
    git("add", "-A")
    git("commit", "-qm", "v2")
    return repo_dir


def told(run, *arguments):
    return json.loads(run("diff", "--json", *arguments).stdout)


def test_two_versions(versions, run):
    assert told(run, "v1", "HEAD") == {
        "added": [{"path": "g"}],
        "deleted": [],
        "modified": [{"path": "d/"}, {"path": "f"}],
        "renamed": [{"path": {"old": "d/a", "new": "d/z"}}],
    }


def test_backwards(versions, run):
    found = told(run, "HEAD", "v1", "--show-hash", "--targets", "f", "g")
    assert found["deleted"] == [{"path": "g", "hash": oid(b"new")}]
    assert found["modified"] == [{"path": "f", "hash": {"old": oid(b"two"), "new": oid(b"one")}}]


def test_nothing_changed(versions, run):
    assert told(run) == {}
    assert (run("diff").stdout, run("diff", "--md").stdout) == ("", "")


def test_the_work_tree(versions, run):
    (versions / "g").unlink()
    (versions / "f").write_bytes(b"three")
    assert told(run) == {
        "added": [],
        "deleted": [{"path": "g"}],
        "modified": [{"path": "f"}],
        "renamed": [],
        "not in cache": [],
    }


def test_text_and_markdown(versions, run):
    assert run("diff", "v1", "--show-hash", "--targets", "f", "g").stdout == (
        "Added:\n    22af645d  g\n\nModified:\n    f97c5d29..b8a9f715  f\n\nfiles summary: 1 added, 1 modified\n"
    )
    assert run("diff", "v1", "--md", "--targets", "f", "d/z", "d/a").stdout == (
        "| Status   | Path       |\n|----------|------------|\n| renamed  | d/a -> d/z |\n| modified | f          |\n\n"
    )


def test_a_bar_in_a_name_does_not_break_the_table(versions, run):
    (versions / "a|b").write_bytes(b"x")
    run("add", "a|b")
    assert "| a\\|b |\n" in run("diff", "--md").stdout


def test_a_file_that_became_a_folder_inside_a_folder_is_told_as_deleted(versions, run):
    (versions / "d/z").unlink()
    (versions / "d/z").mkdir()
    (versions / "d/z/y").write_bytes(b"y")
    found = told(run)
    assert (found["deleted"], found["added"]) == ([{"path": "d/z"}], [{"path": "d/z/y"}])


def test_what_the_cache_lacks(versions, run, repo):
    repo.cache.path(oid(b"new")).unlink()
    assert told(run)["not in cache"] == [{"path": "g"}]
    assert "not in cache" not in told(run, "--hide-missing")
    assert told(run, "HEAD", "HEAD") == {}


def test_a_folder_whose_files_nobody_knows_is_compared_as_a_whole(versions, run, repo):
    folder = next(one.out.md5 for one in repo.tracked() if one.relpath == "d")
    repo.cache.path(folder).unlink()
    assert told(run, "v1", "HEAD", "--targets", "d") == {
        "added": [],
        "deleted": [],
        "modified": [{"path": "d/"}],
        "renamed": [],
    }
    assert told(run) == {
        "added": [],
        "deleted": [],
        "modified": [],
        "renamed": [],
        "not in cache": [{"path": "d/"}],
    }


TARGETS = {
    "file": ("f", ["f"]),
    "pointer": ("f.dvc", ["f"]),
    "folder": ("d", ["d/", "d/z"]),
    "file in a folder": ("d/z", ["d/z"]),
    "everything": (".", ["d/", "d/z", "f", "g"]),
    "only in the new version": ("g", ["g"]),
}


@pytest.mark.parametrize(("target", "paths"), TARGETS.values(), ids=TARGETS)
def test_targets(versions, repo, target, paths):
    found = diff(repo, DiffRequest("v1", "HEAD", (repo.root / target,)))
    assert [change.entry.shown for change in found.changes] == paths


def test_a_target_that_is_in_neither_version(versions, repo):
    with pytest.raises(NotFound, match="nope is tracked in none of the states"):
        diff(repo, DiffRequest("v1", "HEAD", (repo.root / "nope",)))


def test_an_unknown_revision(versions, run):
    assert run("diff", "v9", rc=1).stderr.startswith("error: 'v9' is no revision")


def test_without_commits_there_is_nothing_to_compare(repo):
    assert diff(repo, DiffRequest()) == Difference()


def test_without_git(tmp_path, run):
    (tmp_path / "plain/.dvc").mkdir(parents=True)
    (tmp_path / "plain/.dvc/config").write_text("[core]\n    no_scm = true\n")
    assert run("diff", cwd=tmp_path / "plain", rc=2).stderr.startswith("error: revisions need Git")


def test_an_unreadable_pointer_of_the_past_is_told(versions, run, git):
    (versions / "f.dvc").write_text("outs: 7\n")
    git("commit", "-qam", "bad")
    git("checkout", "-q", "HEAD~", "--", "f.dvc")
    done = run("diff", "--json")
    assert done.stderr.startswith("warning: f.dvc")
    assert json.loads(done.stdout)["added"] == [{"path": "f"}]


def test_nothing_is_written_and_no_lock_is_needed(versions, run, repo):
    def files():
        inside = (path for path in versions.rglob("*") if ".dvc/tmp/sycee" not in path.as_posix())
        return {path: path.stat().st_mtime_ns for path in inside}

    with repo.locked():
        before = files()
        told(run, "v1")
        assert files() == before
