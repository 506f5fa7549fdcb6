"""Paths in use: one writer or many readers, parents and children count, and nobody's entries are harmed."""

import json
import os
import subprocess
import sys

import pytest

from sycee.errors import Conflict, FormatError, SyceeError
from sycee.ops.add import add
from sycee.ops.checkout import checkout
from sycee.system.locks import Waiting
from sycee.system.pathlocks import Uses, working


@pytest.fixture(scope="module")
def stranger():
    """The id of a live process that is none of ours' parents."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process.pid
        process.kill()


@pytest.fixture
def dead():
    """The id of a process that has ended."""
    with subprocess.Popen(["true"]) as process:
        pass
    return process.pid


def entry(pid, cmd="dvc repro"):
    return {"pid": pid, "cmd": cmd}


def write(tmp, **members):
    tmp.mkdir(parents=True, exist_ok=True)
    (tmp / "rwlock").write_text(json.dumps(members))


def read(tmp):
    return json.loads((tmp / "rwlock").read_text())


def test_entries_stand_while_the_work_goes_on_and_go_with_it(tmp_path):
    with working(tmp_path, Uses(writes=(tmp_path / "a",), reads=(tmp_path / "b",)), Waiting(0)):
        found = read(tmp_path)
        assert found["write"][f"{tmp_path}/a"]["pid"] == os.getpid()
        assert found["read"][f"{tmp_path}/b"] == [found["write"][f"{tmp_path}/a"]]
    assert read(tmp_path) == {"write": {}, "read": {}}


def test_entries_go_after_an_error_too(tmp_path):
    with pytest.raises(ZeroDivisionError), working(tmp_path, Uses((tmp_path / "a",)), Waiting(0)):
        1 / 0  # noqa: B018
    assert read(tmp_path) == {"write": {}, "read": {}}


@pytest.mark.parametrize("kind", ["write", "read"])
@pytest.mark.parametrize("theirs", ["data", "data/sub", "data/sub/file", ""])
def test_who_uses_a_path_its_parent_or_its_child_is_named(tmp_path, stranger, kind, theirs):
    path = str(tmp_path / theirs)
    write(tmp_path, **{kind: {path: entry(stranger) if kind == "write" else [entry(stranger)]}})
    before = (tmp_path / "rwlock").read_bytes()
    words = rf"{path} is in use by process {stranger} \(dvc repro\)"
    with pytest.raises(Conflict, match=words), working(tmp_path, Uses((tmp_path / "data/sub",)), Waiting(0)):
        pytest.fail("both at once")
    assert (tmp_path / "rwlock").read_bytes() == before


@pytest.mark.parametrize(
    ("members", "uses"),
    [
        ({"read": {"data": 1}}, Uses(reads=("data",))),
        ({"write": {"data2": 1}}, Uses(writes=("data",))),
        ({"write": {"a/data": 1}, "read": {"b": 1}}, Uses(writes=("a/other",), reads=("b/c",))),
        ({"write": {"data": 1}}, Uses()),
    ],
    ids=["two readers", "a longer name", "neighbours", "nothing used"],
)
def test_what_does_not_meet_is_not_in_the_way(tmp_path, stranger, members, uses):
    theirs = {
        kind: {str(tmp_path / path): entry(stranger) if kind == "write" else [entry(stranger)] for path in paths}
        for kind, paths in members.items()
    }
    write(tmp_path, **theirs)
    mine = Uses(*(tuple(tmp_path / path for path in paths) for paths in (uses.writes, uses.reads)))
    with working(tmp_path, mine, Waiting(0)):
        pass
    assert {kind: paths for kind, paths in read(tmp_path).items() if paths} == theirs


def test_the_entries_of_ended_processes_are_removed_where_they_are_in_the_way(tmp_path, dead):
    far = str(tmp_path / "far")
    write(
        tmp_path,
        write={str(tmp_path / "a"): entry(dead), far: entry(dead)},
        read={str(tmp_path / "a/b"): [entry(dead)]},
    )
    told = []
    with working(tmp_path, Uses((tmp_path / "a",)), Waiting(0, told.append)):
        pass
    assert read(tmp_path) == {"write": {far: entry(dead)}, "read": {}}
    assert told[0] == f"process {dead} (dvc repro) ended without giving {tmp_path}/a free; it is free now"


@pytest.mark.parametrize("pid", [0, -1, 2**70])
def test_a_number_that_no_process_has_blocks_nobody(tmp_path, pid):
    write(tmp_path, write={str(tmp_path / "a"): entry(pid)})
    with working(tmp_path, Uses((tmp_path / "a",)), Waiting(0)):
        pass


def test_what_runs_as_a_stage_may_write_what_the_stage_makes(tmp_path):
    theirs = {str(tmp_path / "a"): entry(os.getppid(), "dvc repro train")}
    write(tmp_path, write=theirs)
    with working(tmp_path, Uses((tmp_path / "a", tmp_path / "b")), Waiting(0)):
        assert read(tmp_path)["write"].keys() == {f"{tmp_path}/a", f"{tmp_path}/b"}
    assert read(tmp_path) == {"write": theirs, "read": {}}


def test_it_waits_and_leaves_the_lock_free_meanwhile(tmp_path, stranger):
    write(tmp_path, write={str(tmp_path / "a"): entry(stranger)})

    def told(words):
        assert words == f"waiting for process {stranger} (dvc repro), which uses {tmp_path}/a"
        with working(tmp_path, Uses(), Waiting(0)):  # the lock can be had
            write(tmp_path, write={})

    with working(tmp_path, Uses((tmp_path / "a",)), Waiting(30, told)):
        pass


@pytest.mark.parametrize("data", [b"", b"\n", b"\0" * 512, b"{}"], ids=["empty", "blank", "zeros", "nobody"])
def test_a_file_that_a_crash_left_empty_names_nobody(tmp_path, data):
    (tmp_path / "rwlock").write_bytes(data)
    with working(tmp_path, Uses((tmp_path / "a",)), Waiting(0)):
        pass
    assert read(tmp_path) == {"write": {}, "read": {}}


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b"[]",
        b"\xff",
        b'{"write": []}',
        b'{"write": {}, "more": 1}',
        b'{"write": {"/a": 5}}',
        b'{"write": {"/a": {"pid": "1", "cmd": ""}}}',
        b'{"write": {"/a": {"pid": true, "cmd": ""}}}',
        b'{"write": {"/a": {"pid": 1}}}',
        b'{"write": {"/a": {"pid": 1, "cmd": "", "x": 1}}}',
        b'{"write": {"/a": {"pid": 1, "cmd": 2}}}',
        b'{"read": {"/a": {"pid": 1, "cmd": ""}}}',
        b'{"read": {"/a": [[]]}}',
        b'{"write": {}, "write": {}}',
        b"[" * 100_000,
        b'{"read": {}}' + b" " * (1 << 24),
    ],
)
def test_anything_else_is_refused_and_left_alone(tmp_path, data):
    (tmp_path / "rwlock").write_bytes(data)
    with pytest.raises(FormatError, match="rwlock") as refused, working(tmp_path, Uses((tmp_path / "a",)), Waiting(0)):
        pytest.fail("went on")
    assert refused.value.hint.endswith(f"rm {tmp_path}/rwlock")
    assert (tmp_path / "rwlock").read_bytes() == data


@pytest.mark.parametrize("name", ["rwlock", "rwlock.lock"])
@pytest.mark.parametrize("kind", ["link", "folder"])
def test_what_is_no_file_is_refused(tmp_path, name, kind):
    tmp = tmp_path / "tmp"
    tmp.mkdir()
    (tmp_path / "elsewhere").write_text("{}")
    (tmp / name).symlink_to(tmp_path / "elsewhere") if kind == "link" else (tmp / name).mkdir()
    with pytest.raises((SyceeError, OSError)), working(tmp, Uses((tmp_path / "a",)), Waiting(0)):
        pytest.fail("went on")
    assert (tmp_path / "elsewhere").read_text() == "{}"


def test_paths_that_are_no_text_survive(tmp_path, stranger):
    name = os.fsdecode(b"/caf\xe9")
    write(tmp_path, read={name: [entry(stranger)]})
    with working(tmp_path, Uses((tmp_path / "a",)), Waiting(0)):
        pass
    assert read(tmp_path)["read"] == {name: [entry(stranger)]}


def test_commands_enter_what_they_work_on(repo, stranger):
    (repo.root / "data").write_bytes(b"1")
    write(repo.dvc_dir / "tmp", read={str(repo.root / "data"): [entry(stranger)]})
    impatient = type(repo)(repo.root, repo.git, repo.config, repo.cache, repo.statcache, wait=0)
    with pytest.raises(Conflict, match="is in use by"):
        add(impatient, [repo.root / "data"])
    assert not (repo.root / "data.dvc").exists()
    write(repo.dvc_dir / "tmp")
    add(impatient, [repo.root / "data"])
    write(repo.dvc_dir / "tmp", write={str(repo.root): entry(stranger)})
    with pytest.raises(Conflict, match="is in use by"):
        checkout(impatient, repo.tracked())
