"""Which files a stretch of code reads, seen through Python's audit events.

A hook cannot be taken off again, so it is set when it is first needed and costs a comparison per event from then on.
It sees what opens files through Python (``open``, numpy, Pillow, pandas, ``torch.load``, sqlite3). What opens them in
C, C++ or Rust is seen if it is still mapped or open at the end. Not seen are other processes, and what native code
opens and closes again: such files must be named.
"""

import os
import sys
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sycee.capture.modules import is_local

MAX_PATHS = 10_000  # beyond, only the folders of files are kept
_MACHINE = tuple(Path(place) for place in ("/proc", "/dev", "/sys", "/etc", "/run", "/usr/share", "/usr/lib"))
_CODE = frozenset({".py", ".pyc", ".pyi", ".pyo", ".pyd", ".so", ".dll", ".dylib", ".pth", ".egg-link"})
_DELETED = " (deleted)"


_reading: list[weakref.ref["Reads"]] = []  # who forgets to stop is forgotten
_is_set: list[bool] = []


class Reads:
    """What was opened: absolute paths, in order.

    Attributes:
        paths: Files that were opened to be read and, beyond :data:`MAX_PATHS`, folders of such.
    """

    def __init__(self) -> None:
        self.paths: dict[str, None] = {}
        self._written: set[str] = set()

    def start(self) -> None:
        """Begin to note what is opened."""
        if not _is_set:
            _is_set.append(True)
            sys.addaudithook(_hook)
        _reading.append(weakref.ref(self, _reading.remove))

    def stop(self) -> None:
        """End it; ending twice does no harm."""
        _reading[:] = [one for one in _reading if one() is not self]

    def note(self, path: object, flags: object) -> None:
        """Note one opening; what is no path or was made by this very code is passed over."""
        if not isinstance(path, str | bytes | os.PathLike):
            return
        whole = os.path.join(os.getcwd(), os.fsdecode(path))  # noqa: PTH109, PTH118 - called for every file
        flags = flags if isinstance(flags, int) else 0
        if flags & os.O_ACCMODE == os.O_WRONLY or flags & os.O_TRUNC:
            if len(self._written) < MAX_PATHS:
                self._written.add(whole)
        elif whole not in self.paths and whole not in self._written:
            self.paths[whole if len(self.paths) < MAX_PATHS else os.path.dirname(whole)] = None  # noqa: PTH120


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _reading and event in {"open", "sqlite3.connect"}:
        with suppress(Exception):  # what a hook raises would stop the opening
            flags = arguments[2] if event == "open" else os.O_RDONLY
            for one in tuple(_reading):
                if reads := one():
                    reads.note(arguments[0], flags)


@contextmanager
def opened(*, leave: Sequence[Path] = ()) -> Iterator[list[Path]]:
    """Find the files that the code of a block reads: vocabulary, label map, constants.

    Left aside are code, what belongs to the system, to Python and to installed packages, and what the block itself
    wrote.

    Args:
        leave: Files and folders that are known already: the model's.

    Yields:
        A list, which is filled when the block ends: absolute paths, in the order in which they were opened first.
    """
    found: list[Path] = []
    before = _held()
    noted = Reads()
    noted.start()
    try:
        yield found
    finally:
        noted.stop()
        for path in _held() - before:
            noted.note(path, os.O_RDONLY)
        found += of_user(noted.paths, leave)


def _held() -> set[str]:
    """Return the files that this process has mapped or open; empty where the system does not tell."""
    paths: set[str] = set()
    with suppress(OSError):
        lines = Path("/proc/self/maps").read_text(errors="surrogateescape").splitlines()
        paths |= {line.split(maxsplit=5)[5] for line in lines if line.count("/") and len(line.split(maxsplit=5)) > 5}
        for number in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names alone
            with suppress(OSError):
                paths.add(os.readlink(f"/proc/self/fd/{number}"))  # noqa: PTH115
    return {path for path in paths if path.startswith("/") and not path.endswith(_DELETED)}


def of_user(paths: Iterable[str], leave: Sequence[Path]) -> Iterator[Path]:
    """Yield those of some paths that are files of the user: no code, and nothing of the system or of Python's.

    Args:
        paths: Absolute.
        leave: Further files and folders to leave aside.
    """
    known = [*leave, *_MACHINE, *map(Path, {sys.prefix, sys.base_prefix})]
    for path in dict.fromkeys(Path(os.path.normpath(path)) for path in paths):
        left = any(place == path or place in path.parents for place in known)
        if not left and path.suffix not in _CODE and is_local(str(path)) and path.is_file():
            yield path
