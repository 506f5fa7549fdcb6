"""Moving objects between the cache and a remote.

Order on a remote: the members of a folder first, its directory object last and only if every member is there; so
whoever finds a directory object finds what it names. (The cache gets the directory object first, since it names the
members; whoever reads the cache looks for each of them.) What cannot be moved does not stop the rest; all of it is told
at the end, and the outcome is never success while something is missing.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from itertools import chain
from shlex import quote
from typing import TYPE_CHECKING

from sycee.core.parts import WHOLE, Parts
from sycee.core.progress import Progress, Task
from sycee.errors import DigestMismatch, MissingData, NotFound, RemoteError, SyceeError
from sycee.formats import dirobject
from sycee.formats.dirobject import Entry
from sycee.formats.foldersums import FileSums
from sycee.storage.port import Backend, Batching, OnBytes, Pinning, Write
from sycee.store import sums
from sycee.store.cache import Batch, Cache, Expected
from sycee.store.inventory import Asked, ignore_asked, inventory
from sycee.store.layout import is_directory, object_key
from sycee.store.partial import Unfit
from sycee.system.refusals import refused

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

RESUMABLE = 32 << 20  # bytes; of an object from this size on, what an interrupted command fetched is kept
TOGETHER = 2_000  # so many objects at most become durable, and visible, together


@dataclass(frozen=True, slots=True)
class Wanted:
    """An object that the workspace refers to.

    Attributes:
        label: The path it stands for, for messages.
        expected: What the object must be.
        legacy: Whether its pointer is of the time before DVC 3.0.
        sums: For a directory object, the id of its folder sums, where the pointer names them.
        parts: For a directory object, which of the files that it names are wanted.
    """

    label: str
    expected: Expected
    legacy: bool = False
    sums: str | None = None
    parts: Parts = WHOLE

    @property
    def oid(self) -> str:
        """Its object id."""
        return self.expected.oid

    @property
    def key(self) -> str:
        """Its key on every remote."""
        return object_key(self.oid, legacy=self.legacy)


@dataclass(frozen=True, slots=True)
class Remote:
    """A named second store.

    Attributes:
        name: As in the configuration.
        backend: The code that talks to it.
        jobs: How many objects move at once.
    """

    name: str
    backend: Backend
    jobs: int = 8


@dataclass(slots=True)
class Outcome:
    """What a transfer did.

    Attributes:
        moved: Labels of the objects that were transferred.
        failures: One error for each object that was not, in the order of the request.
        withheld: Labels of the directory objects that were not sent, since files that they name were not asked for
            and are not on the remote.
        looked_for: How many objects a remote was asked for before anything was sent.
        asked: How many requests that took, as numbers to add up.
    """

    moved: list[str] = field(default_factory=list)
    failures: list[SyceeError] = field(default_factory=list)
    withheld: list[str] = field(default_factory=list)
    looked_for: int = 0
    asked: list[int] = field(default_factory=list)

    @property
    def requests(self) -> int:
        """How many requests it took to look for objects."""
        return sum(self.asked)

    def extend(self, other: "Outcome") -> None:
        """Add what another transfer did."""
        self.moved += other.moved
        self.failures += other.failures
        self.withheld += other.withheld
        self.looked_for += other.looked_for
        self.asked += other.asked

    def require_success(self, act: str) -> None:
        """Raise the gravest failure, naming them all.

        Args:
            act: What was tried: ``fetch``, ``push``.
        """
        if not self.failures:
            return
        gravest = max(self.failures, key=lambda error: error.exit_code)
        if len(self.failures) == 1:
            raise gravest
        listed = "".join(f"\n  {error.message}" for error in self.failures[:20])
        more = f"\n  … and {len(self.failures) - 20} more" if len(self.failures) > 20 else ""
        raise type(gravest)(
            f"{len(self.failures)} objects could not be {act}ed:{listed}{more}",
            hint=gravest.hint,
            failures=[error.message for error in self.failures],
        )


def fetch(remote: Remote, cache: Cache, wanted: Iterable[Wanted], progress: Progress) -> Outcome:
    """Bring objects from a remote into the cache, each verified on its way in.

    Args:
        remote: Where to look.
        cache: Where to put them.
        wanted: What is needed; what the cache already holds is left alone.
        progress: Told the bytes.
    """
    roots = _unique(wanted)
    folders = [item for item in roots if is_directory(item.oid)]
    outcome = fetch_listings(remote, cache, folders, progress)
    members = [_members(cache, folder, outcome) for folder in folders if not _absent(cache, [folder])]
    files = _unique([*(item for item in roots if not is_directory(item.oid)), *_flat(members)])
    _run(remote, _absent(cache, files), outcome, progress, _fetching(remote, cache))
    return outcome


def fetch_listings(remote: Remote, cache: Cache, folders: Sequence[Wanted], progress: Progress) -> Outcome:
    """Bring directory objects from a remote into the cache, and their sums, but none of the files that they name."""
    outcome = Outcome()
    for folder in folders:
        cache.discard_damaged(folder.oid, legacy=folder.legacy)
    _run(remote, _absent(cache, folders), outcome, progress, _fetching(remote, cache))
    for folder in folders:
        _attempt_sums(sums.fetch, remote, cache, folder, outcome)
    return outcome


def push(remote: Remote, cache: Cache, wanted: Iterable[Wanted], progress: Progress) -> Outcome:
    """Bring objects from the cache to a remote.

    An object that the remote holds in another size is a leftover of an interrupted upload: it is replaced by the
    verified one.
    """
    outcome = Outcome()
    roots = _unique(wanted)
    folders = [item for item in roots if is_directory(item.oid)]
    members = {folder.oid: _members(cache, folder, outcome) for folder in folders}
    files = _unique([*(item for item in roots if not is_directory(item.oid)), *_flat(members.values())])
    incomplete = _send(remote, cache, files, outcome, progress)
    sent = [f for f in folders if _all_there(members[f.oid], incomplete)]
    complete = [f for f in sent if not f.parts or not _unstored(remote, cache, _rest(cache, f), outcome)]
    outcome.withheld += [f.label for f in sent if f not in complete]
    _send(remote, cache, complete, outcome, progress)
    for folder in complete:
        _attempt_sums(sums.push, remote, cache, folder, outcome)
    return outcome


def _send(remote: Remote, cache: Cache, items: list[Wanted], outcome: Outcome, progress: Progress) -> set[str]:
    """Send what the remote lacks, and ask it whether it kept that; return the ids of what it does not have."""
    unstored = _unstored(remote, cache, items, outcome)
    failed = _run(remote, unstored, outcome, progress, _pushing(remote, cache))
    return failed | _require_kept(remote, cache, [item for item in unstored if item.oid not in failed], outcome)


def lacking(cache: Cache, wanted: Iterable[Wanted]) -> bool:
    """Tell whether the cache lacks any of these objects, or of the objects that they name."""
    items = _unique(wanted)
    try:
        return bool(
            _absent(cache, items)
            or any(_absent(cache, members_of(cache, item)) for item in items if is_directory(item.oid))
        )
    except SyceeError:  # a damaged directory object names nothing
        return True


def present(remote: Remote, wanted: Sequence[Wanted], asked: Asked = ignore_asked) -> dict[str, int]:
    """Return the size of each wanted object that the remote holds, by object id.

    Args:
        remote: Which is asked of every object, since a directory object there proves nothing of its members.
        wanted: What to look for.
        asked: Told how many requests that took.
    """
    by_key = {item.key: item.oid for item in wanted}
    with workers(remote) as pool:
        found = inventory(remote.backend, by_key, pool, asked)
    return {by_key[key]: size for key, size in found.items()}


def differs(cache: Cache, item: Wanted, size: int) -> bool:
    """Tell whether a size is not that of an object, as far as pointer or cache know it."""
    expected = item.expected.size
    if expected is None and (path := cache.find(item.oid, legacy=item.legacy)):
        expected = path.stat().st_size
    return expected is not None and expected != size


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


def named_by(folder: Wanted, data: bytes, known: Mapping[str, FileSums]) -> list[Wanted]:
    """Return what the bytes of a directory object name, as wanted objects labelled by their paths.

    Args:
        folder: What the directory object stands for.
        data: Its bytes.
        known: The folder's sums by path, as far as they are known.

    Raises:
        FormatError: If the bytes break their format.
    """
    entries = dirobject.parse(data)
    return [
        Wanted(f"{folder.label}/{entry.relpath}", _expected(entry, known.get(entry.relpath)), folder.legacy)
        for entry in entries
        if folder.parts.hold(entry.relpath)
    ]


def require_parts(cache: Cache, wanted: Iterable[Wanted]) -> None:
    """Refuse parts of folders that no version of them has, as far as the cache knows.

    Raises:
        NotFound: Naming the folder and the part.
        DigestMismatch, FormatError: As :func:`members_of`.
    """
    versions: dict[str, list[Wanted]] = {}
    for item in wanted:
        if item.parts:
            versions.setdefault(item.label, []).append(item)
    for label, items in versions.items():
        if _absent(cache, items):
            continue
        paths = [part.label.removeprefix(f"{label}/") for item in items for part in members_of(cache, item)]
        for name in items[0].parts.missing(paths):
            hint = f"look for a misspelt path; a new file is added first: sycee add {quote(f'{label}/{name}')}"
            raise NotFound(f"{label} has no {name}", hint=hint, path=f"{label}/{name}")


def _rest(cache: Cache, folder: Wanted) -> list[Wanted]:
    """Return what a directory object names beyond its parts."""
    whole = members_of(cache, replace(folder, parts=WHOLE))
    return [item for item in whole if not folder.parts.hold(item.label.removeprefix(f"{folder.label}/"))]


def _expected(entry: Entry, known: FileSums | None) -> Expected:
    if known is None or known.md5 != entry.md5:
        return Expected(entry.md5)
    return Expected(entry.md5, known.size, known.sha256, blake3=known.blake3)


def _attempt_sums(
    act: Callable[[Backend, Cache, str], None], remote: Remote, cache: Cache, folder: Wanted, outcome: Outcome
) -> None:
    if folder.sums is None:
        return
    try:
        act(remote.backend, cache, folder.sums)
    except SyceeError as error:
        outcome.failures.append(error.about(folder.label))


def _members(cache: Cache, folder: Wanted, outcome: Outcome) -> list[Wanted] | None:
    try:
        return members_of(cache, folder)
    except SyceeError as error:
        outcome.failures.append(error.about(folder.label))
        return None


def _flat(lists: Iterable[list[Wanted] | None]) -> Iterator[Wanted]:
    for items in lists:
        yield from items or ()


def _all_there(members: list[Wanted] | None, incomplete: set[str]) -> bool:
    return members is not None and not any(item.oid in incomplete for item in members)


def _unique(items: Iterable[Wanted]) -> list[Wanted]:
    unique: dict[str, Wanted] = {}
    for item in items:
        before = unique.get(item.key, item)
        unique[item.key] = item if before.parts == item.parts else replace(item, parts=before.parts | item.parts)
    return list(unique.values())


def _absent(cache: Cache, items: Iterable[Wanted]) -> list[Wanted]:
    return [item for item in items if cache.find(item.oid, legacy=item.legacy) is None]


def _unstored(remote: Remote, cache: Cache, items: list[Wanted], outcome: Outcome) -> list[Wanted]:
    sizes = present(remote, items, outcome.asked.append)
    outcome.looked_for += len(items)
    return [item for item in items if item.oid not in sizes or differs(cache, item, sizes[item.oid])]


@contextmanager
def workers(remote: Remote) -> "Iterator[ThreadPoolExecutor]":
    """Give threads; after Ctrl-C nobody waits for them, for the server they talk to may never answer."""
    from concurrent.futures import ThreadPoolExecutor  # a tenth of the time `sycee status` takes to start

    pool = ThreadPoolExecutor(remote.jobs)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


Move = Callable[[Wanted, OnBytes], None]
Moving = Callable[[], AbstractContextManager[Move]]  # what moved within the block is there when it ends


def _run(remote: Remote, items: Sequence[Wanted], outcome: Outcome, progress: Progress, moving: Moving) -> set[str]:
    """Move items in parallel; return the ids of those that failed, whose errors are in ``outcome``."""
    if not items:
        return set()
    failed: set[str] = set()
    sizes = [item.expected.size for item in items]
    total = None if None in sizes else sum(size or 0 for size in sizes)
    label = f"{len(items)} objects" if len(items) > 1 else items[0].label
    with progress.start(label, total) as shown, workers(remote) as pool, stopping(shown) as task:
        for start in range(0, len(items), TOGETHER):
            group = items[start : start + TOGETHER]
            for item, error in zip(group, _moved(pool, group, moving, task.advance), strict=True):
                if error is None:
                    outcome.moved.append(item.label)
                else:
                    failed.add(item.oid)
                    outcome.failures.append(error)
    return failed


def _moved(
    pool: "ThreadPoolExecutor", items: Sequence[Wanted], moving: Moving, on_bytes: OnBytes
) -> list[SyceeError | None]:
    """Move items that become durable together; return the error of each that failed."""
    errors: list[SyceeError | None] = [None] * len(items)
    try:
        with moving() as move:
            errors = list(pool.map(lambda item: _attempt(move, item, on_bytes), items))
    except (SyceeError, OSError) as error:  # what had arrived is not there after all
        failure = refused(error) if isinstance(error, OSError) else error
        return [own or failure.about(item.label) for item, own in zip(items, errors, strict=True)]
    return errors


class _Stopped(Exception):
    """Ends a transfer in its thread after the command was interrupted."""


class _StoppableTask:
    """A task whose listeners are the way into running transfers: each step asks whether to go on."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self.stop = threading.Event()

    def advance(self, amount: int) -> None:
        if self.stop.is_set():
            raise _Stopped
        self._task.advance(amount)


