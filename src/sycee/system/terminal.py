"""The person at the terminal: sees progress when work lasts, and is asked for a password that is kept nowhere.

What ends within :data:`PATIENCE` shows nothing and loads nothing.
"""

import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from sycee.core.printable import printable
from sycee.core.progress import SILENT, Progress, Task
from sycee.errors import UsageError

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

PATIENCE = 0.7  # seconds


def watched() -> Progress:
    """Return bars on stderr if a person looks at it, and silence otherwise."""
    return _Bars() if sys.stderr and sys.stderr.isatty() else SILENT  # None: it is closed


def ask_secret(prompt: str) -> str:
    """Return what a person types without showing it.

    Raises:
        UsageError: If nobody is there to ask.
    """
    from getpass import getpass

    if not sys.stdin.isatty():
        raise UsageError(
            f"there is no terminal to ask for: {prompt}", hint="keep it in .dvc/config.local as `password`"
        )
    return getpass(f"{prompt}: ", sys.stderr)


class _Bars:
    def start(self, label: str, total: int | None) -> Task:
        return _Bar(label, total)


class _Bar:
    def __init__(self, label: str, total: int | None) -> None:
        self._label = label
        self._total = total
        self._done = 0
        self._begun = time.monotonic()
        self._drawn: RichProgress | None = None
        self._over = False
        self._lock = threading.Lock()  # transfers advance one bar from several threads

    def advance(self, amount: int) -> None:
        with self._lock:
            self._done += amount
            if self._over:  # a transfer that has not heard yet that it is interrupted
                return
            if self._drawn is None and time.monotonic() - self._begun > PATIENCE:
                self._drawn = _draw(self._label, self._total)
            if self._drawn is not None:
                self._drawn.update(self._drawn.task_ids[0], completed=self._done)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._over = True
            if self._drawn is not None:
                self._drawn.stop()


def _draw(label: str, total: int | None) -> "RichProgress":
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    bars = Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True)
    bars.add_task(printable(label), total=total)
    bars.start()
    return bars
