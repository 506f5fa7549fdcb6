"""``sycee checkout``: make the work tree what the pointers say, from objects in the cache.

First everything is looked at and planned; only if nothing is missing and nothing would be lost does the first file
change. So a refused checkout leaves the work tree as it was.
"""

import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sycee.core.progress import SILENT, Progress, Task
from sycee.digest import FileDigests
from sycee.errors import Conflict, NotFound
from sycee.store.layout import is_directory
from sycee.store.transfer import Wanted, members_of
from sycee.system.atomic import temp_name
from sycee.system.links import link
from sycee.system.tree import kind_at
from sycee.workspace.content import file_id, is_executable, members
from sycee.workspace.repository import Repository
from sycee.workspace.tracked import Tracked
from sycee.workspace.wanted import wanted

Mark = Literal["A", "M", "D"]


@dataclass(frozen=True, slots=True)
class Placement:
    """One file to put into the work tree.

    Attributes:
        path: Where, absolute.
        item: The object.
        executable: Whether it gets the user-exec bit.
    """

    path: Path
    item: Wanted
    executable: bool = False


@dataclass(slots=True)
class Plan:
    """All that a checkout would do, and all that stands against it.

    Attributes:
        place: Files to create or replace.
        remove: Files of tracked folders that the folder's object does not name.
        folders: Folders to make, even if they stay empty.
        marks: What to report: path (a folder's with ``/`` at its end) and whether it is added, modified or deleted.
        missing: Objects that are not in the cache.
        unsaved: Paths whose present bytes are stored nowhere.
    """

    place: list[Placement] = field(default_factory=list)
    remove: list[Path] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    marks: list[tuple[Mark, str]] = field(default_factory=list)
    missing: list[Wanted] = field(default_factory=list)
    unsaved: list[str] = field(default_factory=list)


def checkout(
    repo: Repository, tracked: Sequence[Tracked], *, force: bool = False, progress: Progress = SILENT
) -> list[tuple[Mark, str]]:
    """Make files and folders of the work tree what their pointers say.

    Args:
        repo: The repository.
        tracked: Which.
        force: Whether bytes that are stored nowhere may be replaced or removed.
        progress: Told the bytes.

    Returns:
        For each path that changed, ``A``, ``M`` or ``D`` and the path relative to the root, a folder with ``/``.

    Raises:
        NotFound: If objects are not in the cache; nothing was changed.
        Conflict: If unsaved bytes are in the way and ``force`` is not set; nothing was changed.
    """
    with repo.locked():
        plan = Plan()
        for one in tracked:
            _plan(repo, one, plan, progress)
        _require_possible(plan, force=force)
        _apply(repo, plan, progress)
    return plan.marks


