"""``model.sig``: a Sigstore bundle as OpenSSF Model Signing keeps it, with one DSSE envelope and one signature.

The signature is over the *pre-authentication encoding* of the payload, so a reader checks it before it parses a byte
of what the signer said. Specification: ``docs/spec/bundle.md``; what the payload says: :mod:`sycee.formats.statement`.
"""

import base64
from dataclasses import dataclass

from sycee.errors import FormatError
from sycee.formats import strictjson

NAME = "model.sig"
MAX_SIZE = 64 << 20  # bytes; 200 bytes a file, so about 300,000 files
MAX_VALUES = 1000  # JSON values; a bundle by a key has 15, and everybody may write what is parsed here
MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD_TYPE = "application/vnd.in-toto+json"


@dataclass(frozen=True, slots=True)
class Bundle:
    """The outer layer: who is said to have signed which bytes. Nothing in it is trusted until the signature is checked.

    Attributes:
        payload: The statement, byte for byte as it was signed.
        signature: DER ECDSA, or RSA PKCS#1 v1.5.
        hint: sha256 of the signer's public key in PEM, 64 hex digits; None when the signer gave none.
    """

    payload: bytes
    signature: bytes
    hint: str | None


def pae(payload: bytes) -> bytes:
    """Return the bytes that are signed for a payload: DSSE's pre-authentication encoding, version 1."""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)


def render(bundle: Bundle) -> bytes:
    """Return the file: compact JSON on one line, without a final line feed, as the reference implementation writes."""
    public_key = {} if bundle.hint is None else {"hint": bundle.hint}
    return strictjson.render(
        {
            "mediaType": MEDIA_TYPE,
            "verificationMaterial": {"publicKey": public_key, "tlogEntries": []},
            "dsseEnvelope": {
                "payload": base64.b64encode(bundle.payload).decode(),
                "payloadType": PAYLOAD_TYPE,
                "signatures": [{"sig": base64.b64encode(bundle.signature).decode(), "keyid": ""}],
            },
        }
    )


def parse(data: bytes, name: str = NAME) -> Bundle:
    """Read a bundle strictly.

    Args:
        data: All bytes of the file.
        name: Its name, for messages.

    Raises:
        FormatError: With every fault: too long, too many values, not strict JSON, unknown or missing members, another
            media or payload type, certificates or log entries (other methods than ``key``), any number of signatures
            but one.
    """
    if len(data) > MAX_SIZE:
        raise FormatError(f"{name} is longer than {MAX_SIZE} bytes")
    if sum(data.count(mark) for mark in (b"{", b"[", b",")) > MAX_VALUES:
        raise FormatError(f"{name} is no bundle: it holds more than {MAX_VALUES} values")
    reader = strictjson.Reader(name)
    top = reader.mapping(
        strictjson.parse(data, name),
        "$",
        required=("mediaType", "verificationMaterial", "dsseEnvelope"),
        optional=(),
    )
    reader.constant(top.get("mediaType"), "$.mediaType", MEDIA_TYPE)
    hint = _hint(reader, top.get("verificationMaterial"))
    payload, signature = _envelope(reader, top.get("dsseEnvelope"))
    reader.finish()
    return Bundle(payload, signature, hint)


def _hint(reader: strictjson.Reader, value: object) -> str | None:
    path = "$.verificationMaterial"
    material = reader.mapping(value, path, required=("publicKey",), optional=("tlogEntries",))
    if reader.array(material.get("tlogEntries", []), f"{path}.tlogEntries"):
        reader.fault(f"{path}.tlogEntries", "must be empty: only signatures by a key are read")
    key = reader.mapping(material.get("publicKey"), f"{path}.publicKey", optional=("hint",))
    return reader.text(key["hint"], f"{path}.publicKey.hint") if "hint" in key else None


def _envelope(reader: strictjson.Reader, value: object) -> tuple[bytes, bytes]:
    path = "$.dsseEnvelope"
    envelope = reader.mapping(value, path, required=("payload", "payloadType", "signatures"), optional=())
    reader.constant(envelope.get("payloadType"), f"{path}.payloadType", PAYLOAD_TYPE)
    payload = reader.base64(envelope.get("payload"), f"{path}.payload")
    signatures = reader.array(envelope.get("signatures"), f"{path}.signatures")
    if len(signatures) != 1:
        reader.fault(f"{path}.signatures", f"must hold exactly one signature, not {len(signatures)}")
        return payload, b""
    place = f"{path}.signatures[0]"
    signature = reader.mapping(signatures[0], place, required=("sig",), optional=("keyid",))
    if not isinstance(signature.get("keyid", ""), str | None):
        reader.fault(f"{place}.keyid", "must be a string")  # its value decides nothing
    return payload, reader.base64(signature.get("sig"), f"{place}.sig")
