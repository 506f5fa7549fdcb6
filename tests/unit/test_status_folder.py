"""A folder that looks as it did is not judged anew; whatever changed, the answer is that of judging it anew."""

import os
import time
from pathlib import Path

import pytest

from sycee.core.parts import Parts
from sycee.digest import digest_bytes
from sycee.errors import Conflict
from sycee.ops.add import add
from sycee.ops.status import in_cache, status
from sycee.store import sums
from sycee.store.statcache import SETTLED, StatCache, look_of
from sycee.workspace.content import current_id
from sycee.workspace.wanted import wanted

FILES = {"a": b"first", "b": b"other", "s/c": b"third", "s/e": b""}


@pytest.fixture
def known(repo, tmp_path):
    """A repository whose folder ``d`` is known to be what its pointer says."""
    (repo.root / "d/s").mkdir(parents=True)
    for name, data in FILES.items():
        (repo.root / "d" / name).write_bytes(data)
    (tmp_path / "outside").write_bytes(b"else!")
    time.sleep(2 * SETTLED / 1e9)
    add(repo, [repo.root / "d"])
    assert changes(repo) == []
    assert repo.statcache.has_listed(folder(repo).out.md5)
    return repo


def folder(repo):
    return next(one for one in repo.tracked() if one.relpath == "d")


def changes(repo):
    try:
        return [(change.relpath, change.state) for change in status(repo, repo.tracked()).changes]
    except Conflict as error:
        return str(error)


