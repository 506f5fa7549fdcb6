"""Small changes to the work tree that belong together: all are done, or the next run does the rest.

They are written down first, whole, in sycee's scratch folder; then they are done, one after the other; then the note
goes. Doing one again changes nothing, so a crash costs a run of the same command and nothing else. What somebody
changed since then is not overwritten: of each file the note knows what it was before.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

from sycee.digest import sha256_hex
from sycee.errors import Conflict, FormatError
from sycee.formats.paths import check_path
from sycee.store.layout import is_object_id
from sycee.system.atomic import write_file
from sycee.system.links import link
from sycee.system.tree import kind_at
from sycee.workspace.gitside import in_git, unlink
from sycee.workspace.repository import Repository


@dataclass(frozen=True, slots=True)
class Change:
    """One file that is written, removed, or put there from the cache.

    Attributes:
        relpath: Relative to the repository's root, with ``/``.
        data: The bytes to write; None to remove the file, or to take it from the cache.
        oid: The object to take; nothing is replaced by it.
        legacy: Whether its pointer is of the time before DVC 3.0.
    """

    relpath: str
    data: bytes | None = None
    oid: str | None = None
    legacy: bool = False


def do_together(repo: Repository, name: str, changes: Sequence[Change]) -> None:
    """Do changes; the repository's lock must be held.

    Args:
        repo: The repository.
        name: Of the note, one for each kind of work.
        changes: In the order in which they are done.
    """
    if changes:
        note = _note(repo, name)
        note.parent.mkdir(parents=True, exist_ok=True)
        write_file(note, json.dumps([_as_json(change, _state(repo, change)) for change in changes]).encode())
        _do(repo, note, changes)


def pending(repo: Repository, name: str) -> bool:
    """Tell whether an interrupted run has left something to do."""
    return kind_at(_note(repo, name)) == "file"


def finish(repo: Repository, name: str) -> list[Change]:
    """Do what an interrupted run has left to do, and return it; the repository's lock must be held.

    Raises:
        FormatError: If the note is none of ours.
        Conflict: If somebody changed one of the files since; nothing is done then.
    """
    note = _note(repo, name)
    if not pending(repo, name):
        return []
    if repo.git and repo.git.tracked([in_git(repo.git, note)]):
        raise FormatError(f"{note} came with the clone: it is no note of a run here", hint="remove it: git rm")
    try:
        noted = [_from_json(value) for value in json.loads(note.read_bytes())]
    except (ValueError, TypeError, KeyError, binascii.Error, FormatError) as error:
        raise FormatError(f"{note} is no note of an interrupted run: {error}", hint="remove it") from None
    for change, before in noted:
        if _state(repo, change) not in {before, _goal(change)}:
            hint = f"keep it, or give it up with git checkout; then give up the interrupted run: rm {quote(str(note))}"
            raise Conflict(f"{change.relpath} changed since a run of {name} was interrupted", hint=hint)
    changes = [change for change, _before in noted]
    repo.sweep(_standing(repo, changes))
    _do(repo, note, changes)
    return changes


def _state(repo: Repository, change: Change) -> str | None:
    """Return the digest of what stands where a change is to be made; None if nothing does."""
    path = repo.root / change.relpath
    if change.oid is not None or kind_at(path) != "file":  # nothing is replaced by an object
        return None
    return sha256_hex(path.read_bytes())


def _goal(change: Change) -> str | None:
    return None if change.data is None else sha256_hex(change.data)


def _standing(repo: Repository, changes: Iterable[Change]) -> list[Path]:
    return [path for change in changes if (path := repo.root / change.relpath).parent.is_dir()]


def _note(repo: Repository, name: str) -> Path:
    return repo.scratch / f"{name}.json"


def _do(repo: Repository, note: Path, changes: Iterable[Change]) -> None:
    for change in changes:
        path = repo.root / change.relpath
        repo.require_real_folders(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        _do_one(repo, path, change)
    unlink(note)


def _do_one(repo: Repository, path: Path, change: Change) -> None:
    if change.oid is not None:
        if kind_at(path) is None and repo.cache.find(change.oid, legacy=change.legacy):
            link(repo.cache.path(change.oid, legacy=change.legacy), path, repo.link_ways)
    elif change.data is None:
        unlink(path)
    elif not _is(path, change.data):
        write_file(path, change.data)


def _is(path: Path, data: bytes) -> bool:
    """Tell whether an ordinary file has these bytes; one that shares its inode with an object is none."""
    return kind_at(path) == "file" and path.lstat().st_nlink == 1 and path.read_bytes() == data


def _as_json(change: Change, before: str | None) -> dict[str, Any]:
    data = None if change.data is None else base64.b64encode(change.data).decode()
    return {"path": change.relpath, "data": data, "oid": change.oid, "legacy": change.legacy, "before": before}


def _from_json(value: dict[str, Any]) -> tuple[Change, str | None]:
    data, oid = value["data"], value["oid"]
    if oid is not None and not is_object_id(oid):
        raise FormatError(f"{oid!r} is not the name of an object")
    path = check_path(value["path"], "path")
    if path.split("/")[0].casefold() == ".dvc":
        raise FormatError(f"{path} lies in .dvc")
    decoded = None if data is None else base64.b64decode(data, validate=True)
    return Change(path, decoded, oid, bool(value["legacy"])), value["before"]
