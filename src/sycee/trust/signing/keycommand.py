"""A key that is not here: a command signs digests with it, in a key management service or on a token."""

import os
import selectors
import shlex
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from subprocess import PIPE

from sycee.errors import SignatureInvalid, SyceeError, UsageError
from sycee.trust.keys import MAX_SIGNATURE, HashName, PublicKey, Signing

TIMEOUT = 120.0  # seconds; a person may have to touch a token
PLACEHOLDER = "{algorithm}"
VARIABLE = "SYCEE_DIGEST_ALGORITHM"

_PIECE = 1 << 12  # bytes read at once; and what is kept of complaints


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
            code, out, err = _answer(words, digest, environ, self._timeout)
        except subprocess.TimeoutExpired:
            raise SyceeError(f"{words[0]} did not sign within {self._timeout:g} seconds") from None
        except OSError as error:
            raise SyceeError(f"{words[0]} cannot be run: {error.strerror}", hint="look at --key-command") from error
        if code and len(out) <= MAX_SIGNATURE:
            told = err.decode(errors="replace").strip()[-400:] or "it says nothing"
            raise SyceeError(f"{words[0]} did not sign (exit code {code}): {told}", hint="nothing was signed")
        return out


def _answer(
    words: Sequence[str], digest: bytes, environ: Mapping[str, str], timeout: float
) -> tuple[int, bytes, bytes]:
    """Run a command; return its exit code, what it wrote, and the end of its complaints.

    It is stopped when it writes more than any signature has, or takes too long.
    """
    with subprocess.Popen(words, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=environ) as process:
        end = time.monotonic() + timeout
        try:
            with suppress(BrokenPipeError), process.stdin as pipe:  # type: ignore[union-attr]  # it is a pipe
                pipe.write(digest)  # fits into any pipe's buffer
            out, err = _read(process, end)
            if len(out) > MAX_SIGNATURE:
                process.kill()
            return process.wait(max(end - time.monotonic(), 0)), out, err
        except BaseException:
            process.kill()
            raise


def _read(process: "subprocess.Popen[bytes]", end: float) -> tuple[bytes, bytes]:
    """Read both streams to their ends, or until the first is too long; raise TimeoutExpired when the time is over."""
    out, err = process.stdout, process.stderr
    found = {out: b"", err: b""}
    with selectors.DefaultSelector() as pipes:
        for pipe in found:
            pipes.register(pipe, selectors.EVENT_READ)  # type: ignore[arg-type]  # it is a pipe
        while pipes.get_map() and len(found[out]) <= MAX_SIGNATURE:
            left = end - time.monotonic()
            if left <= 0 or not (ready := pipes.select(left)):
                raise subprocess.TimeoutExpired(process.args, left)
            for key, _ in ready:
                if data := os.read(key.fd, _PIECE):
                    found[key.fileobj] += data  # type: ignore[index]  # it is one of the two
                else:
                    pipes.unregister(key.fileobj)
            found[err] = found[err][-_PIECE:]
    return found[out], found[err]
