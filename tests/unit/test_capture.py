"""What is captured of a process: configurations, metrics, packages, frameworks, weights, code."""

import argparse
import dataclasses
import enum
import json
import math
import os
import sys
import types
from collections import namedtuple
from pathlib import Path, PurePosixPath
from typing import ClassVar

import pytest

from sycee.capture import code, environment, frameworks, lock
from sycee.capture.config import finite_metrics, merged, normalised
from sycee.capture.data import DataVersion, data_version
from sycee.capture.steps import Steps
from sycee.capture.weights import find_weights
from sycee.errors import SyceeError
from sycee.formats import values
from sycee.system.git import Git


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


@dataclasses.dataclass
class Inner:
    rate: float = 0.5
    where: Path = Path("data/a")


@dataclasses.dataclass
class Config:
    inner: Inner
    colour: Colour = Colour.RED


def plain(value):
    notes = []
    result = normalised(value, notes.append)
    assert list(values.faults(result)) == []
    return result, notes


@dataclasses.dataclass
class Arguments:
    """Stands for transformers' TrainingArguments, whose own values a slow test reads."""

    output_dir: str = ""
    learning_rate: float = 5e-5
    weight_decay: float = 0.0
    debug: object = ""
    hub_token: object = None
    push_to_hub: bool = False
    group: object = None
    optim_args: object = dataclasses.field(default_factory=dict)


def test_of_training_arguments_only_choices_are_told(monkeypatch):
    module = types.ModuleType("transformers.training_args")
    module.TrainingArguments = Arguments
    monkeypatch.setitem(sys.modules, module.__name__, module)
    unchosen = Arguments("/home/me/out", debug=[], hub_token="secret", push_to_hub=True, group=Inner())
    assert plain(unchosen) == ({}, [])
    chosen = Arguments(learning_rate=1e-5, weight_decay=0.1, group=Inner(0.25), optim_args={"a": 1})
    group = {"rate": 0.25, "where": "data/a"}
    assert plain(chosen)[0] == {"learning_rate": 1e-5, "weight_decay": 0.1, "group": group, "optim_args": {"a": 1}}


def test_the_dataclasses_that_an_argument_parser_gives_are_one_configuration():
    inner = {"rate": 0.5, "where": "data/a"}
    assert plain((Inner(), Config(Inner()))) == ({**inner, "inner": inner, "colour": "red"}, [])
    assert plain([Inner()]) == ([inner], [])
    assert plain((Inner(), 1)) == ([inner, 1], [])


class Broken:
    model_fields: ClassVar = {"a": None}
    model_dump = None

    @property
    def a(self):
        raise ValueError


def test_configurations_are_merged_and_the_later_one_holds():
    inner = {"rate": 0.5, "where": Path("data/a")}
    assert merged([{"a": 1, "b": 1}, Inner(), None, {"b": 2}]) == {"a": 1, "b": 2, **inner}
    broken = Broken()
    assert merged([{"a": 1}, 7, broken]) == {"a": 1, "value": broken}
    assert plain(merged([broken]))[1] == ["training_config.value could not be read (ValueError) and is left out"]


def test_configurations_of_every_kind():
    import omegaconf
    import pydantic

    class Model(pydantic.BaseModel):
        lr: float = 1e-5
        inner: Inner = Inner()

    made = omegaconf.OmegaConf.create({"a": 1, "b": "${a}", "c": [1, {"d": None}]})
    inner = {"rate": 0.5, "where": "data/a"}
    for value, expected in (
        (argparse.Namespace(lr=1e-5, tags=("a", "b")), {"lr": 1e-5, "tags": ["a", "b"]}),
        (Config(Inner()), {"inner": inner, "colour": "red"}),
        (Model(), {"lr": 1e-5, "inner": inner}),
        (made, {"a": 1, "b": 1, "c": [1, {"d": None}]}),
        ({"n": argparse.Namespace(m=Config(Inner()))}, {"n": {"m": {"inner": inner, "colour": "red"}}}),
        ({1: "a", Colour.RED: {2}, "p": PurePosixPath("x/y")}, {"1": "a", "red": [2], "p": "x/y"}),
        ({"level": Level.LOW, "pair": namedtuple("Pair", "a b")(1, 2)}, {"level": 1, "pair": [1, 2]}),  # noqa: PYI024
        ({"f": math.sqrt, "t": Inner, "none": None}, {"f": "math.sqrt", "t": f"{__name__}.Inner", "none": None}),
    ):  # fmt: skip
        assert plain(value) == (expected, [])


