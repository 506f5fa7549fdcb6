"""The record of golden samples: what the functions give, and whether they give it again."""

import itertools
import json
import os
import random
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from sycee.errors import CannotRun
from sycee.formats.golden import Trial
from sycee.replay.calibrate import envelope, first, noise
from sycee.replay.child.samples import encode, parse
from sycee.replay.child.stages import Outcome
from sycee.replay.child.values import Leaf, Tensor
from sycee.replay.record import SEEDS, has_nan, observe, record, stored
from sycee.replay.runner import How, Item, Job, run


class Mute(Exception):
    """What user code may raise: an error that has nothing to say, not even that."""

    def __str__(self):
        raise RuntimeError


def test_the_process_is_as_it_was_after_functions_that_change_it(tmp_path, monkeypatch):
    monkeypatch.setenv("SYCEE_TEST_A", "1")
    monkeypatch.chdir(tmp_path)
    gone = tmp_path / "gone"

    def predict(_x):
        gone.mkdir()
        os.chdir(gone)
        gone.rmdir()
        os.environ["SYCEE_TEST_A"] = "2"
        return 1.0

    record({"predict": predict}, stored(["a"]), tmp_path)
    assert Path.cwd() == tmp_path
    assert os.environ["SYCEE_TEST_A"] == "1"


@pytest.mark.parametrize("ends", [sys.exit, lambda: None], ids=["exits", "goes on"])
def test_a_process_that_a_function_forked_does_not_go_on_beside_it(tmp_path, ends):
    runs = tmp_path / "runs"

    def predict(_x):
        if child := os.fork():
            os.waitpid(child, 0)
        else:
            ends()
        return 1.0

    record({"predict": predict}, stored(["a"]), tmp_path)
    with runs.open("a") as file:
        file.write("ended\n")
    assert runs.read_text() == "ended\n"


def test_an_error_without_words_is_told_by_its_name(tmp_path):
    def predict(_x):
        raise Mute

    with pytest.raises(CannotRun, match=r"predict of sample 0 \(test_replay_record.py:\d+\): Mute"):
        record({"predict": predict}, stored(["a"]), tmp_path)


def values(outcomes):
    return [outcome.stages["output"][0].value for outcome in outcomes]


def test_what_the_functions_give_is_recorded(tmp_path):
    (tmp_path / "config.json").write_text('{"bias": 2}')
    functions = {
        "load": lambda folder: json.loads((folder / "config.json").read_text())["bias"],
        "preprocess": len,
        "predict": lambda bias, x: bias + x,
        "postprocess": lambda y: y > 4,
    }
    recorded = record(functions, stored(["ab", "cde"]), tmp_path)
    assert not recorded.stochastic
    assert recorded.outcomes == (
        Outcome("0", {"preprocessed": [Leaf("$", "number", 2)], "output": [Leaf("$", "number", 4)],
                      "decision": [Leaf("$", "bool", False)]}),
        Outcome("1", {"preprocessed": [Leaf("$", "number", 3)], "output": [Leaf("$", "number", 5)],
                      "decision": [Leaf("$", "bool", True)]}),
    )  # fmt: skip
    assert observe(functions, recorded.items, tmp_path, {}) == recorded.outcomes


@pytest.mark.parametrize("draw", [random.random, lambda: np.random.rand()])
def test_a_model_that_draws_is_recorded_with_seeds(tmp_path, draw):
    random.seed(3)
    np.random.seed(3)
    before = draw()
    random.seed(3)
    np.random.seed(3)
    recorded = record({"predict": lambda x: float(draw())}, stored(["a", "b"]), tmp_path)
    assert recorded.seeds == SEEDS
    assert len(set(values(recorded.outcomes))) == 1  # seeded before each sample
    assert draw() == before, "the generators are as they were"


def test_a_model_that_never_repeats_itself_cannot_be_recorded(tmp_path):
    calls = itertools.count()
    with pytest.raises(CannotRun, match="differ from run to run, even with seeds set before each sample"):
        record({"predict": lambda x: next(calls)}, stored(["a"]), tmp_path)


def fails(x):
    raise KeyError(x)


@pytest.mark.parametrize(
    ("predict", "message"),
    [
        (fails, r"^predict of sample 0 \(test_replay_record.py:\d+\): KeyError: 'a'"),
        (lambda x: {x}, r"^predict of sample 0: \$ is a builtins.set, which cannot be recorded"),
        (lambda x: sys.exit(2), r"^predict of sample 0 \(test_replay_record.py:\d+\): SystemExit: 2"),
        (lambda: 1, r"^predict of sample 0: TypeError: .*<lambda>\(\) takes 0 positional arguments but 1 was given"),
    ],
)
def test_an_error_of_a_function_is_told(tmp_path, predict, message):
    with pytest.raises(CannotRun, match=message):
        record({"predict": predict}, stored(["a"]), tmp_path)


