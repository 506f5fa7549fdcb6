"""What a directory object stands for: the files that it names, as objects of their own."""

import os
import stat
from collections.abc import Iterator, Mapping

from sycee.formats import dirobject, foldersums
from sycee.formats.dirobject import Entry
from sycee.formats.foldersums import FileSums
from sycee.store import sums
from sycee.store.cache import Cache
from sycee.store.expected import EMPTY, Expected
from sycee.store.objects import Wanted

_EMPTY = EMPTY.encode()


def members_of(cache: Cache, folder: Wanted) -> list[Wanted]:
    """Return what a directory object names and its parts hold, as wanted objects labelled by their paths.

    Where the folder's sums are known, each must have the size and sha256 that they keep for its md5.

    Raises:
        NotFound: If the directory object is not in the cache.
        DigestMismatch: If it is damaged.
        FormatError: If it breaks its format.
    """
    data = cache.read(folder.oid, legacy=folder.legacy)
    return named_by(folder, data, sums.known(cache, folder.sums))


def expected_of(cache: Cache, folder: Wanted) -> Iterator[Expected]:
    """Return what each file of a directory object must be; see :func:`members_of`."""
    data = cache.read(folder.oid, legacy=folder.legacy)
    return (expected for _, expected in _named(folder, data, sums.known(cache, folder.sums)))


def surely_held(cache: Cache, folder: Wanted) -> bool:
    """Tell quickly, for there may be very many, whether every file of a directory object is in the cache by its size.

    Where the answer is no, it may be yes all the same: then only :func:`expected_of` tells.

    Args:
        cache: The cache.
        folder: One of DVC 3, whose list is known to be in canonical form. Files beside its parts count too.

    Raises:
        NotFound, DigestMismatch: As :func:`members_of`.
    """
    place = os.fsencode(cache.path(folder.oid).absolute().parent.parent)
    found = set()
    for md5 in dirobject.addresses(cache.read(folder.oid)):
        try:
            status = os.stat(b"%b/%b/%b" % (place, md5[:2], md5[2:]))  # noqa: PTH116 - asked so many times
        except OSError:
            return False
        if not stat.S_ISREG(status.st_mode) or (status.st_size == 0) != (md5 == _EMPTY):
            return False
        found.add(b"%b %d" % (md5, status.st_size))
    return found >= foldersums.sizes(sums.unchecked(cache, folder.sums))  # damaged ones ask too much at most


def named_by(folder: Wanted, data: bytes, known: Mapping[str, FileSums]) -> list[Wanted]:
    """Return what the bytes of a directory object name, as wanted objects labelled by their paths.

    Args:
        folder: What the directory object stands for.
        data: Its bytes.
        known: The folder's sums by path, as far as they are known.

    Raises:
        FormatError: If the bytes break their format.
    """
    named = _named(folder, data, known)
    return [Wanted(f"{folder.label}/{relpath}", expected, folder.legacy) for relpath, expected in named]


def _named(folder: Wanted, data: bytes, known: Mapping[str, FileSums]) -> Iterator[tuple[str, Expected]]:
    for entry in dirobject.parse(data):
        if folder.parts.hold(entry.relpath):
            yield entry.relpath, _expected(entry, known.get(entry.relpath))


def _expected(entry: Entry, known: FileSums | None) -> Expected:
    if known is None or known.md5 != entry.md5:
        return Expected(entry.md5)
    return Expected(entry.md5, known.size, known.sha256, blake3=known.blake3)
