"""What the pointers of ``dvc import`` stand for: content of the repository they name, at the commit they name.

A pointer comes from whoever wrote the repository. It may choose among the remotes that the source and the user know,
but it may set no option of one.
"""

import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sycee.core.progress import SILENT, Progress
from sycee.errors import DigestMismatch, SyceeError
from sycee.formats import dirobject, pointer
from sycee.formats.dirobject import Entry
from sycee.formats.pointer import Out, RepoImport
from sycee.ops.get import gather
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
            try:
                _Import(repo, progress).bring(one, outcome)
            except SyceeError as error:
                outcome.failures.append(error.about(one.relpath))
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
    """Bring what ``dvc import --no-download`` left out, and write into the pointers what it turned out to be.

    Args:
        repo: The repository.
        tracked: Any outs; those that need nothing are left alone.
        progress: Told the bytes.

    Returns:
        The pointers that changed, and what was brought.

    Raises:
        SyceeError: If a source cannot be read; the pointers before it are filled.
    """
    empty = [one for one in tracked if is_import(one) and one.out.cache and wanted(one) is None]
    if not empty:
        return Filled((), ())
    outcome = Outcome()
    with repo.locked():
        for one in empty:
            try:
                out = _Import(repo, progress).bring(one, outcome)
            except SyceeError as error:
                raise error.about(one.relpath) from None
            present = one.origin.read_bytes()
            write_file(one.origin, pointer.patch(present, repo.relpath(one.origin), out, None))
    return Filled(tuple(one.origin for one in empty), tuple(outcome.moved))


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
        out = replace(
            tracked.out, md5=theirs.md5, size=theirs.size, nfiles=theirs.nfiles, isexec=theirs.isexec, hash=theirs.hash
        )
        if is_import(whole):
            replace(self, left=self.left - 1).bring(whole, outcome)
            return out
        item = required(tracked if tracked.out.md5 else replace(tracked, out=out))
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
            out = _stored(self.repo.cache, folder / "made", names, tracked.out)
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


def _stored(cache: Cache, made: Path, names: Sequence[str], out: Out) -> Out:
    """Put files into the cache, and return the out that they are."""
    found = {name: cache.ingest(made / name) for name in names}
    if names == [""]:
        isexec = bool(made.stat().st_mode & stat.S_IXUSR)
        return replace(out, md5=found[""].md5, size=found[""].size, isexec=isexec, hash="md5")
    data = dirobject.render(Entry(name, one.md5) for name, one in found.items())
    size = sum(one.size for one in found.values())
    return replace(out, md5=cache.put_bytes(data, suffix=dirobject.SUFFIX), size=size, nfiles=len(names), hash="md5")
