"""The journal of an upload: what it gives back, and what it does not believe."""

import os

import pytest

from sycee.storage import uploads
from sycee.storage.s3parts import proxied
from sycee.storage.uploads import STALE, Upload, journal_of, sweep_journals
from sycee.system.atomic import try_hold


@pytest.fixture
def upload(tmp_path):
    return Upload("s3://b", "files/md5/aa/bb", tmp_path / "source", 25, 10)


def noted(folder, upload, state="s"):
    """What a journal says: the upload's id and its tags."""
    with journal_of(folder, upload, state) as journal:
        return journal.upload, journal.tags


def begin(folder, upload):
    with journal_of(folder, upload, "s") as journal:
        journal.begin("id")
        journal.add(2, '"b"')
        journal.add(1, '"a"')
    (path,) = folder.iterdir()
    return path


def test_what_was_noted_is_there_for_the_next_command(tmp_path, upload):
    path = begin(tmp_path / "j", upload)
    assert noted(tmp_path / "j", upload) == ("id", {1: '"a"', 2: '"b"'})
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_upload_that_is_done_leaves_nothing(tmp_path, upload):
    path = begin(tmp_path / "j", upload)
    with journal_of(tmp_path / "j", upload, "s") as journal:
        journal.remove()
    assert not path.exists()


def test_a_source_that_is_not_the_same_begins_anew(tmp_path, upload):
    begin(tmp_path / "j", upload)
    assert noted(tmp_path / "j", upload, "another") == ("", {})


def test_another_object_has_a_journal_of_its_own(tmp_path, upload):
    begin(tmp_path / "j", upload)
    for other in (
        Upload("s3://c", upload.key, upload.path, 25, 10),
        Upload("s3://b", "files/md5/aa/cc", upload.path, 25, 10),
        Upload("s3://b", upload.key, upload.path, 26, 10),
        Upload("s3://b", upload.key, upload.path, 25, 11),
    ):
        assert noted(tmp_path / "j", other) == ("", {})


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"\0" * len(data),
        lambda _data: b"",
        lambda data: b"[1]\n" + data,
        lambda _data: b'{"upload": 3}\n',
        lambda data: data.replace(b'"part"', b'"port"'),
        lambda data: data.replace(b"2", b'"two"'),
        lambda _data: b"[" * 100_000 + b"\n",
        lambda data: data.replace(b"id", b"\xff"),
    ],
    ids=["zeros", "empty", "foreign", "incomplete", "renamed", "number", "nested", "bytes"],
)
def test_a_damaged_journal_is_emptied(tmp_path, upload, damage):
    path = begin(tmp_path / "j", upload)
    path.write_bytes(damage(path.read_bytes()))
    assert noted(tmp_path / "j", upload) == ("", {})
    assert path.read_bytes() == b""


def test_half_a_line_at_the_end_is_what_a_killed_command_leaves(tmp_path, upload):
    path = begin(tmp_path / "j", upload)
    path.write_bytes(path.read_bytes()[:-10])
    with journal_of(tmp_path / "j", upload, "s") as journal:
        assert journal.tags == {2: '"b"'}
        journal.add(3, '"c"')
    assert noted(tmp_path / "j", upload) == ("id", {2: '"b"', 3: '"c"'})


def test_a_journal_that_another_process_holds_is_left_alone(tmp_path, upload):
    path = begin(tmp_path / "j", upload)
    before = path.read_bytes()
    with path.open("rb") as held:
        assert try_hold(held.fileno())
        with journal_of(tmp_path / "j", upload, "s") as journal:
            assert journal.upload == ""
            journal.begin("mine")
            journal.add(1, '"z"')
            assert journal.tags == {1: '"z"'}
            journal.remove()
    assert path.read_bytes() == before


def in_memory(folder, upload):
    """Whether an upload can go on without a journal on disk."""
    with journal_of(folder, upload, "s") as journal:
        assert (journal.upload, journal.tags) == ("", {})
        journal.begin("id")
        journal.add(1, "a")
        journal.remove()
        return journal.tags == {1: "a"}


@pytest.mark.parametrize("other", ["link", "folder", "pipe"])
def test_something_else_in_place_of_a_journal_is_left_alone(tmp_path, upload, other):
    path = begin(tmp_path / "j", upload)
    (tmp_path / "victim").write_bytes(b"x")
    path.unlink()
    match other:
        case "link":
            path.symlink_to(tmp_path / "victim")
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
    assert in_memory(tmp_path / "j", upload)
    assert (tmp_path / "victim").read_bytes() == b"x"
    assert path.lstat()


def test_where_no_journal_can_be_kept_the_upload_needs_none(tmp_path, upload):
    (tmp_path / "j").write_bytes(b"a file")
    assert in_memory(tmp_path / "j", upload)


def test_a_full_disk_ends_the_journal_and_not_the_upload(tmp_path, upload, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(uploads, "write_all", full)
    assert in_memory(tmp_path / "j", upload)


def test_journals_that_nobody_continued_for_a_week_are_swept(tmp_path):
    for name, age in (("old.upload", STALE + 60), ("new.upload", STALE - 60), ("foreign", 10**8)):
        (tmp_path / name).write_bytes(b"")
        moment = (tmp_path / name).stat().st_mtime - age
        os.utime(tmp_path / name, (moment, moment))
    sweep_journals(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["foreign", "new.upload"]
    sweep_journals(tmp_path / "absent")


def test_the_parts_cover_the_source(upload):
    pieces = list(upload.pieces())
    assert [(piece.number, piece.start, piece.length) for piece in pieces] == [(1, 0, 10), (2, 10, 10), (3, 20, 5)]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, False),
        ({"HTTPS_PROXY": "http://p"}, True),
        ({"all_proxy": "http://p"}, True),
        ({"http_proxy": "http://p"}, False),
        ({"https_proxy": ""}, False),
        ({"https_proxy": "http://p", "NO_PROXY": "a.b, .example.org"}, False),
        ({"https_proxy": "http://p", "no_proxy": "example.com"}, True),
        ({"https_proxy": "http://p", "no_proxy": "*"}, False),
    ],
)
def test_where_a_proxy_stands_between(environ, expected):
    assert proxied("https://s3.example.org:9000", environ) is expected


def test_nothing_is_swept_or_written_beyond_a_link(tmp_path, upload):
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "x.upload").write_bytes(b"precious")
    os.utime(theirs / "x.upload", (0, 0))
    (tmp_path / "j").symlink_to(theirs)
    sweep_journals(tmp_path / "j")
    with journal_of(tmp_path / "j", upload, "s") as journal:
        journal.begin("id")
        journal.add(1, "a")
        assert journal.tags == {1: "a"}
    assert [path.name for path in theirs.iterdir()] == ["x.upload"]