def test_numpy_values_become_numbers():
    import numpy as np

    value = {"lr": np.float32(0.5), "n": np.int64(3), "w": np.array([1.0, 2.0]), "d": np.dtype("float32")}
    result, notes = plain({**value, "big": np.zeros((100, 2)), "flag": np.bool_(True)})
    assert result["lr"] == 0.5
    assert type(result["lr"]) is float
    assert result["n"] == 3
    assert result["flag"] is True
    assert (result["w"], result["d"], result["big"]) == ([1.0, 2.0], "float32", "ndarray 100x2 float64")
    assert notes == ["training_config.big is an array of shape (100, 2) and left out"]


def test_what_cannot_be_kept_is_noted():
    result, notes = plain({"a": math.nan, "b": [math.inf], "c": 2**70, "d": object(), "e": b"x", "f": "\ud800"})
    assert result == {"a": "nan", "b": ["inf"], "c": str(2**70), "d": "<object>", "e": "<bytes>", "f": "\\ud800"}
    assert notes == [
        "training_config.a is not finite and kept as the text nan",
        "training_config.b[0] is not finite and kept as the text inf",
        f"training_config.c is too large and kept as the text {2**70}",
        "training_config.d is of the kind object and kept as the text <object>",
        "training_config.e is of the kind bytes and kept as the text <bytes>",
    ]


def test_secrets_of_a_configuration_are_hidden():
    notes = []
    given = argparse.Namespace(
        token="hunter2", hub={"api_key": "k", "url": "https://joe:" + "pw@host/x"}, note="ghp_" + "a1" * 18,
        eos_token="</s>", max_token=7, password="", out="/data",
    )  # fmt: skip
    assert normalised(given, notes.append) == {
        "token": "***", "hub": {"api_key": "***", "url": "***"}, "note": "***",
        "eos_token": "</s>", "max_token": 7, "password": "", "out": "/data",
    }  # fmt: skip
    assert notes == [
        f"training_config.{name} is hidden, since it looks like a secret"
        for name in ("token", "hub.api_key", "hub.url", "note")
    ]


def test_a_configuration_that_contains_itself_ends():
    value: dict = {}
    value["self"] = value
    _, notes = plain(value)
    assert len(notes) == 1
    assert notes[0].endswith("is nested too deeply and left out")


def test_metrics_are_finite_numbers():
    import numpy as np

    notes = []
    metrics = {
        "f1": np.float64(0.5),
        "n": 3,
        "by": {"dev": np.array([1.5])},
        "loss": math.nan,
        "s": "high",
        "b": True,
    }
    assert finite_metrics(metrics, notes.append) == {"f1": 0.5, "n": 3, "by": {"dev": 1.5}}
    assert notes == [
        "metrics.loss is nan and left out",
        "metrics.s is no number but 'high' and left out",
        "metrics.b is no number but True and left out",
    ]


def test_one_value_that_raises_does_not_cost_the_others():
    class Trap:
        shape = ()

        def item(self):
            raise RuntimeError

        tolist = item

    notes = []
    assert normalised({"a": {"trap": Trap(), "b": 1}, "c": 2}, notes.append) == {"a": {"trap": None, "b": 1}, "c": 2}
    assert finite_metrics({"trap": Trap(), "f1": 1, "huge": 10**400}, notes.append) == {"f1": 1}
    assert notes == [
        "training_config.a.trap could not be read (RuntimeError) and is left out",
        "metrics.trap is unreadable (RuntimeError) and left out",
        "metrics.huge is unreadable (OverflowError) and left out",
    ]


def test_a_failing_step_is_a_warning():
    steps = Steps()
    assert steps.run("the moon", lambda: 1 / 0, 7) == 7
    assert steps.complete is False
    steps.run("a file", lambda: open("/nonexistent/home/user"), None)  # noqa: PTH123, SIM115
    steps.run("ours", lambda: (_ for _ in ()).throw(SyceeError("was refused")), None)
    assert steps.warnings == [
        "the moon could not be captured: ZeroDivisionError: division by zero",
        "a file could not be captured: No such file or directory",
        "ours could not be captured: was refused",
    ]


def test_every_distribution_is_found_once_by_name():
    found = {one.requirement.name.lower(): one.requirement for one in lock.begin(os.environ, "").installed.values()}
    assert found["pytest"].version == pytest.__version__
    assert found["sycee"].origin == "editable"
    assert found["pytest"].origin == ""


