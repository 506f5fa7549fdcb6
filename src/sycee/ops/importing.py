"""What the pointers of ``dvc import`` stand for: content of the repository they name, at the commit they name.

A pointer comes from whoever wrote the repository. It may choose among the remotes that the source and the user know,
but it may set no option of one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sycee.core.progress import SILENT, Progress
from sycee.errors import DigestMismatch, SyceeError
from sycee.formats import pointer
from sycee.formats.origin import RepoImport
from sycee.formats.pointer import Out
from sycee.ops.addressed import bring_addressed, is_addressed
from sycee.ops.elsewhere import refusal
from sycee.ops.get import gather
from sycee.ops.made import as_out
from sycee.ops.reach import Reach, bring, required
from sycee.store import transfer
from sycee.store.cache import Cache
from sycee.store.objects import Outcome
from sycee.store.statcache import StatCache
from sycee.system.atomic import hidden_folder, write_file
from sycee.workspace.repository import Repository
from sycee.workspace.source import Asked, Surroundings, inner_path, open_source
from sycee.workspace.tracked import Tracked
from sycee.workspace.wanted import wanted

MAX_SOURCES = 10  # of an import of an import of …, so that a circle ends


def is_import(tracked: Tracked) -> bool:
    """Tell whether an out comes out of another repository."""
    return tracked.pointer is not None and tracked.pointer.source is not None


def fetch_imports(repo: Repository, tracked: Iterable[Tracked], *, progress: Progress = SILENT) -> Outcome:
    """Bring into the cache what imports stand for, as far as it is lacking; a failure does not stop the others.

    Args:
        repo: The repository, whose lock is held.
        tracked: Outs of imports, also those that have no content yet.
        progress: Told the bytes.
    """
    outcome = Outcome()
    for one in tracked:
        item = wanted(one)
        if one.out.cache and not one.out.versioned and (item is None or transfer.lacking(repo.cache, [item])):
            with outcome.noting(one.relpath):
                _Import(repo, progress).bring(one, outcome)
    return outcome


@dataclass(frozen=True, slots=True)
class Filled:
    """What :func:`fill` did.

    Attributes:
        pointers: The files that changed.
        moved: Labels of the objects that were brought.
    """

    pointers: Sequence[Path]
    moved: Sequence[str]


def fill(repo: Repository, tracked: Sequence[Tracked], *, progress: Progress = SILENT) -> Filled:
    """Bring what ``--no-download`` left out of imports, and write into the pointers what it turned out to be.

    Args:
        repo: The repository.
        tracked: Any outs; those that need nothing are left alone.
        progress: Told the bytes.

    Returns:
        The pointers that changed, and what was brought. What could not be brought is left to a fetch, which tells.
    """
    empty = [one for one in tracked if _is_left_out(repo, one)]
    if not empty:
        return Filled((), ())
    outcome, filled = Outcome(), []
    with repo.locked():
        for one in empty:
            try:
                out = _brought(repo, one, outcome, progress)
            except SyceeError:
                continue
            filled.append(one.origin)
            present = one.origin.read_bytes()
            write_file(one.origin, pointer.patch(present, repo.relpath(one.origin), out, None))
    return Filled(filled, outcome.moved)


def _is_left_out(repo: Repository, one: Tracked) -> bool:
    """Tell whether an import was not downloaded, and sycee can do it."""
    can_be = is_import(one) or (is_addressed(one) and refusal(one, repo.root) is None)
    return can_be and one.out.cache and wanted(one) is None


def _brought(repo: Repository, one: Tracked, outcome: Outcome, progress: Progress) -> Out:
    if is_import(one):
        return _Import(repo, progress).bring(one, outcome)
    return bring_addressed(repo, one, outcome, progress=progress)


@dataclass(frozen=True, slots=True)
class _Import:
    """Brings one import.

    Attributes:
        repo: Into whose cache.
        progress: Told the bytes.
        left: How many sources may still refer to another one.
    """

    repo: Repository
    progress: Progress
    left: int = MAX_SOURCES

    def bring(self, tracked: Tracked, outcome: Outcome) -> Out:
        """Bring the objects of an out, and return the out with what it turned out to be."""
        origin = tracked.pointer.source if tracked.pointer else None
        if origin is None or self.left == 0:
            raise SyceeError("its sources import it from each other in a circle", hint="import from where the data is")
        source = open_source(_asked(origin), self._around(tracked, origin))
        path = inner_path(origin.path)
        whole = source.outs.get(path)
        reach = Reach(source, self.repo.cache, progress=self.progress)
        if whole is None or not _is_same(whole.out, tracked.out):
            return self._bring_made(reach, path, tracked, outcome)
        return self._bring_whole(reach, whole, tracked, outcome)

    def _around(self, tracked: Tracked, origin: RepoImport) -> Surroundings:
        """Return what a relative address is relative to: the folder it was typed in, as far as that can be known."""
        places = (tracked.origin.parent, self.repo.root)
        place = next((one for one in places if (one / origin.url).is_dir()), self.repo.root)
        return Surroundings(place, self.repo.environ, self.repo.notify)

    def _bring_whole(self, reach: Reach, whole: Tracked, tracked: Tracked, outcome: Outcome) -> Out:
        """Bring what the source tracks as a whole: it is the same object here."""
        theirs = whole.out
        out = tracked.out._replace(
            md5=theirs.md5, size=theirs.size, nfiles=theirs.nfiles, isexec=theirs.isexec, hash=theirs.hash
        )
        if is_import(whole):
            replace(self, left=self.left - 1).bring(whole, outcome)
            return out
        item = required(tracked if tracked.out.md5 else tracked._replace(out=out))
        project = reach.source.project_of(whole.relpath)
        outcome.extend(
            bring(project, theirs.remote, lambda store: transfer.fetch(store, reach.cache, [item], self.progress))
        )
        return out

    def _bring_made(self, reach: Reach, path: str, tracked: Tracked, outcome: Outcome) -> Out:
        """Bring what the source has as files of Git, as a part of what it tracks, or as both."""
        with hidden_folder(self.repo.scratch) as folder:
            statcache = StatCache(folder / "statcache.sqlite")
            names = gather(replace(reach, cache=Cache(folder / "objects", statcache)), path, folder / "made")
            statcache.close()
            files = {name: folder / "made" / name for name in names}
            out = as_out(self.repo.cache, files, tracked.out)
        if tracked.out.md5 not in {None, out.md5}:
            raise DigestMismatch(
                f"the source has other content at the commit that the pointer names: expected md5 {tracked.out.md5}, "
                f"found {out.md5}",
                hint="ask its owner; `dvc update` takes the source's present content",
            )
        outcome.moved += [f"{tracked.relpath}/{name}" if name else tracked.relpath for name in names]
        return out


def _asked(origin: RepoImport) -> Asked:
    if origin.sets_options:
        raise SyceeError(
            "its pointer sets options of the source's remote, which sycee does not take from a pointer",
            hint="use `dvc pull` if you trust them",
        )
    return Asked(origin.url, origin.rev_lock or origin.rev, origin.remote)


def _is_same(theirs: Out, ours: Out) -> bool:
    return theirs.md5 is not None and theirs.hash == ours.hash and ours.md5 in {None, theirs.md5}
