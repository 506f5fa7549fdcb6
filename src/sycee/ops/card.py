"""``sycee card``: find a model's card, read it, and lay it out for a person."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sycee.errors import NotFound
from sycee.formats import card
from sycee.formats.card import Card


def card_path(target: Path) -> Path:
    """Return where the card of a model lies.

    Args:
        target: A model's folder, a file in it, or the card itself.

    Raises:
        NotFound: If there is no card.
    """
    if target.is_file() and target.suffix in {".yaml", ".yml"}:
        return target
    folder = target if target.is_dir() else target.parent
    path = folder / card.FILE_NAME
    if not os.path.lexists(target):
        raise NotFound(f"{target} does not exist", hint="give a model's folder, or its card", path=str(target))
    if not path.is_file():
        raise NotFound(
            f"{target} has no {card.FILE_NAME}",
            hint="a training writes it: sycee.freeze(…); for the five fields it needs: sycee card schema",
            path=str(path),
        )
    return path


def read_card(target: Path) -> Card:
    """Return the card of a model.

    Args:
        target: A model's folder, a file in it, or the card itself.

    Raises:
        NotFound: If there is no card.
        FormatError: If it is not valid, with every fault.
    """
    path = card_path(target)
    return card.parse(path.read_bytes(), str(path))


def rows(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield every value of a card as (dotted name, text), in the order of the file."""
    for key, value in values.items():
        yield from _rows(f"{prefix}{key}", value)


def _rows(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        yield from rows(value, f"{name}.")
    elif isinstance(value, Sequence) and not isinstance(value, str) and any(map(_is_nested, value)):
        for index, item in enumerate(value):
            yield from _rows(f"{name}[{index}]", item)
    else:
        yield name, shown(value)


def _is_nested(value: object) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, Sequence) and not isinstance(value, str))


def shown(value: object) -> str:
    """Return a value as one line of text for a person; what a terminal would act upon is escaped."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case str():
            return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in value)
        case Mapping():
            return "{}"
        case Sequence():
            return ", ".join(map(shown, value))
    return str(value)
