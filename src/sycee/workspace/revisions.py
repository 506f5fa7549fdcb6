"""What earlier versions of a repository tracked, read from Git's objects; the work tree is not touched."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from sycee.errors import FormatError, NotFound, SyceeError
from sycee.system.git import Git
from sycee.workspace.tracked import LOCK, PIPELINE, SUFFIX, Tracked, is_origin, parse_origin


@dataclass(frozen=True, slots=True)
class Revisions:
    """Which versions are meant, beside the work tree.

    Attributes:
        branches: The tips of all local branches.
        tags: All tags.
        commits: Every commit that a branch, a tag or HEAD leads to.
        revs: Any names Git understands.
    """

    branches: bool = False
    tags: bool = False
    commits: bool = False
    revs: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.branches or self.tags or self.commits or bool(self.revs)


@dataclass(frozen=True, slots=True)
class History:
    """What the chosen versions track.

    Attributes:
        tracked: Each different state of each path once.
        unreadable: One message for each pointer of the past that cannot be read; its objects are not known.
    """

    tracked: tuple[Tracked, ...]
    unreadable: tuple[str, ...]


def read_introduced(root: Path, git: Git, tips: Iterable[str], *without: str) -> History:
    """Read the pointers that commits added or changed; of a merge, what is as in none of its parents.

    Args:
        root: The repository's root.
        git: Its Git work tree.
        tips: Commits, whose ancestors are meant too.
        without: What leaves out commits, in words of ``git rev-list``: ``--not``, a commit, ``--remotes=NAME``.

    Returns:
        Each state of each path once, with the commits that brought it.
    """
    commits = git.run("rev-list", *tips, *without)
    brought: dict[str, set[tuple[str, str]]] = {}
    for commit, name, blob in _changed_origins(git, commits):
        brought.setdefault(commit, set()).add((name, blob))
    files: dict[_Origin, list[str]] = {}
    for commit, states in brought.items():
        for entry in _origins(git, root, commit):
            if (in_git(git, root) + entry.name, entry.blob) in states:
                files.setdefault(entry, []).append(commit)
    return _history(git, root, files)


def _changed_origins(git: Git, commits: bytes) -> Iterator[tuple[str, str, str]]:
    """Yield (commit, path in Git, blob) of each pointer that a commit added or changed."""
    if not commits:
        return
    options = ("--stdin", "-r", "-c", "--root", "--raw", "-z", "--no-renames", "--diff-filter=d")
    words = iter(git.run("diff-tree", *options, "--", f"*{SUFFIX}", LOCK, f"*/{LOCK}", stdin=commits).split(b"\0"))
    commit = ""
    for word in words:
        if not word.startswith(b":"):
            commit = word.decode()
            continue
        name = os.fsdecode(next(words))
        if is_origin(name):
            yield commit, name, word.split(b" ")[-2].decode()  # what stands before the status is the new blob


def read_history(root: Path, git: Git, revisions: Revisions) -> History:
    """Read all pointers of the chosen versions.

    Args:
        root: The repository's root.
        git: Its Git work tree.
        revisions: Which versions.

    Raises:
        NotFound: If a name is no revision.
    """
    files: dict[_Origin, list[str]] = {}
    for commit in _commits(git, revisions):
        for entry in _origins(git, root, commit):
            files.setdefault(entry, []).append(commit)
    return _history(git, root, files)


def _history(git: Git, root: Path, files: "Mapping[_Origin, list[str]]") -> History:
    entries = sorted(files)
    blobs = git.blobs(blob for entry in entries for blob in entry.blobs)
    tracked: list[Tracked] = []
    unreadable = []
    for entry in entries:
        try:
            data, pipeline = (blobs.get(blob, b"") for blob in (entry.blob, entry.pipeline))
            commits = tuple(files[entry])
            tracked += (replace(one, commits=commits) for one in parse_origin(root, root / entry.name, data, pipeline))
        except FormatError as error:
            unreadable.append(f"{error.message} (blob {entry.blob[:10]})")
    return History(tuple(tracked), tuple(unreadable))


@dataclass(frozen=True, slots=True, order=True)
class _Origin:
    """One state of a pointer or ``dvc.lock``: its path, its blob, and that of the ``dvc.yaml`` beside a lock."""

    name: str
    blob: str
    pipeline: str = ""

    @property
    def blobs(self) -> tuple[str, ...]:
        return (self.blob, self.pipeline) if self.pipeline else (self.blob,)


def _commits(git: Git, revisions: Revisions) -> list[str]:
    if revisions.commits:
        return git.run("rev-list", "--branches", "--tags", "HEAD").decode().split()
    found = [commit_of(git, rev) for rev in revisions.revs]
    if revisions.branches:
        found += _tips(git, "refs/heads")
    if revisions.tags:
        found += _tips(git, "refs/tags")
    return list(dict.fromkeys(found))


def commit_of(git: Git, rev: str) -> str:
    """Return the full id of the commit that a revision means.

    Raises:
        NotFound: If it means none here.
    """
    try:
        return git.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{rev}^{{commit}}").decode().strip()
    except SyceeError:
        raise NotFound(f"{rev!r} is no revision of this repository", hint="see git log, git tag, git branch") from None


def _tips(git: Git, prefix: str) -> list[str]:
    names = git.run("for-each-ref", "--format=%(refname)", prefix).decode().split("\n")[:-1]
    return [commit_of(git, name) for name in names]


def _origins(git: Git, root: Path, commit: str) -> Iterator[_Origin]:
    below = in_git(git, root)
    blobs = {name.removeprefix(below): blob for name, blob in _tree(git, commit) if name.startswith(below)}
    for name, blob in blobs.items():
        if is_origin(name) and not _in_nested_project(name, blobs):
            folder, slash, base = name.rpartition("/")
            yield _Origin(name, blob, blobs.get(f"{folder}{slash}{PIPELINE}", "") if base == LOCK else "")


def in_git(git: Git, root: Path) -> str:
    """Return what stands before the repository's paths in those of Git."""
    return "" if root == git.root else f"{root.relative_to(git.root).as_posix()}/"


def _in_nested_project(name: str, blobs: Mapping[str, str]) -> bool:
    parts = name.split("/")[:-1]
    return any(f"{'/'.join(parts[: depth + 1])}/.dvc/config" in blobs for depth in range(len(parts)))


def _tree(git: Git, commit: str) -> Iterator[tuple[str, str]]:
    for line in git.run("ls-tree", "-r", "-z", commit).split(b"\0")[:-1]:
        about, _, name = line.partition(b"\t")
        mode, _, blob = about.split(b" ")
        if mode.startswith(b"100"):
            yield os.fsdecode(name), blob.decode()
