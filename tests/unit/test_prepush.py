"""The pre-push hook: what a push names must be stored; nothing is asked where no pointer changed."""

import io
import subprocess

import pytest

from sycee.cli.main import main
from sycee.errors import UsageError
from sycee.ops.add import add
from sycee.ops.prepush import Update, prepush, updates
from sycee.ops.push import push
from sycee.storage.memory import MemoryBackend
from sycee.store.objects import Remote

NONE = "0" * 40


@pytest.fixture
def remote():
    return Remote("store", MemoryBackend())


def commit(repo, git, message, **files):
    for name, text in files.items():
        path = repo.root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    add(repo, [repo.root / name for name in {name.partition("__")[0] for name in files}])
    git("add", "-A")
    git("commit", "-qm", message)
    return git("rev-parse", "HEAD").stdout.strip()


def asked(repo, remote, *refs, git_remote=None):
    found = prepush(repo, refs, git_remote, lambda _: remote)
    assert found.unreadable == ()
    return {(one.path, one.commit) for one in found.lacking}


def nobody(_name):
    raise AssertionError("a remote was asked")


def test_every_new_commit_counts_and_only_these(repo, git, remote):
    first = commit(repo, git, "1", a="1")
    second = commit(repo, git, "2", a="2")
    third = commit(repo, git, "3", b="3")
    assert asked(repo, remote, Update(third, NONE)) == {("b", third), ("a", second), ("a", first)}
    assert asked(repo, remote, Update(third, first)) == {("b", third), ("a", second)}
    push(repo, repo.tracked(), lambda _: remote)
    assert asked(repo, remote, Update(third, first)) == set()
    assert asked(repo, remote, Update(third, NONE)) == {("a", first)}


def test_nobody_is_asked_without_a_changed_pointer(repo, git):
    first = commit(repo, git, "1", a="1")
    git("commit", "-q", "--allow-empty", "-m", "2")
    head = git("rev-parse", "HEAD").stdout.strip()
    for refs in ([Update(head, first)], [Update(NONE, first)], [Update(head, head)], []):
        assert prepush(repo, refs, None, nobody).lacking == ()


def test_what_the_git_remote_is_known_to_have_is_left_out(repo, git, remote):
    first = commit(repo, git, "1", a="1")
    git("update-ref", "refs/remotes/origin/main", first)
    second = commit(repo, git, "2", a="2")
    assert asked(repo, remote, Update(second, NONE), git_remote="origin") == {("a", second)}
    assert len(asked(repo, remote, Update(second, NONE), git_remote="other")) == 2
    assert asked(repo, remote, Update(second, "1" * 40), git_remote="origin") == {("a", second)}  # somebody else's


def test_tags_count_as_their_commits(repo, git, remote):
    first = commit(repo, git, "1", a="1")
    git("tag", "-am", "v1", "v1")
    assert asked(repo, remote, Update(git("rev-parse", "v1").stdout.strip(), NONE)) == {("a", first)}


def test_files_of_folders_and_torn_objects(repo, git, remote):
    first = commit(repo, git, "1", data__x="1234", data__y="5")
    push(repo, repo.tracked(), lambda _: remote)
    assert asked(repo, remote, Update(first, NONE)) == set()
    folder = next(key for key in (one.key for one in remote.backend.list("files/md5")) if key.endswith(".dir"))
    x, y = (next(repo.cache.root.glob(f"files/md5/**/{oid[2:]}")) for oid in _members(repo))
    remote.backend.write(x.relative_to(repo.cache.root).as_posix(), io.BytesIO(b"12"), 2)
    assert asked(repo, remote, Update(first, NONE)) == {("data/x", first)}
    bare = Remote("store", MemoryBackend())
    for key in (folder, y.relative_to(repo.cache.root).as_posix()):
        data = b"".join(remote.backend.read(key))
        bare.backend.write(key, io.BytesIO(data), len(data))
    (repo.cache.root / folder).unlink()  # then the remote's own list is read
    assert asked(repo, bare, Update(first, NONE)) == {("data/x", first)}
    bare.backend.write(folder, io.BytesIO(b"[]"), 2)
    assert asked(repo, bare, Update(first, NONE)) == {("data", first)}


def _members(repo):
    oid = repo.tracked()[0].out.md5
    listing = repo.cache.read(oid).decode()
    return [part[:32] for part in listing.split('"md5": "')[1:]]


def test_what_never_goes_to_a_remote_is_not_asked_for(repo, git, remote):
    commit(repo, git, "1", a="1")
    pointer = repo.root / "a.dvc"
    pointer.write_bytes(pointer.read_bytes().replace(b"  path: a\n", b"  path: a\n  push: false\n"))
    git("commit", "-qam", "private")
    head = git("rev-parse", "HEAD").stdout.strip()
    assert asked(repo, remote, Update(head, git("rev-parse", "HEAD^").stdout.strip())) == set()


