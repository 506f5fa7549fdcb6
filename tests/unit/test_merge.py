"""The merge driver: both sides' changes to a folder in one pointer, and a person asked where there is no one answer."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sycee.cli.main import main
from sycee.core.merge import merge_files
from sycee.errors import Conflict, FormatError
from sycee.formats import pointer
from sycee.ops.add import add
from sycee.ops.merge import MergeRequest, merge
from sycee.store import sums

GOLDEN = "839ef9371606817569c1ee0e5f4ed233.dir"
CASES = {  # what DVC's own driver merges: base, ours, theirs, result; None: no file on that side
    "both add": ({"foo": "foo"}, {"foo": "foo", "bar": "bar"}, {"foo": "foo", "baz": "baz"}, "foo bar baz"),
    "both add below": (
        {"c": "c", "s/foo": "f"},
        {"c": "c", "s/foo": "f", "s/bar": "b"},
        {"c": "c", "s/foo": "f", "s/z": "z"},
        "c s/foo s/bar s/z",
    ),
    "from nothing": ({}, {"foo": "foo"}, {"bar": "bar"}, "foo bar"),
    "ours empty": ({}, {}, {"bar": "bar"}, "bar"),
    "theirs empty": ({}, {"foo": "foo"}, {}, "foo"),
    "no base": (None, {"foo": "foo"}, {"bar": "bar"}, "foo bar"),
    "only theirs": (None, None, {"bar": "bar"}, "bar"),
    "only ours": (None, {"foo": "foo"}, None, "foo"),
    "ours removes": ({"c": "c", "foo": "foo"}, {"c": "c"}, {"c": "c", "foo": "foo", "bar": "bar"}, "c bar"),
    "ours changes": ({"c": "1", "d": "d"}, {"c": "2", "d": "d"}, {"c": "1", "d": "d", "e": "e"}, "c d e"),
    "both alike": ({"c": "1"}, {"c": "2", "n": "n"}, {"c": "2", "m": "m"}, "c n m"),
}
CONFLICTS = {
    "both change": ({"foo": "foo"}, {"foo": "bar"}, {"foo": "baz"}, "foo"),
    "change and remove": ({"foo": "foo", "c": "c"}, {"c": "c"}, {"foo": "new", "c": "c"}, "foo"),
    "both add": (None, {"foo": "1", "a": "a"}, {"foo": "2"}, "foo"),
    "file and folder": ({"c": "c"}, {"c": "c", "x": "1"}, {"c": "c", "x/y": "2"}, "x"),
}
A, B, C = b"a1" * 16, b"b2" * 16, b"c3" * 16
COLUMNS = ("ancestor", "our", "their")


def version(repo, files, name):
    """A pointer to a folder with these files, as a file of its own; an empty one for None."""
    path = repo.root / f"{name}.txt"
    if files is None:
        path.write_bytes(b"")
        return path
    folder = repo.root / "data"
    for old in sorted(folder.rglob("*"), reverse=True):
        old.rmdir() if old.is_dir() else old.unlink()
    folder.mkdir(exist_ok=True)
    for relpath, text in files.items():
        (folder / relpath).parent.mkdir(parents=True, exist_ok=True)
        (folder / relpath).write_text(text)
    add(repo, [folder])
    path.write_bytes((repo.root / "data.dvc").read_bytes())
    return path


def merged(repo, base, ours, theirs):
    """The pointer that comes out of three of them."""
    paths = [version(repo, files, name) for files, name in zip((base, ours, theirs), COLUMNS, strict=True)]
    merge(repo, MergeRequest(*paths, "data.dvc"))
    return paths[1].read_bytes()


def drive(repo, texts, name="data.dvc"):
    """Run the driver over three texts; return exit code and our side."""
    for text, column in zip(texts, COLUMNS, strict=True):
        (repo.root / f"{column}.txt").write_bytes(text)
    options = [word for column in COLUMNS for word in (f"--{column}", f"{column}.txt")]
    rc = main(["-C", str(repo.root), "git-hook", "merge-driver", *options, "--path", name])
    return rc, (repo.root / "our.txt").read_bytes()


@pytest.mark.parametrize("case", CASES)
def test_merged_pointers_are_those_of_the_merged_folder(repo, case):
    base, ours, theirs, names = CASES[case]
    everything = (base or {}) | (theirs or {}) | (ours or {})
    found = merged(repo, base, ours, theirs)
    assert found == version(repo, {name: everything[name] for name in names.split()}, "wanted").read_bytes()


def test_the_golden_folder(repo):
    main_side = {"master": "master"}
    found = pointer.parse(merged(repo, main_side, main_side | {"two": "two"}, main_side | {"one": "one"}), "data.dvc")
    assert found.outs[0] == pointer.Out("data", GOLDEN, 12, 3)
    listed = sums.known(repo.cache, pointer.sums_object(found, GOLDEN))
    assert [*listed] == ["master", "one", "two"]


@pytest.mark.parametrize("case", CONFLICTS)
def test_conflicts_leave_our_side(repo, case):
    *sides, path = CONFLICTS[case]
    paths = [version(repo, files, name) for files, name in zip(sides, COLUMNS, strict=True)]
    before = paths[1].read_bytes()
    with pytest.raises(Conflict, match="unable to auto-merge the following paths:\n") as caught:
        merge(repo, MergeRequest(*paths, "data.dvc"))
    assert caught.value.message.splitlines()[1:] == [path]
    assert "git checkout --ours data.dvc" in caught.value.hint
    assert paths[1].read_bytes() == before


def test_what_both_removed_is_gone(repo):
    base = {"a": "a", "gone": "x"}
    assert b"nfiles: 3" in merged(repo, base, {"a": "a", "b": "b"}, {"a": "a", "c": "c"})


def test_without_all_strong_digests_there_are_none(repo):
    """A colleague's plain `dvc add` knows no sums; half of them would claim to be all."""
    paths = [version(repo, files, n) for files, n in zip(CASES["both add"][:3], COLUMNS, strict=True)]
    paths[2].write_bytes(paths[2].read_bytes().partition(b"meta:")[0])
    assert merge(repo, MergeRequest(*paths, "data.dvc")) == 1
    found = pointer.parse(paths[1].read_bytes(), "data.dvc")
    assert found.outs[0].nfiles == 3
    assert found.meta == {}


