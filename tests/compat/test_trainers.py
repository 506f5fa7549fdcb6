"""The callbacks inside the real trainers: what they freeze is whole, told rightly, signed, verified, loaded again."""

import dataclasses
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from rigs.signed import fixed_key, open_folder, sign_folder
from sycee.capture import seeds
from sycee.errors import SyceeError, UsageError
from sycee.formats import card
from sycee.ops.init import InitRequest, init
from sycee.system.git import Git

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # the trainers' own warnings are theirs

X = np.linspace(-1, 1, 64, dtype="float32").reshape(16, 4)
Y = (X.sum(axis=1) > 0).astype("int64")


@pytest.fixture
def repo(tmp_path, monkeypatch) -> Path:
    seeds.install()  # a test before this one may have ended the watch that `import sycee` begins
    monkeypatch.chdir(tmp_path)
    Git(tmp_path).run("init", "-q")
    init(InitRequest(tmp_path))
    return tmp_path


def proven(frozen):
    """Sign and verify what was frozen, and give it opened, after a look at what every freeze must leave."""
    assert frozen is not None
    assert frozen.card.values["status"] == "complete", frozen.warnings
    assert [file.kept for file in frozen.files] == ["pointer"] * len(frozen.files)
    assert b"home" not in frozen.card.raw
    assert str(frozen.path).encode() not in frozen.card.raw
    assert not [path for path in frozen.path.parent.rglob("*") if "sycee-saving" in path.name]
    sign_folder(frozen.path)
    return open_folder(frozen.path, fixed_key().public)


class Rows(torch.utils.data.Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return {"input_ids": torch.tensor([1, 2, index]), "labels": torch.tensor(index % 2)}


def hugging_face_trainer(callback, **arguments):
    import transformers
    from tokenizers import Tokenizer, models

    config = transformers.BertConfig(
        vocab_size=8, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=8
    )
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "a": 1, "b": 2}, unk_token="[UNK]"))
    settings = {"max_steps": 2, "use_cpu": True, "report_to": [], "disable_tqdm": True, "seed": 3, **arguments}
    return transformers.Trainer(
        model=transformers.BertForSequenceClassification(config),
        args=transformers.TrainingArguments(output_dir="out", **settings),
        train_dataset=Rows(),
        eval_dataset=Rows(),
        data_collator=transformers.default_data_collator,
        processing_class=transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]"),
        callbacks=[callback],
    )


def test_the_trainer_of_transformers(repo):
    import transformers

    from sycee.integrations.transformers import FreezeCallback

    callback = FreezeCallback("models/ner", task="ner", metrics={"test_f1": 0.5}, training_config={"note": "mine"})
    evaluate = {"eval_strategy": "steps", "eval_steps": 1, "save_steps": 1, "load_best_model_at_end": True}
    trainer = hugging_face_trainer(callback, **evaluate, learning_rate=0.5, metric_for_best_model="loss")
    trainer.train()
    with proven(callback.frozen) as model:
        values = model.card.values
        weights = model.safetensors()
        with model.path() as folder:
            again = transformers.AutoModelForSequenceClassification.from_pretrained(folder)
            words = transformers.AutoTokenizer.from_pretrained(folder)("b")["input_ids"]
    assert words == [2]
    state = trainer.model.state_dict()
    assert all(torch.equal(state[name], one) for name, one in again.state_dict().items())
    best = min((row for row in trainer.state.log_history if "eval_loss" in row), key=lambda row: row["eval_loss"])
    assert values["metrics"]["eval_loss"] == best["eval_loss"]
    assert values["metrics"]["test_f1"] == 0.5
    assert values["metrics"].keys() == {"eval_loss", "test_f1", "train_loss"}
    config = values["training_config"]
    assert (config["learning_rate"], config["max_steps"], config["note"]) == (0.5, 2, "mine")
    assert not config.keys() & {"output_dir", "hub_token", "weight_decay", "accelerator_config", "report_to"}
    told = values["model"]
    assert (told["architecture"], told["family"]) == ("BertForSequenceClassification", "bert")
    assert told["dtype"] == {"float32": sum(one.numel() for one in weights.values())}
    assert told["parameters"] == told["dtype"]["float32"]
    assert (values["training"]["steps"], values["training"]["epochs"]) == (2, 2.0)
    assert (values["seeds"]["trainer"], values["seeds"]["torch"]) == (3, 3)


