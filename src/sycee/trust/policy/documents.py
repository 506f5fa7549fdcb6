"""Signed documents: a small JSON file with the signatures of one or more signers beside it.

    X.json                                  the document
    X.json.sig                              detached, as ``openssl dgst -sha256 -sign`` makes it
    X.json.<12 hex digits>.sig              the same, by a further signer
    X.json.<12 hex digits>.sigstore.json    a Sigstore bundle over the document

Records, channel statements and revocation lists are such documents. The digits are the first of the signer's
fingerprint; they keep names apart and decide nothing. Specification: ``docs/spec/signed-document.md``.

A signature is durable before its document, so what was to be signed never stands there without one.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from sycee.core.modelfolder import SIGNATURE_SUFFIX
from sycee.digest import sha256_hex
from sycee.errors import Conflict
from sycee.system.atomic import write_file
from sycee.system.tree import kind_at
from sycee.trust.folder import Folder, ModelFolder
from sycee.trust.keys import MAX_SIGNATURE
from sycee.trust.signing.keylesssign import KeylessSigner
from sycee.trust.signing.signers import Signer

SUFFIX = ".json"
KEYLESS_SUFFIX = ".sigstore.json"
MAX_SIGNATURES = 32  # beside one document
MAX_KEYLESS = 256 << 10  # bytes; a bundle with certificate, log entry and inclusion proof has about 8,000

_DIGITS = 12
_SIGNATURE = re.compile(r"(.+\.json)(?:(?:\.[0-9a-f]{12})?\.sig|\.[0-9a-f]{12}\.sigstore\.json)")


class SignedDocument(NamedTuple):
    """A document and what lies beside it as its signatures; none of them is checked yet.

    Attributes:
        name: Of its file, below the folder it was read from.
        data: Its bytes, which are what is signed.
        signatures: Detached ones, in the order of their names.
        bundles: Sigstore bundles, likewise.
    """

    name: str
    data: bytes
    signatures: tuple[bytes, ...]
    bundles: tuple[bytes, ...]


def is_document(name: str) -> bool:
    """Tell whether a file name is a document's, and not that of a signature beside one."""
    return name.endswith(SUFFIX) and not name.endswith(KEYLESS_SUFFIX)


def signature_names(names: Iterable[str]) -> Mapping[str, list[str]]:
    """Return, of the names in one folder, those of signatures by the document that they belong to."""
    found: dict[str, list[str]] = {}
    for name in names:
        if match := _SIGNATURE.fullmatch(name):
            found.setdefault(match[1], []).append(name)
    return found


def read_document(
    folder: ModelFolder, name: str, limit: int, beside: Mapping[str, list[str]] | None = None
) -> SignedDocument:
    """Read a document with its signatures.

    Args:
        folder: The open folder around it; no link is followed below.
        name: The document's path below the folder.
        limit: How many bytes it may have.
        beside: What :func:`signature_names` says of the document's own folder, where many are read.

    Raises:
        NotFound: If there is no such document.
        Conflict: If it is too long; if it or a signature is no regular file, or a signature is too long; if there are
            more than :data:`MAX_SIGNATURES`.
    """
    data = folder.read(name, limit)
    parent, slash, last = name.rpartition("/")
    known = signature_names(folder.names(parent)) if beside is None else beside
    found = sorted(known.get(last, ()))
    if len(found) > MAX_SIGNATURES:
        raise Conflict(
            f"{name} has {len(found)} signatures beside it; at most {MAX_SIGNATURES} are read",
            hint="take away those that nobody needs",
            path=name,
        )
    detached = (one for one in found if one.endswith(SIGNATURE_SUFFIX))
    keyless = (one for one in found if one.endswith(KEYLESS_SUFFIX))
    return SignedDocument(
        name=name,
        data=data,
        signatures=tuple(folder.read(f"{parent}{slash}{one}", MAX_SIGNATURE) for one in detached),
        bundles=tuple(folder.read(f"{parent}{slash}{one}", MAX_KEYLESS) for one in keyless),
    )


