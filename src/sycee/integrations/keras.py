"""Freezes what Keras trained.

``model.fit(..., callbacks=[..., FreezeCallback("models/digits", task="…")])``
"""

import math
from collections import Counter
from typing import Any, NamedTuple, Unpack

from sycee.capture.facts import Facts
from sycee.integrations.freezing import Freezes, Freezing, Learnt, is_first_process, tell_missing
from sycee.ops.freeze import LOG, AnyPath, Options

try:
    from keras import ops
    from keras.callbacks import Callback
except ModuleNotFoundError as error:
    tell_missing(error, "keras", "keras")

FILE = "model.keras"


class _Epoch(NamedTuple):
    """What an epoch left: its metrics, and the sums of its weights."""

    sums: tuple[str, ...]
    metrics: dict[str, Any]


class FreezeCallback(Freezes, Callback):
    """Freezes the model when ``fit`` ends, as ``model.keras``, with the metrics of the epoch its weights come from.

    That is the last epoch, unless a callback before this one in the list put back the weights of a better one.
    ``training_config`` begins with the optimizer's settings, the loss, and how long it was trained. Only the first
    process of a distributed training freezes.

    Args:
        path: The model's folder.
        task: What the model does.
        **options: As for :func:`sycee.freeze`; what is given here wins over what the trainer knows.

    Raises:
        UsageError: For an option that does not exist.
    """

    def __init__(self, path: AnyPath, *, task: str, **options: Unpack[Options]) -> None:
        super().__init__()
        self._freezing = Freezing(path, task, options)
        self._epochs: list[_Epoch] = []

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002 - Keras calls it by name
        """Check that the freeze at the end will work.

        Raises:
            SyceeError: If it will not.
        """
        self._epochs.clear()
        if is_first_process():
            self._freezing.begin()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002 - as above
        """Note the metrics of this epoch, and by what its weights are known again."""
        if is_first_process():
            self._epochs.append(_Epoch(_sums(self.model), dict(logs or {})))

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002 - as above
        """Freeze the model."""
        model = self.model
        self._freezing.end(
            lambda folder: model.save(folder / FILE),
            lambda: Learnt(
                metrics=self._metrics(),
                configs=(_config(model, self.params or {}),),
                training={"steps": int(model.optimizer.iterations), "epochs": len(self._epochs)},
                known=Facts(_facts(model), {}),
            ),
        )

    def _metrics(self) -> dict[str, Any]:
        sums = _sums(self.model)
        found = next((epoch for epoch in reversed(self._epochs) if epoch.sums == sums), None)
        if found is None:
            LOG.warning("the metrics are left out: the weights are those of no epoch, as if they were averaged")
        return found.metrics if found else {}


def _sums(model: Any) -> tuple[str, ...]:
    """Return the sum of each weight as text: of the same weights it is the same, and costs one look at them."""
    return tuple(float(ops.convert_to_numpy(ops.sum(weight))).hex() for weight in model.weights)


def _config(model: Any, params: dict[str, Any]) -> dict[str, Any]:
    loss = getattr(model.loss, "name", model.loss)
    chosen = {"optimizer": model.optimizer.get_config(), "loss": loss, "epochs": params.get("epochs")}
    return {key: value for key, value in chosen.items() if value is not None}


def _facts(model: Any) -> dict[str, Any]:
    dtypes: Counter[str] = Counter()
    for variable in model.weights:
        dtypes[str(variable.dtype)] += math.prod(variable.shape)
    return {"architecture": type(model).__name__, "parameters": dtypes.total(), "dtype": dict(sorted(dtypes.items()))}
