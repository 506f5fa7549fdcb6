"""Files that a bucket keeps by name and version, as pointers of DVC's version-aware remotes note them."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class FileVersion(NamedTuple):
    """One version of one file in a bucket.

    Attributes:
        relpath: Below the out; empty if the out is the file.
        md5: Of its bytes.
        size: In bytes, or None.
        remote: The remote whose bucket it is.
        version: What the bucket calls the version.
    """

    relpath: str
    md5: str
    size: int | None
    remote: str
    version: str


def versions_of(out: Mapping[str, Any]) -> tuple[FileVersion, ...]:
    """Return the versions that an out of a valid pointer is made of; none if it does not name all of them."""
    files = out.get("files")
    found = [_version(one) for one in files] if files is not None else [_version({**out, "relpath": ""})]
    known = tuple(one for one in found if one)
    return known if len(known) == len(found) else ()


def _version(file: Mapping[str, Any]) -> FileVersion | None:
    [(remote, noted)] = (file.get("cloud") or {"": {}}).items()
    version, md5 = noted.get("version_id"), file.get("md5")
    if not (version and md5):
        return None
    return FileVersion(file["relpath"], md5, file.get("size"), remote, version)
