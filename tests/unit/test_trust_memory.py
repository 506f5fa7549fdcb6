"""The memory of what was accepted: it only grows, under races too, and damage is never taken for nothing."""

import os
import re
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from sycee.errors import Conflict, FormatError, PolicyDenied, RolledBack, UsageError
from sycee.formats import memory
from sycee.formats.memory import ChannelMemory, ListMemory
from sycee.system.userstate import remembers, user_state
from sycee.trust.policy import memory as trust_memory
from sycee.trust.policy.memory import Memory, Seen

PAGE = (Path(__file__).parents[2] / "docs/spec/memory.md").read_text()
A, B = "a" * 64, "b" * 64


@pytest.fixture
def state(tmp_path):
    return Memory(tmp_path / "state")


def the_file(state: Memory) -> Path:
    [path] = [*state.folder.glob("*/*.json")]
    return path


def test_the_examples_of_the_page_are_what_is_written(state):
    channel, number = (text.encode() for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))
    names = re.findall(r"`\$SYCEE_STATE/((?:channels|revocations)/[0-9a-f]{64}\.json)`", PAGE)
    state.accept("bert", "production", Seen(41, memory.parse_channel(channel, "m").identity))
    state.accept_list("revocation", 7)
    assert [(state.folder / name).read_bytes() for name in names] == [channel, number]
    assert memory.parse_list(number, "m") == ListMemory("revocation", 7)


def test_nothing_is_known_at_first_and_asking_writes_nothing(state):
    assert state.seen("bert", "production") is None
    assert state.list_seen("revocation") is None
    assert not state.folder.exists()


def test_it_only_grows(state):
    for serial in (3, 4, 9):
        state.accept("bert", "production", Seen(serial, A))
    before = the_file(state).read_bytes()
    with pytest.raises(RolledBack, match="this machine has accepted 9, and this is 4") as refused:
        state.accept("bert", "production", Seen(4, B))
    assert "channel set" in refused.value.hint
    with pytest.raises(RolledBack, match="two statements have the serial 9"):
        state.accept("bert", "production", Seen(9, B))
    assert the_file(state).read_bytes() == before
    assert state.seen("bert", "production") == Seen(9, A)


def test_lists_only_grow_too(state):
    state.accept_list("revocation", 7)
    state.accept_list("revocation", 7)
    with pytest.raises(RolledBack, match="has accepted 7, and this is 6"):
        state.accept_list("revocation", 6)
    assert state.list_seen("revocation") == 7
    assert state.list_seen("another") is None


@pytest.mark.parametrize(
    "name", ["../../x", "a/b", "..", "", "x" * 5000, "模型", "a\0b", ".git", "B", "b", "e\u0301", "é"]
)
def test_no_name_leaves_the_folder_or_shares_a_file(state, name):
    state.accept(name, "production", Seen(1, A))
    state.accept("production", name, Seen(2, B))
    assert state.seen(name, "production") == Seen(1, A)
    assert [path.parent.name for path in state.folder.rglob("*.json")] == ["channels"] * 2
    assert len([*state.folder.parent.iterdir()]) == 1


def test_two_names_that_join_to_one_text_are_two(state):
    state.accept("a/b", "c", Seen(5, A))
    assert state.seen("a", "b/c") is None


def test_without_remembering_nothing_is_written_and_all_is_compared(state):
    state.accept("bert", "production", Seen(5, A))
    reader = Memory(state.folder, remember=False)
    reader.accept("bert", "production", Seen(6, B))
    assert reader.seen("bert", "production") == Seen(5, A)
    with pytest.raises(RolledBack):
        reader.accept("bert", "production", Seen(4, A))
    fresh = Memory(state.folder / "none", remember=False)
    fresh.accept("bert", "production", Seen(6, B))
    assert not fresh.folder.exists()


def test_others_may_not_read_it(state):
    state.accept("bert", "production", Seen(5, A))
    modes = {path.stat().st_mode & 0o077 for path in state.folder.rglob("*")}
    assert modes == {0}


GOOD = memory.render(ChannelMemory("bert", "production", 5, A))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is not strict JSON"),
        (GOOD[:40], "is not strict JSON"),
        (b"\xff" + GOOD, "is not strict JSON"),
        (GOOD.replace(b'"serial": 5', b'"serial": 5, "serial": 1'), "is there twice"),
        (GOOD.replace(b": 5", b": 0"), r"\$\.serial: must be an integer of at least 1"),
        (GOOD.replace(b": 5", b": 5.0"), r"\$\.serial: must be an integer"),
        (GOOD.replace(b": 5", b": true"), r"\$\.serial: must be an integer"),
        (GOOD.replace(b'"aaaa', b'"AAAA'), r"\$\.identity: must be a sha256"),
        (GOOD.replace(b'"format": 1', b'"format": 2'), r"\$\.format: must be 1"),
        (GOOD.replace(b'"format": 1,', b""), r"\$\.format: is missing"),
        (GOOD.replace(b"{", b'{"more": 1,', 1), r"\$\.more: is not a member"),
        (GOOD.replace(b"bert", b"tiny"), r"it is about \('tiny', 'production'\)"),
        (b"[]", "must be an object"),
        (GOOD + b" " * memory.MAX_SIZE, "is longer than"),
    ],
)
def test_what_is_damaged_refuses_and_stays(state, data, why):
    state.accept("bert", "production", Seen(5, A))
    the_file(state).write_bytes(data)
    for attempt in (
        lambda: state.seen("bert", "production"),
        lambda: state.accept("bert", "production", Seen(6, A)),
        lambda: Memory(state.folder, remember=False).accept("bert", "production", Seen(6, A)),
    ):
        with pytest.raises(PolicyDenied, match=why) as refused:
            attempt()
        assert "channel_serials" in refused.value.hint
    assert the_file(state).read_bytes() == data


