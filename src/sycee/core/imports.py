"""What Python source imports, read from its syntax: nothing is executed.

Imports count wherever they stand, in functions and in ``try`` too. Left aside is what does not run when a module is
imported as a module: the body of ``if __name__ == "__main__"`` and of ``if TYPE_CHECKING``.
"""

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

# Calls by which source imports what no import statement of it names.
_DYNAMIC = frozenset({"import_module", "__import__", "iter_modules", "walk_packages", "entry_points", "exec_module"})
_DOTTED = re.compile(r"\.*[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


class Import(NamedTuple):
    """One module that is imported.

    Attributes:
        module: Its absolute name.
        names: What is taken from it by ``from``, each of which may be a module too; ``*`` for all.
    """

    module: str
    names: tuple[str, ...] = ()


class Imports(NamedTuple):
    """All that a source imports.

    Attributes:
        stated: By import statements, in no order.
        texts: Texts that look like a module's name, as they are given to ``import_module``; leading dots resolved.
        is_dynamic: Whether it calls something that imports by a name made at run time.
    """

    stated: tuple[Import, ...]
    texts: frozenset[str]
    is_dynamic: bool


def imports_of(tree: ast.AST, package: str) -> Imports:
    """Return what a parsed source imports.

    Args:
        tree: Its syntax.
        package: The package that relative imports begin in; empty for a module outside of any.
    """
    stated: list[Import] = []
    texts: set[str] = set()
    is_dynamic = False
    for node in running(tree):
        match node:
            case ast.Import(names=names):
                stated += [Import(alias.name) for alias in names]
            case ast.ImportFrom(module=module, names=names, level=level):
                if base := absolute(module or "", level, package):
                    stated.append(Import(base, tuple(alias.name for alias in names)))
            case ast.Constant(value=str(text)) if _DOTTED.fullmatch(text):
                dots = len(text) - len(text.lstrip("."))
                texts.add(absolute(text[dots:], dots, package))
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in _DYNAMIC:
                is_dynamic = True
    return Imports(tuple(stated), frozenset(texts - {""}), is_dynamic)


def running(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield every node of what runs, or can be called, when the source is imported as a module."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If) and (is_main_guard(node) or _is_for_types(node.test)):
            waiting += node.orelse
        else:
            waiting += ast.iter_child_nodes(node)


def is_main_guard(statement: ast.stmt) -> bool:
    """Tell whether a statement is ``if __name__ == "__main__":``."""
    if not isinstance(statement, ast.If) or not isinstance(statement.test, ast.Compare):
        return False
    test = statement.test
    sides = [test.left, *test.comparators]
    names = [side.id for side in sides if isinstance(side, ast.Name)]
    values = [side.value for side in sides if isinstance(side, ast.Constant)]
    return isinstance(test.ops[0], ast.Eq) and names == ["__name__"] and values == ["__main__"]


def _is_for_types(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else test.id if isinstance(test, ast.Name) else ""
    return name == "TYPE_CHECKING"


def absolute(module: str, level: int, package: str) -> str:
    """Return the absolute name of a module that is imported from a package; empty if it lies above all packages.

    Args:
        module: What stands behind the dots.
        level: How many dots there are.
        package: The importing module's package.
    """
    if not level:
        return module
    parts = package.split(".") if package else []
    if level > len(parts):
        return ""
    return ".".join([*parts[: len(parts) - level + 1], *([module] if module else [])])
