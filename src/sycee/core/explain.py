"""Why a golden sample came out differently: what differs between then and here, and what of it can be the cause."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from sycee.core import suspects, telling
from sycee.core.differences import Change, demanded, differences
from sycee.core.suspects import CARRIED, KNOWN, LOADED_PLUMBING, PACKAGE, UNKNOWN_PACKAGE
from sycee.core.telling import Kind, kind_of
from sycee.formats.requirements import normal_name

__all__ = ["Change", "Explanation", "Kind", "demanded", "differences", "explain", "kind_of"]

SHOWN = 3  # suspects that the verdict names


class Explanation(NamedTuple):
    """What is behind a difference.

    Attributes:
        can: The changes that can be the cause, the most likely first.
        cannot: The others.
        verdict: One line that a person understands, without a final full stop.
    """

    can: tuple[Change, ...]
    cannot: tuple[Change, ...]
    verdict: str


def explain(
    stage: str,
    changes: Iterable[Change],
    *,
    kind: Kind = "values",
    equal: Collection[str] = (),
    loaded: Collection[str] | None = None,
) -> Explanation:
    """Split changes into what can and what cannot explain that a stage came out differently.

    Args:
        stage: The first stage that differs: ``preprocessed``, ``output`` or ``decision``.
        changes: All that is not what it was; of two about one thing the first counts.
        kind: What the stage holds (:func:`kind_of`).
        equal: The stages that came out bit-equal: what only they depend on is no suspect.
        loaded: Distributions that the process had loaded, if it is known: others did not take part.
    """
    columns = _columns(stage, kind, equal)
    taken_part = None if loaded is None else {normal_name(name) for name in loaded}
    weighed = [(_weight(change, columns, taken_part), change) for change in _distinct(changes)]
    weighed.sort(key=lambda pair: -pair[0])
    can = tuple((weight, change) for weight, change in weighed if weight)
    cannot = tuple(change for weight, change in weighed if not weight)
    verdict = _verdict(telling.subject(stage, kind), can, cannot)
    return Explanation(tuple(change for _, change in can), cannot, verdict)


def _columns(stage: str, kind: Kind, equal: Collection[str]) -> tuple[str, ...]:
    """Return the columns of the table; a stage that was not compared bit for bit passes its suspects on to the next."""
    if stage == "preprocessed":
        return ("tokens" if kind == "text" else kind,)
    if stage == "output":
        return ("output",) if "preprocessed" in equal else suspects.COLUMNS[:4]
    return ("decision",) if "output" in equal else ("decision", *_columns("output", kind, equal))


def _distinct(changes: Iterable[Change]) -> list[Change]:
    found: dict[tuple[str, str], Change] = {}
    for change in changes:
        if change.frozen != change.here:
            found.setdefault((change.area, _name(change)), change)
    return list(found.values())


def _name(change: Change) -> str:
    return normal_name(change.name) if change.area == "package" else change.name


def _weight(change: Change, columns: Collection[str], loaded: Collection[str] | None) -> int:
    name = _name(change)
    if change.area == "package" and loaded is not None:
        if name not in loaded:
            return 0
        if suspects.is_plumbing(name):
            return LOADED_PLUMBING
    if (known := suspects.weight(change.area, name, columns)) is not None:
        return known
    return UNKNOWN_PACKAGE if loaded is None else PACKAGE  # one of the user's own may be what prepares the input


def _verdict(subject: str, can: Sequence[tuple[int, Change]], cannot: Sequence[Change]) -> str:
    likely = [change for _, change in _same_tier(can)]
    if not can:
        return telling.unexplained(subject, cannot)
    if can[0][0] < KNOWN:
        return telling.guessed(subject, likely[:SHOWN], len(likely) - SHOWN)
    return telling.explained(subject, likely[:SHOWN], len(likely) - SHOWN)


def _same_tier(can: Sequence[tuple[int, Change]]) -> Iterator[tuple[int, Change]]:
    """Yield the suspects of as grave a sort as the first: what the version carries, packages, the machine, guesses."""
    floor = next((start for start in (CARRIED, PACKAGE, KNOWN) if can and can[0][0] >= start), 0)
    yield from ((weight, change) for weight, change in can if weight >= floor)
