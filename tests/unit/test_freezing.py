"""What the callbacks share, without a trainer: saving, what wins, and what must not cost a training."""

import importlib
import logging
import subprocess
import sys
import types
from pathlib import Path

import pytest

from sycee.capture.facts import Facts
from sycee.errors import NotFound, SyceeError, UsageError
from sycee.integrations.freezing import Freezing, Learnt, is_first_process
from sycee.ops.init import InitRequest, init
from sycee.system.git import Git


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def repo(here) -> Path:
    Git(here).run("init", "-q")
    init(InitRequest(here))
    return here


def saver(**files):
    """Return a save that writes these files, name to text, ``__`` for a slash."""

    def save(folder):
        for name, text in files.items():
            path = folder / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)

    return save


def freeze(freezing, save, learnt=None):
    freezing.begin()
    freezing.end(save, lambda: learnt or Learnt())
    assert freezing.frozen is not None
    return freezing.frozen


def test_what_was_given_wins_over_what_the_trainer_knows(here):
    options = {
        "metrics": {"f1": 1},
        "training_config": {"lr": 1},
        "license": "MIT",
        "extra": {"training": {"steps": 7}, "model": {"family": "mine"}},
    }
    learnt = Learnt(
        metrics={"f1": 0, "loss": 2},
        configs=({"lr": 0, "batch": 8}, types.SimpleNamespace(a=1)),
        seeds={"trainer": 3},
        training={"steps": 9, "epochs": 2},
        known=Facts({"family": "theirs", "architecture": "Net"}, {"name": "org/base", "relation": "finetune"}),
    )
    values = freeze(Freezing("m", "t", options), saver(model_dot_pt="w"), learnt).card.values
    assert values["metrics"] == {"f1": 1, "loss": 2}
    assert values["training_config"]["lr"] == 1
    assert values["training_config"]["batch"] == 8
    assert (values["training"]["steps"], values["training"]["epochs"]) == (7, 2)
    assert values["training"]["duration_s"] >= 0
    assert values["seeds"]["trainer"] == 3
    assert (values["model"]["family"], values["model"]["architecture"]) == ("mine", "Net")
    assert values["lineage"] == {"base_model": {"name": "org/base", "relation": "finetune"}}
    assert values["license"] == "MIT"
    assert [path.name for path in here.iterdir()] == ["m"]


def test_seeds_that_are_given_are_all(here):
    learnt = Learnt(seeds={"trainer": 3})
    values = freeze(Freezing("m", "t", {"seeds": {"mine": 1}}), saver(model_dot_pt="w"), learnt).card.values
    assert values["seeds"] == {"mine": 1}


def test_all_that_was_saved_becomes_the_models(repo):
    save = saver(model_dot_pt="w", config_dot_json="{}", part__code_dot_py="pass", checkpoints__x_dot_pt="no")
    frozen = freeze(Freezing("m", "t", {}), save)
    assert [file.path for file in frozen.files] == ["model.pt"]
    assert Path("m/part/code.py").read_text() == "pass"
    assert not list(repo.glob(".dvc/tmp/sycee/.sycee-saving-*"))
    assert not [hint for hint in frozen.hints if "originals" in hint]


def test_the_version_before_stays_in_the_cache_or_goes_aside(repo):
    freezing = Freezing("m", "t", {})
    freeze(freezing, saver(model_dot_pt="one", config_dot_json="1"))
    frozen = freeze(freezing, saver(model_dot_pt="two", config_dot_json="2"))
    assert (Path("m/model.pt").read_text(), Path("m/config.json").read_text()) == ("two", "2")
    assert [(old.name, new.read_text()) for old, new in frozen.set_aside] == [("config.json", "1")]
    assert len(list(repo.glob(".dvc/cache/files/md5/*/*"))) == 2


def test_shards_that_the_new_version_does_not_have_go(repo):
    freezing = Freezing("models/m", "t", {})
    shards = {"a-1_dot_safetensors": "1", "a-2_dot_safetensors": "2", "a_dot_index_dot_json": "{}", "v_dot_txt": "v"}
    freeze(freezing, saver(**shards, model_dot_pt="one"))
    Path("models/m/mine.bin").write_text("a person put it here")
    frozen = freeze(freezing, saver(model_dot_pt="two"))
    own = {"model.pt", "model.pt.dvc", "model_card.yaml", "context", ".gitattributes", ".gitignore"}
    assert {path.name for path in Path("models/m").iterdir()} == {*own, "v.txt", "mine.bin"}
    assert Path("models/m/.gitignore").read_text() == "/model.pt\n"
    assert {old.name for old, _new in frozen.set_aside} == {
        *("a.index.json", "a-1.safetensors.dvc", "a-2.safetensors.dvc")
    }
    assert len(list(repo.glob(".dvc/cache/files/md5/*/*"))) == 4
    assert {path.name for path in frozen.changed} >= {"a-1.safetensors.dvc", ".gitignore"}
    freeze(freezing, saver(model_dot_pt="two"))


