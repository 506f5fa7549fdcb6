"""``@sycee.trains(...)``: a function that trains a model, and what it returns ends in a freeze."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar, Unpack

from sycee.capture.config import settings
from sycee.errors import UsageError
from sycee.ops.freeze import AnyPath, Options, make_request
from sycee.ops.training import begin, end, kept_alive

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
            running = begin(make_request(path, task, options))
            if "training_config" not in options:
                running.config = _bound(function, args, kwargs)
            try:
                result = function(*args, **kwargs)
            finally:
                running.reads.stop()
            with kept_alive(running):
                running.metrics = {**_metrics(result), **running.metrics}
                end(running)
            return result

        return run

    return decorate


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