def test_a_sample_that_cannot_be_stored_is_named_by_its_number():
    with pytest.raises(CannotRun, match=r"^sample 1: a sample is a builtins.object, which cannot be stored"):
        stored(["a", object()])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_what_is_no_number_is_seen(dtype):
    def outcome(*numbers):
        data = np.array(numbers, dtype)
        return [Outcome("0", {"output": [Leaf("$", "tensor", Tensor(dtype, data.shape, data.tobytes()))]})]

    assert has_nan(outcome(1, np.nan))
    assert not has_nan(outcome(1, np.inf, -np.inf, -1))
    assert has_nan([Outcome("0", {"output": [Leaf("$", "number", float("nan"))]})])
    assert not has_nan([Outcome("0", {"output": [Leaf("$", "number", 1), Leaf("$.a", "text", "nan")]})])


@pytest.mark.parametrize("together", [1, 2])
def test_noise_is_what_other_circumstances_move(tmp_path, together):
    (tmp_path / "m.py").write_text(
        "import numpy, os\n"
        "preprocess = lambda x: numpy.ones((2, 3), 'float32')\n"
        "def predict(x):\n"
        "    return x.sum(1) + float(os.environ['OMP_NUM_THREADS']) + (100 if len(x) == 4 else 0)\n"
    )
    entry = {"preprocess": "m:preprocess", "predict": "m:predict"}
    job = Job(Path(sys.executable), tmp_path, tmp_path, entry, [Item("0", encode("x"))], How(2))
    seen = []

    def deviation(observed):
        seen.append(np.frombuffer(parse(observed.tensors)[0]["0/output/$"].data, "float32").tolist())
        return len(seen)

    proved = first(job)
    found = noise(job, proved, deviation, together=together)
    assert found == [Trial("threads 1", 1), Trial("older instructions", 2), Trial("batch of 2 copies", 3)]
    assert seen == [[4, 4], [5, 5], [105, 105]]
    assert envelope(found) == 3
    late = noise(job, proved, lambda _: 0.0, budget=0)
    assert [trial.note for trial in late] == ["not tried: the others took too long"] * 2 + [""]
    assert envelope(late) == 0.0


def noise_of_batches(tmp_path, code):
    """Return the trial of a batch of copies, of code of which the first run is fine."""
    (tmp_path / "m.py").write_text(code)
    entry = {"preprocess": "m:preprocess", "predict": "m:predict"}
    job = Job(Path(sys.executable), tmp_path, tmp_path, entry, [Item("0", encode("x"))], How())
    return noise(job, first(job), lambda _: float("inf"), budget=0)[-1]


@pytest.mark.parametrize(
    ("code", "note"),
    [
        ("preprocess = len\npredict = lambda x: x\n", "input or output has no axis of samples"),
        ("{ones}\ndef predict(x):\n    return x.reshape(2, 3)\n", "fails in predict"),
        ("{ones}\ndef predict(x):\n    return x\n", "gives results of another form"),
        ("import os\n{ones}\ndef predict(x):\n    if len(x) == 4: os._exit(7)\n    return x\n", "does not run"),
    ],
)
def test_what_a_batch_does_takes_nothing_from_the_record(tmp_path, code, note):
    ones = "import numpy\npreprocess = lambda x: numpy.ones((2, 3), 'float32')"
    assert noise_of_batches(tmp_path, code.format(ones=ones)) == Trial("batch of 2 copies", None, note)


class Until:
    """Asks for a stop as soon as a file is there."""

    def __init__(self, path):
        self.is_set = path.exists


def test_a_batch_that_never_ends_takes_nothing_from_the_record(tmp_path):
    (tmp_path / "m.py").write_text(
        "import numpy, pathlib, time\npreprocess = lambda x: numpy.ones((2, 3), 'float32')\n"
        "def predict(x):\n    if len(x) == 4:\n        pathlib.Path(__file__).with_name('begun').touch()\n"
        "        time.sleep(99)\n    return x\n"
    )
    entry = {"preprocess": "m:preprocess", "predict": "m:predict"}
    job = Job(Path(sys.executable), tmp_path, tmp_path, entry, [Item("0", encode("x"))], How(), again=2)
    observed = run(job, Until(tmp_path / "begun"))
    assert [sample["id"] for sample in observed.samples] == ["0"]
    assert observed.again is None


def test_whoever_interrupts_a_calibration_does_not_wait_for_it(tmp_path, monkeypatch):
    (tmp_path / "m.py").write_text("import time\ndef predict(x):\n    time.sleep(99)\n")
    job = Job(Path(sys.executable), tmp_path, tmp_path, {"predict": "m:predict"}, [Item("0", encode("x"))], How(2))

    def interrupted(_self):
        raise KeyboardInterrupt

    monkeypatch.setattr("concurrent.futures.Future.result", interrupted)
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        noise(job, None, lambda _: 0.0, together=2)
    assert time.monotonic() - begun < 30
