"""Runs samples through load, preprocess, predict and postprocess, and turns what each stage gives into leaves."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .samples import Stored, decode
from .values import Leaf, Unserialisable, flatten, tensor_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MAX_MESSAGE = 2_000  # characters of what user code says when it fails


class Functions(NamedTuple):
    """The functions of a model; all but ``predict`` may be missing.

    With ``load``, what it gives is the first argument of ``predict``, and of ``preprocess`` and ``postprocess`` where
    these take two: a tokenizer, a label map or a threshold often lies beside the weights.
    """

    predict: Callable[..., Any]
    load: Callable[[Path], Any] | None = None
    preprocess: Callable[..., Any] | None = None
    postprocess: Callable[..., Any] | None = None


class Settings(NamedTuple):
    """How to run.

    Attributes:
        model: The model's folder, given to ``load``.
        scratch: A folder for samples that are files.
        seeds: The seed of each generator (``python``, ``numpy``, ``torch``), set before each sample; empty to leave
            the generators alone.
        copies: How often a sample is repeated along the first axis of its input; the outputs are those of the first.
        root: The folder below which an error's place is told; None for the name of the file alone.
    """

    model: Path
    scratch: Path
    seeds: Mapping[str, int] = {}
    copies: int = 1
    root: Path | None = None


class Outcome(NamedTuple):
    """What one sample gave: stage to leaves."""

    id: str
    stages: Mapping[str, Sequence[Leaf]]


class Failed(Exception):
    """User code raised, or gave what cannot be recorded.

    Attributes:
        fault: ``stage``, ``sample``, ``type``, ``message`` and ``where``, all text or None.
    """

    def __init__(self, fault: Mapping[str, Any]) -> None:
        super().__init__(f"{fault['stage']}: {fault['type']}: {fault['message']}")
        self.fault = fault


class Unbatched(Exception):
    """Input or output has no first axis to repeat along."""


class Runner:
    """One model and its functions; the model is loaded when the first sample comes.

    Args:
        functions: What to call.
        settings: How.
    """

    def __init__(self, functions: Functions, settings: Settings) -> None:
        self._functions = functions
        self._settings = settings
        self._model: list[Any] = []

    def seeded(self, seeds: Mapping[str, int]) -> Runner:
        """Return one that sets seeds before each sample, with the same model."""
        return self._twin(self._settings._replace(seeds=seeds))

    def repeating(self, copies: int) -> Runner:
        """Return one that repeats each sample along the first axis of its input, with the same model."""
        return self._twin(self._settings._replace(copies=copies))

    def _twin(self, settings: Settings) -> Runner:
        twin = Runner(self._functions, settings)
        twin._model = self._model
        return twin

    def run(self, samples: Sequence[tuple[str, Stored]]) -> list[Outcome]:
        """Run all samples, each with its id, one after the other.

        Raises:
            Failed: If a function raises, or what it gives cannot be recorded.
            Unbatched: If copies were asked for, and cannot be made.
        """
        load = self._functions.load
        if load is not None and not self._model:
            self._model.append(self._step("load", None, load, self._settings.model))
        return [Outcome(name, self._sample(name, stored)) for name, stored in samples]

    def _sample(self, name: str, stored: Stored) -> dict[str, Sequence[Leaf]]:
        stages: dict[str, Sequence[Leaf]] = {}
        seed(self._settings.seeds)
        value = self._step("input", name, decode, stored, self._settings.scratch / name)
        if self._functions.preprocess is not None:
            value = self._step("preprocess", name, *self._with_model(self._functions.preprocess), value)
            stages["preprocessed"] = self._step("preprocess", name, flatten, value)
        output = self._predicted(name, value)
        stages["output"] = self._step("predict", name, flatten, output)
        if self._functions.postprocess is not None and self._settings.copies == 1:
            decision = self._step("postprocess", name, *self._with_model(self._functions.postprocess), output)
            stages["decision"] = self._step("postprocess", name, flatten, decision)
        return stages

    def _predicted(self, name: str, value: Any) -> Any:
        copies = self._settings.copies
        given = value if copies == 1 else _repeated(value, copies)
        output = self._step("predict", name, self._functions.predict, *self._model, given)
        return output if copies == 1 else _first(output, value, copies)

    def _with_model(self, function: Callable[..., Any]) -> tuple[Any, ...]:
        """Return the function, and the model if it takes two arguments."""
        return (function, *self._model) if takes_two(function) else (function,)

    def _step(self, stage: str, sample: str | None, function: Callable[..., Any], *args: Any) -> Any:
        process = os.getpid()
        try:
            return function(*args)
        except Unbatched:
            raise
        except (Exception, SystemExit) as error:
            raise Failed(self._fault(stage, sample, error)) from error
        finally:
            if os.getpid() != process:  # user code forked: the child must not go on beside its parent
                os._exit(1)

    def _fault(self, stage: str, sample: str | None, error: BaseException) -> dict[str, Any]:
        plain = isinstance(error, Unserialisable)
        return {
            "stage": stage,
            "sample": sample,
            "type": "" if plain else type(error).__name__,
            "message": message_of(error),
            "where": None if plain else place_of(error, self._settings.root),
        }


def message_of(error: BaseException) -> str:
    """Return what an error says, which may be nothing: user code may raise what raises again when it is asked."""
    try:
        return str(error)[:MAX_MESSAGE]
    except Exception:  # noqa: BLE001 - whatever it raises, it says nothing
        return ""


def takes_two(function: Callable[..., Any]) -> bool:
    """Tell whether a function demands at least two positional arguments; of one that cannot be asked, no."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(one.kind in positional and one.default is inspect.Parameter.empty for one in parameters) > 1


