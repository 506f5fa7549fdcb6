"""Keys: made, read from PEM files, and used on digests and envelopes.

Two kinds of signature come from one key, and each follows the tool that reads it:

- *detached* (``.sig``): over a file, always by way of its sha256, as ``openssl dgst -sha256 -sign`` makes it;
- *bundle* (``model.sig``): over a DSSE encoding, by the hash that OpenSSF Model Signing ties to the curve.

A signer needs no more than to sign a digest, which is what a key management service, a token and a key in a file all
can: see :class:`Signing`. EC keys sign deterministically (RFC 6979) where the library can, so signing the same bytes
twice changes no file.
"""

import hashlib
import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sycee.errors import Conflict, NotFound, SignatureInvalid, SyceeError, UsageError
from sycee.trust import pkcs8

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

KeyType = Literal["p256", "p384", "p521", "rsa-3072", "rsa-4096"]
KEY_TYPES: tuple[KeyType, ...] = ("p256", "p384", "p521", "rsa-3072", "rsa-4096")

MAX_KEY_FILE = 64 << 10  # bytes; RSA-16384 in PEM is 13 KB
MIN_RSA_BITS = 2048
MAX_SIGNATURE = 4096  # bytes; RSA-16384 makes 2,048
_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
HashName = Literal["sha256", "sha384", "sha512"]
_CURVE_HASHES: dict[str, HashName] = {"secp256r1": "sha256", "secp384r1": "sha384", "secp521r1": "sha512"}

GetPassword = Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that checks signatures.

    Attributes:
        fingerprint: sha256 of its PEM text, 64 hex digits: what ``sha256sum release.key.pub`` prints, and OMS's hint.
        kind: ``EC P-256`` or ``RSA 3072``.
        pem: SubjectPublicKeyInfo in PEM, as openssl writes it.
    """

    fingerprint: str
    kind: str
    pem: bytes
    _key: "ec.EllipticCurvePublicKey | rsa.RSAPublicKey"

    @property
    def envelope_hash(self) -> HashName:
        """The hash that goes with the key in a bundle: by curve, as OpenSSF Model Signing ties them; RSA has sha256."""
        curve = getattr(self._key, "curve", None)
        return _CURVE_HASHES[curve.name] if curve else "sha256"

    def verify_detached(self, signature: bytes, sha256: str) -> bool:
        """Tell whether a detached signature is this key's over a file with this sha256 (64 hex digits)."""
        return self.verify_digest(signature, bytes.fromhex(sha256), "sha256")

    def verify_envelope(self, signature: bytes, encoded: bytes) -> bool:
        """Tell whether a bundle's signature is this key's over a pre-authentication encoding."""
        algorithm = self.envelope_hash
        return self.verify_digest(signature, hashlib.new(algorithm, encoded).digest(), algorithm)

    def verify_digest(self, signature: bytes, digest: bytes, algorithm: HashName) -> bool:
        """Tell whether a signature is this key's over a digest.

        Args:
            signature: DER ECDSA, or RSA PKCS#1 v1.5.
            digest: Raw, of the algorithm's length.
            algorithm: What made it.
        """
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric import ec, padding

        try:
            if isinstance(self._key, ec.EllipticCurvePublicKey):
                self._key.verify(signature, digest, ec.ECDSA(_prehashed(algorithm)))
            else:
                self._key.verify(signature, digest, padding.PKCS1v15(), _prehashed(algorithm))
        except InvalidSignature:
            return False
        return True


class Signing(ABC):
    """Whatever signs digests: a key in a file, a command that asks a key management service, a token."""

    @property
    @abstractmethod
    def public(self) -> PublicKey:
        """The key that checks what this signs."""

    @abstractmethod
    def sign_digest(self, digest: bytes, algorithm: HashName) -> bytes:
        """Return the signature over a digest.

        Args:
            digest: Raw, of the algorithm's length.
            algorithm: What made it: sha256 for files; for bundles the public key's ``envelope_hash``.

        Returns:
            DER ECDSA, or RSA PKCS#1 v1.5, as the key is.
        """

    def sign_detached(self, sha256: str) -> bytes:
        """Return the detached signature over a file with this sha256 (64 hex digits), without the file."""
        return self.sign_digest(bytes.fromhex(sha256), "sha256")

    def sign_envelope(self, encoded: bytes) -> bytes:
        """Return a bundle's signature over a pre-authentication encoding."""
        algorithm = self.public.envelope_hash
        return self.sign_digest(hashlib.new(algorithm, encoded).digest(), algorithm)


