"""Outs that a version-aware remote keeps as files by name and version: into the cache, as objects by digest."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from functools import partial

from sycee.core.progress import SILENT, Progress
from sycee.errors import MissingData, NotFound
from sycee.formats import dirobject
from sycee.formats.dirobject import Entry
from sycee.formats.versions import FileVersion
from sycee.ops.elsewhere import is_here, unreadable
from sycee.storage.port import OnBytes, Versioning
from sycee.store.expected import Expected
from sycee.store.moving import run
from sycee.store.objects import Outcome, Remote, Wanted
from sycee.workspace.remotes import open_backend
from sycee.workspace.repository import Repository
from sycee.workspace.tracked import Tracked


def fetch_versions(repo: Repository, tracked: Iterable[Tracked], *, progress: Progress = SILENT) -> Outcome:
    """Bring into the cache the versions that outs are made of, each verified by its md5.

    What lies in the work tree or the cache needs nothing. The list of a folder's files is made last.

    Args:
        repo: The repository, whose lock is held.
        tracked: Outs that name all of their versions.
        progress: Told the bytes.
    """
    outcome = Outcome()
    for one in tracked:
        if not is_here(repo, one):
            with outcome.noting(one.relpath):
                outcome.extend(_Versions(repo, one, progress).brought())
    return outcome


@dataclass(frozen=True, slots=True)
class _Versions:
    """Brings the versions of one out."""

    repo: Repository
    tracked: Tracked
    progress: Progress

    def brought(self) -> Outcome:
        outcome, versions = Outcome(), self.tracked.out.versions
        lacking = [one for one in versions if self.repo.cache.find(one.md5) is None]
        for name in dict.fromkeys(one.remote for one in lacking):
            self._from_remote(name, [one for one in lacking if one.remote == name], outcome)
        if not outcome.failures and self.tracked.out.is_dir:
            data = dirobject.render(Entry(one.relpath, one.md5) for one in versions)
            self.repo.cache.put_bytes(data, suffix=dirobject.SUFFIX)
        return outcome

    def _from_remote(self, name: str, versions: Sequence[FileVersion], outcome: Outcome) -> None:
        opened = open_backend(self.repo.config, name, environ=self.repo.environ, by_name=True)
        with closing(opened.backend) as backend:
            if not isinstance(backend, Versioning) or not backend.describe().startswith("s3://"):
                raise unreadable(self.tracked, self.repo.root)
            labels = {self._path(one): one for one in versions}
            items = [Wanted(label, Expected(one.md5, one.size)) for label, one in labels.items()]
            remote = Remote(opened.name, opened.backend, opened.jobs)
            move = partial(self._take, backend, labels)
            run(remote, items, outcome, self.progress, lambda _: nullcontext(move))

    def _path(self, one: FileVersion) -> str:
        """Return where a file lies in the work tree: it has the same path in the bucket."""
        return f"{self.tracked.relpath}/{one.relpath}" if one.relpath else self.tracked.relpath

    def _take(self, backend: Versioning, versions: Mapping[str, FileVersion], item: Wanted, on_bytes: OnBytes) -> None:
        one = versions[item.label]
        try:
            chunks = backend.read_version(item.label, one.version)
            self.repo.cache.put_stream(item.expected, chunks, on_bytes=on_bytes)
        except NotFound:
            raise MissingData(
                f"{one.version} is no version of {backend.describe(item.label)}",
                hint=f"if it was moved since, push it from where it is: dvc push -r {one.remote}",
                path=item.label,
            ) from None
