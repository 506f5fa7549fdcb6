"""Takes away what a trainer's new save left of the version before: weights that the new one does not have.

A model in two shards that is saved in one file would else be signed with all three, and be loaded from the wrong ones.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sycee.ops.place import Bring
from sycee.ops.project import Project
from sycee.workspace.gitside import unignore
from sycee.workspace.placed import remember
from sycee.workspace.tracked import Tracked

_INDEX = ".index.json"  # says which shard holds which tensor


def weights_of(card: Mapping[str, Any]) -> set[str]:
    """Return the weights that the values of a card list."""
    return {entry["path"] for entry in card.get("model", {}).get("files", ())}


def clear_former_weights(folder: Path, project: Project, previous: Mapping[str, Any], bring: Bring) -> list[Path]:
    """Take the former card's weights away that were not brought anew, with their pointers and indexes.

    Args:
        folder: The model's folder.
        project: What surrounds it.
        previous: The values of the card that was there before.
        bring: Has brought the new files; what the cache does not hold goes aside.

    Returns:
        The files that Git has to know of.

    Raises:
        OSError: If a file cannot be moved.
    """
    listed = weights_of(previous)
    real = folder.resolve()
    gone = [name for name in sorted(listed - bring.brought) if (folder / name).parent.resolve() == (real / name).parent]
    indexes = [path for path in sorted(folder.glob(f"*{_INDEX}")) if path.name not in bring.brought]
    for path in [*(folder / name for name in gone), *(indexes if gone else ())]:
        bring.clear(path)
    return [changed for name in gone for changed in _untracked(folder / name, project, bring)]


def _untracked(path: Path, project: Project, bring: Bring) -> Iterator[Path]:
    for one in project.tracked:
        if project.repo is not None and one.path == path and _is_alone(one, project):
            bring.clear(one.origin)
            remember(project.repo, (), gone=[one.relpath])
            yield from (one.origin, *unignore(project.repo, path))


def _is_alone(tracked: Tracked, project: Project) -> bool:
    """Tell whether a pointer of its own keeps this file, and nothing else."""
    return tracked.pointer is not None and [one for one in project.tracked if one.origin == tracked.origin] == [tracked]
