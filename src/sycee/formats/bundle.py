"""``model.sig``: a Sigstore bundle as OpenSSF Model Signing keeps it, with one DSSE envelope and one signature.

The signature is over the *pre-authentication encoding* of the payload, so a reader checks it before it parses a byte
of what the signer said. Specification: ``docs/spec/bundle.md``; what the payload says: :mod:`sycee.formats.statement`
(a model of ours) and :mod:`sycee.formats.omsstatement` (anything else).
"""

import base64
from dataclasses import dataclass
from typing import Any, NamedTuple

from sycee.errors import FormatError
from sycee.formats import strictjson

NAME = "model.sig"
MAX_SIZE = 64 << 20  # bytes; 200 bytes a file, so about 300,000 files
MAX_VALUES = 1000  # JSON values; a bundle by a key has 15, and everybody may write what is parsed here
MAX_CERTIFICATES = 16
MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
# Sigstore's bundle specification: readers must accept the forms that were defined before.
OLDER_MEDIA_TYPES = tuple(f"application/vnd.dev.sigstore.bundle+json;version=0.{minor}" for minor in (1, 2, 3))
PAYLOAD_TYPE = "application/vnd.in-toto+json"
ENCODING = b"DSSEv1 "  # how everything begins that a bundle signs

_PATH = "$.verificationMaterial"
_KINDS = ("publicKey", "x509CertificateChain", "certificate")


@dataclass(frozen=True, slots=True)
class Bundle:
    """The outer layer: who is said to have signed which bytes. Nothing in it is trusted until the signature is checked.

    Attributes:
        payload: The statement, byte for byte as it was signed.
        signature: DER ECDSA, or RSA PKCS#1 v1.5.
        hint: sha256 of the signer's public key in PEM, 64 hex digits; None when the signer gave none.
        certificates: The signer's certificate in DER, and those that lead from it to a root; empty for a bare key.
        keyless: Whether the certificate is one of a few minutes that a transparency log vouches for. Log entries and
            time stamps are not looked into here: who judges them reads the whole file.
    """

    payload: bytes
    signature: bytes
    hint: str | None
    certificates: tuple[bytes, ...] = ()
    keyless: bool = False


class _Material(NamedTuple):
    hint: str | None = None
    certificates: tuple[bytes, ...] = ()
    keyless: bool = False


def pae(payload: bytes) -> bytes:
    """Return the bytes that are signed for a payload: DSSE's pre-authentication encoding, version 1."""
    return b"%s%d %s %d %s" % (ENCODING, len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)


def render(bundle: Bundle) -> bytes:
    """Return the file: compact JSON on one line, without a final line feed, as the reference implementation writes.

    Keyless bundles are written by who talks to the log, with its entries; here they are only read.
    """
    return strictjson.render(
        {
            "mediaType": MEDIA_TYPE,
            "verificationMaterial": {**_render_signer(bundle), "tlogEntries": []},
            "dsseEnvelope": {
                "payload": base64.b64encode(bundle.payload).decode(),
                "payloadType": PAYLOAD_TYPE,
                "signatures": [{"sig": base64.b64encode(bundle.signature).decode(), "keyid": ""}],
            },
        }
    )


def _render_signer(bundle: Bundle) -> dict[str, Any]:
    if bundle.certificates:
        chain = [{"rawBytes": base64.b64encode(certificate).decode()} for certificate in bundle.certificates]
        return {"x509CertificateChain": {"certificates": chain}}
    return {"publicKey": {} if bundle.hint is None else {"hint": bundle.hint}}


def parse(data: bytes, name: str = NAME) -> Bundle:
    """Read a bundle strictly.

    Args:
        data: All bytes of the file.
        name: Its name, for messages.

    Raises:
        FormatError: With every fault: too long, too many values, not strict JSON, unknown or missing members, another
            media or payload type, log entries beside a bare key, any number of signatures but one.
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
    if top.get("mediaType") not in OLDER_MEDIA_TYPES:
        reader.constant(top.get("mediaType"), "$.mediaType", MEDIA_TYPE)
    material = _material(reader, top.get("verificationMaterial"))
    payload, signature = _envelope(reader, top.get("dsseEnvelope"))
    reader.finish()
    return Bundle(payload, signature, *material)


def _material(reader: strictjson.Reader, value: object) -> _Material:
    found = reader.mapping(value, _PATH, optional=(*_KINDS, "tlogEntries", "timestampVerificationData"))
    entries = reader.array(found.get("tlogEntries", []), f"{_PATH}.tlogEntries")
    reader.mapping(found.get("timestampVerificationData", {}), f"{_PATH}.timestampVerificationData")
    kinds = [kind for kind in _KINDS if kind in found]
    if len(kinds) != 1:
        reader.fault(_PATH, f"must have one of {', '.join(_KINDS)}, not {len(kinds)} of them")
        return _Material()
    [kind] = kinds
    if kind == "publicKey":
        if entries:
            reader.fault(f"{_PATH}.tlogEntries", "must be empty for a signature by a key")
        return _Material(_hint(reader, found[kind]))
    keyless = kind == "certificate" or bool(entries)
    if keyless and not entries:
        reader.fault(f"{_PATH}.tlogEntries", "must hold an entry of a log, since the certificate stands alone")
    return _Material(None, _certificates(reader, kind, found[kind]), keyless)


def _hint(reader: strictjson.Reader, value: object) -> str | None:
    """Return the hint. Bundles of releases before 1.1 carry the key itself, which says nothing: anybody has one."""
    path = f"{_PATH}.publicKey"
    key = reader.mapping(value, path, optional=("hint", "rawBytes", "keyDetails"))
    for name in ("rawBytes", "keyDetails"):
        if name in key:
            reader.text(key[name], f"{path}.{name}")
    return reader.text(key["hint"], f"{path}.hint") if key.get("hint") is not None else None


def _certificates(reader: strictjson.Reader, kind: str, value: object) -> tuple[bytes, ...]:
    path = f"{_PATH}.{kind}"
    if kind == "certificate":
        return (_certificate(reader, value, path),)
    chain = reader.mapping(value, path, required=("certificates",), optional=())
    items = tuple(reader.items(chain.get("certificates"), f"{path}.certificates"))
    if not 0 < len(items) <= MAX_CERTIFICATES:
        reader.fault(f"{path}.certificates", f"must list between 1 and {MAX_CERTIFICATES} certificates")
        return ()
    return tuple(_certificate(reader, item, place) for place, item in items)


def _certificate(reader: strictjson.Reader, value: object, path: str) -> bytes:
    item = reader.mapping(value, path, required=("rawBytes",), optional=())
    return reader.base64(item.get("rawBytes"), f"{path}.rawBytes")


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
