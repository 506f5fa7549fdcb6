"""What a directory object stands for: the files that it names, as objects of their own."""

from collections.abc import Iterator, Mapping

from sycee.formats import dirobject
from sycee.formats.dirobject import Entry
from sycee.formats.foldersums import FileSums
from sycee.store import sums
from sycee.store.cache import Cache
from sycee.store.expected import Expected
from sycee.store.objects import Wanted


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
