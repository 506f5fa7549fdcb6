r"""YAML that every reader reads alike: a strict reader, and a writer whose text YAML 1.1 and 1.2 agree on.

The two dialects part on small things: ``1e-5`` is text in 1.1 and a number in 1.2; ``no`` is false and text; ``010``
is 8 and 10; ``12:30:45`` is 45045 and text. The writer quotes all that could be retyped and gives every float a dot.
The reader follows YAML 1.2 and refuses what has no place in a record that is signed: anchors, tags, directives, merge
keys, a second document, a key that is given twice, and numbers and dates in forms that only some readers know.

    >>> dump({"lr": 1e-05, "answer": "no"})
    b'lr: 1.0e-05\nanswer: "no"\n'
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sycee.errors import Fault, FormatError
from sycee.formats.values import MAX_DEPTH, member

MAX_BYTES = 1 << 20  # a card is a few KB; a pure Python parser takes seconds beyond this

# --- writing ---------------------------------------------------------------------------------------------------------

_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9 _./+@,=()-]*(?::[A-Za-z0-9_./+@,=()-][A-Za-z0-9 _./+@,=()-]*)*")
_RETYPED = re.compile(r"(y|n|yes|no|on|off|true|false|null|nan|inf|infinity)", re.IGNORECASE)
_HEX = re.compile(r"[0-9a-f]{32,}(\.dir)?")  # digests are quoted all or none, for one look; "12e4…" must be
_BLOCK = re.compile(r"[!-~\u00a1-\u00ac\u00ae-\u1fff\u3000-\ud7ff](.*[^ ])?", re.DOTALL)
# Control characters, line separators, and all that shows nothing or reorders what is shown: a reviewer sees each one.
_HIDDEN = re.compile(
    r'["\\\x00-\x1f\x7f-\xa0\xad\u061c\u180e\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000'
    r"\ufe00-\ufe0e\ufeff\ufff0-\uffff\U000e0000-\U000e0fff]"
)
_SHORT_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0"}
_FLOW_WIDTH = 100  # a list of numbers (a shape, class weights) stays on one line up to here


def dump(values: Mapping[str, Any]) -> bytes:
    """Return the text of a mapping of JSON-like values: UTF-8, LF, block style, order kept, no anchors, no comments.

    Args:
        values: JSON-like (:func:`sycee.formats.values.faults` finds nothing).
    """
    return "".join(f"{line}\n" for line in _mapping(values)).encode() if values else b"{}\n"


def _mapping(values: Mapping[str, Any]) -> Iterator[str]:
    for key, value in values.items():
        first, *rest = _node(value)
        yield f"{_scalar(key)}:{first}"
        yield from rest


def _node(value: object) -> Iterator[str]:
    """Yield what stands behind ``key:``: the rest of that line, then further lines (lists stand under their key)."""
    if isinstance(value, Mapping) and value:
        yield ""
        yield from (f"  {line}" if line else line for line in _mapping(value))
    elif isinstance(value, str) and "\n" in value and _fits_block(value):
        yield " |" if value.endswith("\n") else " |-"
        yield from (f"  {line}" if line else line for line in value.removesuffix("\n").split("\n"))
    elif (line := _inline(value)) is not None:
        yield f" {line}"
    elif isinstance(value, Sequence):
        yield ""
        for item in value:
            yield from _item(item)


def _item(value: object) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        lines = _mapping(value)
    elif isinstance(value, Sequence) and not isinstance(value, str) and _inline(value) is None:
        lines = (line for item in value for line in _item(item))
    elif isinstance(value, str):
        lines = iter([_scalar(value)])
    else:
        lines = iter([str(_inline(value))])
    for number, line in enumerate(lines):
        yield f"{'  ' if number else '- '}{line}" if line else line


def _inline(value: object) -> str | None:
    """Return the value as it fits on the line of its key, or None for what needs lines of its own."""
    if isinstance(value, Mapping):
        return None if value else "{}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return _flow(value)
    return _scalar(value)


def _flow(items: Sequence[Any]) -> str | None:
    if any(not isinstance(item, int | float) for item in items):
        return None
    text = f"[{', '.join(map(_scalar, items))}]"
    return text if len(text) <= _FLOW_WIDTH else None


def _scalar(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(int(value))
        case float():
            return _float(float(value))
    return _text(str(value))


def _float(value: float) -> str:
    mantissa, exponent, power = repr(value).partition("e")
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}{exponent}{power}"


def _text(text: str) -> str:
    plain = _PLAIN.fullmatch(text) and text[-1] != " " and not _RETYPED.fullmatch(text) and not _HEX.fullmatch(text)
    return text if plain else f'"{_HIDDEN.sub(_escape, text)}"'


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    form = "\\x{:02x}" if code < 0x100 else "\\u{:04x}" if code < 0x10000 else "\\U{:08x}"
    return _SHORT_ESCAPES.get(character) or form.format(code)


def _fits_block(text: str) -> bool:
    """Tell whether a literal block shows these lines as they are: nothing hidden, no blanks at the edges of lines."""
    lines = text.removesuffix("\n").split("\n")
    if _HIDDEN.search(re.sub(r'["\\\n]', "", text)) or not lines[0] or not lines[-1]:
        return False
    return all(not line or _BLOCK.fullmatch(line) for line in lines)


# --- reading ---------------------------------------------------------------------------------------------------------

_NULL = re.compile(r"|~|null|Null|NULL")
_BOOL = re.compile(r"(true|True|TRUE)|false|False|FALSE")
_INT = re.compile(r"[-+]?(0|[1-9][0-9]{0,20})")  # 21 digits: more than 64 bits, less than Python's limit
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
# What some readers take for a number, a date, a merge or a default value, and others for text.
_DISPUTED = re.compile(
    r"[-+]?0[0-9]+"  # octal, or decimal
    r"|[-+]?[0-9]{22,}"  # more digits than an integer of 64 bits has
    r"|[-+]?0[box][0-9a-fA-F_]+"
    r"|[-+]?\.[0-9]+[eE].*"
    r"|(?=[^_]*_)[-+.0-9][-+.0-9eE_]*"  # digits in groups
    r"|[-+]?[0-9][0-9_]*(:[0-9]+)+(\.[0-9_]*)?"  # base 60
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t].*)?"
    r"|=|<<"
)


def load(data: bytes, name: str) -> tuple[Any, list[Fault]]:
    """Return the values of one YAML document, and what is refused in its text though it can be read.

    Args:
        data: The whole file.
        name: What to call the file in messages.

    Returns:
        The values, with None in the place of what could not be given a value, and the faults.

    Raises:
        FormatError: Not UTF-8, too large, or not YAML 1.2.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    text = _decoded(data, name)
    try:
        reader = _Reader(iter(YAML(typ="safe", pure=True).parse(text)), name)
        return reader.document(), reader.faults
    except YAMLError as error:
        raise _unreadable(name, _syntax(error)) from error
    except (ValueError, IndexError, KeyError, AttributeError, TypeError, AssertionError) as error:
        # ruamel.yaml lets a few bare exceptions through on torn input; the text is at fault, not the program.
        raise _unreadable(name, "is not YAML") from error


