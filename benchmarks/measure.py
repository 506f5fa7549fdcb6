"""Whole commands, timed by the operating system's own accounting, in turn with their peers.

Figures of one machine say nothing about another; ratios of one run do. So a command and its peer run A B A B …, and
what is quoted is the median of the ratios pair by pair.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Run:
    """One finished process.

    Attributes:
        wall: Seconds.
        cpu: Seconds of processor time, user and system.
        peak: Largest resident memory in MB (10^6 bytes).
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
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode:
        sys.exit(f"{' '.join(map(str, command))} exited with {process.returncode}:\n{said.decode()}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6)


def compare(
    ours: Callable[[], Run], peer: Callable[[], Run], *, runs: int, before: Callable[[], object] = lambda: None
) -> Comparison:
    """Run two commands in turn after one warm-up of each.

    Args:
        ours: Runs our command once.
        peer: Runs its peer once.
        runs: How many counted pairs.
        before: Run before each, uncounted: puts things back to where they were.
    """
    pairs = []
    for _ in range(runs + 1):
        before()
        a = ours()
        before()
        pairs.append((a, peer()))
    return Comparison([a for a, _ in pairs[1:]], [b for _, b in pairs[1:]])


def median(runs: Sequence[Run]) -> float:
    """Return the median wall time in seconds."""
    return statistics.median(one.wall for one in runs)
