"""``sycee move``: give a tracked file or folder another name, together with its pointer and ignore entry.

Order, each step durable before the next: the new ``.gitignore`` entry, the new pointer, the rename of the data, then
the old entry goes, and the old pointer last. Data is renamed and never copied, and nothing is replaced. So a crash
leaves the data whole under one of the two names, with a pointer for it and ignored by Git; running the command again
completes the move, since the pointer that it finds is byte for byte the one it would write.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from sycee.errors import Conflict, NotFound
from sycee.formats import pointer
from sycee.ops.add import require_places
from sycee.system.atomic import fsync_dir, write_file
from sycee.system.tree import kind_at
from sycee.workspace.gitside import for_git, ignore, stage_if_wanted, unignore, unlink
from sycee.workspace.repository import Repository
from sycee.workspace.tracked import SUFFIX, Tracked, find_tracked


@dataclass(frozen=True, slots=True)
class Moved:
    """What a move did.

    Attributes:
        path: The new path, absolute.
        present: Whether there was data to rename; else only the pointer has moved.
        changed: The files that Git has to know of.
    """

    path: Path
    present: bool
    changed: tuple[Path, ...]


def move(repo: Repository, source: Path, target: Path) -> Moved:
    """Rename a tracked file or folder, its pointer and its ignore entry.

    Args:
        repo: The repository.
        source: The tracked file or folder, absolute.
        target: Its new path, absolute; an existing folder, to keep the name in there.

    Raises:
        NotFound: If the source is not tracked, or the folder of the target does not exist; nothing is done then.
        Conflict: If something stands at the target, or it cannot be tracked there; nothing is done then.
    """
    with repo.locked(writes=[source, target]):
        known = {one.path: one for one in find_tracked(repo.root, repo.git)}
        tracked = _movable(repo, source, known)
        if kind_at(target) == "dir" and target not in known:
            target /= source.name
        work = _Move(tracked, target, pointer.renamed(_raw(tracked), tracked.origin.name, target.name))
        _require_possible(repo, work, known)
        repo.sweep([source, target])
        present = kind_at(source) is not None or kind_at(target) is not None
        changed = work.run(repo)
    known_to_git = for_git(repo, changed)
    stage_if_wanted(repo, known_to_git)
    return Moved(target, present, known_to_git)


def _movable(repo: Repository, source: Path, known: Mapping[Path, Tracked]) -> Tracked:
    relpath = repo.relpath(source)
    tracked = known.get(source)
    if tracked is None:
        raise NotFound(f"{relpath} is not tracked here", hint="see what is: sycee status; or rename it by hand")
    if tracked.pointer is None:
        hint = "change it in dvc.yaml, and run dvc repro"
        raise Conflict(f"{relpath} is an output of a pipeline, recorded in {tracked.origin.name}", hint=hint)
    name = quote(tracked.origin.name)
    if tracked.pointer.imported:
        raise Conflict(f"{relpath} was imported, and its pointer says from where", hint="move it with dvc: dvc move")
    if len(tracked.pointer.outs) != 1 or tracked.origin.name != source.name + SUFFIX:
        raise Conflict(
            f"{tracked.origin.name} is not a pointer of {relpath} alone, so it cannot move with it",
            hint=f"give each file a pointer of its own: sycee remove {name}, then sycee add",
        )
    repo.require_real_folders(source)
    return tracked


def _raw(tracked: Tracked) -> bytes:
    return tracked.pointer.raw if tracked.pointer else b""


@dataclass(frozen=True, slots=True)
class _Move:
    """One move.

    Attributes:
        tracked: What is at the old name.
        target: The new path.
        data: The bytes of the new pointer.
    """

    tracked: Tracked
    target: Path
    data: bytes

    @property
    def source(self) -> Path:
        return self.tracked.path

    @property
    def pointer(self) -> Path:
        return self.target.with_name(self.target.name + SUFFIX)

    @property
    def begun(self) -> bool:
        """Whether an interrupted move of the same left its pointer."""
        return kind_at(self.pointer) == "file" and self.pointer.read_bytes() == self.data

    def run(self, repo: Repository) -> list[Path]:
        """Do it; return the files that changed."""
        ignored = ignore(repo, self.target)
        if not self.begun:
            write_file(self.pointer, self.data)
        if kind_at(self.source) is not None:
            self._rename(repo, ignored)
        changed = [*ignored, self.pointer, self.tracked.origin, *unignore(repo, self.source)]
        unlink(self.tracked.origin)
        return changed

    def _rename(self, repo: Repository, ignored: Sequence[Path]) -> None:
        try:
            self.source.rename(self.target)
        except OSError:  # as it was before
            unlink(self.pointer)
            if ignored:
                unignore(repo, self.target)
            raise
        fsync_dir(self.target.parent)
        fsync_dir(self.source.parent)


def _require_possible(repo: Repository, work: _Move, known: Mapping[Path, Tracked]) -> None:
    source, target = work.source, work.target
    relpath = repo.relpath(target)
    if kind_at(target.parent) != "dir":
        raise NotFound(f"there is no folder {target.parent}", hint=f"make it: mkdir -p {quote(str(target.parent))}")
    if kind_at(target) is not None and (kind_at(source) is not None or not work.begun):
        raise Conflict(f"{relpath} already exists", hint="nothing is overwritten: choose another name, or remove it")
    if kind_at(work.pointer) is not None and not work.begun:
        raise Conflict(f"{relpath}{SUFFIX} already exists", hint="choose another name, or remove that pointer")
    kind = kind_at(source)
    kind = kind if kind in {"dir", "special"} else "file"  # a link into the cache is a file
    require_places(repo, {target: kind}, known)
    if kind_at(source) is not None and source.lstat().st_dev != target.parent.lstat().st_dev:
        raise Conflict(
            f"{relpath} would lie on another file system than {repo.relpath(source)}",
            hint="copy it, add the copy, and remove the old one: cp -a, sycee add, sycee remove --outs",
        )
