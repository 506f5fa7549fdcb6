"""``@sycee.trains(...)``: a function that trains a model, and what it returns ends in a freeze."""

import functools
import inspect
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, Unpack

from sycee.capture.config import settings
from sycee.errors import SyceeError, UsageError
from sycee.ops.freeze import LOG, AnyPath, Options, make_request
from sycee.ops.training import begin

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def trains(
    path: AnyPath, *, task: str, **options: Unpack[Options]
) -> Callable[[Callable[Arguments, Result]], Callable[Arguments, Result]]:
    """Freeze a model each time the decorated function returns; check before it runs that this will work.

    Args:
        path: The model's folder.
        task: What the model does.
        **options: As for :func:`sycee.ops.freeze.freeze`. Without ``training_config`` the function's arguments are
            it, as far as they are settings.

    Returns:
        A decorator. The function's result is passed on as it is; a mapping in it (the result itself, or a member of a
        tuple) is taken for metrics.

    Raises:
        UsageError: If the function is asynchronous or a generator: it would not have trained when it returns.
    """

    def decorate(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        _require_plain(function)

        @functools.wraps(function)
        def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
            request = make_request(path, task, options)
            running = begin(request)
            if "training_config" not in options:
                running.config = _bound(function, args, kwargs)
            result = function(*args, **kwargs)
            with kept_alive(request.path):
                running.metrics = {**_metrics(result), **running.metrics}
                running.end()
            return result

        return run

    return decorate


@contextmanager
def kept_alive(path: Path) -> Iterator[None]:
    """Let nothing that goes wrong in a freeze end the program that trained: it is said aloud, and logged."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - the trained model is in memory, and more worth than its record
        LOG.warning(
            "%s could not be frozen: %s. The training itself is done: save the model, then call sycee.freeze(...)",
            os.path.relpath(path),
            error.message if isinstance(error, SyceeError) else f"{type(error).__name__}: {error}",
        )
        LOG.debug("what went wrong", exc_info=error)


def _require_plain(function: Callable[..., object]) -> None:
    kinds = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
    if any(kind(function) for kind in kinds):
        raise UsageError(
            f"{function.__qualname__} would not have trained when it returns: it is asynchronous or a generator",
            hint="use `with sycee.training(...)` inside of it",
        )


def _bound(function: Callable[..., object], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    bound = inspect.signature(function).bind(*args, **kwargs)
    bound.apply_defaults()
    return settings(bound.arguments)


def _metrics(result: object) -> Mapping[str, Any]:
    members = result if isinstance(result, tuple) else (result,)
    return next((member for member in members if isinstance(member, Mapping)), {})
