"""What lies below a folder, looked at without following a single link."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

Kind = Literal["file", "dir", "symlink", "special"]


class TreeEntry(NamedTuple):
    """One name below a folder.

    Attributes:
        relpath: Path below the folder, with ``/``.
        kind: What it is, by ``lstat``.
        stat: What ``lstat`` says.
    """

    relpath: str
    kind: Kind
    stat: os.stat_result


def kind_of(status: os.stat_result) -> Kind:
    """Return what an ``lstat`` result describes."""
    if stat.S_ISREG(status.st_mode):
        return "file"
    if stat.S_ISDIR(status.st_mode):
        return "dir"
    return "symlink" if stat.S_ISLNK(status.st_mode) else "special"


def kind_at(path: Path) -> Kind | None:
    """Return what stands at a path itself (links are not followed), or None when nothing does."""
    try:
        return kind_of(path.lstat())
    except (FileNotFoundError, NotADirectoryError):
        return None


def is_file(path: str) -> bool:
    """Tell whether a path leads to a regular file; of text, where so many are asked for that objects would be slow."""
    return os.path.isfile(path)  # noqa: PTH113


def scan(root: Path, *, enter: Callable[[str], bool] = lambda _relpath: True) -> Iterator[TreeEntry]:
    """Yield every name below ``root``, folders before what they hold, names in code point order.

    Args:
        root: The folder.
        enter: Whether to look into the folder of this relative path (the folder itself is yielded in any case).
    """
    open_folders = [_listed(root, "")]  # a list, since a hostile folder can be deeper than Python's stack
    while open_folders:
        entry = next(open_folders[-1], None)
        if entry is None:
            open_folders.pop()
            continue
        yield entry
        if entry.kind == "dir" and enter(entry.relpath):
            open_folders.append(_listed(root / entry.relpath, f"{entry.relpath}/"))


def _listed(folder: Path, prefix: str) -> Iterator[TreeEntry]:
    with os.scandir(folder) as entries:
        names = sorted(entries, key=lambda entry: entry.name)
    for entry in names:
        status = entry.stat(follow_symlinks=False)
        yield TreeEntry(prefix + entry.name, kind_of(status), status)


def nearest_folder(path: Path) -> Path:
    """Return the folder in which a path lies, or the nearest above it that exists."""
    return next(folder for folder in path.parents if kind_at(folder) == "dir")
