"""Where files go that no longer hold: moved, named, never deleted."""

import datetime as dt
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sycee.core import modelfolder
from sycee.formats import bundle, sums
from sycee.system.tree import kind_at, scan
from sycee.workspace.repository import Repository


class Aside:
    """Moves files of one model folder out of the way.

    Inside a repository they go below ``.dvc/tmp/sycee/aside/<time>/``, outside of one into a hidden folder beside the
    model's.

    Args:
        folder: The model's folder, absolute.
        repo: The repository around it, or None.
        now: Names the place.

    Attributes:
        taken: Each file's former and present path.
    """

    def __init__(self, folder: Path, repo: Repository | None, now: dt.datetime) -> None:
        stamp = now.strftime("%Y%m%dT%H%M%SZ")
        self._folder = folder
        if repo is not None and repo.root in folder.parents:
            self._place = repo.scratch / "aside" / stamp / folder.relative_to(repo.root)
        else:
            self._place = folder.parent / f".sycee-aside-{stamp}" / folder.name
        self.taken: list[tuple[Path, Path]] = []

    def take(self, paths: Iterable[Path]) -> None:
        """Move these files, which lie in the model's folder.

        Raises:
            OSError: If one cannot be moved.
        """
        for path in paths:
            target = self._free(self._place / path.relative_to(self._folder))
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(path, target)
            self.taken.append((path, target))

    @staticmethod
    def _free(target: Path) -> Path:
        number, free = 1, target
        while free.exists():
            number, free = number + 1, target.with_name(f"{target.name}.{number + 1}")
        return free


def stale_signatures(folder: Path) -> list[Path]:
    """Return every signature of a model folder: none holds for a new card. Records name their version, and stay."""
    return [folder / one.relpath for one in scan(folder) if one.kind != "dir" and _is_signature(one.relpath)]


def _is_signature(relpath: str) -> bool:
    if relpath.startswith(f"{modelfolder.RECORDS}/"):
        return modelfolder.is_further_bundle(relpath)
    own = relpath in {bundle.NAME, sums.NAME} or relpath.startswith(f"{sums.NAME}.")
    return own or (relpath.endswith(modelfolder.SIGNATURE_SUFFIX) and not relpath.startswith("context/"))


def former_context(folder: Path, previous: Mapping[str, Any], written: Iterable[str]) -> list[Path]:
    """Return the files that the former card bound and the new one does not: a context holds nothing of another version.

    Args:
        folder: The model's folder.
        previous: The values of the card that was there before.
        written: The paths of the new context.
    """
    gone = {entry["path"] for entry in previous.get("context", ())} - set(written)
    return [folder / name for name in sorted(gone) if kind_at(folder / name) is not None]