def test_nothing_of_the_trainer_is_lost_when_the_freeze_fails(repo, caplog, monkeypatch):
    from sycee.integrations.transformers import FreezeCallback

    callback = FreezeCallback("m", task="t")
    trainer = hugging_face_trainer(callback, max_steps=1, save_strategy="no")
    monkeypatch.setattr(trainer.model, "save_pretrained", lambda folder: 1 / 0)
    with caplog.at_level(logging.WARNING, "sycee"):
        assert trainer.train().global_step == 1
    assert callback.frozen is None
    assert "m could not be frozen: ZeroDivisionError" in caplog.text
    callback.on_train_end(trainer.args, trainer.state, trainer.control, model=trainer.model)  # nothing was begun


def test_the_trainer_does_not_begin_what_cannot_end(repo):
    from sycee.integrations.transformers import FreezeCallback

    Path("file").write_bytes(b"")
    with pytest.raises(UsageError, match="is a file, and a model is a folder"):
        hugging_face_trainer(FreezeCallback("file", task="t"), max_steps=1).train()
    with pytest.raises(UsageError, match="unknown option metric"):
        FreezeCallback("m", task="t", metric={})
    searching = hugging_face_trainer(other := FreezeCallback("trial", task="t"), max_steps=1)
    for state in ({"is_hyper_param_search": True}, {"is_world_process_zero": False}):
        told = dataclasses.replace(searching.state, **state)
        searching.callback_handler.on_train_begin(searching.args, told, searching.control)
        searching.callback_handler.on_train_end(searching.args, told, searching.control)
    assert other.frozen is None
    assert not Path("trial").exists()
    spread = hugging_face_trainer(FreezeCallback("m", task="t"), max_steps=1)
    spread.args.deepspeed = {"zero_optimization": {"stage": 3}}
    with pytest.raises(UsageError, match="no single process has all the weights"):
        spread.callback_handler.on_train_begin(spread.args, spread.state, spread.control)


def lightning_module(pl):
    class Digits(pl.LightningModule):
        def __init__(self, width=3, rate=0.1):
            super().__init__()
            self.save_hyperparameters()
            self.layers = torch.nn.Sequential(torch.nn.Linear(4, width), torch.nn.Linear(width, 2))

        def training_step(self, batch, _index):
            loss = torch.nn.functional.cross_entropy(self.layers(batch[0]), batch[1])
            self.log("train_loss", loss)
            return loss

        def validation_step(self, batch, _index):
            self.log("val_loss", float(self.current_epoch + 1))  # the first epoch is the best one
            self.log("val_epoch", float(self.current_epoch))

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=self.hparams.rate)

    return Digits


