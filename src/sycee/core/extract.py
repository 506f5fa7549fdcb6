"""Which top-level statements of a script or a notebook some of its functions need, as a module of their own.

A script without a guard trains when it is imported, and the cells of a notebook are no module. So the statements that
the wanted names rest on are taken, in their order: imports, definitions, constants, and what changes these later. What
trains is never taken. Whether the result is right is shown by running it; what is doubtful is told.
"""

import ast
import builtins
import re
import symtable
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from sycee.core.imports import is_main_guard

_TRAINS = re.compile(
    r"(train|fit)(_(model|epoch|one_epoch|loop|step|on_batch|all|transform|generator|predict))?"
    r"|partial_fit|backward|minimize|learn|freeze|training"
)
_ENDS = re.compile(r"parse_args|parse_known_args|input|exit|quit")  # asks or ends the process that imports it
_READS = re.compile(r"open|load|loadtxt|genfromtxt|from_pretrained|from_file|imread|urlopen|read(_\w+|lines?)?")
_MAY_READ = re.compile(r"(open|load|read|from_|imread|parse|build|make|init|get|fetch)\w*|\w*(vocab|label|config)\w*")
_SHOWS = re.compile(r"(save|plot|write|show|log|push)(_\w+)?|to_(csv|json|pickle|parquet|excel|sql)|dump|close|flush")
_SETS = re.compile(r"(set|enable|use)_\w+|(manual_)?seed")  # of an imported module: its switches
_AT_ONCE = frozenset({"listcomp", "setcomp", "dictcomp", "genexpr"})
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_KNOWN = frozenset(dir(builtins)) | {"__file__", "__name__", "__doc__", "__builtins__", "__class__", "__spec__"}


class Statement(NamedTuple):
    """A statement at the top level.

    Attributes:
        node: Its syntax.
        text: Its source, decorators included.
        place: Where it stands, in words: ``line 12``, ``cell 3``.
    """

    node: ast.stmt
    text: str
    place: str


class Extract(NamedTuple):
    """What was taken, and what is doubtful about it; names with the place that each is set.

    Attributes:
        statements: What was taken, in order.
        computed: Names that come out of calls which may give another result elsewhere.
        trained: Names whose value is the work of a statement that trains, which was not taken.
        unset: Names that nothing at the top level sets.
    """

    statements: tuple[Statement, ...]
    computed: tuple[tuple[str, str], ...]
    trained: tuple[tuple[str, str], ...]
    unset: tuple[str, ...]


def statements_of(source: str, place: Callable[[int], str]) -> list[Statement]:
    """Return the top-level statements of a source.

    Args:
        source: Python text.
        place: Makes words of a line number.

    Raises:
        SyntaxError: If it is no Python.
    """
    lines = source.split("\n")
    nodes = ast.parse(source).body
    spans = [_lines_of(node) for node in nodes]
    found: list[Statement] = []
    for index, (node, (first, last)) in enumerate(zip(nodes, spans, strict=True)):
        beside = (*spans[max(index - 1, 0) : index], *spans[index + 1 : index + 2])
        shares = any(start <= last and first <= end for start, end in beside)
        text = ast.unparse(node) if shares else "\n".join(lines[first - 1 : last])
        found.append(Statement(node, text, place(first)))
    return found


def _lines_of(node: ast.stmt) -> tuple[int, int]:
    decorators = node.decorator_list if isinstance(node, _DEFINITIONS) else []
    return min(node.lineno, *(one.lineno for one in decorators), node.lineno), node.end_lineno or node.lineno


def runs_training(statements: Iterable[Statement]) -> bool:
    """Tell whether importing a module of these statements would train, or ask or end the process."""
    return any(
        _TRAINS.fullmatch(name) or _ENDS.fullmatch(name) for one in statements for name in _called_names(one.node)
    )


def may_read_when_imported(source: bytes) -> bool:
    """Tell whether a module's top level calls something that may read a file; what is no Python reads none."""
    try:
        nodes = [node for node in ast.parse(source).body if not is_main_guard(node)]
    except (SyntaxError, ValueError, RecursionError):
        return False
    own = {node.name for node in nodes if isinstance(node, _DEFINITIONS)}
    return any(name in own or _MAY_READ.fullmatch(name) for node in nodes for name in _called_names(node))


def extract(statements: Sequence[Statement], names: Iterable[str]) -> Extract:
    """Return the statements that these names need to mean what they mean at the end of all statements.

    Args:
        statements: All of them, in the order in which they ran.
        names: Global names.
    """
    return _Extraction(statements).of(names)


class _Facts(NamedTuple):
    """What a statement does with global names.

    Attributes:
        sets: Given a value, whatever it was before.
        changes: Perhaps given a value, or altered in place.
        now: Looked up when it runs.
        later: Looked up by functions that it defines.
        trains: Whether it trains.
        computes: Whether what it sets may come out otherwise elsewhere.
    """

    sets: frozenset[str]
    changes: frozenset[str]
    now: frozenset[str]
    later: frozenset[str]
    trains: bool
    computes: bool


