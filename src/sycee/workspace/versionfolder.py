"""A model folder that need not lie on disk: its small files as Git has them, its weights as the cache has them.

It answers like :class:`sycee.trust.folder.Folder`, so the verifier can judge a commit that nobody checked out, and
``push`` a folder whose weights are not in the work tree. What Git and the cache give is no evidence here either: the
verifier compares every byte.
"""

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Protocol, Self

from sycee.core import modelfolder
from sycee.errors import Conflict, MissingData, NotFound
from sycee.store.cache import Cache
from sycee.store.layout import is_directory
from sycee.store.members import members_of
from sycee.store.objects import Wanted
from sycee.system.atomic import write_all
from sycee.system.git import Git
from sycee.system.onepass import open_regular
from sycee.trust.folder import Listing, Problem, folder_problems, shown, worth_entering
from sycee.workspace.repository import Repository
from sycee.workspace.revisions import Revisions, in_git, read_history
from sycee.workspace.snapshot import git_of
from sycee.workspace.sourcetree import verified_blob
from sycee.workspace.tracked import Tracked
from sycee.workspace.wanted import kept_as

NEAR = 64 << 10  # bytes: smaller files are read together
MAX_BLOB = 256 << 20  # bytes of a file that Git holds; it goes through memory


class Files(Protocol):
    """The files of a model folder that no pointer stands for."""

    def scan(self) -> Listing:
        """Return what is there; see :meth:`sycee.trust.folder.Folder.scan`."""

    def read(self, name: str, limit: int) -> bytes:
        """Return the bytes of a small file; see :meth:`sycee.trust.folder.Folder.read`."""


class GitFiles:
    """Those that a commit has in a folder.

    Args:
        git: The repository.
        tree: The id of the folder's tree; None for a folder without any file of Git's.
    """

    def __init__(self, git: Git, tree: str | None) -> None:
        self._git = git
        self._near: Mapping[str, bytes] | None = None
        self._blobs: dict[str, tuple[str, int]] = {}
        self._problems: list[Problem] = []
        for line in git.run("ls-tree", "-r", "-l", "-z", tree).split(b"\0")[:-1] if tree else ():
            about, _, name = line.partition(b"\t")
            mode, kind, blob, size = about.decode().split()
            self._sort_in(os.fsdecode(name), mode, kind, (blob, int(size) if size.isdigit() else 0))
        for folder in sorted(modelfolder.folders_of(self._blobs)):
            self._problems += folder_problems(folder) if _is_seen(folder) else []

    def _sort_in(self, name: str, mode: str, kind: str, blob: tuple[str, int]) -> None:
        if kind != "blob":
            self._problems.append(Problem(name, "is a submodule, where only regular files may stand"))
        elif mode == "120000":
            self._problems.append(Problem(name, "is a symbolic link, where only regular files may stand"))
        else:
            self._blobs[name] = blob

    def scan(self) -> Listing:
        """See :class:`Files`."""
        seen = {name: (size, 0, 0) for name, (_, size) in self._blobs.items() if _is_seen(name)}
        return Listing(seen, tuple(self._problems))

    def read(self, name: str, limit: int) -> bytes:
        """See :class:`Files`."""
        if name not in self._blobs:
            raise NotFound(f"{shown(name)} is not there", path=name)
        blob, size = self._blobs[name]
        if size > limit:
            raise Conflict(f"{shown(name)} is longer than {limit} bytes", path=name)
        near = self._small()
        return verified_blob(name, blob, near if blob in near else self._git.blobs([blob]))

    def _small(self) -> Mapping[str, bytes]:
        """Return the small blobs by id, all from one process, since a folder may have very many."""
        if self._near is None:
            self._near = self._git.blobs(blob for blob, size in self._blobs.values() if size <= NEAR)
        return self._near


def _is_seen(name: str) -> bool:
    """Tell whether who walks through a folder on disk would come to this name."""
    top, slash, _ = name.partition("/")
    return not slash or worth_entering(top)


