"""The files that Git, or a work tree, has of its own in another repository: what stands beside its pointers."""

import hashlib
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sycee.errors import DigestMismatch, NotFound
from sycee.system.git import Git
from sycee.workspace.ignored import Ignored

_SHA1_DIGITS = 40
_BATCH = 32 << 20  # bytes of blobs that are in memory at once, beside one larger one
_HIDDEN = frozenset({".git", ".dvc", ".hg"})


@dataclass(frozen=True, slots=True)
class Plain:
    """A file that no pointer stands for.

    Attributes:
        size: In bytes.
        executable: Whether its owner may execute it.
        blob: Its id in Git, empty in a work tree.
    """

    size: int
    executable: bool
    blob: str = ""


class Tree(Protocol):
    """The plain files of one state of a repository.

    Attributes:
        root: The folder they are relative to; of a commit, where it would lie.
        files: All of them by path, with ``/``; those in ``.dvc`` folders too, so that projects can be found.
    """

    root: Path
    files: Mapping[str, Plain]

    def read(self, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """Yield the names in any order, each with its bytes.

        Raises:
            NotFound: If one is not here.
            DigestMismatch: If Git's bytes are not those of their id.
        """


class CommitTree:
    """The files of a commit.

    Args:
        git: The repository.
        commit: Its full id.
        below: The folder that is meant, relative to the repository's root; empty for all.
    """

    def __init__(self, git: Git, commit: str, below: str = "") -> None:
        self.root = git.root / below
        self._git = git
        prefix = f"{below}/" if below else ""
        listed = git.run("ls-tree", "-r", "-l", "-z", "--full-tree", commit).split(b"\0")[:-1]
        found = dict(_parsed(line) for line in listed)
        self.files: Mapping[str, Plain] = {
            name.removeprefix(prefix): one for name, one in found.items() if one and name.startswith(prefix)
        }

    def read(self, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """See :class:`Tree`."""
        for batch in _batches(names, self.files):
            blobs = self._git.blobs(self.files[name].blob for name in batch)
            for name in batch:
                yield name, verified_blob(name, self.files[name].blob, blobs)


def _parsed(line: bytes) -> "tuple[str, Plain | None]":
    about, _, name = line.partition(b"\t")
    mode, kind, blob, size = about.split()
    if kind != b"blob":  # a submodule
        return os.fsdecode(name), None
    known = int(size) if size.isdigit() else 0  # Git lacks the blob; reading it will tell
    return os.fsdecode(name), Plain(known, mode == b"100755", blob.decode())


def _batches(names: Collection[str], files: Mapping[str, Plain]) -> Iterator[list[str]]:
    batch: list[str] = []
    total = 0
    for name in names:
        if batch and total + files[name].size > _BATCH:
            yield batch
            batch, total = [], 0
        batch.append(name)
        total += files[name].size
    if batch:
        yield batch


def verified_blob(name: str, blob: str, blobs: Mapping[str, bytes]) -> bytes:
    """Return the bytes of a file of a commit, if they are those of its id.

    Args:
        name: Of the file, for messages.
        blob: Its id.
        blobs: What Git gave, by id.

    Raises:
        NotFound: If Git gave nothing.
        DigestMismatch: If it gave other bytes.
    """
    data = blobs.get(blob)
    if data is None:
        raise NotFound(f"{name}: Git lacks the object {blob}", hint="the source is a partial clone; name its origin")
    algorithm = "sha1" if len(blob) == _SHA1_DIGITS else "sha256"
    found = hashlib.new(algorithm, b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
    if found != blob:
        raise DigestMismatch(
            f"{name}: the Git object {blob} is damaged", hint="check the source: git fsck", expected=blob, found=found
        )
    return data


class WorkTree:
    """The files of a work tree as they are now. Links are followed as far as they stay in it.

    Args:
        root: Its root, absolute.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: Mapping[str, Plain] = dict(_walked(root))

    def read(self, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """See :class:`Tree`."""
        for name in names:
            yield name, (self.root / name).read_bytes()


def _walked(root: Path) -> Iterator[tuple[str, Plain]]:
    ignored = Ignored(root)
    for place, folders, files in os.walk(root):
        above = "" if place == str(root) else f"{Path(place).relative_to(root).as_posix()}/"
        for name in [name for name in folders if name == ".dvc"]:
            yield f"{above}{name}/config", Plain(0, executable=False)
        seen = [name for name in folders if name not in _HIDDEN]
        folders[:] = [name for name in seen if not ignored.by_rules(above + name, is_dir=True).ignored]
        for name in files:
            path = Path(place, name)
            if name not in _HIDDEN and not ignored.by_rules(above + name).ignored and _is_own(root, path):
                status = path.stat()
                yield above + name, Plain(status.st_size, bool(status.st_mode & 0o100))


def _is_own(root: Path, path: Path) -> bool:
    return path.is_file() and (not path.is_symlink() or root.resolve() in path.resolve().parents)
