"""Which files and folders a repository tracks: the outs of its pointers and of its pipelines."""

import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from shlex import quote
from typing import NamedTuple

from sycee.core.parts import WHOLE, Parts
from sycee.errors import Conflict, Fault, FormatError, NotFound
from sycee.formats import pipeline, pointer
from sycee.formats.paths import path_fault
from sycee.formats.pointer import Out, Pointer
from sycee.system.git import Git
from sycee.workspace.ignored import Ignored

SUFFIX = ".dvc"
LOCK = "dvc.lock"
PIPELINE = "dvc.yaml"
_WILDCARD = re.compile(r"[*?\[\\]")  # in Git's patterns


class Tracked(NamedTuple):
    """One tracked file or folder.

    Attributes:
        out: What the pointer, or the pipeline's lock, says about it.
        path: Where it belongs in the work tree, absolute.
        relpath: The same, relative to the repository's root, with ``/``.
        origin: The pointer file or ``dvc.lock`` that names it, absolute.
        pointer: The whole pointer, or None for the output of a pipeline.
        commits: For a state of the past, the chosen commits that track it so.
        stage: The pipeline's step whose output it is, else None.
        kind: ``outs``, or ``metrics`` or ``plots`` if the step declares it so.
        parts: Which of its files are meant, if it is a folder; all, unless targets chose some.
    """

    out: Out
    path: Path
    relpath: str
    origin: Path
    pointer: Pointer | None
    commits: tuple[str, ...] = ()
    stage: str | None = None
    kind: str = "outs"
    parts: Parts = WHOLE


def find_tracked(root: Path, git: Git | None, only: Collection[Path] = ()) -> list[Tracked]:
    """Return everything the work tree tracks, in the order of the files that name it.

    Args:
        root: The repository's root.
        git: Its Git work tree, which knows which folders need not be searched; None to search all.
        only: The pointers to read, if not all.

    Raises:
        FormatError: If a pointer or lock file is unreadable, or two of them claim the same path.
        Conflict: If ``.dvcignore`` names a path that is tracked.
    """
    ignored = Ignored(root)
    named = (origin for origin in _origins(root, git, ignored) if not only or origin in only)
    found = [tracked for origin in named for tracked in read_origin(root, origin, git)]
    _refuse_overlap(found)
    for tracked in found:
        require_seen(ignored, tracked.path, tracked.relpath)
    return found


def origins(root: Path, git: Git | None) -> Iterator[Path]:
    """Return the pointers and ``dvc.lock`` files of the work tree, in the order of their paths, unread.

    Those that ``.dvcignore`` names, and those of other projects inside this one, do not exist.

    Args:
        root: The repository's root.
        git: See :func:`find_tracked`.
    """
    return _origins(root, git, Ignored(root))


def _origins(root: Path, git: Git | None, ignored: Ignored) -> Iterator[Path]:
    names = _listed_by_git(git, root) if git else _walk(root)
    for name in sorted(set(names)):
        path = root / name
        if not ignored.ignores(name) and path.is_file():
            yield path


def select(found: Sequence[Tracked], targets: Iterable[Path], root: Path, *, parts: bool = False) -> list[Tracked]:
    """Return what the targets name, in the order of ``found``.

    A target is an out, its pointer, a folder with tracked files in it, a ``dvc.yaml``, or a step of one (``train``,
    ``dvc.yaml:train``).

    Args:
        found: What is tracked.
        targets: Absolute paths.
        root: The repository's root.
        parts: Whether a target may also lie in a tracked folder; that one is then returned with these parts of it.

    Raises:
        NotFound: If a target names nothing that is tracked.
    """
    chosen: dict[int, Tracked] = {}
    for target in targets:
        named = _named(found, target, parts=parts)
        if not named:
            raise _untracked(found, target, root)
        for place, tracked in named.items():
            before = chosen.get(place, tracked)
            chosen[place] = tracked._replace(parts=before.parts | tracked.parts)
    return [chosen[place] for place in sorted(chosen)]


def _named(found: Sequence[Tracked], target: Path, *, parts: bool) -> dict[int, Tracked]:
    """Return what a target names, by its place in ``found``: by path; if there is none, as a step, or as a part."""
    ways = (_names, _names_step, _lies_in) if parts else (_names, _names_step)
    for names in ways:
        if named := {place: tracked for place, tracked in enumerate(found) if names(target, tracked)}:
            return {place: _part(tracked, target) for place, tracked in named.items()} if names is _lies_in else named
    return {}


