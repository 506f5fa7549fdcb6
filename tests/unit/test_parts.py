"""A path in a tracked folder as a target: only this part of the folder is added, moved or looked at."""

import os
import shutil

import pytest

from sycee.core.parts import WHOLE, Parts
from sycee.errors import Conflict, NotFound
from sycee.formats import pointer
from sycee.formats.dirobject import Entry
from sycee.ops.add import add
from sycee.ops.checkout import Options, checkout
from sycee.ops.commit import commit
from sycee.ops.push import push
from sycee.ops.status import status
from sycee.ops.storing import Manner
from sycee.ops.transfer import fetch
from sycee.storage.memory import MemoryBackend
from sycee.store import sums
from sycee.store.objects import Remote

FILES = {"dir/foo": b"foo", "dir/bar": b"bar", "dir/sub/x": b"x"}


def chosen(*names):
    return Parts(frozenset(names))


def entries(*paths):
    return [Entry(path, "0" * 32) for path in paths]


@pytest.fixture
def write(repo):
    def write(files):
        for name, data in files.items():
            (repo.root / name).parent.mkdir(parents=True, exist_ok=True)
            (repo.root / name).write_bytes(data)

    return write


@pytest.fixture
def folder(repo, write):
    """``dir`` of three files, tracked; returns its path."""
    write(FILES)
    add(repo, [repo.root / "dir"])
    return repo.root / "dir"


@pytest.fixture
def remote():
    return Remote("store", MemoryBackend("store"))


def emptied(repo):
    """Take away everything but the Git side: as in a fresh clone."""
    for top in (repo.root / "dir", repo.cache.root):
        for path in sorted(top.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
    return repo


def out_of(repo):
    (tracked,) = repo.tracked()
    return tracked.out


def known_sums(repo):
    (tracked,) = repo.tracked()
    return sums.known(repo.cache, pointer.sums_object(tracked.pointer, tracked.out.md5))


def states(repo, *names):
    found = status(repo, repo.tracked([repo.root / name for name in names], parts=True))
    return [change.state for change in found.changes]


@pytest.mark.parametrize(
    ("parts", "held"),
    [
        (WHOLE, {"a", "a/b", "ab"}),
        (chosen("a"), {"a", "a/b"}),
        (chosen("a/b", "ab"), {"a/b", "ab"}),
        (chosen("b"), set()),
    ],
)
def test_what_parts_hold(parts, held):
    assert {path for path in ("a", "a/b", "ab") if parts.hold(path)} == held


def test_parts_together_are_the_whole_if_one_is():
    assert chosen("a") | chosen("b") == chosen("a", "b")
    assert not chosen("a") | WHOLE


def test_a_file_gives_way_to_a_folder_of_its_name_and_the_other_way_round():
    assert chosen("a/b").replaced(entries("a", "c"), entries("a/b")) == entries("c", "a/b")
    assert chosen("a").replaced(entries("a/b", "c"), entries("a")) == entries("c", "a")


def test_a_file_is_added_although_no_other_is_here(repo, folder, write, remote):
    push(repo, repo.tracked(), lambda _name: remote)
    emptied(repo)
    write({"dir/new": b"new"})
    (added,) = add(repo, [folder / "new"], open_remote=lambda _name: remote)
    assert (added.path, added.out.nfiles, added.out.size) == (folder, 4, 10)
    assert added.changed == (repo.root / "dir.dvc",)
    assert [path.name for path in folder.iterdir()] == ["new"]
    assert known_sums(repo).keys() == {"bar", "foo", "new", "sub/x"}
    assert len(push(repo, repo.tracked(), lambda _name: remote).moved) == 2


def test_without_the_list_of_files_nothing_is_done(repo, folder, write, remote):
    emptied(repo)
    write({"dir/new": b"new"})
    before = (repo.root / "dir.dvc").read_bytes()
    for open_remote in (None, lambda _name: remote):
        with pytest.raises(NotFound, match=r"(?s)dir.*object .* is n"):
            add(repo, [folder / "new"], open_remote=open_remote)
    assert (repo.root / "dir.dvc").read_bytes() == before


def test_a_file_that_is_gone_is_taken_out_and_one_that_never_was_is_refused(repo, folder):
    (folder / "foo").unlink()
    add(repo, [folder / "foo"])
    assert known_sums(repo).keys() == {"bar", "sub/x"}
    assert (out_of(repo).nfiles, out_of(repo).size) == (2, None)
    with pytest.raises(NotFound, match="dir/foo does not exist, and dir has no such file"):
        add(repo, [folder / "foo"])
    folder.rename(repo.root / "elsewhere")
    with pytest.raises(NotFound, match="dir is tracked but not here"):
        add(repo, [folder / "bar"])


def test_a_changed_part_leaves_other_changes_alone(repo, folder, write):
    write({"dir/foo": b"changed", "dir/bar": b"changed", "dir/sub/y": b"y"})
    whole = out_of(repo).md5
    add(repo, [folder / "sub"])
    assert known_sums(repo)["foo"].md5 == "acbd18db4cc2f85cedef654fccc4a4d8"
    assert states(repo, "dir/sub") == []
    assert states(repo, "dir/foo") == ["modified"]
    (folder / "sub/y").unlink()
    add(repo, [folder / "sub/y"])
    assert out_of(repo).md5 == whole


def test_the_same_again_changes_nothing(repo, folder):
    before = (repo.root / "dir.dvc").read_bytes()
    (added,) = add(repo, [folder / "foo"])
    assert added.changed == ()
    assert (repo.root / "dir.dvc").read_bytes() == before


def test_the_whole_covers_its_parts(repo, folder, write):
    write({"dir/foo": b"changed", "dir/bar": b"changed"})
    (added,) = add(repo, [folder / "foo", folder])
    assert added.out.size == len(b"changedchanged" + b"x")


def test_sums_that_would_not_be_whole_are_left_out(repo, folder, write):
    data = (repo.root / "dir.dvc").read_bytes()
    (repo.root / "dir.dvc").write_bytes(data.partition(b"meta:")[0])  # as dvc writes it
    write({"dir/new": b"new"})
    add(repo, [folder / "new"])
    assert b"meta" not in (repo.root / "dir.dvc").read_bytes()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("dir/x.dvc", "a name that DVC reads as its own"),
        ("dir/link", "is a symbolic link"),
        ("dir/pipe", "is neither file nor folder"),
        ("dir/ignored", "is ignored by .dvcignore"),
        ("dir/in-git", "is tracked by Git"),
    ],
)
def test_what_cannot_be_a_part(repo, folder, git, name, words):
    before = (repo.root / "dir.dvc").read_bytes()
    for plain in ("x.dvc", "ignored", "in-git"):
        (folder / plain).write_bytes(b"")
    (folder / "link").symlink_to("/etc/hostname")
    os.mkfifo(folder / "pipe")
    (repo.root / ".dvcignore").write_text("ignored\n")
    git("add", "-f", "dir/in-git")
    (folder / "x.dvc").unlink() if name != "dir/x.dvc" else None
    with pytest.raises(Conflict, match=words):
        add(repo, [repo.root / name])
    assert name == "dir/x.dvc" or (repo.root / "dir.dvc").read_bytes() == before


