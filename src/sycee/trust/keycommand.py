"""A key that is not here: a command signs digests with it, in a key management service or on a token."""

import os
import shlex
import subprocess
from collections.abc import Sequence

from sycee.errors import SignatureInvalid, SyceeError, UsageError
from sycee.trust.keys import MAX_SIGNATURE, HashName, PublicKey, Signing

TIMEOUT = 120.0  # seconds; a person may have to touch a token
PLACEHOLDER = "{algorithm}"
VARIABLE = "SYCEE_DIGEST_ALGORITHM"


class CommandSigner(Signing):
    """Runs a command for each signature.

    The command reads the raw digest from its standard input and writes the signature to its standard output: DER ECDSA
    or RSA PKCS#1 v1.5. ``{algorithm}`` in its words, and the variable ``SYCEE_DIGEST_ALGORITHM``, say which digest it
    is. What comes back is checked by the public key before it is used.

    Args:
        public: The key that checks what the command signs.
        words: The command and its arguments; no shell is involved.
        timeout: Seconds for one signature.
    """

    def __init__(self, public: PublicKey, words: Sequence[str], *, timeout: float = TIMEOUT) -> None:
        self._public = public
        self._words = tuple(words)
        self._timeout = timeout

    @classmethod
    def of_line(cls, public: PublicKey, line: str) -> "CommandSigner":
        """Return the signer of a command line, split as a shell would.

        Raises:
            UsageError: If it is empty, or a quotation does not end.
        """
        try:
            words = shlex.split(line)
        except ValueError as error:
            raise UsageError(f"the command {line!r} cannot be split into words: {error}") from None
        if not words:
            raise UsageError("the command that signs is empty", hint="docs/keys.md has one for each common service")
        return cls(public, words)

    @property
    def public(self) -> PublicKey:
        """The key that checks what the command signs."""
        return self._public

    def sign_digest(self, digest: bytes, algorithm: HashName) -> bytes:
        """See :meth:`Signing.sign_digest`.

        Raises:
            SyceeError: If the command cannot be run, fails, or takes too long.
            SignatureInvalid: If what it writes is no signature over the digest by the public key.
        """
        signature = self._run(digest, algorithm)
        if len(signature) > MAX_SIGNATURE or not self._public.verify_digest(signature, digest, algorithm):
            name = self._public.fingerprint
            raise SignatureInvalid(
                f"what {self._words[0]} wrote is no signature by {name} over the {algorithm} digest",
                hint="it must sign the raw digest from its standard input, and write DER or PKCS#1 v1.5, not base64",
                found=f"{len(signature)} bytes",
            )
        return signature

    def _run(self, digest: bytes, algorithm: HashName) -> bytes:
        words = [word.replace(PLACEHOLDER, algorithm) for word in self._words]
        environ = {**os.environ, VARIABLE: algorithm}
        try:
            done = subprocess.run(
                words, input=digest, capture_output=True, check=False, timeout=self._timeout, env=environ
            )
        except subprocess.TimeoutExpired:
            raise SyceeError(f"{words[0]} did not sign within {self._timeout:g} seconds") from None
        except OSError as error:
            raise SyceeError(f"{words[0]} cannot be run: {error.strerror}", hint="look at --key-command") from error
        if done.returncode:
            told = done.stderr.decode(errors="replace").strip()[-400:] or "it says nothing"
            raise SyceeError(
                f"{words[0]} did not sign (exit code {done.returncode}): {told}", hint="nothing was signed"
            )
        return done.stdout
