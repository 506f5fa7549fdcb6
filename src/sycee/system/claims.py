"""DVC's other lock (``core.hardlink_lock``), for shared file systems on which ``flock`` does not reach other machines.

Who wants the lock writes a file of his own, the claim, and makes the lock file a hard link to it: of several that try,
one succeeds, on every file system. Claim and lock go when the lock is given back. A claim is dated a year ahead, which
is how DVC says that nobody may take it away before. sycee takes no lock away, whoever holds it: that a process of that
number does not run here says nothing about other machines. It says who holds it instead.

DVC leaves the file of an ``flock`` lying, and would then wait for it in vain; an idle one is removed.
"""

import errno
import fcntl
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from sycee.digest import md5_hex
from sycee.errors import Conflict

LIFETIME = 365 * 86_400  # seconds
_SEPARATOR = "|"
_IDLE = re.compile(rb"(?: \d+\n)?")  # what an flock of DVC's or ours leaves in its file
_LONGEST = 8192


class Holder(NamedTuple):
    """Who holds a lock, as far as its file tells.

    Attributes:
        pid: Its process id, or ``unknown``.
        host: Its machine, where that is another one.
        claimed: Whether the lock is a hard link, which stays when the process dies.
    """

    pid: str = "unknown"
    host: str = ""
    claimed: bool = False

    @property
    def words(self) -> str:
        """Its name in a sentence."""
        return f"process {self.pid}" + (f" on {self.host}" if self.host else "")

    @property
    def remedy(self) -> str:
        """What to do besides waiting, as the end of a sentence."""
        return ", or, if no such command runs on any machine that shares this folder, remove it" if self.claimed else ""


def holder_of(path: Path) -> Holder:
    """Return who holds a lock file of either kind."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:  # it has just been given back
        return Holder()
    try:
        text, links = os.pread(fd, _LONGEST, 0).decode(errors="replace").strip(), os.fstat(fd).st_nlink
    finally:
        os.close(fd)
    if links == 1:
        return Holder(text[:32] or "unknown")
    parts = text.split(_SEPARATOR)[-3:]
    if len(parts) != 3:
        return Holder(claimed=True)  # DVC's claims say no more than their own name
    host, pid, _ = parts
    return Holder(pid, host if host != _host() else "", claimed=True)


@contextmanager
def claim(path: Path, pause: Callable[[], None]) -> Iterator[None]:
    """Hold a lock by a hard link.

    Args:
        path: The lock file.
        pause: Called while another process holds it; raises when there is no more time.

    Raises:
        Conflict: If the file system has no hard links, or as ``pause`` raises.
    """
    own = _write_claim(path)
    try:
        while not _linked(own, path):
            _remove_idle(path)
            pause()
        try:
            yield
        finally:
            _give_back(own, path)
    finally:
        own.unlink(missing_ok=True)


def _write_claim(path: Path) -> Path:
    text = _SEPARATOR.join((str(path), _host(), str(os.getpid()), str(int.from_bytes(os.urandom(7)))))
    own = path.with_name(f"{md5_hex(os.fsencode(text))}.lock")
    with own.open("xb") as file:
        file.write(os.fsencode(text))
    end = time.time() + LIFETIME
    os.utime(own, (end, end))
    return own


def _linked(own: Path, path: Path) -> bool:
    try:
        os.link(own, path)
    except OSError as error:
        if error.errno in {errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS}:
            raise Conflict(
                f"{path.parent} is on a file system without hard links, so core.hardlink_lock has no way to work there",
                hint="lock by flock: sycee config core.hardlink_lock false",
            ) from error
    return own.stat().st_nlink == 2  # a network share may lose its answer: only the count of links tells


def _remove_idle(path: Path) -> None:
    with suppress(OSError):
        fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            found = os.fstat(fd)
            if (
                found.st_nlink == 1
                and _IDLE.fullmatch(os.pread(fd, _LONGEST, 0))
                and os.path.samestat(found, path.lstat())
            ):
                path.unlink()
        finally:
            os.close(fd)


def _give_back(own: Path, path: Path) -> None:
    with suppress(FileNotFoundError):  # somebody removed it by hand
        if own.samefile(path):
            path.unlink()


def _host() -> str:
    import socket  # few repositories have such locks

    return socket.gethostname()
