"""DVC's repository lock, honoured from our side: two tools never write one repository at once.

``.dvc/tmp/lock`` is locked with ``flock``; the holder writes a space, its process id and a line feed, so that a waiting
person can see who holds it. The file is never deleted.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sycee.errors import Conflict
from sycee.system.tree import kind_at

Notify = Callable[[str], None]
DEFAULT_WAIT = 60.0  # seconds; longer than any command holds it except a long transfer of a colleague on the same disk
PATIENCE = 1.0  # seconds that nobody is told of
_POLL = 0.05


def ignore_words(_words: str) -> None:
    """Tell nobody."""


@contextmanager
def repository_lock(tmp_dir: Path, *, wait: float = DEFAULT_WAIT, notify: Notify = ignore_words) -> Iterator[None]:
    """Hold the exclusive lock of a repository.

    Args:
        tmp_dir: The repository's ``.dvc/tmp``; created if absent.
        wait: Seconds to wait for another process.
        notify: Told once whom it waits for, if that takes longer than a second.

    Raises:
        Conflict: If it is still held after that time, or the repository leads it elsewhere by a symbolic link.
    """
    path = tmp_dir / "lock"
    fd = _open(path)
    try:
        _acquire(fd, path, wait, notify)
        os.ftruncate(fd, 0)
        os.pwrite(fd, f" {os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(fd)  # closing releases the lock, as does the death of the process


def _open(path: Path) -> int:
    # A cloned repository may contain anything: a link here would have us write into a file of its choice.
    for place in (path.parent, path):
        if kind_at(place) == "symlink":
            raise Conflict(f"{place} is a symbolic link", hint="remove it; sycee makes the file anew", path=str(place))
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)


def _acquire(fd: int, path: Path, wait: float, notify: Notify) -> None:
    begun, told = time.monotonic(), False
    while not _try(fd):
        waited = time.monotonic() - begun
        if waited >= wait:
            raise Conflict(
                f"another dvc or sycee command (process {_holder(fd)}) is working in this repository",
                hint=f"wait for it to end; the lock is {path}",
                process=_holder(fd),
            )
        if waited > PATIENCE and not told:
            notify(f"waiting for process {_holder(fd)}, which is working in this repository")
            told = True
        time.sleep(_POLL)


def _try(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(fd: int) -> str:
    return os.pread(fd, 32, 0).decode(errors="replace").strip() or "unknown"
