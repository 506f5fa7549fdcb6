"""Channel statements and revocation lists: the pages, what is refused, and that one meaning has one text."""

import datetime as dt
import re
from pathlib import Path

import pytest

from rigs.policies import DAY, IDENTITY, NOW, OTHER, revoked, statement
from sycee.errors import FormatError
from sycee.formats import channel, revocations

PAGES = Path(__file__).parents[2] / "docs/spec"


def example(page: str) -> bytes:
    return re.search(r"```json\n(.*?)```", (PAGES / page).read_text(), re.DOTALL)[1].encode()


def test_the_example_of_the_channel_page_is_what_is_written():
    one = channel.parse(example("channel.md"), "c")
    assert channel.render(one) == example("channel.md")
    assert (one.model, one.name, one.serial, one.version) == ("bert-ner", "production", 41, "1.4.0")
    assert one.expires - one.issued == dt.timedelta(days=30)


def test_the_example_of_the_revocations_page_is_what_is_written():
    one = revocations.parse(example("revocations.md"), "r")
    assert revocations.render(one) == example("revocations.md")
    assert (one.number, len(one.keys), len(one.versions), len(one.files)) == (3, 1, 1, 0)


def test_what_may_be_missing_is_missing():
    bare = statement(version="", fallback=None)
    assert b"fallback" not in channel.render(bare)
    assert b'"version"' not in channel.render(bare)
    assert channel.parse(channel.render(bare), "c") == bare
    full = statement(fallback=OTHER)
    assert channel.parse(channel.render(full), "c") == full


CHANNEL, LIST = channel.render(statement(fallback=OTHER)), revocations.render(revoked(keys={OTHER: "stolen"}))


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("channel/v1", "channel/v2", '$.type: must be "https://sycee.dev/channel/v1"'),
        ('"bert-ner"', '"../bert"', "$.model: must be a model's name"),
        ('"bert-ner"', '"a//b"', "$.model: must be a model's name"),
        ('"production"', '"Production"', "$.channel: must be the name of a channel"),
        ('"serial": 41', '"serial": 0', "$.serial: must be an integer from 1 to 9007199254740991, not 0"),
        ('"serial": 41', '"serial": 41.0', "$.serial: must be an integer from 1"),
        ('"serial": 41', '"serial": 9007199254740992', "$.serial: must be an integer from 1"),
        ('"serial": 41', '"serial": true', "$.serial: must be an integer from 1"),
        ("2026-05-27T12:00:00Z", "2026-05-27", "$.issued: must be a time such as"),
        ("2026-07-01T12:00:00Z", "2026-05-27T12:00:00Z", "$.expires: must be later than issued"),
        (IDENTITY, IDENTITY.upper(), "$.identity: must be a sha256"),
        (IDENTITY, f"sycee:{IDENTITY}", "$.identity: must be a sha256"),
        (OTHER, IDENTITY, "$.fallback: must be another version than identity"),
        ('"1.4.0"', '""', "$.version: must be one line"),
        ('"1.4.0"', '"1\\u202e"', "$.version: must be one line"),
        ('"type"', '"x": 1, "type"', "$.x: is not a member"),
        ('"serial": 41,', "", "$.serial: is missing"),
        ('"serial": 41', '"serial": 40, "serial": 41', "the member 'serial' is there twice"),
        ("  ", " ", "is not in canonical form"),
        ('"1.4.0"', '"1\\u002e4.0"', "is not in canonical form"),
    ],
)
def test_which_statement_is_refused(old, new, fault):
    assert old.encode() in CHANNEL
    with pytest.raises(FormatError) as caught:
        channel.parse(CHANNEL.replace(old.encode(), new.encode(), 1), "c")
    assert fault in str([caught.value.message, *map(str, caught.value.faults)]).replace("\\'", "'")


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("revocations/v1", "revocations/v2", "$.type: must be"),
        ('"number": 3', '"number": -3', "$.number: must be an integer from 1"),
        ("2026-07-01T12:00:00Z", "2026-05-01T12:00:00Z", "$.expires: must be later than issued"),
        ('"files": {},\n', "", "$.files: is missing"),
        ('"files": {}', '"files": []', "$.files: must be an object, not an array"),
        (OTHER, "b2b2", "$.keys: must be a sha256"),
        ('"stolen"', '""', f"$.keys.{OTHER}: must be one line of 1 to 500 characters"),
        ('"stolen"', '"a\\nb"', f"$.keys.{OTHER}: must be one line of 1 to 500 characters"),
        ('"stolen"', '"stolen", "x": "y"', "$.keys: must be a sha256"),
        ("\n", "\r\n", "is not in canonical form"),
    ],
)
def test_which_list_is_refused(old, new, fault):
    assert old.encode() in LIST
    with pytest.raises(FormatError) as caught:
        revocations.parse(LIST.replace(old.encode(), new.encode(), 1), "r")
    assert fault in str([caught.value.message, *map(str, caught.value.faults)])


@pytest.mark.parametrize(("module", "data"), [(channel, CHANNEL), (revocations, LIST)])
def test_what_is_too_long_is_not_parsed(module, data):
    with pytest.raises(FormatError, match=f"longer than {module.MAX_SIZE} bytes"):
        module.parse(data + b" " * module.MAX_SIZE, "x")


@pytest.mark.parametrize(
    "values",
    [
        {"serial": 0},
        {"model": ""},
        {"expires": NOW - 9 * DAY},
        {"expires": NOW.replace(tzinfo=None) + DAY},
        {"version": "\ud800"},
        {"fallback": "x"},
    ],
)
def test_nothing_wrong_is_written(values):
    with pytest.raises(FormatError):
        channel.render(statement(**values))
    with pytest.raises(FormatError):
        revocations.render(revoked(keys={"11" * 32: "\ud800"}))
