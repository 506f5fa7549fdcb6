"""What is not what it was when a model was frozen, and how equal outputs must be for that."""

from collections.abc import Iterator
from typing import Literal

from sycee.formats.fingerprint import AREAS, Fingerprint, decides, device_class
from sycee.formats.replay import Change

__all__ = ["Change", "Level", "demanded", "differences"]

Level = Literal["bit", "numeric", "decision"]

_ABSENCE_SAYS = {"env", "gpu"}  # elsewhere a fact is absent when the process had no reason to load the library


def differences(frozen: Fingerprint, here: Fingerprint) -> tuple[Change, ...]:
    """Return the facts that differ, in the order of areas and names.

    Facts that only one side has are passed over, since a training loads more than a service; a variable that is not
    set, and a GPU that is not in use, differ from one that is.
    """
    return tuple(change for area in AREAS for change in _area_differences(area, frozen, here))


def _area_differences(area: str, frozen: Fingerprint, here: Fingerprint) -> Iterator[Change]:
    then, now = frozen.facts[area], here.facts[area]
    names = then.keys() | now.keys() if area in _ABSENCE_SAYS else then.keys() & now.keys()
    for name in sorted(names):
        if then.get(name) != now.get(name):
            yield Change(area, name, then.get(name, ""), now.get(name, ""))


def demanded(frozen: Fingerprint, here: Fingerprint) -> Level:
    """Return how equal outputs must be here.

    Returns:
        ``bit`` if no fact that decides bits differs, ``numeric`` on the same device class, else ``decision``.
    """
    if not any(decides(change.area, change.name) for change in differences(frozen, here)):
        return "bit"
    return "numeric" if device_class(frozen) == device_class(here) else "decision"