def _part(tracked: Tracked, target: Path) -> Tracked:
    return tracked._replace(parts=Parts(frozenset({target.relative_to(tracked.path).as_posix()})))


def _lies_in(target: Path, tracked: Tracked) -> bool:
    return tracked.out.is_dir and tracked.path in target.parents


def _names_step(target: Path, tracked: Tracked) -> bool:
    file, _, step = target.name.rpartition(":")
    if tracked.stage is None or tracked.origin.parent != target.parent or file not in {"", PIPELINE}:
        return False
    return step in {PIPELINE, tracked.stage, tracked.stage.partition("@")[0]}  # of a matrix: all of its steps


def _names(target: Path, tracked: Tracked) -> bool:
    return target in {tracked.path, tracked.origin} or target in tracked.path.parents


def _untracked(found: Sequence[Tracked], target: Path, root: Path) -> NotFound:
    shown = os.path.relpath(target, root)
    inside = next((t for t in found if t.path in target.parents), None)
    if inside:
        return NotFound(f"{shown} is a part of {inside.relpath}", hint=f"name the whole: {inside.relpath}")
    return NotFound(f"{shown} is not tracked here", hint="see what is: sycee status; or track it: sycee add")


def read_origin(root: Path, origin: Path, git: Git | None) -> list[Tracked]:
    """Return the outs that a pointer file or a ``dvc.lock`` names.

    Args:
        root: The repository's root.
        origin: The file.
        git: Its Git work tree, which may have a readable version of a file that is not.

    Raises:
        FormatError: If it breaks its format, or names a path outside the repository.
        NotFound: If it is gone.
    """
    try:
        data = _read(origin)
    except FileNotFoundError:
        raise NotFound(f"{origin} does not exist") from None
    try:
        return parse_origin(root, origin, data, _pipeline_beside(origin))
    except FormatError as error:
        if not error.hint:
            error.advise(f"mend it, or {_instead(root, origin, git)}")
        raise


def _instead(root: Path, origin: Path, git: Git | None) -> str:
    """Return what there is to do about an unreadable file, other than to mend it; only Git knows of a better one."""
    if git is not None:
        name = origin.relative_to(git.root).as_posix()
        for place, command in ((f":{name}", "git checkout --"), (f"HEAD:{name}", "git checkout HEAD --")):
            blob = git.run("rev-parse", "--verify", "--quiet", place, ok=(0, 1, 128)).decode().strip()
            if blob and _is_readable(root, origin, git.blobs([blob]).get(blob, b"")):
                return f"take the last good one: {command} {quote(os.path.relpath(origin, root))}"
    if origin.name == LOCK:
        return "remove it, and make it anew: dvc repro"
    return "remove it, and track what it named again: sycee add"


def _is_readable(root: Path, origin: Path, data: bytes) -> bool:
    try:
        parse_origin(root, origin, data)
    except FormatError:
        return False
    return True


def parse_origin(root: Path, origin: Path, data: bytes, pipeline_data: bytes = b"") -> list[Tracked]:
    """Return the outs that the bytes of a pointer file or a ``dvc.lock`` name.

    Args:
        root: The repository's root.
        origin: Where the file lies, or lay.
        data: Its bytes.
        pipeline_data: The ``dvc.yaml`` beside a ``dvc.lock``; empty if there is none.

    Raises:
        FormatError: If they break their format, or name a path outside the repository.
    """
    name = os.path.relpath(origin, root)
    if origin.name == LOCK:
        steps = pipeline.outs(data, name, pipeline_data)
        return [
            _tracked(root, origin, one.out, one.wdir, None)._replace(stage=one.stage, kind=one.kind) for one in steps
        ]
    parsed = pointer.parse(data, name)
    return [_tracked(root, origin, out, parsed.wdir, parsed) for out in parsed.outs]


def dependencies(root: Path, lock: Path) -> dict[str, list[Path]]:
    """Return the paths, absolute, that each step in a ``dvc.lock`` read.

    Raises:
        FormatError: If it breaks its format.
    """
    read: dict[str, list[Path]] = {}
    name = os.path.relpath(lock, root)
    for step, wdir, path in pipeline.dependencies(_read(lock), name, _pipeline_beside(lock)):
        read.setdefault(step, []).append(Path(os.path.normpath(lock.parent / wdir / path)))
    return read