def test_distributions_of_every_origin(tmp_path, monkeypatch):
    def install(name, head, direct_url=None):
        folder = tmp_path / f"{name}-1.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(head)
        if direct_url:
            (folder / "direct_url.json").write_text(json.dumps(direct_url))

    install("a", "Metadata-Version: 2.1\nName: A\nVersion: 1\n\nName: other\nVersion: 2\n")
    install("b", "Name: b\nVersion: 1+cpu\n", {"url": "file:///w/b.whl", "archive_info": {}})
    install(
        "c", "Name: c\nVersion: 1\n", {"url": "git+https://u:p@h/c", "vcs_info": {"vcs": "git", "commit_id": "f" * 40}}
    )
    install("d", "Name: d\nVersion: 1\n", {"url": "file:///home/u/d", "dir_info": {}})
    install("e", "")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    installed = [one.requirement for one in lock.begin(os.environ, "").installed.values()]
    found = [(r.name, r.version, r.origin, r.revision) for r in installed]
    assert found == [("A", "1", "", ""), ("b", "1+cpu", "", ""), ("c", "1", "vcs", "f" * 40), ("d", "1", "local", "")]


def test_python_and_platform_name_no_machine():
    assert environment.python_version().startswith(f"{sys.version_info.major}.{sys.version_info.minor}.")
    assert "Linux" in environment.platform_name() or sys.platform != "linux"


def test_frameworks_are_those_imported_most_important_first():
    import numpy as np

    built = types.ModuleType("paddle")
    built.__version__ = "3.0"
    modules = {"os": sys, "numpy": np, "paddle": built, "jsonschema": sys}
    assert frameworks.framework_version(modules) == f"paddlepaddle==3.0, numpy=={np.__version__}"
    assert frameworks.framework_version({}) == f"python=={environment.python_version()}"


def test_weights_are_found_and_trainer_state_is_not(tmp_path):
    wanted = [
        "model.pt",
        "a/shard-00001-of-00002.safetensors",
        "pytorch_model.bin",
        "net.onnx",
        "net.onnx.data",
        "w.npz",
    ]
    others = ["config.json", "context/golden/x.safetensors", "records/a.json", "model_card.yaml", "model.pt.dvc"]
    out = ["checkpoint-500/model.pt", "runs/x/model.pt", "optimizer.pt", "rng_state_0.pth", "training_args.bin",
           "sub/.ipynb_checkpoints/m.pt", "events.out.tfevents.1.x"]  # fmt: skip
    for name in [*wanted, *others, *out]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    found = find_weights(tmp_path)
    assert found.files == tuple(sorted(wanted))
    assert found.left_out == (
        "checkpoint-500/", "events.out.tfevents.1.x", "optimizer.pt", "rng_state_0.pth", "runs/",
        "sub/.ipynb_checkpoints/", "training_args.bin",
    )  # fmt: skip


def test_arguments_hide_what_looks_like_a_secret(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    arguments = [
        "--lr",
        "1",
        "--api-key",
        "s3",
        "--hub_token=s3",
        "--data",
        "/home/ada/x",
        "--secret",
        "--url",
        "https://u:p@h/",
    ]
    assert code.public_arguments([*arguments, "ghp_" + "a1" * 18]) == [
        "--lr", "1", "--api-key", "***", "--hub_token=***", "--data", "~/x", "--secret", "--url", "https://***@h/",
        "***",
    ]  # fmt: skip


def test_the_state_of_the_code(tmp_path):
    git = Git(tmp_path)
    git.run("init", "-q", "-b", "main")
    git.run("config", "user.email", "a@b")
    git.run("config", "user.name", "a")
    git.run("remote", "add", "origin", "https://user:secret@example.com/r.git")
    script = tmp_path / "src/train.py"
    script.parent.mkdir()
    script.write_text("1")
    git.run("add", "-A")
    git.run("commit", "-qm", "x")
    state = code.code_state(git, [str(script), "--lr", "2"])
    assert state == {
        "repo": "https://example.com/r.git", "commit": git.head(), "branch": "main", "dirty": False,
        "entrypoint": "src/train.py", "argv": ["--lr", "2"],
    }  # fmt: skip
    script.write_text("2")
    git.run("checkout", "-q", "--detach")
    state = code.code_state(git, ["-c"])
    assert (state["dirty"], "branch" in state, "entrypoint" in state) == (True, False, False)
    assert code.code_state(None, ["/home/ada/elsewhere/run.py"]) == {"entrypoint": "run.py", "argv": []}


def test_the_version_of_the_data():
    tracked = DataVersion("data/a", "1" * 32 + ".dir", 5, 2)
    assert data_version([tracked, DataVersion("b")]) == f"data/a@md5:{'1' * 32}.dir, b"
    assert data_version([]) == "unknown"
    assert tracked.entry() == {"path": "data/a", "dvc": {"md5": "1" * 32 + ".dir", "size": 5, "nfiles": 2}}
    assert DataVersion("b").entry() == {"path": "b"}
