"""Functions as they are typed: ``serve:predict``, in a module that can be imported from the working folder."""

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from sycee.errors import SyceeError, UsageError


def function(text: str, cwd: Path) -> Callable[..., Any]:
    """Return the function that ``MODULE:FUNCTION`` names. The module is imported, as Python would in this folder.

    Raises:
        UsageError: If the text names none, or the module has none of that name.
        SyceeError: If the module cannot be imported.
    """
    module, colon, names = text.partition(":")
    if not colon or not all(part.isidentifier() for part in (*module.split("."), *names.split("."))):
        raise UsageError(f"{text!r} is not MODULE:FUNCTION", hint="for example: --predict serve:predict")
    found = _imported(module, cwd)
    for name in names.split("."):
        if not hasattr(found, name):
            raise UsageError(f"the module {module} has no {names}", hint="look for a misspelt name")
        found = getattr(found, name)
    if not callable(found):
        raise UsageError(f"{text} is no function but a {type(found).__name__}")
    return found  # type: ignore[no-any-return]  # what a module holds has no type


def _imported(module: str, cwd: Path) -> Any:
    if str(cwd) not in sys.path:
        sys.path.insert(0, str(cwd))  # it stays: a function may import more when it runs
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # a model's folder may hold no bytecode
    try:
        return import_module(module)
    except (Exception, SystemExit) as error:  # code of the user
        raise SyceeError(
            f"the module {module} cannot be imported: {type(error).__name__}: {error}",
            hint=f"it is looked for in {cwd} first; see: python -c 'import {module}'",
        ) from error
    finally:
        sys.dont_write_bytecode = written
