"""A small Sigstore of its own: an authority, a log of certificates, and a log of signatures; no secret, no network.

It makes the same bytes as the public one, so bundles of it are checked by the same code, against its own root.
"""

import base64
import datetime as dt
import hashlib
import json
import struct
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sycee.formats import bundle as envelope

ISSUER = "https://token.actions.githubusercontent.com"
SUBJECT = "https://github.com/acme/models/.github/workflows/train.yml@refs/heads/main"
NOW = dt.datetime(2026, 2, 1, 8, 30, tzinfo=dt.UTC)
ORIGIN = "log.test"

_SCTS = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
_OLDER_OID = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
_ISSUER_OID = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8")


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def canonical(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def spki(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def key_id(key: ec.EllipticCurvePrivateKey) -> bytes:
    return hashlib.sha256(spki(key)).digest()


def sign(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    return key.sign(data, ec.ECDSA(hashes.SHA256()))


class Who(NamedTuple):
    """What a certificate says."""

    subject: str = SUBJECT
    issuer: str = ISSUER
    since: dt.datetime = NOW
    names: tuple[x509.GeneralName, ...] | None = None  # in place of the subject
    older: str | None = None  # the issuer in the older of the two forms; None for the same

    @property
    def extensions(self) -> list[tuple[x509.ExtensionType, bool]]:
        names = self.names or (x509.UniformResourceIdentifier(self.subject),)
        text = self.issuer.encode()
        head = bytes([0x0C, len(text)]) if len(text) < 128 else bytes([0x0C, 0x81, len(text)])
        usage = x509.KeyUsage(True, *[False] * 8)
        return [
            (usage, True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), False),
            (x509.SubjectAlternativeName(names), True),
            (x509.UnrecognizedExtension(_OLDER_OID, (self.older or self.issuer).encode()), False),
            (x509.UnrecognizedExtension(_ISSUER_OID, head + text), False),
        ]


class Sigstore:
    """The instance, with new keys."""

    def __init__(self) -> None:
        self.ca, self.ct, self.rekor = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
        self.root = self._root()

    def _root(self) -> x509.Certificate:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a sigstore for tests")])
        usage = [False] * 9
        usage[5] = usage[6] = True  # certificates and their lists
        return (
            x509.CertificateBuilder(name, name, self.ca.public_key(), x509.random_serial_number())
            .not_valid_before(NOW - dt.timedelta(days=365))
            .not_valid_after(NOW + dt.timedelta(days=3650))
            .add_extension(x509.BasicConstraints(True, None), True)
            .add_extension(x509.KeyUsage(*usage), True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.ca.public_key()), False)
            .sign(self.ca, hashes.SHA256())
        )

    def certificate(self, key: ec.EllipticCurvePublicKey, who: Who = Who()) -> x509.Certificate:  # noqa: B008
        """Issue a certificate of ten minutes, and put it into the log of certificates."""
        builder = (
            x509.CertificateBuilder(self.root.subject, x509.Name([]), key, x509.random_serial_number())
            .not_valid_before(who.since)
            .not_valid_after(who.since + dt.timedelta(minutes=10))
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.ca.public_key()), False)
        )
        for extension, critical in who.extensions:
            builder = builder.add_extension(extension, critical)
        before = builder.sign(self.ca, hashes.SHA256()).tbs_certificate_bytes
        scts = x509.UnrecognizedExtension(_SCTS, self._scts(before, who.since))
        return builder.add_extension(scts, False).sign(self.ca, hashes.SHA256())

    def _scts(self, tbs: bytes, when: dt.datetime) -> bytes:
        time = struct.pack("!Q", int(when.timestamp() * 1000))
        entry = key_id(self.ca) + len(tbs).to_bytes(3, "big") + tbs
        signature = sign(self.ct, b"\0\0" + time + b"\0\1" + entry + b"\0\0")
        sct = b"\0" + key_id(self.ct) + time + b"\0\0" + b"\4\3" + struct.pack("!H", len(signature)) + signature
        listed = struct.pack("!HH", len(sct) + 2, len(sct)) + sct
        return bytes([0x04, len(listed)]) + listed if len(listed) < 128 else bytes([0x04, 0x81, len(listed)]) + listed

    def entry(self, body: dict[str, Any], when: dt.datetime) -> dict[str, Any]:
        """Put an entry into the log of signatures, as the second of two; return it as bundles hold it."""
        data = canonical(body)
        sibling = hashlib.sha256(b"\0another entry").digest()
        top = hashlib.sha256(b"\1" + sibling + hashlib.sha256(b"\0" + data).digest()).digest()
        note = f"{ORIGIN}\n2\n{b64(top)}\n"
        signed = key_id(self.rekor)[:4] + sign(self.rekor, note.encode())
        time = int(when.timestamp())
        promise = {"body": b64(data), "integratedTime": time, "logID": key_id(self.rekor).hex(), "logIndex": 1}
        return {
            "logIndex": "1",
            "logId": {"keyId": b64(key_id(self.rekor))},
            "kindVersion": {"kind": body["kind"], "version": body["apiVersion"]},
            "integratedTime": str(time),
            "inclusionPromise": {"signedEntryTimestamp": b64(sign(self.rekor, canonical(promise)))},
            "inclusionProof": {
                "logIndex": "1",
                "rootHash": b64(top),
                "treeSize": "2",
                "hashes": [b64(sibling)],
                "checkpoint": {"envelope": f"{note}\n\u2014 {ORIGIN} {b64(signed)}\n"},
            },
            "canonicalizedBody": b64(data),
        }

    def sign_artifact(self, data: bytes, who: Who = Who(), at: dt.datetime | None = None) -> dict[str, Any]:  # noqa: B008
        """Return a bundle over the bytes of a file."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate, signature = self.certificate(key.public_key(), who), sign(key, data)
        body = rekord(hashlib.sha256(data).hexdigest(), signature, certificate)
        digest = {"algorithm": "SHA2_256", "digest": b64(hashlib.sha256(data).digest())}
        content = {"messageSignature": {"messageDigest": digest, "signature": b64(signature)}}
        return self._bundle(certificate, self.entry(body, at or who.since), content)

    def sign_dsse(self, payload: bytes, who: Who = Who(), at: dt.datetime | None = None) -> dict[str, Any]:  # noqa: B008
        """Return a bundle with an in-toto statement."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate, signature = self.certificate(key.public_key(), who), sign(key, envelope.pae(payload))
        sealed = {
            "payload": b64(payload),
            "payloadType": envelope.PAYLOAD_TYPE,
            "signatures": [{"sig": b64(signature)}],
        }
        return self._bundle(
            certificate, self.entry(dsse(sealed, certificate), at or who.since), {"dsseEnvelope": sealed}
        )

    def _bundle(self, certificate: x509.Certificate, entry: dict[str, Any], content: dict[str, Any]) -> dict[str, Any]:
        return {
            "mediaType": envelope.MEDIA_TYPE,
            "verificationMaterial": {
                "certificate": {"rawBytes": b64(certificate.public_bytes(Encoding.DER))},
                "tlogEntries": [entry],
            },
            **content,
        }

    def trusted_root(self) -> dict[str, Any]:
        """Return its ``trusted_root.json``."""

        def log(key: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
            return {
                "baseUrl": "https://log.test",
                "hashAlgorithm": "SHA2_256",
                "publicKey": {
                    "rawBytes": b64(spki(key)),
                    "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                    "validFor": {"start": "2025-01-01T00:00:00Z"},
                },
                "logId": {"keyId": b64(key_id(key))},
            }

        authority = {
            "subject": {"organization": "test", "commonName": "a sigstore for tests"},
            "uri": "https://ca.test",
            "certChain": {"certificates": [{"rawBytes": b64(self.root.public_bytes(Encoding.DER))}]},
            "validFor": {"start": "2025-01-01T00:00:00Z"},
        }
        return {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [log(self.rekor)],
            "certificateAuthorities": [authority],
            "ctlogs": [log(self.ct)],
            "timestampAuthorities": [],
        }

    def write_root(self, path: Path) -> Path:
        """Write its ``trusted_root.json``."""
        path.write_text(json.dumps(self.trusted_root()))
        return path


def verifier_of(certificate: x509.Certificate) -> str:
    """Return a certificate as log entries hold it."""
    return b64(certificate.public_bytes(Encoding.PEM))


def rekord(sha256: str, signature: bytes, certificate: x509.Certificate) -> dict[str, Any]:
    """Return the log's entry for a signed file."""
    data = {"hash": {"algorithm": "sha256", "value": sha256}}
    held = {"content": b64(signature), "publicKey": {"content": verifier_of(certificate)}}
    return {"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {"data": data, "signature": held}}


def dsse(sealed: dict[str, Any], certificate: x509.Certificate) -> dict[str, Any]:
    """Return the log's entry for an envelope."""

    def digest(data: bytes) -> dict[str, str]:
        return {"algorithm": "sha256", "value": hashlib.sha256(data).hexdigest()}

    spec = {
        "envelopeHash": digest(canonical(sealed)),
        "payloadHash": digest(base64.b64decode(sealed["payload"])),
        "signatures": [{"signature": sealed["signatures"][0]["sig"], "verifier": verifier_of(certificate)}],
    }
    return {"apiVersion": "0.0.1", "kind": "dsse", "spec": spec}
