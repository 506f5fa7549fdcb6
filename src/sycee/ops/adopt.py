"""``sycee adopt``: give models that are tracked already a card, strong digests and a folder of their own.

Nothing is uploaded, and no path that somebody uses goes away: new pointers name the objects that are there. All changes
of all models are written down before the first is done (workspace/together), so a killed run is completed by the next.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from sycee.core import modelfolder
from sycee.digest import FileDigests, sha256_hex
from sycee.errors import Conflict, SyceeError
from sycee.formats import card, ignorefile, pipeline, pointer, yamldialect
from sycee.formats.pointer import Out
from sycee.ops.adoptable import MAX_FILES, Choice, Left, Model, find_models
from sycee.ops.adoptcard import adopted_card
from sycee.ops.copies import Copies
from sycee.ops.frozen import FrozenFile, utc_now
from sycee.ops.gather import default_name
from sycee.store.layout import md5_of
from sycee.store.objects import Wanted
from sycee.system.tree import kind_at
from sycee.workspace.content import current_id
from sycee.workspace.gitside import for_git, in_git, stage_if_wanted
from sycee.workspace.repository import Repository
from sycee.workspace.together import Change, do_together, finish, pending
from sycee.workspace.tracked import PIPELINE, SUFFIX, Tracked
from sycee.workspace.wanted import wanted

NOTE = "adopt"
GIT_LIMIT = 1 << 20  # bytes: of what is no weights, larger files keep a pointer
GIT_TOTAL = 64 << 20  # bytes: more than this is no configuration
_RESERVED = {".gitignore", ".gitattributes", ".dvcignore", *modelfolder.PIPELINE}


@dataclass(frozen=True, slots=True)
class AdoptRequest:
    """What to adopt, and how.

    Attributes:
        targets: Absolute paths; empty for everything that looks like a model.
        task: What the models do, if the user said so.
        as_one: Whether several weights in one folder are one model.
        dry_run: Whether nothing is to be read from remotes in full, and nothing changed.
        now: The clock, in UTC.
    """

    targets: tuple[Path, ...] = ()
    task: str | None = None
    as_one: bool = False
    dry_run: bool = False
    now: dt.datetime = field(default_factory=utc_now)


@dataclass(frozen=True, slots=True)
class Adopted:
    """One model.

    Attributes:
        model: What was found.
        weights: Name below the folder and size in bytes of each file of the weights.
        left_out: Files in the folder that trainers leave, and that cannot be signed with it.
        changes: Mark (``A``, ``M``, ``D``) and path of every file that changes, in the order of writing.
    """

    model: Model
    weights: tuple[tuple[str, int], ...]
    left_out: tuple[str, ...]
    changes: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Adoption:
    """What was done, or would be.

    Attributes:
        models: What is adopted.
        shared: Mark and path of the files that belong to no single model.
        left: What is left alone.
        completed: What an interrupted run had left to do.
        for_git: The files that Git has to know of.
        ignored: Those of them that Git ignores.
    """

    models: tuple[Adopted, ...]
    shared: tuple[tuple[str, str], ...]
    left: tuple[Left, ...]
    completed: tuple[str, ...] = ()
    for_git: tuple[Path, ...] = ()
    ignored: tuple[str, ...] = ()


def adopt(repo: Repository, request: AdoptRequest, copies: Copies) -> Adoption:
    """Adopt models.

    Args:
        repo: The repository.
        request: What, and how.
        copies: Where the bytes of objects may be.

    Raises:
        NotFound: If a target names nothing that is tracked.
        Conflict: If only a look is asked for, and an interrupted run has left something to do.
    """
    if request.dry_run:
        if pending(repo, NOTE):
            raise Conflict("an interrupted run has left something to do", hint="let it go on: sycee adopt --all")
        return _Adopter(repo, request, copies, lambda item: _unread(copies, item)).plan()[0]
    targets = () if pending(repo, NOTE) else request.targets  # which may not be tracked just now
    with repo.locked(writes=[one.path for one in repo.tracked(targets)]):
        done = finish(repo, NOTE)
        adoption, changes = _Adopter(repo, request, copies, copies.digests).plan()
        do_together(repo, NOTE, changes)
    written = [repo.root / change.relpath for change in (*done, *changes) if change.oid is None]
    known = for_git(repo, written)
    stage_if_wanted(repo, known)
    ignored = repo.git.ignored([in_git(repo.git, path) for path in known]) if repo.git and known else set()
    completed = tuple(change.relpath for change in done)
    return replace(adoption, completed=completed, for_git=known, ignored=tuple(sorted(ignored)))


def _unread(copies: Copies, item: Wanted) -> FileDigests:
    """Return what is known of an object without reading it: enough to say which files will change."""
    unknown = "0" * 64
    return FileDigests(copies.size(item), md5_of(item.oid), unknown, unknown)


class _Adopter:
    """Works out what has to change; writes nothing."""

    def __init__(
        self, repo: Repository, request: AdoptRequest, copies: Copies, digests: Callable[[Wanted], FileDigests]
    ) -> None:
        self._repo = repo
        self._request = request
        self._copies = copies
        self._digests = digests
        self._tracked = repo.tracked()
        self._planned: dict[str, bytes | None] = {}  # of files that several models change

    def plan(self) -> tuple[Adoption, list[Change]]:
        """Return what will be done, and every change it takes, in order."""
        request = self._request
        choice = Choice(self._repo.root, self._tracked, request.targets, request.as_one, self._member_names)
        models, left = find_models(choice)
        done: list[Adopted] = []
        changes: list[Change] = []
        for model in models:
            try:
                adopted, own = self._adopted(model)
            except SyceeError as error:
                left.append(Left(model.tracked[0].relpath, error.message, asked=bool(request.targets)))
                continue
            done.append(adopted)
            changes += own
            self._list(model)
        shared = [Change(relpath, data) for relpath, data in self._planned.items()]
        marks = tuple((_mark(self._repo, change), change.relpath) for change in shared)
        return Adoption(tuple(done), marks, tuple(left)), [*changes, *shared]

    def _member_names(self, one: Tracked) -> list[str]:
        item = wanted(one)
        return [_below(one, part) for part in self._copies.members(item)] if item else []

    def _adopted(self, model: Model) -> tuple[Adopted, list[Change]]:
        whole = model.kind == "whole folder"
        files, changes = self._split(model) if whole else self._single(model)
        weights = tuple((file.path, file.digests.size) for file in files if not modelfolder.is_leftover(file.path))
        left_out = tuple(file.path for file in files if modelfolder.is_leftover(file.path))
        marked = [(_mark(self._repo, change, is_new=whole), change.relpath) for change in changes]
        return Adopted(model, weights, left_out, tuple((mark, path) for mark, path in marked if mark)), changes

    def _single(self, model: Model) -> tuple[list[FrozenFile], list[Change]]:
        """Weights that have pointers of their own: they get the card, or second pointers in a new folder."""
        files = [self._frozen(one, one.path.name) for one in model.tracked]
        written = self._card(model, files)
        moved = model.kind == "flat folder"
        folder = self._relpath(model.folder)
        changes = []
        if moved:
            lines = b""
            for one in model.tracked:
                lines = ignorefile.add(lines, one.path.name)
            changes.append(Change(f"{folder}/.gitignore", lines))
            for one in model.tracked:
                legacy = one.out.is_legacy
                changes.append(Change(f"{folder}/{one.path.name}", oid=one.out.md5, legacy=legacy))
        changes += [*self._attributes(model), Change(f"{folder}/{card.FILE_NAME}", written)]
        for one, file in zip(model.tracked, files, strict=True):
            record = _record(one.out, file, written)
            if moved:
                data = pointer.render(one.out._replace(path=one.path.name), record)
                changes.append(Change(f"{folder}/{one.path.name}{SUFFIX}", data))
            elif one.pointer:
                data = pointer.patch(one.pointer.raw, one.origin.name, one.out, record)
                changes.append(Change(self._relpath(one.origin), data))
        return files, changes

    def _frozen(self, one: Tracked, name: str) -> FrozenFile:
        item = wanted(one)
        if item is None:
            raise Conflict(f"{one.relpath} is kept by another store than the cache")
        return FrozenFile(name, self._digests(item), "pointer" if one.pointer else "pipeline")

    def _split(self, model: Model) -> tuple[list[FrozenFile], list[Change]]:
        """A folder that is tracked as a whole: small files go to Git, each other one gets a pointer."""
        (one,) = model.tracked
        if current_id(self._repo, one) not in {None, one.out.md5}:
            raise Conflict(f"{one.relpath} has changes: sycee add or sycee checkout first")
        item = wanted(one)
        parts = {_below(one, part): part for part in (self._copies.members(item) if item else [])}
        _require_names(one, parts)
        if len(parts) > MAX_FILES:
            raise Conflict(f"{one.relpath} has {len(parts)} files, more than {MAX_FILES}: is it a model?")
        small = {name for name, part in parts.items() if self._is_small(name, part)}
        if sum(self._copies.size(parts[name]) for name in small) > GIT_TOTAL:
            raise Conflict(f"{one.relpath} has more than {GIT_TOTAL} bytes of small files, too many for Git")
        held = {
            name: FrozenFile(name, self._digests(part), "pointer") for name, part in parts.items() if name not in small
        }
        if not held:
            raise Conflict(f"{one.relpath} has no weights")
        written = self._card(model, list(held.values()))
        folder = one.relpath
        self._unignore(one)
        return list(held.values()), [
            Change(self._relpath(one.origin)),
            *_ignore_files(folder, held),
            *(Change(f"{folder}/{name}", self._copies.read(parts[name])) for name in sorted(small)),
            *self._attributes(model),
            Change(f"{folder}/{card.FILE_NAME}", written),
            *(_part_pointer(one, parts[name], file, written) for name, file in held.items()),
        ]

    def _is_small(self, name: str, part: Wanted) -> bool:
        is_weights = name.lower().endswith(modelfolder.WEIGHT_SUFFIXES)
        return not is_weights and not modelfolder.is_leftover(name) and self._copies.size(part) <= GIT_LIMIT

    def _card(self, model: Model, files: Sequence[FrozenFile]) -> bytes:
        given: dict[str, Any] = {"created": self._request.now.strftime("%Y-%m-%dT%H:%M:%SZ")}
        if self._request.task:
            given["task"] = self._request.task
        if description := _description(model.tracked[0]):
            given["description"] = description
        weights = [file for file in files if not modelfolder.is_leftover(file.path)]
        return adopted_card(self._repo.root, self._tracked, model, weights, given)

    def _attributes(self, model: Model) -> Iterator[Change]:
        path = model.folder / modelfolder.ATTRIBUTES
        if kind_at(path) is None:
            yield Change(self._relpath(path), modelfolder.ATTRIBUTES_BYTES)

    def _unignore(self, one: Tracked) -> None:
        path = one.path.with_name(".gitignore")
        present = self._read(path)
        if present and (kept := ignorefile.remove(present, one.path.name)) != present:
            self._planned[self._relpath(path)] = kept

    def _list(self, model: Model) -> None:
        """Enter the model into ``artifacts:`` of ``dvc.yaml``, as freeze does."""
        path, name = self._repo.root / PIPELINE, default_name(model.folder)
        if not name or kind_at(path) not in {"file", None}:
            return
        present = self._read(path) or b""
        try:
            listed = pipeline.with_artifact(present, PIPELINE, name, self._relpath(model.folder))
        except SyceeError:  # the file is the user's; it lists what they want it to list
            return
        if listed != present:
            self._planned[PIPELINE] = listed

    def _read(self, path: Path) -> bytes | None:
        """Return a file as it will be after what is planned so far."""
        relpath = self._relpath(path)
        if relpath in self._planned:
            return self._planned[relpath]
        return path.read_bytes() if kind_at(path) == "file" else None

    def _relpath(self, path: Path) -> str:
        return path.relative_to(self._repo.root).as_posix()


def _below(one: Tracked, part: Wanted) -> str:
    return part.label.removeprefix(f"{one.relpath}/")


def _record(out: Out, file: FrozenFile, written: bytes) -> dict[str, Any]:
    digests = {"sha256": file.digests.sha256, "blake3": file.digests.blake3}
    return {str(out.md5): digests, "card": sha256_hex(written)}


def _require_names(one: Tracked, names: Sequence[str] | dict[str, Wanted]) -> None:
    """Refuse a folder with names that mean something else once its files stand in Git."""
    for name in names:
        last = PurePosixPath(name).name
        if last in _RESERVED or last.endswith(SUFFIX):
            raise Conflict(f"{one.relpath}/{name} has a name that Git or DVC would read as its own")
        if fault := modelfolder.refusal(name):
            raise Conflict(f"{one.relpath}/{name} cannot be part of a model: it {fault}")


def _ignore_files(folder: str, names: dict[str, FrozenFile]) -> Iterator[Change]:
    files: dict[str, bytes] = {}
    for name in names:
        path = PurePosixPath(folder, name)
        beside = str(path.with_name(".gitignore"))
        files[beside] = ignorefile.add(files.get(beside, b""), path.name)
    yield from (Change(path, data) for path, data in files.items())


def _part_pointer(one: Tracked, part: Wanted, file: FrozenFile, written: bytes) -> Change:
    name = PurePosixPath(file.path).name
    out = one.out._replace(path=name, md5=part.oid, size=file.digests.size, nfiles=None)
    return Change(f"{part.label}{SUFFIX}", pointer.render(out, _record(out, file, written)))


def _description(one: Tracked) -> str | None:
    """Return what a person wrote into a pointer that is about to go or to be joined by a card."""
    if one.pointer is None:
        return None
    value = yamldialect.load(one.pointer.raw.decode(), one.origin.name)
    texts = [value.get("desc"), value["outs"][0].get("desc")]
    return next((text for text in texts if isinstance(text, str) and text.strip()), None)


def _mark(repo: Repository, change: Change, *, is_new: bool = False) -> str:
    """Return what Git will say of a file; empty if nothing. What lay in a tracked folder is all new to it."""
    path = repo.root / change.relpath
    kind = kind_at(path)
    if change.oid is not None:
        return "A" if kind is None and repo.cache.find(change.oid, legacy=change.legacy) else ""
    if change.data is None:
        return "D" if kind else ""
    if kind is None or is_new:
        return "A"
    return "" if kind == "file" and path.read_bytes() == change.data else "M"
