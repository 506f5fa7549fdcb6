"""``sycee checkout``: make the work tree what the pointers say, from objects in the cache.

First everything is looked at and planned; then, if nothing is missing and nothing would be lost, all files are made
under temporary names; then they are renamed. So a checkout that is refused, or finds the disk full, leaves the work
tree as it was.
"""

import stat
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sycee.core.progress import SILENT, Progress, Task, within
from sycee.digest import FileDigests
from sycee.errors import Conflict, NotFound
from sycee.ops.ahead import Ahead
from sycee.ops.elsewhere import absent, is_cached
from sycee.ops.vanished import Vanished, vanished
from sycee.store.expected import Expected
from sycee.store.layout import is_directory
from sycee.store.members import members_of
from sycee.store.objects import Wanted
from sycee.store.statcache import settle
from sycee.store.transfer import require_parts
from sycee.system.links import DEFAULT_WAYS, SHARED_INODE, Prepared, prepare
from sycee.system.tree import kind_at, nearest_folder, scan
from sycee.workspace.content import cached_by_symlink, file_id, is_executable, is_lost_link, is_stored, members
from sycee.workspace.placed import going, placed, remember
from sycee.workspace.repository import Repository
from sycee.workspace.tracked import Tracked
from sycee.workspace.wanted import kept_as, wanted

Mark = Literal["A", "M", "D"]
NOTHING = Expected("")  # what no file can be


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


@dataclass(frozen=True, slots=True)
class Changes:
    """What a checkout changed.

    Attributes:
        marks: For each tracked path, ``A``, ``M`` or ``D`` and the path relative to the root, a folder's with ``/``.
        files: How many files were added, modified and deleted, those in folders one by one.
    """

    marks: list[tuple[Mark, str]]
    files: Mapping[Mark, int]


@dataclass(frozen=True, slots=True)
class Options:
    """How a checkout is done.

    Attributes:
        force: Whether bytes that are stored nowhere may be replaced or removed.
        relink: Whether to make files anew that are right, in the way that ``cache.type`` says now.
        allow_missing: Whether to leave alone what lacks objects, instead of refusing everything.
        take_away: Whether to remove what no pointer names any more; then all that is tracked has to be given.
        copies: Those that a fetch made already.
    """

    force: bool = False
    relink: bool = False
    allow_missing: bool = False
    take_away: bool = False
    copies: Ahead | None = None


DEFAULT = Options()


@dataclass(slots=True)
class Plan:
    """All that a checkout would do, and all that stands against it.

    Attributes:
        relink: See :class:`Options`.
        place: Files to create or replace.
        remove: Files that no object names, in tracked folders and in folders that stand where a file belongs.
        clear: The latter folders.
        folders: Folders to make, even if they stay empty.
        marks: What to report, see :class:`Changes`.
        files: The same.
        missing: Labels of objects that are not in the cache.
        unsaved: Paths whose present bytes are stored nowhere.
    """

    relink: bool = False
    place: list[Placement] = field(default_factory=list)
    remove: list[Path] = field(default_factory=list)
    clear: list[Path] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    marks: list[tuple[Mark, str]] = field(default_factory=list)
    files: Counter[Mark] = field(default_factory=Counter)
    missing: list[str] = field(default_factory=list)
    unsaved: list[str] = field(default_factory=list)

    def include(self, other: "Plan") -> None:
        """Do also what another plan says."""
        self.place += other.place
        self.remove += other.remove
        self.clear += other.clear
        self.folders += other.folders
        self.marks += other.marks
        self.files += other.files
        self.missing += other.missing
        self.unsaved += other.unsaved


