"""``sycee attest``: what became known of a signed version, as a record that is signed itself."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sycee.core import modelfolder
from sycee.errors import Conflict, ContextMismatch, FormatError, NotFound, UsageError
from sycee.formats import bundle, card, record, replay, statement, strictjson, sums
from sycee.formats.record import Record
from sycee.formats.replay import Report, Verdict
from sycee.ops.frozen import utc_now
from sycee.ops.records import Written, add_record, is_tracked_as_whole, subject_of
from sycee.system.onepass import open_regular
from sycee.trust import context
from sycee.trust.content import Signed
from sycee.trust.folder import Folder
from sycee.trust.policy.documents import sign_document
from sycee.trust.signing.signers import Signer


def attest(folder: Path, kind: str, content: Mapping[str, Any], signer: Signer) -> Written:
    """Write a signed record about the signed version in a model's folder.

    Args:
        folder: The model's folder.
        kind: ``approval``, ``evaluation`` or ``replay``.
        content: What is known, by the rules of its kind.
        signer: Who attests it.

    Raises:
        NotFound: If the version is not signed.
        ContextMismatch: If card, sums and signature are not of one version.
        FormatError: If the content breaks the rules of its kind.
        RemoteError: If it is to be signed without a key, and that could not be done.
    """
    signed_identity(folder)
    return add_record(folder, kind, content, utc_now(), signer)


def signed_identity(folder: Path) -> str:
    """Return the identity of the version in a folder, which its card, its sums and its signature agree on.

    Who signed is not asked here: ``sycee verify`` does.

    Raises:
        NotFound: If it is not signed.
        ContextMismatch: If they are not of one version.
        FormatError: If one of them is malformed.
    """
    subject = subject_of(folder)
    if subject.file != sums.NAME:
        raise NotFound(f"{folder} is not signed, so there is no version to speak of", hint="sign it first: sycee sign")
    with Folder(folder) as model:
        try:
            raw = model.read(bundle.NAME, bundle.MAX_SIZE)
        except NotFound:
            raise NotFound(f"{folder} has no {bundle.NAME}", hint="sign it: sycee sign") from None
    if context.identity_of(Signed.of(statement.parse(bundle.parse(raw).payload))) != subject.sha256:
        raise ContextMismatch(
            f"{folder / bundle.NAME} is a signature of another version than {sums.NAME} names",
            hint="restore both (git checkout), or sign what is here",
        )
    return subject.sha256


def replay_content(folder: Path, file: Path) -> Mapping[str, Any]:
    """Return what a report of ``sycee replay --json`` comes to, if it is about the version in a folder.

    Args:
        folder: The model's folder.
        file: The report.

    Raises:
        NotFound: If it is not there.
        FormatError: If it is no report.
        Conflict: If it is about another version or none, or left a stage out.
    """
    report = _report(file)
    here = f"sycee:{signed_identity(folder)}"
    if not report.identity:
        raise Conflict(
            f"{file} is about a folder whose signature was not checked",
            hint="replay it with --key or --trust, and attest that report",
        )
    if report.identity != here:
        raise Conflict(
            f"{file} is about another version: expected {here}, found {report.identity}",
            hint="replay the version that is here",
            expected=here,
            found=report.identity,
        )
    if report.waived:
        raise Conflict(
            f"{file} leaves out {', '.join(report.waived)}, so it does not tell whether all comes out the same",
            hint="replay without --waive",
        )
    return Verdict.of(report)._asdict()


def _report(file: Path) -> Report:
    try:
        return replay.parse(_read(file, replay.MAX_SIZE), str(file))
    except FormatError as error:
        raise FormatError(
            f"{file} is no report of a replay: {error.message}",
            hint=f"write it anew: sycee replay MODEL --key FILE --json > {file.name}",
            faults=error.faults[:3],
        ) from None


def evaluation_content(file: Path) -> Mapping[str, Any]:
    """Return the evaluation that a file holds: one of a card's, in JSON, or a record of one.

    Raises:
        NotFound: If it is not there.
        FormatError: If it is neither.
    """
    data = _read(file, record.MAX_SIZE)
    value = strictjson.parse(data, str(file))
    if isinstance(value, dict) and "predicateType" in value:
        found = record.parse(data, str(file))
        if found.kind != "evaluation":
            raise UsageError(f"{file} is a record of the kind {found.kind}, where an evaluation is needed")
        return found.content
    if faults := card.evaluation_faults(value):
        raise FormatError(f"{file} is no evaluation: {faults[0]}", faults=faults)
    return dict(value)


def _read(file: Path, limit: int) -> bytes:
    with os.fdopen(open_regular(file), "rb") as opened:
        data = opened.read(limit + 1)
    if len(data) > limit:
        raise FormatError(f"{file} is longer than {limit} bytes", path=str(file))
    return data


def add_signature(folder: Path, name: str, signer: Signer) -> Written:
    """Add a signature to a record that is there, about the version in a model's folder.

    Args:
        folder: The model's folder.
        name: Of the record's file in ``records/``, with or without the folder.
        signer: Who stands for it too.

    Raises:
        NotFound: If there is no such record, or the version is not signed.
        FormatError: If it is no record.
        Conflict: If it is about another version.
    """
    relative = f"{modelfolder.RECORDS}/{Path(name).name}"
    with Folder(folder) as model:
        data = model.read(relative, record.MAX_SIZE)
    found = record.parse(data, relative)
    _require_about(found, relative, signed_identity(folder))
    signature, path = sign_document(folder / relative, data, signer)
    return Written(path, found, signature, is_tracked_as_whole(folder))


def _require_about(found: Record, name: str, identity: str) -> None:
    if (found.subject.file, found.subject.sha256) != (sums.NAME, identity):
        raise Conflict(
            f"{name} is about another version: expected sycee:{identity}, found {found.subject.file} "
            f"{found.subject.sha256}",
            hint="sycee card show lists the records and what they are about",
            expected=identity,
            found=found.subject.sha256,
        )
