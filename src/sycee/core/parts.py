"""Which files of a tracked folder are meant: all of them, or those at and below some paths in it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sycee.formats.dirobject import Entry


@dataclass(frozen=True, slots=True)
class Parts:
    """A choice among the files of a folder.

    Attributes:
        names: Paths below the folder, with ``/``, of files and of folders with all that they hold; none of them means
            the whole folder.
    """

    names: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        """Tell whether less than the whole is meant."""
        return bool(self.names)

    def __or__(self, other: "Parts") -> "Parts":
        """Return what is meant by one or the other."""
        return Parts(self.names | other.names) if self and other else WHOLE

    def hold(self, relpath: str) -> bool:
        """Tell whether a file below the folder is meant."""
        return not self.names or not self.names.isdisjoint(upwards(relpath))

    def ways(self) -> frozenset[str]:
        """Return the folders that lead to what is meant."""
        return frozenset(above for name in self.names for above in upwards(name) if above != name)

    def missing(self, relpaths: Iterable[str]) -> list[str]:
        """Return those of the names that no file has, and none below it; sorted."""
        return sorted(self.names.difference(one for relpath in relpaths for one in upwards(relpath)))

    def replaced(self, entries: Iterable[Entry], present: Iterable[Entry]) -> list[Entry]:
        """Return a folder's files with those that are meant replaced.

        Args:
            entries: The files of the folder.
            present: What there is of those that are meant; a file whose place is a folder now is gone too.
        """
        new = list(present)
        folders = Parts(frozenset(entry.relpath for entry in new)).ways()
        return [entry for entry in entries if not self.hold(entry.relpath) and entry.relpath not in folders] + new


WHOLE = Parts()


def upwards(relpath: str) -> Iterator[str]:
    """Yield a path and those of the folders above it, from it to the top."""
    while relpath:
        yield relpath
        relpath = relpath.rpartition("/")[0]
