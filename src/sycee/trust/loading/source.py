"""Importing frozen source from verified bytes, beside and apart from everything else in the process.

The modules of ``context/source`` are compiled from the bytes that were verified: no file of the model's folder is
opened again, no ``.pyc`` is read or written, and the folder is on no ``sys.path``. They have a private package as their
parent, and see each other through an import of their own. So two versions of one model can be used side by side, a
module of the server with the same name is not theirs, and theirs are nobody else's.
"""

import builtins
import itertools
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from sycee.errors import CannotRun, NotFound

_PREFIX = "_sycee_source_"
_numbers = itertools.count(1)


class FrozenSource(MetaPathFinder, InspectLoader):
    """The modules of one version.

    Args:
        files: The verified bytes of ``context/source``, by the path below it.
        folder: Where a private copy of these files is: the place that ``__file__`` tells, for code that reads files
            beside it.
    """

    def __init__(self, files: Mapping[str, bytes], folder: Path) -> None:
        self._files = files
        self._folder = folder
        self._tops = {name.partition("/")[0].removesuffix(".py") for name in files}
        self._package = f"{_PREFIX}{next(_numbers)}"
        self._builtins = {**vars(builtins), "__import__": self._import}
        sys.meta_path.insert(0, self)  # before what looks on sys.path, where others may have put the package's name

    def function(self, entry: str) -> Any:
        """Return a function of the source.

        Args:
            entry: ``module:qualified.name``.

        Raises:
            NotFound: If it is in a module of an installed package, of which no source was frozen.
            CannotRun: If its module cannot be imported, or has no such name.
        """
        module, _, qualname = entry.partition(":")
        if self._file(module) is None:
            raise NotFound(f"{entry} is of an installed package, and no source of it was signed", hint="import it")
        try:
            found: Any = import_module(f"{self._package}.{module}")
            for name in qualname.split("."):
                found = getattr(found, name)
        except Exception as error:
            raise CannotRun(f"{entry} cannot be imported: {type(error).__name__}: {error}") from error
        return found

    def close(self) -> None:
        """Forget the modules; functions that were returned stay usable, and import nothing more of them."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        for name in [name for name in sys.modules if f"{name}.".startswith(f"{self._package}.")]:
            del sys.modules[name]

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return what is to be loaded under a name, if it is one of the private package."""
        del path, target
        if fullname == self._package:
            return ModuleSpec(fullname, self, is_package=True)
        if not fullname.startswith(f"{self._package}."):
            return None
        name = fullname.removeprefix(f"{self._package}.")
        file = self._file(name)
        if file is None:
            is_folder = any(one.startswith(f"{name.replace('.', '/')}/") for one in self._files)
            return ModuleSpec(fullname, self, is_package=True) if is_folder else None
        place = str(self._folder / file)
        spec = ModuleSpec(fullname, self, origin=place, is_package=file.endswith("/__init__.py"))
        spec.has_location = True
        return spec

    def exec_module(self, module: ModuleType) -> None:
        """Run a module's verified source."""
        code = self.get_code(module.__name__)
        if code is not None:
            module.__dict__["__builtins__"] = self._builtins
            exec(code, module.__dict__)

    def get_code(self, fullname: str) -> CodeType | None:
        """Return a module's code; None for a folder without ``__init__.py``."""
        file = self._file(fullname.removeprefix(f"{self._package}."))
        if file is None:
            return None
        return compile(self._files[file], str(self._folder / file), "exec", dont_inherit=True)

    def get_source(self, fullname: str) -> str | None:
        """Return a module's text, for tracebacks."""
        file = self._file(fullname.removeprefix(f"{self._package}."))
        return None if file is None else self._files[file].decode(errors="replace")

    def _file(self, name: str) -> str | None:
        place = name.replace(".", "/")
        return next((file for file in (f"{place}/__init__.py", f"{place}.py") if file in self._files), None)

    def _import(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,  # noqa: A002 - the names of builtins.__import__
        locals: Mapping[str, object] | None = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """Import as this source does: its own modules first."""
        top = name.partition(".")[0]
        if level or top not in self._tops:
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        found = builtins.__import__(f"{self._package}.{name}", globals, locals, fromlist or (), 0)
        return found if fromlist else sys.modules[f"{self._package}.{top}"]
