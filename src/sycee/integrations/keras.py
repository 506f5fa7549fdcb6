"""Freezes what Keras trained.

``model.fit(..., callbacks=[..., FreezeCallback("models/digits", task="…")])``
"""

import math
from collections import Counter
from typing import Any, Unpack

from sycee.capture.facts import Facts
from sycee.integrations.freezing import Freezing, Learnt, is_first_process, tell_missing
from sycee.ops.freeze import AnyPath, Options
from sycee.ops.frozen import Frozen

try:
    from keras.callbacks import Callback
except ModuleNotFoundError as error:
    tell_missing(error, "keras", "keras")

FILE = "model.keras"


class FreezeCallback(Callback):
    """Freezes the model when ``fit`` ends, as ``model.keras``, with the metrics of the last epoch.

    It comes last in the list of callbacks: one that puts back the weights of the best epoch when the training ends
    must have done so. Then give the metrics of these weights as ``metrics=…``. ``training_config`` begins with the
    optimizer's settings, the loss, and how long it was trained. Only the first process of a distributed training
    freezes.

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
        self._epochs = 0

    @property
    def frozen(self) -> Frozen | None:
        """The frozen model, once the training has ended; None in other processes, and if the freeze failed."""
        return self._freezing.frozen

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002 - Keras calls it by name
        """Check that the freeze at the end will work.

        Raises:
            SyceeError: If it will not.
        """
        self._epochs = 0
        if is_first_process():
            self._freezing.begin()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG002 - as above
        """Count the epochs of this training."""
        self._epochs += 1

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Freeze the model."""
        model = self.model
        self._freezing.end(
            lambda folder: model.save(folder / FILE),
            lambda: Learnt(
                metrics=dict(logs or {}),
                configs=(_config(model, self.params or {}),),
                training={"steps": int(model.optimizer.iterations), "epochs": self._epochs},
                known=Facts(_facts(model), {}),
            ),
        )


def _config(model: Any, params: dict[str, Any]) -> dict[str, Any]:
    loss = getattr(model.loss, "name", model.loss)
    chosen = {"optimizer": model.optimizer.get_config(), "loss": loss, "epochs": params.get("epochs")}
    return {key: value for key, value in chosen.items() if value is not None}


def _facts(model: Any) -> dict[str, Any]:
    dtypes: Counter[str] = Counter()
    for variable in model.weights:
        dtypes[str(variable.dtype)] += math.prod(variable.shape)
    return {"architecture": type(model).__name__, "parameters": dtypes.total(), "dtype": dict(sorted(dtypes.items()))}
