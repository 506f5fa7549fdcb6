"""Certificates for tests: a root, an authority between, and signers of all kinds, the same ones in every run."""

import datetime as dt

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sycee.trust import keys
from sycee.trust.keys import PrivateKey

SINCE = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
UNTIL = dt.datetime(2036, 1, 1, tzinfo=dt.UTC)
NOW = dt.datetime(2027, 1, 1, tzinfo=dt.UTC)
CODE, SERVER = ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.SERVER_AUTH

_NOT_USED = dict.fromkeys(
    [
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "encipher_only",
        "decipher_only",
    ],
    False,
)


class Holder:
    """A name with a key, and the certificate that somebody gave it."""

    def __init__(self, name, number, issuer=None, curve=None, **options):
        self.key = ec.derive_private_key(number, curve or ec.SECP256R1())  # no secret: everybody can read the number
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = _certificate(self, issuer or self, number, **options)

    @property
    def signer(self) -> PrivateKey:
        """The key as sycee uses it."""
        return keys.parse_private(self.private_pem, "test.key")

    @property
    def private_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)


def _certificate(
    holder, issuer, serial, *, authority=False, usages=(CODE,), signs=True, since=SINCE, until=UNTIL, **more
):
    builder = (
        x509.CertificateBuilder()
        .subject_name(holder.name)
        .issuer_name(issuer.name)
        .public_key(holder.key.public_key())
        .serial_number(serial)
        .not_valid_before(since)
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(authority, more.get("length")), critical=True)
        .add_extension(_usage(authority, signs), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(holder.key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
    )
    if usages and not authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    for extension, critical in more.get("extensions", ()):
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(issuer.key, SHA256(), ecdsa_deterministic=True)


def _usage(authority, signs):
    return x509.KeyUsage(
        digital_signature=signs and not authority, key_cert_sign=authority, crl_sign=authority, **_NOT_USED
    )


ROOT = Holder("Test Root", 1001, authority=True)
OTHER_ROOT = Holder("Other Root", 1002, authority=True)
MIDDLE = Holder("Test Authority", 1003, ROOT, authority=True, length=0)
LEAF = Holder("Release Signing", 1004, MIDDLE)
