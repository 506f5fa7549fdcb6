"""A model folder on disk, opened once: every file is reached from this descriptor, through no link.

A path that is resolved anew at each step can lead elsewhere at each step. Here the folder is held open, each component
below it is opened without following links, and what was opened is asked what it is.
"""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

from sycee.core import modelfolder
from sycee.errors import Conflict, DigestMismatch, NotFound
from sycee.formats import sums
from sycee.system import tree
from sycee.system.tree import TreeEntry

_MAX_LISTED = 20  # problems spelled out in a message; all of them are in the details
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Problem:
    """One name of a model folder that is not as it should be.

    Attributes:
        path: The name, below the folder.
        message: What is wrong with it, as the end of a sentence that begins with the name.
        expected: What was signed, or would be allowed; empty when the message says it.
        found: What is here.
    """

    path: str
    message: str
    expected: str = ""
    found: str = ""

    def __str__(self) -> str:
        compared = f": expected {self.expected}, found {self.found}" if self.expected else ""
        return f"{shown(self.path)} {self.message}{compared}"

    def as_json(self) -> dict[str, Any]:
        """Return the problem for ``--json``."""
        facts = {"path": shown(self.path), "message": self.message, "expected": self.expected, "found": self.found}
        return {name: value for name, value in facts.items() if value}


def shown(name: str) -> str:
    """Return a file name in a form that can be printed, whatever bytes it has."""
    return name.encode(errors="backslashreplace").decode() if name.isprintable() else ascii(name)


def in_lines(problems: Sequence[Problem]) -> str:
    """Return problems as the lines that follow a message; of many, the first."""
    lines = "".join(f"\n  {problem}" for problem in problems[:_MAX_LISTED])
    return lines + (f"\n  and {len(problems) - _MAX_LISTED} more" if len(problems) > _MAX_LISTED else "")


def differing(path: Path, problems: Sequence[Problem], hint: str) -> DigestMismatch:
    """Return the error of a folder or file that is not what was signed.

    Args:
        path: Of it.
        problems: What differs; all of it goes into the details.
        hint: What to do now.
    """
    return DigestMismatch(
        f"{path} is not what was signed:{in_lines(problems)}",
        hint=hint,
        problems=[problem.as_json() for problem in problems],
    )


@dataclass(frozen=True, slots=True)
class Listing:
    """What a look at the folder found.

    Attributes:
        files: Regular files: path below the folder to size, modification time (ns) and inode.
        problems: Everything that is neither a regular file nor a folder, and folders that stand in a file's place.
    """

    files: dict[str, tuple[int, int, int]]
    problems: tuple[Problem, ...]


class ModelFolder(Protocol):
    """What the verifier asks of a model's folder, wherever its bytes are; :class:`Folder` is the one on disk."""

    @property
    def path(self) -> Path:
        """What to call it in messages."""

    def scan(self) -> Listing:
        """See :meth:`Folder.scan`."""

    def opened(self, name: str) -> AbstractContextManager[int]:
        """See :meth:`Folder.opened`."""

    def names(self, below: str = "") -> list[str]:
        """See :meth:`Folder.names`."""

    def read(self, name: str, limit: int) -> bytes:
        """See :meth:`Folder.read`."""