def test_a_folder_from_before_dvc_3_is_updated_only_as_a_whole(repo, folder):
    data = (repo.root / "dir.dvc").read_bytes()
    (repo.root / "dir.dvc").write_bytes(data.replace(b"  hash: md5\n", b""))
    with pytest.raises(Conflict, match="tracked as before DVC 3"):
        add(repo, [folder / "foo"])


def test_targets_that_contain_each_other_are_refused(repo, write):
    write(FILES)
    with pytest.raises(Conflict, match="dir/foo lies in dir\n"):
        add(repo, [repo.root / "dir/foo", repo.root / "dir"])
    assert repo.tracked() == []


def test_commit_of_a_part_stores_only_that(repo, folder, write):
    write({"dir/foo": b"changed", "dir/bar": b"changed"})
    (added,) = commit(repo, [folder / "foo"], confirm=None)
    assert added.path == folder
    assert states(repo, "dir/foo") == []
    assert states(repo, "dir/bar") == ["modified"]


def test_commit_of_a_part_of_what_was_added_without_content(repo, write):
    write(FILES)
    add(repo, [repo.root / "dir"], manner=Manner(keep=False))
    assert not repo.cache.root.exists() or not list(repo.cache.root.rglob("files"))
    assert states(repo) == ["not in cache"]
    oid = out_of(repo).md5
    commit(repo, [repo.root / "dir/sub"], confirm=None)
    assert out_of(repo).md5 == oid
    assert (states(repo, "dir/sub"), states(repo, "dir/foo")) == ([], ["not in cache"])
    commit(repo, [], confirm=None)
    assert states(repo) == []
    assert len(known_sums(repo)) == 3


def test_a_part_comes_back_alone(repo, folder, remote):
    push(repo, repo.tracked(), lambda _name: remote)
    emptied(repo)
    part = repo.tracked([folder / "sub"], parts=True)
    assert len(fetch(repo, part, lambda _name: remote).moved) == 2  # the list, and one file
    assert checkout(repo, part).marks == [("M", "dir/")]
    assert [path.relative_to(folder).as_posix() for path in folder.rglob("*")] == ["sub", "sub/x"]
    assert fetch(repo, part, lambda _name: remote).moved == []


