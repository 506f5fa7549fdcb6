"""Freeze records golden samples: what the functions give, and that their frozen source alone gives it again."""

import numpy as np
import pytest

from rigs.golden import CODE, ROLES, freeze_golden, write_weights, written
from sycee.errors import SyceeError
from sycee.formats import fingerprint, golden, tensorfile
from sycee.formats.golden import Input
from sycee.ops import golden as ops_golden
from sycee.ops.freeze import freeze
from sycee.ops.goldenplace import MAX_IN_GIT
from sycee.replay.runner import How


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Try one other circumstance, not two: each is a process."""
    monkeypatch.setattr("sycee.replay.calibrate.circumstances", lambda how: [("threads 1", How(1))])


@pytest.fixture
def model(tmp_path):
    return tmp_path / "model"


def record_of(folder):
    return golden.parse((folder / ops_golden.RECORD).read_bytes(), "golden.json")


def golden_warnings(frozen):
    quiet = ("not in a", "no seeding", "sycee repository")
    return [one for one in frozen.warnings if not any(word in one for word in quiet)]


def test_samples_source_and_results_are_frozen(model):
    frozen = freeze_golden(model)
    assert golden_warnings(frozen) == []
    record = record_of(model)
    assert [one.id for one in record.samples] == ["0", "1"]
    assert [(model / "context/golden" / one.input.path).read_text() for one in record.samples] == ["abcd", "wxyz"]
    first = record.samples[0].stages
    assert first["preprocessed"][0].dtype == "float32"
    assert first["decision"][0].value in {"cat", "dog", "cow"}
    tensors = tensorfile.parse((model / "context/golden/expected.safetensors").read_bytes(), "expected")
    logits = np.frombuffer(b"abcd", "uint8").astype("f4") @ np.load(model / "w.npy")
    assert np.allclose(np.frombuffer(tensors["0/output/$.logits"].data, "f4"), logits)
    assert (
        fingerprint.device_class(fingerprint.parse((model / ops_golden.MACHINE).read_bytes(), "fingerprint"))
        == record.call.device
    )
    assert set(record.made_with.weights) == {"w.npy"}
    assert [trial.name for trial in record.calibration] == ["threads 1", "batch of 2 copies"]
    assert not record.stochastic


def test_the_card_binds_every_file_and_says_what_goes_in_and_out(model):
    card = freeze_golden(model).card
    files = {path.relative_to(model).as_posix() for path in (model / "context").rglob("*") if path.is_file()}
    assert {one.path for one in card.context} == files
    roles = {one.role for one in card.context}
    assert {"source", "golden"} <= roles
    inference = card.values["inference"]
    assert set(inference["entry"]) == {"load", "preprocess", "predict", "postprocess"}
    assert inference["inputs"] == [{"name": "$", "dtype": "float32", "shape": [1, 4]}]
    assert inference["outputs"] == [{"name": "$.logits", "dtype": "float32", "shape": [1, 3]}]
    assert card.values["golden"]["samples"] == 2
    assert card.values["golden"]["file"] == ops_golden.RECORD


def test_no_path_of_the_machine_is_frozen(model, tmp_path):
    freeze_golden(model, CODE.replace("return {{", "open('/nowhere/vocab.txt')\n    return {{"))
    for path in model.rglob("*"):
        if path.is_file() and path.suffix != ".dvc":
            assert str(tmp_path).encode() not in path.read_bytes(), path
            assert b"/nowhere/vocab" not in path.read_bytes() or path.suffix == ".py", path


@pytest.mark.parametrize(
    ("code", "options", "warning"),
    [
        (CODE.replace("x @ w", "x @ w @ w"), {}, "predict of sample 0 (golden_code_"),
        (CODE.replace("return {{", "return lambda: {{"), {}, "which cannot be recorded: use arrays, tensors, text"),
        (CODE, {"samples": "abcd"}, "samples is a str and no list of inputs: samples=[…]"),
        (CODE, {"samples": ["abcd", object()]}, "sample 1: a sample is a builtins.object, which cannot be stored"),
        (CODE.replace("import numpy\n", "import numpy, itertools\nN = itertools.count()\n").replace(
            "x @ w", "x @ w + next(N)"), {}, "the outputs differ from run to run, even with seeds"),
        (CODE, {"predict": lambda w, x: {"logits": x @ w}}, "the source of predict cannot be frozen"),
        (CODE, {"decision": "by dice"}, "by dice"),
    ],
)  # fmt: skip
def test_what_cannot_be_recorded_is_a_warning_and_costs_no_training(model, code, options, warning):
    frozen = freeze_golden(model, code, **options)
    [told] = [one for one in frozen.warnings if one.startswith("no golden samples are recorded: ")]
    assert warning in told
    assert frozen.card.values["status"] == "partial"
    assert "golden" not in frozen.card.values
    assert not (model / "context/golden").exists()
    assert frozen.files


def test_an_object_of_this_process_is_no_source(model):
    code = CODE.replace("def predict(w, x):", "SHIFT = 0\ndef predict(w, x):\n    x = x + SHIFT")
    write_weights(model)
    with written(model.parent / "code", code) as module:
        module.SHIFT = 5  # as a training would change it
        functions = {role: getattr(module, role) for role in ROLES}
        frozen = freeze(model, task="t", samples=["abcd"], data_version="v", **functions)
    [told] = [one for one in frozen.warnings if "golden" in one]
    assert "the frozen source gives other results than this process did: output of sample 0" in told
    assert "give load=…" in told


def test_a_result_that_names_a_place_of_the_machine_is_told(model, tmp_path):
    (tmp_path / "sample.txt").write_text("abcd")
    frozen = freeze_golden(
        model, "import {labels}\ndef predict(path):\n    return str(path)\n", samples=[tmp_path / "sample.txt"]
    )
    [told] = [one for one in frozen.warnings if "golden" in one]
    assert "a result names a place of this machine, which is another one elsewhere" in told
    assert told.endswith("$ was '<path>' and is '<path>' (return the name of the file, or what is in it)")


def test_a_model_that_draws_is_recorded_with_seeds_and_a_warning(model):
    frozen = freeze_golden(model, CODE.replace("x @ w", "x @ w + numpy.random.rand()"))
    assert "if dropout was left on, call model.eval()" in " ".join(frozen.warnings)
    record = record_of(model)
    assert record.stochastic
    assert record.call.seeds == {"python": 0, "numpy": 0, "torch": 0}


def test_no_number_is_recorded_with_a_warning(model):
    frozen = freeze_golden(model, CODE.replace("x @ w", "x @ w * numpy.float32('nan')"))
    assert "a golden sample gives what is no number (NaN); it is recorded as it is" in frozen.warnings
    assert record_of(model).samples


def test_of_private_samples_only_digests_are_kept(model):
    freeze_golden(model, private_samples=True)
    assert not (model / "context/golden/inputs").exists()
    sample = record_of(model).samples[0]
    digest = "88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589"
    assert sample.input == Input("text", digest, 4, None, "")


def test_at_most_sixteen_samples_are_recorded(model):
    frozen = freeze_golden(model, samples=[f"abc{number}" for number in range(20)])
    assert "of 20 samples the first 16 are recorded" in frozen.warnings
    assert len(record_of(model).samples) == 16


def test_functions_without_samples_are_frozen_as_source(model):
    frozen = freeze_golden(model, "import sycee\n" + CODE, samples=[])  # which whoever replays brings along
    assert golden_warnings(frozen) == []
    assert "golden" not in frozen.card.values
    assert set(frozen.card.values["inference"]) == {"entry"}
    assert len(list((model / "context/source").rglob("*.py"))) == 2


def test_samples_without_a_function_are_told(model):
    write_weights(model)
    frozen = freeze(model, task="t", samples=["abcd"], data_version="v")
    assert "samples were given without predict, so nothing can be recorded of them" in frozen.warnings


def test_files_that_are_read_come_along(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/vocab.txt").write_text("abc")
    (tmp_path / "code").mkdir()
    (tmp_path / "code/scale.txt").write_text("2")
    by_place = "float((pathlib.Path(__file__).parent / 'scale.txt').read_text())"
    code = CODE.replace("import numpy\n", "import numpy, pathlib\n")
    code = code.replace("x @ w", f"x @ w * {by_place} + len(pathlib.Path('data/vocab.txt').read_text())")
    frozen = freeze_golden(model, code, aux=["data/gone.txt"])
    assert golden_warnings(frozen) == ["the auxiliary file data/gone.txt is not there, or is larger than 16 MB"]
    assert (model / "context/files/data/vocab.txt").read_text() == "abc"
    assert (model / "context/source/scale.txt").read_text() == "2"
    assert {"context/files/data/vocab.txt", "context/source/scale.txt"} <= record_of(model).made_with.aux.keys()


def test_a_file_from_outside_of_the_project_is_warned_of(model, tmp_path_factory):
    vocab = tmp_path_factory.mktemp("elsewhere") / "vocab.txt"
    vocab.write_text("abc")
    code = CODE.replace("import numpy\n", "import numpy, pathlib\n")
    frozen = freeze_golden(model, code.replace("x @ w", f"x @ w + len(pathlib.Path({str(vocab)!r}).read_text())"))
    [told] = golden_warnings(frozen)
    assert told.startswith("vocab.txt is read from outside of the project, so a replay elsewhere does not find it")


def test_a_record_of_the_former_version_goes_aside(model):
    freeze_golden(model)
    write_weights(model)
    frozen = freeze(model, task="t", data_version="v2")
    assert not list((model / "context").glob("golden/*.json"))
    assert any(old.name == "golden.json" for old, _new in frozen.set_aside)


def test_a_capture_that_breaks_costs_no_training(model, monkeypatch):
    def broken(*_):
        raise SyceeError("the disk is full")

    monkeypatch.setattr("sycee.replay.record.stored", broken)
    frozen = freeze_golden(model)
    assert "no golden samples are recorded: the disk is full" in frozen.warnings


def test_large_samples_are_kept_by_the_cache(repo_dir, git, run):
    model = repo_dir / "models/big"
    code = "import numpy\nimport {labels}\ndef predict(x):\n    return numpy.frombuffer(x, 'uint8').astype('f4')[:9]\n"
    frozen = freeze_golden(model, code, samples=[bytes(MAX_IN_GIT)])
    changed = {path.relative_to(model).as_posix() for path in frozen.changed if model in path.parents}
    assert {"context/golden.dvc", "context/.gitignore"} <= changed
    assert not [name for name in changed if name.startswith("context/golden/")]
    git("add", "-A")
    assert "context/golden/" not in git("ls-files").stdout
    again = freeze_golden(model, code, samples=[b"abcdefghijkl"])  # small now, and still the cache's
    assert model / "context/golden.dvc" in again.changed
    assert run("status").rc == 0
    write_weights(model)
    without = freeze(model, task="t", data_version="v2")
    assert not (model / "context/golden.dvc").exists()
    assert not (model / "context/.gitignore").exists()
    assert model / "context/.gitignore" in without.changed


def test_a_bug_in_the_capture_costs_no_training(model, monkeypatch):
    monkeypatch.setattr("sycee.ops.golden.closure", lambda _: 1 / 0)
    frozen = freeze_golden(model)
    assert "golden samples could not be captured: ZeroDivisionError: division by zero" in frozen.warnings
    assert frozen.files