def judged_anew(repo, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(StatCache, "folder_id", lambda *_: None)
        patched.setattr(StatCache, "has_listed", lambda *_: False)
        return changes(repo)


def rewrite(path, data):
    """Write other bytes and put mtime back: only ctime tells."""
    before = path.stat()
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def swap(one, other):
    aside = one.with_name("aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


def replace(path, make):
    path.unlink()
    make(path)


def stored(root, name):
    oid = digest_bytes(FILES[name]).md5
    return root / ".dvc/cache/files/md5" / oid[:2] / oid[2:]


def overwrite(path, data):
    path.chmod(0o644)
    path.write_bytes(data)


def the_list(root):
    return next((root / ".dvc/cache/files/md5").glob("*/*.dir"))


MODIFIED, LACKING = [("d", "modified")], [("d", "not in cache")]
CHANGES = {
    "same size and mtime": (lambda d: rewrite(d / "a", b"FIRST"), MODIFIED),
    "touched": (lambda d: os.utime(d / "a", (1, 1)), []),
    "executable": (lambda d: (d / "a").chmod(0o755), []),
    "rewritten with the same": (lambda d: rewrite(d / "a", b"first"), []),
    "one more": (lambda d: (d / "s/f").write_bytes(b"more"), MODIFIED),
    "one less": (lambda d: (d / "s/c").unlink(), MODIFIED),
    "renamed": (lambda d: (d / "a").rename(d / "z"), MODIFIED),
    "moved": (lambda d: (d / "a").rename(d / "s/a"), MODIFIED),
    "names swapped": (lambda d: swap(d / "a", d / "b"), MODIFIED),
    "empty folder": (lambda d: (d / "t").mkdir(), []),
    "subfolder gone": (lambda d: (d / "s").rename(d.parent / "s"), MODIFIED),
    "folder gone": (lambda d: d.rename(d.parent / "gone"), [("d", "deleted")]),
    "link to the same": (lambda d: replace(d / "a", lambda p: os.link(d.parent / ".dvc" / "x", p)), []),
    "link to other bytes": (lambda d: replace(d / "a", lambda p: p.symlink_to(d.parent.parent / "outside")), MODIFIED),
    "link to nothing": (lambda d: replace(d / "a", lambda p: p.symlink_to("nothing")), "d/a is not a file"),
    "link to itself": (lambda d: replace(d / "a", lambda p: p.symlink_to("a")), "d/a is not a file"),
    "pipe": (lambda d: replace(d / "a", os.mkfifo), "d/a is not a file"),
    "rule": (lambda d: (d.parent / ".dvcignore").write_text("b\n"), MODIFIED),
    "rule of another": (lambda d: (d.parent / ".dvcignore").write_text("other\n"), []),
    "rules inside": (lambda d: (d / "s/.dvcignore").write_text("e\n"), "d/s/.dvcignore lies in a tracked folder"),
    "project inside": (lambda d: (d / "s/.dvc").mkdir(), MODIFIED),
    "object gone": (lambda d: stored(d.parent, "b").unlink(), LACKING),
    "object truncated": (lambda d: overwrite(stored(d.parent, "b"), b"oth"), LACKING),
    "object emptied": (lambda d: overwrite(stored(d.parent, "b"), b""), LACKING),
    "object of no bytes grown": (lambda d: overwrite(stored(d.parent, "s/e"), b"x"), LACKING),
    "object is a folder": (lambda d: replace(stored(d.parent, "b"), Path.mkdir), LACKING),
    "object is a dead link": (lambda d: replace(stored(d.parent, "b"), lambda p: p.symlink_to("no")), LACKING),
    "list gone": (lambda d: the_list(d.parent).unlink(), LACKING),
    "list damaged": (lambda d: overwrite(the_list(d.parent), b"[]"), LACKING),
}


@pytest.mark.parametrize(("change", "expected"), CHANGES.values(), ids=CHANGES)
def test_whatever_changed_is_told(known, monkeypatch, change, expected):
    (known.dvc_dir / "x").write_bytes(FILES["a"])
    change(known.root / "d")
    expected = f"{known.root}/{expected}" if isinstance(expected, str) else expected
    assert changes(known) == expected
    assert changes(known) == judged_anew(known, monkeypatch) == expected


def test_an_unchanged_folder_is_not_judged_anew(known, monkeypatch):
    monkeypatch.setattr(StatCache, "get_all", lambda *_: pytest.fail("each file was asked for"))
    monkeypatch.setattr("sycee.ops.status.expected_of", lambda *_: pytest.fail("each object was asked for"))
    assert changes(known) == []


def test_another_version_of_the_pointer(known):
    first = (known.root / "d.dvc").read_bytes()
    (known.root / "d/a").write_bytes(b"second")
    add(known, [known.root / "d"])
    assert changes(known) == []
    (known.root / "d.dvc").write_bytes(first)
    assert changes(known) == MODIFIED
    assert changes(known) == MODIFIED


def test_a_rule_that_goes(known):
    (known.root / ".dvcignore").write_text("z\n")
    (known.root / "d/z").write_bytes(b"hidden")
    assert changes(known) == []
    (known.root / ".dvcignore").unlink()
    assert changes(known) == MODIFIED


def test_sums_that_come_later_tell_of_a_truncated_object(known, monkeypatch):
    kept = known.cache.root / sums.key_of(wanted(folder(known)).sums)
    aside = kept.rename(known.root / "aside")
    overwrite(stored(known.root, "b"), b"oth")
    assert changes(known) == judged_anew(known, monkeypatch) == []
    aside.rename(kept)
    assert changes(known) == judged_anew(known, monkeypatch) == LACKING


@pytest.mark.parametrize(("name", "data"), [("b", b""), ("s/e", b"x")])
def test_without_sums_only_the_object_of_no_bytes_is_empty(known, monkeypatch, name, data):
    (known.cache.root / sums.key_of(wanted(folder(known)).sums)).unlink()
    assert changes(known) == []
    overwrite(stored(known.root, name), data)
    assert changes(known) == judged_anew(known, monkeypatch) == LACKING


def test_a_pointer_of_before_dvc_3_has_other_objects(known, monkeypatch):
    pointer = known.root / "d.dvc"
    pointer.write_text(pointer.read_text().replace("  hash: md5\n", ""))
    oid = folder(known).out.md5
    known.cache.path(oid, legacy=True).parent.mkdir()
    known.cache.path(oid, legacy=True).write_bytes(known.cache.read(oid))
    assert folder(known).out.is_legacy
    assert changes(known) == judged_anew(known, monkeypatch) == LACKING


def test_damaged_sums_say_nothing(known, monkeypatch):
    kept = known.cache.root / sums.key_of(wanted(folder(known)).sums)
    overwrite(kept, kept.read_bytes().replace(b" 5 ", b" 6 "))
    assert changes(known) == judged_anew(known, monkeypatch) == []


def test_a_file_of_this_instant_is_asked_for_again(repo):
    (repo.root / "d").mkdir()
    (repo.root / "d/a").write_bytes(b"first")
    add(repo, [repo.root / "d"])
    (repo.root / "d/a").write_bytes(b"FIRST")
    assert current_id(repo, folder(repo)) != folder(repo).out.md5
    assert not repo.statcache.has_listed(current_id(repo, folder(repo)))


def test_of_an_empty_folder_nothing_is_believed(repo):
    (repo.root / "d").mkdir()
    add(repo, [repo.root / "d"])
    repo.statcache.put_folder(repo.root / "d", look_of([]), "0" * 32 + ".dir")
    assert changes(repo) == []


def test_a_forgotten_file_is_looked_at_again(known):
    known.statcache.forget(known.root / "d/a")
    assert not known.statcache.has_listed(folder(known).out.md5)
    assert changes(known) == []


def test_a_part_of_the_folder_is_judged_by_itself(known):
    (known.root / "d/a").unlink()
    part = folder(known)._replace(parts=Parts(frozenset({"b"})))
    assert status(known, [part]).changes == ()
    stored(known.root, "a").unlink()
    assert in_cache(known, part)
    assert not in_cache(known, folder(known))


def test_a_link_into_the_cache_is_seen_through(known, monkeypatch):
    path, target = known.root / "d/a", stored(known.root, "a")
    replace(path, lambda p: p.symlink_to(target))
    assert changes(known) == changes(known) == []
    target.chmod(0o644)
    rewrite(target, b"FIRST")
    assert changes(known) == judged_anew(known, monkeypatch) == MODIFIED


def test_the_look_tells_names_and_states_apart(tmp_path):
    one, other = tmp_path / "a", tmp_path / "b"
    one.write_bytes(b"x")
    other.write_bytes(b"y")
    first, second = one.lstat(), other.lstat()
    looks = [[("a", first), ("b", second)], [("a", second), ("b", first)], [("a", first)], [("ab", first)], []]
    assert len({look_of(files) for files in looks}) == len(looks)
