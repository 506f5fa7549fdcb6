"""Makes the record of golden samples: what the functions give here, and that they give it again.

The functions run in this process, as the training left it. Three runs must agree to the bit. If they do not, the model
draws random numbers while it predicts: then seeds are set before each sample, and it is recorded as stochastic.
"""

import math
import os
import random
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from sycee.errors import CannotRun
from sycee.replay.child.forms import sample as form
from sycee.replay.child.samples import encode
from sycee.replay.child.stages import Failed, Functions, Outcome, Runner, Settings
from sycee.replay.child.values import Leaf, Unserialisable
from sycee.replay.runner import Fault, Item

MAX_SAMPLES = 16
REPEATS = 3
SEEDS = {"python": 0, "numpy": 0, "torch": 0}


class Recorded(NamedTuple):
    """What the samples gave.

    Attributes:
        items: The samples, stored.
        outcomes: What each of them gave, stage by stage.
        seeds: What was set before each sample; empty unless the model is stochastic.
    """

    items: tuple[Item, ...]
    outcomes: tuple[Outcome, ...]
    seeds: Mapping[str, int]

    @property
    def stochastic(self) -> bool:
        """Whether the outputs are the same only with seeds."""
        return bool(self.seeds)


def stored(samples: Sequence[object]) -> tuple[Item, ...]:
    """Return samples as they are kept, numbered from 0.

    Raises:
        CannotRun: If one cannot be stored.
    """
    items = []
    for number, sample in enumerate(samples):
        try:
            items.append(Item(str(number), encode(sample)))
        except Unserialisable as error:
            raise CannotRun(f"sample {number}: {error}") from None
        except OSError as error:
            raise CannotRun(f"sample {number} cannot be read: {error.strerror}") from None
    return tuple(items)


def observe(
    functions: Mapping[str, Callable[..., Any]], items: Sequence[Item], model: Path, seeds: Mapping[str, int]
) -> tuple[Outcome, ...]:
    """Run functions on samples in this process, once.

    Args:
        functions: By role; ``predict`` is one of them.
        items: The samples.
        model: The model's folder, for ``load``.
        seeds: What to set before each sample.

    Raises:
        CannotRun: If a function raises, or gives what cannot be recorded.
    """
    with _kept_process(), _place(model, seeds) as settings:
        return _once(Runner(Functions(**functions), settings), items)


def record(functions: Mapping[str, Callable[..., Any]], items: Sequence[Item], model: Path) -> Recorded:
    """Run functions on samples in this process until it is known that they give the same again.

    Args:
        functions: By role; ``predict`` is one of them.
        items: The samples.
        model: The model's folder, for ``load``.

    Raises:
        CannotRun: If a function raises, gives what cannot be recorded, or never gives the same twice.
    """
    with _kept_process(), _place(model, {}) as settings:
        runner = Runner(Functions(**functions), settings)
        runs = [_once(runner, items) for _ in range(REPEATS)]
        if _agree(runs):
            return Recorded(tuple(items), runs[0], {})
        runner = runner.seeded(SEEDS)
        runs = [_once(runner, items) for _ in range(REPEATS)]
    if not _agree(runs):
        raise CannotRun(
            "the outputs differ from run to run, even with seeds set before each sample",
            hint="make predict deterministic: torch.use_deterministic_algorithms(True), no threads that race",
        )
    return Recorded(tuple(items), runs[0], SEEDS)


def _once(runner: Runner, items: Sequence[Item]) -> tuple[Outcome, ...]:
    try:
        return tuple(runner.run(items))
    except Failed as failed:
        raise CannotRun(str(Fault(**failed.fault))) from failed


def _agree(runs: Sequence[Sequence[Outcome]]) -> bool:
    forms = [[form(outcome, {}) for outcome in outcomes] for outcomes in runs]
    return all(one == forms[0] for one in forms[1:])


@contextmanager
def _place(model: Path, seeds: Mapping[str, int]) -> Iterator[Settings]:
    with tempfile.TemporaryDirectory(prefix="sycee-golden-") as scratch:
        yield Settings(model, Path(scratch), seeds)


@contextmanager
def _kept_process() -> Iterator[None]:
    """Leave this process as it was: what comes after a freeze draws the numbers and finds the files that it would have.

    Variables of the environment that are new stay: a library that was loaded meanwhile may look at them again.
    """
    environ, here = dict(os.environ), os.open(".", os.O_PATH)
    python, numpy, torch = random.getstate(), sys.modules.get("numpy.random"), sys.modules.get("torch")
    states: Any = (numpy and numpy.get_state(), torch and torch.get_rng_state())
    try:
        yield
    finally:
        os.fchdir(here)
        os.close(here)
        os.environ.update(environ)
        random.setstate(python)
        if numpy:
            numpy.set_state(states[0])
        if torch:
            torch.set_rng_state(states[1])


def has_nan(outcomes: Sequence[Outcome]) -> bool:
    """Tell whether a number among these results is none (NaN)."""
    return any(_is_nan(leaf) for outcome in outcomes for leaves in outcome.stages.values() for leaf in leaves)


def _is_nan(leaf: Leaf) -> bool:
    if leaf.kind == "number":
        return isinstance(leaf.value, float) and math.isnan(leaf.value)
    if leaf.kind != "tensor" or leaf.value.dtype not in _FLOATS:
        return False
    code, test = _FLOATS[leaf.value.dtype]
    return any(map(test, memoryview(leaf.value.data).cast(code)))


# Float type: how its elements are read, and which of these are no number.
_FLOATS: Mapping[str, tuple[Any, Callable[[Any], bool]]] = {
    "float16": ("H", lambda bits: bits & 0x7FFF > 0x7C00),
    "bfloat16": ("H", lambda bits: bits & 0x7FFF > 0x7F80),
    "float32": ("f", math.isnan),
    "float64": ("d", math.isnan),
}
