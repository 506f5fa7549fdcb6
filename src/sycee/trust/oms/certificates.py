"""Signers who have a certificate: does a chain lead from it to a root that was given, and is it whom one asked for?

The path itself (signatures, names and their constraints, validity, lengths, strength of keys and hashes, extensions
marked as critical) is judged by ``cryptography``'s verifier: it is written for hostile input and a path checker of our
own could only be worse. It knows two purposes, servers and clients of TLS, so it is asked for a path alone and what a
signer of code needs is judged here: the usages, the identity, and the moment.

Only roots that were given count, never those that browsers trust: whoever has a web server would be a signer. A root
may be an authority in the middle of a chain, or the signer's certificate itself. Withdrawn certificates are not looked
for, since verifying needs no network.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from sycee.errors import Expired, NotFound, PolicyDenied, SignatureInvalid, UsageError
from sycee.system.onepass import read_regular
from sycee.trust.keys import PublicKey, parse_public

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from cryptography.x509.verification import PolicyBuilder

Usage = Literal["code-signing", "any"]
USAGES: tuple[Usage, ...] = ("code-signing", "any")
MAX_FILE = 1 << 20  # bytes of a file of certificates


@dataclass(frozen=True, slots=True)
class CertificateRule:
    """Whose certificate counts.

    Attributes:
        roots: The certificates that everything is traced back to.
        identity: The name that the signer's certificate must carry: one of its alternative names, or its common name.
            The latter counts for nothing below an authority whose names are constrained, since constraints do not bind
            it.
        at: The moment at which the chain must be valid, with a time zone.
        usage: ``code-signing``: the certificate must be meant for it; ``any``: for digital signatures is enough.

    Raises:
        UsageError: If there is no root, or no identity, which would be everybody's.
    """

    roots: tuple["Certificate", ...]
    identity: str
    at: dt.datetime
    usage: Usage = "code-signing"

    def __post_init__(self) -> None:
        if not (self.roots and self.identity):
            missing = "identity" if self.roots else "root"
            raise UsageError(f"no {missing} is given", hint="name the root and the identity that the signer publishes")


class Certified(NamedTuple):
    """A signer whose certificate was accepted.

    Attributes:
        key: The key that the certificate vouches for.
        subject: Its distinguished name, as RFC 4514 writes it.
        names: The names it carries, any of which may be asked for.
        valid_until: When it ends.
    """

    key: PublicKey
    subject: str
    names: tuple[str, ...]
    valid_until: dt.datetime


def load_certificates(path: Path) -> tuple["Certificate", ...]:
    """Read a file of one or more certificates in PEM.

    Raises:
        NotFound: If it is not there.
        UsageError: If it holds none, or something that is none.
    """
    from cryptography.x509 import load_pem_x509_certificates

    try:
        data, _ = read_regular(path.resolve())  # a link is fine: secrets are mounted as links
    except NotFound:
        raise NotFound(f"the certificate file {path} does not exist", path=str(path)) from None
    try:
        if len(data) <= MAX_FILE:
            return tuple(load_pem_x509_certificates(data))
    except ValueError:
        pass  # the same message as for a file that is far too long
    raise UsageError(
        f"{path} holds no certificates in PEM",
        hint="openssl x509 -inform DER -in FILE -out FILE.pem makes one of a binary file",
        path=str(path),
    )


def der(certificates: Sequence["Certificate"]) -> tuple[bytes, ...]:
    """Return certificates as bundles carry them."""
    from cryptography.hazmat.primitives.serialization import Encoding

    return tuple(certificate.public_bytes(Encoding.DER) for certificate in certificates)


def key_of(certificate: "Certificate", name: str) -> PublicKey:
    """Return the key that a certificate vouches for.

    Raises:
        UsageError: If it is of a kind that is not supported.
    """
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    pem = certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return parse_public(pem, f"the certificate in {name}")


def check_certificates(chain: Sequence[bytes], rule: CertificateRule, name: str) -> Certified:
    """Judge the certificates of a bundle.

    Args:
        chain: The signer's in DER, and others that may lead to a root.
        rule: Whose certificate counts.
        name: The bundle's name, for messages.

    Raises:
        SignatureInvalid: If they cannot be read, or no path leads to a given root.
        Expired: If the signer's certificate is not valid at the moment.
        PolicyDenied: If it is not meant for signing code, or is somebody else's.
    """
    leaf, *others = (_parse(one, name) for one in chain)
    _require_moment(leaf, rule, name)
    authorities = _require_path(leaf, others, rule, name)
    _require_usage(leaf, rule, name)
    names = _names(leaf, common=not any(map(_constrains, authorities)))
    if rule.identity not in names:
        raise PolicyDenied(
            f"{name} was signed by somebody else: expected {rule.identity}, found {' or '.join(names) or 'no name'}",
            hint="give the name that its signer publishes, exactly, with --identity",
            expected=rule.identity,
            found=list(names),
            path=name,
        )
    try:
        key = key_of(leaf, name)
    except UsageError as error:
        raise SignatureInvalid(error.message, path=name) from None
    return Certified(key, leaf.subject.rfc4514_string(), names, leaf.not_valid_after_utc)


def _parse(data: bytes, name: str) -> "Certificate":
    from cryptography.x509 import load_der_x509_certificate

    try:
        certificate = load_der_x509_certificate(data)
        for part in ("extensions", "subject", "issuer", "not_valid_before_utc", "not_valid_after_utc"):
            getattr(certificate, part)  # they are parsed when they are asked for
        certificate.public_key()
    except Exception as error:  # noqa: BLE001 - the library raises errors of a dozen kinds for hostile bytes
        raise SignatureInvalid(f"a certificate in {name} cannot be read: {error}", path=name) from None
    return certificate


def _require_moment(leaf: "Certificate", rule: CertificateRule, name: str) -> None:
    since, until = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if since <= rule.at <= until:
        return
    raise Expired(
        f"the certificate in {name} is valid from {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC, "
        f"and not at {rule.at.astimezone(dt.UTC):%Y-%m-%d %H:%M}",
        hint="ask the signer for a bundle by a valid certificate; --at DATE judges it as of a day when you know it "
        "was signed before",
        expected=f"valid at {rule.at.isoformat()}",
        found=f"{since.isoformat()} to {until.isoformat()}",
        path=name,
    )


def _require_path(
    leaf: "Certificate", others: Sequence["Certificate"], rule: CertificateRule, name: str
) -> Sequence["Certificate"]:
    """Return the authorities on the path."""
    from cryptography.x509.verification import Store, VerificationError

    if leaf in rule.roots:
        return ()  # given by whoever verifies: nobody else has to vouch for it
    builder = _builder(rule.usage).store(Store(list(rule.roots))).time(rule.at.astimezone(dt.UTC).replace(tzinfo=None))
    try:
        return builder.build_client_verifier().verify(leaf, list(others)).chain[1:]
    except VerificationError as error:
        raise SignatureInvalid(
            f"no valid path leads from the certificate in {name} ({leaf.subject.rfc4514_string()}) to a root that was "
            f"given: {error}",
            hint="give the root that the signer publishes, by a way you trust, with --root",
            expected=[root.subject.rfc4514_string() for root in rule.roots],
            found=leaf.issuer.rfc4514_string(),
            path=name,
        ) from None


def _builder(usage: Usage) -> "PolicyBuilder":
    """Return what asks for a path and leaves the usage of the signer's own certificate to us."""
    from cryptography.x509 import ExtendedKeyUsage
    from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder

    def judge(_policy: object, _certificate: object, extension: ExtendedKeyUsage | None) -> None:
        if usage != "any" and extension is not None and not _for_code(extension):
            raise ValueError("an authority may not vouch for signers of code")

    authorities = ExtensionPolicy.webpki_defaults_ca().may_be_present(ExtendedKeyUsage, Criticality.AGNOSTIC, judge)
    return PolicyBuilder().extension_policies(ca_policy=authorities, ee_policy=ExtensionPolicy.permit_all())


