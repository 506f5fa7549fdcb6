"""Large uploads that a later command continues.

The journal of an upload is a file of JSON lines: what is uploaded where, then one line for each part that the server
has taken. A part is not sent again only if journal and server agree on it: number, size and tag. And the journal
counts only for the same, unchanged source file; whoever wants to push an object has verified its bytes.

Nothing depends on a journal. One that is damaged, held by another process, or older than a week is not continued; the
parts of an upload that nobody continues are the server's to expire.
"""

import json
import os
import stat
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from sycee.errors import RemoteError
from sycee.storage.budget import Budget
from sycee.storage.port import OnBytes
from sycee.storage.s3parts import S3Parts, UploadGone
from sycee.system.atomic import sweep_stale, try_hold, write_all

STALE = 7 * 86_400.0  # seconds; what buckets' rules for unfinished uploads usually allow
WORKERS = 4  # parts of one object on their way at once
_SUFFIX = ".upload"
_MAX_JOURNAL = 4 << 20  # bytes; 10 000 parts have 1 MB


@dataclass(frozen=True, slots=True)
class Piece:
    """One part of a source file.

    Attributes:
        number: From 1.
        start: Offset in bytes.
        length: In bytes.
    """

    number: int
    start: int
    length: int


@dataclass(frozen=True, slots=True)
class Upload:
    """What is to be uploaded.

    Attributes:
        url: Of the store.
        key: Of the object.
        path: The source.
        size: Its length in bytes.
        part: The length of a part in bytes.
    """

    url: str
    key: str
    path: Path
    size: int
    part: int

    def pieces(self) -> Iterator[Piece]:
        """Yield the parts in order."""
        for index, start in enumerate(range(0, self.size, self.part)):
            yield Piece(index + 1, start, min(self.part, self.size - start))


