"""What git is asked, and how its answers are read."""

import subprocess

import pytest

from sycee.errors import NotFound, SyceeError
from sycee.system.git import Git, toplevel


@pytest.fixture
def work(tmp_path):
    root = tmp_path / "work"
    subprocess.run(["git", "init", "-q", root], check=True)
    return Git(root)


def commit(work, **files):
    for name, text in files.items():
        (work.root / name).write_text(text)
        work.stage([work.root / name])
    work.run("commit", "-qm", "x")


def test_the_root_is_found_from_within(work, tmp_path):
    (work.root / "a/b").mkdir(parents=True)
    assert toplevel(work.root / "a/b") == work.root
    assert toplevel(tmp_path) is None


def test_a_worktree_has_a_root_too(work, tmp_path):
    commit(work, f="1")
    work.run("worktree", "add", "-q", str(tmp_path / "second"))
    assert toplevel(tmp_path / "second") == tmp_path / "second"


def test_a_repository_without_commits_has_a_branch_and_no_head(work):
    assert work.head() is None
    assert work.branch() == "main"
    assert work.remote_url() is None
    assert not work.dirty()


def test_head_branch_and_dirt(work):
    commit(work, f="1")
    assert len(work.head() or "") == 40
    assert not work.dirty()
    (work.root / "untracked").touch()
    assert not work.dirty()
    (work.root / "f").write_text("2")
    assert work.dirty()
    work.run("checkout", "-q", "--detach", "--force")
    assert work.branch() is None


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:secret@example.org/x.git", "https://example.org/x.git"),
        ("https://token@example.org/x.git", "https://example.org/x.git"),
        ("HTTPS://me:p@ss@example.org/x.git", "HTTPS://example.org/x.git"),
        ("git@example.org:x.git", "git@example.org:x.git"),
        ("/srv/x.git", "/srv/x.git"),
    ],
)
def test_the_url_of_origin_shows_no_credentials(work, url, shown):
    work.run("remote", "add", "origin", url)
    assert work.remote_url() == shown


ODD = ["é", "with space", "line\nfeed", "[a]*?", "-x", ":(top)y", ":!z", '"q"']


@pytest.mark.parametrize("name", ODD)
def test_odd_names_are_taken_literally(work, name):
    (work.root / name).touch()
    (work.root / "other").touch()
    assert work.tracked([name, "other"]) == set()
    work.stage([work.root / name])
    assert work.tracked([name, "other"]) == {name}
    assert work.ignored([name]) == set()
    (work.root / ".gitignore").write_text("other*\n:*\n")
    work.run("rm", "-q", "--cached", f":(literal){name}")
    assert work.ignored([name, "other"]) == {"other", *([name] if name.startswith(":") else [])}


def test_ignored_files(work):
    (work.root / ".gitignore").write_text("/a\n")
    commit(work, b="1")
    assert work.ignored(["a", "b", "c"]) == {"a"}
    assert work.ignored([]) == work.tracked([]) == set()


def test_attributes(work):
    (work.root / ".gitattributes").write_text("*.pt -text\n*.txt text eol=crlf\n")
    found = work.attributes(["m.pt", "é.txt", "n"], "text", "eol")
    assert found == {"m.pt": {"text": "unset"}, "é.txt": {"text": "set", "eol": "crlf"}}


def test_gits_own_words_are_passed_on(work):
    with pytest.raises(SyceeError, match="git rev-parse failed: fatal: Needed a single revision") as caught:
        work.run("rev-parse", "--verify", "nonsense^{commit}")
    assert caught.value.hint == "Git itself refuses: mend that, then repeat"


def test_a_machine_without_git(work, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(NotFound, match="git is not installed") as missing:
        work.head()
    assert missing.value.hint


def test_the_repository_of_a_hook_that_called_us_is_not_taken_for_ours(work, tmp_path, monkeypatch):
    (tmp_path / "other").mkdir()
    subprocess.run(["git", "init", "-q", tmp_path / "other"], check=True)
    commit(Git(tmp_path / "other"), theirs="x")
    commit(work, ours="x")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other/.git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path / "other"))
    assert work.tracked(["ours", "theirs"]) == {"ours"}
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "other/.git/index"))
    assert Git(work.root, foreign=True).tracked(["ours", "theirs"]) == {"ours"}
