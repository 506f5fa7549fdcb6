"""Weights whose detached signature would be good for something else, and which are therefore never signed.

A detached signature is over the sha256 of a file, whatever is in it. Documents of sycee's are signed in the same way;
and what a bundle signs is an encoding that a file can hold too, whose hash is sha256 for some keys. So whoever brings
weights to a signer could bring him the text of a record, of a channel's statement, of a revocation list, or of a
statement about another version, and get it signed as a file.
"""

import os

from sycee.errors import FormatError
from sycee.formats import bundle, channel, record, revocations
from sycee.trust.folder import Folder

_DOCUMENTS = (
    (record.parse, "a record"),
    (channel.parse, "a channel's statement"),
    (revocations.parse, "a revocation list"),
)
_LONGEST = max(record.MAX_SIZE, channel.MAX_SIZE, revocations.MAX_SIZE)  # bytes of a document


def likeness(folder: Folder, name: str) -> str | None:
    """Return what a file is, if that is something else than weights that can be signed.

    Args:
        folder: The open model folder.
        name: The file's path below it.
    """
    with folder.opened(name) as fd:
        beginning = os.pread(fd, len(bundle.ENCODING), 0)
        small = os.fstat(fd).st_size <= _LONGEST
    if beginning == bundle.ENCODING:
        return "the text that a bundle signs"
    return _document(folder.read(name, _LONGEST), name) if small else None


def _document(data: bytes, name: str) -> str | None:
    for parse, kind in _DOCUMENTS:
        try:
            parse(data, name)
        except FormatError:
            continue
        return kind
    return None