@contextmanager
def stopping(task: Task) -> Iterator[_StoppableTask]:
    """Stop running transfers when the block is left by Ctrl-C; waiting for gigabytes is no answer to it."""
    stoppable = _StoppableTask(task)
    try:
        yield stoppable
    except BaseException:
        stoppable.stop.set()
        raise


def _attempt(move: Move, item: Wanted, on_bytes: OnBytes) -> SyceeError | None:
    try:
        move(item, on_bytes)
    except SyceeError as error:
        return error.about(item.label)
    except OSError as error:
        return refused(error).about(item.label)
    return None


def _fetching(remote: Remote, cache: Cache) -> Moving:
    @contextmanager
    def moving() -> Iterator[Move]:
        with cache.batch() as batch:
            yield lambda item, on_bytes: _fetch(remote, cache, batch, item, on_bytes)

    return moving


def _fetch(remote: Remote, cache: Cache, batch: Batch, item: Wanted, on_bytes: OnBytes) -> None:
    try:
        if (item.expected.size or 0) >= RESUMABLE and isinstance(remote.backend, Pinning):
            _fetch_large(remote.backend, cache, item, on_bytes)
            return
        chunks = remote.backend.read(item.key)
        first, second = next(chunks, b""), next(chunks, None)
        if second is None:
            cache.put_small(batch, item.expected, first, legacy=item.legacy)
            on_bytes(len(first))
        else:
            whole = chain([first, second], chunks)
            cache.put_stream(item.expected, whole, on_bytes=on_bytes, legacy=item.legacy)
    except DigestMismatch as error:
        facts = error.details
        raise DigestMismatch(
            f"object {item.oid} is damaged on remote {remote.name!r}: "
            f"expected {facts['expected']}, found {facts['found']}",
            hint=f"it is kept in {facts['kept']}; mend it there, from a clone that has it: "
            f"sycee check -r {remote.name} --repair",
            **facts,
        ) from None
    except NotFound:
        raise MissingData(
            f"object {item.oid} is neither in the cache nor on remote {remote.name!r}",
            hint="whoever made this version has to push it: sycee push",
            oid=item.oid,
            remote=remote.name,
        ) from None


