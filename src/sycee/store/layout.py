"""Where an object lies below the root of a cache or remote: DVC's layout, and sycee's private corner.

files/md5/<2 hex>/<30 hex>        an object
files/md5/<2 hex>/<30 hex>.dir    a directory object
<2 hex>/<30 hex>[.dir]            the same, written by DVC before 3.0
sycee/…                           sycee's own; no tool of DVC's looks or deletes there
sycee/sums/<2 hex>/<62 hex>       folder sums, under their sha256
sycee/versions/<2 hex>/<62 hex>   on remotes: the manifest of a signed version, under its identity
sycee/blobs/<2 hex>/<62 hex>      a small file of one, under its sha256
sycee/names/<2 hex>/<62 hex>      which versions claim a NAME@VERSION, under the sha256 of that
"""

import re

from sycee.errors import FormatError

PRIVATE = "sycee"
SUMS, MANIFESTS, BLOBS, INDEX = (f"{PRIVATE}/{folder}" for folder in ("sums", "versions", "blobs", "names"))
_OBJECT_ID = re.compile(r"[0-9a-f]{32}(\.dir)?")


def object_key(oid: str, *, legacy: bool = False) -> str:
    """Return the key of an object.

    Args:
        oid: md5 in lower-case hex, with ``.dir`` for a directory object.
        legacy: Whether its pointer is of the time before DVC 3.0.

    Raises:
        FormatError: If ``oid`` is anything else; nothing else may become part of a path.
    """
    if not is_object_id(oid):
        raise FormatError(f"{oid!r} is not the name of an object")
    return f"{oid[:2]}/{oid[2:]}" if legacy else f"files/md5/{oid[:2]}/{oid[2:]}"


def is_object_id(text: str) -> bool:
    """Tell whether a text is an md5 in lower-case hex, with or without ``.dir``."""
    return _OBJECT_ID.fullmatch(text) is not None


def is_directory(oid: str) -> bool:
    """Tell whether an object id names a directory object."""
    return oid.endswith(".dir")


def md5_of(oid: str) -> str:
    """Return the md5 that an object id carries, without ``.dir``."""
    return oid.removesuffix(".dir")
