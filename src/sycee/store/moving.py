"""How objects move: several at once, small ones made durable together, large ones so that a later command can go on."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from sycee.core.progress import Progress, Task
from sycee.errors import DigestMismatch, MissingData, NotFound, SyceeError
from sycee.storage.port import Batching, OnBytes, Pinning, Write
from sycee.store.cache import Batch, Cache
from sycee.store.objects import Outcome, Remote, Wanted
from sycee.store.partial import Unfit
from sycee.store.unmeasured import believed
from sycee.system.refusals import refused

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

RESUMABLE = 32 << 20  # bytes; of an object from this size on, what an interrupted command fetched is kept
HANDED_OVER = 64 << 10  # bytes: smaller objects are hashed and written by one thread
TOGETHER = 1_000  # so many objects at most become durable, and visible, together


@contextmanager
def workers(remote: Remote, *, patient: bool = False) -> "Iterator[ThreadPoolExecutor]":
    """Give threads; after Ctrl-C nobody waits for them, for the server they talk to may never answer.

    Args:
        remote: To which they talk, and how many there are.
        patient: Whether what is under way is waited for in any case, as where it must end within a lock.
    """
    from concurrent.futures import ThreadPoolExecutor  # a tenth of the time `sycee status` takes to start

    pool = ThreadPoolExecutor(remote.jobs)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=patient, cancel_futures=True)
        raise
    pool.shutdown()


Finish = Callable[[], None]  # the rest of a move, for the thread that gathers them all
Move = Callable[[Wanted, OnBytes], Finish | None]
# Told what will move; what moved within the block is there when it ends.
Moving = Callable[[Sequence[Wanted]], AbstractContextManager[Move]]


def run(remote: Remote, items: Sequence[Wanted], outcome: Outcome, progress: Progress, moving: Moving) -> set[str]:
    """Move items in parallel; return the ids of those that failed, whose errors are in ``outcome``.

    Args:
        remote: From which or to which.
        items: What moves.
        outcome: Told what moved and what failed.
        progress: Told the bytes.
        moving: How: :func:`fetching` or :func:`pushing`.
    """
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
        with moving(items) as move:
            begun = pool.map(lambda item: _attempt(item, partial(move, item, on_bytes)), items)
            errors = [_finished(item, rest) for item, rest in zip(items, begun, strict=True)]
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


def _attempt(item: Wanted, act: Callable[[], Finish | None]) -> SyceeError | Finish | None:
    try:
        return act()
    except SyceeError as error:
        return error.about(item.label)
    except OSError as error:
        return refused(error).about(item.label)


def _finished(item: Wanted, rest: SyceeError | Finish | None) -> SyceeError | None:
    while rest is not None and not isinstance(rest, SyceeError):
        rest = _attempt(item, rest)
    return rest


Twin = Callable[[Wanted], int | None]  # the descriptor that gets the bytes of an object too, for one that is large


def no_twin(_item: Wanted) -> None:
    """Have bytes in the cache only."""


def fetching(remote: Remote, cache: Cache, twin: Twin = no_twin) -> Moving:
    """Give what brings objects into a cache, each verified; and the bytes of large ones, before they are, to a twin."""

    @contextmanager
    def moving(_: Sequence[Wanted]) -> Iterator[Move]:
        with cache.batch() as batch:
            way = _Way(remote, cache, batch, twin)
            yield lambda item, on_bytes: _fetch(way, item, on_bytes)

    return moving


@dataclass(frozen=True, slots=True)
class _Way:
    """From where objects come and where they go."""

    remote: Remote
    cache: Cache
    batch: Batch
    twin: Twin


def _fetch(way: _Way, item: Wanted, on_bytes: OnBytes) -> Finish | None:
    """Fetch an object; the gathering thread keeps what is very small, for threads get in each other's way."""
    remote, cache = way.remote, way.cache

    def keep(data: bytes) -> None:
        with _told(remote, item):
            cache.put_small(way.batch, item.expected, data, legacy=item.legacy)
            on_bytes(len(data))

    with _told(remote, item):
        if (item.expected.size or 0) >= RESUMABLE and isinstance(remote.backend, Pinning):
            _fetch_large(remote.backend, way, item, on_bytes)
            return None
        chunks = remote.backend.read(item.key)
        first, second = next(chunks, b""), next(chunks, None)
        if second is None and len(first) <= HANDED_OVER:
            return partial(keep, first)
        if second is None:
            keep(first)
        else:
            whole = believed(remote, item, chunks, cache.root, (first, second))
            with _twin(way, item) as twin:
                cache.put_stream(item.expected, whole, twin=twin, on_bytes=on_bytes, legacy=item.legacy)
    return None


@contextmanager
def _told(remote: Remote, item: Wanted) -> Iterator[None]:
    """Say of what is wrong with an object where it came from."""
    try:
        yield
    except DigestMismatch as error:
        facts = error.details
        raise DigestMismatch(
            f"object {item.oid} is damaged on remote {remote.name!r}: "
            f"expected {facts['expected']}, found {facts['found']}",
            hint=f"it is kept in {facts['kept']}; mend it there, from a clone that has it: "
            f"sycee check -r {remote.name} --repair",
            **facts,
        ) from None
    except NotFound as error:
        whole = f": {error.message}" if error.hint else ""  # not the object alone is absent
        raise MissingData(
            f"object {item.oid} is neither in the cache nor on remote {remote.name!r}{whole}",
            hint=error.hint or "whoever made this version has to push it: sycee push",
            oid=item.oid,
            remote=remote.name,
        ) from None


def _fetch_large(backend: Pinning, way: _Way, item: Wanted, on_bytes: OnBytes) -> None:
    """Fetch an object into a file that a later command finds, continuing what an earlier one left."""
    cache, pin = way.cache, backend.pin(item.key)
    with cache.partial(item.oid, backend.describe(item.key), pin) as begun:
        if begun is None:
            chunks = backend.read_pinned(item.key, pin)
            cache.put_stream(item.expected, chunks, on_bytes=on_bytes, legacy=item.legacy)
            return
        with nullcontext() if begun.start else _twin(way, item) as twin:
            begun.twin = twin
            while True:
                chunks = backend.read_pinned(item.key, pin, start=begun.start)
                try:
                    cache.put_partial(item.expected, begun, chunks, on_bytes=on_bytes, legacy=item.legacy)
                except Unfit:
                    begun.clear()
                    begun.twin = None
                else:
                    return


@contextmanager
def _twin(way: _Way, item: Wanted) -> Iterator[int | None]:
    """Give where else the bytes of an object go; empty again if they were not the object, or not all of it."""
    twin = way.twin(item)
    try:
        yield twin
    except BaseException:
        if twin is not None:
            os.ftruncate(twin, 0)
        raise


def pushing(remote: Remote, cache: Cache) -> Moving:
    """Give what sends objects; whether the remote kept them is asked when all are sent."""

    @contextmanager
    def moving(items: Sequence[Wanted]) -> Iterator[Move]:
        backend = remote.backend
        cache.foresee((item.oid, item.legacy) for item in items)
        with backend.batch() if isinstance(backend, Batching) else nullcontext(backend.write) as write:
            yield lambda item, on_bytes: _push(cache, write, item, on_bytes)

    return moving


def _push(cache: Cache, write: Write, item: Wanted, on_bytes: OnBytes) -> None:
    digests = cache.verified(item.oid, legacy=item.legacy, on_bytes=lambda _: on_bytes(0))  # to be stopped
    write(item.key, cache.path(item.oid, legacy=item.legacy), digests.size, on_bytes=on_bytes)
