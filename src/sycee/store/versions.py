"""Signed versions on a remote: manifests, blobs and index entries, in sycee's private corner of it.

Order of writing: blobs, the manifest, the index entry; the objects are there before. So whoever finds a label finds a
manifest, and whoever finds a manifest finds what it names. Specification: docs/spec/version-manifest.md.
"""

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from io import BytesIO
from typing import TYPE_CHECKING, Any

from sycee.core.modelfolder import Names, Part
from sycee.digest import is_hex, sha256_hex
from sycee.errors import DigestMismatch, FormatError, MissingData, NotFound
from sycee.formats import manifest as form
from sycee.formats.manifest import Entry, Manifest
from sycee.store.garbage import Kind, kind_of
from sycee.store.layout import BLOBS, INDEX, MANIFESTS, object_key

if TYPE_CHECKING:
    from sycee.storage.port import Backend

_NAMED = (Kind.BLOB, Kind.INDEX)
_LATER = (Part.BUNDLE, Part.SIGNATURE, Part.RECORD)  # what others may add to a version after it was signed


def manifest_key(identity: str) -> str:
    """Return the key of the manifest of a version.

    Raises:
        FormatError: If it is no identity.
    """
    return _key(MANIFESTS, identity)


def blob_key(sha256: str) -> str:
    """Return the key of a small file.

    Raises:
        FormatError: If it is no sha256.
    """
    return _key(BLOBS, sha256)


def index_key(label: str) -> str:
    """Return the key of the index entry of ``NAME@VERSION``."""
    return _key(INDEX, form.index_id(label))


def _key(folder: str, name: str) -> str:
    if not is_hex(name, "sha256"):
        raise FormatError(f"{name!r} is not a sha256, 64 lower-case hex digits")
    return f"{folder}/{name[:2]}/{name[2:]}"


def read_manifest(backend: "Backend", identity: str) -> Manifest:
    """Return the manifest of a version.

    Raises:
        MissingData: If there is none.
        DigestMismatch: If it is malformed, or another version's.
        RemoteError: If the remote fails.
    """
    key = manifest_key(identity)
    try:
        found = form.parse(_read(backend, key, form.MAX_BYTES), backend.describe(key))
    except NotFound:
        raise MissingData(
            f"{backend.describe()} has no version sycee:{identity}",
            hint="from a clone that has it: sycee push; of older versions: sycee push --all-tags",
            identity=identity,
        ) from None
    except FormatError as error:
        raise DigestMismatch(error.message, hint=_ANEW, path=key) from None
    if found.identity != identity:
        raise DigestMismatch(
            f"the manifest on {backend.describe(key)} is of another version",
            hint=_ANEW,
            expected=identity,
            found=found.identity,
        )
    return found


_ANEW = "somebody changed it there; remove it, and from a clone that has the version: sycee push"


def read_index(backend: "Backend", label: str) -> tuple[str, ...]:
    """Return the identities that claim ``NAME@VERSION``, the newest last.

    Raises:
        MissingData: If none does.
        DigestMismatch: If the entry is malformed.
        RemoteError: If the remote fails.
    """
    key = index_key(label)
    try:
        return form.parse_index(_read(backend, key, form.MAX_INDEX), label)
    except NotFound:
        raise MissingData(
            f"{backend.describe()} has no version that calls itself {label}",
            hint="look for a misspelt name; or from a clone that has it: sycee push",
        ) from None
    except FormatError as error:
        raise DigestMismatch(f"{error.message} on {backend.describe(key)}", hint=_ANEW, path=key) from None


def read_blob(backend: "Backend", one: Entry) -> bytes:
    """Return a small file, compared with its digest.

    Raises:
        MissingData: If it is not there.
        DigestMismatch: If it is another one; no more is read than shows it.
        RemoteError: If the remote fails.
    """
    key = blob_key(one.sha256)
    try:
        data = _read(backend, key, one.size)
    except NotFound:
        raise MissingData(f"{one.path}: {backend.describe(key)} is not there", hint=_ANEW, path=one.path) from None
    if (found := sha256_hex(data)) != one.sha256:
        raise DigestMismatch(
            f"{one.path}: {backend.describe(key)} is damaged: expected sha256 {one.sha256}, found {found}",
            hint=_ANEW,
            path=one.path,
            expected=one.sha256,
            found=found,
        )
    return data


