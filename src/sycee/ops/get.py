"""``sycee get``: files and folders out of another repository, without becoming a part of this one.

All is fetched and verified in a hidden folder beside the target, and only then gets its name.
"""

import stat
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sycee.core.progress import SILENT, Progress
from sycee.errors import Conflict, NotFound, UsageError
from sycee.formats.paths import check_path
from sycee.ops.reach import Piece, Reach, required
from sycee.store.cache import Cache
from sycee.store.statcache import StatCache
from sycee.system.atomic import default_mode, fsync_dir, hidden_folder, write_file
from sycee.system.links import DEFAULT_WAYS, link
from sycee.system.tree import kind_at
from sycee.workspace.source import Asked, Source, Surroundings, inner_path, open_source, within
from sycee.workspace.sourcetree import Plain
from sycee.workspace.tracked import PIPELINE, Tracked, is_origin


@dataclass(frozen=True, slots=True)
class GetRequest:
    """What to get.

    Attributes:
        asked: Out of which repository.
        path: Of a file or folder in it.
        out: Where to put it, absolute; a folder that exists gets it inside. None for the working folder.
        force: Whether files that are in the way may be replaced.
        jobs: How many objects move at once; None for what the remote says.
    """

    asked: Asked
    path: str
    out: Path | None = None
    force: bool = False
    jobs: int | None = None


def get(request: GetRequest, around: Surroundings, *, progress: Progress = SILENT) -> Path:
    """Copy a file or folder out of another repository, and return where it is.

    Args:
        request: What.
        around: Where it is asked for.
        progress: Told the bytes.

    Raises:
        Conflict: If something is in the way; nothing was asked of anybody.
        NotFound: If the source, the path in it or an object is not there.
        DigestMismatch: If what the source's store keeps is damaged.
        RemoteError: If source or store cannot be reached.
    """
    path = inner_path(request.path)
    target = _target(request, path, around.cwd)
    source = open_source(request.asked, around)
    with hidden_folder(target.parent) as folder:
        statcache = StatCache(folder / "statcache.sqlite")
        reach = Reach(source, Cache(folder / "objects", statcache), request.jobs, progress)
        try:
            names = gather(reach, path, folder / "made")
        finally:
            statcache.close()
        _publish(folder / "made", target, names)
    return target


def object_url(asked: Asked, path: str, around: Surroundings) -> str:
    """Return where the remote of a source keeps what it tracks at a path; the remote is not asked.

    Args:
        asked: Which repository.
        path: Of a tracked file or folder, or of a file in one.
        around: Where it is asked for.

    Raises:
        NotFound: If the path is not tracked, or there is no remote.
    """
    source = open_source(asked, around)
    path = inner_path(path)
    holder = source.holder_of(path)
    if holder is None:
        raise NotFound(f"{source.shown} tracks no {path or '.'}", hint="Git's own files have no url; see: sycee list")
    tracked = source.outs[holder]
    item = required(tracked)
    if path != holder:
        with hidden_folder(around.cwd) as folder:
            found = Reach(source, Cache(folder, StatCache(folder / "statcache.sqlite"))).pieces(tracked, path)
        if not found or found[0].path != path:
            raise _nowhere(source, path)
        item = found[0].item
    remote = source.project_of(holder).remote(tracked.out.remote)
    try:
        return remote.backend.describe(item.key)
    finally:
        remote.backend.close()


@dataclass(frozen=True, slots=True)
class _Picked:
    """What a path means in a source: outs (or the one it lies in) and plain files."""

    outs: Sequence[Tracked]
    plain: Mapping[str, Plain]


def _pick(source: Source, path: str) -> _Picked:
    holder = source.holder_of(path)
    if holder is not None:
        return _Picked([source.outs[holder]], {})
    outs, files = source.below(path)
    plain = {name: one for name, one in files.items() if name == path or not _is_pointer(name)}
    if not outs and not plain:
        raise _nowhere(source, path)
    return _Picked(outs, plain)


