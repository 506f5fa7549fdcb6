"""Pointers of the past, read from Git's objects without touching the work tree."""

import os

import pytest

from sycee.errors import NotFound
from sycee.ops.add import add
from sycee.workspace.revisions import Revisions, read_history


@pytest.fixture
def history(repo, git):
    """Three commits of ``m/f``: one tagged (annotated), one on a branch of its own, one the tip."""
    folder = repo.root / "m"
    folder.mkdir()
    for content, commands in (
        (b"one", [("tag", "-a", "v1", "-m", "v1")]),
        (b"two", [("branch", "side")]),
        (b"three", []),
    ):
        (folder / "f").write_bytes(content)
        add(repo, [folder / "f"])
        git("add", "-A")
        git("commit", "-qm", content.decode())
        for words in commands:
            git(*words)
    return repo


def contents(repo, revisions):
    found = read_history(repo.root, repo.git, revisions)
    assert found.unreadable == ()
    assert {tracked.relpath for tracked in found.tracked} <= {"m/f"}
    return sorted(repo.cache.path(tracked.out.md5).read_bytes() for tracked in found.tracked)


@pytest.mark.parametrize(
    ("revisions", "expected"),
    [
        (Revisions(), []),
        (Revisions(tags=True), [b"one"]),
        (Revisions(branches=True), [b"three", b"two"]),
        (Revisions(commits=True), [b"one", b"three", b"two"]),
        (Revisions(revs=("HEAD~1", "v1")), [b"one", b"two"]),
        (Revisions(revs=("HEAD", "HEAD")), [b"three"]),
    ],
)
def test_the_chosen_versions_and_each_state_once(history, revisions, expected):
    assert contents(history, revisions) == expected


@pytest.mark.parametrize("rev", ["nothing", "--all", "-x", "HEAD:m/f.dvc", ""])
def test_what_is_no_revision_is_told(history, rev):
    with pytest.raises(NotFound, match="is no revision"):
        read_history(history.root, history.git, Revisions(revs=(rev,)))


def test_tags_of_files_and_folders_are_no_versions(history, git):
    blob = git("rev-parse", "HEAD:m/f.dvc").stdout.strip()
    git("tag", "file", blob)
    git("tag", "-a", "-m", "x", "annotated", blob)
    git("tag", "folder", "HEAD^{tree}")
    assert contents(history, Revisions(tags=True)) == [b"one"]


def test_names_of_branches_need_not_be_utf_8(history, git):
    git("branch", os.fsdecode(b"b\xff\xe2\x80\xa8"), "v1")
    assert contents(history, Revisions(branches=True)) == [b"one", b"three", b"two"]


def test_a_pointer_of_the_past_that_cannot_be_read_stops_nothing(history, git):
    (history.root / "bad.dvc").write_text("outs: 3\n")
    git("add", "-A")
    git("commit", "-qm", "bad")
    git("rm", "-q", "bad.dvc")
    git("commit", "-qm", "mended")
    found = read_history(history.root, history.git, Revisions(commits=True))
    assert len(found.tracked) == 3
    (message,) = found.unreadable
    assert message.startswith("bad.dvc")


def test_links_and_other_projects_are_not_pointers_of_ours(history, git):
    (history.root / "link.dvc").symlink_to("m/f.dvc")
    nested = history.root / "other" / ".dvc"
    nested.mkdir(parents=True)
    (nested / "config").touch()
    (nested.parent / "x.dvc").write_bytes((history.root / "m/f.dvc").read_bytes())
    git("add", "-A", "-f")
    git("commit", "-qm", "more")
    assert contents(history, Revisions(revs=("HEAD",))) == [b"three"]
