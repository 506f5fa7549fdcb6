"""Payloads under a signature: sealed by whoever can sign an encoding, and opened by the key that must have."""

from collections.abc import Sequence

from sycee.errors import SignatureInvalid
from sycee.formats import bundle
from sycee.formats.bundle import Bundle
from sycee.trust.keys import PublicKey, Signing


def seal(payload: bytes, signer: Signing, certificates: Sequence[bytes] = ()) -> bytes:
    """Return the file of a bundle over a payload.

    Args:
        payload: What to sign.
        signer: Who signs.
        certificates: The signer's certificate in DER, and those that lead to a root; empty to name the key alone.
    """
    signature = signer.sign_envelope(bundle.pae(payload))
    hint = None if certificates else signer.public.fingerprint
    return bundle.render(Bundle(payload, signature, hint, tuple(certificates)))


def require_signature(envelope: Bundle, key: PublicKey, name: str) -> bytes:
    """Return the payload of a bundle if a key signed it; nothing of it was parsed.

    Args:
        envelope: The outer layer.
        key: The key expected to have signed.
        name: The bundle's name, for messages.

    Raises:
        SignatureInvalid: If it names another key, or is not this key's signature.
    """
    if envelope.hint not in {None, key.fingerprint}:
        raise SignatureInvalid(
            f"{name} was signed by the key {envelope.hint}, and the key given is {key.fingerprint}",
            hint="give the public key of the signer: its `sha256sum` is the fingerprint",
            expected=key.fingerprint,
            found=envelope.hint,
            path=name,
        )
    if not key.verify_envelope(envelope.signature, bundle.pae(envelope.payload)):
        raise SignatureInvalid(
            f"{name} is not a signature by the key {key.fingerprint}",
            hint="the statement or the signature was altered, or another key made it; get the bundle from its signer",
            expected=f"a signature by {key.fingerprint}",
            path=name,
        )
    return envelope.payload
