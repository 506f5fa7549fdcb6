"""The local store of objects by digest, in DVC's layout and modes.

Rules it keeps:

* Every byte is hashed on its way in, and an object gets its name only after its bytes are durable.
* An object has mode 0444, because DVC takes exactly this mode for "verified"; so it is set only on what was verified.
* What does not match its name is moved to ``sycee/quarantine`` and named in the error; it is never deleted.
"""

import os
import stat
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from sycee.digest import LEGACY_BLOCK, FileDigests, digest_bytes, legacy_md5, md5_hex
from sycee.errors import Conflict, DigestMismatch, MissingData
from sycee.store.expected import Expected, cannot_be, difference
from sycee.store.faults import damaged, two_contents
from sycee.store.layout import PRIVATE, is_object_id, md5_of, object_key
from sycee.store.partial import Partial, Unfit, partial_of, sweep_partials
from sycee.store.statcache import Files, Known, StatCache, settle
from sycee.system.atomic import fsync, fsync_dir, open_temp, sweep, write_file
from sycee.system.links import prepare
from sycee.system.onepass import (
    OnBytes,
    digest_chunks,
    digest_fd,
    ignore_bytes,
    legacy_md5_fd,
    legacy_md5_file,
    open_regular,
    require_unchanged,
)
from sycee.system.refusals import FULL, naming
from sycee.system.staging import Staging, publish, staging
from sycee.system.tree import is_file

if TYPE_CHECKING:
    from sycee.storage.port import Pin

OBJECT_MODE = 0o444


@dataclass(frozen=True, slots=True)
class Batch:
    """Small objects whose bytes are verified and written, and which get their names together.

    Attributes:
        place: Where they wait.
        waiting: Temporary path, final path and digests of each; threads only append.
        sources: What is known of the files that they came from.
    """

    place: Staging
    waiting: list[tuple[str, str, FileDigests]] = field(default_factory=list)
    sources: list[Known] = field(default_factory=list)


