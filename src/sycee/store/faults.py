"""What can be wrong with an object, as errors."""

from sycee.digest import FileDigests
from sycee.errors import Conflict, DigestMismatch


def two_contents(stored: FileDigests, found: FileDigests) -> Conflict:
    """Return the error for two files of one md5."""
    return Conflict(
        f"two different files have the md5 {found.md5}: storing one would lose the other",
        hint="md5 collisions do not happen by chance: find out where the file comes from",
        stored=f"sha256 {stored.sha256}",
        found=f"sha256 {found.sha256}",
    )


def damaged(oid: str, expected: str, found: str, *, hint: str, **details: str) -> DigestMismatch:
    """Return the error for an object that is not what its name says.

    Args:
        oid: Its id.
        expected: What it should be, in words.
        found: What it is.
        hint: What to do now.
        details: More facts for machines.
    """
    return DigestMismatch(
        f"object {oid} is damaged: expected {expected}, found {found}",
        hint=hint,
        oid=oid,
        expected=expected,
        found=found,
        **details,
    )