def _require_possible(plan: Plan, *, force: bool) -> None:
    if plan.missing:
        labels = sorted({item.label for item in plan.missing})
        raise NotFound(
            f"{_listed(labels)} cannot be checked out: not in the cache",
            hint="fetch first: sycee fetch, or both at once: sycee pull",
            missing=labels,
        )
    if plan.unsaved and not force:
        raise Conflict(
            f"{_listed(plan.unsaved)} would be overwritten or removed, and the present content is stored nowhere",
            hint="keep it: sycee add; or give it up: --force",
            unsaved=plan.unsaved,
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def _plan(repo: Repository, tracked: Tracked, plan: Plan, progress: Progress) -> None:
    whole = wanted(tracked)
    if whole is None:
        return
    repo.require_real_folders(tracked.path)
    if is_directory(whole.oid):
        _plan_folder(repo, tracked, whole, plan, progress)
    else:
        _plan_file(repo, tracked, whole, plan, progress)


def _plan_file(repo: Repository, tracked: Tracked, item: Wanted, plan: Plan, progress: Progress) -> None:
    kind = kind_at(tracked.path)
    current = _saved_id(repo, tracked.path, item, plan, progress) if kind else None
    if current == item.oid and is_executable(tracked.path) >= tracked.out.isexec:
        return
    _place(repo, Placement(tracked.path, item, tracked.out.isexec), plan)
    plan.marks.append(("M" if kind else "A", tracked.relpath))


def _plan_folder(repo: Repository, tracked: Tracked, whole: Wanted, plan: Plan, progress: Progress) -> None:
    if repo.cache.find(whole.oid, legacy=whole.legacy) is None:
        plan.missing.append(whole)
        return
    parts = {part.label.removeprefix(f"{whole.label}/"): part for part in members_of(repo.cache, whole)}
    existed = kind_at(tracked.path)
    if existed not in {None, "dir"}:
        _saved_id(repo, tracked.path, whole, plan, progress)
        plan.remove.append(tracked.path)
    present = {m.relpath for m in members(tracked.path)} if existed == "dir" else set()
    plan.folders.append(tracked.path)
    changed = list(_outdated(repo, tracked.path, parts, present, plan, progress))
    extra = sorted(present - parts.keys())
    for relpath in extra:
        _saved_id(repo, tracked.path / relpath, whole, plan, progress)
        plan.remove.append(tracked.path / relpath)
    if changed or extra or existed != "dir":
        plan.marks.append(("M" if existed else "A", f"{tracked.relpath}/"))


def _outdated(
    repo: Repository, folder: Path, parts: Mapping[str, Wanted], present: set[str], plan: Plan, progress: Progress
) -> Iterator[str]:
    """Plan each member that is absent or differs, and yield its path."""
    for relpath, part in parts.items():
        path = folder / relpath
        repo.require_real_folders(path)
        if relpath in present and _saved_id(repo, path, part, plan, progress) == part.oid:
            continue
        _place(repo, Placement(path, part), plan)
        yield relpath


def _place(repo: Repository, placement: Placement, plan: Plan) -> None:
    if repo.cache.find(placement.item.oid, legacy=placement.item.legacy) is None:
        plan.missing.append(placement.item)
    plan.place.append(placement)


def _saved_id(repo: Repository, path: Path, item: Wanted, plan: Plan, progress: Progress) -> str | None:
    """Return the id of a present file, and note it as unsaved if it is to go and the cache does not hold it."""
    relpath = repo.relpath(path)
    if kind_at(path) == "dir" or (kind_at(path) == "symlink" and not path.exists()):
        plan.unsaved.append(relpath)
        return None
    oid = file_id(repo, path, legacy=item.legacy, progress=progress)
    if oid != item.oid and not _is_saved(repo, path, oid, legacy=item.legacy):
        plan.unsaved.append(relpath)
    return oid


def _is_saved(repo: Repository, path: Path, oid: str, *, legacy: bool) -> bool:
    # A legacy md5 does not see line ends, so it does not prove that these very bytes are stored.
    held = repo.cache.find(oid)
    return held is not None and not legacy and held.stat().st_size == path.stat().st_size


def _apply(repo: Repository, plan: Plan, progress: Progress) -> None:
    # All objects are proved good before the first file changes.
    digests = [repo.cache.verified(one.item.oid, legacy=one.item.legacy) for one in plan.place]
    for path in plan.remove:
        path.unlink()
    for folder in plan.folders:
        folder.mkdir(parents=True, exist_ok=True)
    if plan.place:
        label = f"checking out {len(plan.place)} files" if len(plan.place) > 1 else plan.place[0].item.label
        with progress.start(label, sum(one.size for one in digests)) as task:
            for placement, its_digests in zip(plan.place, digests, strict=True):
                _put(repo, placement, its_digests, task)
    _prune_empty(plan)


def _put(repo: Repository, placement: Placement, digests: FileDigests, task: Task) -> None:
    path, item = placement.path, placement.item
    if kind_at(path) == "dir":
        _move_aside(repo, path)
    path.parent.mkdir(parents=True, exist_ok=True)
    way = link(repo.cache.path(item.oid, legacy=item.legacy), path, repo.link_ways, on_bytes=task.advance)
    if way in {"reflink", "copy"}:
        if placement.executable:
            path.chmod(path.stat().st_mode | stat.S_IXUSR)
        repo.statcache.put(path, digests, path.lstat())


def _move_aside(repo: Repository, folder: Path) -> None:
    """Make room for a file; even ``--force`` deletes no folder whose content nobody has listed."""
    aside = repo.scratch / "aside" / f"{folder.name}{temp_name()}"
    aside.parent.mkdir(parents=True, exist_ok=True)
    folder.rename(aside)


def _prune_empty(plan: Plan) -> None:
    """Remove folders that lost their last file: directory objects know no empty ones."""
    keep = set(plan.folders)
    for path in sorted(plan.remove, key=lambda p: len(p.parts), reverse=True):
        for folder in path.parents:
            if folder in keep or not folder.is_dir() or any(folder.iterdir()):
                break
            folder.rmdir()
