"""Runs the frozen source in processes of their own: first as it was, then as other machines would.

The first run proves that the frozen source alone gives what this process gave. The others change what may change
without anybody noticing: threads, instruction set, the size of the batch. How far their outputs move is the noise that
a replay elsewhere must bear.
"""

import math
import platform
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from sycee.errors import CannotRun
from sycee.formats.golden import Trial
from sycee.replay.runner import How, Job, Observed, run

BUDGET = 120.0  # seconds for the runs after the first one

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
    """Run the frozen source as it was.

    Raises:
        CannotRun: If it does not run.
    """
    observed = run(job)
    if observed.fault:
        raise CannotRun(str(observed.fault))
    return observed


def circumstances(how: How) -> Iterator[tuple[str, How]]:
    """Yield the other circumstances to try, each by its name."""
    if how.threads != 1:
        yield "threads 1", how._replace(threads=1)
    if older := _OLDER.get(platform.machine()):
        switches = {**older, **_without_dispatch()}
        yield "older instructions", how._replace(switches=switches)
    yield "batch of 2 copies", how._replace(copies=2)


def _without_dispatch() -> Mapping[str, str]:
    """Have numpy use the instructions that it was built for, and none beyond."""
    core: Any = sys.modules.get("numpy._core._multiarray_umath")
    if core is None:
        return {}
    used = [name for name in core.__cpu_dispatch__ if core.__cpu_features__.get(name)]
    return {"NPY_DISABLE_CPU_FEATURES": " ".join(used)} if used else {}


def noise(job: Job, deviation: Callable[[Observed], float], *, budget: float = BUDGET) -> list[Trial]:
    """Return how far the outputs move under each of the circumstances.

    Args:
        job: The run as it was.
        deviation: The greatest deviation of a run's outputs from the record, relative to their size.
        budget: Seconds after which no other trial begins.
    """
    end = time.monotonic() + budget
    return [
        _tried(name, job._replace(how=how), deviation, end - time.monotonic()) for name, how in circumstances(job.how)
    ]


def _tried(name: str, job: Job, deviation: Callable[[Observed], float], left: float) -> Trial:
    if left <= 0:
        return Trial(name, None, "not tried: the others took too long")
    try:
        observed = run(job._replace(how=job.how._replace(timeout=min(left, job.how.timeout))))
    except CannotRun:  # a machine where a switch is none
        return Trial(name, None, "does not run")
    if observed.unbatched:
        return Trial(name, None, "input or output has no axis of samples")
    if observed.fault:
        return Trial(name, None, f"fails in {observed.fault.stage}")
    moved = deviation(observed)
    return Trial(name, moved) if math.isfinite(moved) else Trial(name, None, "gives results of another form")


def envelope(trials: Iterable[Trial]) -> float:
    """Return the noise to expect: the largest deviation that was found."""
    return max((trial.max_rel for trial in trials if trial.max_rel is not None), default=0.0)
