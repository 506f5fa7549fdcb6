"""Whose signature counts: a trust file with its keys loaded, or a single key.

There is one path through the code. A key that is given alone becomes a trust file with one role that it alone is a
member of, and one rule: every model, signed by it.
"""

import datetime as dt
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from sycee.core.facts import Signer
from sycee.digest import sha256_hex
from sycee.errors import ConfigError
from sycee.formats import bundle, trustfile
from sycee.formats.bundle import Bundle
from sycee.formats.trust import CHANNEL_ROLE, MAX_SIZE, ModelRule, Role, Trust, TrustedKey
from sycee.formats.weightform import FORMS
from sycee.system.onepass import open_regular
from sycee.trust.keys import PublicKey, load_public, parse_public
from sycee.trust.policy.documents import SignedDocument
from sycee.trust.signing.keyless import Identities

ONLY_KEY = "key"  # what a key that is given alone is called
ONLY_ROLE = "signer"


@dataclass(frozen=True, slots=True)
class Authority:
    """A trust file with its keys loaded.

    Attributes:
        trust: What the file says.
        keys: Public keys, by the names that the file gives them.
        folder: Where the file lies, and with it what it names; None for a key alone.
        described: What to call it in messages: the path of the file, or the fingerprint of the key.
        identities: Who signs without a key, with the roots that vouch for them.
    """

    trust: Trust
    keys: Mapping[str, PublicKey]
    folder: Path | None
    described: str
    identities: Identities = field(default_factory=Identities)

    @classmethod
    def of_key(cls, key: PublicKey) -> "Authority":
        """Return the authority of a single key: whatever it signed, as any model, in any form, and any channel."""
        member = TrustedKey(ONLY_KEY, key.pem.decode())
        roles = {name: Role(name, frozenset({ONLY_KEY})) for name in (ONLY_ROLE, CHANNEL_ROLE)}
        rule = ModelRule("*", (ONLY_ROLE,), formats=FORMS)
        trust = Trust({ONLY_KEY: member}, {}, roles, (rule,))
        return cls(trust, MappingProxyType({ONLY_KEY: key}), None, f"the key {key.fingerprint}")

    @classmethod
    def read(cls, path: Path) -> "Authority":
        """Read a trust file, and the keys that it names.

        Raises:
            NotFound: If it, or a key file, is not there.
            FormatError: If it is malformed, with every fault; or a key file is another key than its fingerprint says.
            UsageError: If a key file is no public key.
        """
        fd = open_regular(path)
        with os.fdopen(fd, "rb") as file:
            data = file.read(MAX_SIZE + 1)
        return cls.of_file(trustfile.parse(data, str(path)), path)

    @classmethod
    def of_file(cls, trust: Trust, path: Path) -> "Authority":
        """Return the authority of a trust file that was parsed, with the key files that lie beside it.

        Raises:
            NotFound: If a key file is not there.
            ConfigError: If one is another key than its fingerprint says.
            UsageError: If one is no public key.
        """
        keys = {name: _loaded(key, path) for name, key in trust.keys.items()}
        identities = Identities(tuple(trust.identities.values()), path.parent)
        return cls(trust, MappingProxyType(keys), path.parent, str(path), identities)

    @property
    def only_key(self) -> PublicKey | None:
        """The key, if it was given alone."""
        return self.keys[ONLY_KEY] if self.folder is None else None

    def signers_of_bundle(self, raw: bytes, bundle: Bundle) -> frozenset[Signer]:
        """Return who signed a bundle, of those that the trust file names. Nothing of its payload is parsed.

        Whether they are still valid, were withdrawn or suffice, :func:`sycee.core.policy.decide` says.

        Args:
            raw: The whole file.
            bundle: The same, its outer layer parsed.

        Raises:
            NotFound: If it is by somebody without a key, and the sigstore package, or the trust root, is not here.
        """
        if bundle.keyless:
            return self.identities.signers_of_statement(raw, bundle.payload)
        encoded = _encoding(bundle)
        return frozenset(
            signer_by(name, key) for name, key in self.keys.items() if key.verify_envelope(bundle.signature, encoded)
        )

    def told(self, raw: bytes, bundle: Bundle) -> str:
        """Return who signed a bundle that nobody known signed, for a message; empty if that cannot be told."""
        if bundle.keyless:
            return self.identities.told(raw, bundle.payload)
        return f"the key {bundle.hint}" if bundle.hint else ""

    def signers_of(self, document: SignedDocument) -> frozenset[Signer]:
        """Return who signed a document, of those that the trust file names; raises as :meth:`signers_of_bundle`."""
        digest = sha256_hex(document.data)
        by_key = {
            signer_by(name, key)
            for name, key in self.keys.items()
            if any(key.verify_detached(signature, digest) for signature in document.signatures)
        }
        keyless = (self.identities.signers_of_file(raw, document.data, document.name) for raw in document.bundles)
        return frozenset(by_key.union(*keyless))


def _encoding(envelope: Bundle) -> bytes:
    return bundle.pae(envelope.payload)


def signer_by(name: str, key: PublicKey, signed_at: dt.datetime | None = None) -> Signer:
    """Return a key as the signer that a policy speaks of."""
    return Signer(name, key.fingerprint, key.kind, signed_at)


def _loaded(key: TrustedKey, path: Path) -> PublicKey:
    if not key.file:
        return parse_public(key.pem.encode(), f"the key {key.name} in {path}")
    file = path.parent / key.file
    public = load_public(file)
    if public.fingerprint != key.fingerprint:
        raise ConfigError(
            f"{file} is another key than {path} names as {key.name}: expected {key.fingerprint}, "
            f"found {public.fingerprint}",
            hint="ask its owner which of the two is right; sycee key show prints a fingerprint",
            path=str(file),
            expected=key.fingerprint,
            found=public.fingerprint,
        )
    return public