class PrivateKey(Signing):
    """A key that is at hand.

    Args:
        public: Its other half.
        key: What signs.
    """

    def __init__(self, public: PublicKey, key: "ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey") -> None:
        self._public = public
        self._key = key

    @property
    def public(self) -> PublicKey:
        """Its other half."""
        return self._public

    def sign_digest(self, digest: bytes, algorithm: HashName) -> bytes:
        """See :meth:`Signing.sign_digest`."""
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric import ec, padding

        prehashed = _prehashed(algorithm)
        if not isinstance(self._key, ec.EllipticCurvePrivateKey):
            return self._key.sign(digest, padding.PKCS1v15(), prehashed)
        try:
            return self._key.sign(digest, ec.ECDSA(prehashed, deterministic_signing=True))
        except UnsupportedAlgorithm:  # built against an OpenSSL before 3.2
            return self._key.sign(digest, ec.ECDSA(prehashed))

    def to_pem(self, password: bytes | None) -> bytes:
        """Return the key as PKCS#8 in PEM, encrypted when there is a password."""
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        if password is None:
            return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return pkcs8.encrypt(self._key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()), password)


def _prehashed(algorithm: HashName) -> "Prehashed":
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

    made = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
    return Prehashed(made[algorithm])


def generate(kind: KeyType) -> PrivateKey:
    """Make a new key.

    Args:
        kind: One of :data:`KEY_TYPES`.
    """
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if kind.startswith("rsa-"):
        return _private(rsa.generate_private_key(65537, int(kind.removeprefix("rsa-"))), "the new key")
    curves = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}
    return _private(ec.generate_private_key(curves[kind]), "the new key")


