"""How long work tells how far it is, without knowing who listens.

An operation takes a :class:`Progress` and never prints; the command line shows bars, a library shows nothing.
"""

from types import TracebackType
from typing import Protocol, Self


class Task(Protocol):
    """One piece of long work, in bytes or items."""

    def advance(self, amount: int) -> None:
        """Report that ``amount`` more is done; called from any thread."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End, whether done or failed."""


class Progress(Protocol):
    """Where operations announce their long work."""

    def start(self, label: str, total: int | None) -> Task:
        """Announce work.

        Args:
            label: What is done, in a few words: ``hashing model.pt``.
            total: Its size in bytes, or None when unknown.
        """


class _SilentTask:
    def advance(self, amount: int) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


class _Silent:
    def start(self, label: str, total: int | None) -> Task:  # noqa: ARG002 - the protocol's signature
        return _SilentTask()


SILENT: Progress = _Silent()


class _Part(_SilentTask):
    """A task that shows nothing of its own and counts towards a whole."""

    def __init__(self, whole: Task) -> None:
        self._whole = whole

    def advance(self, amount: int) -> None:
        self._whole.advance(amount)


class _Within:
    def __init__(self, whole: Task) -> None:
        self._whole = whole

    def start(self, label: str, total: int | None) -> Task:  # noqa: ARG002 - the protocol's signature
        return _Part(self._whole)


def within(task: Task) -> Progress:
    """Return a progress all of whose work counts towards one task: a folder is one bar, however many files it has."""
    return _Within(task)
