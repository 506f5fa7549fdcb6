"""The three-way merge of two lists of files: a decision without I/O."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Merged:
    """Both sides' changes to a folder in one.

    Attributes:
        files: Path to address.
        conflicts: Paths that each side changed otherwise, in order; where there are any, ``files`` is of no use.
    """

    files: Mapping[str, str]
    conflicts: tuple[str, ...] = ()


def merge_files(base: Mapping[str, str], ours: Mapping[str, str], theirs: Mapping[str, str]) -> Merged:
    """Merge two states of a folder that come from one.

    What only one side changed is taken from it; what both changed, added or removed alike is taken once.

    Args:
        base: The state both come from, path to address; empty if there is none.
        ours: One of them.
        theirs: The other.
    """
    files: dict[str, str] = {}
    conflicts = []
    for path in sorted(base.keys() | ours.keys() | theirs.keys()):
        before, here, there = base.get(path), ours.get(path), theirs.get(path)
        kept = there if here == before else here
        if here != there and before not in {here, there}:
            conflicts.append(path)
        elif kept is not None:
            files[path] = kept
    return Merged(files, (*conflicts, *_both_file_and_folder(files)))


def _both_file_and_folder(files: Iterable[str]) -> list[str]:
    """Return the paths that one side made a file and the other a folder."""
    paths = set(files)
    found = set()
    for path in paths:
        above = path.rpartition("/")[0]
        while above:
            if above in paths:
                found.add(above)
            above = above.rpartition("/")[0]
    return sorted(found)
