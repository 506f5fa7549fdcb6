"""What it means when the operating system refuses: which file it was about, and what to do now."""

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sycee.errors import SyceeError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_OWNER = "check who owns it, and its permissions"
HINTS: Mapping[int, str] = {
    errno.ENOSPC: "free some space there; what was stored before is untouched",
    errno.EDQUOT: "free some space there or ask for a larger quota; what was stored before is untouched",
    errno.EFBIG: "files may not be as large there: see `ulimit -f`, or choose another file system",
    errno.EACCES: _OWNER,
    errno.EPERM: _OWNER,
    errno.EROFS: "the file system is mounted read-only: mount it for writing, or choose another one",
    errno.EISDIR: "a folder stands where a file belongs: look at it, then move it away",
    errno.ENOTDIR: "a file stands where a folder belongs: look at it, then move it away",
    errno.EEXIST: "something else stands there: look at it, then move it away",
    errno.EIO: "the disk fails: copy away what you need, and look at the system's log",
    errno.ESTALE: "the network share has gone away: mount it again",
    errno.EMFILE: "too many files are open: raise `ulimit -n`",
}


def refused(error: OSError) -> SyceeError:
    """Return a refusal in words: the file, what the system said, and what to do."""
    name = error.filename2 or error.filename  # of a rename the target: the other name may be a temporary one
    where = f"{name}: " if name else ""
    return SyceeError(f"{where}{error.strerror or error}", hint=HINTS.get(error.errno or 0, _OWNER))


@contextmanager
def naming(path: Path, *, only: frozenset[int] | None = None) -> Iterator[None]:
    """Put a file's name into errors that have none, as those of descriptors do.

    Args:
        path: The file or folder that the block works on.
        only: The error numbers that are about it; None for all.
    """
    try:
        yield
    except OSError as error:
        if error.filename is None and (only is None or error.errno in only):
            error.filename = str(path)
        raise
