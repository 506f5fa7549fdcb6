"""DVC's repository lock, honoured from our side: two tools never write one repository at once.

``.dvc/tmp/lock`` is locked with ``flock``; the holder writes a space, its process id and a line feed, so that a waiting
person can see who holds it. The file is never deleted. Where ``core.hardlink_lock`` is set, the file exists only while
the lock is held: see :mod:`sycee.system.claims`.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sycee.errors import Conflict
from sycee.system.claims import claim, holder_of
from sycee.system.tree import kind_at

Notify = Callable[[str], None]
DEFAULT_WAIT = 60.0  # seconds; longer than any command holds it except a long transfer of a colleague on the same disk
PATIENCE = 1.0  # seconds that nobody is told of
_POLL = 0.05


def ignore_words(_words: str) -> None:
    """Tell nobody."""


class Waiting:
    """The time a command spends on waiting for others, over all that it waits for.

    Args:
        seconds: How long; infinite to wait for ever.
        notify: Told once whom it waits for, if that takes longer than a second.
    """

    def __init__(self, seconds: float = DEFAULT_WAIT, notify: Notify = ignore_words) -> None:
        self.notify = notify
        self._seconds = seconds
        self._begun: float | None = None
        self._told = False

    def pause(self, words: str, refusal: Conflict, *, poll: float = _POLL) -> None:
        """Let a moment pass.

        Args:
            words: Whom it waits for.
            refusal: The error that ends the waiting.
            poll: How long a moment is, in seconds.

        Raises:
            Conflict: If the time is up.
        """
        self._begun = self._begun or time.monotonic()
        waited = time.monotonic() - self._begun
        if waited >= self._seconds:
            raise refusal
        if waited > PATIENCE and not self._told:
            self.notify(f"waiting for {words}")
            self._told = True
        time.sleep(poll)


@contextmanager
def repository_lock(tmp_dir: Path, waiting: Waiting | None = None, *, hardlink: bool = False) -> Iterator[None]:
    """Hold the exclusive lock of a repository.

    Args:
        tmp_dir: The repository's ``.dvc/tmp``; created if absent.
        waiting: How long to wait for another process.
        hardlink: Whether the repository locks by hard links (``core.hardlink_lock``).

    Raises:
        Conflict: If it is still held after that time, or the repository leads it elsewhere by a symbolic link.
    """
    with exclusive(tmp_dir / "lock", waiting or Waiting(), hardlink=hardlink):
        yield


@contextmanager
def exclusive(path: Path, waiting: Waiting, *, hardlink: bool) -> Iterator[None]:
    """Hold one lock file; see :func:`repository_lock`."""
    # A cloned repository may contain anything: a link here would have us write into a file of its choice.
    for place in (path.parent, path):
        if kind_at(place) == "symlink":
            raise Conflict(f"{place} is a symbolic link", hint="remove it; sycee makes the file anew", path=str(place))
    path.parent.mkdir(parents=True, exist_ok=True)
    with claim(path, lambda: _pause(path, waiting)) if hardlink else _flock(path, waiting):
        yield


@contextmanager
def _flock(path: Path, waiting: Waiting) -> Iterator[None]:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    try:
        while not _try(fd):
            _pause(path, waiting)
        os.ftruncate(fd, 0)
        os.pwrite(fd, f" {os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(fd)  # closing releases the lock, as does the death of the process


def _try(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _pause(path: Path, waiting: Waiting) -> None:
    holder = holder_of(path)
    refusal = Conflict(
        f"another dvc or sycee command ({holder.words}) is working in this repository",
        hint=f"wait for it to end{holder.remedy}; the lock is {path}",
        process=holder.pid,
    )
    waiting.pause(f"{holder.words}, which is working in this repository", refusal)
