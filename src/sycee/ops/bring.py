"""``sycee add --out`` and ``--to-remote``: track what lies elsewhere, by a copy in the work tree or on a remote alone.

Order: objects into the cache, or onto the remote; the pointer; then, for a copy, the work tree. A crash before the
pointer leaves objects that nobody names; one after it, a pointer that ``checkout`` follows.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from sycee.core.progress import SILENT, Progress
from sycee.digest import FileDigests
from sycee.errors import Conflict, NotFound
from sycee.formats.foldersums import FileSums
from sycee.formats.pointer import Out
from sycee.ops.add import require_places
from sycee.ops.checkout import Options, checkout
from sycee.ops.storing import Added, Artifact, Manner, listed_folder, strong, taken_folder, write
from sycee.ops.taking import ingest
from sycee.store.direct import send
from sycee.store.expected import Expected
from sycee.store.moving import workers
from sycee.store.objects import Remote, Wanted
from sycee.store.transfer import push
from sycee.system.tree import kind_at
from sycee.workspace.content import Member, files_below, is_executable
from sycee.workspace.gitside import stage_if_wanted
from sycee.workspace.repository import Repository
from sycee.workspace.tracked import Tracked

_COPY = Manner(relink=False)


@dataclass(frozen=True, slots=True)
class Bringing:
    """What is to be tracked, and where.

    Attributes:
        source: The file or folder, absolute; outside the repository or in it.
        target: Where it is tracked, absolute.
        force: Whether what stands there may be replaced.
    """

    source: Path
    target: Path
    force: bool = False


def add_copy(repo: Repository, request: Bringing, *, progress: Progress = SILENT) -> Added:
    """Track a file or folder by a copy of it in the work tree.

    Args:
        repo: The repository.
        request: What, and where.
        progress: Told the bytes.

    Raises:
        NotFound: If the source, or the folder of the target, is absent; nothing is done then.
        Conflict: If something stands at the target, or it cannot be tracked; nothing is done then.
    """
    with repo.locked(writes=[request.target]):
        before = _require_possible(repo, request)
        repo.sweep([request.target])
        added = write(repo, _taken(repo, request, progress), before)
    checkout(repo, repo.tracked([request.target]), Options(force=request.force), progress=progress)
    stage_if_wanted(repo, added.changed)
    return added


def _taken(repo: Repository, request: Bringing, progress: Progress) -> Artifact:
    source, target = request.source.resolve(), request.target
    if source.is_dir():
        return taken_folder(repo, target, files_below(source), progress, _COPY)
    return _file(source, target, ingest(repo, source, progress=progress))


def _file(source: Path, target: Path, digests: FileDigests) -> Artifact:
    out = Out(target.name, digests.md5, digests.size, isexec=is_executable(source))
    return Artifact(target, out, strong(digests), digests)


def add_to_remote(repo: Repository, request: Bringing, remote: Remote, *, progress: Progress = SILENT) -> Added:
    """Track a file or folder whose content goes to a remote only: not into the cache, not into the work tree.

    Of a folder, the list of its files is kept in the cache too.

    Args:
        repo: The repository; it is locked only while the pointer is written.
        request: What, and where; ``force`` lets other content stand at the target.
        remote: Where to.
        progress: Told the bytes.

    Raises:
        NotFound, Conflict: As :func:`add_copy`.
        RemoteError: If the remote fails, or the source changes meanwhile; no pointer is written then.
    """
    with repo.locked(writes=[request.target]):
        _require_possible(repo, request)
    source = request.source.resolve()
    found = files_below(source) if source.is_dir() else [Member(source.name, str(source), source.lstat())]
    digests = _sent(remote, found, progress)
    with repo.locked(writes=[request.target]):
        before = _require_possible(repo, request)
        if source.is_dir():
            artifact = _sent_lists(repo, request.target, remote, [*zip(found, digests, strict=True)])
        else:
            artifact = _file(source, request.target, digests[0])
        added = write(repo, artifact, before, here=kind_at(request.target) is not None)
    stage_if_wanted(repo, added.changed)
    return added


def _sent(remote: Remote, found: Sequence[Member], progress: Progress) -> list[FileDigests]:
    label = found[0].relpath.rpartition("/")[2] if len(found) == 1 else f"{len(found)} files"
    with progress.start(f"sending {label}", 2 * sum(one.size for one in found)) as task, workers(remote) as pool:
        return [*pool.map(lambda one: send(remote, Path(one.path), task.advance), found)]


def _sent_lists(
    repo: Repository, target: Path, remote: Remote, files: Iterable[tuple[Member, FileDigests]]
) -> Artifact:
    """Send the lists of a folder after all of its files, and keep them here."""
    sums = [FileSums(one.relpath, known.size, known.md5, known.sha256, known.blake3) for one, known in files]
    artifact = listed_folder(repo, target, sums, _COPY)
    oid = artifact.out.md5 or ""
    whole = Wanted(repo.relpath(target), Expected(oid), sums=artifact.record[oid]["sums"])
    push(remote, repo.cache, [whole], SILENT).require_success("push")
    return artifact


def _require_possible(repo: Repository, request: Bringing) -> Tracked | None:
    """Return what is tracked at the target, after refusing what cannot be brought there."""
    source, target = Path(os.path.realpath(request.source)), request.target
    kind = kind_at(source)
    if kind in {None, "symlink"}:  # links in a circle lead to nothing either
        raise NotFound(f"{request.source} does not exist", hint="look for a misspelt path")
    if source in target.parents or target in source.parents:
        raise Conflict(f"{request.source} and {target} lie in each other", hint="choose another place for the copy")
    known = {tracked.path: tracked for tracked in repo.tracked()}
    require_places(repo, {target: kind}, known)
    if not target.parent.is_dir():
        hint = f"make it: mkdir -p {quote(str(target.parent))}"
        raise NotFound(f"{repo.relpath(target.parent)} does not exist", hint=hint)
    if kind_at(target) is not None and not request.force and source != target:
        hint = "override it: -f or --force"
        raise Conflict(f"{repo.relpath(target)} already exists", hint=hint, path=repo.relpath(target))
    return known.get(target)
