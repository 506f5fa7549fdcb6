"""Copies for the work tree that are written while their objects arrive.

A pull of a large file would otherwise read the object again, when it is in the cache, to copy it. The copies wait under
temporary names; only a checkout gives them theirs, after the object was verified and stored.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sycee.errors import Conflict
from sycee.store.objects import Wanted
from sycee.system.atomic import default_mode, open_temp, write_all
from sycee.system.links import first_way
from sycee.system.tree import kind_at, nearest_folder
from sycee.workspace.repository import Repository
from sycee.workspace.tracked import Tracked
from sycee.workspace.wanted import wanted

LARGE = 32 << 20  # bytes


@dataclass(slots=True)
class Ahead:
    """Copies in the making.

    Attributes:
        places: Where a file is to lie, by the key of its object.
        made: The temporary path and descriptor of each copy, by the same.
        taken: Which of them a checkout has.
    """

    places: Mapping[str, Path]
    made: dict[str, tuple[Path, int]] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)

    def twin(self, item: Wanted) -> int | None:
        """Return where else the bytes of an object go, see :func:`sycee.store.transfer.fetch`."""
        place = self.places.get(item.key)
        if place is None or item.key in self.made:
            return None
        temp, fd = open_temp(nearest_folder(place))
        self.made[item.key] = temp, fd
        os.fchmod(fd, default_mode())
        return fd

    def take(self, item: Wanted, source: Path) -> Path | None:
        """Return the temporary path of a whole copy, once."""
        temp, fd = self.made.get(item.key, (None, -1))
        if temp is None or item.key in self.taken or os.fstat(fd).st_size != source.stat().st_size:
            return None
        self.taken.add(item.key)
        return temp


@contextmanager
def ahead(repo: Repository, tracked: Sequence[Tracked]) -> Iterator[Ahead]:
    """Give the copies that a checkout of tracked files will want; those it did not take are removed.

    Args:
        repo: The repository.
        tracked: What will be checked out.
    """
    copies = Ahead(_places(repo, tracked))
    try:
        yield copies
    finally:
        for temp, fd in copies.made.values():
            temp.unlink(missing_ok=True)
            os.close(fd)


def _places(repo: Repository, tracked: Sequence[Tracked]) -> dict[str, Path]:
    """Return the places of large files that are not here, where they would become copies of their objects."""
    items = {one.path: wanted(one) for one in tracked if not one.out.is_dir and (one.out.size or 0) >= LARGE}
    absent = {path: item for path, item in items.items() if item and kind_at(path) is None and _is_ours(repo, path)}
    if not absent:
        return {}
    with repo.cache.incoming() as (sample, fd):
        write_all(fd, b"an empty file is copied in any case")
        ways = {folder: first_way(sample, folder, repo.link_ways) for folder in map(nearest_folder, absent)}
    return {item.key: path for path, item in absent.items() if ways[nearest_folder(path)] == "copy"}


def _is_ours(repo: Repository, path: Path) -> bool:
    try:
        repo.require_real_folders(path)
    except Conflict:  # as checkout will say
        return False
    return True
