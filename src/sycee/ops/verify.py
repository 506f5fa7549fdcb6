"""``sycee verify``: is this what was signed? See :mod:`sycee.trust.verify` for the steps."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sycee.core.modelfolder import SIGNATURE_SUFFIX
from sycee.core.progress import SILENT, Progress
from sycee.errors import NotFound, SignatureInvalid, UsageError, VerificationError
from sycee.ops.trustplace import Asked, request_for
from sycee.system.onepass import hash_fd, open_regular
from sycee.trust import verify as trust
from sycee.trust.keys import MAX_SIGNATURE, PublicKey, load_public
from sycee.trust.policy.request import Request
from sycee.trust.verify import Verified


def verify(folder: Path, asked: Asked, *, progress: Progress = SILENT) -> Verified:
    """Prove that a model folder is what was signed.

    Args:
        folder: The model folder.
        asked: What it has to be, and by whose word.
        progress: Where to announce the bytes read.

    Raises:
        VerificationError: See :func:`sycee.trust.verify.verify`.
        SyceeError: See :func:`sycee.ops.trustplace.request_for`.
    """
    request = request_for(folder, asked)
    with advised(request, asked.environ):
        return trust.verify(request, progress=progress)


@contextmanager
def advised(request: Request, environ: Mapping[str, str]) -> Iterator[None]:
    """Add to a refusal in the block which version in the history would be accepted; see :mod:`sycee.ops.acceptable`.

    Args:
        request: What the verifier is asked.
        environ: The process environment.
    """
    try:
        yield
    except VerificationError as error:
        from sycee.ops.acceptable import advise  # reads history, of which a model that is accepted needs none

        advise(error, request, environ)
        raise


@dataclass(frozen=True, slots=True)
class WeightsOnly:
    """What a detached signature alone proves: these bytes, this key. Nothing about card, context, name or version.

    Attributes:
        file: The weights file.
        sha256: Its digest, 64 hex digits.
        size: Its length in bytes.
        signer: The key that signed.
    """

    file: Path
    sha256: str
    size: int
    signer: PublicKey

    def as_json(self) -> dict[str, Any]:
        """Return the verdict for ``--json``."""
        return {
            "verified": True,
            "scope": "weights only",
            "file": str(self.file),
            "sha256": self.sha256,
            "size": self.size,
            "signer": {"fingerprint": self.signer.fingerprint, "kind": self.signer.kind},
        }


def verify_weights_only(
    file: Path, key: Path | PublicKey, *, signature: Path | None = None, progress: Progress = SILENT
) -> WeightsOnly:
    """Check a lone file by its detached signature, as ``openssl dgst -sha256 -verify`` does.

    Args:
        file: The weights file.
        key: The key that must have signed, or its file.
        signature: The signature; the file's name with ``.sig`` when None.
        progress: Where to announce the bytes read.

    Raises:
        SignatureInvalid: If there is no signature, or it is not this key's over these bytes.
        NotFound: If file or key are not there.
    """
    if file.is_dir():
        raise UsageError(f"{file} is a folder, and --weights-only is for a lone file", hint="leave --weights-only out")
    public = key if isinstance(key, PublicKey) else load_public(key)
    where = signature or file.with_name(f"{file.name}{SIGNATURE_SUFFIX}")
    fd = open_regular(file)
    try:
        data = _read_signature(where)
        with progress.start(f"verifying {file.name}", os.fstat(fd).st_size) as task:
            size, sha256 = hash_fd(fd, "sha256", on_bytes=task.advance)
    finally:
        os.close(fd)
    if not public.verify_detached(data, sha256):
        raise SignatureInvalid(
            f"{where} is not a signature of {file.name} by the key {public.fingerprint}",
            hint="the file, the signature or the key is another one; nothing tells which",
            path=str(file),
            found=f"sha256:{sha256}",
        )
    return WeightsOnly(file, sha256, size, public)


def _read_signature(path: Path) -> bytes:
    try:
        fd = open_regular(path)
    except NotFound:
        raise SignatureInvalid(
            f"there is no signature {path}", hint="name it with --signature", path=str(path)
        ) from None
    with os.fdopen(fd, "rb") as file:
        data = file.read(MAX_SIGNATURE + 1)
    if len(data) > MAX_SIGNATURE:
        raise SignatureInvalid(f"{path} is too long for a signature (limit: {MAX_SIGNATURE} bytes)", path=str(path))
    return data
