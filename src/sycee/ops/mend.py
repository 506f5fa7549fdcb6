"""Good objects in the place of missing and damaged ones.

Nothing is replaced before a good copy is at hand, hashed. Then the damaged bytes go to quarantine, then the good ones
get the name: a crash between the two leaves an object missing, never lost, and the next run completes it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sycee.core.progress import Progress, Task
from sycee.errors import DigestMismatch, NotFound, RemoteError, SyceeError
from sycee.storage.local import LocalBackend
from sycee.storage.port import Backend
from sycee.store import sums
from sycee.store.cache import Cache
from sycee.store.check import fits, judge
from sycee.store.layout import PRIVATE, object_key
from sycee.store.objects import Remote, Wanted
from sycee.store.unmeasured import believed
from sycee.system.onepass import digest_chunks
from sycee.workspace.repository import Repository

Others = Callable[[], Iterator[Remote]]
QUARANTINE = f"{PRIVATE}/quarantine"


def cache_store(cache: Cache) -> Remote:
    """Return the cache as a store that can be looked at as a remote is."""
    return Remote("the cache", LocalBackend(cache.root))


@dataclass(frozen=True, slots=True)
class Mender:
    """What good copies may come from.

    Attributes:
        repo: The repository, locked.
        others: Gives all remotes that can be used, the most likely first.
        progress: Told the bytes.
    """

    repo: Repository
    others: Others
    progress: Progress

    def into_cache(self, item: Wanted, labels: Sequence[str], *, but: str | None = None) -> str:
        """Make the cache hold an object, and say from where it came.

        Args:
            item: What it must be.
            labels: Where in the work tree its bytes may lie, relative to the root.
            but: The name of the remote whose copy is known to be no good.

        Raises:
            NotFound: If there is no good copy anywhere.
            Conflict: If the cache holds other bytes of the same md5.
        """
        if judge(cache_store(self.repo.cache), item) is None:
            return "the cache"
        self.repo.cache.forget(item.oid, legacy=item.legacy)  # bytes can rot without a trace in times and size
        with self.progress.start(f"restoring {item.label}", item.expected.size) as task:
            for words, store, key in self._copies(item, labels, but):
                if self._taken(item, store, key, task):
                    return words
        raise self._no_copy(item, but)

    def onto(self, store: Remote, item: Wanted, labels: Sequence[str]) -> str:
        """Make a remote hold an object, and say from where it came.

        Raises:
            NotFound: If there is no good copy anywhere else.
            RemoteError: If the remote does not keep what it is sent.
        """
        source = self.into_cache(item, labels, but=store.name)
        self._set_aside(store.backend, item.key, item.oid)
        path = self.repo.cache.path(item.oid, legacy=item.legacy)
        size = path.stat().st_size
        with self.progress.start(f"restoring {item.label}", size) as task:
            store.backend.write(item.key, path, size, on_bytes=task.advance)
        if fault := judge(store, item):
            raise RemoteError(
                f"remote {store.name!r} does not keep what it was sent: found {fault.found}",
                hint="run the command again; if it happens again, the store is at fault",
            )
        return source

    def sums_into_cache(self, sums_id: str, *, but: str | None = None) -> str:
        """Make the cache hold folder sums, and say from where they came.

        Raises:
            NotFound: If there is no good copy anywhere.
        """
        if sums.known(self.repo.cache, sums_id):
            return "the cache"
        for remote in self._remotes(but):
            try:
                sums.fetch(remote.backend, self.repo.cache, sums_id)
            except SyceeError:
                continue
            if sums.known(self.repo.cache, sums_id):
                return f"remote {remote.name!r}"
        raise NotFound("no store has these folder sums whole", hint="add the folder again where it is whole: sycee add")

    def sums_onto(self, store: Remote, sums_id: str) -> str:
        """Make a remote hold folder sums, and say from where they came.

        Raises:
            NotFound: If there is no good copy anywhere else.
        """
        source = self.sums_into_cache(sums_id, but=store.name)
        self._set_aside(store.backend, sums.key_of(sums_id), sums_id)
        path = self.repo.cache.root / sums.key_of(sums_id)
        store.backend.write(sums.key_of(sums_id), path, path.stat().st_size)
        return source

    def _copies(self, item: Wanted, labels: Sequence[str], but: str | None) -> Iterator[tuple[str, Remote, str]]:
        """Yield what may be a good copy: (where, store, key); local ones are hashed first, to keep no useless ones."""
        other_layout = object_key(item.oid, legacy=not item.legacy)
        nearby = [("its second copy in the cache", self.repo.cache.root, other_layout)]
        nearby += [(f"the work tree ({label})", self.repo.root, label) for label in labels]
        for words, root, key in nearby:
            store = Remote(words, LocalBackend(root))
            if fits(store.backend.read(key), item):
                yield words, store, key
        for remote in self._remotes(but):
            yield f"remote {remote.name!r}", remote, item.key

    def _remotes(self, but: str | None) -> Iterator[Remote]:
        return (remote for remote in self.others() if remote.name != but)

    def _taken(self, item: Wanted, store: Remote, key: str, task: Task) -> bool:
        try:
            chunks = believed(store, item, store.backend.read(key), self.repo.cache.root)
            self.repo.cache.put_stream(item.expected, chunks, on_bytes=task.advance, legacy=item.legacy)
        except (NotFound, DigestMismatch, RemoteError):
            return False
        return True

    def _set_aside(self, backend: Backend, key: str, name: str) -> None:
        """Copy what a remote holds under a key to a quarantine key, whose name tells the content."""
        if (size := backend.size(key)) is None:
            return
        with self.repo.cache.incoming() as (temp, fd):
            found = digest_chunks(backend.read(key, length=size), sink=fd)
            aside = f"{QUARANTINE}/{name}-{found.sha256[:16]}"
            backend.write(aside, temp, found.size)
        if (kept := backend.size(aside)) != found.size:
            raise RemoteError(f"{backend.describe(aside)} has {kept} bytes of {found.size}; nothing was replaced")

    def _no_copy(self, item: Wanted, but: str | None) -> NotFound:
        asked = ", ".join(remote.name for remote in self._remotes(but))
        where = f" nor on the remotes {asked}" if asked else ""
        return NotFound(
            f"there is no good copy of object {item.oid} in cache or work tree{where}",
            hint="ask whoever made this version to push it again: sycee check --remote --repair",
        )
