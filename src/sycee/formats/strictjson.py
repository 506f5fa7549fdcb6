"""JSON in which every text means one thing: what two readers would understand differently is refused.

RFC 8259 leaves open what a repeated member means, and Python reads ``NaN``; a checker and a loader that disagree about
either see two files in the same bytes.
"""

import base64
import binascii
import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

from sycee.digest import is_hex
from sycee.errors import Fault, FormatError
from sycee.formats import times
from sycee.formats.paths import path_fault


class Reader:
    """Walks a parsed value, gathering every fault with its ``$.path`` instead of stopping at the first."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.faults: list[Fault] = []

    def fault(self, path: str, message: str) -> None:
        """Record one thing wrong."""
        self.faults.append(Fault(path, message))

    def mapping(
        self, value: object, path: str, *, required: Sequence[str] = (), optional: Sequence[str] | None = None
    ) -> Mapping[str, Any]:
        """Return ``value`` as a mapping; an empty one, and a fault, when it is none.

        Args:
            value: The value found.
            path: Where it was found.
            required: Members that must be there.
            optional: Members that may be there besides; None allows any.
        """
        if not isinstance(value, dict):
            self.fault(path, f"must be an object, not {_kind(value)}")
            return {}
        for name in required:
            if name not in value:
                self.fault(f"{path}.{name}", "is missing")
        if optional is not None:
            for name in value:
                if name not in required and name not in optional:
                    self.fault(f"{path}.{_member(name)}", "is not a member this format knows")
        return value

    def array(self, value: object, path: str) -> Sequence[Any]:
        """Return ``value`` as a sequence; an empty one, and a fault, when it is none."""
        if isinstance(value, list):
            return value
        self.fault(path, f"must be an array, not {_kind(value)}")
        return ()

    def items(self, value: object, path: str) -> Iterator[tuple[str, Any]]:
        """Yield each item of an array with its path."""
        for at, item in enumerate(self.array(value, path)):
            yield f"{path}[{at}]", item

    def choice(self, value: object, path: str, choices: Sequence[str]) -> str:
        """Return a text that is one of several; the first of them, and a fault, when it is none."""
        if isinstance(value, str) and value in choices:
            return value
        self.fault(path, f"must be one of {', '.join(choices)}")
        return choices[0]

    def text(self, value: object, path: str) -> str:
        """Return ``value`` as text; empty, and a fault, when it is none."""
        if not isinstance(value, str):
            self.fault(path, f"must be a string, not {_kind(value)}")
        elif _LONE_SURROGATE.search(value):
            self.fault(path, "is not valid Unicode")  # JSON can escape half a pair; no file and no terminal can show it
        else:
            return value
        return ""

    def constant(self, value: object, path: str, expected: object) -> None:
        """Demand one certain value, of the same type."""
        if value != expected or type(value) is not type(expected):
            self.fault(path, f"must be {json.dumps(expected)}, not {_shorten(value)}")

    def flag(self, value: object, path: str) -> bool:
        """Return a boolean; False, and a fault, when it is none."""
        if not isinstance(value, bool):
            self.fault(path, f"must be true or false, not {_kind(value)}")
        return value is True

    def integer(self, value: object, path: str, *, least: int, most: int | None = None) -> int:
        """Return an integer from ``least`` to ``most``; ``least``, and a fault, when it is none."""
        is_integer = isinstance(value, int) and not isinstance(value, bool)
        if isinstance(value, int) and is_integer and least <= value and (most is None or value <= most):
            return value
        limits = f"of at least {least}" if most is None else f"from {least} to {most}"
        self.fault(path, f"must be an integer {limits}, not {_shorten(value)}")
        return least

    def floating(self, value: object, path: str) -> float:
        """Return the number that a text such as ``0x1.8p+1`` is in C99's hexadecimal form; 0.0 when it is none."""
        text = self.text(value, path)
        try:
            number = float.fromhex(text)
        except (ValueError, OverflowError):
            number = 0.0
        if number.hex() != text:
            self.fault(path, f"must be a number in hexadecimal form, such as 0x1.8p+1, not {_shorten(text)}")
        return number

    def sha256(self, value: object, path: str) -> str:
        """Return a sha256 in lower-case hexadecimal."""
        text = self.text(value, path)
        if not is_hex(text, "sha256"):
            self.fault(path, f"must be a sha256, 64 lower-case hex digits, not {_shorten(text)}")
        return text

    def time(self, value: object, path: str) -> dt.datetime:
        """Return a time, in UTC; the first second of all, and a fault, when it is none."""
        text = self.text(value, path)
        if when := times.parse(text):
            return when
        self.fault(path, f"must be a time such as 2026-01-31T12:00:00Z, not {_shorten(text)}")
        return dt.datetime.min.replace(tzinfo=dt.UTC)

    def line(self, value: object, path: str, *, longest: int) -> str:
        """Return a text of one line that has something in it."""
        text = self.text(value, path)
        if not text or len(text) > longest or not text.isprintable():
            self.fault(path, f"must be one line of 1 to {longest} characters")
        return text

    def relpath(self, value: object, path: str) -> str:
        """Return a relative path that stays below the folder it is joined to."""
        text = self.text(value, path)
        if text and (fault := path_fault(text)):
            self.fault(path, f"unsafe path {_shorten(text)}: it {fault}")
        elif value == "":
            self.fault(path, "is empty")
        return text

    def base64(self, value: object, path: str) -> bytes:
        """Return the bytes of a base64 text in the standard or URL-safe alphabet, canonically padded."""
        text = self.text(value, path)
        try:
            data = base64.b64decode(text.encode("ascii"), altchars=_alphabet(text), validate=True)
        except (binascii.Error, UnicodeEncodeError, ValueError):
            self.fault(path, "is not base64")
            return b""
        if base64.b64encode(data, altchars=_alphabet(text)).decode("ascii") != text:
            self.fault(path, "is not canonical base64")  # unused bits that are not zero: two texts for the same bytes
        return data

    def finish(self) -> None:
        """End the walk.

        Raises:
            FormatError: With every fault, if there was one.
        """
        if self.faults:
            raise FormatError(f"{self.what} is malformed: {self.faults[0]}", faults=self.faults)


