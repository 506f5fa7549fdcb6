"""Commit stores what changed, asks before, and keeps the rest of the pointer."""

import pytest

from sycee.errors import Conflict, NotFound
from sycee.ops.add import add
from sycee.ops.commit import commit


def yes(_question):
    return True


@pytest.fixture
def changed(repo):
    """``a`` with a comment and an annotation in its pointer, changed since; ``data`` unchanged."""
    (repo.root / "data").mkdir()
    (repo.root / "data/x").write_bytes(b"2")
    (repo.root / "a").write_bytes(b"1")
    add(repo, [repo.root / "a", repo.root / "data"])
    (repo.root / "a.dvc").write_bytes(b"# ours\ndesc: words\n" + (repo.root / "a.dvc").read_bytes())
    (repo.root / "a").write_bytes(b"changed")
    return repo


def pointers(repo):
    return {path.name: path.read_bytes() for path in repo.root.glob("*.dvc") if path.is_file()}


def test_changed_content_is_stored_and_the_rest_stays(changed):
    before = pointers(changed)
    (added,) = commit(changed, [], confirm=yes)
    after = pointers(changed)
    assert changed.cache.find(added.out.md5).read_bytes() == b"changed"
    assert after["a.dvc"].startswith(b"# ours\ndesc: words\n")
    assert added.out.md5.encode() in after["a.dvc"]
    assert after["data.dvc"] == before["data.dvc"]


def test_it_asks_what_dvc_asks_and_a_no_changes_nothing(changed):
    asked = []
    before = pointers(changed)
    with pytest.raises(Conflict, match=r"unable to commit changed stage: 'a\.dvc'"):
        commit(changed, [], confirm=asked.append)
    assert asked == ["outputs ['a'] of a.dvc changed. Are you sure you want to commit it?"]
    assert pointers(changed) == before


def test_off_a_terminal_only_force_commits(changed, run):
    assert "use -f or --force" in run("commit", rc=1).stderr
    assert run("commit", "-f", "a").stderr == "To track the changes with git, run:\n\n\tgit add a.dvc\n\n"
    assert "up to date" in run("status").stdout
    assert run("commit").stderr == ""


def test_objects_that_are_gone_come_back_unasked(changed):
    (changed.root / "a").write_bytes(b"1")
    found = changed.cache.path("c81e728d9d4c2f636f067f89cc14862c")
    found.unlink()
    before = pointers(changed)
    commit(changed, [], confirm=None)
    assert found.read_bytes() == b"2"
    assert pointers(changed) == before


def test_what_is_not_here_is_no_success(changed):
    (changed.root / "a").unlink()
    with pytest.raises(NotFound, match="a is tracked but not here"):
        commit(changed, [], confirm=None)


def test_both_outs_of_one_pointer(repo):
    for name in "ab":
        (repo.root / name).write_bytes(name.encode())
    (repo.root / "two.dvc").write_bytes(b"outs:\n- path: a\n  hash: md5\n- path: b\n  hash: md5\n")
    commit(repo, [], confirm=yes)
    assert [one.out.md5 for one in repo.tracked()] == [
        "0cc175b9c0f1b6a831c399e269772661",
        "92eb5ffee6ae2fec3ad71c777531578f",
    ]


def test_an_import_is_left_to_dvc(changed):
    raw = (changed.root / "a.dvc").read_bytes()
    (changed.root / "a.dvc").write_bytes(b"deps:\n- path: x\n  repo:\n    url: u\n    rev_lock: abc\n" + raw)
    with pytest.raises(Conflict, match="is an import"):
        commit(changed, [], confirm=yes)


def test_what_git_keeps_itself_is_no_hindrance(changed, git):
    (changed.root / "m").write_bytes(b"1")
    (changed.root / "m.dvc").write_bytes(
        b"outs:\n- md5: c4ca4238a0b923820dcc509a6f75849b\n  hash: md5\n  path: m\n  cache: false\n"
    )
    git("add", "m", "m.dvc")
    assert [added.path.name for added in commit(changed, [], confirm=yes)] == ["a"]
    (changed.root / "m").write_bytes(b"2")
    with pytest.raises(Conflict, match="kept by another store"):
        commit(changed, [], confirm=yes)
