"""The training block: what is checked at its beginning, what is frozen at its end."""

import argparse
from pathlib import Path

import pytest

from sycee.errors import FormatError, NotFound, SyceeError, UsageError
from sycee.formats import card
from sycee.ops import training as module
from sycee.ops.freeze import make_request
from sycee.ops.init import InitRequest, init
from sycee.ops.training import training
from sycee.system.git import Git


@pytest.fixture
def repo(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Git(tmp_path).run("init", "-q")
    init(InitRequest(tmp_path))
    return tmp_path


def test_what_is_logged_is_frozen(repo):
    with training("m", task="ner", training_config={"lr": 1}, license="MIT", version="v1.2.0") as run:
        run.config["batch"] = 2
        run.log(loss=3.0, f1=0.1)
        run.log(f1=0.5)
        run.metrics["by"] = {"dev": 1}
        (repo / "m/model.pt").write_bytes(b"w")
        assert run.frozen is None
    assert run.frozen is not None
    written = card.parse((repo / "m/model_card.yaml").read_bytes())
    assert written.metrics == {"loss": 3.0, "f1": 0.5, "by": {"dev": 1}}
    assert written.training_config == {"lr": 1, "batch": 2}
    assert written.values["license"] == "MIT"
    assert written.version == "1.2.0"
    times = written.values["training"]
    assert times["started"] <= times["finished"] == written.values["created"]
    assert times["duration_s"] >= 0
    assert run.frozen.files[0].kept == "pointer"


def test_a_configuration_can_be_assigned(repo):
    with training("m", task="t") as run:
        run.config = argparse.Namespace(lr=0.5)
    assert run.frozen is not None
    assert run.frozen.card.training_config == {"lr": 0.5}


def test_nothing_is_frozen_when_the_training_fails(repo):
    runs = []

    def train():
        with training("m", task="t") as run:
            runs.append(run)
            run.log(f1=1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train()
    assert runs[0].frozen is None
    assert list((repo / "m").iterdir()) == []


def test_the_callers_own_mappings_stay_as_they_are(repo):
    mine = {"f1": 1}
    with training("m", task="t", metrics=mine) as run:
        run.log(f1=2)
    assert mine == {"f1": 1}


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"extra": {"licence": "MIT"}}, UsageError, "did you mean license"),
        ({"name": "not a name"}, FormatError, r"\$\.name: expected a name"),
        ({"data": "data/nowhere"}, NotFound, "is neither there nor tracked"),
        ({"metric": {}}, UsageError, "unknown option metric"),
    ],
)
def test_a_mistake_is_told_before_the_training(repo, options, error, words):
    with pytest.raises(error, match=words), training("m", task="t", **options):
        pytest.fail("the training began")


def test_a_faulty_card_is_told_before_the_training(repo):
    (repo / "m").mkdir()
    (repo / "m/model_card.yaml").write_text("task: [")
    with pytest.raises(FormatError, match="is not YAML"), training("m", task="t"):
        pytest.fail("the training began")


def test_a_faulty_pointer_is_told_before_the_training(repo):
    (repo / "x.dvc").write_text("outs: [")
    with pytest.raises(FormatError, match=r"x\.dvc"), training("m", task="t"):
        pytest.fail("the training began")


def test_a_file_in_the_place_of_the_folder_is_told_before_the_training(repo):
    (repo / "m").write_text("")
    with pytest.raises(UsageError, match="a model is a folder"), training("m", task="t"):
        pytest.fail("the training began")
    (repo / "f").write_text("")
    with pytest.raises(SyceeError, match="f/m: Not a directory"), training("f/m", task="t"):
        pytest.fail("the training began")


def test_a_repository_that_cannot_be_used_is_told_before_the_training(repo):
    (repo / ".dvc/config").write_text("[core\n")
    with pytest.raises(FormatError, match="config: line 1"), training("m", task="t"):
        pytest.fail("the training began")


def test_the_repository_itself_is_no_model(repo):
    with pytest.raises(UsageError, match="give it a folder of its own"), training(repo, task="t"):
        pytest.fail("the training began")


def test_a_full_disk_is_told_before_the_training(repo, monkeypatch):
    monkeypatch.setattr(module, "MIN_FREE", 1 << 80)
    with pytest.raises(SyceeError, match="MB are free at"), training("m", task="t"):
        pytest.fail("the training began")


def test_the_indexes_are_asked_while_it_runs(repo, monkeypatch):
    monkeypatch.setattr(module.lock, "begin", lambda environ, today: begun.append(today))
    begun = []
    module.begin(make_request("m", "t", {}))
    assert len(begun) == 1


def test_that_nobody_can_be_asked_does_not_stop_a_training(repo, monkeypatch):
    monkeypatch.setattr(module.lock, "begin", lambda environ, today: 1 / 0)
    with training("m", task="t") as run:
        pass
    assert run.frozen.card.values["status"] == "partial"


def test_weights_need_not_be_there_yet(repo):
    with training("m", task="t", weights="out/model.pt") as run:
        (repo / "out").mkdir()
        (repo / "out/model.pt").write_bytes(b"w")
    assert (repo / "m/model.pt").read_bytes() == b"w"
    assert run.warnings == ()


def test_outside_of_a_repository_it_says_what_will_be_missing(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    with training("m", task="t") as run:
        pass
    assert run.warnings == (
        "not in a sycee repository: the weights are not tracked",
        "not in a Git repository: the version of the code will not be known",
    )
    assert [record.getMessage() for record in caplog.records[:2]] == [f"m: {warning}" for warning in run.warnings]


def test_a_run_shows_what_became_of_it(repo):
    with training("m", task="t") as run:
        assert repr(run) == "<training of m, not frozen yet>"
    assert repr(run) == repr(run.frozen)
