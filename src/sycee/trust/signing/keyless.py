"""Signatures without a key that somebody keeps: who signed proved an identity, and a log wrote it down.

A certificate authority gave a certificate of a few minutes for the identity of a workflow or a person, and a public log
recorded that its key signed these bytes. Both are checked against a pinned ``trusted_root.json`` by the ``sigstore``
package (extra ``sycee[sigstore]``), without any network. Specification: ``docs/spec/signed-document.md``.

    1  The bundle is strict JSON, so no two readers see different certificates or entries in it.
    2  The certificate leads to a root that was valid when the log says it was used, and its issue is in a public log.
    3  The log entry is in the log, is about this very signature, and lies within the certificate's minutes.
    4  The signature is over these bytes.
    5  The certificate names exactly one identity and one issuer, which are then compared to the letter.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from sycee.core.facts import Signer
from sycee.errors import ConfigError, FormatError, NotFound, SignatureInvalid
from sycee.formats import bundle as envelope
from sycee.formats import strictjson
from sycee.formats.trust import TrustedIdentity

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, Extensions
    from sigstore.models import Bundle
    from sigstore.verify import Verifier

_PUBLIC_ROOT = ("_store", "https%3A%2F%2Ftuf-repo-cdn.sigstore.dev", "trusted_root.json")  # in the sigstore package
_ISSUER_RAW = "1.3.6.1.4.1.57264.1.1"  # Fulcio's extensions for the issuer: the text itself in the older one,
_ISSUER = "1.3.6.1.4.1.57264.1.8"  # and a UTF8String in the newer

_T = TypeVar("_T")


class Witness(NamedTuple):
    """Who signed, as certificate and log vouch for it.

    Attributes:
        issuer: Of the token that proved the identity.
        subject: The identity: an address of a workflow, or of a person.
        fingerprint: sha256 of the PEM of the certificate's key, 64 hex digits.
        signed_at: When, by the log; where that keeps no time, the beginning of the certificate's few minutes.
    """

    issuer: str
    subject: str
    fingerprint: str
    signed_at: dt.datetime

    def as_signer(self, identity: TrustedIdentity) -> Signer | None:
        """Return the signer that a policy speaks of, if this is the identity that a trust file names."""
        if (self.issuer, self.subject) != (identity.issuer, identity.subject):
            return None
        return Signer(identity.name, self.fingerprint, f"{self.subject} by {self.issuer}", self.signed_at)

    def __str__(self) -> str:
        return f"{self.subject} by {self.issuer}"


@dataclass(frozen=True, slots=True)
class Root:
    """Whose certificates and logs are believed: a ``trusted_root.json``, loaded.

    Attributes:
        described: What to call it in messages.
    """

    described: str
    _verifier: "Verifier"

    @classmethod
    def read(cls, path: Path | None = None) -> "Root":
        """Load a trust root; nothing is looked up anywhere else.

        Args:
            path: The file; None for that of the public instance, as the installed sigstore package ships it.

        Raises:
            NotFound: If it, or the sigstore package, is not there.
            ConfigError: If it is not a trust root.
        """
        require_sigstore()
        return cls._load(path, str(path)) if path else cls._shipped()

    @classmethod
    def _shipped(cls) -> "Root":
        from importlib import resources  # likewise: of no use to most verdicts, and not small

        with resources.as_file(resources.files("sigstore").joinpath(*_PUBLIC_ROOT)) as file:
            return cls._load(file, "the trust root of the sigstore package")

    @classmethod
    def _load(cls, path: Path, described: str) -> "Root":
        from sigstore.models import TrustedRoot
        from sigstore.verify import Verifier

        if not path.is_file():
            raise NotFound(f"there is no trust root {path}", hint="name the file: root = … in the trust file")
        try:
            return cls(described, Verifier(trusted_root=TrustedRoot.from_file(str(path))))
        except Exception as error:  # noqa: BLE001 - whatever it stumbles over, it is not a trust root
            raise ConfigError(f"{described} is not a trusted_root.json: {first_line(error)}", path=str(path)) from None

    def check_dsse(self, raw: bytes, payload: bytes, name: str = envelope.NAME) -> Witness:
        """Check a bundle with an in-toto statement in it.

        Args:
            raw: The whole file.
            payload: The statement, as whoever reads the bundle otherwise took it out.
            name: The file's name, for messages.

        Raises:
            SignatureInvalid: If it is not a good signature over this statement, by whomsoever.
        """

        def check(bundle: "Bundle") -> None:
            if self._verifier.verify_dsse(bundle, _AnyIdentity()) != (envelope.PAYLOAD_TYPE, payload):
                raise ValueError("another statement than the one that was read")

        return self._witness(raw, name, check)

    def check_artifact(self, raw: bytes, data: bytes, name: str) -> Witness:
        """Check a bundle over the bytes of a file.

        Args:
            raw: The whole bundle.
            data: What it is to be a signature of.
            name: The bundle's name, for messages.

        Raises:
            SignatureInvalid: If it is not a good signature over these bytes, by whomsoever.
        """
        return self._witness(raw, name, lambda one: self._verifier.verify_artifact(data, one, _AnyIdentity()))

    def _witness(self, raw: bytes, name: str, check: Callable[["Bundle"], None]) -> Witness:
        from sigstore.models import Bundle

        bundle = _guarded(name, lambda: Bundle.from_json(_strict(raw, name)))
        _guarded(name, lambda: check(bundle))
        return _guarded(name, lambda: _witness_of(bundle))


@dataclass(frozen=True, slots=True)
class Identities:
    """The identities that a trust file names, and the roots that they are checked against, loaded when first needed.

    Attributes:
        named: The identities.
        folder: What the paths of roots are relative to; None where none are named.
    """

    named: tuple[TrustedIdentity, ...] = ()
    folder: Path | None = None
    _roots: dict[str, Root] = field(default_factory=dict, compare=False, repr=False)

    def signers_of_statement(self, raw: bytes, payload: bytes) -> frozenset[Signer]:
        """Return who signed a bundle with a statement in it; see :meth:`Root.check_dsse`. A bad one has no signers."""
        return self._signers(lambda root: root.check_dsse(raw, payload))

    def signers_of_file(self, raw: bytes, data: bytes, name: str) -> frozenset[Signer]:
        """Return who signed the bytes of a file; see :meth:`Root.check_artifact`. A bad bundle has no signers."""
        return self._signers(lambda root: root.check_artifact(raw, data, name))

    def told(self, raw: bytes, payload: bytes) -> str:
        """Return who signed a bundle with a statement in it, or why nobody can be believed to have, for a message."""
        found = "somebody without a key"
        for name in dict.fromkeys(identity.root for identity in self.named):
            try:
                return str(self._root(name).check_dsse(raw, payload))
            except SignatureInvalid as error:
                found = f"nobody that can be believed: {error.message}"
        return found

    def load(self) -> None:
        """Load every root now, for whoever wants to know whether they can be; raises as :meth:`Root.read`."""
        for identity in self.named:
            self._root(identity.root)

    def _signers(self, check: Callable[[Root], Witness]) -> frozenset[Signer]:
        found = (_signer(identity, self._root(identity.root), check) for identity in self.named)
        return frozenset(signer for signer in found if signer)

    def _root(self, name: str) -> Root:
        if name not in self._roots:
            self._roots[name] = Root.read((self.folder or Path()) / name if name else None)
        return self._roots[name]


def _signer(identity: TrustedIdentity, root: Root, check: Callable[[Root], Witness]) -> Signer | None:
    with suppress(SignatureInvalid):
        return check(root).as_signer(identity)
    return None


class _AnyIdentity:
    """What sigstore is told to demand of the certificate's identity: nothing; it is read and compared here."""

    def verify(self, cert: "Certificate") -> None:
        """Accept."""