def test_former_weights_that_a_pipeline_keeps_or_none_go_without_a_pointer(here):
    freezing = Freezing("m", "t", {})
    freeze(freezing, saver(a_dot_pt="1"))
    frozen = freeze(freezing, saver(b_dot_pt="2"))
    assert [(old.name, new.read_text()) for old, new in frozen.set_aside] == [("a.pt", "1")]
    assert [file.path for file in frozen.files] == ["b.pt"]


def test_a_save_that_fails_leaves_the_version_before_as_it_is(repo, caplog):
    freezing = Freezing("m", "t", {})
    freeze(freezing, saver(model_dot_pt="one"))
    before = Path("m/model_card.yaml").read_bytes()

    def fail(folder):
        (folder / "model.pt").write_text("half")
        raise OSError(28, "No space left on device")

    freezing.begin()
    with caplog.at_level(logging.WARNING, "sycee"):
        freezing.end(fail, Learnt)
    assert freezing.frozen is None
    assert "m could not be frozen: OSError" in caplog.text
    assert (Path("m/model.pt").read_text(), Path("m/model_card.yaml").read_bytes()) == ("one", before)


def test_a_trainer_that_cannot_be_asked_costs_only_what_it_knows(here, caplog):
    freezing = Freezing("m", "t", {"metrics": {"f1": 1}})
    freezing.begin()
    freezing.end(saver(model_dot_pt="w"), lambda: 1 / 0)
    assert freezing.frozen is not None
    assert freezing.frozen.card.metrics == {"f1": 1}
    assert "what the trainer knows is not in the card: ZeroDivisionError" in caplog.text


def test_weights_that_are_given_are_frozen_and_nothing_is_saved(here):
    Path("best.pt").write_text("best")
    frozen = freeze(Freezing("m", "t", {"weights": "best.pt"}), lambda folder: 1 / 0)
    assert Path("m/best.pt").read_text() == "best"
    assert [file.path for file in frozen.files] == ["best.pt"]


def test_what_did_not_begin_does_not_end(here):
    freezing = Freezing("m", "t", {})
    freezing.end(lambda folder: 1 / 0, lambda: 1 / 0)
    assert freezing.frozen is None
    freeze(freezing, saver(model_dot_pt="w"))
    frozen = freezing.frozen
    freezing.end(lambda folder: 1 / 0, lambda: 1 / 0)
    assert freezing.frozen is frozen


def test_what_cannot_end_does_not_begin(here, monkeypatch):
    with pytest.raises(UsageError, match="unknown option metric"):
        Freezing("m", "t", {"metric": {}})  # type: ignore[typeddict-unknown-key]
    with pytest.raises(NotFound, match="neither there nor tracked"):
        Freezing("m", "t", {"data": "nowhere"}).begin()

    def refuse(*_arguments, **_options):
        raise PermissionError(13, "Permission denied", "parent")

    monkeypatch.setattr("sycee.integrations.freezing.tempfile.TemporaryDirectory", refuse)
    with pytest.raises(SyceeError, match="ermission denied"):
        Freezing("m", "t", {}).begin()


def test_which_process_writes(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert is_first_process({})
    assert is_first_process({"RANK": "0"})
    assert not is_first_process({"RANK": "3"})
    group = types.SimpleNamespace(is_available=lambda: True, is_initialized=lambda: True, get_rank=lambda: 1)
    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(distributed=group))
    assert not is_first_process({"RANK": "0"})


class Missing:
    """Finds no package of this name."""

    def __init__(self, name):
        self.name = name

    def find_spec(self, fullname, path=None, target=None):
        if fullname == self.name:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


TRAINERS = ["transformers", "lightning", "keras", "sklearn"]


@pytest.mark.parametrize("name", TRAINERS)
def test_a_trainer_that_is_not_installed(monkeypatch, name):
    monkeypatch.delitem(sys.modules, f"sycee.integrations.{name}", raising=False)
    for module in [one for one in sys.modules if one == name or one.startswith(f"{name}.")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(sys, "meta_path", [Missing(name), *sys.meta_path])
    with pytest.raises(ImportError, match=rf"needs {name}, which is not installed: pip install 'sycee\[{name}\]'"):
        importlib.import_module(f"sycee.integrations.{name}")


def test_what_a_trainer_itself_lacks_is_told_by_it(monkeypatch, tmp_path):
    (tmp_path / "keras").mkdir()
    (tmp_path / "keras/__init__.py").write_text("import no_such_backend")
    code = "import sys; sys.path.insert(0, sys.argv[1]); import sycee.integrations.keras"
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == "ModuleNotFoundError: No module named 'no_such_backend'"


def test_importing_sycee_imports_no_trainer():
    code = "import sys, sycee; sycee.freeze, sycee.trains; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "sycee.ops.trains" in loaded
    assert not {*TRAINERS, "torch", "numpy", "joblib"} & {*loaded}
