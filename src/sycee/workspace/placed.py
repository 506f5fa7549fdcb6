"""What tracked files and folders were put into this work tree, so that a checkout can take them away again.

After a switch of branches the data of the other branch is still there: Git ignores it, and does not remove it. So add
and checkout note what they leave behind, in ``.dvc/tmp/sycee/placed.json``. The note gives no right to delete: that
needs bytes that are unchanged and stored (``ops/vanished.py``). Losing it costs nothing but that such files stay.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

from sycee.formats.paths import DVC_DIR, path_fault
from sycee.formats.pointer import Out
from sycee.store.layout import is_object_id
from sycee.system.atomic import replacing, sweep, write_all
from sycee.system.tree import kind_at, scan
from sycee.workspace.repository import Repository

MAX_BYTES = 64 << 20
GOING = ""


@dataclass(frozen=True, slots=True)
class Placed:
    """One file or folder.

    Attributes:
        oid: Its object id.
        legacy: Whether that is of the time before DVC 3.0.
        token: Changes when a file of it is written or replaced, or comes or goes; :data:`GOING` while a checkout takes
            it away.
    """

    oid: str
    legacy: bool
    token: str


def placed(repo: Repository) -> dict[str, Placed]:
    """Return what is noted, by path below the root; empty if the note is absent or damaged."""
    with suppress(OSError, ValueError, RecursionError):
        with note(repo).open("rb") as file:
            rows = json.loads(file.read(MAX_BYTES))
        if isinstance(rows, dict):
            found = {path: _row(path, row) for path, row in rows.items()}
            return {path: row for path, row in found.items() if row}
    return {}


def remember(
    repo: Repository, outs: Iterable[tuple[Path, Out]], *, gone: Iterable[str] = (), fresh: Iterable[str] = ()
) -> None:
    """Note what stands in the work tree now; the lock must be held.

    Args:
        repo: The repository.
        outs: Path and out of what stands there just as its pointer says.
        gone: Paths below the root that are no concern of ours any more.
        fresh: Those of ``outs``, below the root, that were written although the note may have their object id.
    """
    before, dropped, rewritten = placed(repo), set(gone), set(fresh)
    after = {path: row for path, row in before.items() if path not in dropped}
    for path, out in outs:
        name = repo.relpath(path)
        known = None if name in rewritten else after.get(name)
        if out.md5 and out.cache and (known is None or not _is_of(known, out)):
            after[name] = Placed(out.md5, out.is_legacy, token(path))
    if after != before:
        _write(repo, after)


def going(repo: Repository, relpaths: Iterable[str]) -> None:
    """Note that a checkout takes these away now: should it be killed, the next one goes on; the lock must be held."""
    rows, names = placed(repo), set(relpaths)
    if names:
        _write(repo, {path: replace(row, token=GOING) if path in names else row for path, row in rows.items()})


def token(path: Path) -> str:
    """Return what changes when a file, or any file of a folder, is written or replaced, or comes or goes."""
    digest = blake2b(digest_size=16)
    for name, status in _looked_at(path):
        digest.update(os.fsencode(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\0"))
    return digest.hexdigest()


def files(path: Path) -> list[Path]:
    """Return the file at a path, or all that a folder there holds and that are no folders."""
    return [path / name for name, _ in _looked_at(path)]


def _looked_at(path: Path) -> Iterator[tuple[str, os.stat_result]]:
    kind = kind_at(path)
    if kind == "dir":
        yield from ((entry.relpath, entry.stat) for entry in scan(path) if entry.kind != "dir")
    elif kind is not None:
        yield ".", path.lstat()


def _is_of(row: Placed, out: Out) -> bool:
    return (row.oid, row.legacy) == (out.md5, out.is_legacy) and row.token != GOING


def note(repo: Repository) -> Path:
    """Return where the note is kept."""
    return repo.scratch / "placed.json"


def _row(path: str, row: object) -> Placed | None:
    # No line, whoever wrote it, leads out of the work tree or into anybody's settings.
    if path_fault(path) or DVC_DIR in path.casefold().split("/") or not isinstance(row, list) or len(row) != 3:
        return None
    oid, legacy, its_token = row
    is_sound = isinstance(oid, str) and is_object_id(oid) and isinstance(legacy, bool) and isinstance(its_token, str)
    return Placed(oid, legacy, its_token) if is_sound else None


def _write(repo: Repository, rows: Mapping[str, Placed]) -> None:
    data = json.dumps({path: [row.oid, row.legacy, row.token] for path, row in sorted(rows.items())}).encode()
    with suppress(OSError):  # a read-only or full disk is no reason to fail: see above
        repo.scratch.mkdir(parents=True, exist_ok=True)
        sweep(repo.scratch)
        with replacing(note(repo), durable=False) as fd:
            write_all(fd, data)
