"""Digests of files that have not changed since they were hashed: a cache, safe to lose at any time.

The question is git's (``Documentation/technical/racy-git``): a file is hashed, then written again with the same size so
soon that its times do not move. Two rules cure it:

1. An entry answers only while device, inode, size, mtime and ctime are all what they were; ctime cannot be set by hand.
2. An entry is kept only if, when hashing *ended*, the times were older than ``SETTLED``: from then on every write moves
   them, because it exceeds the tick of any kernel clock that stamps files. Where a time is a whole second, the file
   system may keep no finer ones, as FAT, HFS+, SFTP and ext4 with small inodes do; there ``COARSE`` is asked for.

The cost: a file that was written an instant ago is hashed again next time. For files that sycee itself has just made,
:func:`settle` avoids it: their mtime is set back by a moment, so that every write to come moves it.

What is remembered of a folder says nothing new, only faster: files of these states have these digests, each by a row of
its own, and a list of these digests has this id. So it is made of rows alone, never of what was read an instant ago,
and goes when a file below the folder gets another row, or any is forgotten.

All this protects against accidents. Against an attacker who writes to the disk behind the file system nothing here
helps, so no *verification* ever asks it.

A clone can bring a database along. Its rows are harmless: nobody foretells the inode and the ctime that a file will
get here, and a list that is falsely said to be canonical is no folder's, so its files count as modified. A view or a
trigger could answer anything all the same, and a symbolic link could aim our writes elsewhere; so a database that is
reached through a link, or holds anything but our own tables, is thrown away.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from sycee.digest import FileDigests, digest_bytes, hasher
from sycee.system.onepass import OnBytes, changed, digest_file, ignore_bytes, read_regular
from sycee.system.tree import kind_of

SECOND = 1_000_000_000  # nanoseconds
SETTLED = 50_000_000  # kernels tick every 1 to 10 ms
COARSE = 2 * SECOND + SETTLED  # FAT counts by two seconds
SMALL = 1 << 20  # bytes: a file of so many is read at once
AT_ONCE = 500  # rows of one query; every SQLite takes as many parameters

_DIGESTS = """CREATE TABLE digests (
  path TEXT PRIMARY KEY, state TEXT NOT NULL, size INTEGER NOT NULL,
  md5 TEXT NOT NULL, sha256 TEXT NOT NULL, blake3 TEXT NOT NULL
) WITHOUT ROWID"""
_FOLDERS = "CREATE TABLE folders (path TEXT PRIMARY KEY, look TEXT NOT NULL, oid TEXT NOT NULL) WITHOUT ROWID"
_TABLES = {"digests": _DIGESTS, "folders": _FOLDERS}
_GET = "SELECT path, state, size, md5, sha256, blake3 FROM digests WHERE path IN"
_PUT = "INSERT OR REPLACE INTO digests VALUES (?, ?, ?, ?, ?, ?)"
_DROP = "DELETE FROM folders WHERE path = ?"
_HARMLESS = (OSError, sqlite3.Error, UnicodeEncodeError)  # SQLite holds no name that is not UTF-8
_BESIDE = ("", "-wal", "-shm", "-journal")  # the files that SQLite opens


def settle(file: int | Path) -> None:
    """Set the times of a file that was just made back by a moment, so that any later write is seen by its mtime."""
    moment = time.time_ns() - 2 * SETTLED
    os.utime(file, ns=(moment, moment))


Known = tuple[str, FileDigests, os.stat_result]  # absolute path; many paths are text, for an object of each is slow
Files = Mapping[str, os.stat_result]  # what lstat says of regular files, by absolute path


def look_of(files: Iterable[tuple[str, os.stat_result]]) -> str:
    """Return a digest of all that tells whether the files of a folder are what they were.

    Args:
        files: The path of each below the folder, and what ``lstat`` says of where its bytes are.
    """
    digest = hasher("blake3")
    digest.update("\0".join([f"{_state(status)} {relpath}" for relpath, status in files]).encode())
    return digest.hexdigest()


class StatCache:
    """Digests by absolute path.

    Args:
        path: The database file; made at the first write, ignored if unusable.
        clock: Returns the current time in nanoseconds since the epoch.
    """

    def __init__(self, path: Path, *, clock: Callable[[], int] = time.time_ns) -> None:
        self._path = path
        self._clock = clock
        self._connection: sqlite3.Connection | None = None
        self._foreseen: dict[str, tuple[str, FileDigests]] = {}

    def foresee(self, paths: Sequence[str]) -> None:
        """Ask once for what is remembered of many files, before :meth:`get` is asked for each of them.

        Whether a file is unchanged is judged only then.

        Args:
            paths: Absolute; what was foreseen of others is let go.
        """
        self._foreseen = {}
        with suppress(*_HARMLESS):
            if self._connection or self._path.exists():
                rows = self._selected(paths)
                self._foreseen = {path: (state, FileDigests(*values)) for path, state, *values in rows}

    def get(self, path: Path) -> FileDigests | None:
        """Return the digests of a regular file if it is unchanged since they were taken, else None."""
        with suppress(*_HARMLESS):
            status = path.lstat()
            if kind_of(status) != "file" or not (self._connection or self._path.exists()):
                return None
            text = str(path.absolute())
            if (foreseen := self._foreseen.get(text)) and foreseen[0] == _state(status):
                return foreseen[1]
            return self.get_all({text: status}).get(text)
        return None

    def get_all(self, files: Files) -> dict[str, FileDigests]:
        """Return the digests of those files that are unchanged since they were taken, by path.

        Args:
            files: Regular files, and what ``lstat`` says of each now.
        """
        found: dict[str, FileDigests] = {}
        with suppress(*_HARMLESS):
            if files and (self._connection or self._path.exists()):
                for path, state, *values in self._selected([*files]):
                    if state == _state(files[path]):
                        found[path] = FileDigests(*values)
        return found

    def _selected(self, paths: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        for start in range(0, len(paths), AT_ONCE):
            some = paths[start : start + AT_ONCE]
            yield from self._open().execute(f"{_GET} ({', '.join('?' * len(some))})", some)

    def put(self, path: Path, digests: FileDigests, status: os.stat_result, *, settled: bool = False) -> None:
        """Remember digests, if the file's times have settled.

        Args:
            path: The file.
            digests: What a full read pass over it gave.
            status: Its ``lstat`` or ``fstat``, taken after that pass.
            settled: Whether sycee made the file and called :func:`settle`: its ctime is then new, and no matter.
        """
        if rows := self._rows([(str(path.absolute()), digests, status)], settled=settled):
            with suppress(*_HARMLESS):
                self._open().executemany(_DROP, _above(rows))
                self._open().execute(_PUT, rows[0])

    def put_all(self, known: Iterable[Known], *, settled: bool = False) -> None:
        """Remember digests of many files, in one transaction; see :meth:`put`."""
        rows = self._rows(known, settled=settled)
        with suppress(*_HARMLESS):
            if not rows:
                return
            connection = self._open()
            connection.execute("BEGIN")
            try:
                connection.executemany(_DROP, _above(rows))
                connection.executemany(_PUT, rows)
            finally:
                connection.execute("COMMIT")

    def _rows(self, known: Iterable[Known], *, settled: bool) -> list[tuple[Any, ...]]:
        return [
            (path, _state(status), digests.size, digests.md5, digests.sha256, digests.blake3)
            for path, digests, status in known
            if self._has_settled(status.st_mtime_ns if settled else max(status.st_mtime_ns, status.st_ctime_ns))
        ]

    def _has_settled(self, moment: int) -> bool:
        return self._clock() - moment >= (SETTLED if moment % SECOND else COARSE)

    def digests_of(self, path: Path, *, on_bytes: OnBytes = ignore_bytes) -> FileDigests:
        """Return the digests of a regular file, reading it only if it is not known to be unchanged.

        Raises:
            NotFound: If it is absent.
            Conflict: If it is no regular file, or changed while it was read.
        """
        if known := self.get(path):
            on_bytes(known.size)
            return known
        digests = digest_file(path, on_bytes=on_bytes)
        status = path.lstat()
        if status.st_size != digests.size:
            raise changed(path)
        self.put(path, digests, status)
        return digests

    def digests_of_all(self, files: Files, *, on_bytes: OnBytes = ignore_bytes) -> dict[str, FileDigests]:
        """Return the digests of many regular files by path, reading those that are not known to be unchanged.

        Args:
            files: What ``lstat`` says of each now.
            on_bytes: Called with the number of bytes of each step.

        Raises:
            NotFound, Conflict: As :meth:`digests_of`.
        """
        found = self.get_all(files)
        on_bytes(sum(digests.size for digests in found.values()))
        read: list[Known] = []
        try:
            for path, status in files.items():
                if path not in found:
                    found[path] = self._digested(path, status.st_size, read, on_bytes)
        finally:
            self.put_all(read)
        return found

    def _digested(self, path: str, size: int, read: list[Known], on_bytes: OnBytes) -> FileDigests:
        if size > SMALL:
            return self.digests_of(Path(path), on_bytes=on_bytes)
        digests = self.read_small(path, read)[1]
        on_bytes(digests.size)
        return digests

    def read_small(self, path: str, read: list[Known]) -> tuple[bytes, FileDigests]:
        """Return a small regular file and its digests.

        Args:
            path: Where it is, absolute.
            read: Gets what may be remembered by :meth:`put_all`. That the times have settled is judged here: when all
                of many files are read, it is too late for the first of them.

        Raises:
            NotFound, Conflict: As :meth:`digests_of`.
        """
        data, status = read_regular(path)
        digests = digest_bytes(data)
        if self._has_settled(max(status.st_mtime_ns, status.st_ctime_ns)):
            read.append((path, digests, status))
        return data, digests

    def forget(self, path: Path) -> None:
        """Remember nothing of a file, nor of any folder, which may hold it."""
        self._foreseen.pop(str(path.absolute()), None)
        with suppress(*_HARMLESS):
            if self._connection or self._path.exists():
                self._open().execute("DELETE FROM folders")
                self._open().execute("DELETE FROM digests WHERE path = ?", (str(path.absolute()),))

    def folder_id(self, path: Path, look: str) -> str | None:
        """Return the object id of a folder if it looks as it did when that was made, else None.

        Args:
            path: The folder, absolute.
            look: What :func:`look_of` says of its files now.
        """
        row = self._row("SELECT oid FROM folders WHERE path = ? AND look = ?", str(path), look)
        return row[0] if row else None

    def has_listed(self, oid: str) -> bool:
        """Tell whether a remembered folder has this object id: the list of that name is in canonical form then."""
        return self._row("SELECT 1 FROM folders WHERE oid = ?", oid) is not None

    def put_folder(self, path: Path, look: str, oid: str) -> None:
        """Remember the object id of a folder instead of what it was before.

        Args:
            path: The folder, absolute.
            look: What :func:`look_of` says of its files. For every one of them :meth:`get_all` gave the digests, for
                just the status that went into the look.
            oid: The md5 of the canonical list of these files, and ``.dir``.
        """
        with suppress(*_HARMLESS):
            self._open().execute("INSERT OR REPLACE INTO folders VALUES (?, ?, ?)", (str(path), look, oid))

    def _row(self, query: str, *values: str) -> tuple[Any, ...] | None:
        with suppress(*_HARMLESS):
            if self._connection or self._path.exists():
                found: tuple[Any, ...] | None = self._open().execute(query, values).fetchone()
                return found
        return None

    def close(self) -> None:
        """Write what is pending and close the database."""
        if self._connection:
            with suppress(sqlite3.Error):
                self._connection.commit()
            self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = _connect(self._path)
        return self._connection


def _connect(path: Path) -> sqlite3.Connection:
    try:
        return _prepared(path)
    except sqlite3.OperationalError:  # somebody else writes to it just now
        raise
    except sqlite3.DatabaseError:
        for suffix in _BESIDE:
            path.with_name(path.name + suffix).unlink(missing_ok=True)  # a damaged cache is no reason to fail
        return _prepared(path)


def _prepared(path: Path) -> sqlite3.Connection:
    if any(path.with_name(path.name + suffix).is_symlink() for suffix in _BESIDE):
        raise sqlite3.DatabaseError("reached through a symbolic link")
    connection = sqlite3.connect(path, timeout=5, check_same_thread=False, isolation_level=None)
    try:
        _require_own(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")
        for table in _TABLES.values():
            connection.execute(table.replace("TABLE", "TABLE IF NOT EXISTS", 1))
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _require_own(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA trusted_schema = OFF")
    found = connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    if not {("table", name, sql) for name, sql in _TABLES.items()}.issuperset(found):
        raise sqlite3.DatabaseError("holds something that sycee did not make")


def _above(rows: Iterable[tuple[Any, ...]]) -> list[tuple[str]]:
    """Return all folders above the files of rows, as rows."""
    found: set[str] = set()
    for folder in {path.rpartition("/")[0] for path, *_ in rows}:
        above = folder
        while above and above not in found:
            found.add(above)
            above = above.rpartition("/")[0]
    return [(path,) for path in found]


def _state(status: os.stat_result) -> str:
    times = f"{status.st_mtime_ns}:{status.st_ctime_ns}"
    return f"{status.st_dev}:{status.st_ino}:{status.st_size}:{times}"