class _Extraction:
    def __init__(self, statements: Sequence[Statement]) -> None:
        self._statements = statements
        imported = {name for one in statements if isinstance(one.node, _IMPORTS) for name in _imported_names(one.node)}
        self._facts = [_facts(one, imported) for one in statements]
        self._stars = [at for at, one in enumerate(statements) if "*" in _imported_names(one.node)]
        self._bound = frozenset[str]().union(*(facts.sets | facts.changes for facts in self._facts))
        self._needed: set[str] = set()
        self._taken: set[int] = set()
        self._trained: dict[str, str] = {}
        self._unset: dict[str, None] = {}

    def of(self, names: Iterable[str]) -> Extract:
        end = len(self._statements)
        waiting = [(name, end) for name in names]
        seen = set(waiting)
        while waiting:
            for following in self._needs(*waiting.pop()):
                if following not in seen:
                    seen.add(following)
                    waiting.append(following)
        if self._unset and self._stars:  # they may come from there
            self._taken.update(self._stars)
            self._unset.clear()
        taken = sorted(self._taken | self._futures())
        return Extract(
            tuple(self._statements[at] for at in taken),
            tuple(self._computed(taken).items()),
            tuple(self._trained.items()),
            tuple(self._unset),
        )

    def _needs(self, name: str, end: int) -> Iterator[tuple[str, int]]:
        """Take the statements before ``end`` that make a name what it is there; yield what these need."""
        self._needed.add(name)
        touching = [at for at in range(end) if name in self._facts[at].sets | self._facts[at].changes]
        if not touching and name not in _KNOWN | self._bound:
            self._unset[name] = None
        first = next((at for at in reversed(touching) if name in self._facts[at].sets), 0)
        for at in touching:
            facts = self._facts[at]
            if at < first:
                continue
            if facts.trains:
                self._trained[name] = self._statements[at].place
                continue
            self._taken.add(at)
            yield from ((needed, at) for needed in facts.now if not self._begins_with(needed, at))
            yield from ((needed, end) for needed in facts.later)

    def _begins_with(self, name: str, at: int) -> bool:
        """Tell whether it is this statement that first sets a name, as a loop its variable."""
        facts = self._facts
        return name in facts[at].changes and not any(name in one.sets | one.changes for one in facts[:at])

    def _futures(self) -> set[int]:
        return {
            at
            for at, one in enumerate(self._statements)
            if isinstance(one.node, ast.ImportFrom) and one.node.module == "__future__"
        }

    def _computed(self, taken: Sequence[int]) -> dict[str, str]:
        computed: dict[str, str] = {}
        for at in taken:
            facts = self._facts[at]
            if facts.computes or (
                not isinstance(self._statements[at].node, _DEFINITIONS) and facts.now & set(computed)
            ):
                for name in sorted(self._needed & (facts.sets | facts.changes)):
                    computed.setdefault(name, self._statements[at].place)
        return computed


_IMPORTS = (ast.Import, ast.ImportFrom)


def _imported_names(node: ast.stmt) -> list[str]:
    if not isinstance(node, _IMPORTS):
        return []
    return [alias.asname or alias.name.partition(".")[0] for alias in node.names]


def _facts(statement: Statement, imported: set[str]) -> _Facts:
    node = statement.node
    top = symtable.symtable(ast.unparse(node), "<statement>", "exec")
    now, later = _looked_up(top)
    bound = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    sets = bound if isinstance(node, (*_DEFINITIONS, *_IMPORTS, ast.Assign, ast.AnnAssign)) else set()
    changes = (bound | set(_changed(node, imported))) - sets
    called = set(_called_names(node))
    own = {root for root in _call_roots(node) if root not in imported and root not in _KNOWN}
    computes = not isinstance(node, (*_DEFINITIONS, *_IMPORTS)) and bool(
        own or any(map(_READS.fullmatch, called)) or isinstance(node, ast.For | ast.While)
    )
    trains = any(map(_TRAINS.fullmatch, called)) or any(isinstance(one, ast.Await) for one in _run_at_once(node))
    return _Facts(frozenset(sets), frozenset(changes), frozenset(now), frozenset(later), trains, computes)


def _looked_up(table: symtable.SymbolTable) -> tuple[set[str], set[str]]:
    """Return the global names that are looked up when the statement runs, and those that wait for a call."""
    kind = table.get_type()
    symbols = [symbol for symbol in table.get_symbols() if symbol.is_referenced() and not symbol.is_free()]
    # A class body looks global names up that it then sets itself: mean = mean.
    now = {symbol.get_name() for symbol in symbols if kind != "function" or symbol.is_global()}
    later: set[str] = set()
    for child in table.get_children():
        first, second = _looked_up(child)
        if child.get_type() != "function" or child.get_name() in _AT_ONCE:
            now |= first
        else:
            later |= first
        later |= second
    return now, later


def _run_at_once(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that run with the statement: no bodies of functions."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, _FUNCTIONS):
            waiting += [*getattr(node, "decorator_list", ()), *node.args.defaults, *filter(None, node.args.kw_defaults)]
        else:
            waiting += ast.iter_child_nodes(node)


def _called_names(node: ast.stmt) -> Iterator[str]:
    for one in _run_at_once(node):
        match one:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                yield name


def _call_roots(node: ast.stmt) -> Iterator[str]:
    return (root for one in _run_at_once(node) if isinstance(one, ast.Call) and (root := _root(one.func)))


def _changed(node: ast.stmt, imported: set[str]) -> Iterator[str]:
    """Yield the names whose objects a statement alters in place."""
    for one in _run_at_once(node):
        match one:
            case ast.Subscript(ctx=ast.Store() | ast.Del()) | ast.Attribute(ctx=ast.Store() | ast.Del()):
                yield _root(one)
            case ast.Expr(value=ast.Call(func=ast.Attribute(attr=method) as function)):
                root = _root(function)
                alters = _SETS.fullmatch(method) if root in imported else not _SHOWS.fullmatch(method)
                if root and alters:
                    yield root


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""
