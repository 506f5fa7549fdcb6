"""What a machine has accepted: the highest serial of a channel, the highest number of a revocation list.

One small file each. Specification: ``docs/spec/memory.md``.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from sycee.digest import sha256_hex
from sycee.formats import strictjson

VERSION = 1  # of the format
MAX_SIZE = 16 << 10  # bytes


class ChannelMemory(NamedTuple):
    """The statement with the highest serial that was accepted for a model and channel.

    Attributes:
        model: The model's name.
        channel: ``production``.
        serial: Of the statement.
        identity: The version that it named, 64 hex digits.
    """

    model: str
    channel: str
    serial: int
    identity: str


class ListMemory(NamedTuple):
    """The highest number of a revocation list that was accepted.

    Attributes:
        source: Which list.
        number: Its number.
    """

    source: str
    number: int


def file_name(*key: str) -> str:
    """Return the name of the file about these names, whatever characters and however many they have.

    A digest, since file systems fold case and Unicode, and two names must never share a file.
    """
    return f"{sha256_hex(json.dumps(key, separators=(',', ':')).encode())}.json"


def render(value: ChannelMemory | ListMemory) -> bytes:
    """Return the whole file."""
    return strictjson.render_readable({"format": VERSION, **value._asdict()})


def parse_channel(data: bytes, name: str) -> ChannelMemory:
    """Read what is remembered of a channel.

    Args:
        data: The whole file.
        name: What to call it in messages.

    Raises:
        FormatError: It is not what ``docs/spec/memory.md`` allows.
    """
    reader, top = _read(data, name, ChannelMemory._fields)
    found = ChannelMemory(
        reader.text(top.get("model"), "$.model"),
        reader.text(top.get("channel"), "$.channel"),
        reader.integer(top.get("serial"), "$.serial", least=1),
        reader.sha256(top.get("identity"), "$.identity"),
    )
    reader.finish()
    return found


def parse_list(data: bytes, name: str) -> ListMemory:
    """Read what is remembered of a revocation list; arguments and errors as of :func:`parse_channel`."""
    reader, top = _read(data, name, ListMemory._fields)
    found = ListMemory(
        reader.text(top.get("source"), "$.source"), reader.integer(top.get("number"), "$.number", least=1)
    )
    reader.finish()
    return found


def _read(data: bytes, name: str, members: tuple[str, ...]) -> tuple[strictjson.Reader, Mapping[str, Any]]:
    reader = strictjson.Reader(name)
    top = reader.mapping(strictjson.parse(data, name, limit=MAX_SIZE), "$", required=("format", *members), optional=())
    reader.constant(top.get("format"), "$.format", VERSION)
    return reader, top
