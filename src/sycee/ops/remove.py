"""``sycee remove``: stop tracking, and with ``--outs`` take the data away too.

Order: all targets are checked; then, for each, its data is made ordinary files (or removed), the ``.gitignore`` entry
goes, and the pointer last. So a crash leaves a pointer that running the command again removes, and data that is only
taken away while a pointer still says where in the cache it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from sycee.core.progress import SILENT, Progress
from sycee.errors import Conflict, NotFound
from sycee.ops.unprotect import unprotect_artifact
from sycee.system.tree import kind_at, scan
from sycee.workspace.content import cached_by_symlink, file_id, is_stored
from sycee.workspace.gitside import for_git, stage_if_wanted, unignore, unlink
from sycee.workspace.placed import remember
from sycee.workspace.repository import Repository
from sycee.workspace.tracked import LOCK, SUFFIX, Tracked


@dataclass(frozen=True, slots=True)
class RemoveRequest:
    """What to stop tracking.

    Attributes:
        pointers: Absolute paths of pointers.
        outs: Whether to remove the files and folders too.
        force: Whether bytes that are stored nowhere may be removed.
    """

    pointers: tuple[Path, ...]
    outs: bool = False
    force: bool = False


def remove(repo: Repository, request: RemoveRequest, *, progress: Progress = SILENT) -> tuple[Path, ...]:
    """Remove pointers and their ``.gitignore`` entries; the objects stay in the cache.

    Args:
        repo: The repository.
        request: Which, and whether the data goes too.
        progress: Told the bytes, if files have to be hashed or copied.

    Returns:
        The files that Git has to know of: pointers that are gone, ``.gitignore`` files that changed.

    Raises:
        NotFound: If a target is no pointer; nothing is done then.
        Conflict: If bytes would go that are stored nowhere, and ``force`` is not set; nothing is done then.
    """
    named = [one.path for one in repo.tracked_among(request.pointers) if one.origin in request.pointers]
    with repo.locked(writes=named):
        found = repo.tracked_among(request.pointers)
        chosen = {target: _outs_of(repo, target, found) for target in request.pointers}
        outs = [one for several in chosen.values() for one in several]
        for one in outs:
            repo.require_real_folders(one.path)
        if request.outs and not request.force:
            _require_stored(repo, outs, progress)
        repo.sweep([*(one.path for one in outs), *request.pointers])
        changed: list[Path] = []
        for pointer, its_outs in chosen.items():
            changed += _remove(repo, its_outs, progress, with_data=request.outs)
            unlink(pointer)
            changed.append(pointer)
        remember(repo, (), gone=(one.relpath for one in outs))  # what stays is the user's own now
    known = for_git(repo, changed)
    stage_if_wanted(repo, known)
    return known


def _outs_of(repo: Repository, target: Path, found: Sequence[Tracked]) -> list[Tracked]:
    relpath = repo.relpath(target)
    if target.name == LOCK or any(one.path == target and one.pointer is None for one in found):
        raise Conflict(f"{relpath} belongs to a pipeline", hint="a pipeline's stages are dvc's to remove: dvc remove")
    outs = [one for one in found if one.origin == target]
    if outs:
        return outs
    beside = next((repo.relpath(one.origin) for one in found if one.path == target), None)
    if beside:
        raise NotFound(f"{relpath} is no pointer", hint=f"name its pointer: sycee remove {quote(beside)}")
    if kind_at(target) == "file" and target.name.endswith(SUFFIX):
        raise NotFound(f"{relpath} tracks nothing here", hint=f"if nobody needs it: rm {quote(relpath)}")
    if kind_at(target) is None and any(
        one.stage == target.name and one.origin.parent == target.parent for one in found
    ):
        raise Conflict(f"{relpath} is a step of a pipeline", hint=f"it is dvc's to remove: dvc remove {quote(relpath)}")
    raise NotFound(f"{relpath} does not exist or is no pointer", hint="see what is tracked: git ls-files '*.dvc'")


def _require_stored(repo: Repository, outs: Sequence[Tracked], progress: Progress) -> None:
    unsaved = [repo.relpath(path) for one in outs for path in _unsaved(repo, one, progress)]
    if unsaved:
        more = f" and {len(unsaved) - 10} more" if len(unsaved) > 10 else ""
        raise Conflict(
            f"{', '.join(unsaved[:10])}{more} would be removed, and the present content is stored nowhere",
            hint="keep it: sycee commit; or give it up: --force",
            unsaved=unsaved,
        )


def _unsaved(repo: Repository, tracked: Tracked, progress: Progress) -> list[Path]:
    """Return the files of an artifact whose very bytes the cache does not hold."""
    legacy = tracked.out.is_legacy
    return [path for path in _files(tracked.path) if not _is_saved(repo, path, progress, legacy=legacy)]


def _is_saved(repo: Repository, path: Path, progress: Progress, *, legacy: bool) -> bool:
    kind = kind_at(path)
    if kind == "symlink" and not path.exists():
        return repo.cache.root.absolute() in path.readlink().parents  # its object is gone: there is nothing to lose
    if kind != "file" and cached_by_symlink(repo, path) is None:
        return False
    return is_stored(repo, path, file_id(repo, path, legacy=legacy, progress=progress), legacy=legacy)


def _files(path: Path) -> list[Path]:
    kind = kind_at(path)
    if kind == "dir":
        return [path / entry.relpath for entry in scan(path) if entry.kind != "dir"]
    return [] if kind is None else [path]


def _remove(repo: Repository, outs: Sequence[Tracked], progress: Progress, *, with_data: bool) -> list[Path]:
    changed: list[Path] = []
    for one in outs:
        if with_data:
            _delete(one.path)
        elif kind_at(one.path) is not None:
            with progress.start(f"unprotecting {one.path.name}", None) as task:
                unprotect_artifact(repo, one.path, task)
        changed += unignore(repo, one.path) if one.path.parent.is_dir() else []
    return changed


def _delete(path: Path) -> None:
    if kind_at(path) == "dir":
        for entry in reversed(list(scan(path))):
            inner = path / entry.relpath
            inner.rmdir() if entry.kind == "dir" else inner.unlink()
        path.rmdir()
    else:
        path.unlink(missing_ok=True)
