"""Checkout makes the work tree what the pointers say, or leaves it as it was."""

import os
import stat
import subprocess
import sys

import pytest

from sycee.digest import digest_bytes
from sycee.errors import Conflict, DigestMismatch, FormatError, NotFound
from sycee.formats import dirobject
from sycee.formats.dirobject import Entry
from sycee.ops import checkout as module
from sycee.ops.add import add
from sycee.ops.checkout import Options, checkout


def snapshot(root):
    """Everything below a folder but sycee's scratch and the lock: kind, mode and bytes of each name."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if name.startswith((".git/", ".dvc/tmp", ".dvc/cache/sycee")):
            continue
        status = path.lstat()
        content = path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else None
        found[name] = (stat.filemode(status.st_mode), content)
    return found


def write(root, files):
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def versions(repo, name, *contents):
    """Add ``name`` with each content in turn; return the pointer of each. The last one is left in the work tree."""
    pointers = []
    for content in contents:
        empty(repo.root / name)
        if isinstance(content, bytes):
            write(repo.root, {name: content})
        else:
            write(repo.root / name, content)
        add(repo, [repo.root / name])
        pointers.append((repo.root / f"{name}.dvc").read_bytes())
    return pointers


def empty(path):
    if path.is_dir() and not path.is_symlink():
        for child in path.iterdir():
            empty(child)
        path.rmdir()
    else:
        path.unlink(missing_ok=True)


def switch(repo, name, pointer, **options):
    (repo.root / f"{name}.dvc").write_bytes(pointer)
    return checkout(repo, repo.tracked(), **options).marks


def test_it_restores_what_is_absent_and_then_has_nothing_to_do(repo):
    versions(repo, "d", {"a": b"1", "s/é": b"2", "empty": b""})
    versions(repo, "f.bin", b"weights")
    before = snapshot(repo.root)
    empty(repo.root / "d")
    empty(repo.root / "f.bin")
    assert checkout(repo, repo.tracked()).marks == [("A", "d/"), ("A", "f.bin")]
    assert snapshot(repo.root) == before
    assert checkout(repo, repo.tracked()).marks == []


def test_it_goes_back_and_forth_between_versions(repo):
    old, new = versions(repo, "d", {"a": b"1", "gone/x": b"2"}, {"a": b"one", "come/y": b"3"})
    assert switch(repo, "d", old) == [("M", "d/")]
    assert {p: c for p, (_, c) in snapshot(repo.root / "d").items()} == {"a": b"1", "gone": None, "gone/x": b"2"}
    assert switch(repo, "d", new) == [("M", "d/")]
    assert {p: c for p, (_, c) in snapshot(repo.root / "d").items()} == {"a": b"one", "come": None, "come/y": b"3"}


FILE, FOLDER = b"a file", {"inside": b"a folder's", "deeper/x": b"more"}


@pytest.mark.parametrize(("first", "second"), [(FILE, FOLDER), (FOLDER, FILE)], ids=["file first", "folder first"])
def test_a_file_and_a_folder_change_places(repo, first, second):
    old, _ = versions(repo, "x", first, second)
    after = snapshot(repo.root)
    assert [mark for mark, _ in switch(repo, "x", old)] == ["M"]
    shown = repo.root / "x"
    assert shown.read_bytes() == first if isinstance(first, bytes) else (shown / "deeper/x").read_bytes() == b"more"
    (repo.root / "x.dvc").write_bytes(after["x.dvc"][1])
    checkout(repo, repo.tracked())
    assert snapshot(repo.root) == after


@pytest.mark.parametrize(
    ("first", "second"),
    [({"m": b"1"}, {"m/deep/n": b"2"}), ({"m/deep/n": b"2"}, {"m": b"1"})],
    ids=["member becomes folder", "folder becomes member"],
)
def test_members_of_a_folder_change_places_too(repo, first, second):
    old, new = versions(repo, "d", first, second)
    switch(repo, "d", old)
    assert {name for name, (_, data) in snapshot(repo.root / "d").items() if data is not None} == set(first)
    switch(repo, "d", new)
    assert {name for name, (_, data) in snapshot(repo.root / "d").items() if data is not None} == set(second)


UNSAVED = {
    "edited file": lambda root: (root / "f").write_bytes(b"unsaved"),
    "edited member": lambda root: (root / "d/a").write_bytes(b"unsaved"),
    "extra member": lambda root: (root / "d/extra").write_bytes(b"unsaved"),
    "folder instead of file": lambda root: ((root / "f").unlink(), write(root, {"f/mine": b"unsaved"})),
    "file instead of folder": lambda root: (empty(root / "d"), (root / "d").write_bytes(b"unsaved")),
    "folder instead of member": lambda root: ((root / "d/a").unlink(), write(root, {"d/a/mine": b"unsaved"})),
    "link instead of file": lambda root: ((root / "f").unlink(), (root / "f").symlink_to("/etc/hostname")),
    "dangling link": lambda root: ((root / "f").unlink(), (root / "f").symlink_to("nowhere")),
    "pipe": lambda root: ((root / "f").unlink(), os.mkfifo(root / "f")),
}


@pytest.mark.parametrize("spoil", UNSAVED.values(), ids=UNSAVED)
def test_what_is_stored_nowhere_is_protected_until_forced(repo, spoil):
    write(repo.root, {"f": b"file", "d/a": b"member", "other": b"absent later"})
    add(repo, [repo.root / name for name in ("f", "d", "other")])
    whole = snapshot(repo.root)
    empty(repo.root / "other")
    spoil(repo.root)
    spoilt = snapshot(repo.root)
    with pytest.raises(Conflict, match="the present content is stored nowhere") as refused:
        checkout(repo, repo.tracked())
    assert refused.value.details["unsaved"]
    assert snapshot(repo.root) == spoilt
    checkout(repo, repo.tracked(), Options(force=True))
    assert snapshot(repo.root) == whole


def test_a_missing_object_stops_everything_before_the_first_change(repo):
    old, _ = versions(repo, "f", b"old", b"new")
    versions(repo, "d", {"a": b"1", "b": b"2"})
    empty(repo.root / "d")
    repo.cache.path(digest_bytes(b"2").md5).unlink()
    before = snapshot(repo.root)
    (repo.root / "f.dvc").write_bytes(old)
    with pytest.raises(NotFound, match="d/b cannot be checked out: not in the cache"):
        checkout(repo, repo.tracked())
    (repo.root / "f.dvc").write_bytes(before["f.dvc"][1])
    assert snapshot(repo.root) == before


def test_a_damaged_object_stops_everything_and_is_kept_aside(repo):
    versions(repo, "d", {"a": b"1", "b": b"2"})
    empty(repo.root / "d/a")
    empty(repo.root / "d/b")
    damaged = repo.cache.path(digest_bytes(b"2").md5)
    damaged.chmod(0o644)
    damaged.write_bytes(b"3")
    with pytest.raises(DigestMismatch) as refused:
        checkout(repo, repo.tracked())
    assert refused.value.exit_code == 11
    assert snapshot(repo.root / "d") == {}
    assert [p.read_bytes() for p in (repo.cache.root / "sycee/quarantine").iterdir()] == [b"3"]


def test_a_full_disk_leaves_the_work_tree_as_it_was(repo, monkeypatch):
    old, _ = versions(repo, "d", {"a": b"1", "b": b"2", "c": b"3"}, {"a": b"one", "b": b"two"})
    (repo.root / "d.dvc").write_bytes(old)
    before = snapshot(repo.root)
    real, calls = module.prepare, []

    def full(*arguments, **options):
        calls.append(arguments)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        return real(*arguments, **options)

    monkeypatch.setattr(module, "prepare", full)
    with pytest.raises(OSError, match="No space left"):
        checkout(repo, repo.tracked())
    assert snapshot(repo.root) == before


def test_a_symbolic_link_among_the_folders_leads_nowhere(repo, tmp_path):
    write(repo.root, {"sub/f": b"file"})
    add(repo, [repo.root / "sub/f"])
    pointer = (repo.root / "sub/f.dvc").read_bytes()
    empty(repo.root / "sub")
    (tmp_path / "outside").mkdir()
    (repo.root / "sub").symlink_to(tmp_path / "outside")
    (tmp_path / "outside/f.dvc").write_bytes(pointer)
    (repo.root / "sub.dvc").write_bytes(pointer.replace(b"path: f", b"path: f\nwdir: sub"))
    with pytest.raises(Conflict, match="sub is a symlink, where a folder is needed"):
        checkout(repo, repo.tracked())
    assert [p.name for p in (tmp_path / "outside").iterdir()] == ["f.dvc"]


def test_a_symbolic_link_inside_a_tracked_folder_leads_nowhere(repo, tmp_path):
    versions(repo, "d", {"s/a": b"1"})
    empty(repo.root / "d/s")
    (tmp_path / "outside").mkdir()
    (repo.root / "d/s").symlink_to(tmp_path / "outside")
    with pytest.raises(Conflict, match="d/s is a symlink"):
        checkout(repo, repo.tracked(), Options(force=True))
    assert list((tmp_path / "outside").iterdir()) == []


@pytest.mark.parametrize(
    "relpath", ["../escaped", "/tmp/escaped", "a/../../escaped", ".git/hooks/pre-commit", "s/.GIT/x"]
)
def test_a_directory_object_cannot_write_outside(repo, relpath):
    file_id = repo.cache.put_bytes(b"evil")
    good = dirobject.render([Entry("placeholder", file_id)])
    oid = repo.cache.put_bytes(good.replace(b"placeholder", relpath.encode()), suffix=".dir")
    (repo.root / "d.dvc").write_bytes(f"outs:\n- md5: {oid}\n  size: 4\n  nfiles: 1\n  hash: md5\n  path: d\n".encode())
    before = snapshot(repo.root)
    with pytest.raises(FormatError):
        checkout(repo, repo.tracked())
    assert snapshot(repo.root) == before


def test_an_executable_file_is_one_again_and_its_object_is_not(repo):
    path = repo.root / "tool"
    path.write_bytes(b"#!/bin/sh\n")
    path.chmod(0o755)
    add(repo, [path])
    path.unlink()
    checkout(repo, repo.tracked())
    assert path.stat().st_mode & stat.S_IXUSR
    assert stat.S_IMODE(repo.cache.path(digest_bytes(b"#!/bin/sh\n").md5).stat().st_mode) == 0o444
    path.chmod(0o644)
    assert checkout(repo, repo.tracked()).marks == [("M", "tool")]
    assert path.stat().st_mode & stat.S_IXUSR


def test_checked_out_files_are_writable_and_known(repo):
    versions(repo, "f", b"weights")
    empty(repo.root / "f")
    checkout(repo, repo.tracked())
    assert stat.S_IMODE((repo.root / "f").stat().st_mode) & 0o600 == 0o600
    assert repo.statcache.get(repo.root / "f") == digest_bytes(b"weights")  # no second hash pass for status


def test_a_read_only_cache_is_enough(repo):
    versions(repo, "f", b"weights")
    empty(repo.root / "f")
    for path in (repo.cache.root, *repo.cache.root.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    mortal = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"] if os.geteuid() == 0 else []
    subprocess.run([*mortal, sys.executable, "-m", "sycee", "-C", repo.root, "checkout"], check=True)
    assert (repo.root / "f").read_bytes() == b"weights"


def test_bytes_whose_object_is_damaged_are_stored_nowhere_else(repo):
    first, _ = versions(repo, "f", b"first", b"other")
    held = repo.cache.path(digest_bytes(b"other").md5)
    held.chmod(0o644)
    held.write_bytes(b"0ther")
    with pytest.raises(Conflict, match="stored nowhere"):
        switch(repo, "f", first)
    assert (repo.root / "f").read_bytes() == b"other"