class Cache:
    """Objects below one folder, shared by all revisions of a repository and perhaps by several repositories.

    Args:
        root: The folder, ``.dvc/cache`` by default.
        statcache: Where digests of objects are remembered.
        shared: Whether the group may write (``cache.shared = group``).
    """

    def __init__(self, root: Path, statcache: StatCache, *, shared: bool = False) -> None:
        self.root = root
        self._base = str(root.absolute())
        self._statcache = statcache
        self._shared = shared
        self._swept = False
        self._naming = threading.Lock()

    def path(self, oid: str, *, legacy: bool = False) -> Path:
        """Return where an object lies, or would lie."""
        return self.root / object_key(oid, legacy=legacy)

    def find(self, oid: str, *, legacy: bool = False) -> Path | None:
        """Return where an object lies, in either layout of its pointer, or None if it is not here.

        An empty file is no object but that of no bytes.
        """
        return self.path(oid, legacy=legacy) if self.holds(Expected(oid), legacy=legacy) else None

    def holds(self, expected: Expected, *, legacy: bool = False) -> bool:
        """Tell whether an object is here, as far as its size tells."""
        size = self._size(self._place(expected.oid, legacy=legacy))
        return size is not None and not cannot_be(expected, size)

    def _standing(self, oid: str, *, legacy: bool) -> Path | None:
        """Return where something stands in the place of an object, whatever it is worth."""
        path = self.path(oid, legacy=legacy)
        return path if path.is_file() else None

    def _place(self, oid: str, *, legacy: bool = False) -> str:
        """Return :meth:`path` as absolute text: where objects are many, making Path objects is most of the work."""
        return f"{self._base}/{object_key(oid, legacy=legacy)}"

    def _size(self, path: str) -> int | None:
        try:
            status = os.stat(path)  # noqa: PTH116 - asked many times for each object
        except OSError:
            return None
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def read(self, oid: str, *, legacy: bool = False) -> bytes:
        """Return a small object (a directory object), verified; the cache does not change.

        Raises:
            MissingData: If it is not in the cache.
            DigestMismatch: If its bytes are not those its name says.
        """
        path = self._standing(oid, legacy=legacy)
        if path is None:
            raise MissingData(f"object {oid} is not in the cache", hint="fetch it: sycee fetch", oid=oid)
        data = path.read_bytes()
        if (found := md5_hex(data)) != md5_of(oid):
            raise damaged(oid, f"md5 {md5_of(oid)}", f"md5 {found}", hint="fetch it again: sycee fetch")
        return data

    def discard_damaged(self, oid: str, *, legacy: bool = False) -> None:
        """Move a small object to quarantine if its bytes are not those its name says."""
        path = self._standing(oid, legacy=legacy)
        if path is not None and md5_hex(path.read_bytes()) != md5_of(oid):
            self._set_aside(path, oid)

    def forget(self, oid: str, *, legacy: bool = False) -> None:
        """Believe nothing that is remembered of an object: whoever uses it next reads it."""
        self._statcache.forget(self.path(oid, legacy=legacy))

    def put_private(self, key: str, data: bytes) -> None:
        """Store bytes under a key in sycee's private corner, which the caller named by their digest.

        Other bytes that stand there go to quarantine.
        """
        path = self.root / key
        if path.is_file() and path.read_bytes() != data:
            self._set_aside(path, path.parent.name + path.name)
        sweep(self._make_dir(path.parent))
        write_file(path, data, mode=OBJECT_MODE)

    def put_bytes(self, data: bytes, *, suffix: str = "") -> str:
        """Store a small object and return its id (md5 plus ``suffix``)."""
        oid = md5_hex(data) + suffix
        self.put_stream(Expected(oid, len(data)), [data])
        return oid

    def put_stream(
        self,
        expected: Expected,
        chunks: Iterable[bytes],
        *,
        twin: int | None = None,
        on_bytes: OnBytes = ignore_bytes,
        legacy: bool = False,
    ) -> FileDigests:
        """Store an object that arrives in pieces, if it is what it should be.

        Args:
            expected: What it must be.
            chunks: Its bytes in order.
            twin: A descriptor that gets every byte too, or is empty at the end where that fails; or None.
            on_bytes: Called with the number of bytes of each step.
            legacy: Whether its pointer is of the time before DVC 3.0, whose md5 saw text with LF line ends.

        Raises:
            DigestMismatch: If size, md5 or sha256 differ; the bytes are kept in quarantine. Of a stream that does not
                end where it should, no more is taken than shows it.
        """
        with self.incoming() as (temp, fd):
            return self.put_partial(expected, Partial(temp, fd, 0, twin), chunks, on_bytes=on_bytes, legacy=legacy)

    @contextmanager
    def partial(self, oid: str, place: str, pin: "Pin") -> "Iterator[Partial | None]":
        """Give the file of a large download, for :meth:`put_partial`; see :func:`sycee.store.partial.partial_of`."""
        folder = self._make_dir(self.root / PRIVATE / "partial")
        with naming(self.root, only=FULL), partial_of(folder, oid, place, pin) as partial:
            yield partial

    def put_partial(
        self,
        expected: Expected,
        partial: Partial,
        chunks: Iterable[bytes],
        *,
        on_bytes: OnBytes = ignore_bytes,
        legacy: bool = False,
    ) -> FileDigests:
        """Store an object of which some bytes may be here, if with those that arrive it is what it should be.

        Args:
            expected: What it must be.
            partial: What is here; hashed like the rest.
            chunks: The following bytes in order.
            on_bytes: Called with the number of bytes of each step.
            legacy: Whether its pointer is of the time before DVC 3.0, whose md5 saw text with LF line ends.

        Raises:
            Unfit: If it is not, and some bytes had been here: which of them are wrong is not known.
            DigestMismatch: If it is not, and all bytes arrived now; they are kept in quarantine.
        """
        limit = expected.at_most if expected.size is None else expected.size
        whole = _bounded(chain(partial.begun(), chunks), limit)
        twin = None if partial.start else partial.twin
        digests = digest_chunks(whole, sink=partial.fd, twin=twin, skip=partial.start, on_bytes=on_bytes)
        address = legacy_md5_fd(partial.fd) if legacy else digests.md5
        if fault := difference(expected, digests, address):
            if partial.start:
                raise Unfit
            raise self._quarantine(partial.path, expected.oid, expected=fault[0], found=fault[1])
        self._publish(partial.path, partial.fd, self.path(expected.oid, legacy=legacy), digests)
        return digests

    @contextmanager
    def batch(self) -> "Iterator[Batch]":
        """Give a batch for :meth:`put_small`; its objects are durable, and then visible, when the block ends."""
        with naming(self.root, only=FULL), staging(self._temporary()) as place:
            batch = Batch(place)
            yield batch
            self._publish_all(batch.waiting)
            self._statcache.put_all(batch.sources)

    def put_small(self, batch: Batch, expected: Expected, data: bytes, *, legacy: bool = False) -> None:
        """Store an object that is in memory, together with others. May be called from several threads.

        Args:
            batch: With which it becomes durable.
            expected: What it must be.
            data: All of its bytes.
            legacy: Whether its pointer is of the time before DVC 3.0.

        Raises:
            DigestMismatch: If size, md5 or sha256 differ; the bytes are kept in quarantine.
        """
        digests = digest_bytes(data)
        blocks = (data[start : start + LEGACY_BLOCK] for start in range(0, len(data), LEGACY_BLOCK))
        address = legacy_md5(blocks) if legacy else digests.md5
        if fault := difference(expected, digests, address):
            kept = batch.place.write(data, mode=0o600)
            raise self._quarantine(Path(kept), expected.oid, expected=fault[0], found=fault[1])
        self._stage(batch, self._place(expected.oid, legacy=legacy), data, digests)

    def ingested(self, files: Files) -> dict[str, FileDigests]:
        """Return the digests of those files that are unchanged since they were read, and whose objects are here.

        Args:
            files: Regular files, and what ``lstat`` says of each now.
        """
        known = self._statcache.get_all(files)
        objects = {path: self._place(digests.md5) for path, digests in known.items()}
        held = self._statcache.get_all({path: os.lstat(path) for path in objects.values() if is_file(path)})
        return {path: digests for path, digests in known.items() if held.get(objects[path]) == digests}

    def ingest_small(self, batch: Batch, source: str) -> FileDigests:
        """Store a small file of the workspace together with others.

        Args:
            batch: With which it becomes durable.
            source: A regular file, absolute.

        Raises:
            NotFound: If it is absent.
            Conflict: If it is no regular file, changes meanwhile, or has the md5 but not the bytes of a stored object.
        """
        data, digests = self._statcache.read_small(source, batch.sources)
        self._stage(batch, self._place(digests.md5), data, digests)
        return digests

    def _stage(self, batch: Batch, path: str, data: bytes, digests: FileDigests) -> None:
        if not (is_file(path) and self._keep_present(Path(path), digests)):
            batch.waiting.append((batch.place.write(data, mode=OBJECT_MODE, finish=settle), path, digests))

    def _publish_all(self, waiting: Sequence[tuple[str, str, FileDigests]]) -> None:
        named: dict[str, FileDigests] = {}
        for _, path, digests in waiting:
            if named.setdefault(path, digests) != digests:
                raise two_contents(named[path], digests)
        self._make_dirs(map(Path, {path.rpartition("/")[0] for path in named}))
        with self._naming:
            absent = [one for one in waiting if not (is_file(one[1]) and self._keep_present(Path(one[1]), one[2]))]
            publish([(temp, path) for temp, path, _ in absent])
        self._statcache.put_all([(path, digests, os.lstat(path)) for _, path, digests in absent], settled=True)

    def ingest(self, source: Path, *, on_bytes: OnBytes = ignore_bytes) -> FileDigests:
        """Store a file of the workspace: read once, hashed by all algorithms, copied on the way.

        Args:
            source: A regular file.
            on_bytes: Called with the number of bytes of each step.

        Raises:
            NotFound: If it is absent.
            Conflict: If it is no regular file, changes meanwhile, or has the md5 but not the bytes of a stored object.
        """
        if (known := self._statcache.get(source)) and self._holds(known):
            on_bytes(known.size)
            return known
        source_fd = open_regular(source)
        try:
            before = os.fstat(source_fd)
            with naming(source), self.incoming() as (temp, fd):
                digests = digest_fd(source_fd, sink=fd, on_bytes=on_bytes)
                after = os.fstat(source_fd)
                require_unchanged(source, before, after)
                self._publish(temp, fd, self.path(digests.md5), digests)
        finally:
            os.close(source_fd)
        self._statcache.put(source, digests, after)
        return digests

    def foresee(self, objects: Iterable[tuple[str, bool]]) -> None:
        """Ask once for what is remembered of many objects, before :meth:`verified` is asked for each of them.

        Args:
            objects: Id of each, and whether its pointer is of the time before DVC 3.0.
        """
        self._statcache.foresee([self._place(oid, legacy=legacy) for oid, legacy in objects])

    def verified(self, oid: str, *, legacy: bool = False, on_bytes: OnBytes = ignore_bytes) -> FileDigests:
        """Return the digests of an object, hashing it unless it is known to be unchanged since it was.

        Args:
            oid: Its id.
            legacy: Whether its pointer is of the time before DVC 3.0.
            on_bytes: Called with the number of bytes of each step.

        Raises:
            MissingData: If it is not in the cache.
            DigestMismatch: If its bytes are not those its name says; they are moved to quarantine.
        """
        path = self._standing(oid, legacy=legacy)
        if path is None:
            raise MissingData(f"object {oid} is not in the cache", hint="fetch it: sycee fetch", oid=oid)
        digests = self._statcache.digests_of(path, on_bytes=on_bytes)
        address = legacy_md5_file(path) if legacy else digests.md5
        if address != md5_of(oid):
            raise self._quarantine(path, oid, expected=f"md5 {md5_of(oid)}", found=f"md5 {address}")
        return digests

    def old_ids(self) -> Iterator[str]:
        """Yield the ids of all objects that have a name of before DVC 3.0, in their order."""
        for folder in sorted(one for one in self.root.glob("[0-9a-f][0-9a-f]") if not one.is_symlink()):
            for path in sorted(folder.iterdir()):
                if is_object_id(oid := folder.name + path.name) and path.is_file() and not path.is_symlink():
                    yield oid

    def renew(self, oid: str, *, on_bytes: OnBytes = ignore_bytes) -> tuple[FileDigests, bool]:
        """Give an object of before DVC 3.0 the name that it has since; the old one stays, as a link to the same file.

        Args:
            oid: Its old id.
            on_bytes: Called with the number of bytes of each step.

        Returns:
            Its digests, and whether it had no such name yet.

        Raises:
            MissingData: If it is not in the cache.
            DigestMismatch: If its bytes are not those its old name says; they are moved to quarantine.
            Conflict: If the new name is that of an object with other bytes.
        """
        digests = self.verified(oid, legacy=True, on_bytes=on_bytes)
        source = self.path(oid, legacy=True)
        path = self.path(digests.md5 + oid[len(md5_of(oid)) :])
        if path.is_file() and self._keep_present(path, digests):
            return digests, False
        temp = prepare(source, self._make_dir(self.root / PRIVATE / "tmp"), ("hardlink", "copy")).temp
        fd = open_regular(temp)
        try:
            self._name(temp, fd, path, digests)
        finally:
            temp.unlink(missing_ok=True)
            os.close(fd)
        return digests, True

    def _holds(self, digests: FileDigests) -> bool:
        path = self.find(digests.md5)
        return path is not None and self._statcache.get(path) == digests

    @contextmanager
    def incoming(self) -> Iterator[tuple[Path, int]]:
        """Give a temporary file in the cache, with its descriptor; it is gone afterwards unless it was renamed."""
        temp, fd = open_temp(self._temporary())
        try:
            with naming(self.root, only=FULL):
                yield temp, fd
        finally:
            temp.unlink(missing_ok=True)
            os.close(fd)

    def _temporary(self) -> Path:
        folder = self._make_dir(self.root / PRIVATE / "tmp")
        if not self._swept:  # once is enough: what killed commands left, before this one takes its own place
            self._swept = True
            sweep(folder)
            sweep_partials(self.root / PRIVATE / "partial")
        return folder

    def _publish(self, temp: Path, fd: int, path: Path, digests: FileDigests) -> None:
        """Give verified bytes their name: durable first, then visible."""
        if path.is_file() and self._keep_present(path, digests):
            return
        settle(fd)
        self._name(temp, fd, path, digests)

    def _name(self, temp: Path, fd: int, path: Path, digests: FileDigests) -> None:
        os.fchmod(fd, OBJECT_MODE)
        fsync(fd)
        self._make_dir(path.parent)
        with self._naming:  # another thread may have stored other bytes of this md5 since somebody looked
            if path.is_file() and self._keep_present(path, digests):
                return
            temp.replace(path)
        fsync_dir(path.parent)
        self._statcache.put(path, digests, path.lstat(), settled=True)

    def _keep_present(self, path: Path, digests: FileDigests) -> bool:
        """Judge an object that is already there under the name of verified bytes; tell whether it stays."""
        present = self._statcache.digests_of(path)
        if present == digests:
            if path.stat().st_mode & 0o7777 != OBJECT_MODE:  # in a shared cache it may be another user's
                path.chmod(OBJECT_MODE)
            return True
        if present.md5 == digests.md5:
            raise two_contents(present, digests)
        self._set_aside(path, digests.md5)
        return False

    def _make_dir(self, folder: Path) -> Path:
        """Return a folder of the cache, made if it is not there; see :meth:`_make_dirs`."""
        self._make_dirs([folder])
        return folder

    def _make_dirs(self, folders: Iterable[Path]) -> None:
        """Make folders of the cache, durably: an object is as durable as the folders above it.

        Raises:
            Conflict: If a symbolic link below the root, which a clone may contain, would lead what is stored elsewhere.
        """
        changed: set[Path] = set()
        for folder in folders:
            for place in (folder, *folder.parents):
                if place == self.root:
                    break
                if place.is_symlink():
                    raise Conflict(f"{place} is a symbolic link", hint="remove it; sycee makes the folder anew")
            changed |= self._made(folder)
        for folder in changed:
            fsync_dir(folder)

    def _made(self, folder: Path) -> set[Path]:
        """Make a folder and those above it; return those that got a new entry."""
        if folder.is_dir():
            return set()
        if folder.exists() and not folder.is_dir():  # asked again: somebody else may just have made it
            hint = "remove it, or choose another cache: sycee cache dir FOLDER"
            raise Conflict(f"{folder} is a file, where the cache needs a folder", hint=hint, path=str(folder))
        changed = self._made(folder.parent)
        folder.mkdir(exist_ok=True)
        if self._shared:
            folder.chmod(0o2775)
        return changed | {folder.parent}

    def _set_aside(self, path: Path, oid: str) -> Path:
        aside = self._make_dir(self.root / PRIVATE / "quarantine") / f"{oid}-{os.urandom(4).hex()}"
        path.replace(aside)
        return aside

    def _quarantine(self, path: Path, oid: str, *, expected: str, found: str) -> DigestMismatch:
        aside = self._set_aside(path, oid)
        hint = f"the bytes are kept in {aside}; bring a good copy from wherever there is one: sycee check --repair"
        return damaged(oid, expected, found, hint=hint, kept=str(aside))


def _bounded(chunks: Iterable[bytes], limit: int | None) -> Iterator[bytes]:
    """Yield chunks until more than ``limit`` bytes came: a hostile store may send without end."""
    total = 0
    for chunk in chunks:
        yield chunk
        total += len(chunk)
        if limit is not None and total > limit:
            return