def test_outputs_of_pipelines_and_of_merges(repo, git, remote):
    md5 = commit(repo, git, "1", a="1") and repo.tracked()[0].out.md5
    (repo.root / "p").mkdir()
    (repo.root / "p/dvc.yaml").write_text("stages:\n  s:\n    cmd: x\n    wdir: ..\n    outs:\n    - made\n")
    lock = "schema: '2.0'\nstages:\n  s:\n    cmd: x\n    outs:\n    - path: made\n      hash: md5\n      md5: %s\n"
    (repo.root / "p/dvc.lock").write_text(lock % md5.replace("c", "d"))
    git("add", "-A")
    git("commit", "-qm", "2")
    head = git("rev-parse", "HEAD").stdout.strip()
    assert asked(repo, remote, Update(head, git("rev-parse", "HEAD^").stdout.strip())) == {("made", head)}


def test_an_unreadable_pointer_is_told(repo, git, remote):
    (repo.root / "a.dvc").write_text("outs: [")
    git("add", "-A")
    git("commit", "-qm", "1")
    found = prepush(repo, [Update("HEAD", NONE)], None, nobody)
    assert found.lacking == ()
    assert "a.dvc is not readable YAML" in found.unreadable[0]


def test_the_lines_of_git(tmp_path):
    assert updates("refs/heads/a 1 refs/heads/b 2\n(delete) 0 refs/x 3\n") == [Update("1", "2"), Update("0", "3")]
    assert [one.is_deletion for one in updates(f"a {NONE} b 1\na 1 b {NONE}\n")] == [True, False]
    assert updates("HEAD@{1 day ago} 1 refs/heads/b 2\n") == [Update("1", "2")]
    assert updates("refs/heads/a\u2028b\x85c 1 refs/heads/a\u2028b\x85c 2\n") == [Update("1", "2")]
    with pytest.raises(UsageError, match="not what Git tells"):
        updates("a b\n")


@pytest.fixture
def pushed(repo, git, monkeypatch, tmp_path):
    """A commit whose object is in the cache only, and its line on stdin."""
    head = commit(repo, git, "1", a="1")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"refs/heads/main {head} refs/heads/main {NONE}\n"))
    main(["-C", str(repo.root), "remote", "add", "-d", "store", str(tmp_path / "store")])
    return head


def test_the_command_that_mends_it(repo, pushed, capsys):
    assert main(["-C", str(repo.root), "git-hook", "pre-push", "origin", "url"]) == 1
    said = capsys.readouterr().err
    assert f"\n  a of commit {pushed[:10]}: object " in said
    assert f"hint: sycee push --rev {pushed[:10]}, then git push again; or go on without: git push --no-verify" in said


def test_or_it_is_mended_at_once(repo, pushed, tmp_path, capsys):
    assert main(["-C", str(repo.root), "git-hook", "pre-push", "--push", "origin", "url"]) == 0
    assert len([path for path in (tmp_path / "store/files").rglob("*") if path.is_file()]) == 1
    assert "1 file pushed" in capsys.readouterr().err


def test_told_by_the_pre_commit_tool(repo, pushed, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert main(["-C", str(repo.root), "git-hook", "pre-push"]) == 0
    monkeypatch.setenv("PRE_COMMIT_TO_REF", pushed)
    assert main(["-C", str(repo.root), "git-hook", "pre-push"]) == 1


@pytest.mark.parametrize(
    ("url", "rc", "words"),
    [(None, 1, "there is no default remote"), ("s3://bucket/x", 20, "")],
)
def test_a_remote_that_cannot_be_asked_stops_it_too(repo, pushed, monkeypatch, capsys, url, rc, words):
    main(["-C", str(repo.root), "remote", "remove", "store"])
    if url:
        main(["-C", str(repo.root), "remote", "add", "-d", "far", url])
        for option, value in (
            ("endpointurl", "http://127.0.0.1:9"),
            ("access_key_id", "x"),
            ("secret_access_key", "y"),
        ):
            main(["-C", str(repo.root), "remote", "modify", "--local", "far", option, value])
    capsys.readouterr()
    assert main(["-C", str(repo.root), "git-hook", "pre-push", "origin", "url"]) == rc
    said = capsys.readouterr().err
    assert words in said
    assert "git push --no-verify" in said


def test_outside_of_a_repository_hooks_do_nothing(tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    for words in (["pre-push", "origin", "url"], ["pre-commit"], ["post-checkout", "a", "b", "1"]):
        assert main(["-C", str(tmp_path), "git-hook", *words]) == 0


def test_pre_commit_never_stops(repo, capsys):
    (repo.root / "a.dvc").write_text("outs: [")
    assert main(["-C", str(repo.root), "git-hook", "pre-commit"]) == 0
    assert "warning: a.dvc is not readable" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "folder", "brings"),
    [
        (["a", "b", "1"], None, True),
        (["a", "b", "0"], None, False),
        ([], None, False),
        (["a", "b", "1"], "rebase-merge", False),
        (["a", "b", "1"], "rebase-apply", False),
    ],
)
def test_post_checkout_is_for_branches(repo, git, words, folder, brings):
    commit(repo, git, "1", a="1")
    (repo.root / "a").unlink()
    if folder:
        (repo.root / ".git" / folder).mkdir()
    assert main(["-C", str(repo.root), "git-hook", "post-checkout", *words]) == 0
    assert (repo.root / "a").exists() is brings