def _read(backend: "Backend", key: str, limit: int) -> bytes:
    """Return an object, or so much of it as shows that it is longer than it may be."""
    return b"".join(backend.read(key, length=limit + 1))


def leave(
    backend: "Backend", manifest: Manifest, read: Callable[[Entry], bytes], is_complete: Callable[[], bool]
) -> bool:
    """Leave a version on a remote, unless it is there already.

    Args:
        backend: The remote.
        manifest: Of the version.
        read: Returns the bytes of a blob.
        is_complete: Tells whether the remote has every object; asked only where something has to be written.

    Returns:
        Whether anything was written.
    """
    before = _known(backend, manifest.identity)
    whole = _joined(manifest, before.files) if before else manifest
    if whole == before:
        return _index(backend, whole)
    if not is_complete():
        return False
    for one in manifest.files:
        if one.md5 is None and backend.size(blob_key(one.sha256)) != one.size:
            _write(backend, blob_key(one.sha256), read(one))
    _write(backend, manifest_key(whole.identity), form.render(whole))
    _index(backend, whole)
    return True


def _known(backend: "Backend", identity: str) -> Manifest | None:
    """Return the manifest that is there; None if there is none that can be read."""
    try:
        return read_manifest(backend, identity)
    except (MissingData, DigestMismatch):
        return None


def _joined(manifest: Manifest, before: Iterable[Entry]) -> Manifest:
    """Return a manifest with what others have added to the version meanwhile."""
    present = {one.path for one in manifest.files}
    paths = [*present, *(one.path for one in before)]
    names = Names.make(paths, {one.path for one in manifest.files if one.md5})
    added = [one for one in before if one.path not in present and names.part(one.path) in _LATER]
    return manifest._replace(files=tuple(sorted([*manifest.files, *added])))


def _index(backend: "Backend", manifest: Manifest) -> bool:
    """See to it that the label leads to the version; tell whether that had to be written."""
    if manifest.label is None:
        return False
    try:
        claiming = read_index(backend, manifest.label)
    except (MissingData, DigestMismatch):
        claiming = ()
    if manifest.identity in claiming:
        return False
    _write(backend, index_key(manifest.label), form.render_index(manifest.label, [*claiming, manifest.identity]))
    return True


def kept(
    backend: "Backend",
    stored: Iterable[str],
    needed: AbstractSet[str],
    run: Callable[[Callable[[str], Any], Iterable[str]], list[Any]],
) -> set[str]:
    """Return the keys of manifests, blobs and index entries that stay when garbage is collected.

    A manifest stays if all objects that it names do. One that cannot be read, as in a later form, stays too, and with
    it all blobs and index entries, since nothing is known of what it names.

    Args:
        backend: The store.
        stored: The keys of what it holds.
        needed: Those of the objects that stay.
        run: Applies a function to many keys.

    Raises:
        RemoteError: If the store fails.
    """
    manifests = [key for key in stored if kind_of(key) is Kind.MANIFEST]
    found = run(lambda key: _known(backend, "".join(key.split("/")[-2:])), manifests)
    staying = [one for one in found if one is not None and _objects(one) <= needed]
    unread = {key for key, one in zip(manifests, found, strict=True) if one is None}
    if unread:
        return {manifest_key(one.identity) for one in staying} | unread | {k for k in stored if kind_of(k) in _NAMED}
    names = {index_key(one.label) for one in staying if one.label}
    blobs = {blob_key(file.sha256) for one in staying for file in one.files if file.md5 is None}
    return {manifest_key(one.identity) for one in staying} | blobs | names


def _objects(one: Manifest) -> set[str]:
    return {object_key(file.md5, legacy=file.legacy) for file in one.files if file.md5 is not None}


def _write(backend: "Backend", key: str, data: bytes) -> None:
    backend.write(key, BytesIO(data), len(data))
