"""Channel statements of a repository: those of the work tree, and those that Git's history has."""

from collections.abc import Iterator
from typing import NamedTuple

from sycee.errors import Conflict, FormatError, NotFound
from sycee.formats import channel
from sycee.formats.channel import Channel
from sycee.system import tree
from sycee.trust.policy.channels import FOLDER, read_settled, statement_path
from sycee.trust.policy.documents import SignedDocument, is_document
from sycee.workspace.filehistory import Change, changes_of
from sycee.workspace.repository import Repository
from sycee.workspace.revisions import in_git


class Standing(NamedTuple):
    """A statement of the work tree.

    Attributes:
        path: Below the repository's root.
        document: Its bytes and signatures; None if they cannot be read.
        statement: What it says; None if that cannot be read.
        fault: Why not; empty if it can.
    """

    path: str
    document: SignedDocument | None
    statement: Channel | None
    fault: str = ""


class Past(NamedTuple):
    """A statement that some commit has.

    Attributes:
        statement: What it says.
        change: The oldest commit that brought it.
    """

    statement: Channel
    change: Change


def standing(repo: Repository, path: str) -> Standing | None:
    """Return a statement of the work tree, whatever state it is in; None if there is none.

    Args:
        repo: The repository.
        path: Where it lies, below the root.
    """
    try:
        document = read_settled(repo.root, path)
    except NotFound:
        return None
    except Conflict as error:
        return Standing(path, None, None, error.message)
    try:
        return Standing(path, document, channel.parse(document.data, path))
    except FormatError as error:
        return Standing(path, document, None, error.message)


def all_standing(repo: Repository, model: str | None = None) -> Iterator[Standing]:
    """Yield the statements of the work tree, by path; of one model, or of all.

    Raises:
        Conflict: If their folder is a symbolic link, or in one.
    """
    place = repo.root / FOLDER
    repo.require_real_folders(place / "x")
    entries = tree.scan(place) if place.is_dir() else ()
    names = sorted(one.relpath for one in entries if one.kind == "file" and is_document(one.relpath))
    for name in names:
        if model in {None, name.rpartition("/")[0]} and (found := standing(repo, f"{FOLDER}/{name}")):
            yield found


def past(repo: Repository, model: str, name: str) -> tuple[tuple[Past, ...], tuple[str, ...]]:
    """Return the statements that commits have, of all branches and tags, the highest serial first.

    Args:
        repo: The repository.
        model: The model's name.
        name: The channel's.

    Returns:
        Each different one once; and one sentence for each that cannot be read.
    """
    if repo.git is None:
        return (), ()
    path = in_git(repo.git, repo.root) + statement_path(model, name)
    oldest = {change.blob: change for change in changes_of(repo.git, path)}  # the newest comes first, so the last stays
    content = repo.git.blobs(oldest)
    found, unreadable = [], []
    for blob, change in oldest.items():
        try:
            found.append(Past(channel.parse(content.get(blob, b""), f"{path} at {change.commit[:10]}"), change))
        except FormatError as error:
            unreadable.append(error.message)
    return tuple(sorted(found, key=lambda one: (-one.statement.serial, -one.change.when.timestamp()))), tuple(
        unreadable
    )