@pytest.mark.parametrize("data", [b"{}", memory.render(ListMemory("another", 7))])
def test_a_damaged_list_memory_refuses(state, data):
    state.accept_list("revocation", 7)
    the_file(state).write_bytes(data)
    with pytest.raises(PolicyDenied, match="cannot be read"):
        state.list_seen("revocation")


def test_a_place_that_is_no_folder_refuses(state):
    state.folder.write_bytes(b"")
    with pytest.raises(PolicyDenied, match="cannot be read"):
        state.seen("bert", "production")


def test_what_cannot_be_written_refuses_with_advice(state):
    state.accept("bert", "production", Seen(5, A))
    (state.folder / "lock").unlink()
    (state.folder / "lock").mkdir()  # refuses root too, whom no mode does
    state.accept("bert", "production", Seen(5, A))  # known already
    with pytest.raises(PolicyDenied, match="cannot be remembered") as refused:
        state.accept("bert", "production", Seen(6, A))
    assert "SYCEE_STATE" in refused.value.hint
    assert "channel_serials" in refused.value.hint
    assert state.seen("bert", "production") == Seen(5, A)


def test_who_holds_the_lock_for_long_is_not_waited_for(state, monkeypatch):
    monkeypatch.setattr(trust_memory, "_WAIT", 0.1)
    state.folder.mkdir()
    with state._locked(), pytest.raises(Conflict, match="was held by another"):
        state.accept("bert", "production", Seen(5, A))


def test_what_a_killed_writer_left_is_swept(state):
    state.accept("bert", "production", Seen(5, A))
    left = the_file(state).with_name(f".{'x' * 22}.tmp")
    left.write_bytes(b"half")
    state.accept("bert", "production", Seen(6, A))
    assert not left.exists()


def test_many_at_once_leave_the_highest(state):
    """Eight threads accept mixed serials; no look ever sees less than a look before, and the highest stays."""
    wrong: list[str] = []

    def work(first: int) -> None:
        highest = 0
        for serial in range(first, 120, 8):
            with suppress(RolledBack):
                state.accept("bert", "production", Seen(serial, A))
            found = state.seen("bert", "production")
            if found is None or found.serial < max(highest, serial):
                wrong.append(f"{found} after {serial}")
            else:
                highest = found.serial

    threads = [threading.Thread(target=work, args=(first,)) for first in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert state.seen("bert", "production") == Seen(119, A)


@pytest.mark.parametrize(
    ("environ", "place"),
    [
        ({"HOME": "/home/u"}, "/home/u/.local/state/sycee"),
        ({"HOME": "/home/u", "XDG_STATE_HOME": "/s"}, "/s/sycee"),
        ({"HOME": "/home/u", "XDG_STATE_HOME": "relative"}, "/home/u/.local/state/sycee"),
        ({"HOME": "/home/u", "XDG_STATE_HOME": "/s", "SYCEE_STATE": "/mine"}, "/mine"),
        ({"HOME": "/home/u", "SYCEE_STATE": ""}, "/home/u/.local/state/sycee"),
    ],
)
def test_where_it_lies(environ, place):
    assert user_state(environ) == Path(place)


def test_a_relative_place_is_refused():
    with pytest.raises(UsageError, match="a relative path"):
        user_state({"SYCEE_STATE": "state"})


@pytest.mark.parametrize(("environ", "does"), [({}, True), ({"SYCEE_REMEMBER": ""}, True),
    ({"SYCEE_REMEMBER": "1"}, True), ({"SYCEE_REMEMBER": "0"}, False)])  # fmt: skip
def test_whether_it_is_written(environ, does):
    assert remembers(environ) is does


def test_another_word_for_remembering_is_refused():
    with pytest.raises(UsageError, match="SYCEE_REMEMBER is 'no'"):
        remembers({"SYCEE_REMEMBER": "no"})


def test_a_home_is_found_without_the_environment():
    assert user_state({}) == Path.home() / ".local/state/sycee"


def test_a_file_name_is_sixty_four_digits():
    assert re.fullmatch(r"[0-9a-f]{64}\.json", memory.file_name("a", os.fsdecode(b"\xff")))


def test_a_channel_is_no_list():
    with pytest.raises(FormatError):
        memory.parse_list(GOOD, "m")


def test_a_link_that_leads_nowhere_is_not_nothing(tmp_path):
    memory = Memory(tmp_path)
    memory.accept("bert", "production", Seen(5, "a" * 64))
    (path,) = (tmp_path / "channels").glob("*.json")
    path.unlink()
    path.symlink_to(tmp_path / "unmounted")
    with pytest.raises(PolicyDenied, match="leads nowhere"):
        memory.seen("bert", "production")
