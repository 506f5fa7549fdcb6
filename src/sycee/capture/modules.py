"""Where modules come from: the user's own files, or what is installed; nothing is imported to find out."""

import os
import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES, PathFinder
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

_INSTALLED = frozenset({"site-packages", "dist-packages", f"python{sys.version_info[0]}{sys.version_info[1]}.zip"})


class Module(NamedTuple):
    """A module that can be imported here.

    Attributes:
        name: Its absolute name.
        path: Its file; empty for a namespace package and for what is built in.
        folders: Where its submodules are; empty if it is no package.
        loader: What reads its file, or None.
    """

    name: str
    path: str
    folders: tuple[str, ...] = ()
    loader: Any = None

    @property
    def is_local(self) -> bool:
        """Whether it is the user's: outside of site-packages and the standard library."""
        places = (self.path,) if self.path else self.folders
        return bool(places) and all(is_local(place) for place in places)

    @property
    def is_compiled(self) -> bool:
        """Whether it is an extension module, which is no source."""
        return self.path.endswith(tuple(EXTENSION_SUFFIXES))

    @property
    def package(self) -> str:
        """The package that its relative imports begin in."""
        return self.name if self.folders else self.name.rpartition(".")[0]

    def relpath(self) -> str:
        """Return the file that it is below a folder of ``sys.path``: ``package/module.py``."""
        base = self.name.replace(".", "/")
        return f"{base}/__init__.py" if self.folders else f"{base}.py"

    def source(self) -> bytes:
        """Return its source, also of a module in a zip file.

        Raises:
            OSError: If it cannot be read.
        """
        path = Path(self.path)
        if path.is_file() or not hasattr(self.loader, "get_data"):
            return path.read_bytes()
        data: bytes = self.loader.get_data(self.path)
        return data


def is_local(path: str) -> bool:
    """Tell whether a file is the user's: outside of site-packages and the standard library."""
    return _is_local_folder(os.path.dirname(path))  # noqa: PTH120 - asked for every module that is loaded


@cache
def _is_local_folder(folder: str) -> bool:
    whole = Path(folder)
    installed = not _INSTALLED.isdisjoint(whole.parts)
    return not installed and not any(root in (whole, *whole.parents) for root in _standard_library())


@cache
def _standard_library() -> frozenset[Path]:
    return frozenset(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib"))


def find_module(name: str) -> Module | None:
    """Return the module of a name, as it was imported or would be; None when there is none.

    Args:
        name: Absolute, with dots.
    """
    parent, _, _last = name.rpartition(".")
    try:
        if name in sys.modules:
            loaded: object = sys.modules[name]  # some put other objects there, and some of these answer anything
            return _of_loaded(name, loaded) if isinstance(loaded, ModuleType) else None
        if not parent:
            spec = find_spec(name)
        else:
            above = find_module(parent)
            spec = PathFinder.find_spec(name, list(above.folders)) if above and above.folders else None
    except Exception:  # noqa: BLE001 - finders are anybody's; what cannot be found is not source
        return None
    return _of_spec(name, spec) if spec is not None else None


def _of_loaded(name: str, loaded: ModuleType) -> Module:
    spec = getattr(loaded, "__spec__", None)
    if spec is not None and spec.name == name:
        return _of_spec(name, spec)
    folders = _texts(getattr(loaded, "__path__", ()))
    return Module(name, _text(getattr(loaded, "__file__", "")), folders, getattr(loaded, "__loader__", None))


def _of_spec(name: str, spec: Any) -> Module:
    path = _text(spec.origin) if spec.has_location else ""
    return Module(name, path, _texts(spec.submodule_search_locations or ()), spec.loader)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(values: object) -> tuple[str, ...]:
    try:
        return tuple(value for value in values if isinstance(value, str))  # type: ignore[attr-defined]
    except Exception:  # noqa: BLE001 - modules that answer to every name (torch.classes) have no folders
        return ()


def loaded_locals() -> Iterator[Module]:
    """Yield the user's modules that are imported now, ``__main__`` aside."""
    for name in sorted(sys.modules):
        if name not in {"__main__", "__mp_main__"} and (found := find_module(name)) and found.path and found.is_local:
            yield found
