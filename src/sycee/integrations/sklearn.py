"""Freezes an estimator of scikit-learn after ``fit``.

``freeze_estimator(model, "models/iris", task="…")``
"""

from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

from sycee.capture import seeds
from sycee.capture.config import merged
from sycee.capture.facts import Facts
from sycee.errors import SyceeError, UsageError
from sycee.integrations.freezing import folder_to_save, tell_missing
from sycee.ops.freeze import AnyPath, Options, make_request, run
from sycee.ops.frozen import Frozen
from sycee.system.terminal import watched

try:
    import sklearn.utils.validation as validation
except ModuleNotFoundError as error:
    tell_missing(error, "sklearn", "sklearn")

FILE = "model.joblib"


def freeze_estimator(estimator: Any, path: AnyPath, *, task: str, **options: Unpack[Options]) -> Frozen:
    """Save a fitted estimator or pipeline with joblib, and freeze it.

    ``training_config`` begins with the estimator's parameters, those of the steps of a pipeline below their names; its
    ``random_state``, if it is a number, is among the seeds. What joblib writes is a pickle: loading it runs code, so
    load it only from a folder that was verified, as :meth:`VerifiedModel.path` gives it. The card says so too.

    Args:
        estimator: What was fitted.
        path: The model's folder.
        task: What the model does.
        **options: As for :func:`sycee.freeze`, without ``weights``; what is given here wins over what the estimator
            says.

    Returns:
        The frozen model.

    Raises:
        UsageError: If it is not fitted, for ``weights``, or an option that does not exist.
        SyceeError: If it cannot be saved, or the folder cannot be written.
    """
    request = make_request(path, task, {"progress": watched(), **options})
    _require_fitted(estimator)
    if request.weights is not None:
        raise UsageError("freeze_estimator saves the weights itself", hint="to freeze files, call sycee.freeze(...)")
    config = _config(estimator)
    state = config.get("random_state")
    seen = {**seeds.seen(), **({"sklearn": state} if isinstance(state, int) else {})}
    with folder_to_save(request) as folder:
        _save(estimator, folder / FILE)
        return run(
            replace(
                request,
                saved=folder,
                training_config=merged([config, request.training_config]),
                seeds=seen if request.seeds is None else request.seeds,
                known=Facts({"architecture": type(estimator).__name__}, {}),
            )
        )


def _require_fitted(estimator: Any) -> None:
    try:
        validation.check_is_fitted(estimator)
    except (TypeError, ValueError) as error:  # NotFittedError is a ValueError
        raise UsageError(f"nothing to freeze: {error}", hint="call fit before freeze_estimator") from error


def _save(estimator: Any, path: Path) -> None:
    import joblib

    try:
        joblib.dump(estimator, path)
    except Exception as error:
        raise SyceeError(
            f"the estimator cannot be saved: {type(error).__name__}: {error}",
            hint="functions in it need a name in a module that can be imported; no lambdas",
        ) from error


def _config(estimator: Any) -> dict[str, Any]:
    params = estimator.get_params(deep=False)
    return {"estimator": type(estimator).__name__, **{name: _setting(value) for name, value in params.items()}}


def _setting(value: Any) -> Any:
    if hasattr(value, "get_params") and not isinstance(value, type):
        return _config(value)
    if isinstance(value, list) and value and all(isinstance(one, tuple) and isinstance(one[0], str) for one in value):
        return {name: _setting(step) for name, step, *_columns in value}  # the steps of a pipeline, of a union
    return value