class VersionFolder:
    """A state of a model folder: files, and over them what pointers name.

    Attributes:
        path: What to call it in messages.
        objects: The files that pointers name, by path below the folder.

    Args:
        path: What to call it in messages.
        files: What no pointer stands for.
        objects: What pointers name, by path below the folder.
        cache: Where its bytes are.
    """

    def __init__(self, path: Path, files: Files, objects: Mapping[str, Wanted], cache: Cache) -> None:
        self.path = path
        self.objects = objects
        self._files = files
        self._cache = cache

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Do nothing: it holds nothing open."""

    def scan(self) -> Listing:
        """Return every file, those too whose bytes are not in the cache, as far as their size is known."""
        found = self._files.scan()
        sizes = {name: (self._size(item), 0, 0) for name, item in self.objects.items()}
        return Listing({**found.files, **sizes}, found.problems)

    def _size(self, item: Wanted) -> int:
        here = self._cache.find(item.oid, legacy=item.legacy)
        return here.stat().st_size if here else item.expected.size or 0

    def names(self, below: str = "") -> list[str]:
        """Return the names in a folder, sorted; see :meth:`sycee.trust.folder.Folder.names`."""
        listing = self.scan()
        paths = {*listing.files, *(problem.path for problem in listing.problems)}
        above = f"{below}/" if below else ""
        return sorted({path[len(above) :].split("/")[0] for path in paths if path.startswith(above)})

    def missing(self) -> list[str]:
        """Return the names of files whose objects the cache lacks."""
        return [name for name, item in self.objects.items() if not self._cache.holds(item.expected, legacy=item.legacy)]

    @contextmanager
    def opened(self, name: str) -> Iterator[int]:
        """Give a descriptor of a file; see :meth:`sycee.trust.folder.Folder.opened`."""
        if name not in self.objects:
            with tempfile.TemporaryFile(buffering=0) as file:
                write_all(file.fileno(), self._files.read(name, MAX_BLOB))
                file.seek(0)
                yield file.fileno()
            return
        item = self.objects[name]
        fd = open_regular(self._cache.path(item.oid, legacy=item.legacy))
        try:
            yield fd
        finally:
            os.close(fd)

    def read(self, name: str, limit: int) -> bytes:
        """Return the bytes of a small file; see :meth:`sycee.trust.folder.Folder.read`."""
        if name not in self.objects:
            return self._files.read(name, limit)
        with self.opened(name) as fd, os.fdopen(os.dup(fd), "rb") as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise Conflict(f"{shown(name)} is longer than {limit} bytes", path=name)
        return data


def objects_below(cache: Cache, folder: str, tracked: Iterable[Tracked]) -> dict[str, Wanted]:
    """Return the files below a folder that pointers name, by their paths below it.

    Args:
        cache: Knows what tracked folders list.
        folder: Its path, as the labels of what is tracked.
        tracked: All that may lie there.

    Raises:
        MissingData: If the list of a tracked folder is not in the cache.
        DigestMismatch, FormatError: If it is damaged.
    """
    items = filter(None, map(kept_as, tracked))
    near = [item for item in items if f"{item.label}/".startswith(f"{folder}/") or is_directory(item.oid)]
    whole = [item for item in near if f"{folder}/".startswith(f"{item.label}/") or item.label.startswith(f"{folder}/")]
    single = [one for item in whole for one in (members_of(cache, item) if is_directory(item.oid) else [item])]
    return {one.label.removeprefix(f"{folder}/"): one for one in single if one.label.startswith(f"{folder}/")}


def at_commit(repo: Repository, commit: str, folder: str) -> VersionFolder:
    """Return a model folder as a commit has it.

    Args:
        repo: The repository.
        commit: Its full id.
        folder: The folder's path below the repository's root.

    Raises:
        NotFound: If the commit has no such folder.
        MissingData: If it is tracked as a whole, and the list of its files is not in the cache.
    """
    git = git_of(repo)
    tree = tree_at(git, commit, f"{in_git(git, repo.root)}{folder}")
    tracked = read_history(repo.root, git, Revisions(revs=(commit,))).tracked
    try:
        objects = objects_below(repo.cache, folder, tracked)
    except MissingData as error:
        raise error.about(f"{commit[:10]}:{folder}") from None
    if tree is None and not objects:
        raise NotFound(f"{commit[:10]} has no folder {folder}", hint=f"see what it has: git ls-tree -r {commit[:10]}")
    return VersionFolder(Path(f"{commit[:10]}:{folder}"), GitFiles(git, tree), objects, repo.cache)


def tree_at(git: Git, commit: str, path: str) -> str | None:
    """Return the id of the tree of a folder in a commit; None if Git has no file in it."""
    if "\n" in path:
        return None
    asked = f"{commit}:{path}\n".encode(errors="surrogateescape")
    answer = git.run("cat-file", "--batch-check=%(objectname) %(objecttype)", stdin=asked).decode().split()
    return answer[0] if answer[-1] == "tree" else None


def require_objects(folder: VersionFolder, rev: str) -> None:
    """Refuse a folder of which the cache lacks objects: nothing about it can be said then.

    Raises:
        MissingData: Naming them, and the command that brings them.
    """
    if lacking := folder.missing():
        listed = ", ".join(map(shown, lacking[:5])) + (f" and {len(lacking) - 5} more" if len(lacking) > 5 else "")
        raise MissingData(
            f"{folder.path} cannot be verified: the cache lacks {listed}",
            hint=f"bring it: sycee fetch --rev {quote(rev)}",
            missing=lacking,
        )
