"""Floor 9: what a training script, a notebook or a server needs; ``import sycee`` offers all of it.

The training side ends in :func:`freeze`, or works inside :func:`training`; :func:`seed` seeds every generator at once.
The serving side begins with :func:`load`; :func:`verify` proves without loading.
"""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Unpack

from sycee.capture.seeds import seed
from sycee.ops import freeze as ops_freeze
from sycee.ops import training as ops_training
from sycee.ops import trains as ops_trains
from sycee.ops import verify as ops_verify
from sycee.ops.freeze import AnyPath, Options
from sycee.ops.frozen import Frozen
from sycee.ops.loaded import LoadedModel
from sycee.ops.training import Training
from sycee.ops.trains import Arguments, Result
from sycee.ops.trustplace import Asked, request_for
from sycee.system.terminal import watched
from sycee.trust.loading.keeping import Keeping, Mode
from sycee.trust.verify import Verified

__all__ = ["freeze", "load", "seed", "training", "trains", "verify"]


def freeze(path: AnyPath, *, task: str, **options: Unpack[Options]) -> Frozen:
    """Freeze a model at the end of its training: card, context and weights become one version to sign.

    Args:
        path: The model's folder; it is made if it is not there.
        task: What the model does: ``ner``, ``image-classification``.
        **options: ``metrics``, ``training_config``, ``data``, ``weights``, ``version`` and others: see
            :class:`sycee.ops.freeze.Options`.

    Returns:
        The frozen model; it shows itself in a terminal and in a notebook. What could not be captured is one of its
        ``warnings``, and in the card: a training is never lost.

    Raises:
        UsageError: For an option that does not exist.
    """
    return ops_freeze.freeze(path, task=task, **_watched(options))


def training(path: AnyPath, *, task: str, **options: Unpack[Options]) -> AbstractContextManager[Training]:
    """Freeze a model when the block ends, and check at its beginning that this will work.

    Args:
        path: The model's folder.
        task: What the model does.
        **options: As for :func:`freeze`.

    Returns:
        A context manager for the run, which takes metrics by ``.log(val_f1=0.89)``.

    Raises:
        SyceeError: At entry, if the end would fail: the folder cannot be written, an option is faulty.
    """
    return ops_training.training(path, task=task, **_watched(options))


def _watched(options: Options) -> Options:
    return {"progress": watched(), **options}


def trains(
    path: AnyPath, *, task: str, **options: Unpack[Options]
) -> Callable[[Callable[Arguments, Result]], Callable[Arguments, Result]]:
    """Decorate a function that trains a model: when it returns, the model is frozen.

    Args:
        path: The model's folder.
        task: What the model does.
        **options: As for :func:`freeze`. Without ``training_config`` the function's arguments are it, as far as they
            are settings.

    Returns:
        A decorator. The function's result is passed on as it is; a mapping in it (the result itself, or a member of a
        tuple) is taken for metrics. If the freeze at the end fails, that is logged and the result not lost.

    Raises:
        UsageError: If the function is asynchronous or a generator.
    """
    return ops_trains.trains(path, task=task, **_watched(options))


def verify(
    path: AnyPath,
    *,
    trust: AnyPath | None = None,
    key: AnyPath | None = None,
    expect: str | None = None,
    channel: str | None = None,
) -> Verified:
    """Prove that a model folder is what was signed; nothing of it is loaded. Offline.

    Args:
        path: The model's folder.
        trust: The trust file that says who may sign what.
        key: The one public key that must have signed it, instead of a trust file. With neither, the trust file that
            ``SYCEE_TRUST`` names counts, else the one of this user, else the one of this machine.
        expect: ``NAME@VERSION``, or ``sycee:`` and the identity, that it must be.
        channel: The channel whose version it must be: ``"production"``.

    Raises:
        VerificationError: If it is not: a subclass says what differs; :attr:`exit_code` is 10 to 14.
        NotFound: If the folder, the trust file or the key is not there.
        UsageError: If nobody says whom to trust, or the trust file lies in the repository that it judges.
    """
    return ops_verify.verify(Path(path), _asked(trust, key, expect, channel))


def _asked(trust: AnyPath | None, key: AnyPath | None, expect: str | None, channel: str | None) -> Asked:
    return Asked(
        trust=None if trust is None else Path(trust),
        key=None if key is None else Path(key),
        expect=expect,
        channel=channel,
        environ=os.environ,
    )


def load(
    path: AnyPath,
    *,
    trust: AnyPath | None = None,
    key: AnyPath | None = None,
    expect: str | None = None,
    channel: str | None = None,
    lazy: bool = False,
    mode: Mode = "auto",
    place: AnyPath | None = None,
) -> LoadedModel:
    """Verify a model folder and give its content: exactly the bytes that were hashed, whatever happens to the files.

    Args:
        path: The model's folder.
        trust: The trust file that says who may sign what.
        key: The one public key that must have signed it, instead of a trust file; see :func:`verify` for neither.
        expect: ``NAME@VERSION``, or ``sycee:`` and the identity, that it must be.
        channel: The channel whose version it must be: ``"production"``.
        lazy: Read and check each weights file only when it is asked for, for models larger than memory.
        mode: How files over 1 MiB are held: in sealed ``"memory"``, as a private ``"copy"`` on disk, by a
            ``"descriptor"`` of the file itself, or ``"auto"``: by size, free memory and platform.
        place: The folder for private copies; the system's one for large temporary files when left out.

    Returns:
        The model: ``.card``, ``.open("model.pt")``, ``.torch()``, ``.safetensors()``, ``.onnx()``,
        ``.preprocess()``, ``.path()``, ``.replay()``. Close it, or use it
        in a ``with`` statement.

    Raises:
        VerificationError: If it is not what was signed.
        NotFound: If the folder, the trust file or the key is not there.
        UsageError: If nobody says whom to trust; if the mode is none, or not safe for these files.
    """
    keeping = Keeping(mode, None if place is None else Path(place))
    request = request_for(Path(path), _asked(trust, key, expect, channel), lazy=lazy)
    with ops_verify.advised(request, os.environ):
        return LoadedModel.opened(request, keeping=keeping, environ=os.environ)