def _for_code(usages: Any) -> bool:
    from cryptography.x509.oid import ExtendedKeyUsageOID

    return ExtendedKeyUsageOID.CODE_SIGNING in usages or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in usages


def _require_usage(leaf: "Certificate", rule: CertificateRule, name: str) -> None:
    from cryptography.x509 import ExtendedKeyUsage, KeyUsage

    usage = _extension(leaf, KeyUsage)
    if usage is None or not usage.digital_signature:
        raise _not_meant(name, "digital signatures", "ask the signer for a bundle by a certificate that is")
    extended = _extension(leaf, ExtendedKeyUsage)
    if rule.usage == "code-signing" and (extended is None or not _for_code(extended)):
        says = "does not say what for" if extended is None else "is for something else"
        raise _not_meant(name, f"signing code: it {says}", "--usage any takes every one that may sign")


def _not_meant(name: str, what: str, hint: str) -> PolicyDenied:
    return PolicyDenied(f"the certificate in {name} is not meant for {what}", hint=hint, path=name)


def _extension(certificate: "Certificate", kind: type) -> Any:
    from cryptography.x509 import ExtensionNotFound

    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except ExtensionNotFound:
        return None


def _constrains(authority: "Certificate") -> bool:
    from cryptography.x509 import NameConstraints

    return _extension(authority, NameConstraints) is not None


def _names(leaf: "Certificate", *, common: bool) -> tuple[str, ...]:
    from cryptography.x509 import DNSName, RFC822Name, SubjectAlternativeName, UniformResourceIdentifier
    from cryptography.x509.oid import NameOID

    alternative = _extension(leaf, SubjectAlternativeName) or ()
    kinds = (RFC822Name, UniformResourceIdentifier, DNSName)
    found = [name.value for name in alternative if isinstance(name, kinds)]
    if common:
        found += [str(attribute.value) for attribute in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    return tuple(dict.fromkeys(found))