_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def _alphabet(text: str) -> bytes:
    return b"-_" if "-" in text or "_" in text else b"+/"


def _kind(value: object) -> str:
    kinds = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return kinds.get(type(value), "a number" if isinstance(value, int | float) else "a date or time")


def _member(name: str) -> str:
    return name if name.isidentifier() and name.isascii() and len(name) <= 80 else _shorten(name)


def _shorten(value: object) -> str:
    try:
        text = json.dumps(value, default=str)  # TOML has dates
    except ValueError:  # and hexadecimal numbers of any length
        return "a number of thousands of digits"
    return text if len(text) <= 80 else f"{text[:77]}..."


def parse(data: bytes, what: str, *, limit: int | None = None) -> Any:
    """Parse one JSON text.

    Args:
        data: All bytes of it: UTF-8, no byte order mark.
        what: What it is, for the message.
        limit: How many bytes it may have.

    Returns:
        The value; objects are dicts in document order.

    Raises:
        FormatError: If it is too long or not JSON, repeats a member, or holds NaN, Infinity or an absurdly deep or long
            value.
    """
    if limit is not None and len(data) > limit:
        raise FormatError(f"{what} is longer than {limit} bytes")
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_members, parse_constant=_no_constant)
    except RecursionError:
        raise FormatError(f"{what} is nested too deeply") from None
    except ValueError as error:  # JSONDecodeError, UnicodeDecodeError, _Refused, an integer of thousands of digits
        raise FormatError(f"{what} is not strict JSON: {error}", faults=[Fault("$", str(error))]) from None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise ValueError(f"the member {name!r} is there twice")
        members[name] = value
    return members


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def render(value: object) -> bytes:
    """Return the compact form: no space, members in the order given, UTF-8."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def render_readable(value: object) -> bytes:
    """Return the form that people read and compare: members sorted, indented by two spaces, LF at the end, UTF-8."""
    return f"{json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2, sort_keys=True)}\n".encode()


def require_canonical(
    data: bytes, rendered: bytes, what: str, otherwise: str = ": members sorted, indented by two spaces, LF at the end"
) -> None:
    """Demand that a text is the one that its values have.

    Args:
        data: The text.
        rendered: The one text of the values that were read from it.
        what: What it is, for the message.
        otherwise: What the form is, or what else may be wrong, as the end of the message.

    Raises:
        FormatError: If a single byte differs.
    """
    if data != rendered:
        raise FormatError(f"{what} is not in canonical form{otherwise}")
