"""Freezes what the ``Trainer`` of transformers trained.

``Trainer(..., callbacks=[FreezeCallback("models/ner", task="ner")])``
"""

from pathlib import Path
from typing import Any, Unpack

from sycee.capture.facts import Facts, base_facts
from sycee.errors import UsageError
from sycee.integrations.freezing import Freezes, Freezing, Learnt, tell_missing
from sycee.ops.freeze import AnyPath, Options

try:
    from transformers import TrainerCallback
except ModuleNotFoundError as error:
    tell_missing(error, "transformers", "transformers")

_EVALUATED = "eval_"
_CLOCKS = ("_runtime", "_per_second", "_time")  # how fast an evaluation was says nothing of the model


class FreezeCallback(Freezes, TrainerCallback):
    """Freezes the model when the training ends: weights as safetensors, configuration, tokenizer, card.

    With ``load_best_model_at_end`` it is the best model, and its metrics are those of the step it comes from; else the
    last ones. ``training_config`` begins with what differs from the defaults in ``TrainingArguments``. Only the first
    process of a distributed training freezes, and no trial of a search for hyperparameters.

    Args:
        path: The model's folder.
        task: What the model does.
        **options: As for :func:`sycee.freeze`; what is given here wins over what the trainer knows.

    Raises:
        UsageError: For an option that does not exist.
    """

    def __init__(self, path: AnyPath, *, task: str, **options: Unpack[Options]) -> None:
        self._freezing = Freezing(path, task, options)

    def on_train_begin(self, args: Any, state: Any, _control: Any, **_more: Any) -> None:
        """Check that the freeze at the end will work.

        Raises:
            SyceeError: If it will not: the folder cannot be written, the weights are spread over processes.
        """
        if not state.is_world_process_zero or state.is_hyper_param_search:
            return
        if args.fsdp or args.deepspeed:
            raise UsageError(
                "with FSDP or DeepSpeed no single process has all the weights",
                hint="leave the callback out; after the training call trainer.save_model(FOLDER) in every process, "
                "and sycee.freeze(..., weights=FOLDER) in the first one",
            )
        self._freezing.begin()

    def on_train_end(self, args: Any, state: Any, _control: Any, **more: Any) -> None:
        """Freeze the model."""
        model = more["model"]
        self._freezing.end(
            lambda folder: _save(folder, model, more.get("processing_class")),
            lambda: Learnt(
                metrics=_metrics(state.log_history, state.best_global_step if args.load_best_model_at_end else None),
                configs=(args,),
                seeds={"trainer": args.seed, **({} if args.data_seed is None else {"data": args.data_seed})},
                training={"steps": state.global_step, **({} if state.epoch is None else {"epochs": state.epoch})},
                known=_known(model),
            ),
        )


def _save(folder: Path, model: Any, processing_class: Any) -> None:
    if hasattr(model, "save_pretrained"):
        model.save_pretrained(folder)
    else:  # a module of torch's own
        from safetensors.torch import save_model

        save_model(model, str(folder / "model.safetensors"))
    if hasattr(processing_class, "save_pretrained"):
        processing_class.save_pretrained(folder)


def _metrics(history: list[dict[str, Any]], best_step: int | None) -> dict[str, Any]:
    """Return the last value of each metric; of those of an evaluation, the last one at the best step."""
    found: dict[str, Any] = {}
    for row in history:
        best = best_step is None or row.get("step") == best_step
        found |= {name: value for name, value in row.items() if _is_metric(name) and (best or name == "train_loss")}
    return found


def _is_metric(name: str) -> bool:
    return name == "train_loss" or (name.startswith(_EVALUATED) and not name.endswith(_CLOCKS))


def _known(model: Any) -> Facts:
    """Return the model's class, and the model it was made from; an adapter tells that by its own configuration."""
    own = {"architecture": type(model).__name__}
    config = getattr(model, "config", None)
    if config is None or hasattr(model, "peft_config"):
        return Facts(own, {})
    name, revision = getattr(config, "_name_or_path", None), getattr(config, "_commit_hash", None)
    return base_facts(name, "finetune", revision)._replace(model=own)
