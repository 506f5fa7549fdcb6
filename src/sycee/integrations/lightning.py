"""Freezes what Lightning trained.

``Trainer(callbacks=[FreezeCallback("models/digits", task="…")])``
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Unpack

from sycee.capture.facts import Facts
from sycee.errors import UsageError
from sycee.integrations.freezing import Freezes, Freezing, Learnt, tell_missing
from sycee.ops.freeze import LOG, AnyPath, Options

try:
    import lightning.pytorch as pl
except ModuleNotFoundError as error:
    tell_missing(error, "lightning", "lightning")

FILE = "model.ckpt"

_OF_TRAINING = ("optimizer_states", "lr_schedulers", "callbacks", "loops")  # to go on with, not to use the model
SPREAD = ("FSDPStrategy", "DeepSpeedStrategy", "ModelParallelStrategy")
_SETTINGS = ("max_epochs", "max_steps", "precision", "accumulate_grad_batches", "gradient_clip_val")


class _Best(NamedTuple):
    """The best checkpoint of the run."""

    path: Path
    monitor: str
    score: Any


class FreezeCallback(Freezes, pl.Callback):
    """Freezes the model when ``fit`` ends, as ``model.ckpt``: a checkpoint of Lightning's form without the optimizer.

    If a ``ModelCheckpoint`` that monitors a metric is there, it is the best checkpoint with the metrics of its step,
    else the last state with the last metrics. ``training_config`` begins with the hyperparameters that the module and
    the data module saved, and the trainer's own settings below ``trainer``. Only the first process of a distributed
    training freezes, and a ``fast_dev_run`` is only checked.

    Args:
        path: The model's folder.
        task: What the model does.
        **options: As for :func:`sycee.freeze`; what is given here wins over what the trainer knows.

    Raises:
        UsageError: For an option that does not exist.
    """

    def __init__(self, path: AnyPath, *, task: str, **options: Unpack[Options]) -> None:
        self._freezing = Freezing(path, task, options)
        self._metrics: dict[int, dict[str, Any]] = {}

    def on_fit_start(self, trainer: Any, _module: Any) -> None:
        """Check that the freeze at the end will work.

        Raises:
            SyceeError: If it will not: the folder cannot be written, the weights are spread over processes.
        """
        self._metrics.clear()
        if not trainer.is_global_zero:
            return
        if any(kind.__name__ in SPREAD for kind in type(trainer.strategy).__mro__):
            raise UsageError(
                f"with {type(trainer.strategy).__name__} no single process has all the weights",
                hint="leave the callback out; after the training save a whole checkpoint, and call "
                "sycee.freeze(..., weights=FILE) in the first process",
            )
        self._freezing.begin()

    def on_validation_end(self, trainer: Any, _module: Any) -> None:
        """Note the metrics of this step: a checkpoint of it may be the best one."""
        self._note(trainer)

    def on_train_epoch_end(self, trainer: Any, _module: Any) -> None:
        """Note the metrics of this step: a checkpoint of it may be the best one."""
        self._note(trainer)

    def _note(self, trainer: Any) -> None:
        if trainer.is_global_zero and not trainer.sanity_checking:
            self._metrics[trainer.global_step] = dict(trainer.callback_metrics)

    def on_fit_end(self, trainer: Any, module: Any) -> None:
        """Freeze the model."""
        if trainer.fast_dev_run:
            return
        best = _best(trainer)
        self._freezing.end(
            lambda folder: _save(trainer, module, best, folder / FILE),
            lambda: Learnt(
                metrics=self._of_best(best) if best else dict(trainer.callback_metrics),
                configs=(*_hyperparameters(trainer, module), {"trainer": _settings(trainer)}),
                training={"steps": trainer.global_step, "epochs": trainer.current_epoch},
                known=Facts({"architecture": type(module).__name__}, {}),
            ),
        )

    def _of_best(self, best: _Best) -> dict[str, Any]:
        step = (_read(best.path) or {}).get("global_step")
        noted = self._metrics.get(step, {}) if isinstance(step, int) else {}
        return {**noted, best.monitor: best.score}


def _best(trainer: Any) -> _Best | None:
    for one in trainer.checkpoint_callbacks:
        monitor, path = getattr(one, "monitor", None), Path(getattr(one, "best_model_path", None) or "/")
        if monitor is not None and path.is_file():
            return _Best(path, monitor, one.best_model_score)
    return None


def _read(path: Path) -> dict[str, Any] | None:
    """Return a checkpoint, whose tensors are mapped; None for one that could be read only by running its code."""
    import torch

    try:
        found: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # noqa: BLE001 - torch tells it in many ways
        LOG.debug("%s holds more than tensors and plain values", path.name, exc_info=error)
        return None
    return found


def _save(trainer: Any, module: Any, best: _Best | None, path: Path) -> None:
    import torch

    checkpoint = _read(best.path) if best else _state(trainer, module)
    if best and checkpoint is None:
        LOG.warning("%s holds objects of its own: it is frozen as it is, optimizer and all", best.path.name)
        shutil.copyfile(best.path, path)
    else:
        torch.save({key: value for key, value in (checkpoint or {}).items() if key not in _OF_TRAINING}, path)


def _state(trainer: Any, module: Any) -> dict[str, Any]:
    """Return a checkpoint of what there is now, as ``load_from_checkpoint`` reads it."""
    checkpoint: dict[str, Any] = {
        "epoch": trainer.current_epoch,
        "global_step": trainer.global_step,
        "pytorch-lightning_version": pl.__version__,
        "state_dict": module.state_dict(),
    }
    if module.hparams:
        checkpoint[module.CHECKPOINT_HYPER_PARAMS_KEY] = dict(module.hparams)
        checkpoint[module.CHECKPOINT_HYPER_PARAMS_NAME] = getattr(module, "_hparams_name", "kwargs")
    module.on_save_checkpoint(checkpoint)
    return checkpoint


def _hyperparameters(trainer: Any, module: Any) -> list[Mapping[str, Any]]:
    return [one.hparams for one in (module, trainer.datamodule) if one is not None]


def _settings(trainer: Any) -> dict[str, Any]:
    chosen = {name: getattr(trainer, name, None) for name in _SETTINGS}
    return {name: value for name, value in chosen.items() if value not in (None, -1)}
