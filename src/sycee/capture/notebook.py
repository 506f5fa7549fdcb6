"""A module made of ``__main__``: functions of a script or a notebook have no module that another process could import.

A script with a ``__main__`` guard is taken whole, if nothing else in it trains. Of any other script, and of the cells
of a notebook, the statements are taken that the functions need (:mod:`sycee.core.extract`).
"""

import ast
import linecache
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from types import FunctionType, ModuleType
from typing import NamedTuple

from sycee.capture.modules import Module, find_module
from sycee.core.extract import Extract, Statement, extract, runs_training, statements_of
from sycee.core.imports import is_main_guard

NOTEBOOK = "notebook"
MAINS = ("__main__", "__mp_main__")  # the second is what a spawned process calls the script
_SPLICED = frozenset({"time", "capture", "prun"})  # cell magics whose cell binds names as it would without them
_NOT_IN_NAMES = re.compile(r"\W")


class MainModule(NamedTuple):
    """The module that stands for ``__main__``.

    Attributes:
        name: What it is imported as.
        package: The package that relative imports in it begin in.
        source: Its bytes.
        names: What it binds at its top level.
        warnings: What is doubtful about it.
    """

    name: str
    package: str
    source: bytes
    names: frozenset[str]
    warnings: tuple[str, ...] = ()


class NoSource(Exception):
    """There is no source to make a module of; the message says why."""


def main_module(main: ModuleType, wanted: Mapping[str, str]) -> MainModule:
    """Return a module with what some functions of ``__main__`` need.

    Args:
        main: The module ``__main__``.
        wanted: What each function is for (``predict``), and its global name.

    Raises:
        NoSource: If their source is not known, or is no Python.
    """
    path = _script(main, wanted.values())
    try:
        return _of_script(main, path, wanted) if path else _of_cells(main, wanted)
    except SyntaxError as error:
        raise NoSource(f"its source is no Python as it is now: {error.msg}, line {error.lineno}") from None


def _script(main: ModuleType, names: Iterable[str]) -> Path | None:
    """Return the file that the functions come from: the running script, or one that a notebook ran by ``%run``."""
    functions = [found for name in names if (found := _function(getattr(main, name, None)))]
    files = {function.__code__.co_filename for function in functions}
    given = getattr(main, "__file__", None)
    for file in (*(files if len(files) == 1 else ()), given):
        if isinstance(file, str) and Path(file).is_file() and not _is_cell(main, Path(file)):
            return Path(file)
    return None


def _is_cell(main: ModuleType, path: Path) -> bool:
    """Tell whether a file holds a cell, which a debugger asks the kernel to write down."""
    cells = getattr(main, "In", None)
    if not isinstance(cells, list):
        return False
    text = path.read_text(errors="replace").strip()
    return any(isinstance(cell, str) and cell.strip() == text for cell in cells)


def _function(value: object) -> FunctionType | None:
    for _ in range(100):
        if isinstance(value, FunctionType) and not hasattr(value, "__wrapped__"):
            return value
        value = getattr(value, "__wrapped__", None)
    return None


def _of_script(main: ModuleType, path: Path, wanted: Mapping[str, str]) -> MainModule:
    data = path.read_bytes()
    statements = statements_of(_text(data), lambda line: f"line {line}")
    outside = [one for one in statements if not is_main_guard(one.node)]
    name, package = _identity(main, path)
    extracted = extract(outside, wanted.values())
    if len(outside) < len(statements) and not runs_training(outside):
        names = frozenset(name for one in outside for name in _bound(one.node))
        return MainModule(name, package, data, names, tuple(_unset(wanted, extracted)))
    return _module(name, package, extracted, wanted, path.name)


def _text(data: bytes) -> str:
    """Return source as text; its encoding may be declared in it."""
    import io
    import tokenize

    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    try:
        return data.decode(encoding).replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise NoSource(f"its source is not {encoding}: {error.reason}") from None


def _identity(main: ModuleType, path: Path) -> tuple[str, str]:
    """Return name and package: those of ``python -m``, else the script's, changed if that means another module."""
    spec = main.__spec__
    if spec is not None and spec.name not in MAINS:
        return spec.name, spec.parent or ""
    return _free_name(_NOT_IN_NAMES.sub("_", path.stem), path), ""


