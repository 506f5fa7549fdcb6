"""``sycee data status``: last commit, pointers and files beside each other."""

import json

import pytest


@pytest.fixture
def committed(repo_dir, run, git):
    """A file and a folder, committed."""
    (repo_dir / "f").write_bytes(b"1")
    (repo_dir / "d").mkdir()
    (repo_dir / "d/a").write_bytes(b"a")
    run("add", "f", "d")
    git("add", "-A")
    git("commit", "-qm", "x")
    return repo_dir


def told(run, *arguments, **where):
    return json.loads(run("data", "status", "--json", *arguments, **where).stdout)


def test_nothing_changed(committed, run):
    assert told(run) == {}
    assert told(run, "--unchanged") == {"unchanged": ["d/", "f"]}
    assert run("data", "status").stdout == "No changes.\n"


def test_before_the_first_commit(repo_dir, run):
    assert run("data", "status").stdout == (
        "No changes in an empty git repo.\n"
        '(there are changes not tracked by dvc, use "git status" to see)\n'  # what init staged
    )
    (repo_dir / "f").touch()
    run("add", "f")
    assert told(run, "--unchanged") == {"committed": {"added": ["f"]}}


def test_three_states(committed, run):
    (committed / "f").write_bytes(b"2")
    run("add", "f")
    (committed / "f").write_bytes(b"3")
    assert told(run) == {"committed": {"modified": ["f"]}, "uncommitted": {"modified": ["f"]}}


def test_granular(committed, run):
    (committed / "d/a").rename(committed / "d/b")
    assert told(run) == {"uncommitted": {"modified": ["d/"]}}
    assert told(run, "--granular") == {
        "uncommitted": {"modified": ["d/"], "renamed": [{"old": "d/a", "new": "d/b"}]},
    }
    assert "        renamed: d/a -> d/b\n" in run("data", "status", "--granular").stdout


def test_what_the_cache_lacks(committed, run, repo):
    for one in repo.tracked():
        repo.cache.path(one.out.md5).unlink()
    assert told(run) == {"not_in_cache": ["d/", "f"]}
    assert told(run, "--granular", "d") == {"not_in_cache": ["d/"], "uncommitted": {"unknown": ["d/a"]}}


@pytest.mark.parametrize(
    ("target", "expected"),
    [("f", ["f"]), ("f.dvc", ["f"]), ("d", ["d/"]), (".", ["d/", "f"]), (".gitignore", [])],
)
def test_targets(committed, run, target, expected):
    assert told(run, "--unchanged", target).get("unchanged", []) == expected


def test_no_good_news_of_what_is_not_there(committed, run):
    assert run("data", "status", "nope", rc=1).stderr.startswith("error: nope is tracked in none of the states")


def test_untracked_files_are_shown_from_where_one_stands(committed, run):
    (committed / "d2/in").mkdir(parents=True)
    (committed / "d2/in/x").touch()
    assert told(run, "--untracked-files", cwd=committed / "d2") == {"untracked": ["in/x"]}
    assert told(run, "--untracked-files", "all", "d2") == {"untracked": ["d2/in/x"]}
    assert told(run, "--untracked-files", "no") == told(run, "--untracked-files", "all", "d") == {}


def test_what_the_remote_lacks(committed, run, tmp_path):
    run("remote", "add", "-d", "store", tmp_path / "store")
    run("push", "d")
    assert told(run, "--not-in-remote") == {"not_in_remote": ["f"]}
    run("push")
    assert told(run, "--not-in-remote", "--no-remote-refresh", "--granular") == {}


def test_no_remote_to_ask(committed, run):
    done = run("data", "status", "--not-in-remote", rc=None)
    assert done.rc != 0
    assert "remote" in done.stderr


def test_an_unreadable_pointer_of_the_last_commit_is_told(committed, run, git):
    (committed / "f.dvc").write_text("outs: 7\n")
    git("commit", "-qam", "bad")
    git("checkout", "-q", "HEAD~", "--", "f.dvc")
    done = run("data", "status", "--json")
    assert done.stderr.startswith("warning: f.dvc")
    assert json.loads(done.stdout) == {"committed": {"added": ["f"]}}


def test_no_lock_is_needed(committed, run, repo):
    with repo.locked():
        assert told(run) == {}


def test_without_git(tmp_path, run):
    plain = tmp_path / "plain"
    (plain / ".dvc").mkdir(parents=True)
    (plain / ".dvc/config").write_text("[core]\n    no_scm = true\n")
    (plain / "f").touch()
    run("add", "f", cwd=plain)
    assert told(run, "--unchanged", "--untracked-files", cwd=plain) == {"unchanged": ["f"]}
