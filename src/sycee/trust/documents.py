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
from sycee.trust.keys import MAX_SIGNATURE, PublicKey, Signing

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


def sign_document(path: Path, data: bytes, signer: Signing, *, replace: bool = False) -> tuple[Path, Path]:
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
    """
    with Folder(path.parent) as folder:
        names = signature_names(folder.names()).get(path.name, [])
        if replace and kind_at(path) == "file" and path.read_bytes() != data:
            return _replace(path, data, signer, names)
        _require_free(path, data)
        own = _own_signature(folder, names, signer.public, sha256_hex(data))
    if own is None:
        own = _free_name(path, names, signer.public.fingerprint).name
        write_file(path.with_name(own), signer.sign_detached(sha256_hex(data)))
    write_once(path, data)
    return path.with_name(own), path


def _own_signature(folder: ModelFolder, names: Iterable[str], key: PublicKey, sha256: str) -> str | None:
    detached = (name for name in names if name.endswith(SIGNATURE_SUFFIX))
    return next((one for one in detached if key.verify_detached(folder.read(one, MAX_SIGNATURE), sha256)), None)


def _free_name(path: Path, taken: Iterable[str], digits: str) -> Path:
    """Return the plain name of a signature, or if that is taken the one with digits in it."""
    plain = path.with_name(f"{path.name}{SIGNATURE_SUFFIX}")
    return _numbered(path, digits, SIGNATURE_SUFFIX) if plain.name in taken else plain


def _numbered(path: Path, digits: str, suffix: str) -> Path:
    return path.with_name(f"{path.name}.{digits[:_DIGITS]}{suffix}")


def _replace(path: Path, data: bytes, signer: Signing, stale: Iterable[str]) -> tuple[Path, Path]:
    """Put a document and its signature in the place of others; beside either document there is always its own."""
    signature = signer.sign_detached(sha256_hex(data))
    bridge = _numbered(path, sha256_hex(data), SIGNATURE_SUFFIX)
    plain = path.with_name(f"{path.name}{SIGNATURE_SUFFIX}")
    for where, what in ((bridge, signature), (path, data), (plain, signature)):
        write_file(where, what)
    for name in {bridge.name, *stale} - {plain.name}:
        path.with_name(name).unlink(missing_ok=True)
    return plain, path


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
