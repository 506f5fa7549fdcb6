"""Whoever signs a version, with a key or without one, and the bundle that comes of it."""

from collections.abc import Collection
from typing import NamedTuple

from sycee.core import modelfolder
from sycee.formats import bundle
from sycee.formats.bundle import Bundle
from sycee.trust.envelope import seal
from sycee.trust.folder import Folder
from sycee.trust.keyless import Witness
from sycee.trust.keylesssign import KeylessSigner
from sycee.trust.keys import Signing

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


def seal_first(folder: Folder, files: Collection[str], payload: bytes, signer: Signer) -> Sealed:
    """Return ``model.sig`` over a statement.

    Args:
        folder: The model's folder.
        files: What is in it.
        payload: The statement.
        signer: Who signs. Without a key every signature is another one, so a good one that stands there is kept.

    Raises:
        RemoteError: If it cannot be signed without a key now.
    """
    return _seal(folder, bundle.NAME if bundle.NAME in files else None, payload, signer)._replace(name=bundle.NAME)


def seal_further(folder: Folder, files: Collection[str], payload: bytes, signer: Signer) -> Sealed:
    """Return the bundle of a further signer over a statement; see :func:`seal_first`."""
    before = _own_further(folder, files, signer) if isinstance(signer, KeylessSigner) else None
    sealed = _seal(folder, before, payload, signer)
    return sealed._replace(name=before or modelfolder.further_bundle(sealed.fingerprint))


def _seal(folder: Folder, before: str | None, payload: bytes, signer: Signer) -> Sealed:
    if isinstance(signer, Signing):
        return Sealed("", seal(payload, signer), signer.public.fingerprint)
    if before:
        raw = folder.read(before, bundle.MAX_SIZE)
        if signer.made(raw) and bundle.parse(raw).payload == payload:
            witness = signer.root.check_dsse(raw, payload)
            return Sealed("", raw, witness.fingerprint, witness)
    made = signer.sign_statement(payload)
    return Sealed("", made.data, made.witness.fingerprint, made.witness)


def _own_further(folder: Folder, files: Collection[str], signer: KeylessSigner) -> str | None:
    names = sorted(filter(modelfolder.is_further_bundle, files))
    return next((name for name in names if signer.made(folder.read(name, bundle.MAX_SIZE))), None)