def sign_document(path: Path, data: bytes, signer: Signer, *, replace: bool = False) -> tuple[Path, Path]:
    """Write a document with a signature; or add a signature to one that has the same bytes.

    Args:
        path: Of the document; its folder exists.
        data: Its bytes.
        signer: Whose signature.
        replace: Put it in the place of a document with other bytes, whose signatures then go. Whenever that is
            interrupted, the old document or the new one stands there with a signature that fits.

    Returns:
        The paths of the signature and of the document. A signer who signed these bytes before does not sign again.

    Raises:
        Conflict: If another document stands there, unless that is to be replaced; or something that is no file.
        RemoteError: If it is to be signed without a key, and that could not be done; nothing is written then.
    """
    with Folder(path.parent) as folder:
        names = signature_names(folder.names()).get(path.name, [])
        if replace and kind_at(path) == "file" and path.read_bytes() != data:
            return _replace(path, _made(signer, data), data, names)
        _require_free(path, data)
        own = next((name for name in names if _is_own(folder, name, signer, data)), None)
    if own is None:
        made = _made(signer, data)
        own = _free_name(path, names, made).name
        write_file(path.with_name(own), made.data)
    write_once(path, data)
    return path.with_name(own), path


class _Made(NamedTuple):
    data: bytes
    digits: str
    suffix: str


def _made(signer: Signer, data: bytes) -> _Made:
    if isinstance(signer, KeylessSigner):
        sealed = signer.sign_file(data)
        return _Made(sealed.data, sealed.witness.fingerprint[:_DIGITS], KEYLESS_SUFFIX)
    return _Made(signer.sign_detached(sha256_hex(data)), signer.public.fingerprint[:_DIGITS], SIGNATURE_SUFFIX)


def _is_own(folder: Folder, name: str, signer: Signer, data: bytes) -> bool:
    if isinstance(signer, KeylessSigner):
        return name.endswith(KEYLESS_SUFFIX) and signer.made_file(folder.read(name, MAX_KEYLESS), data)
    if not name.endswith(SIGNATURE_SUFFIX):
        return False
    return signer.public.verify_detached(folder.read(name, MAX_SIGNATURE), sha256_hex(data))


def _free_name(path: Path, taken: Iterable[str], made: _Made) -> Path:
    """Return the plain name of a signature by a key; if that is taken, or there is no key, the one with digits."""
    plain = path.with_name(f"{path.name}{SIGNATURE_SUFFIX}")
    usable = made.suffix == SIGNATURE_SUFFIX and plain.name not in taken
    return plain if usable else path.with_name(f"{path.name}.{made.digits}{made.suffix}")


def _replace(path: Path, made: _Made, data: bytes, stale: Iterable[str]) -> tuple[Path, Path]:
    """Put a document and its signature in the place of others; beside either document there is always its own."""
    bridge = path.with_name(f"{path.name}.{sha256_hex(data)[:_DIGITS]}{made.suffix}")
    final = _free_name(path, (), made)
    for where, what in ((bridge, made.data), (path, data), (final, made.data)):
        write_file(where, what)
    for name in {bridge.name, *stale} - {final.name}:
        path.with_name(name).unlink(missing_ok=True)
    return final, path


def write_once(path: Path, data: bytes) -> None:
    """Write a file durably, unless it has these bytes already.

    Raises:
        Conflict: If it has others, or is no file.
    """
    if _require_free(path, data):
        write_file(path, data)


def _require_free(path: Path, data: bytes) -> bool:
    """Tell whether a document still has to be written."""
    if kind_at(path) is None:
        return True
    if kind_at(path) != "file" or path.read_bytes() != data:
        raise Conflict(
            f"{path} is there already, with other bytes", hint="nothing was written: move it away first", path=str(path)
        )
    return False
