"""Which of two sets of nested values differ, by dotted names."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sycee.formats.values import flat


@dataclass(frozen=True, slots=True)
class Field:
    """A value that is not the same on both sides.

    Attributes:
        name: With dots, for nested values.
        old: None where there was none.
        new: None where there is none any more.
    """

    name: str
    old: Any
    new: Any


def changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Field, ...]:
    """Return the names whose values differ, in the order of the new side, then those that are gone.

    A number and a text, or 1 and true, are different values.
    """
    before, after = flat(old), flat(new)
    names = [*after, *(name for name in before if name not in after)]
    return tuple(
        Field(name, before.get(name), after.get(name))
        for name in names
        if not _same(before.get(name), after.get(name)) or (name in before) != (name in after)
    )


def _same(old: Any, new: Any) -> bool:
    return type(old) is type(new) and bool(old == new)
