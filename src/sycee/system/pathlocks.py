"""Paths in use: DVC's second lock, which goes on while the first is free.

A command that makes, changes or reads tracked files says so in ``.dvc/tmp/rwlock`` (:mod:`sycee.formats.rwlock`), under
the lock ``.dvc/tmp/rwlock.lock``. One writer, or any number of readers; a folder stands for all that is in it. DVC uses
it where it gives the repository's lock away, that is, while a stage of a pipeline runs.

A process that has ended is in nobody's way. Nor are the processes that started this one: a training that runs as a
stage may add what the stage makes. Entries of others stay as they are.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from sycee.errors import Conflict, FormatError, SyceeError
from sycee.formats import rwlock
from sycee.formats.rwlock import Process, Table
from sycee.system.atomic import fsync, replacing, sweep, write_all
from sycee.system.locks import Waiting, exclusive, repository_lock
from sycee.system.onepass import open_regular
from sycee.system.tree import kind_at

_POLL = 0.2  # seconds; in each the repository's lock is taken for an instant


class Uses(NamedTuple):
    """The absolute paths that a command works on."""

    writes: tuple[Path, ...] = ()
    reads: tuple[Path, ...] = ()


@contextmanager
def working(tmp_dir: Path, uses: Uses, waiting: Waiting, *, hardlink: bool = False) -> Iterator[None]:
    """Hold the lock of a repository, with the paths in use registered.

    While one of them is in another's use, the lock is free: the other may need it to come to its end.

    Args:
        tmp_dir: The repository's ``.dvc/tmp``; created if absent.
        uses: The paths.
        waiting: How long to wait for other processes.
        hardlink: Whether the repository locks by hard links (``core.hardlink_lock``).

    Raises:
        Conflict: If the time is up, or a symbolic link leads the files of the locks elsewhere.
        FormatError: If the list of paths in use is malformed.
    """
    register = _Register(tmp_dir, waiting, hardlink=hardlink)
    while True:
        with repository_lock(tmp_dir, waiting, hardlink=hardlink):
            blocker = register.enter(uses)
            if blocker is None:
                with register.entered():
                    yield
                return
        path, process = blocker
        waiting.pause(f"{process}, which uses {path}", _busy(path, process, register.path), poll=_POLL)


def _busy(path: str, process: Process, register: Path) -> Conflict:
    return Conflict(
        f"{path} is in use by {process}",
        hint=f"wait for it to end; if there is no such command, remove {register}",
        path=path,
        process=str(process.pid),
    )


class _Register:
    """The file, and what this command has entered in it."""

    def __init__(self, tmp_dir: Path, waiting: Waiting, *, hardlink: bool) -> None:
        self.path = tmp_dir / "rwlock"
        self._waiting = waiting
        self._hardlink = hardlink
        self._me = Process(os.getpid(), " ".join(sys.argv))
        self._mine: list[str] = []

    def enter(self, uses: Uses) -> tuple[str, Process] | None:
        """Enter the paths; return what is in the way instead, if something is."""
        if not uses.writes and not uses.reads:
            return None
        with self._edited() as table:
            ended = []
            for path, process in _in_the_way(table, uses):
                if _is_alive(process.pid):
                    return path, process
                ended.append((path, process))
            for path, process in ended:
                self._waiting.notify(f"{process} ended without giving {path} free; it is free now")
                table.drop(path, process)
            self._add(table, uses)
        return None

    def _add(self, table: Table, uses: Uses) -> None:
        for path in map(str, uses.writes):
            if path not in table.write:  # else it is that of a process which started this one, and covers it
                table.write[path] = self._me
                self._mine.append(path)
        for path in map(str, uses.reads):
            readers = table.read.setdefault(path, [])
            if self._me not in readers:
                readers.append(self._me)
                self._mine.append(path)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Remove the entries afterwards."""
        try:
            yield
        except BaseException:
            with suppress(SyceeError, OSError):  # the first error is the one to tell; a dead process blocks nobody
                self._leave()
            raise
        self._leave()

    def _leave(self) -> None:
        if self._mine:
            with self._edited() as table:
                for path in self._mine:
                    table.drop(path, self._me)

    @contextmanager
    def _edited(self) -> Iterator[Table]:
        with exclusive(self.path.with_name("rwlock.lock"), self._waiting, hardlink=self._hardlink):
            table = self._parse(self._read())
            before = rwlock.render(table)
            yield table
            if (after := rwlock.render(table)) != before:
                self._write(after)

    def _read(self) -> bytes:
        if kind_at(self.path) is None:
            return b""
        fd = open_regular(self.path)
        with os.fdopen(fd, "rb") as file:
            return file.read(rwlock.MAX_BYTES + 1)

    def _parse(self, data: bytes) -> Table:
        name = str(self.path)
        hint = f"if no dvc or sycee command is running here, remove it: rm {self.path}"
        if len(data) > rwlock.MAX_BYTES:
            raise FormatError(f"{name} is longer than {rwlock.MAX_BYTES} bytes", hint=hint)
        try:
            return rwlock.parse(data, name)
        except FormatError as error:
            error.advise(hint)
            raise

    def _write(self, data: bytes) -> None:
        # Its bytes before its name: DVC refuses to work with the empty file that a power cut could leave. That the
        # name stays does not matter: after a power cut nobody is at work.
        sweep(self.path.parent)
        mode = self.path.stat().st_mode & 0o777 if self.path.exists() else None
        with replacing(self.path, mode=mode, durable=False) as fd:
            write_all(fd, data)
            fsync(fd)


class _Area:
    """Paths, with all that is above and below them."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = set(paths)
        self._above = {folder for path in self._paths for folder in path.parents}

    def meets(self, text: str) -> bool:
        """Tell whether a path is one of them, above or below one."""
        path = Path(text)
        return path in self._above or not self._paths.isdisjoint((path, *path.parents))


def _in_the_way(table: Table, uses: Uses) -> Iterator[tuple[str, Process]]:
    """Yield who writes what is to be read or written, and who reads what is to be written."""
    kin = _kin()
    every, written = _Area((*uses.reads, *uses.writes)), _Area(uses.writes)
    found = [(path, process) for path, process in table.write.items() if every.meets(path)]
    found += [(path, one) for path, several in table.read.items() if written.meets(path) for one in several]
    yield from (one for one in found if one[1].pid not in kin)


def _kin() -> set[int]:
    """Return this process and those that started it, as far as the system tells."""
    kin, pid = {os.getpid()}, os.getppid()
    while pid > 1 and pid not in kin:
        kin.add(pid)
        pid = _parent(pid)
    return kin


def _parent(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        return int(status.rpartition(")")[2].split()[1])  # after its name, which may hold anything: state, parent
    except (OSError, ValueError, IndexError):
        return 0


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)  # 0 is no signal: it only asks
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return pid > 0
