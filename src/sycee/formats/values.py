"""JSON-like values: what a card may hold, and the ``$.path`` that names a place in it.

A value is None, a bool, an integer of 64 bits, a finite float, text, a list of values or a mapping from text to values.
Anything else would come out differently in another language, another YAML dialect or another JSON reader.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sycee.errors import Fault

MAX_DEPTH = 32  # far beyond any real configuration, far below Python's recursion limit
MAX_KEY = 100  # characters; PyYAML reads no "key: value" whose key takes more than 1024 once escaped
MIN_INT, MAX_INT = -(2**63), 2**64 - 1  # what 64-bit readers can hold, unsigned seeds included

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_SURROGATE = re.compile("[\ud800-\udfff]")


def member(path: str, key: object) -> str:
    """Return the path of a member: ``$.metrics.f1``, ``$.tags[0]``, ``$.metrics['F1 (dev)']``."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    text = str(key)
    return f"{path}.{text}" if _PLAIN_KEY.fullmatch(text) else f"{path}[{text!r}]"


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested values under dotted names; lists stay whole."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{name}.")
        else:
            found[name] = value
    return found


def faults(value: object, path: str = "$", depth: int = 0) -> Iterator[Fault]:
    """Yield what keeps ``value`` from being JSON-like, in document order.

    Args:
        value: Any Python value.
        path: Where it stands.
        depth: How many mappings and lists enclose it.
    """
    if depth > MAX_DEPTH:
        yield Fault(path, f"nested deeper than {MAX_DEPTH} levels")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _key_faults(key, path)
            yield from faults(item, member(path, key if isinstance(key, str) else repr(key)), depth + 1)
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray):
        for index, item in enumerate(value):
            yield from faults(item, member(path, index), depth + 1)
    elif fault := _scalar_fault(value):
        yield Fault(path, fault)


def _key_faults(key: object, path: str) -> Iterator[Fault]:
    if not isinstance(key, str):
        yield Fault(path, f"the key {key!r} is not text; write it in quotes")
    elif not key:
        yield Fault(path, "has an empty key")
    elif len(key) > MAX_KEY:
        yield Fault(path, f"has a key longer than {MAX_KEY} characters: {key[:20]!r}…")
    elif _SURROGATE.search(key):
        yield Fault(path, f"the key {key!r} is not valid Unicode")


def _scalar_fault(value: object) -> str | None:
    match value:
        case None | bool():
            return None
        case int():
            return None if MIN_INT <= value <= MAX_INT else "is an integer that does not fit into 64 bits"
        case float():
            return None if math.isfinite(value) else f"is not a finite number: {float(value)}"
        case str():
            return "is not valid Unicode (a lone surrogate)" if _SURROGATE.search(value) else None
    return f"is a {type(value).__name__}; only text, numbers, true, false, null, lists and mappings can be written"
