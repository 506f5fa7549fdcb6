"""The record of golden samples: what the functions give, and whether they give it again."""

import itertools
import json
import random
import sys
from pathlib import Path

import numpy as np
import pytest

from sycee.errors import CannotRun
from sycee.formats.golden import Trial
from sycee.replay.calibrate import envelope, noise
from sycee.replay.child.samples import encode, parse
from sycee.replay.child.stages import Outcome
from sycee.replay.child.values import Leaf, Tensor
from sycee.replay.record import SEEDS, has_nan, observe, record, stored
from sycee.replay.runner import How, Item, Job


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


def test_noise_is_what_other_circumstances_move(tmp_path):
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

    found = noise(job, deviation)
    assert found == [Trial("threads 1", 1), Trial("older instructions", 2), Trial("batch of 2 copies", 3)]
    assert seen == [[4, 4], [5, 5], [105, 105]]
    assert envelope(found) == 3
    late = noise(job, deviation, budget=0)
    assert {trial.note for trial in late} == {"not tried: the others took too long"}
    assert envelope(late) == 0.0
    job = job._replace(entry={"predict": "m:preprocess"})
    assert noise(job, lambda _: float("inf"))[1:] == [
        Trial("older instructions", None, "gives results of another form"),
        Trial("batch of 2 copies", None, "input or output has no axis of samples"),
    ]
