"""Gates: conditions on a card's signed facts, ``metrics.val_f1 >= 0.89``, as a trust file writes them.

A gate is a path, a comparison and a value; there is nothing else to it: no "and", no arithmetic, no call. A fact that
is missing, or of another kind than the value, fails the gate. One gate has one text. Grammar: ``docs/spec/trust.md``.
"""

import json
import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from sycee.errors import FormatError

Comparison = Literal[">=", "<=", ">", "<", "==", "!="]
MAX_LENGTH = 500  # characters

_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
    "!=": operator.ne,
}
_EQUALITY = ("==", "!=")
_MEMBER = r"[A-Za-z0-9_][A-Za-z0-9_@/-]*"
_GATE = re.compile(rf"({_MEMBER}(?:\.{_MEMBER})*) *(>=|<=|==|!=|>|<) *(.*)")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,29})(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,3})?")
_MISSING = object()


class Gate(NamedTuple):
    """One condition.

    Attributes:
        path: Members from the card's top, joined by dots: ``metrics.val_f1``.
        comparison: How to compare.
        value: With what. Numbers compare as numbers; texts and flags know only ``==`` and ``!=``.
    """

    path: str
    comparison: Comparison
    value: float | str | bool

    def __str__(self) -> str:
        """Return the one text of this gate, which is also the name of its rule."""
        return f"{self.path} {self.expected}"

    @property
    def expected(self) -> str:
        """What is asked of the fact: ``>= 0.89``."""
        return f"{self.comparison} {_written(self.value)}"

    def holds(self, card: Mapping[str, Any]) -> bool:
        """Tell whether a card fulfils the condition; a fact that is not there, or of another kind, does not."""
        fact = _look_up(card, self.path)
        return _kind(fact) == _kind(self.value) and _COMPARE[self.comparison](fact, self.value)

    def found(self, card: Mapping[str, Any]) -> str:
        """Say in a few words what a card has there."""
        fact = _look_up(card, self.path)
        if fact is _MISSING:
            return f"the card has no {self.path}"
        return _written(fact) if _kind(fact) else f"{self.path} is neither a number nor a text nor true or false"


def parse(text: str) -> Gate:
    """Read a gate.

    Args:
        text: ``PATH COMPARISON VALUE``; spaces around the comparison do not matter.

    Raises:
        FormatError: It is none.
    """
    match = _GATE.fullmatch(text) if len(text) <= MAX_LENGTH else None
    if match is None:
        raise FormatError(
            f'{_quoted(text)} is not a condition such as metrics.val_f1 >= 0.89, task == "ner" or code.dirty == false'
        )
    comparison: Any = match[2]  # the expression knows no others
    gate = Gate(match[1], comparison, _value(match[3], text))
    if _kind(gate.value) != "number" and comparison not in _EQUALITY:
        raise FormatError(f"{_quoted(text)}: {comparison} compares numbers; texts and flags know == and != only")
    return gate


def _value(written: str, text: str) -> float | str | bool:
    value: object = None
    if _NUMBER.fullmatch(written):
        value = int(written) if written.removeprefix("-").isdigit() else float(written)
    elif written in {"true", "false"}:
        value = written == "true"
    elif written.startswith('"'):
        value = _text(written)
    if isinstance(value, int | float | str) and _kind(value):
        return value
    raise FormatError(
        f"{_quoted(text)}: {_quoted(written)} is no finite number, no text in double quotes, no true or false"
    )


def _text(written: str) -> str | None:
    try:
        value = json.loads(written)
    except ValueError:
        return None
    return value if isinstance(value, str) and value.isprintable() else None


def _look_up(card: Mapping[str, Any], path: str) -> object:
    fact: object = card
    for member in path.split("."):
        fact = fact.get(member, _MISSING) if isinstance(fact, Mapping) else _MISSING
    return fact


def _kind(value: object) -> str:
    """Return what a value is compared as; empty if it is compared with nothing."""
    if isinstance(value, bool):  # which is an int, to Python
        return "flag"
    if isinstance(value, float):
        return "number" if math.isfinite(value) else ""
    if isinstance(value, int):  # of any length: it compares with a float without becoming one
        return "number"
    return "text" if isinstance(value, str) else ""


def _written(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text.removesuffix(".0") if isinstance(value, float) else text


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:79]}…")
