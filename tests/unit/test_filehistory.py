"""Which commits gave files their content: merges, removals, branches, odd names; and the first tag with a content."""

import pytest

from sycee.system.git import Git
from sycee.workspace.filehistory import changes_of, first_tags


@pytest.fixture
def write(repo_dir, git):
    """Write a file and commit it."""

    def write(content, name="a/x.json"):
        (repo_dir / name).parent.mkdir(parents=True, exist_ok=True)
        (repo_dir / name).write_text(content)
        git("add", "-A")
        git("commit", "-qm", content)
        return git("rev-parse", "HEAD").stdout.strip()

    return write


def contents(repo_dir, pattern="a/x.json"):
    work = Git(repo_dir)
    found = changes_of(work, pattern)
    blobs = work.blobs(one.blob for one in found)
    return [blobs[one.blob].decode() for one in found]


def test_without_commits_there_is_none(repo_dir):
    assert changes_of(Git(repo_dir), "a/x.json") == []


def test_the_newest_comes_first_and_removals_are_left_out(repo_dir, write, git):
    first, second = write("1"), write("2")
    git("rm", "-q", "a/x.json")
    git("commit", "-qm", "gone")
    write("other", name="a/y.json")
    found = changes_of(Git(repo_dir), "a/x.json")
    assert [one.commit for one in found] == [second, first]
    assert {(one.author, one.path) for one in found} == {("Tester", "a/x.json")}
    assert all(one.when.tzinfo for one in found)


def test_all_branches_are_meant_and_what_a_merge_made(repo_dir, write, git):
    write("1")
    git("checkout", "-qb", "side")
    write("2")
    git("checkout", "-q", "-")
    write("3")
    git("merge", "-q", "-s", "ours", "--no-commit", "side")
    write("merged")
    assert {*contents(repo_dir)} == {"1", "2", "3", "merged"}


@pytest.mark.parametrize(
    "name", [":x/SHA256SUMS", "\x01/SHA256SUMS", "a b/SHA256SUMS", "模型/SHA256SUMS", "é\n/SHA256SUMS"]
)
def test_odd_names(repo_dir, write, name):
    write("1", name=name)
    [one] = changes_of(Git(repo_dir), "*SHA256SUMS")
    assert one.path == name


def test_a_pattern_is_one_only_with_a_star(repo_dir, write):
    write("1", name="a/[x].json")
    assert contents(repo_dir, "a/[x].json") == ["1"]
    assert contents(repo_dir, "a/x.json") == []


def test_an_odd_author(repo_dir, write, git):
    (repo_dir / "x").write_text("1")
    git("add", "x")
    git("-c", "user.name=A\x02B \x01", "commit", "-qm", "odd")
    [one] = changes_of(Git(repo_dir), "x")
    assert one.author.startswith("A")


def test_the_first_tag_that_has_a_content(repo_dir, write, git, monkeypatch):
    for day, content in enumerate(("1", "2", "1"), 1):
        monkeypatch.setenv("GIT_COMMITTER_DATE", f"2026-01-0{day}T00:00:00Z")
        write(content)
        git("tag", f"v{day}")
    oldest = {one.blob: one for one in changes_of(Git(repo_dir), "a/x.json")}
    one, two = (Git(repo_dir).run("hash-object", "--stdin", stdin=data).decode().strip() for data in (b"1", b"2"))
    assert first_tags(Git(repo_dir), oldest) == {one: "v1", two: "v2"}
    git("tag", "-d", "v1", "v2")
    assert first_tags(Git(repo_dir), oldest) == {one: "v3"}
