"""Values that differ between two cards: as a table for a page, and as JSON."""

import json
from typing import Any

from sycee.cli.page import Quoted, Table
from sycee.core.fields import Field

NONE = "-"


def field_table(title: str, fields: tuple[Field, ...], *, with_change: bool = False) -> Table:
    """Return a table of values that differ, with the difference of numbers if asked for."""
    change = ["change"] if with_change else []
    rows = [
        [
            Quoted(one.name),
            *(_value(one, side) for side in (one.old, one.new)),
            *([_change(one)] if with_change else []),
        ]
        for one in fields
    ]
    return Table([title, "before", "after", *change], rows)


def _value(one: Field, value: Any) -> str | Quoted:
    if value is None:
        return NONE
    if isinstance(value, str) and {type(one.old), type(one.new)} <= {str, type(None)}:
        return Quoted(value)
    return Quoted(json.dumps(value, ensure_ascii=False, default=str))


def _change(one: Field) -> str:
    difference = _difference(one)
    return "" if difference is None else f"{difference:+.4g}"


def _difference(one: Field) -> float | None:
    numbers = [side for side in (one.old, one.new) if isinstance(side, int | float) and not isinstance(side, bool)]
    return numbers[1] - numbers[0] if len(numbers) == 2 else None


def fields_json(fields: tuple[Field, ...], *, with_change: bool = False) -> list[dict[str, Any]]:
    """Return values that differ for machines, with the difference of numbers (else null) if asked for."""
    return [
        {"name": one.name, "old": one.old, "new": one.new, **({"diff": _difference(one)} if with_change else {})}
        for one in fields
    ]
