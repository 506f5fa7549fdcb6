"""Floor 9: what a training script, a notebook or a server needs; ``import sycee`` offers all of it.

The training side ends in :func:`freeze`, or works inside :func:`training`; :func:`seed` seeds every generator at once.
The serving side begins with :func:`load`; :func:`verify` proves without loading.
"""

import os
from pathlib import Path

from sycee.capture.seeds import seed
from sycee.ops import verify as ops_verify
from sycee.ops.freeze import AnyPath, freeze
from sycee.ops.training import training
from sycee.trust.verified import VerifiedModel, open_verified
from sycee.trust.verify import Verified

__all__ = ["freeze", "load", "seed", "training", "verify"]


def verify(path: AnyPath, *, key: AnyPath, expect: str | None = None) -> Verified:
    """Prove that a model folder is what was signed; nothing of it is loaded. Offline.

    Args:
        path: The model's folder.
        key: The public key that must have signed it.
        expect: ``NAME@VERSION``, or ``sycee:`` and the identity, that it must be.

    Raises:
        VerificationError: If it is not: a subclass says what differs; :attr:`exit_code` is 10 to 14.
        NotFound: If the folder or the key is not there.
    """
    by_identity = expect is not None and expect.startswith("sycee:")
    return ops_verify.verify(
        Path(path), Path(key), expect=None if by_identity else expect, identity=expect if by_identity else None
    )


def load(path: AnyPath, *, key: AnyPath, expect: str | None = None, lazy: bool = False) -> VerifiedModel:
    """Verify a model folder and give its content: exactly the bytes that were hashed, whatever happens to the files.

    Args:
        path: The model's folder.
        key: The public key that must have signed it.
        expect: ``NAME@VERSION``, or ``sycee:`` and the identity, that it must be.
        lazy: Read and check each weights file only when it is asked for, for models larger than memory.

    Returns:
        The model: ``.card``, ``.open("model.pt")``, ``.torch()``, ``.safetensors()``, ``.path()``. Close it, or use it
        in a ``with`` statement.

    Raises:
        VerificationError: If it is not what was signed.
        NotFound: If the folder or the key is not there.
    """
    return open_verified(Path(path), Path(key), expect=expect, lazy=lazy, environ=os.environ)