def _nowhere(source: Source, path: str) -> NotFound:
    return NotFound(f"there is no {path} in {source.shown}", hint=f"see what there is: sycee list {source.shown}")


def _is_pointer(name: str) -> bool:
    return is_origin(name) or PurePosixPath(name).name == PIPELINE


def _target(request: GetRequest, path: str, cwd: Path) -> Path:
    name = PurePosixPath(path).name
    target = request.out or cwd / name
    if request.out and request.out.is_dir():
        target = request.out / name
    if not name and target in {cwd, request.out} and target.is_dir():
        raise UsageError("the whole of a repository needs a name", hint="give it one that is free: -o NAME")
    if _is_pointer(target.name):
        raise UsageError(f"{target.name} is the name of a pointer", hint="name the file or folder it stands for")
    if kind_at(target) is not None and not request.force:
        raise Conflict(f"{target} exists", hint="choose another place with -o, or replace it with --force")
    return target


def gather(reach: Reach, path: str, made: Path) -> list[str]:
    """Make copies of all that a path of a source means.

    Args:
        reach: The source, and a cache whose objects may be taken out.
        path: As :func:`sycee.workspace.source.inner_path` gives it.
        made: The file or folder to make.

    Returns:
        The files relative to ``made``; of a single file the empty path.

    Raises:
        NotFound: If there is nothing at the path, or an object is nowhere.
        SyceeError: If an object is damaged, or its store fails.
    """
    source = reach.source
    picked = _pick(source, path)
    pieces = [piece for out in picked.outs for piece in reach.pieces(out, path)]
    folders = [out.relpath for out in picked.outs if out.out.is_dir and within(out.relpath, path)]
    if not pieces and not folders and not picked.plain:
        raise _nowhere(source, path)
    reach.fetch(pieces)
    names = {name: _relative(name, path) for name in (*(piece.path for piece in pieces), *picked.plain)}
    for folder in folders:
        (made / _relative(folder, path)).mkdir(parents=True, exist_ok=True)
    for relative in names.values():
        (made / relative).parent.mkdir(parents=True, exist_ok=True)
    _place(reach.cache, pieces, {name: made / relative for name, relative in names.items()})
    for name, data in source.tree.read(picked.plain):
        write_file(made / names[name], data, mode=_mode(executable=picked.plain[name].executable))
    return list(names.values())


def _relative(name: str, path: str) -> str:
    relative = name[len(path) :].lstrip("/") if path else name
    return check_path(relative) if relative else ""


def _place(cache: Cache, pieces: Collection[Piece], places: Mapping[str, Path]) -> None:
    """Give objects their names; one that several files share is copied for all but the last."""
    left = Counter(piece.item.key for piece in pieces)
    for piece in pieces:
        stored, place = cache.path(piece.item.oid, legacy=piece.item.legacy), places[piece.path]
        left[piece.item.key] -= 1
        if left[piece.item.key]:
            link(stored, place, DEFAULT_WAYS)
        else:
            stored.rename(place)
        place.chmod(_mode(executable=piece.executable))


def _mode(*, executable: bool) -> int:
    return default_mode() | (stat.S_IXUSR if executable else 0)


def _publish(made: Path, target: Path, names: Sequence[str]) -> None:
    """Give what was made its name. Into a folder that exists each file goes by itself, in the place of an older one."""
    if kind_at(made) == "dir" and kind_at(target) is not None:
        _require_room(target, names)
        for name in names:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (made / name).replace(target / name)
    elif kind_at(target) == "dir":
        raise Conflict(
            f"{target} is a folder, where a file would go", hint="remove it, or choose another place with -o"
        )
    else:
        made.replace(target)
    fsync_dir(target.parent)


def _require_room(target: Path, names: Sequence[str]) -> None:
    for name in names:
        path = target / name
        folders = [folder for folder in path.parents if within(str(folder), str(target))]
        if kind_at(path) == "dir" or any(kind_at(folder) not in {"dir", None} for folder in folders):
            raise Conflict(
                f"{path} cannot be replaced: file and folder are in each other's place", hint="remove it first"
            )
