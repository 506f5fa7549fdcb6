"""What freeze is told about how a model is used."""

from pathlib import Path

import numpy as np
import pytest

from sycee.errors import UsageError
from sycee.ops.freeze import make_request
from sycee.ops.frozen import Inference
from sycee.ops.training import begin


def predict(x):
    return x


def test_functions_and_samples_are_one_value_of_the_request(tmp_path):
    request = make_request(tmp_path, "ner", {"predict": predict, "samples": ["a"], "aux": "vocab.txt", "load": None})
    assert request.inference == Inference(predict=predict, samples=["a"], aux=(Path.cwd() / "vocab.txt",))
    assert request.inference.functions == {"predict": predict}
    assert make_request(tmp_path, "ner", {}).inference == Inference()


@pytest.mark.parametrize(
    "samples", [("a", "b"), {"a": 1, "b": 2}.keys(), iter(["a", "b"]), (one for one in "ab"), np.array(["a", "b"])]
)
def test_samples_are_several_of_anything(tmp_path, samples):
    inference = make_request(tmp_path, "ner", {"predict": predict, "samples": samples}).inference
    assert inference.samples == ["a", "b"]
    assert inference.fault is None


@pytest.mark.parametrize("samples", ["ab", b"ab", {"a": 1}, 5, Path("a.png"), np.array(5.0)])
def test_one_thing_is_no_list_of_samples_which_is_told_before_a_training(tmp_path, samples):
    request = make_request(tmp_path / "model", "ner", {"predict": predict, "samples": samples})
    with pytest.raises(UsageError, match=f"samples is a {type(samples).__name__} and no list of inputs"):
        begin(request)
    assert not (tmp_path / "model").exists()
