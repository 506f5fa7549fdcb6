"""``sycee sign --countersign``: a signature on the word of earlier signers; see :mod:`sycee.trust.countersign`."""

from pathlib import Path

from sycee.errors import Conflict
from sycee.ops.trustplace import Asked, request_for
from sycee.trust import countersign as trust
from sycee.trust.countersign import Countersigned
from sycee.trust.folder import Folder
from sycee.trust.signing.sign import tracked_as_whole
from sycee.trust.signing.signers import Signer


def countersign(folder: Path, key: Signer, asked: Asked) -> Countersigned:
    """Add a signature to a signed model folder without reading its weights, which need not be here.

    Args:
        folder: The model folder.
        key: What signs.
        asked: By whose word.

    Raises:
        Conflict: If the folder is tracked as a whole: its pointer cannot follow without the weights.
        SyceeError: See :func:`sycee.trust.countersign.countersign` and :func:`sycee.ops.trustplace.request_for`.
    """
    if tracked_as_whole(folder):
        raise Conflict(
            f"{folder} is tracked as a whole, and a signature becomes a part of what its pointer names",
            hint="bring all of it (sycee pull), and sign without --countersign",
            path=str(folder),
        )
    with Folder(folder) as opened:
        return trust.countersign(request_for(folder, asked), opened, key)
