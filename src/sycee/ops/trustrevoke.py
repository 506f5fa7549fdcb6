"""``sycee trust revoke``: the signed list of what is withdrawn, made or extended."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from sycee.digest import is_hex, sha256_hex
from sycee.errors import NotFound, SignatureInvalid, UsageError
from sycee.formats import revocations
from sycee.formats.revocations import Revocations
from sycee.system.tree import kind_at
from sycee.trust.folder import Folder
from sycee.trust.keys import PublicKey, Signing
from sycee.trust.policy.documents import SignedDocument, read_document, sign_document


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """What to add to a list.

    Attributes:
        path: The list; it need not be there yet.
        versions: Identities, with or without ``sycee:``.
        keys: Fingerprints.
        files: sha256 of files.
        reason: Why, one line; empty only if nothing is added.
        expires: From when on a newer list is needed; None only to sign the list that is there as it is.
        signed_by: Whose signature on the list that is there suffices to go on with it; the signer's own always does.
    """

    path: Path
    versions: Sequence[str] = ()
    keys: Sequence[str] = ()
    files: Sequence[str] = ()
    reason: str = ""
    expires: dt.datetime | None = None
    signed_by: Sequence[PublicKey] = ()

    @property
    def adds(self) -> bool:
        """Whether anything is to be withdrawn."""
        return bool(self.versions or self.keys or self.files)


class Revoked(NamedTuple):
    """What was written.

    Attributes:
        path: The list.
        signature: The signature.
        said: What the list says now.
        added: How many entries it has more than before.
        silences: Whether it withdraws the very key that signed it.
    """

    path: Path
    signature: Path
    said: Revocations
    added: int
    silences: bool


def revoke(asked: Withdrawal, signer: Signing, now: dt.datetime) -> Revoked:
    """Make a list, or put one with more entries and the next number in its place; or sign it as it is, as one more.

    Args:
        asked: What to withdraw.
        signer: Who signs.
        now: The time, in UTC.

    Raises:
        UsageError: If what is withdrawn is no digest, a reason or an end is missing, or there is nothing to do.
        SignatureInvalid: If the list that is there is signed by nobody who was named: it may have lost entries.
        FormatError: If it is malformed, or what it would say is no list.
        Conflict: If it is no regular file, or too long.
        NotFound: If its folder is not there.
    """
    _require_sense(asked)
    old = _read(asked, signer.public)
    if asked.expires is None:
        return _countersigned(asked, signer, old)
    before = old.said if old else Revocations(0, now, now)
    new = Revocations(
        number=before.number + 1,
        issued=now.replace(microsecond=0),
        expires=asked.expires,
        keys={**dict.fromkeys(asked.keys, asked.reason), **before.keys},
        versions={**dict.fromkeys(_bare(asked.versions), asked.reason), **before.versions},
        files={**dict.fromkeys(asked.files, asked.reason), **before.files},
    )
    signature, path = sign_document(asked.path, revocations.render(new), signer, replace=True)
    return Revoked(path, signature, new, _count(new) - _count(before), signer.public.fingerprint in new.keys)


def _countersigned(asked: Withdrawal, signer: Signing, old: "_Old | None") -> Revoked:
    """Sign a list that stays as it is, for a role that takes several."""
    if old is None:
        raise UsageError(
            "there is nothing to withdraw, and no list to sign",
            hint="give --version, --key-fingerprint or --file with --reason; or --expires alone for an empty list",
        )
    signature, path = sign_document(asked.path, old.data, signer)
    return Revoked(path, signature, old.said, 0, signer.public.fingerprint in old.said.keys)


def _count(said: Revocations) -> int:
    return sum(len(getattr(said, kind)) for kind in revocations.KINDS)


def _bare(identities: Sequence[str]) -> list[str]:
    return [one.removeprefix("sycee:") for one in identities]


def _require_sense(asked: Withdrawal) -> None:
    for what, values in (
        ("--version", _bare(asked.versions)),
        ("--key-fingerprint", asked.keys),
        ("--file", asked.files),
    ):
        for value in values:
            if not is_hex(value, "sha256"):
                raise UsageError(f"{what} {value} is no sha256: 64 lower-case hex digits are needed")
    if asked.adds and not asked.reason:
        raise UsageError("say why, in a line that people will read later: --reason TEXT")
    if asked.adds and asked.expires is None:
        raise UsageError("say until when this list counts: --expires 30d, or a date", hint="a newer one replaces it")


class _Old(NamedTuple):
    """The list that is there."""

    said: Revocations
    data: bytes


def _read(asked: Withdrawal, own: PublicKey) -> _Old | None:
    """Read the list that is there, and demand a signature: one that lost entries must not get a new number."""
    if not asked.path.parent.is_dir():
        raise NotFound(f"there is no folder {asked.path.parent}", hint="make it, or choose another place")
    if kind_at(asked.path) is None:
        return None
    with Folder(asked.path.parent) as folder:
        document = read_document(folder, asked.path.name, revocations.MAX_SIZE)
    _require_signed(asked, document, own)
    return _Old(revocations.parse(document.data, str(asked.path)), document.data)


def _require_signed(asked: Withdrawal, document: SignedDocument, own: PublicKey) -> None:
    sha256 = sha256_hex(document.data)
    keys = (own, *asked.signed_by)
    if any(key.verify_detached(signature, sha256) for key in keys for signature in document.signatures):
        return
    raise SignatureInvalid(
        f"{asked.path} is there, and not signed by you; nothing was written",
        hint="name whose signature it has: --signed-by FILE, a public key; if nobody's, somebody may have cut it",
        path=str(asked.path),
    )
