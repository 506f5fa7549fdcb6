"""The card, ``model_card.yaml``: what one frozen model is, in plain text that a reviewer reads in a diff.

The five fields of every card come first, under exactly these names: ``task``, ``metrics``, ``training_config``,
``data_version``, ``framework_version``. A card with only these is valid; the others are in ``card_schema.json`` beside
this module, which is the validator's rule table. Specification: ``docs/spec/card.md``.

A parsed card keeps the exact bytes beside the values, since it is the bytes that are signed.
"""

import functools
import json
import pkgutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sycee.errors import Fault, FormatError
from sycee.formats import schema, values, yamltext
from sycee.formats.paths import colliding

FILE_NAME = "model_card.yaml"
SCHEMA_VERSION = 1
REQUIRED = ("task", "metrics", "training_config", "data_version", "framework_version")


@dataclass(frozen=True, slots=True)
class CardFile:
    """A weights file as the card names it.

    Attributes:
        path: Relative to the model's folder, with ``/``; safe to join.
        size: Bytes.
        sha256: 64 lower-case hex digits.
        md5: DVC's address, if recorded.
        blake3: 64 lower-case hex digits, if recorded.
    """

    path: str
    size: int
    sha256: str
    md5: str | None = None
    blake3: str | None = None


@dataclass(frozen=True, slots=True)
class ContextFile:
    """A file of the context, bound to the card by its sha256; its role is ``lock``, ``source`` and the like."""

    path: str
    sha256: str
    size: int
    role: str


@dataclass(frozen=True, slots=True)
class Card:
    """A valid card.

    Attributes:
        values: All fields, read-only at the top, in the order of the file.
        raw: The file's exact bytes.
    """

    values: Mapping[str, Any]
    raw: bytes

    @property
    def task(self) -> str:
        """What the model does."""
        return str(self.values["task"])

    @property
    def metrics(self) -> Mapping[str, Any]:
        """Name to finite number, or to a group of them."""
        return MappingProxyType(self.values["metrics"])

    @property
    def training_config(self) -> Mapping[str, Any]:
        """The settings of the training."""
        return MappingProxyType(self.values["training_config"])

    @property
    def data_version(self) -> str:
        """A label for the data; the digests are in ``values["data"]``."""
        return str(self.values["data_version"])

    @property
    def framework_version(self) -> str:
        """``torch==2.13.0, numpy==2.3.1``: what serving needs first."""
        return str(self.values["framework_version"])

    @property
    def name(self) -> str | None:
        """The model's name, if given."""
        return self.values.get("name")

    @property
    def version(self) -> str | None:
        """SemVer label without a leading ``v``, if given."""
        return self.values.get("version")

    @property
    def serial(self) -> int | None:
        """The integer that only grows per name, if given."""
        serial = self.values.get("serial")
        return None if serial is None else int(serial)

    @property
    def files(self) -> tuple[CardFile, ...]:
        """The weights files with size and digests; empty when the card does not list them."""
        return tuple(CardFile(**_fields(CardFile, entry)) for entry in self.values.get("model", {}).get("files", ()))

    @property
    def context(self) -> tuple[ContextFile, ...]:
        """The files that the card binds by their sha256."""
        return tuple(ContextFile(**_fields(ContextFile, entry)) for entry in self.values.get("context", ()))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What could not be captured, or is known to weaken the record."""
        return tuple(self.values.get("warnings", ()))


def _fields(kind: type, entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: entry[name] for name in kind.__dataclass_fields__ if name in entry}  # type: ignore[attr-defined]


def parse(data: bytes, name: str = FILE_NAME) -> Card:
    """Read a card.

    Args:
        data: The whole file.
        name: What to call the file in messages.

    Raises:
        FormatError: The text is not what ``docs/spec/card.md`` allows, or the values break the schema; ``faults``
            holds every one of them.
    """
    loaded, found = yamltext.load(data, name)
    if found := _merged(found, faults(loaded)):
        what = str(found[0]) if len(found) == 1 else f"not a valid card, {len(found)} faults"
        raise FormatError(
            f"{name}: {what}",
            faults=found,
            hint="correct the card; `sycee card schema` prints what each field may hold",
            path=name,
        )
    return Card(MappingProxyType(loaded), data)


def render(card_values: Mapping[str, Any]) -> bytes:
    """Return the text of a card: the five fields first, then the others in the order of the schema, then ``x_*``.

    Args:
        card_values: All fields.

    Raises:
        FormatError: The values are not those of a valid card.
    """
    if found := faults(card_values):
        raise FormatError(f"not the values of a card: {'; '.join(map(str, found))}", faults=found)
    known = [key for key in card_schema()["properties"] if key in card_values]
    own = [key for key in card_values if key not in known]
    return yamltext.dump({key: card_values[key] for key in (*known, *own)})


def faults(card_values: object) -> list[Fault]:
    """Return everything that keeps these values from being a card, each with its ``$.path``; empty if nothing does."""
    found = _merged(list(values.faults(card_values)), schema.faults(card_values, card_schema()))
    return found or [*_colliding(card_values, "context"), *_colliding(card_values, "model", "files")]


def evaluation_faults(evaluation: object) -> list[Fault]:
    """Return everything that keeps a value from being one of a card's evaluations, as :func:`faults` does."""
    rules = {"$ref": "#/$defs/evaluation", "$defs": card_schema()["$defs"]}
    return _merged(list(values.faults(evaluation)), schema.faults(evaluation, rules))


def _merged(first: list[Fault], then: list[Fault]) -> list[Fault]:
    """Return both, without what is only a consequence of the first: a second fault in the same place or below."""
    seen = tuple(fault.path for fault in first)
    below = tuple(f"{path}{joint}" for path in seen if path != "$" for joint in ".[")
    return [*first, *(fault for fault in then if fault.path not in seen and not fault.path.startswith(below))]


def _colliding(card_values: Any, *keys: str) -> Iterable[Fault]:
    """Say if two entries name one file: no reader could tell which of the two digests holds."""
    entries = functools.reduce(lambda node, key: node.get(key, {}), keys, card_values)
    if pair := colliding(entry["path"] for entry in entries):
        yield Fault(f"$.{'.'.join(keys)}", f"names one file twice: {pair[0]!r} and {pair[1]!r}")


@functools.cache
def card_schema() -> Mapping[str, Any]:
    """Return the JSON Schema (2020-12) of a card's values."""
    loaded: Mapping[str, Any] = json.loads(schema_text())
    return loaded


def schema_text() -> str:
    """Return the schema file as it is shipped."""
    data = pkgutil.get_data(__package__, "card_schema.json")
    assert data is not None, "card_schema.json is part of the package"
    return data.decode()
