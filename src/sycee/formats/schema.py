"""JSON Schema, the part our schemas use: one function per keyword, every fault at once.

The schema file that is shipped *is* the rule table of the validator, so the two cannot drift; the tests run the same
values through the ``jsonschema`` package. Values must be JSON-like (see :mod:`sycee.formats.values`).
A definition's ``title`` names what is expected: ``$.model.files[0].md5: expected an md5 …, found 'abc'``.
"""

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sycee.errors import Fault
from sycee.formats.paths import path_fault
from sycee.formats.values import member

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Place:
    """A value, where it stands, and the schema it is held against."""

    value: Any
    path: str
    schema: Schema
    root: Schema

    def step(self, key: object, value: object, schema: Schema) -> Iterator[Fault]:
        return _faults(_Place(value, member(self.path, key), schema, self.root))


def faults(value: object, schema: Schema) -> list[Fault]:
    """Return every way in which a JSON-like value breaks the schema, in document order of the schema.

    Raises:
        KeyError: If the schema uses a keyword that this module does not know: a bug in the schema.
    """
    return list(_faults(_Place(value, "$", schema, schema)))


def _faults(place: _Place) -> Iterator[Fault]:
    for keyword, rule in place.schema.items():
        found = list(_KEYWORDS[keyword](rule, place))
        yield from found
        if found and keyword == "type":
            return  # the other keywords would only repeat that it is something else


def _expected(place: _Place, otherwise: str) -> Iterator[Fault]:
    shown = repr(place.value)
    shown = shown if len(shown) <= 60 else f"{shown[:57]}…"
    yield Fault(place.path, f"expected {place.schema.get('title') or otherwise}, found {shown}")


def _nothing(_rule: object, _place: _Place) -> Iterator[Fault]:
    yield from ()


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "null": ("null", lambda value: value is None),
    "boolean": ("true or false", lambda value: isinstance(value, bool)),
    "integer": ("an integer", lambda value: _is_number(value) and (isinstance(value, int) or value.is_integer())),
    "number": ("a number", _is_number),
    "string": ("text", lambda value: isinstance(value, str)),
    "array": ("a list", lambda value: isinstance(value, Sequence) and not isinstance(value, str)),
    "object": ("a mapping", lambda value: isinstance(value, Mapping)),
}


def _type(rule: str | list[str], place: _Place) -> Iterator[Fault]:
    names = [rule] if isinstance(rule, str) else rule
    if not any(_TYPES[name][1](place.value) for name in names):
        yield from _expected(place, " or ".join(_TYPES[name][0] for name in names))


def _ref(rule: str, place: _Place) -> Iterator[Fault]:
    target: Any = place.root
    for part in rule.removeprefix("#").split("/")[1:]:
        target = target[part]
    return _faults(_Place(place.value, place.path, target, place.root))


def _enum(rule: list[Any], place: _Place) -> Iterator[Fault]:
    # True is no 1, though Python says so
    if not any(place.value == item and isinstance(place.value, bool) == isinstance(item, bool) for item in rule):
        yield from _expected(place, " or ".join(map(str, rule)))


def _pattern(rule: str, place: _Place) -> Iterator[Fault]:
    if isinstance(place.value, str) and not re.search(rule, place.value):
        yield from _expected(place, f"text like {rule}")


def _minimum(rule: float, place: _Place) -> Iterator[Fault]:
    if _is_number(place.value) and place.value < rule:
        yield from _expected(place, f"{rule} or more")


def _min_length(rule: int, place: _Place) -> Iterator[Fault]:
    if isinstance(place.value, str) and len(place.value) < rule:
        yield from _expected(place, "text that is not empty")


def _min_items(rule: int, place: _Place) -> Iterator[Fault]:
    if _TYPES["array"][1](place.value) and len(place.value) < rule:
        yield from _expected(place, f"a list of {rule} or more")


def _max_items(rule: int, place: _Place) -> Iterator[Fault]:
    if _TYPES["array"][1](place.value) and len(place.value) > rule:
        yield from _expected(place, f"a list of {rule} or fewer")


def _items(rule: Schema, place: _Place) -> Iterator[Fault]:
    if _TYPES["array"][1](place.value):
        for index, item in enumerate(place.value):
            yield from place.step(index, item, rule)


def _required(rule: list[str], place: _Place) -> Iterator[Fault]:
    if isinstance(place.value, Mapping):
        yield from (Fault(member(place.path, key), "is missing") for key in rule if key not in place.value)


def _properties(rule: Mapping[str, Schema], place: _Place) -> Iterator[Fault]:
    if isinstance(place.value, Mapping):
        for key in rule:
            if key in place.value:
                yield from place.step(key, place.value[key], rule[key])


def _additional(rule: bool | Schema, place: _Place) -> Iterator[Fault]:
    if not isinstance(place.value, Mapping) or rule is True:
        return
    known = place.schema.get("properties", {})
    patterns = place.schema.get("patternProperties", {})
    for key in place.value:
        if key in known or any(re.search(pattern, key) for pattern in patterns):
            continue
        if isinstance(rule, Mapping):
            yield from place.step(key, place.value[key], rule)
        else:
            yield Fault(member(place.path, key), f"is not a field of the card{_did_you_mean(key, known)}")


def _did_you_mean(key: str, known: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    return f"; did you mean {close[0]}?" if close else "; fields of your own begin with x_"


def _format(rule: str, place: _Place) -> Iterator[Fault]:
    if isinstance(place.value, str) and (fault := FORMATS[rule](place.value)):
        yield Fault(place.path, f"unsafe path {place.value!r}: it {fault}")


# Beside the standard keywords: ``relative-path`` is a path that stays below its folder on every system.
FORMATS: Mapping[str, Callable[[str], str | None]] = {"relative-path": path_fault}

_KEYWORDS: Mapping[str, Callable[[Any, _Place], Iterator[Fault]]] = {
    "type": _type,
    "$ref": _ref,
    "enum": _enum,
    "pattern": _pattern,
    "minimum": _minimum,
    "minLength": _min_length,
    "minItems": _min_items,
    "maxItems": _max_items,
    "items": _items,
    "required": _required,
    "properties": _properties,
    "additionalProperties": _additional,
    "format": _format,
    # read together with additionalProperties: what matches is left to its owner
    "patternProperties": _nothing,
    **dict.fromkeys(("$schema", "$id", "$defs", "title", "description", "examples"), _nothing),
}
