"""The versions of the data: what was named, and what the training was seen to read."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from sycee.capture.data import DataVersion
from sycee.capture.steps import Steps
from sycee.core import modelfolder
from sycee.errors import SyceeError
from sycee.ops.frozen import Request
from sycee.ops.project import Project
from sycee.store.statcache import look_of
from sycee.system.tree import kind_at
from sycee.workspace.content import cached_by_symlink, listed, members
from sycee.workspace.repository import Repository
from sycee.workspace.tracked import Tracked

MAX_FILES = 20_000  # of a folder that is looked through


def data_versions(request: Request, project: Project, steps: Steps) -> list[DataVersion]:
    """Return the versions of the request's data, and of the tracked data that the training opened.

    A warning tells of data that is not tracked, or that is known to differ from its pointer.

    Args:
        request: What was asked for.
        project: What surrounds the model.
        steps: Collects what weakens the record.
    """
    named = [(path, _tracked(path, project)) for path in request.data]
    found = [tracked or path for path, tracked in named]
    found += [one for one in _opened(request, project) if one not in found]
    return [_version(one, project, steps) for one in found]


def _tracked(path: Path, project: Project) -> Tracked | None:
    target = _target(path)
    return next((one for one in project.tracked if one.path == target or one.path in target.parents), None)


def _target(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(".dvc")) if path.suffix == ".dvc" else path


def _opened(request: Request, project: Project) -> Iterator[Tracked]:
    """Yield what is tracked and was read, models aside."""
    by_path = {str(one.path): one for one in project.tracked}
    seen: set[str] = set()
    for opened in request.opened:
        path = os.path.normpath(opened)
        for place in (path, *map(str, Path(path).parents)):
            tracked = by_path.get(place)
            if tracked and place not in seen and not _is_of_a_model(tracked.path, request.path):
                seen.add(place)
                yield tracked


def _is_of_a_model(path: Path, model: Path) -> bool:
    return model in (path, *path.parents) or (path.parent / modelfolder.CARD).is_file()


def _version(one: Tracked | Path, project: Project, steps: Steps) -> DataVersion:
    if isinstance(one, Path):
        target = _target(one)
        root = project.repo.root if project.repo else project.git.root if project.git else Path.cwd()
        name = target.relative_to(root).as_posix() if root in target.parents else target.name
        steps.warn(f"the data {name} is not tracked, so its version is not known")
        return DataVersion(name)
    if project.repo and _is_modified(project.repo, one):
        steps.warn(
            f"the data {one.relpath} is not what its pointer says: it was changed since it was added, so the version "
            "in this card is not the one that was used"
        )
    return DataVersion(one.relpath, one.out.md5, one.out.size, one.out.nfiles)


def _is_modified(repo: Repository, tracked: Tracked) -> bool:
    """Tell whether data is known to differ from its pointer, by size and what was hashed before; nothing is read."""
    if tracked.out.md5 is None or tracked.out.is_legacy:
        return False
    with suppress(SyceeError, OSError):  # what cannot be looked at is not known to differ
        match kind_at(tracked.path):
            case "symlink":
                return cached_by_symlink(repo, tracked.path) not in {None, tracked.out.md5}
            case "dir":
                return _is_modified_folder(repo, tracked)
            case "file":
                known = repo.statcache.get(tracked.path)
                size = tracked.path.stat().st_size
                return known.md5 != tracked.out.md5 if known else tracked.out.size not in {None, size}
    return False


def _is_modified_folder(repo: Repository, tracked: Tracked) -> bool:
    out = tracked.out
    if (out.nfiles or 0) > MAX_FILES:
        return False
    found = members(repo, tracked.path, tracked.parts)
    if out.nfiles not in {None, len(found)} or out.size not in {None, sum(one.size for one in found)}:
        return True
    if oid := repo.statcache.folder_id(tracked.path, look_of((one.relpath, one.status) for one in found)):
        return oid != out.md5
    expected = {entry.relpath: entry.md5 for entry in listed(repo, tracked)}
    known = repo.statcache.get_all({one.path: one.status for one in found})
    return any(
        one.relpath not in expected or (one.path in known and known[one.path].md5 != expected[one.relpath])
        for one in found
    )
