"""The source that some functions need: their modules, and all that these import, as far as the user wrote it.

What is installed comes back from the lock; the standard library comes with Python. The rest, editable installs among
it, is copied, and each file keeps the path that its module's name asks for, so that two files of one name stay two.
Read from the syntax (:mod:`sycee.core.imports`); what only a running program knows, imports by a computed name, is
looked up among the modules that are loaded now.
"""

import ast
import sys
from collections.abc import Callable, Iterator, Mapping
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

from sycee.capture.located import Located, NotLocated, locate
from sycee.capture.modules import Module, find_module, loaded_locals
from sycee.capture.notebook import MAINS, NoSource, main_module
from sycee.core.imports import Imports, imports_of
from sycee.core.modelfolder import refusal
from sycee.core.secretscan import secret_in

_OURS = __name__.partition(".")[0]  # whoever replays brings sycee along
MAX_FILES = 1000  # a repository's own code is smaller; an editable install of a framework is not
MAX_SIZE = 20 << 20  # bytes of all files


class Source(NamedTuple):
    """The source of some functions.

    Attributes:
        files: Path below ``context/source/`` to bytes.
        entries: What each function is for (``predict``) to ``module:qualified.name``, as far as it is found again.
        warnings: What is missing or doubtful, a sentence each.
    """

    files: Mapping[str, bytes]
    entries: Mapping[str, str]
    warnings: tuple[str, ...]


def closure(functions: Mapping[str, Callable[..., Any]]) -> Source:
    """Return the source that these functions need; nothing raises, what fails is a warning.

    Args:
        functions: What each is for (``load``, ``preprocess``, ``predict``, ``postprocess``), and the function.
    """
    try:
        return _Closure().of(functions)
    except Exception as error:  # noqa: BLE001 - it looks into objects of any kind, and no training is lost for one
        return Source({}, {}, (f"the source of {', '.join(functions)} could not be captured: {_words(error)}",))


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


class _Closure:
    def __init__(self) -> None:
        self._files: dict[str, bytes] = {}
        self._size = 0
        self._warnings: list[str] = []
        self._waiting: list[str] = []
        self._seen: set[str] = set()
        self._texts: set[str] = set()
        self._dynamic: set[str] = set()

    def of(self, functions: Mapping[str, Callable[..., Any]]) -> Source:
        located = {role: found for role, function in functions.items() if (found := self._located(role, function))}
        main = {role: found for role, found in located.items() if found.module in MAINS}
        name = self._add_main(main) if main else ""
        entries = {
            role: f"{name if role in main else found.module}:{found.qualname}"
            for role, found in located.items()
            if name or role not in main
        }
        self._want(*(found.module for role, found in located.items() if role not in main))
        self._follow()
        files = dict(sorted(self._files.items()))
        return Source(files, entries, tuple(dict.fromkeys(self._warnings)))

    def _located(self, role: str, function: Callable[..., Any]) -> Located | None:
        try:
            return locate(function)
        except NotLocated as error:
            self._warnings.append(f"{role} {error}")
        except Exception as error:  # noqa: BLE001 - an object may raise at every look; the training is not lost
            self._warnings.append(f"{role} cannot be looked at ({type(error).__name__}): def it in a module")
        return None

    def _add_main(self, main: Mapping[str, Located]) -> str:
        """Add the module that stands for the script or notebook; return its name, or nothing if there is none."""
        home = sys.modules[next(iter(main.values())).module]
        try:
            made = main_module(home, {role: found.qualname.partition(".")[0] for role, found in main.items()})
        except (NoSource, OSError) as error:
            why = error if isinstance(error, NoSource) else "its script cannot be read"
            self._warnings.append(f"{' and '.join(main)} cannot be frozen: {why}")
            return ""
        self._warnings += made.warnings
        self._want(made.name.rpartition(".")[0])
        self._seen.add(made.name)
        self._add(f"{made.name.replace('.', '/')}.py", made.source, made.package)
        self._want(*_modules_of(home, made.names))
        return made.name

    def _want(self, *names: object) -> None:
        """Have modules looked at, with the packages that they are in."""
        for name in names:
            parts = name.split(".") if isinstance(name, str) and name not in {"", *MAINS} else []
            if parts[:1] == [_OURS]:
                continue
            for end in range(1, len(parts) + 1):
                whole = ".".join(parts[:end])
                if whole not in self._seen:
                    self._seen.add(whole)
                    self._waiting.append(whole)

    def _follow(self) -> None:
        """Look at every module that is wanted, and at what it wants, until nothing is left."""
        while self._waiting or self._loaded():
            while self._waiting:
                module = find_module(self._waiting.pop())
                if module is not None and module.is_local and module.path:
                    self._take(module)

    def _take(self, module: Module) -> None:
        if module.is_compiled:
            self._warnings.append(
                f"{module.name} is a compiled module, no source: install it as a package, so that the lock names it"
            )
            return
        try:
            data = module.source()
        except (OSError, ImportError):
            self._warnings.append(f"the source of {module.name} cannot be read")
            return
        tree = self._add(module.relpath(), data, module.package)
        if tree and (loaded := sys.modules.get(module.name)) is not None:
            self._want(*_modules_of(loaded))
            if _is_edited(loaded, tree):
                self._warnings.append(
                    f"{module.relpath()} was edited after it was imported: the frozen source is what it says now"
                )

    def _add(self, relpath: str, data: bytes, package: str) -> ast.Module | None:
        """Add a file, and want what it imports; return its syntax."""
        if fault := refusal(f"context/source/{relpath}"):
            self._warnings.append(f"the source {relpath!r} is left out: it {fault}")
            return None
        if len(self._files) == MAX_FILES or self._size + len(data) > MAX_SIZE:
            self._warnings.append(
                f"the source is more than {MAX_FILES} files or {MAX_SIZE >> 20} MB, and cut off there: install what "
                "is no part of this project as a package"
            )
            return None
        self._files[relpath] = data
        self._size += len(data)
        if secret := secret_in(data):
            self._warnings.append(
                f"{relpath}, line {secret.line}, holds what looks like {secret.kind}: take it out, for the source is "
                "signed and shared with the model"
            )
        try:
            tree = ast.parse(data)
            found = imports_of(tree, package)
        except (SyntaxError, ValueError, RecursionError):
            self._warnings.append(f"{relpath} is no Python that can be read here: what it imports is not followed")
            return None
        self._want(*_named(found))
        self._texts |= found.texts
        if found.is_dynamic:
            self._dynamic.add(package.partition(".")[0])
        return tree

    def _loaded(self) -> bool:
        """Want the loaded modules that a text names, or that a package imports by computed names; tell if any."""
        known = len(self._waiting)
        for module in loaded_locals():
            top = module.name.partition(".")[0]
            if module.name in self._texts or top in self._dynamic:
                self._want(module.name)
        return len(self._waiting) > known


