"""Where folder sums lie, and how they move: small objects named by sha256, in sycee's private corner of every store."""

from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import TYPE_CHECKING, Literal

from sycee.digest import is_hex, sha256_hex
from sycee.errors import DigestMismatch, FormatError, NotFound, SyceeError
from sycee.formats import foldersums
from sycee.formats.foldersums import FileSums
from sycee.store.cache import Cache
from sycee.store.layout import SUMS

if TYPE_CHECKING:
    from sycee.storage.port import Backend


def key_of(sums_id: str) -> str:
    """Return the key of folder sums in a cache or remote.

    Args:
        sums_id: Their sha256, 64 lower-case hex digits.

    Raises:
        FormatError: If it is anything else.
    """
    if not is_hex(sums_id, "sha256"):
        raise FormatError(f"{sums_id!r} is not the name of folder sums")
    return f"{SUMS}/{sums_id[:2]}/{sums_id[2:]}"


def keep(cache: Cache, files: Iterable[FileSums]) -> str:
    """Store the sums of a folder in the cache and return their id."""
    data = foldersums.render(files)
    sums_id = sha256_hex(data)
    cache.put_private(key_of(sums_id), data)
    return sums_id


def known(cache: Cache, sums_id: str | None) -> Mapping[str, FileSums]:
    """Return the sums of a folder by path; empty if the cache does not hold them, whole and well-formed."""
    data = unchecked(cache, sums_id)
    try:
        return foldersums.parse(data) if sha256_hex(data) == sums_id else {}
    except FormatError:
        return {}


def unchecked(cache: Cache, sums_id: str | None) -> bytes:
    """Return what stands in the cache in the place of the sums of a folder; nothing if nothing does."""
    if sums_id is None:
        return b""
    path = cache.root / key_of(sums_id)
    return path.read_bytes() if path.is_file() else b""


def look(
    backend: "Backend", sums_id: str
) -> tuple[Literal["missing", "damaged", "unreadable"] | None, Mapping[str, FileSums]]:
    """Read folder sums from any store.

    Returns:
        What is wrong with them, None if nothing is; and the sums by path, empty if something is.
    """
    try:
        data = b"".join(backend.read(key_of(sums_id), length=foldersums.MAX_BYTES + 1))
        return (None, foldersums.parse(data)) if sha256_hex(data) == sums_id else ("damaged", {})
    except NotFound:
        return "missing", {}
    except FormatError:
        return "damaged", {}
    except SyceeError:
        return "unreadable", {}


def fetch(backend: "Backend", cache: Cache, sums_id: str) -> None:
    """Bring folder sums into the cache; a remote that has none is no error, for ``dvc push`` does not send them.

    Raises:
        DigestMismatch: If the remote holds other bytes under their name.
        RemoteError: If the remote fails.
    """
    if known(cache, sums_id):
        return
    try:
        data = b"".join(backend.read(key_of(sums_id), length=foldersums.MAX_BYTES))
    except NotFound:
        return
    if (found := sha256_hex(data)) != sums_id:
        raise DigestMismatch(
            f"the folder sums on {backend.describe(key_of(sums_id))} are damaged",
            hint="mend them, from where the folder was added: sycee check --remote --repair",
            expected=f"sha256 {sums_id}",
            found=f"sha256 {found}",
        )
    cache.put_private(key_of(sums_id), data)


def push(backend: "Backend", cache: Cache, sums_id: str) -> None:
    """Store folder sums on a remote that lacks them, or holds a torn copy; if the cache holds them."""
    path = cache.root / key_of(sums_id)
    if not path.is_file() or backend.size(key_of(sums_id)) == path.stat().st_size:
        return
    data = path.read_bytes()
    if sha256_hex(data) == sums_id:
        backend.write(key_of(sums_id), BytesIO(data), len(data))