class Uploader:
    """Uploads in parts, with a journal of each in a folder.

    Args:
        parts: Speaks to the server.
        folder: Where journals are kept; made when it is needed.
    """

    def __init__(self, parts: S3Parts, folder: Path) -> None:
        self._parts = parts
        self._folder = folder

    def write(self, upload: Upload, budget: Budget, on_bytes: OnBytes) -> None:
        """Upload a file, continuing what an earlier command began.

        Args:
            upload: What goes where.
            budget: Bounds what is in memory at once.
            on_bytes: Told the bytes of each part when the server has it, and 0 every now and then.

        Raises:
            S3Error: If the server refuses or cannot be reached; the next call continues.
            OSError: If the source cannot be read.
            RemoteError: If the source changes meanwhile; nothing of it is kept.
        """
        sweep_journals(self._folder)
        fd = os.open(upload.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            with journal_of(self._folder, upload, _state(fd)) as journal:
                self._transfer(_Transfer(self._parts, budget, upload, journal, fd, on_bytes))
        finally:
            os.close(fd)

    def close(self) -> None:
        """Give up all connections."""
        self._parts.close()

    def _transfer(self, transfer: "_Transfer") -> None:
        try:
            transfer.run()
        except UploadGone:  # it expired, or somebody ended it: once more, from the start
            transfer.forget()
            transfer.run()


@dataclass(slots=True)
class _Transfer:
    """One upload on its way."""

    parts: S3Parts
    budget: Budget
    upload: Upload
    journal: "Journal"
    fd: int
    on_bytes: OnBytes
    told: int = 0

    def run(self) -> None:
        key = self.upload.key
        if not self.journal.upload:
            self.journal.begin(self.parts.begin(key))
        stored = self._stored()
        for piece in self.upload.pieces():
            if piece.number in stored:
                self._tell(piece.length)
        self._send([piece for piece in self.upload.pieces() if piece.number not in stored])
        if _state(self.fd) != self.journal.state or os.fstat(self.fd).st_size != self.upload.size:
            raise self._changed()
        self.parts.complete(key, self.journal.upload, self.journal.tags)
        self.journal.remove()

    def forget(self) -> None:
        """Begin anew, and have the server forget too."""
        self.on_bytes(-self.told)
        self.told = 0
        self.parts.abort(self.upload.key, self.journal.upload)
        self.journal.clear()

    def _stored(self) -> set[int]:
        """Return the numbers of the parts on which journal and server agree."""
        if not self.journal.tags:
            return set()
        held: dict[int, set[tuple[int, str]]] = {}  # some servers list all that was ever sent as a part, in any order
        for part in self.parts.parts(self.upload.key, self.journal.upload):
            held.setdefault(part.number, set()).add((part.size, part.tag))
        agreed = {
            piece.number
            for piece in self.upload.pieces()
            if piece.number in self.journal.tags
            and held.get(piece.number) == {(piece.length, self.journal.tags[piece.number])}
        }
        if not agreed:  # some servers list no parts of an upload that is no more, instead of saying so
            raise UploadGone("the server holds none of the parts that it took")
        return agreed

    def _send(self, pieces: list[Piece]) -> None:
        from concurrent.futures import ThreadPoolExecutor  # a tenth of the time `sycee status` takes to start

        pool = ThreadPoolExecutor(min(WORKERS, len(pieces)) or 1, thread_name_prefix="sycee-part")
        try:
            for length in pool.map(self._put, pieces):
                self._tell(length)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _put(self, piece: Piece) -> int:
        with self.budget.taken(piece.length):
            data = os.pread(self.fd, piece.length, piece.start)
            if len(data) < piece.length:
                raise self._changed()
            alive = lambda: self.on_bytes(0)  # noqa: E731 - how a transfer learns that it is to stop
            tag = self.parts.put(self.upload.key, self.journal.upload, piece.number, data, alive)
        self.journal.add(piece.number, tag)
        return piece.length

    def _tell(self, amount: int) -> None:
        self.told += amount
        self.on_bytes(amount)

    def _changed(self) -> RemoteError:
        self.forget()
        return RemoteError(
            f"{self.upload.path} changed while it was stored",
            hint="make sure that nothing writes to the file, then run the command again",
        )


class Journal:
    """What is known of one upload, on disk after every part.

    Attributes:
        upload: The server's id of it; empty before it has begun.
        tags: Tag by number of each part that the server took.
        state: Of the source file when the upload began.
    """

    def __init__(self, path: Path, fd: int | None, state: str) -> None:
        self.state = state
        self.upload = ""
        self.tags: dict[int, str] = {}
        self._path = path
        self._fd = fd
        self._guard = threading.Lock()
        self._read()

    def begin(self, upload: str) -> None:
        """Note that an upload has begun."""
        self.clear()
        self.upload = upload
        self._append({"upload": upload, "source": self.state})

    def add(self, number: int, tag: str) -> None:
        """Note that the server took a part; may be called from several threads."""
        with self._guard:
            self.tags[number] = tag
            self._append({"part": number, "tag": tag})

    def clear(self) -> None:
        """Forget everything."""
        self.upload = ""
        self.tags = {}
        if self._fd is not None:
            os.ftruncate(self._fd, 0)

    def remove(self) -> None:
        """Delete the journal: its upload is done."""
        if self._fd is not None:
            self._path.unlink(missing_ok=True)

    def _append(self, entry: Mapping[str, str | int]) -> None:
        if self._fd is not None:
            try:
                write_all(self._fd, json.dumps(entry).encode() + b"\n")
            except OSError:  # of what cannot be noted nothing can be continued; that is no reason to stop
                self._fd = None

    def _read(self) -> None:
        """Take over what an earlier command noted; of a damaged journal, nothing."""
        if self._fd is None:
            return
        data = os.pread(self._fd, _MAX_JOURNAL, 0)
        whole = data[: data.rfind(b"\n") + 1]  # a killed command leaves half a line
        try:
            first, *rest = [json.loads(line) for line in whole.splitlines()]
            if first["source"] == self.state:
                self.tags = {int(entry["part"]): str(entry["tag"]) for entry in rest}
                self.upload = str(first["upload"])
        except (ValueError, KeyError, TypeError, RecursionError):
            self.tags = {}
        if not self.upload:
            self.clear()
        elif len(whole) < len(data):
            os.ftruncate(self._fd, len(whole))


@contextmanager
def journal_of(folder: Path, upload: Upload, state: str) -> Iterator[Journal]:
    """Give the journal of an upload, locked; one that is kept in memory only if another process holds it.

    That is so too if the folder is a symbolic link, which a clone may contain, or if nothing can be written there.

    Args:
        folder: Where journals are.
        upload: What is uploaded.
        state: Of the source file.
    """
    name = sha256(json.dumps([upload.url, upload.key, upload.size, upload.part]).encode()).hexdigest()[:32]
    path = folder / f"{name}{_SUFFIX}"
    if (fd := _opened(path)) is None:
        yield Journal(path, None, state)
        return
    try:
        yield Journal(path, fd if try_hold(fd) else None, state)
    finally:
        os.close(fd)


def _opened(path: Path) -> int | None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.parent.is_symlink():
            return None
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    except OSError:
        return None
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    return None


def sweep_journals(folder: Path) -> None:
    """Remove what nobody continued for a week."""
    sweep_stale(folder, _SUFFIX, older=STALE)


def _state(fd: int) -> str:
    """Return what changes when somebody writes to a file, or puts another in its place."""
    status = os.fstat(fd)
    return f"{status.st_dev}:{status.st_ino}:{status.st_size}:{status.st_mtime_ns}"
