"""Runs the frozen source in processes of their own: first as it was, then as other machines would.

The first run proves that the frozen source alone gives what this process gave. The others change what may change
without anybody noticing: threads, instruction set, the size of the batch. How far their outputs move is the noise that
a replay elsewhere must bear. Libraries look at threads and instructions when they are loaded, so these runs are
processes of their own; another batch needs none.
"""

import math
import platform
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

from sycee.errors import CannotRun
from sycee.formats.golden import Trial
from sycee.replay.runner import How, Job, Observed, run

BUDGET = 120.0  # seconds for the runs after the first one
COPIES = 2  # of a sample in its batch

# Together, since each library looks at the processor by itself.
_OLDER: Mapping[str, Mapping[str, str]] = {
    "x86_64": {
        "OPENBLAS_CORETYPE": "Nehalem",
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_CBWR": "COMPATIBLE",
    },
    "aarch64": {"OPENBLAS_CORETYPE": "ARMV8", "ATEN_CPU_CAPABILITY": "default"},
}


def first(job: Job) -> Observed:
    """Run the frozen source as it was, and then, with the model that is loaded by now, each sample twice in its batch.

    Raises:
        CannotRun: If it does not run.
    """
    observed = run(job._replace(again=COPIES))
    if observed.fault:
        raise CannotRun(str(observed.fault))
    return observed


def circumstances(how: How) -> Iterator[tuple[str, How]]:
    """Yield what a process must be started with to be tried, each by its name."""
    if how.threads != 1:
        yield "threads 1", how._replace(threads=1)
    if older := older_instructions():
        yield "older instructions", how._replace(switches=older)


def older_instructions() -> Mapping[str, str]:
    """Return the variables that leave newer instructions of this machine alone; empty where none is known."""
    older = _OLDER.get(platform.machine())
    return {**older, **_without_dispatch()} if older else {}


def _without_dispatch() -> Mapping[str, str]:
    """Have numpy use the instructions that it was built for, and none beyond."""
    core: Any = sys.modules.get("numpy._core._multiarray_umath")
    if core is None:
        return {}
    used = [name for name in core.__cpu_dispatch__ if core.__cpu_features__.get(name)]
    return {"NPY_DISABLE_CPU_FEATURES": " ".join(used)} if used else {}


def noise(
    job: Job, proved: Observed, deviation: Callable[[Observed], float], *, together: int = 1, budget: float = BUDGET
) -> list[Trial]:
    """Return how far the outputs move under each of the circumstances.

    Args:
        job: The run as it was.
        proved: What :func:`first` gave.
        deviation: The greatest deviation of a run's outputs from the record, relative to their size.
        together: How many processes may run at a time.
        budget: Seconds after which no other trial begins.
    """
    end = time.monotonic() + budget
    bare = job._replace(machine=None)
    others = [(name, bare._replace(how=how)) for name, how in circumstances(job.how)]
    stop = Event()
    with ThreadPoolExecutor(together) as pool:
        runs = [pool.submit(_ran, one, end, stop) for _, one in others]
        try:
            found = [run.result() for run in runs]
        except BaseException:  # of the user, who does not want to wait for them
            stop.set()
            raise
    tried = [(name, one) for (name, _), one in zip(others, found, strict=True)]
    return [_trial(name, one, deviation) for name, one in (*tried, (f"batch of {COPIES} copies", proved.again))]


def _ran(job: Job, end: float, stop: Event) -> Observed | str | None:
    """Return what a run gave, or why it was not tried; None if it does not run: on this machine a switch is none."""
    left = end - time.monotonic()
    if left <= 0:
        return "not tried: the others took too long"
    try:
        return run(job._replace(how=job.how._replace(timeout=min(left, job.how.timeout))), stop)
    except CannotRun:
        return None


def _trial(name: str, observed: Observed | str | None, deviation: Callable[[Observed], float]) -> Trial:
    if not isinstance(observed, Observed):
        return Trial(name, None, observed or "does not run")
    if observed.unbatched:
        return Trial(name, None, "input or output has no axis of samples")
    if observed.fault:
        return Trial(name, None, f"fails in {observed.fault.stage}")
    moved = deviation(observed)
    return Trial(name, moved) if math.isfinite(moved) else Trial(name, None, "gives results of another form")


def envelope(trials: Iterable[Trial]) -> float:
    """Return the noise to expect: the largest deviation that was found."""
    return max((trial.max_rel for trial in trials if trial.max_rel is not None), default=0.0)
