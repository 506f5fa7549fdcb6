"""A strict reader for the few YAML shapes that DVC and sycee themselves write; it imports nothing heavy.

Importing ruamel.yaml costs more than a whole ``sycee status`` may take. Almost every pointer consists of nested block
maps with short plain scalars, so that is all this module understands. What it does not understand it declines, and
the caller asks ruamel; what it accepts, ruamel reads alike (a property test compares them).
"""

import re
from typing import Any

_MAX_DEPTH = 8
_LINE = re.compile(r"( *)(- )?([A-Za-z0-9_.]{1,64}):(?: (\S.*))?")
# Indicators, quotes and what else YAML gives a meaning somewhere; at the beginning more than within.
_UNPLAIN = re.compile(r"""[!"#$&'*:;<>?\[\\\]^`{|}]|\A[-+.,@%=()~ ]""")
_INTEGER = re.compile(r"0|[1-9][0-9]{0,17}")
_WORDS = {"true": True, "false": False}
_RESERVED = {"null", "true", "false"}  # in any case; declined unless in _WORDS
# A letter that no number and no timestamp of YAML can hold, unless it begins with 0x.
_LETTER_OF_TEXT = re.compile("[ac-df-np-su-wyAC-DF-NP-SU-WY]")

_Line = tuple[int, bool, str, str | None]


class _DeclinedError(Exception):
    pass


def read(text: str) -> dict[str, Any] | None:
    """Return the value of a YAML document in the subset, or None when it is not in it.

    Args:
        text: Lines ``key: value``, maps indented by two spaces, list items that are maps with their dash at the
            column of the list's key; scalars plain: text, integers below 10**18, ``true`` and ``false``.
    """
    if not text.endswith("\n"):
        return None
    try:
        lines = [_split(line) for line in text[:-1].split("\n")]
        value, end = _map(lines, 0, 0)
    except _DeclinedError:
        return None
    return value if end == len(lines) else None


def plain(text: str) -> str | int | bool | None:
    """Return what a plain scalar means, or None when that is not certain."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if text[-1:] in {"", " "} or text.lower() in _RESERVED or not text.isprintable() or _UNPLAIN.search(text):
        return None
    if text[0] in "0123456789" and (text[:2] in {"0x", "0X"} or not _LETTER_OF_TEXT.search(text)):
        return None
    return text


def _split(line: str) -> _Line:
    match = _LINE.fullmatch(line)
    if not match:
        raise _DeclinedError
    indent, dash, key, value = match.groups()
    if not isinstance(plain(key), str):
        raise _DeclinedError
    return len(indent), dash is not None, key, value


def _map(lines: list[_Line], at: int, indent: int) -> tuple[dict[str, Any], int]:
    """Read one map whose keys stand at column ``indent``; its first key may follow a dash."""
    result: dict[str, Any] = {}
    first = at
    while at < len(lines):
        column, dash, key, text = lines[at]
        if column + 2 * dash != indent or (dash and at != first):
            break
        if key in result:
            raise _DeclinedError
        result[key], at = _value(lines, at + 1, indent, text)
    if not result:
        raise _DeclinedError
    return result, at


def _value(lines: list[_Line], at: int, indent: int, text: str | None) -> tuple[Any, int]:
    if text is not None:
        scalar = plain(text)
        if scalar is None:
            raise _DeclinedError
        return scalar, at
    if at == len(lines) or indent >= 2 * _MAX_DEPTH:
        raise _DeclinedError
    column, dash, _, _ = lines[at]
    if dash and column == indent:
        return _list(lines, at, indent)
    if not dash and column == indent + 2:
        return _map(lines, at, indent + 2)
    raise _DeclinedError


def _list(lines: list[_Line], at: int, indent: int) -> tuple[list[Any], int]:
    items = []
    while at < len(lines) and lines[at][:2] == (indent, True):
        item, at = _map(lines, at, indent + 2)
        items.append(item)
    return items, at
