"""Under which name a function is found again in another process: ``module:qualified.name``.

What counts is that the name leads to the very object that was given. A function is looked for under its own name, and
everything else (lambdas, partials, objects that can be called, their methods) among the global names of its modules.
"""

import functools
import re
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, NamedTuple

from sycee.capture.modules import loaded_locals
from sycee.capture.notebook import MAINS

_LOCAL = "<locals>"
_LAST_OUTPUT = re.compile(r"_+|_\d+")  # IPython's names for what cells gave


class Located(NamedTuple):
    """Where a function is found.

    Attributes:
        module: The module's name here; ``__main__`` for that of a script or notebook.
        qualname: Its name in there, with dots.
    """

    module: str
    qualname: str


class NotLocated(Exception):
    """A function cannot be found again by a name; the message says why, and what to do."""


def locate(function: Callable[..., Any]) -> Located:
    """Return where another process finds a function.

    Raises:
        NotLocated: If it has no name that leads to it.
    """
    if not callable(function):
        raise NotLocated(f"is no function, but a {_kind(function)}")
    if found := _by_own_name(function) or _as_method(function) or _among_globals(function):
        return found
    raise NotLocated(_why(function))


def _by_own_name(function: object) -> Located | None:
    module, qualname = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(qualname, str) or _LOCAL in qualname:
        return None
    found: object = sys.modules.get(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    same = found is function or (hasattr(function, "__self__") and found == function)  # a method is bound at each look
    return Located(module, qualname) if found is not None and same else None


def _as_method(function: object) -> Located | None:
    """Locate a bound method by the object that it is bound to."""
    owner, name = getattr(function, "__self__", None), getattr(function, "__name__", None)
    if owner is None or isinstance(owner, ModuleType) or not isinstance(name, str):
        return None
    if getattr(owner, name, None) != function:
        return None
    found = _by_own_name(owner) or _among_globals(owner)
    return found and Located(found.module, f"{found.qualname}.{name}")


def _among_globals(wanted: object) -> Located | None:
    for module in _homes(wanted):
        for name, value in list(vars(module).items()):
            if value is wanted and name.isidentifier() and not _LAST_OUTPUT.fullmatch(name):
                return Located(module.__name__, name)
    return None


def _homes(wanted: object) -> Iterator[ModuleType]:
    """Yield the modules that may hold an object: that of its function or class, the script, the user's own."""
    inner = wanted.func if isinstance(wanted, functools.partial) else wanted
    names = [getattr(inner, "__module__", None), type(inner).__module__, *MAINS]
    seen: set[str] = set()
    for name in [*names, *(module.name for module in loaded_locals())]:
        module = sys.modules.get(name) if isinstance(name, str) else None
        if isinstance(module, ModuleType) and module.__name__ not in seen:
            seen.add(module.__name__)
            yield module


def _why(function: object) -> str:
    advice = "def it at the top level of a module"
    if getattr(function, "__name__", "") == "<lambda>":
        return f"is a lambda, which cannot be found again by name: {advice}"
    if isinstance(function, functools.partial):
        return f"is a partial function that no global name leads to: {advice}"
    if _LOCAL in (qualname := getattr(function, "__qualname__", "")):
        outer = qualname.partition(f".{_LOCAL}")[0]
        return f"is defined inside of {outer}(), so another process cannot find it: {advice}"
    if (owner := getattr(function, "__self__", None)) is not None:
        return f"is a method of a {_kind(owner)} that no global name leads to: {advice}"
    module = getattr(function, "__module__", None)
    if qualname and module:
        return f"is not what {module}.{qualname} leads to: {advice}"
    return f"is a {_kind(function)} that no global name leads to: {advice}"


def _kind(value: object) -> str:
    return type(value).__name__
