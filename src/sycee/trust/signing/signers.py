"""Whoever signs a version, with a key or without one, and the bundle that comes of it."""

from collections.abc import Collection
from typing import NamedTuple

from sycee.core import modelfolder
from sycee.errors import Conflict, FormatError
from sycee.formats import bundle
from sycee.formats.bundle import Bundle
from sycee.trust.envelope import seal
from sycee.trust.folder import Folder
from sycee.trust.keys import MAX_SIGNATURE, Signing
from sycee.trust.signing.keyless import Witness
from sycee.trust.signing.keylesssign import KeylessSigner

Signer = Signing | KeylessSigner


class Sealed(NamedTuple):
    """A bundle over a statement.

    Attributes:
        name: Of its file, below the model's folder.
        data: The file.
        fingerprint: The signer's key; without one, that of the certificate.
        witness: Who signed, if without a key.
    """

    name: str
    data: bytes
    fingerprint: str
    witness: Witness | None = None


def is_own(found: Bundle, raw: bytes, signer: Signer) -> bool:
    """Tell whether a bundle is a signer's own, or says so."""
    if isinstance(signer, KeylessSigner):
        return found.keyless and signer.made(raw)
    if found.hint is None:
        return signer.public.verify_envelope(found.signature, bundle.pae(found.payload))
    return found.hint == signer.public.fingerprint


def fingerprint_of(signer: Signer) -> str | None:
    """Return the fingerprint of a signer's key; None of one whose key is yet to be made."""
    return signer.public.fingerprint if isinstance(signer, Signing) else None


def seal_first(folder: Folder, files: Collection[str], payload: bytes, signer: Signer) -> Sealed:
    """Return ``model.sig`` over a statement.

    Args:
        folder: The model's folder.
        files: What is in it.
        payload: The statement.
        signer: Who signs. Some make another signature each time, so a good one that stands there is kept.

    Raises:
        RemoteError: If it cannot be signed without a key now.
    """
    return _seal(folder, bundle.NAME if bundle.NAME in files else None, payload, signer)._replace(name=bundle.NAME)


def seal_further(folder: Folder, files: Collection[str], payload: bytes, signer: Signer) -> Sealed:
    """Return the bundle of a further signer over a statement; see :func:`seal_first`."""
    before = _own_further(folder, files, signer)
    sealed = _seal(folder, before, payload, signer)
    return sealed._replace(name=before or modelfolder.further_bundle(sealed.fingerprint))


def sign_file(folder: Folder, files: Collection[str], name: str, sha256: str, signer: Signing) -> bytes:
    """Return the detached signature of a file; a good one that stands there is kept.

    Args:
        folder: The model's folder.
        files: What is in it.
        name: The signature's file.
        sha256: Of the file that is signed, 64 hex digits.
        signer: Who signs.
    """
    found = _standing(folder, name, MAX_SIGNATURE) if name in files else b""
    return found if found and signer.public.verify_detached(found, sha256) else signer.sign_detached(sha256)


def _standing(folder: Folder, name: str, limit: int) -> bytes:
    """Return what stands there; nothing if it is too long to be kept."""
    try:
        return folder.read(name, limit)
    except Conflict:
        return b""


def _seal(folder: Folder, before: str | None, payload: bytes, signer: Signer) -> Sealed:
    raw = _standing(folder, before, bundle.MAX_SIZE) if before else b""
    if isinstance(signer, Signing):
        kept = raw if _is_good(raw, payload, signer) else b""
        return Sealed("", kept or seal(payload, signer), signer.public.fingerprint)
    if signer.made(raw) and bundle.parse(raw).payload == payload:
        witness = signer.root.check_dsse(raw, payload)
        return Sealed("", raw, witness.fingerprint, witness)
    made = signer.sign_statement(payload)
    return Sealed("", made.data, made.witness.fingerprint, made.witness)


def _is_good(raw: bytes, payload: bytes, signer: Signing) -> bool:
    """Tell whether a file is what the signer would write, but for a signature that differs and is as good."""
    try:
        found = bundle.parse(raw)
    except FormatError:
        return False
    as_ours = bundle.render(Bundle(payload, found.signature, signer.public.fingerprint))
    return raw == as_ours and signer.public.verify_envelope(found.signature, bundle.pae(payload))


def _own_further(folder: Folder, files: Collection[str], signer: Signer) -> str | None:
    if isinstance(signer, Signing):
        name = modelfolder.further_bundle(signer.public.fingerprint)
        return name if name in files else None
    names = sorted(filter(modelfolder.is_further_bundle, files))
    return next((name for name in names if signer.made(folder.read(name, bundle.MAX_SIZE))), None)
