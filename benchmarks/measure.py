"""Whole commands, timed by the operating system's own accounting, in turn with their peers.

Figures of one machine say nothing about another; ratios of one run do. So a command and its peer run in pairs, in
random order, and what is quoted is the median of the ratios pair by pair.
"""

import os
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class Run:
    """One finished process.

    Attributes:
        wall: Seconds.
        cpu: Seconds of processor time, user and system.
        peak: Largest resident memory in MB (10^6 bytes), as seen every 20 ms.
    """

    wall: float
    cpu: float
    peak: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs of a command beside runs of its peer."""

    ours: Sequence[Run]
    peer: Sequence[Run]

    @property
    def ratio(self) -> float:
        """Median of our wall time by the peer's, pair by pair."""
        return statistics.median(a.wall / b.wall for a, b in zip(self.ours, self.peer, strict=True))

    @property
    def peak(self) -> float:
        """Our largest peak memory in MB."""
        return max(run.peak for run in self.ours)


def run(command: Sequence[str | Path], cwd: Path, environ: dict[str, str]) -> Run:
    """Run a command to its end; what it prints is thrown away unless it fails."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        list(map(str, command)), cwd=cwd, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr
    with _Peak(process.pid) as peak:
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode:
        sys.exit(f"{' '.join(map(str, command))} exited with {process.returncode}:\n{said.decode()}")
    return Run(wall, usage.ru_utime + usage.ru_stime, peak.bytes / 1e6)


class _Peak:
    """The high-water mark of a process, read while it runs: what wait4 tells begins with the size of the parent."""

    def __init__(self, pid: int) -> None:
        self.bytes = 0
        self._status = Path(f"/proc/{pid}/status")
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        while not self._over.wait(0.02):
            with suppress(OSError, IndexError):
                self.bytes = int(self._status.read_text().split("VmHWM:")[1].split()[0]) * 1024

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def compare(
    ours: Callable[[], Run],
    peer: Callable[[], Run],
    *,
    runs: int,
    before: Callable[[], object] = lambda: None,
    warm: int = 0,
) -> Comparison:
    """Run two commands pair by pair, in random order, after one uncounted pair.

    Args:
        ours: Runs our command once.
        peer: Runs its peer once.
        runs: How many counted pairs.
        before: Run before each, uncounted: puts things back to where they were.
        warm: Bytes of memory touched before each.
    """
    order = random.Random(1)
    pairs = []
    for _ in range(runs + 1):
        taken: dict[bool, Run] = {}
        for mine in order.sample([True, False], 2):
            before()
            touch(warm)
            taken[mine] = ours() if mine else peer()
        pairs.append((taken[True], taken[False]))
    return Comparison([a for a, _ in pairs[1:]], [b for _, b in pairs[1:]])


def touch(size: int) -> None:
    """Use memory and free it: a virtual machine that gave it back would fetch it in the middle of a timing."""
    if size:
        subprocess.run([sys.executable, "-c", f"bytearray({size})[::4096] = b'1' * {-(-size // 4096)}"], check=True)


def median(runs: Sequence[Run]) -> float:
    """Return the median wall time in seconds."""
    return statistics.median(one.wall for one in runs)
