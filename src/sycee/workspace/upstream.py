"""What the outputs of pipelines are made from, as far as it is tracked: the meaning of ``--with-deps``."""

from collections.abc import Sequence
from pathlib import Path

from sycee.workspace.tracked import Tracked, dependencies


def upstream(root: Path, found: Sequence[Tracked], chosen: Sequence[Tracked]) -> list[Tracked]:
    """Return what the steps behind the chosen outputs read, and the steps behind that, and so on.

    Args:
        root: The repository's root.
        found: All that is tracked.
        chosen: Where to begin; pointers have nothing behind them.

    Raises:
        FormatError: If a ``dvc.lock`` breaks its format.
    """
    read = {origin: dependencies(root, origin) for origin in {one.origin for one in found if one.stage}}
    reached = {one.path: one for one in chosen}
    left = list(chosen)
    while left:
        one = left.pop()
        for path in read.get(one.origin, {}).get(one.stage or "", ()):
            new = [other for other in found if other.path not in reached and _touch(other.path, path)]
            reached |= {other.path: other for other in new}
            left += new
    begun = {one.path for one in chosen}
    return [one for path, one in reached.items() if path not in begun]


def _touch(path: Path, other: Path) -> bool:
    return path == other or path in other.parents or other in path.parents
