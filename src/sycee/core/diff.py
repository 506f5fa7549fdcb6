"""What changed between two states of what is tracked: a decision over two lists of paths, without I/O.

Paths are relative to the repository's root, with ``/``. A tracked folder is listed, and so are the files in it; a file
is known by its address alone, so a move is seen as one.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What happened to a path; the words are DVC's."""

    ADDED = "added"
    DELETED = "deleted"
    MODIFIED = "modified"
    RENAMED = "renamed"
    UNCHANGED = "unchanged"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Content:
    """What a path holds.

    Attributes:
        oid: Object id; that of a folder ends in ``.dir``.
        legacy: Whether its pointer is of the time before DVC 3.0; says where its object lies. A pointer that was only
            brought up to date is no change, as in DVC.
    """

    oid: str
    legacy: bool = field(default=False, compare=False)

    @property
    def is_dir(self) -> bool:
        """Whether it is a folder."""
        return self.oid.endswith(".dir")


@dataclass(frozen=True, slots=True)
class Listing:
    """All that one state tracks.

    Attributes:
        contents: Path to content: files, folders, and the files in folders.
        opaque: Those of the folders whose files nobody can name, since the directory object is not at hand.
    """

    contents: Mapping[str, Content] = field(default_factory=dict)
    opaque: frozenset[str] = frozenset()

    def within(self, targets: Collection[str]) -> "Listing":
        """Return what lies at or below the targets; everything if there are none."""
        if not targets:
            return self
        kept = {path: content for path, content in self.contents.items() if _lies_in(path, targets)}
        return Listing(kept, self.opaque)


@dataclass(frozen=True, slots=True)
class Entry:
    """A path and what it holds."""

    path: str
    content: Content

    @property
    def shown(self) -> str:
        """The path, with a slash behind a folder."""
        return f"{self.path}/" if self.content.is_dir else self.path


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to a path.

    Attributes:
        kind: What.
        old: What was there, if anything.
        new: What is there, if anything; of a renamed one, under its new path.
    """

    kind: Kind
    old: Entry | None
    new: Entry | None

    @property
    def entry(self) -> Entry:
        """The new side, or the old one of what is gone.

        Raises:
            ValueError: If there is neither.
        """
        if found := self.new or self.old:
            return found
        raise ValueError("a change has a side")


def compare(old: Listing, new: Listing) -> list[Change]:
    """Compare two states, path by path.

    What was deleted and added with the same content is one rename; of several candidates the first by path is taken.
    Nothing is claimed about the files of a folder that one state cannot name: those that the other names are unknown.

    Returns:
        One change for each path (for a rename, for both of its paths), the unchanged ones too, in the order of paths.
    """
    opaque = old.opaque | new.opaque
    paths = sorted(old.contents.keys() | new.contents.keys(), key=order)
    changes = [_change(path, old.contents.get(path), new.contents.get(path), opaque) for path in paths]
    return sorted(_with_renames(changes), key=lambda change: order(change.entry.path))


def order(path: str) -> tuple[str, ...]:
    """Return the key by which paths are sorted: part by part, so that a folder stands before what is in it."""
    return tuple(path.split("/"))


def _change(path: str, old: Content | None, new: Content | None, opaque: Collection[str]) -> Change:
    return Change(_kind(path, old, new, opaque), Entry(path, old) if old else None, Entry(path, new) if new else None)


def _kind(path: str, old: Content | None, new: Content | None, opaque: Collection[str]) -> Kind:
    if opaque and any(folder in opaque for folder in _above(path)):
        return Kind.UNKNOWN
    if old is None:
        return Kind.ADDED
    if new is None:
        return Kind.DELETED
    return Kind.UNCHANGED if old == new else Kind.MODIFIED


def _with_renames(changes: Iterable[Change]) -> Iterator[Change]:
    gone: dict[Content, deque[Entry]] = {}
    added = []
    for change in changes:
        if change.kind is Kind.DELETED and change.old:
            gone.setdefault(change.old.content, deque()).append(change.old)
        elif change.kind is Kind.ADDED and change.new:
            added.append(change.new)
        else:
            yield change
    for entry in added:
        before = gone.get(entry.content)
        yield Change(Kind.RENAMED, before.popleft(), entry) if before else Change(Kind.ADDED, None, entry)
    yield from (Change(Kind.DELETED, entry, None) for entries in gone.values() for entry in entries)


def missing(changes: Iterable[Change], is_cached: Callable[[Content], bool]) -> list[Entry]:
    """Return what the old state needs and the cache lacks, in the order of paths.

    Args:
        changes: What :func:`compare` returned.
        is_cached: Tells whether the cache holds an object.
    """
    old = [change.old for change in changes if change.old]
    return sorted((entry for entry in old if not is_cached(entry.content)), key=lambda entry: order(entry.path))


def _lies_in(path: str, targets: Collection[str]) -> bool:
    return path in targets or any(folder in targets for folder in _above(path))


def _above(path: str) -> Iterator[str]:
    while path := path.rpartition("/")[0]:
        yield path
