"""Which objects of a store nothing refers to, and in which order they go: decisions over keys, without I/O.

A key that is not an object's is never garbage: quarantine, unfinished writes, the run cache, and whatever else somebody
keeps beside the objects stay.

Manifests of versions go first, then directory objects, since each of them promises what it names: a removal that is cut
off leaves members without their folder, which the next one takes, and never a folder that looks complete and is not.
Folder sums, and what only manifests name, go last; nothing depends on them.
"""

import re
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from enum import IntEnum
from typing import NamedTuple

from sycee.store.layout import BLOBS, INDEX, MANIFESTS, SUMS

_FILE = re.compile(r"(files/md5/)?[0-9a-f]{2}/[0-9a-f]{30}")
_NAMED = r"/[0-9a-f]{2}/[0-9a-f]{62}"  # by a sha256
_DIRECTORY = re.compile(rf"{_FILE.pattern}\.dir")
LEGACY_FOLDERS = {f"{number:02x}": None for number in range(256)}
FOLDERS = (
    "files/md5",
    SUMS,
    MANIFESTS,
    BLOBS,
    INDEX,
    *LEGACY_FOLDERS,
)  # where objects lie; nowhere else is anything looked at


class Kind(IntEnum):
    """What an object is; the order of the values is the order of removal."""

    MANIFEST = 0
    DIRECTORY = 1
    FILE = 2
    SUMS = 3
    BLOB = 4
    INDEX = 5


_PATTERNS = {
    Kind.FILE: _FILE,
    Kind.DIRECTORY: _DIRECTORY,
    Kind.SUMS: re.compile(SUMS + _NAMED),
    Kind.MANIFEST: re.compile(MANIFESTS + _NAMED),
    Kind.BLOB: re.compile(BLOBS + _NAMED),
    Kind.INDEX: re.compile(INDEX + _NAMED),
}
DVC = frozenset({Kind.DIRECTORY, Kind.FILE})  # what DVC knows of


class Item(NamedTuple):
    """An object of a store.

    Attributes:
        key: Where it lies in the store.
        size: In bytes.
    """

    key: str
    size: int

    @property
    def kind(self) -> Kind | None:
        """What it is; None for what is no object."""
        return kind_of(self.key)

    @property
    def is_legacy(self) -> bool:
        """Whether it lies where DVC kept objects before 3.0."""
        return self.key[:2] in LEGACY_FOLDERS


def kind_of(key: str) -> Kind | None:
    """Return what lies under a key, or None if it is no object."""
    return next((kind for kind, pattern in _PATTERNS.items() if pattern.fullmatch(key)), None)


def garbage(stored: Iterable[Item], kept: Collection[str]) -> tuple[Item, ...]:
    """Return the objects that are not kept, in the order in which they are to be removed.

    Args:
        stored: What a store holds.
        kept: The keys that are needed.
    """
    found = [(kind, item) for item in stored if item.key not in kept and (kind := item.kind) is not None]
    return tuple(item for _, item in sorted(found, key=lambda one: (one[0], one[1].key)))


def reachable(roots: Iterable[str], members: Mapping[str, Iterable[str]]) -> set[str]:
    """Return the keys that roots lead to: their own, and those of the members of folders.

    Args:
        roots: Keys that pointers name.
        members: For the key of each directory object, the keys of what it lists.

    Raises:
        KeyError: If a directory object among the roots is not in ``members``: what it lists must be known.
    """
    kept = set(roots)
    for key in [key for key in kept if kind_of(key) is Kind.DIRECTORY]:
        kept.update(members[key])
    return kept


def stages(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Yield items in groups, each to be gone before the next one is touched."""
    grouped: dict[Kind | None, list[Item]] = {}
    for item in items:
        grouped.setdefault(item.kind, []).append(item)
    for kind in Kind:
        if kind in grouped:
            yield grouped[kind]


def newest(versions: Iterable[tuple[str, Hashable]], count: int) -> set[tuple[str, Hashable]]:
    """Return the last ``count`` different contents of each path.

    Args:
        versions: Path and content, the newest first; a content that comes again counts once, where it came first.
        count: How many of each path.
    """
    found: dict[str, dict[Hashable, None]] = {}
    for path, content in versions:
        seen = found.setdefault(path, {})
        if len(seen) < count:
            seen[content] = None
    return {(path, content) for path, seen in found.items() for content in seen}
