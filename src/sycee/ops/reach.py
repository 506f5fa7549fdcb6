"""From a source into a cache: objects that another repository tracks, out of the nearest of its stores."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass

from sycee.core.progress import SILENT, Progress
from sycee.errors import DigestMismatch, NotFound, SyceeError
from sycee.store import transfer
from sycee.store.cache import Cache
from sycee.store.layout import is_directory
from sycee.store.members import members_of
from sycee.store.objects import Outcome, Remote, Wanted
from sycee.workspace.source import Project, Source, within
from sycee.workspace.tracked import Tracked
from sycee.workspace.wanted import wanted

_Move = Callable[[Remote, Cache, Sequence[Wanted], Progress], Outcome]


@dataclass(frozen=True, slots=True)
class Piece:
    """One file of a source that a store keeps.

    Attributes:
        path: Where it lies in the source.
        item: The object.
        tracked: The out that it is, or is a part of.
    """

    path: str
    item: Wanted
    tracked: Tracked

    @property
    def executable(self) -> bool:
        """Whether it gets the user-exec bit."""
        return self.tracked.out.isexec and self.path == self.tracked.relpath


@dataclass(frozen=True, slots=True)
class Reach:
    """A source, and the cache that its objects are brought into.

    Attributes:
        source: The source.
        cache: The cache.
        jobs: How many objects move at once; None for what each remote says.
        progress: Told the bytes.
    """

    source: Source
    cache: Cache
    jobs: int | None = None
    progress: Progress = SILENT

    def pieces(self, tracked: Tracked, below: str = "") -> list[Piece]:
        """Return the files of an out, after bringing what names them; the files themselves are not asked for.

        Args:
            tracked: The out.
            below: A path in the source, to leave out what does not lie there.

        Raises:
            NotFound: If the out has no content, or its directory object cannot be found.
            SyceeError: If its store fails, or keeps versions of files and not objects.
        """
        whole = required(tracked)
        if not is_directory(whole.oid):
            return [Piece(whole.label, whole, tracked)]
        self._bring(tracked, [whole], transfer.fetch_listings)
        members = members_of(self.cache, whole)
        return [Piece(item.label, item, tracked) for item in members if within(item.label, below)]

    def fetch(self, pieces: Iterable[Piece]) -> None:
        """Bring the objects of files, each verified on its way in.

        Raises:
            SyceeError: If one could not be brought, after all others were.
        """
        groups: dict[tuple[str, str | None], list[Piece]] = {}
        for piece in pieces:
            out = piece.tracked
            groups.setdefault((self.source.project_of(out.relpath).below, out.out.remote), []).append(piece)
        for group in groups.values():
            self._bring(group[0].tracked, [piece.item for piece in group], transfer.fetch)

    def _bring(self, tracked: Tracked, items: Sequence[Wanted], move: _Move) -> None:
        project = self.source.project_of(tracked.relpath)
        bring(project, tracked.out.remote, lambda store: move(self._paced(store), self.cache, items, self.progress))

    def _paced(self, store: Remote) -> Remote:
        return store._replace(jobs=self.jobs) if self.jobs else store


def bring(project: Project, remote: str | None, move: Callable[[Remote], Outcome]) -> Outcome:
    """Ask the stores of a project one after the other, until one has all that is still lacking.

    Args:
        project: Whose stores.
        remote: The remote that an out is bound to, None for the default one.
        move: Brings what is lacking from one of them.

    Returns:
        What was brought.

    Raises:
        SyceeError: If the last store did not have all, or there is none.
    """
    outcome, moved = Outcome(), []
    with closing(project.stores(remote)) as stores:
        for store in stores:
            outcome = move(store)
            moved += outcome.moved
            if not outcome.failures:
                break
    for failure in outcome.failures:
        if isinstance(failure, DigestMismatch):
            failure.advise("the source's store is damaged: tell its owner, or choose another with --remote")
    outcome.require_success("fetch")
    return Outcome(moved)


def required(tracked: Tracked) -> Wanted:
    """Return the object an out stands for.

    Raises:
        NotFound: If nothing was ever added.
        SyceeError: If it names versions of files in a bucket.
    """
    if tracked.out.versioned:
        raise SyceeError(
            f"{tracked.relpath} is kept as versions of files in a bucket, not as objects by digest",
            hint="`dvc get` and `dvc list` read such a source",
        )
    item = wanted(tracked)
    if item is None:
        raise NotFound(f"{tracked.relpath} has no content yet in {tracked.origin.name}", hint="its owner has to add it")
    return item
