"""Channel statements: the small signed files by which ``production`` names one version.

Specification: ``docs/spec/channel.md``.
"""

import datetime as dt
import re
from typing import NamedTuple

from sycee.formats import strictjson, times
from sycee.formats.paths import path_fault

TYPE = "https://sycee.dev/channel/v1"
MAX_SIZE = 16 << 10  # bytes
MAX_SERIAL = 2**53 - 1  # what every JSON reader keeps exactly

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")  # of a channel; lower case, since it becomes the name of a file
_MODEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9/_-]{0,198}[A-Za-z0-9])?")
_MAX_VERSION = 100  # characters
_REQUIRED = ("type", "model", "channel", "serial", "issued", "expires", "identity")
_OPTIONAL = ("version", "fallback")


class Channel(NamedTuple):
    """What one statement says.

    Attributes:
        model: The model's name.
        name: ``production``.
        serial: Grows with every statement of this model and channel, from 1.
        issued: When it was made, UTC, whole seconds.
        expires: From when on it does not count.
        identity: The version, 64 hex digits.
        version: Its label, for people; empty if it has none.
        fallback: Another version that may stand in for it without a new statement, 64 hex digits; None for none.
    """

    model: str
    name: str
    serial: int
    issued: dt.datetime
    expires: dt.datetime
    identity: str
    version: str = ""
    fallback: str | None = None


def render(channel: Channel) -> bytes:
    """Return the one text of a statement.

    Raises:
        FormatError: The values are not those of a statement.
    """
    document = _document(channel)
    _read(document, "the new channel statement")
    return strictjson.render_readable(document)


def _document(channel: Channel) -> dict[str, object]:
    members: dict[str, object] = {
        "type": TYPE,
        "model": channel.model,
        "channel": channel.name,
        "serial": channel.serial,
        "issued": times.render(channel.issued),
        "expires": times.render(channel.expires),
        "identity": channel.identity,
    }
    if channel.version:
        members["version"] = channel.version
    if channel.fallback is not None:
        members["fallback"] = channel.fallback
    return members


def parse(data: bytes, name: str) -> Channel:
    """Read a statement strictly.

    Args:
        data: The whole file.
        name: What to call it in messages.

    Raises:
        FormatError: With every fault; also if a single byte differs from what :func:`render` writes.
    """
    channel = _read(strictjson.parse(data, name, limit=MAX_SIZE), name)
    strictjson.require_canonical(data, strictjson.render_readable(_document(channel)), name)
    return channel


def _read(value: object, name: str) -> Channel:
    reader = strictjson.Reader(name)
    top = reader.mapping(value, "$", required=_REQUIRED, optional=_OPTIONAL)
    reader.finish()
    reader.constant(top["type"], "$.type", TYPE)
    channel = Channel(
        _model(reader, top["model"]),
        channel_name(reader, top["channel"], "$.channel"),
        reader.integer(top["serial"], "$.serial", least=1, most=MAX_SERIAL),
        reader.time(top["issued"], "$.issued"),
        reader.time(top["expires"], "$.expires"),
        reader.sha256(top["identity"], "$.identity"),
        reader.line(top["version"], "$.version", longest=_MAX_VERSION) if "version" in top else "",
        reader.sha256(top["fallback"], "$.fallback") if "fallback" in top else None,
    )
    reader.finish()
    if channel.expires <= channel.issued:
        reader.fault("$.expires", "must be later than issued")
    if channel.fallback == channel.identity:
        reader.fault("$.fallback", "must be another version than identity")
    reader.finish()
    return channel


def channel_name(reader: strictjson.Reader, value: object, path: str) -> str:
    """Return the name of a channel."""
    text = reader.text(value, path)
    if not NAME.fullmatch(text):
        reader.fault(path, "must be the name of a channel: lower-case letters, digits, '-' and '_', at most 64")
    return text


def _model(reader: strictjson.Reader, value: object) -> str:
    text = reader.text(value, "$.model")
    if not _MODEL.fullmatch(text) or path_fault(text):
        reader.fault("$.model", "must be a model's name: letters, digits, '-', '_' and '/', at most 200")
    return text
