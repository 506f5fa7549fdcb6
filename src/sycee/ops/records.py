"""Late facts of a version: written as records beside it, and read back with what they are worth."""

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from sycee.core import modelfolder
from sycee.digest import sha256_hex
from sycee.errors import Conflict, ContextMismatch, NotFound
from sycee.formats import card, record, sums, yamltext
from sycee.formats.record import Record, Subject
from sycee.system.tree import kind_at
from sycee.trust.folder import Folder
from sycee.trust.policy.authority import Authority
from sycee.trust.policy.documents import SignedDocument, sign_document, write_once
from sycee.trust.policy.records import Found, read_records
from sycee.trust.signing.signers import Signer

Signature = Literal["none", "unchecked", "good", "bad"]


class Written(NamedTuple):
    """What was written.

    Attributes:
        path: Of the record.
        record: The record.
        signature: Of its signature; None without a key.
        whole: Whether the folder is tracked as a whole, so that the record has to be added to it.
    """

    path: Path
    record: Record
    signature: Path | None
    whole: bool


class Listed(NamedTuple):
    """A record as it was found.

    Attributes:
        name: Of its file, below the model's folder.
        record: What it says; None if it cannot be read.
        fault: Why it cannot be read.
        about: Whether it names what is here: ``this version``, ``this card``, or ``another version``; empty if unread.
        signature: ``none``; ``unchecked`` if nobody's was asked for; else ``good`` or ``bad``.
        signers: Who signed it, of those that were asked for.
    """

    name: str
    record: Record | None
    fault: str
    about: str
    signature: Signature
    signers: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the record for ``--json``."""
        facts: dict[str, Any] = {"file": self.name, "about": self.about, "signature": self.signature}
        if self.signature in {"good", "bad"}:
            facts["signers"] = list(self.signers)
        if self.record is None:
            return facts | {"fault": self.fault}
        one = self.record
        return facts | {"kind": one.kind, "recorded": one.recorded, one.kind: dict(one.content)}


def subject_of(folder: Path) -> Subject:
    """Return what names the version in a model's folder: its identity where it is signed, else its card's digest.

    Raises:
        NotFound: If there is no card.
        FormatError: If card or sums are not valid.
        ContextMismatch: If the sums list another card than the one that is here.
    """
    with Folder(folder) as model:
        data = _card_bytes(model)
        name = card.parse(data, str(folder / card.FILE_NAME)).name or folder.name
        try:
            text = model.read(sums.NAME, sums.MAX_SIZE)
        except NotFound:
            return Subject(name, card.FILE_NAME, sha256_hex(data))
    if sums.parse(text).get(card.FILE_NAME) != sha256_hex(data):
        raise ContextMismatch(
            f"{folder / sums.NAME} is not about the card beside it: the signature is of another version",
            hint="sign this version first, or restore the signed card (git checkout)",
        )
    return Subject(name, sums.NAME, sums.identity(text))


def _card_bytes(model: Folder) -> bytes:
    try:
        return model.read(card.FILE_NAME, yamltext.MAX_BYTES)
    except NotFound:
        raise NotFound(
            f"{model.path} has no {card.FILE_NAME}",
            hint="a record is about a frozen model: sycee.freeze(…), or sycee freeze",
            path=str(model.path),
        ) from None


def add_record(
    folder: Path, kind: str, content: Mapping[str, Any], now: dt.datetime, signer: Signer | None = None
) -> Written:
    """Write a record about the version in a model's folder; what is there already stays as it is.

    Args:
        folder: The model's folder.
        kind: One of :data:`sycee.formats.record.KINDS`.
        content: What was found.
        now: The time, in UTC.
        signer: Who signs it; None for nobody.

    Raises:
        FormatError: If the content is not what its kind demands.
        SyceeError: See :func:`subject_of`.
    """
    made = Record(kind, subject_of(folder), now.strftime("%Y-%m-%dT%H:%M:%SZ"), content)
    data = record.render(made)
    place = folder / modelfolder.RECORDS
    if kind_at(place) not in {None, "dir"}:
        raise Conflict(f"{place} is no folder, and records lie in one of that name", path=str(place))
    place.mkdir(exist_ok=True)
    path = place / record.file_name(made)
    signature = sign_document(path, data, signer)[0] if signer else None
    write_once(path, data)
    return Written(path, made, signature, is_tracked_as_whole(folder))


def is_tracked_as_whole(folder: Path) -> bool:
    """Tell whether a folder has a pointer of its own, so that a new record has to be added to it."""
    return folder.with_name(f"{folder.name}{modelfolder.POINTER_SUFFIX}").is_file()


def records_of(folder: Path, authority: Authority | None = None) -> tuple[Listed, ...]:
    """Return the records beside a model, oldest first, then those that cannot be read.

    Args:
        folder: The model's folder.
        authority: Whose signatures count; None to look at none.

    Raises:
        Conflict: If there are more than :data:`sycee.trust.policy.records.MAX_RECORDS`.
    """
    place = folder / modelfolder.RECORDS
    if kind_at(place) != "dir":
        return ()
    with Folder(folder) as model:
        known = _digests(model)
        found = [_judged(one, known, authority) for one in read_records(model)]
    return tuple(sorted(found, key=lambda one: (one.record is None, one.record.recorded if one.record else "")))


def _digests(model: Folder) -> dict[str, str]:
    """Return the digest of each file that a record may name, as far as it is here and about the card that is here."""
    data = _read_if_there(model, card.FILE_NAME, yamltext.MAX_BYTES)
    if data is None:
        return {}
    found = {card.FILE_NAME: sha256_hex(data)}
    identity = identity_of(model, found[card.FILE_NAME])
    return found | ({sums.NAME: identity} if identity else {})


def identity_of(model: Folder, card_sha256: str) -> str | None:
    """Return the identity of the version in a folder; None if it is not signed, or was signed with another card.

    Args:
        model: The model's folder.
        card_sha256: Digest of the card that is here.
    """
    text = _read_if_there(model, sums.NAME, sums.MAX_SIZE)
    return sums.identity_with(text, card.FILE_NAME, card_sha256) if text else None


def _read_if_there(model: Folder, name: str, limit: int) -> bytes | None:
    try:
        return model.read(name, limit)
    except (NotFound, Conflict):
        return None


def _judged(one: Found, known: Mapping[str, str], authority: Authority | None) -> Listed:
    if one.document is None or one.record is None:
        return Listed(one.name, None, one.fault, "", "none")
    subject = one.record.subject
    here = known.get(subject.file) == subject.sha256
    what = "this version" if subject.file == sums.NAME else "this card"
    signature, signers = _signature(one.document, authority)
    return Listed(one.name, one.record, "", what if here else "another version", signature, signers)


def _signature(document: SignedDocument, authority: Authority | None) -> tuple[Signature, tuple[str, ...]]:
    if not (document.signatures or document.bundles):
        return "none", ()
    if authority is None:
        return "unchecked", ()
    signers = tuple(sorted(signer.name for signer in authority.signers_of(document)))
    return "good" if signers else "bad", signers


def evaluations_of(listed: tuple[Listed, ...]) -> tuple[Mapping[str, Any], ...]:
    """Return the evaluations among records, of those that are about what is here."""
    ours = (one.record for one in listed if one.about in {"this version", "this card"})
    return tuple(one.content for one in ours if one is not None and one.kind == "evaluation")