def _named(found: Imports) -> Iterator[str]:
    """Yield the modules that import statements name; what is taken from a package may be a module of it."""
    for stated in found.stated:
        yield stated.module
        for name in _listed(stated.module) if "*" in stated.names else stated.names:
            inner = f"{stated.module}.{name}"
            if (above := find_module(stated.module)) and above.folders and above.is_local and find_module(inner):
                yield inner


def _listed(package: str) -> tuple[str, ...]:
    names = getattr(sys.modules.get(package), "__all__", ())
    return tuple(name for name in names if isinstance(name, str)) if isinstance(names, list | tuple) else ()


def _modules_of(loaded: ModuleType, names: frozenset[str] | None = None) -> Iterator[object]:
    """Yield the modules that the objects of a module come from: functions, classes with their bases, instances."""
    for name, value in list(vars(loaded).items()):
        if names is not None and name not in names:
            continue
        kind = type(value)  # isinstance would ask the object, and lazy ones answer by importing
        if issubclass(kind, ModuleType):
            if value.__name__ != f"{loaded.__name__}.{name}":  # a package has all its loaded submodules as attributes
                yield value.__name__
        elif issubclass(kind, FunctionType):
            yield value.__module__
        else:
            yield from (base.__module__ for base in (value if issubclass(kind, type) else kind).__mro__)


def _is_edited(loaded: ModuleType, tree: ast.Module) -> bool:
    """Tell whether a module's functions are not what its file says now."""
    path = getattr(loaded, "__file__", None)
    if type(getattr(loaded, "__loader__", None)).__name__ != "SourceFileLoader":  # others may rewrite what they load
        return False
    codes = {
        value.__code__
        for value in vars(loaded).values()
        if type(value) is FunctionType and value.__code__.co_filename == path
    }
    if not codes:
        return False
    try:
        present = set(_codes(compile(tree, str(path), "exec", dont_inherit=True)))
    except (SyntaxError, ValueError):
        return True
    return not codes <= present


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)
