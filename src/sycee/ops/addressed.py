"""What the pointers of ``dvc import-url`` stand for: content of the url they name, if it is still what it was.

Which bytes those are is known by their md5, or where nothing was downloaded (``--no-download``) by what the store
called the version; other bytes are never taken.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from sycee.core.progress import SILENT, Progress, Task
from sycee.errors import DigestMismatch, NotFound, SyceeError
from sycee.formats import dirobject
from sycee.formats.origin import UrlImport, bare_tag
from sycee.formats.pointer import Out
from sycee.ops.elsewhere import refusal
from sycee.ops.made import as_out
from sycee.storage.port import Tagging
from sycee.store import transfer
from sycee.store.expected import Expected
from sycee.store.objects import Outcome, Wanted
from sycee.system.atomic import hidden_folder
from sycee.workspace.address import Around, Place, open_place
from sycee.workspace.content import files_below, is_executable
from sycee.workspace.repository import Repository
from sycee.workspace.tracked import Tracked
from sycee.workspace.wanted import wanted

FromRemotes = Callable[[Iterable[Tracked]], Outcome]


def is_addressed(tracked: Tracked) -> bool:
    """Tell whether an out was taken from a url, and is kept as objects."""
    of_url = tracked.pointer is not None and tracked.pointer.address is not None
    return of_url and tracked.out.cache and not tracked.out.versioned


def fetch_addressed(
    repo: Repository, tracked: Iterable[Tracked], from_remotes: FromRemotes, *, progress: Progress = SILENT
) -> Outcome:
    """Bring into the cache what was taken from urls: from the remotes, and what they lack from its url.

    Args:
        repo: The repository, whose lock is held.
        tracked: Outs of urls, also those that have no content yet.
        from_remotes: Fetches from remotes.
        progress: Told the bytes.
    """
    lacking = [one for one in tracked if _lacks(repo, one)]
    outcome = _asked_of_remotes([one for one in lacking if one.out.md5 and one.out.push], from_remotes)
    for one in lacking:
        if _lacks(repo, one):
            with outcome.noting(one.relpath):
                bring_addressed(repo, one, outcome, progress=progress)
    return outcome


def _lacks(repo: Repository, tracked: Tracked) -> bool:
    """Tell whether the cache lacks an out; one that was left out counts as what its source was noted to be."""
    address = tracked.pointer.address if tracked.pointer else None
    noted = Wanted(tracked.relpath, Expected(address.md5)) if address and address.md5 else None
    item = wanted(tracked) or noted
    return item is None or transfer.lacking(repo.cache, [item])


def _asked_of_remotes(tracked: Sequence[Tracked], from_remotes: FromRemotes) -> Outcome:
    """Fetch from remotes what they have; that they lack the rest, or that there are none, is no failure yet."""
    try:
        outcome = from_remotes(tracked)
    except NotFound:
        return Outcome()
    outcome.failures = [error for error in outcome.failures if not isinstance(error, NotFound)]
    return outcome


def bring_addressed(repo: Repository, tracked: Tracked, outcome: Outcome, *, progress: Progress = SILENT) -> Out:
    """Bring the objects of an out from its url, and return the out with what it turned out to be.

    Raises:
        NotFound: If nothing is there.
        DigestMismatch: If something else is there.
        RemoteError: If the store fails, or does not say which version it has.
        SyceeError: If sycee cannot read such a url.
    """
    pointer = tracked.pointer
    if pointer is None or pointer.address is None:
        raise NotFound("it was taken from no url", hint="name an out of `dvc import-url`")
    if error := refusal(tracked, repo.root):
        raise error
    around = Around(repo.config, repo.environ, tracked.origin.parent / pointer.wdir, repo.notify)
    place = open_place(pointer.address.url, around)
    with closing(place.backend):
        return _Bringing(repo, tracked, pointer.address, place, progress).bring(outcome)


@dataclass(frozen=True, slots=True)
class _Bringing:
    """Brings one out from where its url leads."""

    repo: Repository
    tracked: Tracked
    origin: UrlImport
    place: Place
    progress: Progress

    def bring(self, outcome: Outcome) -> Out:
        if (self._oid or "").endswith(dirobject.SUFFIX):
            return self._folder(outcome)
        size = self.place.backend.size(self.place.key)
        if size is None:
            raise self._gone()
        self._require_size(size)
        with self.progress.start(self.tracked.relpath, size) as task:
            out = self._known_file(task) if self._oid else self._tagged_file(task)
        outcome.moved.append(self.tracked.relpath)
        return out

    @property
    def _oid(self) -> str | None:
        """What it must be, if its digest is known."""
        return self.tracked.out.md5 or self.origin.md5

    @property
    def _size(self) -> int | None:
        return self.tracked.out.size if self.tracked.out.md5 else self.origin.size

    def _known_file(self, task: Task) -> Out:
        """Bring a file whose digest is known straight into the cache, which takes nothing else."""
        out, item = self.tracked.out, wanted(self.tracked)
        expected = item.expected if item else Expected(self._oid or "", self._size)
        chunks = self.place.backend.read(self.place.key)
        try:
            found = self.repo.cache.put_stream(expected, chunks, on_bytes=task.advance, legacy=out.is_legacy)
        except DigestMismatch as error:
            raise self._changed(error.details["expected"], error.details["found"]) from None
        if out.md5:
            return out
        isexec = self.place.path is not None and is_executable(self.place.path)
        return out._replace(md5=found.md5, size=found.size, isexec=isexec)

    def _tagged_file(self, task: Task) -> Out:
        """Bring a file of which only the store's name for its version is known, which it must have from end to end."""
        self._require_tag()
        with hidden_folder(self.repo.scratch) as folder:
            _copy(self.place.backend.read(self.place.key), folder / "made", task)
            self._require_tag()
            self._require_size((folder / "made").stat().st_size)
            return as_out(self.repo.cache, {"": folder / "made"}, self.tracked.out)

    def _folder(self, outcome: Outcome) -> Out:
        with hidden_folder(self.repo.scratch) as folder:
            files = self._local_files() if self.place.path else self._stored_files(folder)
            out = as_out(self.repo.cache, files, self.tracked.out)
        if out.md5 != self._oid:
            raise self._changed(f"md5 {self._oid}", f"md5 {out.md5}")
        outcome.moved += [self.tracked.relpath, *(f"{self.tracked.relpath}/{name}" for name in files)]
        return out

    def _local_files(self) -> dict[str, Path]:
        path = self.place.path
        if path is None or not path.is_dir():
            raise self._gone()
        found = files_below(path)
        self._require_size(sum(one.size for one in found))
        return {one.relpath: Path(one.path) for one in found}

    def _stored_files(self, folder: Path) -> dict[str, Path]:
        backend, key = self.place.backend, self.place.key
        sizes = {one.key: one.size for one in backend.list(key)}
        if not sizes:
            raise self._gone()
        self._require_size(sum(sizes.values()))
        files = {}
        with self.progress.start(f"{self.tracked.relpath}/", sum(sizes.values())) as task:
            for number, name in enumerate(sorted(sizes)):
                files[name.removeprefix(f"{key}/")] = folder / str(number)
                _copy(backend.read(name), folder / str(number), task)
        return files

    def _require_size(self, found: int) -> None:
        if self._size not in {None, found}:
            raise self._changed(f"{self._size} bytes", f"{found} bytes")

    def _require_tag(self) -> None:
        backend = self.place.backend
        if not self.place.tells_versions or not isinstance(backend, Tagging):
            raise self._untold("in words that DVC notes")
        found = bare_tag(backend.tag(self.place.key))
        if found is None:
            raise self._untold("at all (it sends no ETag)")
        if found != self.origin.tag:
            raise self._changed(f"version {self.origin.tag}", f"version {found}")

    @property
    def _shown(self) -> str:
        return str(self.place.path or self.place.backend.describe(self.place.key))

    @property
    def _update(self) -> str:
        return f"dvc update {quote(os.path.relpath(self.tracked.origin, self.repo.root))}"

    def _gone(self) -> NotFound:
        hint = "bring the source back, or have a clone that holds the content push it: sycee push"
        return NotFound(f"its source {self._shown} does not exist", hint=hint, path=self.tracked.relpath)

    def _changed(self, expected: str, found: str) -> DigestMismatch:
        return DigestMismatch(
            f"its source {self._shown} has changed since it was imported: expected {expected}, found {found}",
            hint=f"take its present content: {self._update}; or, where the old one is: sycee push",
            path=self.tracked.relpath,
            expected=expected,
            found=found,
        )

    def _untold(self, how: str) -> SyceeError:
        message = f"whether its source {self._shown} has changed cannot be told: the store does not name versions {how}"
        return SyceeError(message, hint=f"take its present content: {self._update}", path=self.tracked.relpath)


def _copy(chunks: Iterator[bytes], path: Path, task: Task) -> None:
    with path.open("xb") as file:
        for chunk in chunks:
            file.write(chunk)
            task.advance(len(chunk))