def fit_with_lightning(pl, module, *callbacks, **options):
    rows = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y)), batch_size=8)
    quiet = {"accelerator": "cpu", "logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = pl.Trainer(max_epochs=2, callbacks=[*callbacks], **{**quiet, **options})
    trainer.fit(module, rows, rows)
    return trainer


def test_lightning_with_a_best_checkpoint(repo):
    import lightning.pytorch as pl

    from sycee.integrations.lightning import FreezeCallback

    callback = FreezeCallback("models/digits", task="digits")
    kind = lightning_module(pl)
    best = pl.callbacks.ModelCheckpoint("out", monitor="val_loss")
    fit_with_lightning(pl, kind(width=5), callback, best)
    with proven(callback.frozen) as model:
        values, checkpoint = model.card.values, model.torch()
        with model.path() as folder:
            again = kind.load_from_checkpoint(folder / "model.ckpt")
    assert (checkpoint["epoch"], checkpoint["global_step"]) == (0, 2)
    assert not checkpoint.keys() & {"optimizer_states", "callbacks", "loops"}
    saved = torch.load(best.best_model_path, weights_only=True)["state_dict"]
    assert all(torch.equal(saved[name], one) for name, one in again.state_dict().items())
    assert (again.hparams.width, again.hparams.rate) == (5, 0.1)
    assert values["metrics"].keys() == {"val_loss", "val_epoch", "train_loss"}
    assert (values["metrics"]["val_loss"], values["metrics"]["val_epoch"]) == (1.0, 0.0)
    config = {"width": 5, "rate": 0.1, "trainer": {"max_epochs": 2, "precision": "32-true"}}
    assert values["training_config"] == {**config, "trainer": {**config["trainer"], "accumulate_grad_batches": 1}}
    assert values["model"]["architecture"] == "Digits"
    assert (values["model"]["parameters"], values["model"]["dtype"]) == (37, {"float32": 37})
    assert (values["training"]["steps"], values["training"]["epochs"]) == (4, 2)


def test_lightning_without_checkpoints_and_what_it_does_not_freeze(repo, monkeypatch):
    import pytorch_lightning as pl  # the same trainer by its older name

    from sycee.integrations.lightning import SPREAD, FreezeCallback

    kind, callback = lightning_module(pl), FreezeCallback("last", task="t")
    module = kind()
    fit_with_lightning(pl, module, callback, enable_checkpointing=False)
    with proven(callback.frozen) as model, model.path() as folder:
        again = kind.load_from_checkpoint(folder / "model.ckpt")
        assert model.card.metrics["val_loss"] == 2.0
    assert all(torch.equal(one, again.state_dict()[name]) for name, one in module.state_dict().items())
    dry = FreezeCallback("dry", task="t")
    trainer = fit_with_lightning(pl, kind(), dry, fast_dev_run=True)
    assert dry.frozen is None
    assert not Path("dry/model_card.yaml").exists()
    with monkeypatch.context() as patch:
        patch.setattr(type(trainer.strategy), "is_global_zero", False)
        dry.on_fit_start(trainer, module)  # another process: nothing is checked, and nothing frozen
    dry.on_fit_end(trainer, module)
    assert all(hasattr(pl.strategies, name) for name in SPREAD)
    trainer.strategy.__class__ = type("DeepSpeedStrategy", (type(trainer.strategy),), {})
    with pytest.raises(UsageError, match="with DeepSpeedStrategy no single process has all the weights"):
        dry.on_fit_start(trainer, module)


def test_keras(repo, monkeypatch, caplog):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    import keras

    from sycee.integrations.keras import FreezeCallback

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(0.25), loss="mse")
    callback = FreezeCallback("models/line", task="regression", data_version="line-1")
    history = model.fit(X, Y, epochs=2, batch_size=8, verbose=0, validation_data=(X, Y), callbacks=[callback])
    with proven(callback.frozen) as opened:
        values = opened.card.values
        with opened.path() as folder:
            again = keras.saving.load_model(folder / "model.keras")
    assert np.array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))
    last = {name: numbers[-1] for name, numbers in history.history.items()}
    assert values["metrics"] == last
    config = values["training_config"]
    assert (config["optimizer"]["learning_rate"], config["loss"], config["epochs"]) == (0.25, "mse", 2)
    told = values["model"]
    assert (told["format"], told["architecture"], told["parameters"]) == ("keras", "Sequential", 19)
    assert (values["training"]["steps"], values["training"]["epochs"]) == (4, 2)
    _keras_tells_whose_metrics_they_are(keras, model, caplog)
    monkeypatch.setenv("RANK", "1")
    model.fit(X, Y, verbose=0, callbacks=[other := FreezeCallback("other", task="t")])
    assert other.frozen is None
    assert not Path("other").exists()


