"""DVC's pipeline files: outputs are read, a model is entered into ``artifacts:``, nothing else changes."""

import pytest

from sycee.errors import FormatError
from sycee.formats import pipeline

LOCK = b"""schema: '2.0'
stages:
  train:
    cmd: python train.py
    outs:
    - path: model.pt
      hash: md5
      md5: 69d919adfcb3595bd1e0d1fbff4b4f0b
      size: 3
    - path: scores.json
      hash: md5
"""


def test_outputs_with_an_md5_are_read():
    ((stage, out),) = pipeline.outs(LOCK, "dvc.lock")
    assert (stage, out.path, out.md5, out.size, out.hash) == (
        "train",
        "model.pt",
        "69d919adfcb3595bd1e0d1fbff4b4f0b",
        3,
        "md5",
    )


@pytest.mark.parametrize(
    "data",
    [b"[]", b"stages: 3", b"stages: {a: {outs: [3]}}", b"stages: {a: {outs: [{path: 3}]}}", b"\xff", b"{", b"a: b: c"],
)
def test_a_malformed_lock_is_refused(data):
    with pytest.raises(FormatError):
        list(pipeline.outs(data, "dvc.lock"))


def test_plain_working_folders():
    data = b"stages: {a: {wdir: sub}, b: {}, c: {wdir: '${x}'}, d: 3}\n"
    assert pipeline.working_dirs(data, "dvc.yaml") == {"a": "sub"}
    assert pipeline.working_dirs(b"", "dvc.yaml") == {}


def test_a_model_is_listed_in_a_new_file():
    data = pipeline.with_artifact(b"", "dvc.yaml", "bert", "models/bert")
    assert data == b"artifacts:\n  bert:\n    path: models/bert\n    type: model\n"
    assert pipeline.with_artifact(data, "dvc.yaml", "bert", "models/bert") is data


def test_a_model_is_listed_beside_what_is_there():
    before = b"# ours\nstages:\n  train:\n    cmd: python train.py  # long\nartifacts:\n  old:\n    path: a  # kept\n"
    after = pipeline.with_artifact(before, "dvc.yaml", "bert", "models/bert")
    assert after == before + b"  bert:\n    path: models/bert\n    type: model\n"


@pytest.mark.parametrize(
    "data",
    [b"- 1\n", b"artifacts: 3\n", b"artifacts:\n  bert:\n    path: other\n", b"artifacts:\n  bert: 3\n", b"a: *b\n"],
)
def test_a_file_that_says_something_else_is_left_alone(data):
    with pytest.raises(FormatError):
        pipeline.with_artifact(data, "dvc.yaml", "bert", "models/bert")


def test_merges_of_merges_do_not_fill_the_memory():
    levels = [f"x{n}: &x{n} {{<<: [*x{n - 1}, *x{n - 1}]}}" for n in range(1, 60)]
    data = "\n".join(["x0: &x0 {wdir: sub}", *levels, "stages: {a: {<<: *x59}, b: {<<: *x59, wdir: own}}\n"])
    assert pipeline.working_dirs(data.encode(), "dvc.yaml") == {"a": "sub", "b": "own"}


@pytest.mark.parametrize("data", [b"- " * 1500, b"- " * 1500 + b"<<: x", b"a: " + b"1" * 5000, b"\xff"])
def test_what_is_deep_or_long_or_no_text_is_a_fault(data):
    with pytest.raises(FormatError):
        list(pipeline.outs(data, "dvc.lock"))


def test_a_file_that_is_no_text_lists_no_model():
    with pytest.raises(FormatError, match="UTF-8"):
        pipeline.with_artifact(b"\xff", "dvc.yaml", "bert", "models/bert")
