"""What stands in the work tree although no pointer names it any more, as after a switch of branches.

Such a file or folder may go if sycee put or found it there (``workspace/placed.py``), nothing in it was written,
replaced, added or removed since (but by a checkout that was killed), Git does not keep any of it, and the cache holds
the very bytes of every file. All else stays: it is somebody's work.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sycee.core.progress import Progress
from sycee.errors import SyceeError
from sycee.store.expected import Expected
from sycee.store.members import members_of
from sycee.store.objects import Wanted
from sycee.system.tree import kind_at
from sycee.workspace.content import file_id, is_stored
from sycee.workspace.gitside import in_git
from sycee.workspace.placed import GOING, Placed, files, note, placed, token
from sycee.workspace.repository import Repository
from sycee.workspace.tracked import Tracked


@dataclass(frozen=True, slots=True)
class Vanished:
    """A file or folder that no pointer names any more.

    Attributes:
        relpath: Below the root, with ``/``; a folder's with ``/`` at its end.
        files: What may go, absolute; empty if it must stay, or is not there.
    """

    relpath: str
    files: tuple[Path, ...]


def vanished(repo: Repository, tracked: Iterable[Tracked], progress: Progress) -> list[Vanished]:
    """Find what a checkout without targets takes away.

    Args:
        repo: The repository.
        tracked: All that pointers name now.
        progress: Told the bytes, if files have to be hashed.
    """
    named = {one.relpath for one in tracked}
    found = {relpath: row for relpath, row in placed(repo).items() if not _touches(relpath, named)}
    if not found or _in_git(repo, note(repo)):  # a note that came with the clone says nothing of this work tree
        return []
    return [_judged(repo, relpath, row, progress) for relpath, row in found.items()]


def _touches(relpath: str, named: set[str]) -> bool:
    """Tell whether a path is, holds, or lies in, something that is tracked."""
    parts = relpath.split("/")
    above = {"/".join(parts[:depth]) for depth in range(1, len(parts) + 1)}
    return not named.isdisjoint(above) or any(name.startswith(f"{relpath}/") for name in named)


def _judged(repo: Repository, relpath: str, row: Placed, progress: Progress) -> Vanished:
    path = repo.root / relpath
    shown = f"{relpath}/" if row.oid.endswith(".dir") else relpath
    try:
        repo.require_real_folders(path)
        found = files(path)
        may_go = _is_as_placed(path, row) and not _in_git(repo, path) and _is_saved(repo, path, row, progress)
    except (OSError, SyceeError):  # it cannot be looked at, or its object is damaged
        may_go = False
    return Vanished(shown, tuple(found) if may_go else ())


def _is_as_placed(path: Path, row: Placed) -> bool:
    kind = kind_at(path)
    is_alike = kind is not None and (kind == "dir") == row.oid.endswith(".dir")
    return is_alike and (row.token == GOING or token(path) == row.token)


def _in_git(repo: Repository, path: Path) -> bool:
    """Tell whether Git keeps the file, or anything in the folder."""
    return repo.git is not None and bool(repo.git.tracked([in_git(repo.git, path)]))


def _is_saved(repo: Repository, path: Path, row: Placed, progress: Progress) -> bool:
    wanted = _content(repo, path, row)
    ids = {file: file_id(repo, file, legacy=row.legacy, progress=progress) for file in files(path)}
    is_known = ids.items() <= wanted.items() and (row.token == GOING or len(ids) == len(wanted))
    return is_known and all(is_stored(repo, file, oid, legacy=row.legacy) for file, oid in ids.items())


def _content(repo: Repository, path: Path, row: Placed) -> Mapping[Path, str]:
    if not row.oid.endswith(".dir"):
        return {path: row.oid}
    folder = Wanted("", Expected(row.oid), row.legacy)
    return {path / item.label.removeprefix("/"): item.oid for item in members_of(repo.cache, folder)}
