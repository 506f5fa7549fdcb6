"""What an object must turn out to be, and what it is found to be instead."""

from typing import NamedTuple

from sycee.digest import FileDigests
from sycee.store.layout import md5_of

EMPTY = "d41d8cd98f00b204e9800998ecf8427e"  # md5 of no bytes, before DVC 3.0 too


class Expected(NamedTuple):
    """What an object must turn out to be.

    Attributes:
        oid: Its object id.
        size: Its size in bytes where a pointer tells, else None.
        sha256: Its sha256 where a pointer's current record tells, else None.
        at_most: Its greatest size in bytes where no pointer tells the exact one; None for no bound but the disk's.
        blake3: Its blake3 where a pointer's current record tells, else None.
    """

    oid: str
    size: int | None = None
    sha256: str | None = None
    at_most: int | None = None
    blake3: str | None = None


def cannot_be(expected: Expected, size: int) -> bool:
    """Tell whether an object of this size cannot be what it must be, whatever its bytes are.

    An empty one is what a power cut or a full disk leaves, of other tools too; where no pointer tells a size, only the
    one object that is made of no bytes may be empty.
    """
    return size_fault(expected, size) is not None


def size_fault(expected: Expected, size: int) -> tuple[str, str] | None:
    """Return what was expected and what was found, in words, where already the size is wrong."""
    if expected.size is not None and size != expected.size:
        return f"{expected.size} bytes", f"{size} bytes"
    if expected.at_most is not None and size > expected.at_most:
        return f"at most {expected.at_most} bytes", f"{size} bytes"
    if (size == 0) != (expected.oid == EMPTY):
        return f"md5 {md5_of(expected.oid)}", f"{size} bytes"
    return None


def difference(expected: Expected, found: FileDigests, address: str) -> tuple[str, str] | None:
    """Return what was expected and what was found, in words, where bytes are not those of an object.

    Args:
        expected: What it must be.
        found: The digests of the bytes.
        address: Their md5, as pointers of the time of the object's pointer make it.
    """
    if expected.at_most is not None and found.size > expected.at_most:
        return f"at most {expected.at_most} bytes", f"{found.size} bytes or more"
    checks = (
        (expected.size, found.size, "{} bytes"),
        (md5_of(expected.oid), address, "md5 {}"),
        (expected.sha256, found.sha256, "sha256 {}"),
        (expected.blake3, found.blake3, "blake3 {}"),
    )
    for wanted, got, words in checks:
        if wanted is not None and wanted != got:
            return words.format(wanted), words.format(got)
    return None