def checkout(
    repo: Repository, tracked: Sequence[Tracked], options: Options = DEFAULT, *, progress: Progress = SILENT
) -> Changes:
    """Make files and folders of the work tree what their pointers say.

    Args:
        repo: The repository.
        tracked: Which.
        options: How.
        progress: Told the bytes.

    Raises:
        NotFound: If objects are not in the cache; nothing was changed.
        Conflict: If unsaved bytes are in the way and ``force`` is not set; nothing was changed.
    """
    noted = [repo.root / relpath for relpath in placed(repo)] if options.take_away else []
    with repo.locked(writes=[*(one.path for one in tracked), *noted]):
        repo.sweep(one.path for one in tracked)
        for error in () if options.allow_missing else absent(repo, tracked):
            raise error
        plan, done = _planned(repo, tracked, options, progress)
        gone = vanished(repo, tracked, progress) if options.take_away else []
        for one in gone:
            _plan_removal(one, plan)
        _require_possible(plan, force=options.force)
        going(repo, (one.relpath.rstrip("/") for one in gone if one.files))
        _apply(repo, plan, options.copies, progress)
        _remember(repo, done, gone, plan)
    return Changes(plan.marks, plan.files)


def _planned(
    repo: Repository, tracked: Sequence[Tracked], options: Options, progress: Progress
) -> tuple[Plan, list[Tracked]]:
    """Return the plan for tracked paths, and which of them it is for."""
    plan, done = Plan(options.relink), []
    for one in tracked:
        its = Plan(options.relink)
        _plan(repo, one, its, progress)
        if not (its.missing and options.allow_missing):
            plan.include(its)
            done.append(one)
    return plan, done


def _plan_removal(one: Vanished, plan: Plan) -> None:
    if one.files:
        plan.remove += one.files
        plan.marks.append(("D", one.relpath))
        plan.files["D"] += 1  # as DVC, which counts a folder as one


def _remember(repo: Repository, done: Iterable[Tracked], gone: Iterable[Vanished], plan: Plan) -> None:
    wholes = [one for one in done if not one.parts and kind_at(one.path) is not None]
    changed = {path.rstrip("/") for _, path in plan.marks}
    fresh = {one.relpath for one in wholes if plan.relink or one.relpath in changed}
    left = [one.relpath.rstrip("/") for one in gone if one.files or kind_at(repo.root / one.relpath) is None]
    remember(repo, ((one.path, one.out) for one in wholes), gone=left, fresh=fresh)


