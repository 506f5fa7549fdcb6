"""``sycee freeze``: a version of a model that was trained without sycee, from the command line."""

import json
import subprocess
import sys

import pytest

from sycee.cli.functions import function
from sycee.cli.main import main
from sycee.cli.metrics import nested
from sycee.errors import SyceeError, UsageError
from sycee.formats import card


def run(capsys, folder, *arguments):
    code = main(["-C", str(folder), "freeze", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture
def place(repo_dir, monkeypatch):
    monkeypatch.chdir(repo_dir)
    (repo_dir / "runs").mkdir()
    (repo_dir / "runs/best.pt").write_bytes(b"weights")
    (repo_dir / "models/bert").mkdir(parents=True)
    (repo_dir / "models/bert/model.pt").write_bytes(b"weights")
    return repo_dir


def written(folder):
    return card.parse((folder / "model_card.yaml").read_bytes())


def test_all_that_can_be_given(capsys, place):
    (place / "train.yaml").write_text("lr: 1e-5\nschedule: no\nday: 2026-01-31\n")
    (place / "data").mkdir()
    (place / "data/a").write_text("a")
    assert main(["-q", "add", "data"]) == 0
    code, out, err = run(
        capsys, place, "models/cnn", "--task", "image-classification", "-w", "runs/best.pt", "--config", "train.yaml",
        "--seed", "torch=7", "--metric", "acc=0.5", "--metric", "dev.f1=1", "--data", "data", "--framework", "numpy",
        "--name", "team/cnn", "--version", "v1.2.0", "--license", "MIT", "--description", "A\nmodel.",
    )  # fmt: skip
    assert code == 0, err
    read = written(place / "models/cnn")
    assert (read.task, read.name, read.version) == ("image-classification", "team/cnn", "1.2.0")
    assert read.metrics == {"acc": 0.5, "dev": {"f1": 1}}
    assert read.training_config == {"lr": 1e-5, "schedule": "no", "day": "2026-01-31"}
    assert read.framework_version.startswith("numpy==")
    assert read.data_version.startswith("data@md5:")
    assert (read.values["seeds"], read.values["license"]) == ({"torch": 7}, "MIT")
    assert read.files[0].path == "best.pt"
    assert (place / "models/cnn/best.pt.dvc").is_file()
    assert "weights  best.pt" in out


def test_what_only_a_script_knows_is_not_made_up(capsys, place):
    done = subprocess.run(
        ["sycee", "freeze", "models/bert", "--task", "ner"], cwd=place, capture_output=True, text=True, check=True
    )
    read = written(place / "models/bert")
    assert not read.values["code"].keys() & {"entrypoint", "argv"}
    assert "how it was seeded is not known" in done.stdout
    assert "data_version was given" in done.stdout


def test_for_machines(capsys, place):
    code, out, _ = run(capsys, place, "models/bert", "--task", "ner", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["path"] == "models/bert"
    assert found["card"]["task"] == "ner"
    assert [(one["path"], one["kept"]) for one in found["files"]] == [("model.pt", "pointer")]
    assert "models/bert/model_card.yaml" in found["changed"]


def test_what_a_person_wrote_stays(capsys, place):
    run(capsys, place, "models/bert", "--task", "ner", "--license", "MIT", "--metric", "f1=0.5")
    run(capsys, place, "models/bert", "--task", "ner", "--metric", "f1=0.75")
    read = written(place / "models/bert")
    assert (read.values["license"], read.metrics) == ("MIT", {"f1": 0.75})


def test_a_field_that_is_none_costs_the_exit_code_and_nothing_else(capsys, place):
    code, out, _ = run(capsys, place, "models/bert", "--task", "ner", "--version", "one")
    assert code == 1
    assert "the field 'version' is left out of the card" in out
    assert written(place / "models/bert").version is None


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--weights", "none.pt"], 1, "none.pt does not exist"),
        (["--data", "none"], 1, "none does not exist"),
        (["--config", "runs"], 2, "is no file"),
        (["--config", "bad.json"], 1, "is not strict JSON"),
        (["--config", "bad.yaml"], 1, "holds an anchor or alias"),
        (["--config", "list.yaml"], 1, "holds no settings"),
        (["--config", "latin.yaml"], 1, "is not UTF-8 (byte 4)"),
        (["--framework", "no-such-thing"], 1, "'no-such-thing' is not installed in the Python that runs sycee"),
        (["--framework", ""], 1, "'' is not installed"),
        (["--metric", "f1"], 2, "'f1' is no metric"),
        (["--metric", "a=1", "--metric", "a.b=2"], 2, "the metric a.b lies in a, which is a number"),
        (["--seed", "torch=x"], 2, "'torch=x' is no"),
    ],
)
def test_wrong_use_is_told_before_anything_is_done(capsys, place, words, code, said):
    (place / "bad.json").write_text('{"a": 1, "a": 2}')
    (place / "bad.yaml").write_text("a: &x 1\nb: *x\n")
    (place / "list.yaml").write_text("- 1\n")
    (place / "latin.yaml").write_bytes("a: 'é'".encode("latin-1"))
    done, out, err = run(capsys, place, "models/bert", "--task", "ner", *words)
    assert (done, out) == (code, "")
    assert said in err
    assert not (place / "models/bert/model_card.yaml").exists()


SERVE = """
from helper import LABELS

class Model:
    @staticmethod
    def predict(path):
        return LABELS[len(path.read_text())]

predict, number = Model.predict, 7
"""


@pytest.fixture
def modules(place, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (place / "serve_x.py").write_text(SERVE)
    (place / "helper.py").write_text("LABELS = ['none', 'some']\n")
    (place / "ends.py").write_text("raise SystemExit(3)\n")
    yield place
    for name in ("serve_x", "helper", "ends"):
        sys.modules.pop(name, None)


def test_a_function_is_found_where_python_finds_it(modules):
    (modules / "sample.txt").write_text("1")
    assert function("serve_x:predict", modules)(modules / "sample.txt") == "some"
    assert function("serve_x:Model.predict", modules)(modules / "sample.txt") == "some"
    assert not (modules / "__pycache__").exists()


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("predict", UsageError, "'predict' is not MODULE:FUNCTION"),
        ("serve_x.py:predict()", UsageError, "is not MODULE:FUNCTION"),
        ("../serve_x:predict", UsageError, "is not MODULE:FUNCTION"),
        ("serve_x:forecast", UsageError, "the module serve_x has no forecast"),
        ("serve_x:number", UsageError, "serve_x:number is no function but a int"),
        ("no_such_module:f", SyceeError, "the module no_such_module cannot be imported: ModuleNotFoundError"),
        ("ends:f", SyceeError, "the module ends cannot be imported: SystemExit: 3"),
    ],
)
def test_what_is_no_function(modules, text, kind, said):
    with pytest.raises(kind) as caught:
        function(text, modules)
    assert said in caught.value.message


def test_samples_need_a_function(capsys, place):
    code, _, err = run(capsys, place, "models/bert", "--task", "ner", "--sample", "runs/best.pt")
    assert code == 2
    assert "--sample and --aux are for --predict" in err


def test_without_a_task(capsys, place):
    code, _, err = run(capsys, place, "models/bert")
    assert code == 2
    assert "--task" in err


def test_metrics_are_grouped_by_their_dots():
    assert nested(("a=1", "b.c=2", "b.d.e=3")) == {"a": 1, "b": {"c": 2, "d": {"e": 3}}}
    for wrong in ((".a=1",), ("a.=1",), ("a.b=1", "a=2")):
        with pytest.raises(UsageError):
            nested(wrong)
