"""``sycee list``: what another repository holds, files of Git and of DVC side by side. Writes nothing that stays."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from sycee.core.progress import SILENT, Progress
from sycee.errors import NotFound
from sycee.ops.reach import Reach
from sycee.store.cache import Cache
from sycee.store.statcache import StatCache
from sycee.workspace.source import Asked, Source, Surroundings, inner_path, open_source, within

HERE = "."


@dataclass(frozen=True, slots=True)
class ListRequest:
    """What to list.

    Attributes:
        asked: Of which repository.
        path: Of a file or folder in it.
        recursive: Whether files are listed at any depth, rather than what lies directly in the folder.
        level: How deep at most; None for all the way.
        dvc_only: Whether Git's own files are left out.
    """

    asked: Asked
    path: str = ""
    recursive: bool = False
    level: int | None = None
    dvc_only: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """One name, with the fields of ``dvc list --json``.

    Attributes:
        isout: Whether a pointer or pipeline tracks it, or the folder it is in.
        isdir: Whether it is a folder.
        isexec: Whether it gets the exec bit.
        size: In bytes, where that is known without its content.
        md5: Its object id, where a store keeps it.
        path: Relative to the folder that is listed.
    """

    isout: bool
    isdir: bool
    isexec: bool
    size: int | None
    md5: str | None
    path: str


def listing(request: ListRequest, around: Surroundings, *, progress: Progress = SILENT) -> list[Listed]:
    """Return what lies at a path, in the order of paths.

    Args:
        request: What to list.
        around: Where it is asked for.
        progress: Told the bytes of directory objects.

    Raises:
        NotFound: If the source or the path in it is not there, or nobody has the list of a tracked folder.
        RemoteError: If source or store cannot be reached.
    """
    level = (request.level if request.recursive else 1) or request.level
    found = everything(replace(request, level=level), around, progress=progress)
    whole = found[0]
    if not whole.isdir or request.level == 0:
        return [replace(whole, path=PurePosixPath(request.path).name or HERE)]
    chosen = found[1:]
    if request.recursive:
        chosen = [one for one in chosen if not one.isdir or _depth(one.path) == level]
    return chosen


def everything(request: ListRequest, around: Surroundings, *, progress: Progress = SILENT) -> list[Listed]:
    """Return a path itself, whose name is empty, and all files and folders below it down to the level."""
    path = inner_path(request.path)
    source = open_source(request.asked, around)
    with tempfile.TemporaryDirectory(prefix="sycee-") as scratch:
        statcache = StatCache(Path(scratch, "statcache.sqlite"))
        reach = Reach(source, Cache(Path(scratch, "objects"), statcache), progress=progress)
        found = {one.path: one for one in _files(reach, request, path)}
        statcache.close()
    if not found and path:
        raise NotFound(f"there is no {path} in {source.shown}", hint=f"see what there is: sycee list {source.shown}")
    for name in list(found):
        for folder in PurePosixPath(name).parents:
            if within(inner := "" if str(folder) == HERE else str(folder), path) and inner not in found:
                found[inner] = Listed(_in_out(source, inner), True, False, None, None, inner)
    found.setdefault(path, Listed(False, True, False, None, None, path))
    relative = [replace(one, path=name[len(path) :].lstrip("/") if path else name) for name, one in found.items()]
    return sorted((one for one in relative if _shown(one.path, request.level)), key=lambda one: one.path)


def _shown(path: str, level: int | None) -> bool:
    return level is None or not path or _depth(path) <= level


def _depth(path: str) -> int:
    return path.count("/") + 1


def _in_out(source: Source, path: str) -> bool:
    return bool(path) and source.holder_of(path) is not None


def _files(reach: Reach, request: ListRequest, path: str) -> Iterator[Listed]:
    source = reach.source
    outs, plain = source.below(path)
    for out in outs:
        yield Listed(True, out.out.is_dir, out.out.isexec, out.out.size, out.out.md5, out.relpath)
    holder = source.holder_of(path) if path else None
    opened = [source.outs[holder]] if holder else [out for out in outs if _reaches(request, out.relpath, path)]
    for out in opened:
        if out.out.is_dir:
            for piece in reach.pieces(out, path):
                yield Listed(True, False, False, piece.item.expected.size, piece.item.oid, piece.path)
    if not request.dvc_only:
        for name, one in plain.items():
            yield Listed(False, False, one.executable, one.size, None, name)


def _reaches(request: ListRequest, out: str, path: str) -> bool:
    """Tell whether the files of a tracked folder are to be listed: a folder at the last level stays closed."""
    return request.level is None or _depth(out[len(path) :].lstrip("/")) < request.level