def _require_possible(plan: Plan, *, force: bool) -> None:
    if plan.missing:
        labels = sorted(set(plan.missing))
        raise NotFound(
            f"{_listed(labels)} cannot be checked out: not in the cache",
            hint="fetch first: sycee fetch, or both at once: sycee pull",
            missing=labels,
        )
    unsaved = sorted(set(plan.unsaved))
    if unsaved and not force:
        raise Conflict(
            f"{_listed(unsaved)} would be overwritten or removed, and the present content is stored nowhere",
            hint="keep it: sycee add; or give it up: --force",
            unsaved=unsaved,
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def _plan(repo: Repository, tracked: Tracked, plan: Plan, progress: Progress) -> None:
    whole = kept_as(tracked) if tracked.out.versions and is_cached(repo, tracked) else wanted(tracked)
    if whole is None:
        _require_address(tracked)
        return
    repo.require_real_folders(tracked.path)
    if is_directory(whole.oid):
        _plan_folder(repo, tracked, whole, plan, progress)
    else:
        _plan_file(repo, tracked, whole, plan, progress)


def _require_address(tracked: Tracked) -> None:
    out, imported = tracked.out, tracked.pointer is not None and tracked.pointer.imported
    if out.md5 is None and out.cache and not out.versioned and not imported:  # an import gets it when it is fetched
        hint = "add it, or take an older pointer: git log -- " + tracked.origin.name
        raise NotFound(f"{tracked.relpath} cannot be checked out: its pointer names no content", hint=hint)


def _plan_file(repo: Repository, tracked: Tracked, item: Wanted, plan: Plan, progress: Progress) -> None:
    mark: Mark = "A" if kind_at(tracked.path) is None else "M"
    current = _saved_id(repo, tracked.path, item, plan, progress)
    is_right = current == item.oid and is_executable(tracked.path) >= tracked.out.isexec
    if not is_right or plan.relink:
        _place(repo, Placement(tracked.path, item, tracked.out.isexec), plan)
    if not is_right:
        plan.marks.append((mark, tracked.relpath))
        plan.files[mark] += 1


def _plan_folder(repo: Repository, tracked: Tracked, whole: Wanted, plan: Plan, progress: Progress) -> None:
    if not repo.cache.holds(whole.expected, legacy=whole.legacy):
        plan.missing.append(whole.label)
        return
    require_parts(repo.cache, [whole])
    parts = {part.label.removeprefix(f"{whole.label}/"): part for part in members_of(repo.cache, whole)}
    existed = kind_at(tracked.path)
    found = members(repo, tracked.path, tracked.parts, leave=is_lost_link) if existed == "dir" else []
    present = {member.relpath for member in found}
    extra = [tracked.path / relpath for relpath in sorted(present - parts.keys())]
    if existed not in {None, "dir"}:
        extra.append(tracked.path)
    _require_ways(repo, {tracked.path / relpath for relpath in parts}, extra)
    with progress.start(f"hashing {tracked.path.name}/", sum(one.size for one in found)) as task:
        for path in extra:
            _saved_id(repo, path, whole, plan, within(task))
        changed = [p for name, p in parts.items() if _is_outdated(repo, tracked.path / name, p, plan, within(task))]
    plan.remove += extra
    plan.files["D"] += len(extra) if existed == "dir" else 0
    plan.folders.append(tracked.path)
    if changed or extra or existed != "dir":
        plan.marks.append(("M" if existed else "A", f"{tracked.relpath}/"))


def _require_ways(repo: Repository, paths: Iterable[Path], removed: Iterable[Path]) -> None:
    """Refuse members of a folder that lie beyond a symbolic link, or below a file that is not about to go."""
    going = set(removed)
    for folder in {path.parent for path in paths}:
        if not going.intersection((folder, *folder.parents)):
            repo.require_real_folders(folder / "member")


def _is_outdated(repo: Repository, path: Path, part: Wanted, plan: Plan, progress: Progress) -> bool:
    """Tell whether a member is absent or differs, and plan it then."""
    mark: Mark = "A" if kind_at(path) is None else "M"
    is_right = _saved_id(repo, path, part, plan, progress) == part.oid
    if not is_right or plan.relink:
        _place(repo, Placement(path, part), plan)
    plan.files[mark] += not is_right
    return not is_right


def _place(repo: Repository, placement: Placement, plan: Plan) -> None:
    item = placement.item
    if not repo.cache.holds(item.expected, legacy=item.legacy):
        plan.missing.append(item.label)
    plan.place.append(placement)


def _saved_id(repo: Repository, path: Path, item: Wanted, plan: Plan, progress: Progress) -> str | None:
    """Return the id of what stands at a path; note it as unsaved if it is to go and the cache does not hold it."""
    kind = kind_at(path)
    if kind is None or is_lost_link(path):
        return None
    if kind == "dir":
        _plan_clearing(repo, path, item, plan, progress)
        return None
    if kind != "file" and cached_by_symlink(repo, path) is None:
        plan.unsaved.append(repo.relpath(path))
        return None
    oid = file_id(repo, path, legacy=item.legacy, progress=progress)
    if oid != item.oid and not is_stored(repo, path, oid, legacy=item.legacy):
        plan.unsaved.append(repo.relpath(path))
    return oid


def _plan_clearing(repo: Repository, folder: Path, item: Wanted, plan: Plan, progress: Progress) -> None:
    """Plan the removal of all that a folder holds, which stands where a file belongs."""
    for entry in scan(folder):
        if entry.kind != "dir":
            _saved_id(repo, folder / entry.relpath, item._replace(expected=NOTHING), plan, progress)
            plan.remove.append(folder / entry.relpath)
    plan.clear.append(folder)


def _apply(repo: Repository, plan: Plan, copies: Ahead | None, progress: Progress) -> None:
    """Make every file under a temporary name first; only then, by removals and renames, change the work tree."""
    digests = _verified(repo, [placement.item for placement in plan.place], progress)
    with ExitStack() as leftovers, progress.start(_label(plan), sum(one.size for one in digests)) as task:
        making, ready = _Making(repo, copies), []
        for placement in plan.place:
            prepared = making.prepare(placement, task)
            leftovers.callback(prepared.temp.unlink, missing_ok=True)
            ready.append(prepared)
        _make_room(plan)
        _put(repo, [*zip(plan.place, ready, digests, strict=True)])
    _prune_empty(plan)


def _verified(repo: Repository, items: Sequence[Wanted], progress: Progress) -> list[FileDigests]:
    sizes = [item.expected.size or 0 for item in items]
    repo.cache.foresee((item.oid, item.legacy) for item in items)
    with progress.start("checking the cache", sum(sizes)) as task:
        return [repo.cache.verified(item.oid, legacy=item.legacy, on_bytes=task.advance) for item in items]


def _label(plan: Plan) -> str:
    return plan.place[0].item.label if len(plan.place) == 1 else f"checking out {len(plan.place)} files"


@dataclass(slots=True)
class _Making:
    """Makes files under temporary names.

    Attributes:
        repo: The repository.
        copies: Those that a fetch made already.
        folders: Where the files of a folder are made, which need not exist yet.
        worked: The way that worked last there, for executable files and others: it is tried first.
    """

    repo: Repository
    copies: Ahead | None
    folders: dict[Path, Path] = field(default_factory=dict)
    worked: dict[tuple[Path, bool], str] = field(default_factory=dict)

    def prepare(self, placement: Placement, task: Task) -> Prepared:
        source = self.repo.cache.path(placement.item.oid, legacy=placement.item.legacy)
        if self.copies and (temp := self.copies.take(placement.item, source)):
            prepared = Prepared(temp, "copy")
        else:
            prepared = self._made(placement, source, task)
        if prepared.way not in SHARED_INODE:
            if placement.executable:
                prepared.temp.chmod(prepared.temp.stat().st_mode | stat.S_IXUSR)
            settle(prepared.temp)
        return prepared

    def _made(self, placement: Placement, source: Path, task: Task) -> Prepared:
        # An executable file cannot share an inode with an object, whose mode is 0444.
        ways = DEFAULT_WAYS if placement.executable else self.repo.link_ways
        where = placement.path.parent, placement.executable
        if first := self.worked.get(where):
            ways = [first, *(way for way in ways if way != first)]
        if where[0] not in self.folders:
            self.folders[where[0]] = nearest_folder(placement.path)
        prepared = prepare(source, self.folders[where[0]], ways, on_bytes=task.advance)
        self.worked[where] = prepared.way
        return prepared


def _make_room(plan: Plan) -> None:
    for path in plan.remove:
        path.unlink(missing_ok=True)
    for folder in plan.clear:
        _remove_folders(folder)
    for folder in plan.folders:
        folder.mkdir(parents=True, exist_ok=True)


def _remove_folders(folder: Path) -> None:
    for entry in reversed(list(scan(folder))):
        (folder / entry.relpath).rmdir()
    folder.rmdir()


def _put(repo: Repository, ready: Sequence[tuple[Placement, Prepared, FileDigests]]) -> None:
    for folder in {placement.path.parent for placement, _, _ in ready}:
        folder.mkdir(parents=True, exist_ok=True)
    for placement, prepared, _ in ready:
        prepared.temp.replace(placement.path)
    own = [(made.path, digests) for made, prepared, digests in ready if prepared.way not in SHARED_INODE]
    repo.statcache.put_all(((str(path), digests, path.lstat()) for path, digests in own), settled=True)


def _prune_empty(plan: Plan) -> None:
    """Remove folders that lost their last file: directory objects know no empty ones."""
    keep = set(plan.folders)
    for path in sorted(plan.remove, key=lambda p: len(p.parts), reverse=True):
        for folder in path.parents:
            if folder in keep or not folder.is_dir() or any(folder.iterdir()):
                break
            folder.rmdir()
