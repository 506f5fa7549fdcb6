"""Version deep-learning models with Git: weights and the stamp in one body.

What a script needs is here: :func:`freeze`, :func:`training`, :func:`trains` and :func:`seed` for the training side,
:func:`verify` and :func:`load` for the serving side, and :class:`SyceeError`, the root of all errors. It is loaded when
it is first used; importing sycee itself only begins to note the seeds that are given to ``random``, ``numpy`` and
``torch``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sycee.capture import seeds

if TYPE_CHECKING:
    from sycee.api import freeze, load, seed, training, trains, verify
    from sycee.errors import SyceeError, VerificationError

__version__ = "0.1.0"
__all__ = ["SyceeError", "VerificationError", "__version__", "freeze", "load", "seed", "training", "trains", "verify"]

seeds.install()


def __getattr__(name: str) -> Any:
    if name.startswith("_") or name not in __all__:
        raise AttributeError(f"module 'sycee' has no attribute {name!r}")
    home = "sycee.errors" if name.endswith("Error") else "sycee.api"
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return __all__