def require_sigstore() -> None:
    """Demand the sigstore package.

    Raises:
        NotFound: If it is not installed.
    """
    try:
        import sigstore.verify  # noqa: F401
    except ImportError:
        raise NotFound(
            "signatures without a key need the package sigstore, which is not installed",
            hint="pip install 'sycee[sigstore]'",
        ) from None
    import logging  # with what it imports, a twentieth of the time `sycee verify` takes to start

    logging.getLogger("sigstore").addHandler(logging.NullHandler())  # what it has to say is said in the error


def _strict(raw: bytes, name: str) -> bytes:
    try:
        strictjson.parse(raw, name, limit=envelope.MAX_SIZE)
    except FormatError as error:
        raise ValueError(error.message) from None
    return raw


def _guarded(name: str, step: Callable[[], _T]) -> _T:
    """Run a step of a check; whatever a foreign bundle makes it stumble over, the bundle is refused."""
    try:
        return step()
    except Exception as error:  # noqa: BLE001 - see above
        raise SignatureInvalid(
            f"{name} is not a good signature without a key: {first_line(error)}",
            hint="restore it from Git, or let the workflow sign again",
            path=name,
        ) from None


def first_line(error: BaseException) -> str:
    """Return the beginning of what an error of another package says, for a message of one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def _witness_of(bundle: "Bundle") -> Witness:
    certificate = bundle.signing_certificate
    return Witness(
        issuer=_issuer(certificate.extensions),
        subject=_subject(certificate.extensions),
        fingerprint=fingerprint_of(certificate),
        signed_at=_signed_at(bundle),
    )


def fingerprint_of(certificate: "Certificate") -> str:
    """Return the sha256 of the PEM of a certificate's key, 64 hex digits."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    pem = certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(pem).hexdigest()


def _subject(extensions: "Extensions") -> str:
    from cryptography.x509 import RFC822Name, SubjectAlternativeName, UniformResourceIdentifier

    names = [*extensions.get_extension_for_class(SubjectAlternativeName).value]
    if len(names) != 1 or not isinstance(names[0], RFC822Name | UniformResourceIdentifier):
        raise ValueError("its certificate does not name one workflow or person")
    return names[0].value


def _issuer(extensions: "Extensions") -> str:
    raw = {one.oid.dotted_string: getattr(one.value, "value", b"") for one in extensions}
    found = {decode(raw[oid]) for oid, decode in _ISSUERS.items() if oid in raw}
    if len(found) != 1:
        raise ValueError("its certificate does not name one issuer")
    return found.pop()


def _utf8_string(der: bytes) -> str:
    length = der[1]
    text = der[2:] if length < 0x80 else der[3:]
    if der[0] != 0x0C or length > 0x81 or len(text) != (length if length < 0x80 else der[2]):
        raise ValueError("its certificate names its issuer in a form that is not read")
    return text.decode()


_ISSUERS: dict[str, Callable[[bytes], str]] = {_ISSUER: _utf8_string, _ISSUER_RAW: bytes.decode}


def _signed_at(bundle: "Bundle") -> dt.datetime:
    [entry] = json.loads(bundle.to_json())["verificationMaterial"]["tlogEntries"]
    if entry.get("inclusionPromise") and entry.get("integratedTime"):  # the log signed this time, which was checked
        return dt.datetime.fromtimestamp(int(entry["integratedTime"]), dt.UTC)
    return bundle.signing_certificate.not_valid_before_utc
