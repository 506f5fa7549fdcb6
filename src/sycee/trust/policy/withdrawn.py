"""The revocation list that a trust file names: read, and whose signatures are on it."""

import os
from pathlib import Path
from typing import NamedTuple

from sycee.core.facts import Signer
from sycee.errors import NotFound
from sycee.formats import revocations
from sycee.formats.revocations import Revocations
from sycee.trust.folder import Folder
from sycee.trust.policy.authority import Authority
from sycee.trust.policy.documents import read_document


class Withdrawn(NamedTuple):
    """What was found.

    Attributes:
        said: The list; None if there is none, or nobody signed it whom the trust file names.
        signers: Who signed it, of those.
    """

    said: Revocations | None
    signers: frozenset[Signer]


def list_path(authority: Authority) -> Path | None:
    """Return where the list lies; None if the trust file names none."""
    source = authority.trust.revocations
    return authority.folder / source.file if source and authority.folder else None


def read_list(authority: Authority) -> Withdrawn:
    """Read the list. Whether it counts, :func:`sycee.core.policy.decide` says; nothing is parsed that nobody signed.

    Raises:
        FormatError: If it is signed and malformed.
        Conflict: If it is too long, or no regular file.
    """
    named = list_path(authority)
    if named is None:
        return Withdrawn(None, frozenset())
    path = Path(os.path.realpath(named))  # mounted configuration is links; the folder is the operator's own
    try:
        with Folder(path.parent) as folder:
            document = read_document(folder, path.name, revocations.MAX_SIZE)
    except NotFound:
        return Withdrawn(None, frozenset())
    signers = authority.signers_of(document)
    return Withdrawn(revocations.parse(document.data, str(named)) if signers else None, signers)
