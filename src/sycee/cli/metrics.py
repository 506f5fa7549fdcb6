"""Metrics as they are typed: ``f1=0.87``."""

import math
from typing import Any, NamedTuple

from sycee.errors import UsageError


class Number(NamedTuple):
    """A metric as it is typed: ``f1=0.87``."""

    name: str
    value: float


def number(text: str) -> Number:
    """Return the metric that ``NAME=VALUE`` gives.

    Raises:
        UsageError: If it is none, or not a finite number.
    """
    name, equals, value = text.partition("=")
    try:
        found = int(value) if value.lstrip("+-").isdecimal() and value.isascii() else float(value)
    except ValueError:
        found = math.nan
    if not equals or not name or not math.isfinite(found):
        raise UsageError(f"{text!r} is no metric", hint="NAME=VALUE with a finite number, such as: --metric f1=0.87")
    return Number(name, found)


def numbers(texts: tuple[str, ...]) -> list[Number]:
    """Return the metrics that were typed.

    Raises:
        UsageError: If one is none, or is given twice.
    """
    found = [number(text) for text in texts]
    for index, one in enumerate(found):
        if one.name in {other.name for other in found[:index]}:
            raise UsageError(f"the metric {one.name} is given twice")
    return found


def nested(texts: tuple[str, ...]) -> dict[str, Any]:
    """Return the metrics that were typed, in groups by the dots of their names: ``dev.f1=0.9`` is ``f1`` of ``dev``.

    Raises:
        UsageError: As :func:`numbers`; or if a name is both a number and a group.
    """
    found: dict[str, Any] = {}
    for one in numbers(texts):
        *groups, name = one.name.split(".")
        place = found
        for group in groups:
            place = place.setdefault(group, {})
            if not isinstance(place, dict):
                raise UsageError(f"the metric {one.name} lies in {group}, which is a number")
        if not all((name, *groups)) or name in place:
            raise UsageError(f"the metric {one.name} has no name of its own", hint="NAME or GROUP.NAME, each once")
        place[name] = one.value
    return found