def maker(root: Path, path: Path) -> str | None:
    """Return the step of a ``dvc.yaml`` above a path whose output it is, as DVC names it; it may not have run yet.

    Raises:
        FormatError: If a ``dvc.yaml`` breaks its format.
    """
    for folder in path.parents:
        if (file := folder / PIPELINE).is_file():
            name = os.path.relpath(file, root)
            for step, wdir, made in pipeline.promised(_read(file), name):
                if path == Path(os.path.normpath(folder / wdir / made)):
                    return f"{name}:{step}"
        if folder == root:
            break
    return None


def _pipeline_beside(origin: Path) -> bytes:
    path = origin.with_name(PIPELINE)
    return _read(path) if origin.name == LOCK and path.is_file() else b""


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(pipeline.MAX_BYTES + 1)  # enough to see that it is too long; a link may lead to any file


def _tracked(root: Path, origin: Path, out: Out, wdir: str, whole: Pointer | None) -> Tracked:
    path = Path(os.path.normpath(origin.parent / wdir / out.path))
    if reason := _misplaced(root, path):
        name = os.path.relpath(origin, root)
        fault = Fault("$.outs", f"{out.path!r} {reason}")
        raise FormatError(f"{name}: {fault.message}", hint="do not use this pointer", faults=[fault], path=name)
    return Tracked(out, path, path.relative_to(root).as_posix(), origin, whole)


def _misplaced(root: Path, path: Path) -> str | None:
    """Say why no tracked file may lie at this path, or None."""
    if root not in path.parents:
        return "lies outside the repository"
    relpath = path.relative_to(root).as_posix()
    if fault := path_fault(relpath):  # the pointer's folders count too: wdir may lead into .git
        return fault
    if any(part.casefold() == SUFFIX for part in relpath.split("/")):
        return "lies in .dvc, where settings are kept"
    return None


def is_ours(tracked: Tracked) -> bool:
    """Tell whether the cache keeps an artifact and sycee can write its digests: it is no import, and not versioned."""
    imported = tracked.pointer is not None and tracked.pointer.imported
    return tracked.out.cache and not tracked.out.versioned and not imported


def require_seen(ignored: Ignored, path: Path, relpath: str) -> None:
    """Refuse to track what DVC does not see; it would not read the pointer.

    Raises:
        Conflict: If ``.dvcignore`` names the path.
    """
    kinds = [path.is_dir()] if path.exists() else [False, True]
    for is_dir in kinds:
        verdict = ignored.by_rules(relpath, is_dir=is_dir)
        if verdict.ignored and verdict.rule:
            hint = "change that rule, or do not track the path"
            raise Conflict(f"{relpath} is ignored by {verdict.rule.source}", hint=hint, path=relpath)


def _refuse_overlap(found: Sequence[Tracked]) -> None:
    claimed = {tracked.path: tracked for tracked in found}
    for tracked in found:
        rivals = [claimed[tracked.path], *(claimed[p] for p in tracked.path.parents if p in claimed)]
        for rival in rivals:
            if rival is not tracked:
                raise FormatError(
                    f"{tracked.relpath} is tracked twice: by {tracked.origin.name} and by {rival.origin.name}",
                    hint="remove one of the two pointers",
                )


def _listed_by_git(git: Git, root: Path) -> Iterator[str]:
    # Git already knows which folders are ignored (environments, data) and walks past them.
    below = "" if root == git.root else f"{root.relative_to(git.root).as_posix()}/"
    inside = ":(top)" + _WILDCARD.sub(r"\\\g<0>", below)
    patterns = (f"{inside}*{SUFFIX}", f"{inside}{LOCK}", f"{inside}*/{LOCK}")
    listing = git.run("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns)
    for raw in listing.split(b"\0"):
        if is_origin(name := os.fsdecode(raw)):
            yield name.removeprefix(below)


def is_origin(name: str) -> bool:
    """Tell whether a path is that of a pointer or of a ``dvc.lock``."""
    base = name.rpartition("/")[2]
    return base == LOCK or (base.endswith(SUFFIX) and base != SUFFIX)


def _walk(root: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in {".git", ".dvc", ".hg"})
        prefix = Path(folder).relative_to(root)
        yield from ((prefix / name).as_posix() for name in files if is_origin(name))