def _free_name(name: str, path: Path | None = None) -> str:
    if not name.isidentifier():
        name = f"main_{name}"
    found = find_module(name)
    return name if found is None or _is_file(found, path) else f"main_{name}"


def _is_file(module: Module, path: Path | None) -> bool:
    return path is not None and module.path != "" and Path(module.path).resolve() == path.resolve()


def _of_cells(main: ModuleType, wanted: Mapping[str, str]) -> MainModule:
    cells = getattr(main, "In", None)
    if not isinstance(cells, list):
        raise NoSource("it was typed at a prompt: write it into a file")
    statements = [one for number, cell in enumerate(cells) for one in _cell_statements(number, cell)]
    live = [one for one, number in statements if not _is_outdated(main, cells, one.node, number)]
    return _module(_free_name(NOTEBOOK), "", extract(live, wanted.values()), wanted, "a notebook")


def _cell_statements(number: int, cell: object) -> Iterator[tuple[Statement, int]]:
    try:
        found = statements_of(cell if isinstance(cell, str) else "", lambda _line: f"cell {number}")
    except (SyntaxError, ValueError):  # it never ran either
        return
    for one in found:
        inner = _spliced(one.node)
        yield from ((one, number),) if inner is None else _cell_statements(number, inner)


def _spliced(node: ast.stmt) -> str | None:
    """Return the cell inside of a magic that only runs it: ``%%time`` is a call with the whole cell as a text."""
    match node:
        case ast.Expr(
            value=ast.Call(
                func=ast.Attribute(attr="run_cell_magic"),
                args=[ast.Constant(value=name), ast.Constant(), ast.Constant(value=str(cell))],
            )
        ) if name in _SPLICED:
            return cell
    return None


def _is_outdated(main: ModuleType, cells: Sequence[object], node: ast.stmt, number: int) -> bool:
    """Tell whether a function is not the one in use, but of a cell that ran before it or that failed half-way."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    function = _function(getattr(main, node.name, None))
    if function is None:
        return False
    text = "".join(linecache.getlines(function.__code__.co_filename)).strip()
    same = [at for at, cell in enumerate(cells) if isinstance(cell, str) and text and cell.strip() == text]
    return bool(same) and number != same[-1]


def _module(name: str, package: str, extracted: Extract, wanted: Mapping[str, str], origin: str) -> MainModule:
    head = f'"""The statements of {origin} that {_all(wanted)} needs; made when the model was frozen."""\n'
    ordered = sorted(extracted.statements, key=lambda one: not _is_future(one.node))
    spaces = ["\n", *(_space(before, after) for before, after in pairwise(ordered))]
    source = head + "".join(space + one.text for space, one in zip(spaces, ordered, strict=False)) + "\n"
    names = frozenset(name for one in ordered for name in _bound(one.node))
    warnings = (*_doubts(wanted, extracted), *_unset(wanted, extracted))
    return MainModule(name, package, source.encode(), names, warnings)


def _space(before: Statement, after: Statement) -> str:
    """Return the line ends between two statements, as they are usual."""
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return "\n\n\n" if isinstance(before.node, definitions) or isinstance(after.node, definitions) else "\n"


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def _bound(node: ast.stmt) -> Iterator[str]:
    for one in ast.walk(node):
        match one:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.alias(name=name, asname=asname):
                yield asname or name.partition(".")[0]


def _doubts(wanted: Mapping[str, str], extracted: Extract) -> Iterator[str]:
    if extracted.computed:
        yield (
            f"what {_all(wanted)} needs is computed at run time: {_places(extracted.computed)}; the frozen source "
            "computes it again when it is imported"
        )
    if extracted.trained:
        yield (
            f"what {_all(wanted)} uses is changed by the training: {_places(extracted.trained)}; the frozen source "
            "does not train: give load=… and take it as an argument"
        )


def _unset(wanted: Mapping[str, str], extracted: Extract) -> Iterator[str]:
    if extracted.unset:
        yield (
            f"what {_all(wanted)} uses exists only while the script runs: {', '.join(extracted.unset)}; set it at the "
            "top level, or give load=… and take it as an argument"
        )


def _all(wanted: Mapping[str, str]) -> str:
    return " or ".join(wanted)


def _places(names: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{name} ({place})" for name, place in names)
