"""``sycee data status``: three states beside each other: the last commit, the pointers, the work tree. Reads only."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sycee.core.diff import Change, Entry, Kind, Listing, compare, missing, order
from sycee.core.progress import SILENT, Progress
from sycee.ops.transfer import OpenRemote, pushable
from sycee.store.expected import Expected
from sycee.store.objects import Remote, Wanted
from sycee.store.transfer import present
from sycee.system.tree import kind_at
from sycee.workspace.listing import is_cached, lying, named, pointed, require_known
from sycee.workspace.repository import Repository
from sycee.workspace.revisions import Revisions, read_history
from sycee.workspace.tracked import Tracked

Changes = Mapping[Kind, Sequence[Change]]


@dataclass(frozen=True, slots=True)
class DataRequest:
    """What to look at.

    Attributes:
        targets: Absolute paths of tracked files and folders, or of what is in them or around them; none for everything.
        granular: Whether to list the files of folders.
    """

    targets: tuple[Path, ...] = ()
    granular: bool = False


@dataclass(frozen=True, slots=True)
class DataStatus:
    """What differs between the last commit, the pointers, and the work tree.

    Attributes:
        not_in_cache: What the pointers name and the cache lacks.
        committed: From the last commit to the pointers of the work tree; nothing without Git.
        uncommitted: From the pointers to the files.
        unchanged: What is the same in all three.
        unreadable: One message for each pointer of the last commit that cannot be read.
    """

    not_in_cache: tuple[Entry, ...]
    committed: Changes
    uncommitted: Changes
    unchanged: tuple[Entry, ...]
    unreadable: tuple[str, ...] = ()


def data_status(repo: Repository, request: DataRequest, *, progress: Progress = SILENT) -> DataStatus:
    """Compare the last commit, the pointers and the work tree.

    Args:
        repo: The repository; before the first commit, all that it tracks is added.
        request: What to look at.
        progress: Told the bytes, if files have to be hashed.

    Raises:
        NotFound: If a target is neither tracked nor there.
        FormatError: If a pointer of the work tree is unreadable.
        Conflict: If something in a tracked folder is neither file nor folder.
    """
    tracked = repo.tracked()
    past, unreadable = _head(repo)
    paths = named(repo, request.targets, [*tracked, *past])
    pointers = pointed(repo, tracked, granular=request.granular).within(paths)
    files = lying(repo, tracked, granular=request.granular, progress=progress).within(paths)
    head = pointed(repo, past, granular=request.granular).within(paths)
    uncommitted = compare(pointers, files)
    committed = compare(head, pointers) if repo.git else []
    require_known((path for path in paths if kind_at(repo.root / path) is None), [*tracked, *past], head, pointers)
    same = [set(_of_kind(changes, Kind.UNCHANGED)) for changes in (uncommitted, committed)]
    unchanged = same[0] & same[1] if repo.git else same[0]
    return DataStatus(
        tuple(missing(uncommitted, lambda content: is_cached(repo.cache, content))),
        _grouped(committed),
        _grouped(uncommitted),
        tuple(sorted(unchanged, key=lambda entry: order(entry.path))),
        unreadable,
    )


def _head(repo: Repository) -> tuple[Sequence[Tracked], tuple[str, ...]]:
    if repo.git is None or repo.git.head() is None:
        return (), ()
    history = read_history(repo.root, repo.git, Revisions(revs=("HEAD",)))
    return history.tracked, history.unreadable


def _of_kind(changes: Iterable[Change], kind: Kind) -> list[Entry]:
    return [change.entry for change in changes if change.kind is kind]


def _grouped(changes: Iterable[Change]) -> Changes:
    groups: dict[Kind, list[Change]] = {}
    for change in changes:
        if change.kind is not Kind.UNCHANGED and not (change.kind is Kind.UNKNOWN and change.new is None):
            groups.setdefault(change.kind, []).append(change)
    return groups


def not_in_remote(repo: Repository, request: DataRequest, open_remote: OpenRemote) -> list[Entry]:
    """Return what the pointers name and the remote lacks, in the order of paths.

    Args:
        repo: The repository.
        request: What to look at; ``push: false`` is left out.
        open_remote: Gives the remote an out is bound to by name, and for None the one the user chose.

    Raises:
        RemoteError: If a remote cannot be asked.
    """
    pushed = pushable(repo.tracked())
    paths = named(repo, request.targets, pushed)
    lacking: list[Entry] = []
    for name in {one.out.remote for one in pushed}:
        listing = pointed(repo, [one for one in pushed if one.out.remote == name], granular=request.granular)
        lacking += _lacking(open_remote(name), listing.within(paths))
    return sorted(lacking, key=lambda entry: order(entry.path))


def _lacking(remote: Remote, listing: Listing) -> list[Entry]:
    entries = [Entry(path, content) for path, content in listing.contents.items()]
    wanted = [Wanted(e.path, Expected(e.content.oid), e.content.legacy) for e in entries]
    stored = present(remote, wanted)
    return [entry for entry in entries if entry.content.oid not in stored]


def untracked(repo: Repository, targets: Sequence[Path] = ()) -> list[Path]:
    """Return the files below the root that neither Git nor a pointer knows, absolute, in the order Git gives them.

    Args:
        repo: The repository; one without Git has none.
        targets: Absolute paths to stay in; none for everything.
    """
    if repo.git is None:
        return []
    listing = repo.git.run("ls-files", "-z", "--others", "--exclude-standard").split(b"\0")[:-1]
    found = [repo.git.root / os.fsdecode(name) for name in listing]
    return [path for path in found if repo.root in path.parents and _within(path, targets)]


def _within(path: Path, targets: Sequence[Path]) -> bool:
    return not targets or any(target == path or target in path.parents for target in targets)
