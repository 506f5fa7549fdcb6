"""What earlier versions of a repository tracked, read from Git's objects; the work tree is not touched."""

import datetime as dt
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sycee.errors import FormatError, NotFound, SyceeError
from sycee.store.garbage import newest
from sycee.system.git import Git
from sycee.workspace.tracked import LOCK, PIPELINE, SUFFIX, Tracked, is_origin, parse_origin

_AUTOSTASHES = ("rebase-merge/autostash", "rebase-apply/autostash", "MERGE_AUTOSTASH")
_BASELINE = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Revisions:
    """Which versions are meant, beside the work tree.

    Attributes:
        branches: The tips of all local branches.
        tags: All tags.
        commits: Every commit that a branch, a tag or HEAD leads to.
        revs: Any names Git understands.
        depth: How many commits from each branch and rev on, by first parents.
        since: Commits of this day and later, of all that a branch, a tag or HEAD leads to.
        experiments: The commits of DVC's experiments.
        everything: Whatever any name in Git leads to: branches of remotes, stashes, HEADs of other work trees too.
    """

    branches: bool = False
    tags: bool = False
    commits: bool = False
    revs: tuple[str, ...] = ()
    depth: int = 1
    since: dt.date | None = None
    experiments: bool = False
    everything: bool = False

    def __bool__(self) -> bool:
        named = self.branches or self.tags or self.commits or bool(self.revs)
        return named or self.since is not None or self.experiments or self.everything

    @property
    def goes_back(self) -> bool:
        """Whether they are found by walking back from commit to commit, which a shallow clone cuts short."""
        return self.commits or self.everything or self.depth > 1 or self.since is not None


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
    return _read(root, git, [(commit, _origins(git, root, commit)) for commit in _commits(git, revisions)])


def read_unfinished(root: Path, git: Git) -> History:
    """Read the pointers that stand in the index, on all sides of a merge, and in stashes.

    Args:
        root: The repository's root.
        git: Its Git work tree; another one of the same repository has another index.
    """
    staged = _origins_among(root, git, _staged(git))
    return _read(root, git, [(None, staged), *((commit, _origins(git, root, commit)) for commit in _stashed(git))])


def read_latest(root: Path, git: Git, count: int) -> History:
    """Read the last versions of every path that any commit tracks: of those that were removed since, too.

    A version is a content: commits that change other lines of a pointer are none.

    Args:
        root: The repository's root.
        git: Its Git work tree.
        count: How many of each path.
    """
    commits = git.run("rev-list", "--all", "--date-order").decode().split()
    walked = [list(_origins(git, root, commit)) for commit in commits]
    known, unreadable = _parsed(root, git, {entry for entries in walked for entry in entries})
    found = [one for entries in walked for entry in entries for one in known.get(entry, ())]
    chosen = newest(((one.relpath, one.out.md5) for one in found), count)
    kept = {id(one): one for one in found if (one.relpath, one.out.md5) in chosen}
    return History(tuple(kept.values()), unreadable)


def is_shallow(git: Git) -> bool:
    """Tell whether Git's history ends somewhere because the rest was never fetched."""
    return git.run("rev-parse", "--is-shallow-repository").strip() == b"true"


@dataclass(frozen=True, slots=True, order=True)
class _Origin:
    """One state of a pointer or ``dvc.lock``: its path, its blob, and that of the ``dvc.yaml`` beside a lock."""

    name: str
    blob: str
    pipeline: str = ""

    @property
    def blobs(self) -> tuple[str, ...]:
        return (self.blob, self.pipeline) if self.pipeline else (self.blob,)


def _read(root: Path, git: Git, states: Iterable[tuple[str | None, Iterable[_Origin]]]) -> History:
    """Read what states name, each under the commit that it is the state of, if it is one's."""
    files: dict[_Origin, list[str]] = {}
    for commit, entries in states:
        for entry in entries:
            files.setdefault(entry, []).extend([commit] if commit else [])
    return _history(git, root, files)


def _history(git: Git, root: Path, files: Mapping[_Origin, list[str]]) -> History:
    known, unreadable = _parsed(root, git, files)
    tracked = (one._replace(commits=tuple(files[entry])) for entry, several in known.items() for one in several)
    return History(tuple(tracked), unreadable)


def _parsed(root: Path, git: Git, entries: Iterable[_Origin]) -> tuple[dict[_Origin, list[Tracked]], tuple[str, ...]]:
    ordered = sorted(entries)
    blobs = git.blobs(blob for entry in ordered for blob in entry.blobs)
    known: dict[_Origin, list[Tracked]] = {}
    unreadable = []
    for entry in ordered:
        try:
            known[entry] = parse_origin(root, root / entry.name, *_content(entry, blobs))
        except FormatError as error:
            unreadable.append(f"{error.message} (blob {entry.blob[:10]})")
    return known, tuple(unreadable)


