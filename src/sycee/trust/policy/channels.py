"""Channel statements: where they lie, and how one is read while another takes its place.

A statement may lie in the repository (``.sycee/channels/MODEL/CHANNEL.json``), in the model's own folder
(``records/channel-CHANNEL.json``, so that a container has all it needs), and wherever the caller says. No place is
trusted more than another: the highest serial that the right people signed counts.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from sycee.core import modelfolder
from sycee.core.facts import ChannelFact
from sycee.core.quorum import Counting
from sycee.errors import Conflict, FormatError, NotFound, UsageError
from sycee.formats import channel
from sycee.formats.channel import Channel
from sycee.formats.paths import path_fault
from sycee.formats.trust import CHANNEL_ROLE
from sycee.trust.folder import Folder
from sycee.trust.policy.authority import Authority
from sycee.trust.policy.documents import SUFFIX, SignedDocument, read_document
from sycee.trust.policy.memory import Memory

FOLDER = ".sycee/channels"  # below the repository's root
_ATTEMPTS = 20  # to read a statement that is being replaced, which takes its writer some milliseconds


class Places(NamedTuple):
    """Where to look.

    Attributes:
        model_folder: The model's folder; None not to look there.
        repository: The root of the repository; None if there is none.
        file: A statement that the caller names; None if he names none.
    """

    model_folder: Path | None = None
    repository: Path | None = None
    file: Path | None = None


class Wanted(NamedTuple):
    """Which channel is asked for, and who may speak for it.

    Attributes:
        model: The model's name.
        name: The channel's.
        counting: By what signatures are counted for roles.
    """

    model: str
    name: str
    counting: Counting


class Sighting(NamedTuple):
    """What was found of a channel.

    Attributes:
        fact: The statement that counts, or comes closest to it, for the policy to judge; None for none.
        faults: One sentence for each that was found and cannot count.
    """

    fact: ChannelFact | None
    faults: tuple[str, ...]


def require_name(text: str) -> str:
    """Return the name of a channel.

    Raises:
        UsageError: If it is none.
    """
    if not channel.NAME.fullmatch(text):
        hint = "lower-case letters, digits, '-' and '_', at most 64 of them: production"
        raise UsageError(f"{text!r} is not the name of a channel", hint=hint)
    return text


def statement_path(model: str, name: str) -> str:
    """Return where the statement of a model's channel lies, below the repository's root.

    Raises:
        UsageError: If the model's name is no path, or the channel's is no name.
    """
    path = f"{FOLDER}/{model}/{require_name(name)}{SUFFIX}"
    if fault := path_fault(path):
        raise UsageError(f"{model!r} cannot have channels: as a path it {fault}", hint="give its card another name")
    return path


def record_path(name: str) -> str:
    """Return where the statement of a channel lies in a model's folder."""
    return f"{modelfolder.RECORDS}/channel-{name}{SUFFIX}"


def candidates(places: Places, model: str, name: str) -> tuple[SignedDocument, ...]:
    """Return what may be the statement of a model's channel; nothing of it is parsed or checked.

    Args:
        places: Where to look.
        model: The model's name. It need not be known for sure: it says where to look, and decides nothing.
        name: The channel's.

    Raises:
        NotFound: If the one that the caller names is not there.
        Conflict: If one is too long, or no regular file.
        UsageError: See :func:`statement_path`.
    """
    return tuple(_candidates(places, model, name))


def _candidates(places: Places, model: str, name: str) -> Iterator[SignedDocument]:
    path = statement_path(model, name)
    if places.file:
        yield read_settled(places.file.parent, places.file.name)
    for folder, inner in ((places.repository, path), (places.model_folder, record_path(name))):
        if folder and (folder / inner).exists():
            yield read_settled(folder, inner)


def read_settled(folder: Path, path: str) -> SignedDocument:
    """Read a statement with the signatures that belong to it, also while somebody puts another in its place.

    Whoever replaces one keeps signatures of the old one beside it until the new one stands there, and puts those of
    the new one there before (``trust/policy/documents.py``). So if a statement is the same before and after its
    signatures were read, they are its own.

    Args:
        folder: Where to begin; below it no link is followed.
        path: The statement's path below it.

    Raises:
        NotFound: If it is not there.
        Conflict: If it is too long, is no regular file, or never stays the same.
    """
    with Folder(folder) as opened:
        for _ in range(_ATTEMPTS):
            before = opened.read(path, channel.MAX_SIZE)
            try:
                found = read_document(opened, path, channel.MAX_SIZE)
            except NotFound:  # a signature went while it was looked for
                continue
            if before == found.data == opened.read(path, channel.MAX_SIZE):
                return found
    raise Conflict(f"{folder / path} is being written again and again", hint="repeat in a second", path=path)


def sighting(
    documents: Iterable[SignedDocument], authority: Authority, wanted: Wanted, memory: Memory | None = None
) -> Sighting:
    """Choose the statement that counts.

    Signatures come first: what nobody signed whom the trust file names is not parsed. Of the rest those go before that
    enough of the right people signed whose keys are valid and not withdrawn, so that nobody else, with a stolen key
    either, can put theirs out of the way by a high serial; of them the highest serial.

    Args:
        documents: What was found.
        authority: Whose signatures count.
        wanted: What it must be about, and who may say it.
        memory: What was accepted here before; None for nothing.

    Raises:
        PolicyDenied: If memory cannot be read.
    """
    seen = memory.seen(wanted.model, wanted.name) if memory else None
    found: list[ChannelFact] = []
    faults: list[str] = []
    for document in documents:
        signers = authority.signers_of(document)
        if not signers:
            faults.append(f"{document.name} is signed by nobody whom {authority.described} names")
            continue
        try:
            found.append(ChannelFact(_about(document, wanted), signers, *(seen or ())))
        except FormatError as error:
            faults.append(error.message)
    best = max(found, key=lambda fact: (_may_speak(wanted, fact), fact.statement.serial), default=None)
    return Sighting(best, tuple(faults))


def _about(document: SignedDocument, wanted: Wanted) -> Channel:
    found = channel.parse(document.data, document.name)
    if (found.model, found.name) != (wanted.model, wanted.name):
        raise FormatError(
            f"{document.name} is about {found.name} of {found.model}, not {wanted.name} of {wanted.model}"
        )
    return found


def _may_speak(wanted: Wanted, fact: ChannelFact) -> bool:
    return wanted.counting.quorum(CHANNEL_ROLE, fact.signers).met()
