"""What ``sycee oms`` signs and verifies: any folder, or a lone file, opened once and reached through no link."""

import os
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

from sycee.core.progress import Task
from sycee.digest import Algorithm
from sycee.errors import Conflict, NotFound
from sycee.formats.omsstatement import LONE_FILE, left_out
from sycee.formats.statement import GIT_PATHS
from sycee.system.onepass import hash_fd, hash_shards
from sycee.system.tree import kind_at
from sycee.trust.folder import Folder, Listing, Problem, kind_problem

SIGNATURE_NAMES = (".sig", ".sigstore", ".sigstore.json")  # files that signatures and bundles lie in
NOTHING: frozenset[str] = frozenset()


Run = tuple[int, int, str]  # offset of the first byte, offset behind the last, digest


class Cut(NamedTuple):
    """How a file was cut when it was signed, in bytes: each shard, and the whole."""

    shard: int
    whole: int


@dataclass(frozen=True, slots=True)
class LeaveOut:
    """What is not looked at.

    Attributes:
        paths: Files and folders below the model, by the caller's own wish.
        git: Whether Git's entries at the top are left out.
        allowed: Paths that a signer may have left out, besides those that every signer may.
        unsigned_files: Whether files that were not signed are let pass; only those that were are verified then.
    """

    paths: frozenset[str] = frozenset()
    git: bool = True
    allowed: frozenset[str] = frozenset()
    unsigned_files: bool = False

    def by_caller(self) -> frozenset[str]:
        """Return the paths that are left out whatever a signer says."""
        return self.paths | (frozenset(GIT_PATHS) if self.git else frozenset())


GIT_ONLY = LeaveOut()


class OmsModel:
    """The open folder or file; a context manager.

    Attributes:
        path: Where it is.
        name: Its last component, for the subject of a statement.
        lone: Whether it is a file. It then has one resource, :data:`sycee.formats.omsstatement.LONE_FILE`.

    Raises:
        NotFound: If it is not there.
        Conflict: If it is a link to a file, or neither a file nor a folder.
    """

    def __init__(self, path: Path) -> None:
        kind = kind_at(path)
        if kind is None:
            raise NotFound(f"there is no {path}", hint="give a folder or a file", path=str(path))
        if kind != "dir" and not path.is_dir():  # the folder itself may be a link
            _require_file(path, kind)
        self.path = path
        self.lone = not path.is_dir()
        self.name = path.absolute().name or path.resolve().name
        self._folder = Folder(path.parent if self.lone else path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.close()

    def look(self, ignored: AbstractSet[str] = NOTHING) -> Listing:
        """Return the files, and what is neither a file nor a folder, without the ignored paths."""
        if self.lone:
            return Listing({LONE_FILE: self._size_of_lone()}, ())
        files: dict[str, tuple[int, int, int]] = {}
        problems: list[Problem] = []
        for entry in self._folder.entries(lambda folder: folder not in ignored):
            if entry.kind == "dir" or left_out(entry.relpath, ignored):
                continue
            if entry.kind == "file":
                files[entry.relpath] = (entry.stat.st_size, entry.stat.st_mtime_ns, entry.stat.st_ino)
            else:
                problems.append(kind_problem(entry))
        return Listing(files, tuple(problems))

    def _size_of_lone(self) -> tuple[int, int, int]:
        status = self.path.stat(follow_symlinks=False)
        return status.st_size, status.st_mtime_ns, status.st_ino

    def digest(self, name: str, algorithm: Algorithm, task: Task) -> tuple[int, str]:
        """Return size and digest of a whole file.

        Raises:
            NotFound: If it is gone.
            Conflict: If it, or a folder above it, is a link or something else.
        """
        with self._folder.opened(self._real(name)) as fd:
            return hash_fd(fd, algorithm, on_bytes=task.advance)

    def shards(self, name: str, algorithm: Algorithm, cut: Cut, task: Task) -> tuple[int, list[Run]]:
        """Return size and shards of a file; none of a file that has not the size that was signed, which may be endless.

        Raises:
            NotFound: If it is gone.
            Conflict: If it, or a folder above it, is a link or something else.
        """
        with self._folder.opened(self._real(name)) as fd:
            size = os.fstat(fd).st_size
            if size != cut.whole:
                return size, []
            return size, list(hash_shards(fd, algorithm, cut.shard, on_bytes=task.advance))

    def _real(self, name: str) -> str:
        return self.path.name if self.lone else name


def _require_file(path: Path, kind: str) -> None:
    if kind == "symlink":
        hint = "give what it leads to; links are never followed"
        raise Conflict(f"{path} is a symbolic link, where a folder or a file is needed", hint=hint, path=str(path))
    if kind != "file":
        raise Conflict(f"{path} is neither a folder nor a file", path=str(path))


def inside(path: Path, bundle_path: Path) -> str | None:
    """Return the path of a bundle below a folder, or None when it lies elsewhere."""
    folder, here = path.resolve(), bundle_path.resolve()
    return here.relative_to(folder).as_posix() if folder != here and here.is_relative_to(folder) else None
