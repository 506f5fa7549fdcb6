"""The seeds of a run: seen as they are given, or given here to all generators at once.

``import sycee`` calls :func:`install`. From then on a thin wrapper stands in for ``random.seed``,
``numpy.random.seed`` and ``torch.manual_seed``; it notes the seed and calls the original. Nothing is imported for it:
a finder on ``sys.meta_path`` waits for what is not there yet, and leaves when all three have come. The finder changes
no loader: it hangs one step behind the loader's ``exec_module`` and takes it off again.

A wrapper has the name, the signature and the attributes of what it wraps (``torch.compile`` reads its marks there)
and can be pickled by reference. Not seen: generator objects with seeds of their own (``random.Random(7)``,
``numpy.random.default_rng(7)``), and functions that were imported by name before sycee was.
"""

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from sycee.errors import UsageError

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

MAX_SEED = 2**32 - 1  # numpy's limit, the narrowest of the three

_seen: dict[str, object] = {}
_chosen: list[int] = []  # the last argument of seed(), for frameworks that are imported later


def seen() -> Mapping[str, object]:
    """Return the last seed given to each generator (``python``, ``numpy``, ``torch``) since ``import sycee``."""
    return dict(_seen)


def forget() -> None:
    """Forget what was seen and chosen, as if sycee had been imported just now."""
    _seen.clear()
    _chosen.clear()


def seed(number: object) -> None:
    """Seed ``random``, ``numpy`` and ``torch`` (all devices); frameworks imported later are seeded when they come.

    Args:
        number: From 0 to 2³² - 1.

    Raises:
        UsageError: If ``number`` is no such integer.
    """
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= MAX_SEED:
        raise UsageError(
            f"a seed is an integer from 0 to {MAX_SEED}, not {number!r}", hint="this is the range that numpy accepts"
        )
    install()
    _chosen[:] = [number]
    for module, (_generator, function, _home) in _WATCHED.items():
        if module in sys.modules:
            getattr(sys.modules[module], function)(number)


# Module: (generator's name in the card, its seeding function, further modules that hold the same function).
_WATCHED: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "random": ("python", "seed", ()),
    "numpy.random": ("numpy", "seed", ()),
    "torch": ("torch", "manual_seed", ("torch.random",)),
}


def install() -> None:
    """Watch the seeding functions of what is imported, and wait for the others; calling it again does nothing."""
    for module in _WATCHED:
        if module in sys.modules:
            _watch(sys.modules[module])
    if any(module not in sys.modules for module in _WATCHED) and not any(
        isinstance(finder, _Waiting) for finder in sys.meta_path
    ):
        sys.meta_path.insert(0, _Waiting())


def uninstall() -> None:
    """Put the original functions back and wait no longer."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Waiting)]
    for module, (_generator, function, homes) in _WATCHED.items():
        for home in (module, *homes):
            watched = getattr(sys.modules.get(home), function, None)
            if original := getattr(watched, "__sycee_original__", None):
                setattr(sys.modules[home], function, original)


def _watch(module: ModuleType) -> None:
    generator, function, homes = _WATCHED[module.__name__]
    original = getattr(module, function, None)
    if original is None or hasattr(original, "__sycee_original__"):
        return  # an import that failed half-way, or watched already
    watched = _noting(generator, original, module.__name__, function)
    for home in (module.__name__, *homes):
        if getattr(sys.modules.get(home), function, None) is original or home == module.__name__:
            setattr(sys.modules[home], function, watched)
    if _chosen:
        watched(_chosen[0])


def _noting(generator: str, original: Callable[..., Any], module: str, name: str) -> Callable[..., Any]:
    @functools.wraps(original)
    def watched(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        _seen[generator] = args[0] if args else next(iter(kwargs.values()), None)
        return result

    # random.seed is a bound method whose qualified name is Random.seed; pickle looks functions up by it.
    watched.__module__, watched.__qualname__, watched.__name__ = module, name, name
    watched.__sycee_original__ = original  # type: ignore[attr-defined]  # functions take attributes
    return watched


class _Waiting:
    """Finds nothing itself: asks the other finders, and has the module watched as soon as it is executed."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> "ModuleSpec | None":
        if fullname not in _WATCHED:
            return None
        spec = self._ask_others(fullname, path, target)
        if spec is not None and hasattr(spec.loader, "exec_module") and hasattr(spec.loader, "__dict__"):
            _hang_behind(spec.loader)
        return spec

    def _ask_others(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None) -> "ModuleSpec | None":
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            if finder is not self and find is not None and (spec := find(fullname, path, target)) is not None:
                found: ModuleSpec = spec
                return found
        return None


def _hang_behind(loader: Any) -> None:
    execute = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        vars(loader).pop("exec_module", None)  # a loader of zip files serves many modules, and may be asked twice
        execute(module)
        if module.__name__ in _WATCHED:
            _watch(module)
        if all(name in sys.modules for name in _WATCHED):
            sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Waiting)]

    loader.exec_module = exec_module
