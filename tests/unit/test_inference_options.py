"""What freeze is told about how a model is used."""

from pathlib import Path

from sycee.ops.freeze import make_request
from sycee.ops.frozen import Inference


def predict(x):
    return x


def test_functions_and_samples_are_one_value_of_the_request(tmp_path):
    request = make_request(tmp_path, "ner", {"predict": predict, "samples": ["a"], "aux": "vocab.txt", "load": None})
    assert request.inference == Inference(predict=predict, samples=["a"], aux=(Path.cwd() / "vocab.txt",))
    assert request.inference.functions == {"predict": predict}
    assert make_request(tmp_path, "ner", {}).inference == Inference()
