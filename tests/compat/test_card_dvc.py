"""The real DVC reads cards as metrics and params, and keeps the pointers of its stages."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rigs.warm import run_warm
from sycee.formats import card, pointer
from sycee.ops.freeze import freeze

pytestmark = pytest.mark.slow

TRAIN = """
import sys
from pathlib import Path
Path("models/bert").mkdir(parents=True, exist_ok=True)
Path("models/bert/model.pt").write_bytes(b"weights of the stage")
from sycee.ops.freeze import freeze
freeze("models/bert", task="ner", metrics={"f1": 0.5}, data="data.csv")
"""


def dvc(folder: Path, *arguments: str) -> str:
    done = run_warm("dvc", arguments, folder)
    assert done.rc == 0, done
    return done.stdout


@pytest.fixture
def repo(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    for name in ("DVC_ROOT", "DVC_STAGE"):
        monkeypatch.delenv(name, raising=False)
    for command in ("init -q -b main", "config user.email ada@example.com", "config user.name Ada"):
        subprocess.run(["git", *command.split()], cwd=tmp_path, check=True)
    dvc(tmp_path, "init", "-q")
    commit(tmp_path)
    return tmp_path


def commit(folder: Path) -> None:
    for command in (["add", "-A"], ["commit", "-q", "-m", "x"]):
        subprocess.run(["git", *command], cwd=folder, check=True)


def test_dvc_reads_the_card_as_metrics_and_params(repo):
    (repo / "m").mkdir()
    config = {"lr": 1e-5, "schedule": "no", "mode": "010", "day": "2026-01-31", "rates": [1e-5, 2], "version": "1.10"}
    for number in (1, 2):
        (repo / "m/model.pt").write_bytes(bytes([number]))
        freeze(
            "m", task="ner", metrics={"f1": number / 4, "by": {"dev": 1e-7}}, training_config={**config, "n": number}
        )
        if number == 1:
            commit(repo)
    target = "m/model_card.yaml"
    shown = json.loads(dvc(repo, "metrics", "show", "--json", target))[""]["data"][target]["data"]
    read = card.parse((repo / target).read_bytes()).values
    assert shown["metrics"] == read["metrics"] == {"f1": 0.5, "by": {"dev": 1e-7}}
    metrics = json.loads(dvc(repo, "metrics", "diff", "--json", "--targets", target))[target]
    assert metrics["metrics.f1"] == {"old": 0.25, "new": 0.5, "diff": 0.25}
    params = json.loads(dvc(repo, "params", "diff", "--json", "--all", "--targets", target))[target]
    assert params["training_config.n"] == {"old": 1, "new": 2, "diff": 1}
    for name, value in config.items():
        assert params[f"training_config.{name}"]["new"] == (value if not isinstance(value, list) else str(value))
    assert json.loads(dvc(repo, "status", "--json")) == {}


def test_a_stage_that_freezes_runs_under_dvc_repro(repo):
    (repo / "train.py").write_text(TRAIN)
    (repo / "data.csv").write_text("1,2\n")
    dvc(repo, "add", "-q", "data.csv")
    (repo / "dvc.yaml").write_text(
        f"stages:\n  train:\n    cmd: {sys.executable} train.py\n    deps: [train.py, data.csv]\n"
        "    outs: [models/bert/model.pt]\n    metrics:\n    - models/bert/model_card.yaml:\n        cache: false\n"
    )
    dvc(repo, "repro", "-q")
    model = repo / "models/bert"
    assert not (model / "model.pt.dvc").exists()
    read = card.parse((model / "model_card.yaml").read_bytes())
    lock = (repo / "dvc.lock").read_text()
    assert f"md5: {read.files[0].md5}" in lock
    data = pointer.parse((repo / "data.csv.dvc").read_bytes(), "p").outs[0]
    assert read.data_version == f"data.csv@md5:{data.md5}"
    assert json.loads(dvc(repo, "status", "--json")) == {}
    assert freeze("models/bert", task="ner").files[0].kept == "pipeline"  # known from dvc.lock, by hand as well


def test_weights_that_were_frozen_are_pulled_by_dvc(repo, tmp_path_factory):
    (repo / "m").mkdir()
    (repo / "m/model.pt").write_bytes(b"weights")
    freeze("m", task="t")
    remote = tmp_path_factory.mktemp("remote")
    dvc(repo, "remote", "add", "-q", "-d", "r", str(remote))
    commit(repo)
    dvc(repo, "push", "-q")
    clone = tmp_path_factory.mktemp("clone")
    subprocess.run(["git", "clone", "-q", str(repo), str(clone)], check=True)
    dvc(clone, "pull", "-q")
    assert (clone / "m/model.pt").read_bytes() == b"weights"
    assert (clone / "m/model_card.yaml").read_bytes() == (repo / "m/model_card.yaml").read_bytes()