def place_of(error: BaseException, root: Path | None) -> str | None:
    """Return ``file:line`` of the last line of user code that an error came through; None if there is none."""
    frames = traceback.extract_tb(error.__traceback__)
    own = str(Path(__file__).parent) + os.sep
    theirs = [frame for frame in frames if not frame.filename.startswith((own, "<"))]
    if root is None:
        return f"{Path(theirs[0].filename).name}:{theirs[0].lineno}" if theirs else None
    below = [frame for frame in theirs if frame.filename.startswith(f"{root}{os.sep}")]
    return f"{os.path.relpath(below[-1].filename, root)}:{below[-1].lineno}" if below else None


def seed(seeds: Mapping[str, int]) -> None:
    """Seed the generators that are named and loaded; that this was done is not noted as a seed of the training."""
    for generator, (package, module, function) in _GENERATORS.items():
        if generator in seeds and package in sys.modules:
            watched = getattr(importlib.import_module(module), function)
            getattr(watched, "__sycee_original__", watched)(seeds[generator])


_GENERATORS = {
    "python": ("random", "random", "seed"),
    "numpy": ("numpy", "numpy.random", "seed"),
    "torch": ("torch", "torch", "manual_seed"),
}


def _repeated(value: Any, copies: int) -> Any:
    """Return an input with itself repeated along the first axis."""
    if isinstance(value, dict):
        return {key: _repeated(child, copies) for key, child in value.items()}
    if not getattr(value, "ndim", 0):
        raise Unbatched
    torch, numpy = sys.modules.get("torch"), sys.modules.get("numpy")
    if torch is not None and isinstance(value, torch.Tensor):
        return torch.cat([value] * copies)
    if numpy is not None and isinstance(value, numpy.ndarray):
        return numpy.concatenate([value] * copies)
    raise Unbatched


def _first(output: Any, value: Any, copies: int) -> Any:
    """Return the part of an output that belongs to the first copy of the input."""
    if isinstance(output, dict):
        return {key: _first(child, value, copies) for key, child in output.items()}
    tensor = tensor_of(output, "$")
    if tensor is None or not tensor.shape or tensor.shape[0] % copies:
        raise Unbatched
    return output[: tensor.shape[0] // copies]
