"""``sycee card diff``: what two cards, and the contexts that they bind, say otherwise."""

import os
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from sycee.core import modelfolder
from sycee.core.differences import differences
from sycee.core.fields import Field, changed
from sycee.digest import sha256_hex
from sycee.errors import Conflict, FormatError, NotFound
from sycee.formats import card, dirobject, fingerprint, pointer, requirements
from sycee.formats.card import Card
from sycee.formats.fingerprint import Fingerprint
from sycee.ops.card import card_path
from sycee.ops.modelstate import ModelState
from sycee.ops.review import changed_fields
from sycee.system.git import Git, toplevel
from sycee.trust.folder import Folder
from sycee.workspace.repository import find_repository
from sycee.workspace.revisions import commit_of

MAX_FILE = 16 << 20  # bytes of a card, lock or fingerprint

Read = Callable[[str], bytes | None]  # a file of the model's folder; None if it is not there


class Side(NamedTuple):
    """One of the two.

    Attributes:
        label: What was asked for.
        card: Its card.
        packages: Distribution to version, of the lock that the card binds.
        fingerprint: Of the machine it was frozen on; None without one.
        warnings: What the card binds and is not there, or is not what it binds.
    """

    label: str
    card: Card
    packages: Mapping[str, str]
    fingerprint: Fingerprint | None
    warnings: tuple[str, ...] = ()


class CardDiff(NamedTuple):
    """What is not the same.

    Attributes:
        old: The first side.
        new: The second side.
        groups: metrics, settings, data, about, environment, packages, files: those with differences, in this order.
    """

    old: Side
    new: Side
    groups: Mapping[str, tuple[Field, ...]]


class Around(NamedTuple):
    """Where the command runs.

    Attributes:
        cwd: What paths are relative to.
        environ: The process environment, for the configuration of the cache.
    """

    cwd: Path
    environ: Mapping[str, str]


def diff_cards(old: str, new: str, around: Around) -> CardDiff:
    """Compare two cards.

    Args:
        old: A model's folder, a card, or ``REVISION:PATH`` of either in Git.
        new: The same, for the other side.
        around: Where the command runs.

    Raises:
        NotFound: If there is no such card or revision, or the cache lacks a folder that is tracked as a whole.
        FormatError: If a card is not valid.
    """
    before, after = (_side(text, around) for text in (old, new))
    groups = changed_fields(_state(before), _state(after))
    about = groups.pop("about", ())
    machine = tuple(one for one in about if one.name.startswith("environment."))
    groups["about"] = tuple(one for one in about if one not in machine)
    groups["environment"] = (*machine, *_facts(before.fingerprint, after.fingerprint))
    groups["packages"] = changed(before.packages, after.packages)
    groups["files"] = changed(_files(before.card), _files(after.card))
    return CardDiff(before, after, {name: fields for name, fields in groups.items() if fields})


def _state(side: Side) -> ModelState:
    return ModelState(card=side.card)


def _facts(old: Fingerprint | None, new: Fingerprint | None) -> tuple[Field, ...]:
    if old is None or new is None:
        return ()
    found = (one for one in differences(old, new) if one.area not in {"package", "python"})  # told by lock and card
    return tuple(Field(f"{one.area}.{one.name}", one.frozen or None, one.here or None) for one in found)


def _files(read: Card) -> dict[str, str]:
    weights = {one.path: one.sha256 for one in read.files}
    return weights | {one.path: one.sha256 for one in read.context}


def _side(text: str, around: Around) -> Side:
    path = Path(os.path.normpath(around.cwd / text))
    rev, colon, below = text.partition(":")
    if colon and rev and not os.path.lexists(path):
        name, read = _in_git(rev, below, around)
        return _read_side(text, name, read)
    found = card_path(path)
    with Folder(found.parent) as folder:
        return _read_side(text, found.name, lambda name: _from_folder(folder, name))


def _from_folder(folder: Folder, name: str) -> bytes | None:
    try:
        return folder.read(name, MAX_FILE)
    except (NotFound, Conflict):
        return None


def _in_git(rev: str, path: str, around: Around) -> tuple[str, Read]:
    """Return the card's name, and what reads a file of the model's folder in a commit."""
    root = toplevel(around.cwd)
    if root is None:
        raise NotFound(f"{rev}:{path} needs Git, and there is no Git repository around {around.cwd}")
    git = Git(root)
    commit = commit_of(git, rev)
    start = around.cwd.relative_to(root).as_posix() if path.startswith(".") else ""
    place = PurePosixPath(os.path.normpath(PurePosixPath(start, path)))
    is_card = place.suffix in {".yaml", ".yml"}
    folder, name = (place.parent, place.name) if is_card else (place, card.FILE_NAME)

    def read(member: str) -> bytes | None:
        data = _from_git(git, commit, str(folder / member))
        listed = _from_git(git, commit, f"{folder}{modelfolder.POINTER_SUFFIX}") if data is None else None
        return _from_cache(listed, member, around) if listed else data

    return name, read


def _from_cache(data: bytes, member: str, around: Around) -> bytes | None:
    """Return a file of a folder that is tracked as a whole, whose pointer Git has, from the cache."""
    out = pointer.parse(data, "the pointer of the folder").outs[0]
    if out.md5 is None or not out.is_dir or out.is_legacy:
        return None
    with closing(find_repository(around.cwd, environ=around.environ)) as repo:
        entries = dirobject.parse(repo.cache.read(out.md5))
        found = next((entry.md5 for entry in entries if entry.relpath == member), None)
        return repo.cache.read(found) if found else None


def _from_git(git: Git, commit: str, path: str) -> bytes | None:
    listed = git.run("ls-tree", "-z", "-l", "--full-tree", commit, "--", path).split(b"\0")[0]
    about, _, name = listed.partition(b"\t")
    if os.fsdecode(name) != path or not about.startswith(b"100"):
        return None
    _, _, blob, size = about.decode().split()
    return git.blobs([blob]).get(blob) if int(size) <= MAX_FILE else None


def _read_side(label: str, name: str, read: Read) -> Side:
    data = read(name)
    if data is None:
        raise NotFound(
            f"{label} has no {name}",
            hint="give a model's folder or its card, as Git has it: REVISION:PATH, from the root of the repository",
        )
    parsed = card.parse(data, label)
    warnings: list[str] = []
    lock = _bound(parsed, "lock", ".lock", read, warnings)
    machine = _bound(parsed, "fingerprint", ".json", read, warnings)
    packages = requirements.versions(lock) if lock else {}
    return Side(label, parsed, packages, _parsed(machine, label, warnings), tuple(warnings))


def _parsed(data: bytes | None, label: str, warnings: list[str]) -> Fingerprint | None:
    try:
        return fingerprint.parse(data, label) if data else None
    except FormatError as error:
        warnings.append(error.message)
        return None


def _bound(parsed: Card, role: str, suffix: str, read: Read, warnings: list[str]) -> bytes | None:
    """Return the file with a role that the card binds, if it is there and the one that is meant."""
    for one in parsed.context:
        if one.role == role and one.path.endswith(suffix):
            data = read(one.path)
            if data is not None and sha256_hex(data) == one.sha256:
                return data
            what = "is not there" if data is None else "is not the one that the card binds"
            warnings.append(f"{one.path} {what}, so it is not compared")
    return None
