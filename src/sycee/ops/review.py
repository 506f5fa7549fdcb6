"""``sycee review``: what a set of commits changes, for the person who has to agree to it.

Read from Git's objects and, for one question, from remotes: nothing is checked out, executed or trusted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sycee.core.fields import Field, changed
from sycee.errors import NotFound, SyceeError
from sycee.ops.modelstate import (
    Contents,
    ModelState,
    Weights,
    by_model,
    card_fields,
    model_folders,
    read_model,
    weights_of,
)
from sycee.ops.transfer import OpenRemote, by_remote, pushable
from sycee.store import presence
from sycee.system.git import Git
from sycee.workspace.repository import Repository
from sycee.workspace.revisions import commit_of
from sycee.workspace.snapshot import Snapshot, git_of, snapshot


@dataclass(frozen=True, slots=True)
class WeightsChange:
    """A tracked file or folder that is not the same; a side is None where it is not there."""

    path: str
    old: Weights | None
    new: Weights | None


@dataclass(frozen=True, slots=True)
class ModelChange:
    """What happened to a model.

    Attributes:
        folder: Its path below the repository's root; ``.`` for the root.
        kind: ``added``, ``removed`` or ``updated``.
        weights: Its tracked files that differ.
        fields: What its cards say otherwise, by group: metrics, settings, data, about; empty where one is missing.
        packages: The distributions that differ.
        old: The whole state before; None of an added one.
        new: The whole state after; None of a removed one.
        signature_files: Those of its signature files that changed, came or went.
    """

    folder: str
    kind: str
    weights: tuple[WeightsChange, ...]
    fields: Mapping[str, tuple[Field, ...]]
    packages: tuple[Field, ...]
    old: ModelState | None
    new: ModelState | None
    signature_files: tuple[str, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What does not fit together in the new state."""
        return self.new.warnings if self.new else ()


@dataclass(frozen=True, slots=True)
class Stored:
    """Whether the remotes have what the head names.

    Attributes:
        asked: Objects that pointers name.
        missing: (path, object id, remote) of each object that is not there.
    """

    asked: int
    missing: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Review:
    """One page.

    Attributes:
        base: Full id of the commit that is compared with.
        head: Full id of the commit that is reviewed.
        models: What happened to models.
        others: What happened to tracked files and folders outside of models.
        notes: What a reader has to know about the comparison itself.
        broken: One message for each pointer that these commits made unreadable: which objects it needs is not known.
        stored: Whether the remotes have everything; None if they were not asked.
        failure: Why the remotes could not be asked.
    """

    base: str
    head: str
    models: tuple[ModelChange, ...] = ()
    others: tuple[WeightsChange, ...] = ()
    notes: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    stored: Stored | None = None
    failure: SyceeError | None = field(default=None, compare=False)


def review(repo: Repository, base: str, head: str, open_remote: OpenRemote | None) -> Review:
    """Compare a revision with where it left another one.

    Args:
        repo: The repository.
        base: The revision that the changes are for.
        head: The revision with the changes.
        open_remote: Gives a remote by name, the default one for None; None to ask no remote.

    Raises:
        NotFound: If a revision does not exist in this clone.
        UsageError: If the repository is without Git.
    """
    git = git_of(repo)
    shallow = git.run("rev-parse", "--is-shallow-repository").strip() == b"true"
    tip, start = _commit(git, head, shallow=shallow), _commit(git, base, shallow=shallow)
    forked = git.run("merge-base", start, tip, ok=(0, 1)).decode().split()
    notes = [] if forked else [_no_ancestor(base, shallow=shallow)]
    old, new = (snapshot(repo, commit) for commit in (forked[0] if forked else start, tip))
    notes += [f"{message}; left out" for message in dict.fromkeys((*old.unreadable, *new.unreadable))]
    stored, failure = _stored(repo, new, open_remote) if open_remote else (None, None)
    models, others = _changes(git, old, new)
    broken = tuple(message for message in new.unreadable if message not in old.unreadable)
    return Review(old.commit, new.commit, models, others, tuple(notes), broken, stored, failure)


def _commit(git: Git, rev: str, *, shallow: bool) -> str:
    try:
        return commit_of(git, rev)
    except NotFound as error:
        if shallow:
            error.advise("this clone is shallow and may lack it: git fetch --unshallow, or fetch-depth: 0 in CI")
        raise


def _no_ancestor(base: str, *, shallow: bool) -> str:
    why = "this clone is shallow (git fetch --unshallow)" if shallow else "the two have no history in common"
    return f"where the changes began is not known, since {why}: compared with {base} as it is"


def _changes(git: Git, old: Snapshot, new: Snapshot) -> tuple[tuple[ModelChange, ...], tuple[WeightsChange, ...]]:
    folders = model_folders(old) | model_folders(new)
    before, after = (by_model(at, folders) for at in (old, new))
    models = []
    for folder in sorted(folders):
        here, there = (side.get(folder, Contents()) for side in (before, after))
        if here.blobs != there.blobs or _weights(_named(here), _named(there)):
            sides = read_model(git, old, folder, here), read_model(git, new, folder, there)
            models.append(_model(folder, *sides))
    outside = (_named(side.get(None, Contents())) for side in (before, after))
    return tuple(models), _weights(*outside)


def _named(contents: Contents) -> dict[str, Weights]:
    return {one.relpath: weights_of(one) for one in contents.tracked}


def _model(folder: str, before: ModelState | None, after: ModelState | None) -> ModelChange:
    was, is_now = before or ModelState(), after or ModelState()
    comparable = after is not None and all(side is None or side.card for side in (before, after))
    return ModelChange(
        folder.rstrip("/") or ".",
        "updated" if before and after else "added" if after else "removed",
        _weights(was.weights, is_now.weights),
        changed_fields(was, is_now) if comparable else {},
        changed(was.packages, is_now.packages) if after else (),
        before,
        after,
        tuple(one.name for one in changed(was.signature.blobs, is_now.signature.blobs)),
    )


def changed_fields(old: ModelState, new: ModelState) -> dict[str, tuple[Field, ...]]:
    """Return the groups of two cards' fields that are not the same, with what differs."""
    before = card_fields(old)
    found = {group: changed(before.get(group, {}), values) for group, values in card_fields(new).items()}
    return {group: fields for group, fields in found.items() if fields}


def _weights(old: Mapping[str, Weights], new: Mapping[str, Weights]) -> tuple[WeightsChange, ...]:
    paths = sorted(old.keys() | new.keys())
    sides = [(path, old.get(path), new.get(path)) for path in paths]
    return tuple(
        WeightsChange(path, before, after)
        for path, before, after in sides
        if before is None or after is None or before.oid != after.oid
    )


def _stored(repo: Repository, at: Snapshot, open_remote: OpenRemote) -> tuple[Stored | None, SyceeError | None]:
    asked, missing = 0, []
    try:
        for name, items in by_remote(pushable(at.tracked)).items():
            remote = open_remote(name)
            asked += len(items)
            lacking = presence.absent(remote, repo.cache, items)
            missing += [(one.item.label, one.item.oid, remote.name) for one in lacking]
    except SyceeError as error:
        return None, error
    return Stored(asked, tuple(missing)), None
