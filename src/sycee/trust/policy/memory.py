"""What this machine has accepted, kept outside of any repository: it only grows, so an old statement is known as one.

Without it, whoever serves the files could serve those of last year, with last year's good signatures. What cannot be
read is never taken for nothing: then the version is refused. Format: ``docs/spec/memory.md``.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from sycee.errors import Conflict, FormatError, PolicyDenied, RolledBack
from sycee.formats import memory
from sycee.formats.memory import ChannelMemory, ListMemory
from sycee.system.atomic import sweep, try_hold, write_file
from sycee.system.locks import Waiting

_WAIT = 30.0  # seconds; whoever holds the lock writes one small file
_UNWRITABLE = (
    "name a folder that stays in SYCEE_STATE; where nothing stays, as in a pod, write the lowest acceptable serial into"
    " the trust file (channel_serials) and set SYCEE_REMEMBER=0"
)
_UNREADABLE = (
    "put it back from a backup; if there is none, write the highest serial that you know into the trust file"
    " (channel_serials), then remove it"
)


class Seen(NamedTuple):
    """The highest statement of a channel that was accepted.

    Attributes:
        serial: Its serial.
        identity: The version that it named, not its fallback; 64 hex digits.
    """

    serial: int
    identity: str


@dataclass(frozen=True, slots=True)
class Memory:
    """The memory of one user of one machine; many threads and processes may use it at once.

    Attributes:
        folder: Where it lies; made when there is something to remember.
        remember: Whether what is accepted is written down; if not, it is only compared with what is.
    """

    folder: Path
    remember: bool = True

    def seen(self, model: str, channel: str) -> Seen | None:
        """Return what was accepted last of a model's channel; None for nothing.

        Raises:
            PolicyDenied: If that cannot be read, or is about something else.
        """
        path = self._channel(model, channel)
        data = _read(path)
        if data is None:
            return None
        with _readable(path):
            known = memory.parse_channel(data, str(path))
            _require_about(path, (known.model, known.channel), (model, channel))
        return Seen(known.serial, known.identity)

    def accept(self, model: str, channel: str, new: Seen) -> None:
        """Remember the statement that was accepted.

        Args:
            model: The model's name.
            channel: The channel's.
            new: The statement.

        Raises:
            RolledBack: If a higher one was accepted meanwhile, or one of the same serial that names another version.
            PolicyDenied: If memory cannot be read, or written while ``remember`` is set.
            Conflict: If another process holds its lock for half a minute.
        """

        def is_news() -> bool:
            known = self.seen(model, channel)
            _require_not_before(known, new, f"{channel} of {model}")
            return known != new

        self._grow(self._channel(model, channel), is_news, ChannelMemory(model, channel, *new))

    def list_seen(self, source: str) -> int | None:
        """Return the highest number of a revocation list that was accepted; None for none.

        Args:
            source: Which list.

        Raises:
            PolicyDenied: See :meth:`seen`.
        """
        path = self._list(source)
        data = _read(path)
        if data is None:
            return None
        with _readable(path):
            known = memory.parse_list(data, str(path))
            _require_about(path, known.source, source)
        return known.number

    def accept_list(self, source: str, number: int) -> None:
        """Remember the number of a revocation list that was accepted.

        Raises:
            SyceeError: See :meth:`accept`.
        """

        def is_news() -> bool:
            known = self.list_seen(source)
            if known is not None and known > number:
                raise _gone_back("the revocation list", known, number)
            return known != number

        self._grow(self._list(source), is_news, ListMemory(source, number))

    def _channel(self, model: str, channel: str) -> Path:
        return self.folder / "channels" / memory.file_name(model, channel)

    def _list(self, source: str) -> Path:
        return self.folder / "revocations" / memory.file_name(source)

    def _grow(self, path: Path, is_news: Callable[[], bool], new: ChannelMemory | ListMemory) -> None:
        if not is_news() or not self.remember:  # so what is known already needs no right to write
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self._locked():
                if is_news():
                    sweep(path.parent)
                    write_file(path, memory.render(new), mode=0o600)
        except OSError as error:
            raise PolicyDenied(
                f"what is accepted cannot be remembered: {path}: {error.strerror}", hint=_UNWRITABLE, path=str(path)
            ) from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        place = self.folder / "lock"
        waiting = Waiting(_WAIT)
        fd = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            while not try_hold(fd):
                waiting.pause("another sycee command, which is writing its memory", _held(place))
            yield
        finally:
            os.close(fd)  # which gives the lock back, as does the end of the process


def _read(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(memory.MAX_SIZE + 1)
    except FileNotFoundError:
        if path.is_symlink():
            raise _unreadable(path, "it is a link that leads nowhere") from None
        return None
    except OSError as error:
        raise _unreadable(path, str(error.strerror)) from error


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except FormatError as error:
        raise _unreadable(path, error.message.removeprefix(f"{path} ")) from error


def _unreadable(path: Path, why: str) -> PolicyDenied:
    return PolicyDenied(
        f"what was accepted here before cannot be read: {path}: {why}", hint=_UNREADABLE, path=str(path)
    )


def _require_about(path: Path, found: object, expected: object) -> None:
    if found != expected:
        raise _unreadable(path, f"it is about {found!r}, not {expected!r}")


def _require_not_before(known: Seen | None, new: Seen, what: str) -> None:
    if known is None:
        return
    if known.serial > new.serial:
        raise _gone_back(what, known.serial, new.serial)
    if known.serial == new.serial and known.identity != new.identity:
        raise RolledBack(
            f"{what}: two statements have the serial {new.serial}, and this machine has accepted the other one",
            hint="who signs for the channel settles it by a new statement: sycee channel set",
            expected=known.identity,
            found=new.identity,
        )


def _gone_back(what: str, known: int, found: int) -> RolledBack:
    return RolledBack(
        f"{what} would go back: this machine has accepted {known}, and this is {found}",
        hint="get the newest one (git pull); a wanted rollback is a new statement: sycee channel set",
        expected=known,
        found=found,
    )


def _held(place: Path) -> Conflict:
    return Conflict(
        f"{place} was held by another command for {_WAIT:.0f} seconds",
        hint="wait for it to end, or see who holds it: fuser",
        path=str(place),
    )
