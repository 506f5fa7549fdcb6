"""Whether a remote holds what pointers name, the files of folders too; nothing is moved."""

from collections.abc import Iterable
from dataclasses import dataclass

from sycee.errors import DigestMismatch, FormatError, NotFound
from sycee.store.cache import Cache
from sycee.store.check import Finding, read_folder
from sycee.store.layout import is_directory
from sycee.store.members import members_of, named_by
from sycee.store.objects import Remote, Wanted
from sycee.store.transfer import unstored


@dataclass(frozen=True, slots=True)
class Absent:
    """An object that a remote lacks.

    Attributes:
        item: The object.
        root: What a pointer names: the object itself, or the folder it is in.
    """

    item: Wanted
    root: Wanted


def absent(remote: Remote, cache: Cache, wanted: Iterable[Wanted]) -> list[Absent]:
    """Return the objects that a remote lacks, or holds in another size.

    A directory object on the remote promises nothing about the files it names, so each of them is asked for too. Of a
    folder whose directory object is not there, or damaged, only that is named.

    Args:
        remote: Whom to ask.
        cache: What it holds of directory objects need not be read from the remote.
        wanted: What pointers name.

    Raises:
        RemoteError: If the remote cannot be asked.
    """
    roots = list({item.key: item for item in wanted}.values())
    lacking = unstored(remote, cache, roots)
    gone = {item.key for item in lacking}
    members: dict[str, Absent] = {}
    for folder in roots:
        if not is_directory(folder.oid) or folder.key in gone:
            continue
        named = _members(remote, cache, folder)
        if named is None:
            lacking.append(folder)
        members.update((item.key, Absent(item, folder)) for item in named or ())
    found = [Absent(item, item) for item in lacking]
    return found + [members[item.key] for item in unstored(remote, cache, [one.item for one in members.values()])]


def _members(remote: Remote, cache: Cache, folder: Wanted) -> list[Wanted] | None:
    """Return what a folder holds, as the cache knows it or else the remote; None if the remote's list is damaged."""
    try:
        return members_of(cache, folder)
    except (NotFound, DigestMismatch, FormatError):
        data = read_folder(remote, folder)
    if isinstance(data, Finding):
        return None
    return named_by(folder, data, {})