def _content(entry: _Origin, blobs: Mapping[str, bytes]) -> tuple[bytes, bytes]:
    """Return the bytes of a pointer or lock, and of the pipeline beside it."""
    if not blobs.keys() >= set(entry.blobs):
        raise FormatError(f"{entry.name}: Git does not hold its content, since the clone is partial")
    return blobs[entry.blob], blobs[entry.pipeline] if entry.pipeline else b""


def _commits(git: Git, revisions: Revisions) -> list[str]:
    found = [commit for rev in revisions.revs for commit in _back_from(git, commit_of(git, rev), revisions.depth)]
    if revisions.everything:
        found += _walk(git, "--all")
    if revisions.commits:
        found += _walk(git, "--branches", "--tags", *_head(git))
    if revisions.branches:
        tips = _tips(git, "refs/heads")
        found += [commit for tip in tips for commit in _back_from(git, tip, revisions.depth)]
    if revisions.tags:
        found += _tips(git, "refs/tags")
    if revisions.since:
        found += _since(git, revisions.since)
    if revisions.experiments:
        found += _experiments(git)
    return list(dict.fromkeys(found))


def _head(git: Git) -> list[str]:
    return ["HEAD"] if git.head() else []  # which a repository without commits does not have


def _walk(git: Git, *where: str) -> list[str]:
    return git.run("rev-list", *where).decode().split()


def _back_from(git: Git, commit: str, depth: int) -> list[str]:
    return [commit] if depth == 1 else _walk(git, "--first-parent", f"--max-count={depth}", commit)


def _since(git: Git, day: dt.date) -> list[str]:
    """Return the commits from the first second of a day on, by the clock of this machine."""
    begun = dt.datetime.combine(day, dt.time.min).timestamp()
    lines = git.run("rev-list", "--timestamp", "--branches", "--tags", "--remotes", *_head(git)).decode().splitlines()
    return [commit for stamp, commit in map(str.split, lines) if int(stamp) >= begun]


def _experiments(git: Git) -> list[str]:
    """Return DVC's experiments: of each ref, what lies between the commit that its name begins with and its tip."""
    found = []
    for name in os.fsdecode(git.run("for-each-ref", "--format=%(refname)", "refs/exps")).split("\n")[:-1]:
        tip, base = commit_of(git, name), "".join(name.split("/")[2:4])
        is_based = _BASELINE.fullmatch(base) and git.run("rev-parse", "--verify", "-q", f"{base}^{{commit}}", ok=(0, 1))
        found += [tip, *(_walk(git, tip, f"^{base}") if is_based else [])]
    return found


def _stashed(git: Git) -> list[str]:
    """Return the commits that stashes are made of: work tree, index, and untracked files where they were taken."""
    lines = git.run("stash", "list", "--format=%H %P").decode().splitlines()
    if aside := _autostashed(git):
        lines += git.run("rev-list", "--no-walk", "--parents", *aside).decode().splitlines()
    return [
        commit for line in lines for at, commit in enumerate(line.split()) if at != 1
    ]  # that is what it was based on


def _autostashed(git: Git) -> list[str]:
    """Return the stashes, in no list, that a rebase or merge will bring back when it is done."""
    return [place.read_text().strip() for place in git.own_paths(*_AUTOSTASHES) if place.is_file()]


def _staged(git: Git) -> Iterator[tuple[str, str]]:
    for line in git.run("ls-files", "--stage", "-z").split(b"\0")[:-1]:
        about, _, name = line.partition(b"\t")
        mode, blob, _ = about.split(b" ")
        if mode.startswith(b"100"):
            yield os.fsdecode(name), blob.decode()


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
    names = os.fsdecode(git.run("for-each-ref", "--format=%(refname)", prefix)).split("\n")[:-1]
    asked = os.fsencode("".join(f"{name}^{{}}\n" for name in names))
    kinds = git.run("cat-file", "--batch-check=%(objecttype)", stdin=asked).split(b"\n") if names else []
    # a tag may name a file or a folder too; of what is missing commit_of complains
    return [commit_of(git, name) for name, kind in zip(names, kinds, strict=False) if kind not in {b"blob", b"tree"}]


def _origins(git: Git, root: Path, commit: str) -> Iterator[_Origin]:
    return _origins_among(root, git, _tree(git, commit))


def _origins_among(root: Path, git: Git, files: Iterable[tuple[str, str]]) -> Iterator[_Origin]:
    """Yield those of the files (path in Git, blob) that are pointers or locks of this project."""
    below = in_git(git, root)
    here = [(name.removeprefix(below), blob) for name, blob in files if name.startswith(below)]
    blobs = dict(here)
    for name, blob in here:  # in a merge a path stands there up to three times
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