def _keras_tells_whose_metrics_they_are(keras, model, caplog):
    from sycee.integrations.keras import FreezeCallback

    class Worsen(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch:
                self.model.set_weights([weight * 3 + 1 for weight in self.model.get_weights()])

    class Average(keras.callbacks.Callback):
        def on_train_end(self, logs=None):
            self.model.set_weights([weight / 2 + 0.1 for weight in self.model.get_weights()])

    stop = keras.callbacks.EarlyStopping(monitor="val_loss", patience=5, restore_best_weights=True)
    best, averaged = FreezeCallback("best", task="t"), FreezeCallback("averaged", task="t")
    callbacks = [Worsen(), stop, best, Average(), averaged]
    history = model.fit(X, Y, epochs=3, verbose=0, validation_data=(X, Y), callbacks=callbacks).history
    assert min(history["val_loss"]) == history["val_loss"][0] < history["val_loss"][-1]
    assert best.frozen.card.metrics == {name: numbers[0] for name, numbers in history.items()}
    assert averaged.frozen.card.metrics == {}
    assert "the weights are those of no epoch" in caplog.text


def test_scikit_learn(repo):
    import joblib
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from sycee.integrations.sklearn import freeze_estimator

    estimator = LogisticRegression(C=0.5, random_state=7)
    with pytest.raises(UsageError, match="nothing to freeze"):
        freeze_estimator(estimator, "m", task="t")
    estimator.fit(X, Y)
    with proven(freeze_estimator(estimator, "m", task="t", metrics={"acc": np.float64(1)}, name="line")) as model:
        values = model.card.values
        with model.path() as folder:
            again = joblib.load(folder / "model.joblib")
    assert np.array_equal(again.predict(X), estimator.predict(X))
    config = values["training_config"]
    assert (config["estimator"], config["C"], config["random_state"]) == ("LogisticRegression", 0.5, 7)
    assert values["seeds"]["sklearn"] == 7
    assert (values["model"]["format"], values["model"]["architecture"]) == ("joblib", "LogisticRegression")
    assert any("is a pickle" in warning for warning in values["warnings"])
    pipeline = make_pipeline(StandardScaler(), estimator).fit(X, Y)
    steps = freeze_estimator(pipeline, "pipeline", task="t", training_config={"rows": 16}).card.training_config
    assert steps["steps"]["logisticregression"]["C"] == 0.5
    assert (steps["steps"]["standardscaler"]["estimator"], steps["rows"]) == ("StandardScaler", 16)
    estimator.extra = lambda: 0
    with pytest.raises(SyceeError, match="the estimator cannot be saved"):
        freeze_estimator(estimator, "m", task="t")
    with pytest.raises(UsageError, match="saves the weights itself"):
        freeze_estimator(estimator, "m", task="t", weights="x")


PAGE = Path(__file__).parents[2] / "docs/training.md"
EXAMPLES = re.findall(r"## (.+)\n(?:(?!##).*\n)*?\n?```python\n((?:.*\n)*?)```\n", PAGE.read_text())


@pytest.mark.parametrize(("title", "code"), EXAMPLES, ids=[title for title, _code in EXAMPLES])
def test_the_examples_of_the_page(repo, monkeypatch, title, code):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    exec(compile(code, title, "exec"), {"__name__": "example"})
    cards = list(repo.glob("models/*/model_card.yaml"))
    assert len(cards) == 1
    assert card.parse(cards[0].read_bytes()).values["status"] == "complete"


def test_the_page_has_an_example_for_every_way():
    assert [title for title, _code in EXAMPLES] == [
        *("Your own loop", "A function", "Transformers", "Lightning", "Keras", "Scikit-learn")
    ]


SCRIPT = """
import os, transformers, torch
from sycee.integrations.transformers import FreezeCallback

rows = [{"input_ids": torch.tensor([1, 2, n]), "labels": torch.tensor(n % 2)} for n in range(4)]
config = transformers.BertConfig(vocab_size=8, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
settings = {"max_steps": 1, "use_cpu": True, "ddp_backend": "gloo", "report_to": "none", "save_strategy": "no"}
callback = FreezeCallback("m", task="t")
transformers.Trainer(
    model=transformers.BertForSequenceClassification(config),
    args=transformers.TrainingArguments("out", **settings),
    train_dataset=rows,
    data_collator=transformers.default_data_collator,
    callbacks=[callback],
).train()
open("frozen-" + os.environ["RANK"], "w").write(str(callback.frozen is not None))
"""


def test_of_two_processes_one_freezes(repo):
    (repo / "train.py").write_text(SCRIPT)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "train.py"]
    done = subprocess.run(
        launch, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert [(repo / f"frozen-{rank}").read_text() for rank in (0, 1)] == ["True", "False"]
    assert card.parse((repo / "m/model_card.yaml").read_bytes()).values["status"] == "complete"