def test_checkout_of_a_part_leaves_the_rest_alone(repo, folder, write):
    write({"dir/foo": b"changed", "dir/sub/extra": b"unsaved", "dir/extra": b"unsaved"})
    (folder / "sub/x").unlink()
    with pytest.raises(Conflict, match="dir/sub/extra would be overwritten or removed"):
        checkout(repo, repo.tracked([folder / "sub"], parts=True))
    checkout(repo, repo.tracked([folder / "sub"], parts=True), Options(force=True))
    assert (folder / "sub/x").read_bytes() == b"x"
    assert not (folder / "sub/extra").exists()
    assert (folder / "extra").exists()
    assert (folder / "foo").read_bytes() == b"changed"


def test_a_part_is_pushed_and_the_list_only_when_nothing_is_missing(repo, folder, remote):
    part = repo.tracked([folder / "foo"], parts=True)
    outcome = push(repo, part, lambda _name: remote)
    assert (outcome.moved, outcome.withheld) == (["dir/foo"], ["dir"])
    rest = repo.tracked([folder / "bar", folder / "sub"], parts=True)
    outcome = push(repo, rest, lambda _name: remote)
    assert (outcome.moved, outcome.withheld) == (["dir/bar", "dir/sub/x", "dir"], [])


def test_an_unknown_part_is_an_error_that_names_the_folder(repo, folder, write, remote):
    write({"dir/new": b"new"})
    part = repo.tracked([folder / "new"], parts=True)
    for act in (push, fetch):
        with pytest.raises(NotFound, match="dir has no new"):
            act(repo, part, lambda _name: remote)
    with pytest.raises(NotFound, match="dir has no new"):
        checkout(repo, part)
    assert states(repo, "dir/new") == ["modified"]
    with pytest.raises(NotFound, match="dir/nope does not exist"):
        states(repo, "dir/nope")


def test_who_takes_no_parts_says_so(repo, folder):
    with pytest.raises(NotFound, match="dir/foo is a part of dir"):
        repo.tracked([folder / "foo"])


def test_steps_of_pipelines_as_targets_and_what_they_were_made_from(repo, run, write):
    write({"raw": b"raw", "data.bin": b"data", "model.pt": b"model"})
    digests = {
        name: added.out.md5 for name in ("raw", "data.bin", "model.pt") for added in add(repo, [repo.root / name])
    }
    for name in ("data.bin", "model.pt"):
        (repo.root / f"{name}.dvc").unlink()
    step = (
        "  {}:\n    deps:\n    - path: {}\n      md5: {}\n    outs:\n    - path: {}\n      hash: md5\n      md5: {}\n"
    )
    lines = [("prepare", "raw", "data.bin"), ("train@1", "data.bin", "model.pt")]
    (repo.root / "dvc.lock").write_text(
        "schema: '2.0'\nstages:\n"
        + "".join(step.format(f"'{name}'", dep, digests[dep], out, digests[out]) for name, dep, out in lines)
    )
    (repo.root / "dvc.yaml").write_text("stages: {}\n")
    for name in ("raw", "data.bin", "model.pt"):
        (repo.root / name).write_bytes(b"changed")
    for words, expected in {
        ("train",): {"model.pt"},
        ("dvc.yaml:train@1",): {"model.pt"},
        ("dvc.yaml",): {"data.bin", "model.pt"},
        ("-d", "prepare"): {"raw", "data.bin"},
        ("--with-deps", "train"): {"raw", "data.bin", "model.pt"},
        ("-R", "-d", "raw"): {"raw"},
    }.items():
        shown = run("status", *words).stdout
        assert {name for name in digests if f"modified:           {name}\n" in shown} == expected, words
    assert "is not tracked here" in run("status", "dvc.yaml:nope", rc=1).stderr


def test_fetch_takes_only_what_is_small_or_of_a_kind(repo, run, write):
    write({"big": b"12345678", "small": b"1", "scores.json": b"{}"})
    run("remote", "add", "-d", "store", "../store")
    oid = add(repo, [repo.root / name for name in ("big", "small", "scores.json")])[2].out.md5
    (repo.root / "scores.json.dvc").unlink()
    lock = f"schema: '2.0'\nstages:\n  train:\n    outs:\n    - path: scores.json\n      hash: md5\n      md5: {oid}\n"
    (repo.root / "dvc.lock").write_text(lock)
    (repo.root / "dvc.yaml").write_text(
        "stages:\n  train:\n    cmd: x\n    metrics:\n    - scores.json:\n        cache: true\n"
    )
    run("push")
    shutil.rmtree(repo.cache.root)
    for words, found in ((["--type", "plots"], 0), (["--type", "metrics"], 1), (["--max-size", "8"], 1), ([], 1)):
        expected = "1 file fetched\n" if found else "Everything is up to date.\n"
        assert run("fetch", *words).stdout == expected, words
