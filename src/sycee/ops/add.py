"""``sycee add``: put files and folders under version control by digest.

Order, each step durable before the next: objects into the cache, the ``.gitignore`` entry, the pointer. So a crash
leaves at worst objects that nobody names, and never a pointer without its object or a large file that Git would take.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from typing import Any

from sycee.core.progress import SILENT, Progress
from sycee.digest import FileDigests
from sycee.errors import Conflict, NotFound
from sycee.formats import dirobject, ignorefile, pointer
from sycee.formats.dirobject import Entry
from sycee.formats.foldersums import FileSums
from sycee.formats.pointer import Out
from sycee.store import sums
from sycee.system.atomic import write_file
from sycee.system.git import Git
from sycee.system.links import SHARED_INODE, link
from sycee.system.onepass import legacy_md5_file
from sycee.system.tree import kind_at
from sycee.workspace.content import cached_by_symlink, is_executable, members, require_utf8
from sycee.workspace.gitside import ignore, in_git, stage_if_wanted
from sycee.workspace.ignored import Ignored
from sycee.workspace.repository import Repository
from sycee.workspace.tracked import SUFFIX, Tracked, require_seen


@dataclass(frozen=True, slots=True)
class Added:
    """One target after ``add``.

    Attributes:
        path: The file or folder, absolute.
        pointer: Its pointer, absolute.
        out: What the pointer now says.
        digests: All digests of a file; None for a folder.
        changed: The files that Git has to know of: the pointer, the ``.gitignore``; empty when nothing changed.
    """

    path: Path
    pointer: Path
    out: Out
    digests: FileDigests | None
    changed: tuple[Path, ...]


def add(repo: Repository, targets: Sequence[Path], *, progress: Progress = SILENT) -> list[Added]:
    """Track files and folders: objects into the cache, pointers beside the targets.

    Args:
        repo: The repository.
        targets: Absolute paths of files and folders.
        progress: Told the bytes.

    Raises:
        NotFound: If a target is absent; nothing is done then.
        Conflict: If a target cannot be tracked; nothing is done then.
    """
    with repo.locked(writes=targets):
        known = {tracked.path: tracked for tracked in repo.tracked()}
        for target in targets:
            require_addable(repo, target, known)
        repo.sweep(targets)
        added = [store(repo, target, known.get(target), progress) for target in targets]
    stage_if_wanted(repo, (path for one in added for path in one.changed))
    return added


def ingest(repo: Repository, path: Path, *, progress: Progress = SILENT) -> FileDigests:
    """Put one file into the cache, in one read pass, and return its digests. The work tree does not change."""
    with progress.start(f"adding {path.name}", path.stat().st_size) as task:
        return repo.cache.ingest(path, on_bytes=task.advance)


def track(
    repo: Repository,
    path: Path,
    digests: FileDigests,
    *,
    tracked: Sequence[Tracked] | None = None,
    card_sha256: str | None = None,
) -> Added:
    """Write the pointer of a file whose object is in the cache.

    Args:
        repo: The repository; its lock is held by the caller.
        path: The file, absolute.
        digests: What :func:`ingest` returned for it.
        tracked: What is tracked already, if the caller knows; it saves a search for each file.
        card_sha256: The sha256 of the model card that belongs to it, kept in the pointer.

    Raises:
        Conflict: If the file cannot be tracked.
    """
    known = {one.path: one for one in (repo.tracked() if tracked is None else tracked)}
    require_addable(repo, path, known)
    out = Out(path.name, digests.md5, digests.size, isexec=is_executable(path))
    record = _strong(digests) | ({"card": card_sha256} if card_sha256 else {})
    return _write(repo, _Artifact(path, out, record, digests), known.get(path))


@dataclass(frozen=True, slots=True)
class _Artifact:
    """What is to be written into a pointer.

    Attributes:
        path: The file or folder, absolute.
        out: Its out.
        record: What belongs into ``meta.sycee``.
        digests: All digests of a file; None for a folder.
    """

    path: Path
    out: Out
    record: Mapping[str, Any]
    digests: FileDigests | None = None


def _strong(digests: FileDigests) -> dict[str, Any]:
    return {digests.md5: {"sha256": digests.sha256, "blake3": digests.blake3}}


def store(repo: Repository, target: Path, before: Tracked | None, progress: Progress) -> Added:
    """Store what stands at a path and write its pointer; the lock must be held, and :func:`require_addable` asked.

    Args:
        repo: The repository.
        target: The file or folder, absolute.
        before: What its pointer says now, or None if it has none.
        progress: Told the bytes.
    """
    if target.is_dir():
        return _write(repo, _add_folder(repo, target, progress), before)
    if before and before.out.hash is None and legacy_md5_file(target) == before.out.md5:
        return Added(target, before.origin, before.out, None, ())  # as DVC: an unchanged old pointer stays as it is
    if oid := cached_by_symlink(repo, target):
        digests = repo.cache.verified(oid)
    else:
        digests = ingest(repo, target, progress=progress)
    out = Out(target.name, digests.md5, digests.size, isexec=is_executable(target))
    _relink(repo, target, digests.md5)
    return _write(repo, _Artifact(target, out, _strong(digests), digests), before)


def _add_folder(repo: Repository, folder: Path, progress: Progress) -> _Artifact:
    """Store the files of a folder, its directory object and its sums."""
    found = members(repo, folder)
    files = []
    with progress.start(f"adding {folder.name}/", sum(member.size for member in found)) as task:
        for member in found:
            one = repo.cache.ingest(member.path, on_bytes=task.advance)
            files.append(FileSums(member.relpath, one.size, one.md5, one.sha256, one.blake3))
            _relink(repo, folder / member.relpath, one.md5)
    listing = dirobject.render(Entry(file.relpath, file.md5) for file in files)
    oid = repo.cache.put_bytes(listing, suffix=dirobject.SUFFIX)
    out = Out(folder.name, oid, sum(file.size for file in files), nfiles=len(files))
    return _Artifact(folder, out, {oid: {"sums": sums.keep(repo.cache, files)}})


def _relink(repo: Repository, path: Path, oid: str) -> None:
    """Replace the file by a link into the cache where the configuration asks for one inode instead of two.

    An executable file stays: it cannot be one with an object, whose mode is 0444.
    """
    if repo.link_ways[0] in SHARED_INODE and kind_at(path) == "file" and not is_executable(path):
        link(repo.cache.path(oid), path, repo.link_ways)


def _write(repo: Repository, artifact: _Artifact, before: Tracked | None) -> Added:
    path, out = artifact.path, artifact.out
    ignored = ignore(repo, path)
    origin = before.origin if before else path.with_name(path.name + SUFFIX)
    data = _pointer_bytes(origin, artifact, before)
    changed = [] if before and before.pointer and data == before.pointer.raw else [origin]
    if changed:
        write_file(origin, data)
    return Added(path, origin, out, artifact.digests, (*changed, *ignored))


def _pointer_bytes(origin: Path, artifact: _Artifact, before: Tracked | None) -> bytes:
    out = artifact.out
    if before is None or before.pointer is None:
        return pointer.render(out, artifact.record)
    # Card and signature of other content do not belong to this one any more.
    stale = {"card": None, "sig": None} if before.out.md5 != out.md5 else {}
    record = {**stale, **artifact.record}
    return pointer.patch(before.pointer.raw, origin.name, replace(out, path=before.out.path), record)


def require_addable(repo: Repository, target: Path, known: Mapping[Path, Tracked]) -> None:
    """Refuse a path that cannot be tracked.

    Args:
        repo: The repository.
        target: The path, absolute.
        known: What is tracked, by its path.

    Raises:
        NotFound: If nothing is there.
        Conflict: See :func:`require_place`.
    """
    relpath = repo.relpath(target)
    kind = kind_at(target)
    if kind is None and target not in known:
        raise NotFound(f"{relpath} does not exist", hint="look for a misspelt path", path=relpath)
    if kind is None:
        hint = f"get it: sycee checkout {quote(relpath)}"
        raise NotFound(f"{relpath} is tracked but not here", hint=hint, path=relpath)
    require_place(repo, target, kind, known)


def require_place(repo: Repository, target: Path, kind: str, known: Mapping[Path, Tracked]) -> None:
    """Refuse a path that no artifact may have.

    Args:
        repo: The repository.
        target: The path, absolute.
        kind: What stands there, or is about to.
        known: What is tracked, by its path.

    Raises:
        Conflict: If Git, DVC or another artifact has it.
    """
    relpath = repo.relpath(target)
    require_utf8(relpath)
    _require_fit(repo, target, relpath, kind)
    require_seen(Ignored(repo.root), target, relpath)
    _require_free(target, relpath, known)
    if repo.git:
        _require_not_gits(repo.git, target, relpath)


def _require_fit(repo: Repository, target: Path, relpath: str, kind: str) -> None:
    repo.require_real_folders(target)
    if {".git", repo.dvc_dir.name} & set(relpath.split("/")):
        raise Conflict(f"{relpath} belongs to Git or DVC itself")
    if relpath.endswith(SUFFIX) or target.name in {"dvc.yaml", "dvc.lock", ".dvcignore", ".gitignore"}:
        raise Conflict(f"{relpath} has a name that DVC reads as its own", hint="rename the file, or let Git keep it")
    if kind == "special":
        raise Conflict(f"{relpath} is neither file nor folder")
    if kind == "symlink" and cached_by_symlink(repo, target) is None:
        raise Conflict(f"{relpath} is a symbolic link", hint="add what it points to, or replace it by a copy")


def _require_free(target: Path, relpath: str, known: Mapping[Path, Tracked]) -> None:
    if (before := known.get(target)) and before.pointer is None:
        raise Conflict(
            f"{relpath} is an output of a pipeline, recorded in {before.origin.name}",
            hint="the pipeline keeps its pointer: dvc repro, or dvc commit",
        )
    for path, tracked in known.items():
        if path in target.parents:
            raise Conflict(
                f"{relpath} is a part of {tracked.relpath}, which is tracked as a whole",
                hint=f"add the whole again: sycee add {quote(tracked.relpath)}",
            )
        if target in path.parents:
            raise Conflict(
                f"{relpath} contains {tracked.relpath}, which is tracked by itself",
                hint=f"remove {tracked.origin.name} first, or add other parts of the folder one by one",
            )


def _require_not_gits(git: Git, target: Path, relpath: str) -> None:
    ignore_file = target.with_name(".gitignore")
    if ignore_file.is_symlink():  # writing to it would copy what it points to into the repository
        raise Conflict(f"{ignore_file} is a symbolic link, which Git does not read", hint="replace it by a file")
    ignorefile.entry(target.name)  # raises if .gitignore has no way to say it
    if git.tracked([in_git(git, target)]):
        raise Conflict(
            f"{relpath} is tracked by Git",
            hint=f"take it out of Git, not off the disk: git rm -r --cached {quote(relpath)}, then commit",
        )
    if git.ignored([in_git(git, target.with_name(target.name + SUFFIX))]):
        raise Conflict(
            f"the pointer {relpath}{SUFFIX} would be ignored by Git",
            hint=f"find out by which rule: git check-ignore -v {quote(relpath + SUFFIX)}",
        )