def parse_public(pem: bytes, name: str) -> PublicKey:
    """Read a public key from PEM.

    Args:
        pem: The text of the file.
        name: Its name, for messages.

    Raises:
        UsageError: If it is a private key, no key, or of a kind that is not supported.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    if b"PRIVATE KEY-----" in pem:
        raise UsageError(f"{name} is a private key, where a public key is needed", hint=f"try {name}.pub")
    try:
        return _public(load_pem_public_key(pem), name)
    except (ValueError, UnsupportedAlgorithm):
        raise UsageError(
            f"{name} is not a public key in PEM", hint="openssl pkey -in PRIVATE -pubout writes one"
        ) from None


def _public(key: object, name: str) -> PublicKey:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        kind = f"EC {_CURVES[key.curve.name]}"
    elif isinstance(key, rsa.RSAPublicKey) and key.key_size >= MIN_RSA_BITS:
        kind = f"RSA {key.key_size}"
    else:
        raise UsageError(
            f"{name} is a key of a kind that sycee does not use: {_describe(key)}",
            hint=f"EC P-256, P-384 and P-521, and RSA from {MIN_RSA_BITS} bits, are supported",
        )
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return PublicKey(hashlib.sha256(pem).hexdigest(), kind, pem, key)


def _describe(key: object) -> str:
    curve = getattr(key, "curve", None)
    size = getattr(key, "key_size", None)
    kind = type(key).__name__.removesuffix("Key").removesuffix("Public").removesuffix("Private")
    return f"EC {curve.name}" if curve else f"{kind} {size} bits" if size else kind


def _private(key: object, name: str) -> PrivateKey:
    public = getattr(key, "public_key", None)
    if public is None:
        raise UsageError(f"{name} cannot sign")
    return PrivateKey(_public(public(), name), key)  # type: ignore[arg-type]  # _public refuses the other kinds


def parse_private(pem: bytes, name: str, get_password: GetPassword | None = None) -> PrivateKey:
    """Read a private key from PEM: PKCS#8, SEC1 or PKCS#1, encrypted or not.

    Args:
        pem: The text of the file.
        name: Its name, for messages.
        get_password: Asked for the password only if the key is encrypted.

    Raises:
        UsageError: If it is a public key, no key, of an unsupported kind, or the password is missing or wrong.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    if b"PRIVATE KEY-----" not in pem:
        what = "a public key" if b"PUBLIC KEY-----" in pem else "not a private key in PEM"
        raise UsageError(f"{name} is {what}, where a private key is needed", hint="sycee keygen makes a pair")
    encrypted = is_encrypted(pem)
    if encrypted and get_password is None:
        raise UsageError(f"{name} is encrypted and no password was given", hint=_PASSWORD_HINT)
    try:
        key = load_pem_private_key(pem, get_password() if encrypted and get_password else None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        why = "cannot be opened with this password" if encrypted else "is damaged, or not a private key in PEM"
        raise UsageError(f"{name} {why}", hint=_PASSWORD_HINT if encrypted else None) from None
    return _private(key, name)


_PASSWORD_HINT = "give the password at the prompt, by --password-file FILE, or in SYCEE_KEY_PASSWORD"


def is_encrypted(pem: bytes) -> bool:
    """Tell whether a private key in PEM needs a password."""
    return b"-----BEGIN ENCRYPTED PRIVATE KEY-----" in pem or b"Proc-Type: 4,ENCRYPTED" in pem


def load_public(path: Path) -> PublicKey:
    """Read a public key file.

    Raises:
        NotFound: If it is not there.
        UsageError: See :func:`parse_public`.
    """
    return parse_public(_read(path)[0], str(path))


def read_private_pem(path: Path, *, allow_insecure_permissions: bool = False) -> bytes:
    """Read a private key file that nobody but its owner may read.

    Raises:
        NotFound: If it is not there.
        Conflict: If its group or others may read it, unless that is allowed.
    """
    pem, mode = _read(path)
    if mode & 0o077 and not allow_insecure_permissions and b"PRIVATE KEY-----" in pem:
        raise Conflict(
            f"{path} can be read by others (mode {mode:04o}, expected 0600)",
            hint=f"chmod 600 {path}, or pass --allow-insecure-key-permissions",
            path=str(path),
            expected="0600",
            found=f"{mode:04o}",
        )
    return pem


def _read(path: Path) -> tuple[bytes, int]:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a link is fine: secrets are mounted as links
    except FileNotFoundError:
        hint = "look for a misspelt path; who signs makes a pair (sycee keygen), and gives away the one in .pub"
        raise NotFound(f"the key {path} does not exist", hint=hint, path=str(path)) from None
    except OSError as error:
        raise SyceeError(f"the key {path} cannot be read: {error.strerror}", path=str(path)) from error
    try:
        status = os.fstat(fd)
        data = os.read(fd, MAX_KEY_FILE + 1) if stat.S_ISREG(status.st_mode) else b""
    finally:
        os.close(fd)
    if not data or len(data) > MAX_KEY_FILE:
        raise UsageError(f"{path} is not a key file", path=str(path))
    return data, stat.S_IMODE(status.st_mode)


def require_detached(key: PublicKey, signature: bytes, sha256: str, name: str) -> None:
    """Check one detached signature.

    Args:
        key: The key expected to have signed.
        signature: Raw bytes of the signature file.
        sha256: Digest of the file that was signed, 64 hex digits.
        name: Name of the file that was signed.

    Raises:
        SignatureInvalid: If it is not this key's signature over these bytes.
    """
    if not key.verify_detached(signature, sha256):
        raise SignatureInvalid(
            f"{name}.sig is not a signature of {name} by the key {key.fingerprint}",
            path=f"{name}.sig",
            expected=f"a signature by {key.fingerprint} over sha256:{sha256}",
            found=f"{len(signature)} bytes that are none",
        )
