"""``sycee cache migrate``: objects of the time before DVC 3.0 get the names that DVC 3 gives them.

The old md5 saw text with LF line ends, the new one sees the bytes. Each old object is verified by its old name, hashed,
and linked under its new one; the old name stays, since pointers of older revisions need it. Then, if wanted, pointers
are rewritten: from the objects, never from the work tree, so that a changed file stays a changed file.

Order: object by object; of a pointer first its new directory object and sums, then itself. A crash leaves whole objects
and whole pointers; running the command again completes it.
"""

from dataclasses import dataclass, field
from pathlib import Path

from sycee.core.progress import SILENT, Progress
from sycee.digest import FileDigests
from sycee.errors import Conflict, DigestMismatch, MissingData, SyceeError
from sycee.formats import dirobject, pointer
from sycee.formats.dirobject import Entry
from sycee.formats.foldersums import FileSums
from sycee.formats.pointer import Out
from sycee.store import sums
from sycee.store.objects import Outcome
from sycee.system.atomic import write_file
from sycee.workspace.gitside import stage_if_wanted
from sycee.workspace.repository import Repository
from sycee.workspace.tracked import Tracked


@dataclass(slots=True)
class Migration:
    """What a migration did, or would do.

    Attributes:
        objects: How many objects got a new name.
        pointers: The pointers that were rewritten, absolute.
        left: Pointers and lock files with entries that DVC itself has to rewrite, absolute.
        failures: One error for each object or pointer that could not be migrated.
    """

    objects: int = 0
    pointers: list[Path] = field(default_factory=list)
    left: list[Path] = field(default_factory=list)
    failures: list[SyceeError] = field(default_factory=list)

    def require_success(self) -> None:
        """Raise the gravest failure, naming them all."""
        Outcome(failures=self.failures).require_success("migrat")


def old_pointers(repo: Repository) -> list[Path]:
    """Return the pointers that :func:`migrate` would rewrite, absolute."""
    return sorted({one.origin for one in _old(repo) if _is_ours(one)})


def migrate(repo: Repository, *, pointers: bool, progress: Progress = SILENT) -> Migration:
    """Give the objects of the cache their names of DVC 3, and rewrite pointers to match.

    One object that fails does not stop the others.

    Args:
        repo: The repository.
        pointers: Whether to rewrite the pointers of the work tree too.
        progress: Told the bytes.
    """
    old = _old(repo) if pointers else []
    with repo.locked(writes=[one.path for one in old]):
        repo.sweep(one.origin for one in old)
        work = _Work(repo)
        work.renew_objects(progress)
        for one in old:
            work.rewrite(one)
    stage_if_wanted(repo, work.done.pointers)
    return work.done


def _old(repo: Repository) -> list[Tracked]:
    return [one for one in repo.tracked() if one.out.is_legacy and one.out.md5]


def _is_ours(tracked: Tracked) -> bool:
    """Tell whether nothing but the cache says what the content is; the rest of an import or a stage is DVC's."""
    return tracked.pointer is not None and not tracked.pointer.imported and tracked.out.cache


@dataclass(slots=True)
class _Work:
    """A migration on its way."""

    repo: Repository
    done: Migration = field(default_factory=Migration)
    renewed: dict[str, FileDigests] = field(default_factory=dict)

    def renew_objects(self, progress: Progress) -> None:
        cache = self.repo.cache
        old = list(cache.old_ids())
        size = sum(cache.path(oid, legacy=True).stat().st_size for oid in old)
        with progress.start("migrating the cache", size) as task:
            for oid in old:
                try:
                    self.renewed[oid], is_new = cache.renew(oid, on_bytes=task.advance)
                except (DigestMismatch, Conflict) as error:
                    self.done.failures.append(error)
                else:
                    self.done.objects += is_new

    def rewrite(self, tracked: Tracked) -> None:
        """Rewrite what a pointer says of one artifact."""
        if not _is_ours(tracked):
            self.done.left.append(tracked.origin)
            return
        try:
            out, record = self._folder(tracked) if tracked.out.is_dir else self._file(tracked)
        except SyceeError as error:
            self.done.failures.append(error.about(tracked.relpath))
            return
        raw = tracked.origin.read_bytes()  # another of its outs may have been rewritten just now
        write_file(tracked.origin, pointer.patch(raw, tracked.origin.name, out, record))
        self.done.pointers.append(tracked.origin)

    def _file(self, tracked: Tracked) -> tuple[Out, dict[str, dict[str, str]]]:
        digests = self._digests(tracked.out.md5 or "")
        out = tracked.out._replace(md5=digests.md5, size=digests.size, hash="md5")
        return out, {digests.md5: {"sha256": digests.sha256, "blake3": digests.blake3}}

    def _folder(self, tracked: Tracked) -> tuple[Out, dict[str, dict[str, str]]]:
        cache = self.repo.cache
        files = []
        for entry in dirobject.parse(cache.read(tracked.out.md5 or "", legacy=True)):
            one = self._digests(entry.md5)
            files.append(FileSums(entry.relpath, one.size, one.md5, one.sha256, one.blake3))
        listing = dirobject.render(Entry(file.relpath, file.md5) for file in files)
        oid = cache.put_bytes(listing, suffix=dirobject.SUFFIX)
        out = tracked.out._replace(md5=oid, size=sum(file.size for file in files), nfiles=len(files), hash="md5")
        return out, {oid: {"sums": sums.keep(cache, files)}}

    def _digests(self, oid: str) -> FileDigests:
        if oid not in self.renewed:
            raise MissingData(
                f"object {oid} is not in the cache, or damaged", hint="bring it first: sycee fetch", oid=oid
            )
        return self.renewed[oid]
