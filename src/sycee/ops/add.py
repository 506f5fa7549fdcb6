"""``sycee add``: put files and folders under version control by digest; a path in a tracked folder updates that one."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from shlex import quote

from sycee.core.parts import Parts, upwards
from sycee.core.progress import SILENT, Progress
from sycee.digest import FileDigests
from sycee.errors import Conflict, NotFound
from sycee.formats import ignorefile
from sycee.formats.paths import path_fault
from sycee.formats.pointer import Out
from sycee.ops.storing import DEFAULT, Added, Artifact, Manner, is_legacy, store, strong, write
from sycee.ops.taking import take
from sycee.ops.transfer import OpenRemote, have_list
from sycee.system.git import Git
from sycee.system.tree import kind_at
from sycee.workspace.content import Member, cached_by_symlink, is_executable, listed, members, require_utf8
from sycee.workspace.gitside import in_git, stage_if_wanted
from sycee.workspace.ignored import Ignored
from sycee.workspace.placed import remember
from sycee.workspace.repository import Repository
from sycee.workspace.tracked import SUFFIX, Tracked, is_ours, maker, require_seen

MAX_NAME = 255  # bytes, on every file system in use


def add(
    repo: Repository,
    targets: Sequence[Path],
    *,
    manner: Manner = DEFAULT,
    open_remote: OpenRemote | None = None,
    progress: Progress = SILENT,
) -> list[Added]:
    """Track files and folders: objects into the cache, pointers beside the targets.

    A target in a tracked folder updates the pointer of that folder, and needs none of its other files; one that is
    gone is taken out of it.

    Args:
        repo: The repository.
        targets: Absolute paths of files and folders.
        manner: How content is stored.
        open_remote: Where to get the list of files of a tracked folder from, if the cache lacks it.
        progress: Told the bytes.

    Raises:
        NotFound: If a target is absent; nothing is done then.
        Conflict: If a target cannot be tracked; nothing is done then.
    """
    with repo.locked(writes=targets):
        known = {tracked.path: tracked for tracked in repo.tracked()}
        wholes = [target for target in dict.fromkeys(targets) if not _owner(target, known)]
        updates = _updates(targets, known, frozenset(wholes))
        _require_apart(repo, wholes)
        require_addable(repo, wholes, known)
        for folder in updates:
            require_updatable(repo, folder, open_remote, progress)
        repo.sweep(targets)
        _take_together(repo, wholes, known, progress, manner)
        added = [store(repo, target, known.get(target), progress, manner) for target in wholes]
        remember(repo, ((one.path, one.out) for one in added))
        added += [store(repo, folder.path, folder, progress, manner) for folder in updates]
    stage_if_wanted(repo, (path for one in added for path in one.changed))
    return added


def _take_together(
    repo: Repository, targets: Sequence[Path], known: Mapping[Path, Tracked], progress: Progress, manner: Manner
) -> None:
    """Put the files among the targets into the cache at once; who then stores them one by one finds them there."""
    files = [path for path in targets if kind_at(path) == "file" and not is_legacy(known.get(path))]
    if manner.keep and len(files) > 1:
        found = [Member(path.name, str(path), path.lstat()) for path in files]
        take(repo, found, f"adding {len(files)} files", progress=progress)


def _owner(target: Path, known: Mapping[Path, Tracked]) -> Tracked | None:
    """Return the tracked folder in which a path lies, if its pointer can be updated for that path alone."""
    above = next((known[path] for path in target.parents if path in known), None)
    return above if above and above.pointer and above.out.is_dir and is_ours(above) else None


def _updates(targets: Sequence[Path], known: Mapping[Path, Tracked], wholes: frozenset[Path]) -> list[Tracked]:
    """Return the tracked folders of which only parts are to be added, with these parts."""
    names: dict[Path, set[str]] = {}
    for target in targets:
        owner = _owner(target, known)
        if owner and owner.path not in wholes:
            names.setdefault(owner.path, set()).add(target.relative_to(owner.path).as_posix())
    return [known[path]._replace(parts=Parts(frozenset(parts))) for path, parts in names.items()]


def _require_apart(repo: Repository, targets: Sequence[Path]) -> None:
    together = set(targets)
    for target in targets:
        if above := together.intersection(target.parents):
            outer = repo.relpath(above.pop())
            raise Conflict(f"{repo.relpath(target)} lies in {outer}", hint=f"add the whole: sycee add {quote(outer)}")


def require_updatable(repo: Repository, folder: Tracked, open_remote: OpenRemote | None, progress: Progress) -> None:
    """Refuse an update of parts of a tracked folder that cannot be done; fetch the folder's list of files for it.

    Args:
        repo: The repository.
        folder: What is tracked, with the parts to update.
        open_remote: Where to get the list from, if the cache lacks it; None for nowhere.
        progress: Told the bytes.

    Raises:
        NotFound: If the folder is not here, a part is neither here nor in the list, or the list is nowhere.
        Conflict: If a part cannot be tracked.
    """
    if kind_at(folder.path) != "dir":
        hint = f"get it: sycee checkout {quote(folder.relpath)}"
        raise NotFound(f"{folder.relpath} is tracked but not here", hint=hint, path=folder.relpath)
    if folder.out.is_legacy:
        hint = (
            f"bring it up to date once: sycee checkout {quote(folder.relpath)}, then sycee add {quote(folder.relpath)}"
        )
        raise Conflict(f"{folder.relpath} is tracked as before DVC 3, and only as a whole", hint=hint)
    for name in sorted(folder.parts.names):
        _require_part(repo, folder.path / name)
    have_list(repo, folder, open_remote, progress)
    paths = [*(entry.relpath for entry in listed(repo, folder))]
    paths += (member.relpath for member in members(repo, folder.path, folder.parts))
    for name in folder.parts.missing(paths):
        relpath = f"{folder.relpath}/{name}"
        raise NotFound(
            f"{relpath} does not exist, and {folder.relpath} has no such file",
            hint="look for a misspelt path",
            path=relpath,
        )


def _require_part(repo: Repository, target: Path) -> None:
    relpath = repo.relpath(target)
    require_utf8(relpath)
    _require_fit(repo, target, relpath, kind_at(target))
    require_seen(Ignored(repo.root), target, relpath)
    if repo.git:
        _require_not_in_git(repo, repo.git, [target])


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
    require_addable(repo, [path], known)
    out = Out(path.name, digests.md5, digests.size, isexec=is_executable(path))
    record = strong(digests) | ({"card": card_sha256} if card_sha256 else {})
    return write(repo, Artifact(path, out, record, digests), known.get(path))


def require_addable(repo: Repository, targets: Iterable[Path], known: Mapping[Path, Tracked]) -> None:
    """Refuse paths that cannot be tracked.

    Args:
        repo: The repository.
        targets: The paths, absolute.
        known: What is tracked, by its path.

    Raises:
        NotFound: If nothing is at one.
        Conflict: See :func:`require_places`.
    """
    kinds: dict[Path, str] = {}
    for target in targets:
        relpath = repo.relpath(target)
        kind = kind_at(target)
        if kind is None and target not in known:
            raise NotFound(f"{relpath} does not exist", hint="look for a misspelt path", path=relpath)
        if kind is None:
            hint = f"get it: sycee checkout {quote(relpath)}"
            raise NotFound(f"{relpath} is tracked but not here", hint=hint, path=relpath)
        kinds[target] = kind
    require_places(repo, kinds, known)


def require_places(repo: Repository, kinds: Mapping[Path, str], known: Mapping[Path, Tracked]) -> None:
    """Refuse paths that no artifact may have; Git is asked once for all of them.

    Args:
        repo: The repository.
        kinds: The paths, absolute, and what stands at each, or is about to.
        known: What is tracked, by its path.

    Raises:
        Conflict: If Git, DVC or another artifact has one.
    """
    ignored = Ignored(repo.root)
    within = {folder: tracked for path, tracked in reversed([*known.items()]) for folder in path.parents}
    for target, kind in kinds.items():
        _require_place(repo, target, kind, ignored)
        _require_free(target, repo.relpath(target), known, within)
        if target not in known and (step := maker(repo.root, target)):
            made = f"{repo.relpath(target)} is an output of {step}"
            raise Conflict(made, hint="the pipeline writes its pointer: dvc repro")
    if repo.git:
        _require_not_gits(repo, repo.git, [*kinds])


def _require_place(repo: Repository, target: Path, kind: str, ignored: Ignored) -> None:
    relpath = repo.relpath(target)
    require_utf8(relpath)
    _require_fit(repo, target, relpath, kind)
    if len(os.fsencode(target.name + SUFFIX)) > MAX_NAME:
        raise Conflict(f"{relpath} leaves no room for {SUFFIX}: a name has at most {MAX_NAME} bytes", hint="rename it")
    require_seen(ignored, target, relpath)


def _require_fit(repo: Repository, target: Path, relpath: str, kind: str | None) -> None:
    repo.require_real_folders(target)
    if {".git", repo.dvc_dir.name} & set(relpath.split("/")):
        raise Conflict(f"{relpath} belongs to Git or DVC itself")
    if relpath.endswith(SUFFIX) or target.name in {"dvc.yaml", "dvc.lock", ".dvcignore", ".gitignore"}:
        raise Conflict(f"{relpath} has a name that DVC reads as its own", hint="rename the file, or let Git keep it")
    if fault := path_fault(target.name):  # some names are sound on Linux alone
        raise Conflict(f"{relpath} cannot be named in a pointer: {fault}", hint="rename it")
    if kind == "special":
        raise Conflict(f"{relpath} is neither file nor folder")
    if kind == "symlink" and cached_by_symlink(repo, target) is None:
        raise Conflict(f"{relpath} is a symbolic link", hint="add what it points to, or replace it by a copy")


def _require_free(target: Path, relpath: str, known: Mapping[Path, Tracked], within: Mapping[Path, Tracked]) -> None:
    if (before := known.get(target)) and before.pointer is None:
        raise Conflict(
            f"{relpath} is an output of a pipeline, recorded in {before.origin.name}",
            hint="the pipeline keeps its pointer: dvc repro, or dvc commit",
        )
    if above := next((known[folder] for folder in target.parents if folder in known), None):
        raise Conflict(
            f"{relpath} is a part of {above.relpath}, which is tracked as a whole",
            hint=f"add the whole again: sycee add {quote(above.relpath)}",
        )
    if below := within.get(target):
        raise Conflict(
            f"{relpath} contains {below.relpath}, which is tracked by itself",
            hint=f"remove {below.origin.name} first, or add other parts of the folder one by one",
        )


def _require_not_gits(repo: Repository, git: Git, targets: Sequence[Path]) -> None:
    for target in targets:
        ignore_file = target.with_name(".gitignore")
        if ignore_file.is_symlink():  # writing to it would copy what it points to into the repository
            raise Conflict(f"{ignore_file} is a symbolic link, which Git does not read", hint="replace it by a file")
        ignorefile.entry(target.name)  # raises if .gitignore has no way to say it
    _require_not_in_git(repo, git, targets)
    pointers = {in_git(git, target.with_name(target.name + SUFFIX)): target for target in targets}
    for ignored in sorted(git.ignored(pointers)):
        pointer = repo.relpath(pointers[ignored]) + SUFFIX
        raise Conflict(
            f"the pointer {pointer} would be ignored by Git",
            hint=f"find out by which rule: git check-ignore -v {quote(pointer)}",
        )


def _require_not_in_git(repo: Repository, git: Git, targets: Iterable[Path]) -> None:
    names = {in_git(git, target): target for target in targets}
    for tracked in sorted(git.tracked(names)):
        target = next((names[above] for above in upwards(tracked) if above in names), git.root / tracked)
        relpath = repo.relpath(target)
        raise Conflict(
            f"{relpath} is tracked by Git",
            hint=f"take it out of Git, not off the disk: git rm -r --cached {quote(relpath)}, then commit",
        )