def _decoded(data: bytes, name: str) -> str:
    if len(data) > MAX_BYTES:
        raise _unreadable(name, f"is larger than {MAX_BYTES} bytes (found {len(data)})")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _unreadable(name, f"is not UTF-8 (byte {error.start})") from error
    for character, what in (("\ufeff", "a byte order mark"), ("\r", "a carriage return; lines end in LF alone")):
        if character in text:
            raise _unreadable(name, f"contains {what}")
    return text


def _syntax(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark is not None else ""
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "unreadable"
    return f"is not YAML: {problem}{where}"


def _unreadable(name: str, problem: str, path: str = "$") -> FormatError:
    where = "" if path == "$" else f"{path} "
    return FormatError(f"{name}: {where}{problem}", faults=[Fault(path, problem)], path=name)


class _Reader:
    """Builds values from parser events; every fault that does not break the structure is collected."""

    def __init__(self, events: Iterator[Any], name: str) -> None:
        self.faults: list[Fault] = []
        self._name = name
        self._events = events

    def document(self) -> Any:
        kinds = (self._next() for _ in range(2))  # stream start, document start
        start = list(kinds)[-1]
        if type(start).__name__ != "DocumentStartEvent":
            return None
        if start.version or start.tags:
            self._fault("$", "has a % directive")
        value = self._value(self._next(), "$", 0)
        self._next()  # document end
        if type(self._next()).__name__ != "StreamEndEvent":
            self._fault("$", "holds more than one document")
        return value

    def _next(self) -> Any:
        return next(self._events)

    def _fault(self, path: str, message: str) -> None:
        self.faults.append(Fault(path, message))

    def _value(self, event: Any, path: str, depth: int) -> Any:
        kind = type(event).__name__
        if kind == "AliasEvent":
            return self._fault(path, f"uses the alias *{event.anchor}; write the value out")
        if event.anchor is not None:
            self._fault(path, f"has the anchor &{event.anchor}")
        if event.ctag is not None:
            self._fault(path, f"has the tag {event.tag}")
        if kind == "ScalarEvent":
            return self._scalar(event, path)
        if depth >= MAX_DEPTH:
            raise _unreadable(self._name, f"is nested deeper than {MAX_DEPTH} levels", path)
        return self._mapping(path, depth) if kind == "MappingStartEvent" else self._sequence(path, depth)

    def _mapping(self, path: str, depth: int) -> dict[Any, Any]:
        values: dict[Any, Any] = {}
        while type(event := self._next()).__name__ != "MappingEndEvent":
            key = self._key(event, path, depth)
            place = member(path, key)
            value = self._value(self._next(), place, depth + 1)
            if key in values:
                self._fault(place, "is given twice")
            values[key] = value
        return values

    def _key(self, event: Any, path: str, depth: int) -> str:
        known = len(self.faults)
        key = self._value(event, path, depth + 1)
        if isinstance(key, str):
            return key
        if len(self.faults) == known:
            self._fault(path, f"the key {key!r} is not text; write it in quotes")
        return repr(key)

    def _sequence(self, path: str, depth: int) -> list[Any]:
        values: list[Any] = []
        while type(event := self._next()).__name__ != "SequenceEndEvent":
            values.append(self._value(event, member(path, len(values)), depth + 1))
        return values

    def _scalar(self, event: Any, path: str) -> Any:
        text: str = event.value
        if not event.implicit[0]:  # quoted, or a block: text as it stands
            return text
        if _DISPUTED.fullmatch(text):
            return self._fault(path, f"{text} means different things to different YAML readers; quote it")
        return _plain(text)


def _plain(text: str) -> Any:
    """Return the value of a plain scalar by the core schema of YAML 1.2."""
    if _NULL.fullmatch(text):
        return None
    if match := _BOOL.fullmatch(text):
        return match[1] is not None
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _NOT_FINITE.fullmatch(text):
        return float(text.replace(".", "", 1))
    return text
