"""Judging a store by its bytes: is every wanted object there, and is it what its name and its pointer say?

Nothing is changed here, and nothing that was remembered is believed: digests are made of the bytes that the store gives
now. A cache is read as any other store is.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sycee.core.progress import Progress
from sycee.digest import FileDigests, LegacyMd5
from sycee.errors import DigestMismatch, NotFound, SyceeError
from sycee.formats import dirobject
from sycee.storage.port import OnBytes
from sycee.store.expected import difference, size_fault
from sycee.store.moving import stopping, workers
from sycee.store.objects import Remote, Wanted
from sycee.store.transfer import present
from sycee.system.onepass import digest_chunks, ignore_bytes
from sycee.system.pouring import CHUNK

AT_ONCE = 4  # large objects that are hashed at the same time; each holds 24 MiB, a small one what it has
_BATCH = 1000  # objects that are handed to the threads together, so that a million of them need no memory

State = Literal["missing", "damaged", "unreadable"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with one object.

    Attributes:
        state: ``unreadable`` if the store did not give it, though it is there.
        expected: What it should be, in words.
        found: What is there instead.
    """

    state: State
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found in a store.

    Attributes:
        sizes: The size in bytes of each object that is there, by key.
        findings: What is wrong, by key.
        hashed: How many bytes were read.
    """

    sizes: Mapping[str, int]
    findings: Mapping[str, Finding]
    hashed: int


def survey(store: Remote, items: Sequence[Wanted], *, quick: bool, progress: Progress) -> Survey:
    """Look at objects.

    Args:
        store: Where they should be.
        items: What they should be, each once.
        quick: Whether presence and size are enough; else every byte is read and hashed.
        progress: Told the bytes.

    Raises:
        RemoteError: If the store cannot even be asked what it holds.
    """
    sizes = _sizes(store, items)
    findings = {item.key: fault for item in items if (fault := _first_look(item, sizes.get(item.key)))}
    rest = [] if quick else [item for item in items if item.key not in findings]
    large = [item for item in rest if sizes[item.key] >= CHUNK]
    small = [item for item in rest if sizes[item.key] < CHUNK]
    total = sum(sizes[item.key] for item in rest)
    with progress.start(f"hashing {len(rest)} objects of {store.name}", total) as shown, stopping(shown) as task:
        for group, jobs in ((small, store.jobs), (large, min(store.jobs, AT_ONCE))):
            few = store._replace(jobs=jobs)
            findings |= {item.key: fault for item, fault in _judged(few, group, sizes, task.advance) if fault}
    return Survey(sizes, findings, total)


def judge(store: Remote, item: Wanted, *, on_bytes: OnBytes = ignore_bytes) -> Finding | None:
    """Read an object, hash it, and say what is wrong with it; None if it is what it should be."""
    found = proven(store, item, on_bytes=on_bytes)
    return found if isinstance(found, Finding) else None


def proven(store: Remote, item: Wanted, *, on_bytes: OnBytes = ignore_bytes) -> FileDigests | Finding:
    """Read an object and return its digests, or what is wrong with it if it is not what it should be."""
    try:
        size = store.backend.size(item.key)
    except SyceeError as error:
        return Finding("unreadable", _words(item), error.message)
    return _first_look(item, size) or _read(store, item, size or 0, on_bytes)


def _read(store: Remote, item: Wanted, size: int, on_bytes: OnBytes) -> FileDigests | Finding:
    try:
        chunks = store.backend.read(item.key, length=size + 1)  # no more than was announced, and one byte
        digests, address = _digests(chunks, legacy=item.legacy, on_bytes=on_bytes)
    except NotFound:  # gone since it was looked for
        return _missing(item)
    except SyceeError as error:
        return Finding("unreadable", _words(item), error.message)
    return _compare(item, digests, address) or digests


def read_folder(store: Remote, item: Wanted) -> bytes | Finding:
    """Return the bytes of a directory object that is what it should be, or say what is wrong with it."""
    try:
        return require_folder(store, item)
    except NotFound:
        return _missing(item)
    except DigestMismatch as error:
        return Finding("damaged", error.details["expected"], error.details["found"])
    except SyceeError as error:
        return Finding("unreadable", _words(item), error.message)


def require_folder(store: Remote, item: Wanted) -> bytes:
    """Return the bytes of a directory object.

    Raises:
        NotFound: If it is not there.
        DigestMismatch: If it is not what it should be.
        RemoteError: If the store does not give it.
    """
    data = b"".join(store.backend.read(item.key, length=dirobject.MAX_BYTES + 1))
    if fault := _compare(item, *_digests([data], legacy=item.legacy)):
        raise DigestMismatch(
            f"object {item.oid} is damaged on remote {store.name!r}: expected {fault.expected}, found {fault.found}",
            hint=f"mend it there, from a clone that has it: sycee check -r {store.name} --repair",
            expected=fault.expected,
            found=fault.found,
        )
    return data


def fits(chunks: Iterable[bytes], item: Wanted) -> bool:
    """Tell whether bytes from elsewhere are those of an object."""
    try:
        return _compare(item, *_digests(chunks, legacy=item.legacy)) is None
    except SyceeError:
        return False


def _sizes(store: Remote, items: Sequence[Wanted]) -> dict[str, int]:
    found: dict[str, int] = {}
    for legacy in (False, True):  # one id may be wanted in both layouts
        group = [item for item in items if item.legacy == legacy]
        sizes = present(store, group)
        found |= {item.key: sizes[item.oid] for item in group if item.oid in sizes}
    return found


def _judged(
    store: Remote, items: Sequence[Wanted], sizes: Mapping[str, int], on_bytes: OnBytes
) -> Iterator[tuple[Wanted, Finding | None]]:
    if not items:
        return
    with workers(store) as pool:
        for start in range(0, len(items), _BATCH):
            batch = items[start : start + _BATCH]
            results = pool.map(lambda item: _read(store, item, sizes[item.key], on_bytes), batch)
            yield from (
                (one, found if isinstance(found, Finding) else None) for one, found in zip(batch, results, strict=True)
            )


def _first_look(item: Wanted, size: int | None) -> Finding | None:
    if size is None:
        return _missing(item)
    fault = size_fault(item.expected, size)
    return Finding("damaged", *fault) if fault else None


def _compare(item: Wanted, found: FileDigests, address: str) -> Finding | None:
    fault = difference(item.expected, found, address)
    return Finding("damaged", *fault) if fault else None


def _digests(chunks: Iterable[bytes], *, legacy: bool, on_bytes: OnBytes = ignore_bytes) -> tuple[FileDigests, str]:
    if not legacy:
        digests = digest_chunks(chunks, on_bytes=on_bytes)
        return digests, digests.md5
    address = LegacyMd5()
    digests = digest_chunks(_passing(chunks, address), on_bytes=on_bytes)
    return digests, address.hexdigest()


def _passing(chunks: Iterable[bytes], address: LegacyMd5) -> Iterator[bytes]:
    for chunk in chunks:
        address.update(chunk)
        yield chunk


def _missing(item: Wanted) -> Finding:
    return Finding("missing", _words(item), "nothing")


def _words(item: Wanted) -> str:
    return f"object {item.oid}"