def test_a_folder_whose_list_is_not_here(repo, capsys):
    out = b"outs:\n- md5: %b.dir\n  hash: md5\n  path: data\n"
    rc, ours = drive(repo, [b"", out % (A), out % (B)])
    assert (rc, ours) == (1, out % (A))
    assert "the list of its files in ours is not in the cache" in (said := capsys.readouterr().err)
    assert "sycee fetch --rev" in said


FILE = b"# about it\nouts:\n- md5: %b\n  size: 3\n  hash: md5\n  path: a.pt\n"
ONE, TWO, THREE = (FILE % digest for digest in (A, B, C))
RECORD = b"meta:\n  sycee:\n    %b:\n      sha256: " + b"a" * 64 + b"\n      blake3: " + b"b" * 64 + b"\n    card: %b\n"
NOTE = b"desc: the best\n"


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "result"),
    [
        (ONE, ONE, TWO, TWO),
        (ONE, TWO, ONE, TWO),
        (ONE, TWO, TWO, TWO),
        (ONE, NOTE + ONE, TWO, NOTE + TWO),
        (ONE, TWO, ONE + NOTE, TWO + NOTE),
        (ONE, TWO, TWO + RECORD % (B, b"c" * 64), TWO + RECORD % (B, b"c" * 64)),
        (ONE + RECORD % (A, b"c" * 64), ONE + RECORD % (A, b"c" * 64), TWO, TWO),
    ],
)
def test_a_file_that_one_side_changed(repo, base, ours, theirs, result):
    assert drive(repo, [base, ours, theirs], "a.pt.dvc") == (0, result)


@pytest.mark.parametrize(
    ("sides", "words"),
    [
        ((ONE, TWO, THREE), "both sides changed 'a.pt', each to other content"),
        ((b"", TWO, THREE), "both sides changed 'a.pt', each to other content"),
        ((ONE, TWO, THREE + b"  cache: false\n"), "the two sides track it with different options"),
        ((ONE, ONE + b"desc: x\n", TWO + b"desc: y\n"), "both sides changed its description or settings"),
        ((ONE, TWO + b"deps:\n- path: x\n", THREE), "an import"),
        ((ONE, TWO, THREE + b"- path: b\n"), "does not track exactly one file or folder"),
        ((ONE, TWO, b""), "a.pt.dvc is empty"),
        ((ONE, TWO, b"<<<<<<< HEAD\n" + TWO), "conflict"),
        ((ONE, TWO, b"\xff"), "a.pt.dvc is not UTF-8"),
        ((ONE, TWO, THREE.replace(b"a.pt", b"../a")), "path"),
        (
            (ONE, (FILE % (B + b".dir")).replace(b"  hash: md5\n", b""), FILE % (C + b".dir")),
            "each to other",
        ),
    ],
)
def test_what_a_person_has_to_merge(repo, capsys, sides, words):
    assert drive(repo, sides, "a.pt.dvc") == (1, sides[1])
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said


def test_old_and_new_pointers_of_a_folder_are_not_mixed(repo, capsys):
    new, old = FILE % (B + b".dir"), (FILE % (C + b".dir")).replace(b"  hash: md5\n", b"")
    assert drive(repo, [b"", new, old])[0] == 1
    assert "by an older DVC" in capsys.readouterr().err


FILES = st.dictionaries(st.sampled_from(["a", "b", "c", "d", "d/e"]), st.sampled_from("123"))


@given(FILES, FILES, FILES)
def test_a_merge_is_symmetric_and_loses_nothing(base, ours, theirs):
    one, other = merge_files(base, ours, theirs), merge_files(base, theirs, ours)
    assert one == other
    if one.conflicts:
        assert all(path in ours or path in theirs or path in base for path in one.conflicts)
        return
    for side, opposite in ((ours, theirs), (theirs, ours)):
        for path, value in side.items():
            assert one.files.get(path) == value or opposite.get(path) != base.get(path)
    unchanged = merge_files(base, ours, base)
    assert unchanged.conflicts or unchanged.files == ours


def test_a_broken_list_is_named(repo):
    version(repo, {"a": "a"}, "our")
    oid = repo.cache.put_bytes(json.dumps([{"md5": "a1" * 16, "relpath": "../x"}]).encode(), suffix=".dir")
    paths = [version(repo, None, "ancestor"), repo.root / "our.txt", repo.root / "their.txt"]
    paths[2].write_bytes(b"outs:\n- md5: %b\n  hash: md5\n  path: data\n" % oid.encode())
    with pytest.raises(FormatError, match="unsafe path"):
        merge(repo, MergeRequest(*paths, "data.dvc"))
