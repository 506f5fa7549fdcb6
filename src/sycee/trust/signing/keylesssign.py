"""Signing without a key: a token proves an identity, and gets a certificate of minutes for a key made on the spot.

The key is forgotten when the signature is made; the log keeps the rest. The ``sigstore`` package (extra
``sycee[sigstore]``) speaks with the services. Whatever it brings is verified before it is given away.

The token of a CI job lives for minutes, and so does a certificate; so the latter is asked for when all is hashed.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from sycee.errors import ConfigError, FormatError, NotFound, RemoteError, SignatureInvalid, UsageError
from sycee.formats import bundle
from sycee.trust.signing.keyless import Root, Witness, first_line, require_sigstore

if TYPE_CHECKING:
    from sigstore.models import Bundle, ClientTrustConfig
    from sigstore.oidc import IdentityToken
    from sigstore.sign import Signer, SigningContext

_PUBLIC = "the public Sigstore instance"
_T = TypeVar("_T")


class Sealed(NamedTuple):
    """A signature that was made.

    Attributes:
        data: The Sigstore bundle.
        witness: Who signed, as its certificate says.
    """

    data: bytes
    witness: Witness


@dataclass(frozen=True, slots=True)
class KeylessSigner:
    """Somebody who can prove an identity for some minutes.

    Attributes:
        described: Where, in words.
        root: What the instance's certificates and logs are checked against.
    """

    described: str
    root: Root
    _token: "IdentityToken"
    _context: "SigningContext"

    @classmethod
    def connect(cls, token: str | None, config: Path | None = None) -> "KeylessSigner":
        """Return a signer.

        Args:
            token: What an OpenID provider says of who runs this; None to ask the CI service that this runs in.
            config: A client trust configuration of another Sigstore instance; None for the public one.

        Raises:
            NotFound: If the sigstore package, or the configuration, is not there.
            UsageError: If there is no token, or it is malformed or expired.
            ConfigError: If the configuration is none.
            RemoteError: If the public instance cannot be reached.
        """
        require_sigstore()
        from sigstore.sign import SigningContext
        from sigstore.verify import Verifier

        described = str(config) if config else _PUBLIC
        identity = _identity(token)
        services = _read_config(config) if config else _public_config()
        try:
            root = Root(described, Verifier(trusted_root=services.trusted_root))
            return cls(described, root, identity, SigningContext.from_trust_config(services))
        except Exception as error:  # noqa: BLE001 - whatever it stumbles over, it is no configuration to sign by
            raise ConfigError(f"{described} cannot be signed with: {first_line(error)}") from None

    def sign_statement(self, payload: bytes) -> Sealed:
        """Return a bundle with an in-toto statement, byte for byte.

        Raises:
            RemoteError: If a service cannot be reached, refuses, or gives what does not verify.
            UsageError: If the token has expired meanwhile.
        """
        from sigstore.dsse import Statement

        raw = self._signed(lambda signer: signer.sign_dsse(Statement(payload)))
        return self._verified(raw, self.root.check_dsse, payload)

    def sign_file(self, data: bytes) -> Sealed:
        """Return a bundle over the bytes of a file; raises as :meth:`sign_statement`."""
        raw = self._signed(lambda signer: signer.sign_artifact(data))
        return self._verified(raw, self.root.check_artifact, data)

    def made(self, raw: bytes) -> bool:
        """Tell whether a bundle with a statement in it is by this very identity."""
        try:
            return self._is_own(self.root.check_dsse(raw, bundle.parse(raw).payload, "the bundle"))
        except (SignatureInvalid, FormatError):
            return False

    def made_file(self, raw: bytes, data: bytes) -> bool:
        """Tell whether a bundle over the bytes of a file is by this very identity."""
        try:
            return self._is_own(self.root.check_artifact(raw, data, "the bundle"))
        except SignatureInvalid:
            return False

    def _is_own(self, witness: Witness) -> bool:
        return witness.issuer == self._token.federated_issuer and witness.subject in _subjects(self._token)

    def _signed(self, sign: Callable[["Signer"], "Bundle"]) -> bytes:
        def signed() -> bytes:
            with self._context.signer(self._token) as signer:
                return sign(signer).to_json().encode()

        return _asked(self.described, signed)

    def _verified(self, raw: bytes, check: Callable[[bytes, bytes, str], Witness], data: bytes) -> Sealed:
        try:
            return Sealed(raw, check(raw, data, "the new signature"))
        except SignatureInvalid as error:
            raise RemoteError(f"{self.described} gave what does not verify: {error.message}") from None


def _identity(token: str | None) -> "IdentityToken":
    from sigstore.oidc import IdentityError, IdentityToken, detect_credential

    try:
        found = token or detect_credential()
        if not found:
            raise UsageError(
                "there is no identity token, and this is no CI job that gets one",
                hint="in GitHub Actions: permissions: id-token: write; elsewhere set SIGSTORE_ID_TOKEN",
            )
        return IdentityToken(found.strip())
    except IdentityError as error:
        said = error.__cause__ or error
        raise UsageError(f"the identity token cannot be used: {first_line(error)} ({first_line(said)})") from None


def _subjects(token: "IdentityToken") -> set[str]:
    """Return what certificates for a token may name: its identity, or for a workflow the address of its file."""
    body = str(token).split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    workflow = claims.get("job_workflow_ref")
    return {token.identity} | ({f"https://github.com/{workflow}"} if workflow else set())


def _read_config(path: Path) -> "ClientTrustConfig":
    from sigstore.models import ClientTrustConfig

    try:
        return ClientTrustConfig.from_json(path.read_text())
    except FileNotFoundError:
        raise NotFound(f"there is no Sigstore configuration {path}", path=str(path)) from None
    except Exception as error:  # noqa: BLE001 - whatever it stumbles over, it is not a configuration
        raise ConfigError(f"{path} is not a client trust configuration: {first_line(error)}") from None


def _public_config() -> "ClientTrustConfig":
    from sigstore.models import ClientTrustConfig

    return _asked(_PUBLIC, ClientTrustConfig.production)


def _asked(described: str, ask: Callable[[], _T]) -> _T:
    """Ask the services; whatever goes wrong there is a remote's fault."""
    from sigstore.oidc import ExpiredIdentity

    try:
        return ask()
    except ExpiredIdentity:
        raise UsageError("the identity token has expired", hint="get a new one, and sign at once") from None
    except Exception as error:  # the clients raise what their libraries do
        raise RemoteError(
            f"{described} could not be asked for a signature: {first_line(error)}",
            hint="nothing was written; try again with a network, or sign with a key: --key FILE",
        ) from error