class Folder:
    """The open folder; a context manager.

    Raises:
        NotFound: If there is no such folder.
    """

    def __init__(self, path: Path) -> None:
        self.path: Path = path
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)  # the folder itself may be a link
        except (FileNotFoundError, NotADirectoryError):
            lone = path.is_file()
            hint = "for a lone file: sycee verify --weights-only" if lone else "give the folder of a model_card.yaml"
            why = "" if lone else ": there is no such folder"
            raise NotFound(f"{path} is not a model folder{why}", hint=hint, path=str(path)) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the folder go."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def scan(self) -> Listing:
        """Look at every name below the folder, following no link."""
        files: dict[str, tuple[int, int, int]] = {}
        problems: list[Problem] = []
        for entry in self.entries(worth_entering):
            if entry.kind == "file":
                files[entry.relpath] = (entry.stat.st_size, entry.stat.st_mtime_ns, entry.stat.st_ino)
            elif entry.kind == "dir":
                problems += folder_problems(entry.relpath)
            else:
                problems.append(kind_problem(entry))
        return Listing(files, tuple(problems))

    def entries(self, enter: Callable[[str], bool]) -> Iterator[TreeEntry]:
        """Yield every name below the folder, following no link.

        Args:
            enter: Whether to look into the folder of this path; the folder itself is yielded in any case.
        """
        return tree.scan(self._root(), enter=enter)

    def _root(self) -> Path:
        """Return a path of the very folder that is open, even if another one has taken its name meanwhile."""
        held = Path(f"/proc/self/fd/{self._fd}")
        return held if held.exists() else self.path

    @contextmanager
    def opened(self, name: str) -> Iterator[int]:
        """Give a descriptor of a regular file of the folder.

        Args:
            name: Its path below the folder, judged safe before.

        Raises:
            NotFound: If it is gone.
            Conflict: If it, or a folder above it, is not what a look at the folder found.
        """
        fd = self._open(name)
        try:
            yield fd
        finally:
            os.close(fd)

    def _open(self, name: str) -> int:
        parent, _, last = name.rpartition("/")
        at = self._enter(parent, name)
        try:
            fd = os.open(last, _FILE, dir_fd=at)
        except OSError as error:
            raise _unopened(name, error) from error
        finally:
            self._leave(at)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise Conflict(f"{shown(name)} is not a regular file", path=name)
        return fd

    def _enter(self, below: str, wanted: str) -> int:
        """Return a descriptor of a folder below; the caller leaves it."""
        at = self._fd
        try:
            for part in below.split("/") if below else ():
                inner = os.open(part, _DIRECTORY, dir_fd=at)
                self._leave(at)
                at = inner
        except OSError as error:
            self._leave(at)
            raise _unopened(wanted, error) from error
        return at

    def names(self, below: str = "") -> list[str]:
        """Return the names in a folder, sorted, whatever they are of; none if there is no such folder.

        Args:
            below: Its path below this one; empty for this one.

        Raises:
            Conflict: If it, or a folder above it, is a link or no folder.
        """
        try:
            at = self._enter(below, below)
        except NotFound:
            return []
        try:
            return sorted(os.listdir(at))  # noqa: PTH208 - by descriptor
        finally:
            self._leave(at)

    def _leave(self, fd: int) -> None:
        if fd != self._fd:
            os.close(fd)

    def read(self, name: str, limit: int) -> bytes:
        """Return the bytes of a small file.

        Args:
            name: Its path below the folder.
            limit: Greatest size that is read, in bytes.

        Raises:
            Conflict: If it is longer, besides what :meth:`opened` raises.
        """
        with self.opened(name) as fd, os.fdopen(os.dup(fd), "rb") as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise Conflict(f"{shown(name)} is longer than {limit} bytes", path=name)
        return data


def kind_problem(entry: TreeEntry) -> Problem:
    """Return what is wrong with a name that is neither a regular file nor a folder."""
    what = "a symbolic link" if entry.kind == "symlink" else "neither a file nor a folder"
    return Problem(entry.relpath, f"is {what}, where only regular files may stand")


def _unopened(name: str, error: OSError) -> NotFound | Conflict:
    if isinstance(error, FileNotFoundError):
        return NotFound(f"{shown(name)} is not there any more", path=name)
    return Conflict(f"{shown(name)} cannot be opened: {error.strerror}", path=name)


def worth_entering(name: str) -> bool:
    """Tell whether a folder at this path is looked into."""
    return name not in {".git", ".github"}


def folder_problems(name: str) -> list[Problem]:
    """Return what is wrong with a folder that stands at this path, if anything is."""
    last = name.rpartition("/")[2]
    if not worth_entering(name):
        return [Problem(name, "stands in the model folder, and no reader of the bundle would look into it")]
    if last == "__pycache__":
        return [Problem(name, "holds Python bytecode, which would run in place of the source that was signed")]
    if last in _FILES_ONLY or last.endswith((modelfolder.SIGNATURE_SUFFIX, modelfolder.POINTER_SUFFIX)):
        return [Problem(name, "is a folder, where only a regular file may stand")]
    return []


_FILES_ONLY = {modelfolder.IGNORE_FILE, modelfolder.ATTRIBUTES, modelfolder.CARD, *modelfolder.PIPELINE, sums.NAME}