def _fetch_large(backend: Pinning, cache: Cache, item: Wanted, on_bytes: OnBytes) -> None:
    """Fetch an object into a file that a later command finds, continuing what an earlier one left."""
    pin = backend.pin(item.key)
    with cache.partial(item.oid, backend.describe(item.key), pin) as partial:
        if partial is None:
            chunks = backend.read_pinned(item.key, pin)
            cache.put_stream(item.expected, chunks, on_bytes=on_bytes, legacy=item.legacy)
            return
        while True:
            chunks = backend.read_pinned(item.key, pin, start=partial.start)
            try:
                cache.put_partial(item.expected, partial, chunks, on_bytes=on_bytes, legacy=item.legacy)
            except Unfit:
                partial.clear()
            else:
                return


def _pushing(remote: Remote, cache: Cache) -> Moving:
    """Give what sends objects; whether the remote kept them is asked when all are sent."""

    @contextmanager
    def moving() -> Iterator[Move]:
        backend = remote.backend
        with backend.batch() if isinstance(backend, Batching) else nullcontext(backend.write) as write:
            yield lambda item, on_bytes: _push(cache, write, item, on_bytes)

    return moving


def _push(cache: Cache, write: Write, item: Wanted, on_bytes: OnBytes) -> None:
    digests = cache.verified(item.oid, legacy=item.legacy, on_bytes=lambda _: on_bytes(0))  # to be stopped
    write(item.key, cache.path(item.oid, legacy=item.legacy), digests.size, on_bytes=on_bytes)


def _require_kept(remote: Remote, cache: Cache, sent: Sequence[Wanted], outcome: Outcome) -> set[str]:
    """Ask the remote for the sizes of what it was sent; return the ids of what it does not keep."""
    sizes = present(remote, sent)
    torn = [item for item in sent if item.oid not in sizes or differs(cache, item, sizes[item.oid])]
    for item in torn:
        outcome.moved.remove(item.label)
        outcome.failures.append(
            RemoteError(
                f"{item.label}: remote {remote.name!r} keeps {sizes.get(item.oid)} bytes of the "
                f"{cache.path(item.oid, legacy=item.legacy).stat().st_size} it was sent",
                hint="push again; if it happens again, the store is at fault",
            )
        )
    return {item.oid for item in torn}
