"""The bytes of objects, from wherever they are: the cache, or a remote, from which they are read and not stored."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sycee.core.progress import Progress
from sycee.digest import FileDigests
from sycee.errors import NotFound, SyceeError
from sycee.ops.mend import cache_store
from sycee.store import sums
from sycee.store.check import Finding, proven, read_folder
from sycee.store.members import named_by
from sycee.store.objects import Remote, Wanted
from sycee.workspace.repository import Repository

Remotes = Callable[[], Iterator[Remote]]


@dataclass(frozen=True, slots=True)
class Copies:
    """Where objects may be.

    Attributes:
        repo: The repository.
        remotes: Gives all remotes that can be used, the most likely first.
        progress: Told the bytes.
    """

    repo: Repository
    remotes: Remotes
    progress: Progress

    def digests(self, item: Wanted) -> FileDigests:
        """Return all digests of an object, from one pass over its bytes.

        Raises:
            NotFound: If no store has it whole.
        """
        if self.repo.cache.find(item.oid, legacy=item.legacy):
            with self.progress.start(f"hashing {item.label}", item.expected.size) as task:
                return self.repo.cache.verified(item.oid, legacy=item.legacy, on_bytes=task.advance)
        for remote in self.remotes():
            with self.progress.start(f"hashing {item.label} on {remote.name}", item.expected.size) as task:
                found = proven(remote, item, on_bytes=task.advance)
            if isinstance(found, FileDigests):
                return found
        raise _nowhere(item)

    def read(self, item: Wanted) -> bytes:
        """Return the bytes of a small object.

        Raises:
            NotFound: If no store has it whole.
        """
        for store in self._stores():
            if isinstance(found := proven(store, item), FileDigests):
                return b"".join(store.backend.read(item.key, length=found.size))
        raise _nowhere(item)

    def size(self, item: Wanted) -> int:
        """Return the size of an object in bytes, without reading it.

        Raises:
            NotFound: If no store has it.
        """
        for store in self._stores():
            if (size := _size(store, item)) is not None:
                return size
        raise _nowhere(item)

    def members(self, item: Wanted) -> list[Wanted]:
        """Return the files that a directory object names, labelled by their paths.

        Raises:
            NotFound: If no store has it whole.
            FormatError: If it breaks its format.
        """
        for store in self._stores():
            found = read_folder(store, item)
            if not isinstance(found, Finding):
                return named_by(item, found, sums.known(self.repo.cache, item.sums))
        raise _nowhere(item)

    def _stores(self) -> Iterator[Remote]:
        yield cache_store(self.repo.cache)
        yield from self.remotes()


def _size(store: Remote, item: Wanted) -> int | None:
    try:
        return store.backend.size(item.key)
    except SyceeError:
        return None


def _nowhere(item: Wanted) -> NotFound:
    return NotFound(
        f"object {item.oid} is neither in the cache nor, whole, on any remote",
        hint="fetch it, or ask whoever made this version to push it: sycee push",
    )
