"""Digests of single tensors: one text for one set of files, and nothing else is read."""

import json
import re
from pathlib import Path

import pytest

from rigs.headers import TRICKS
from rigs.tensors import safetensors
from sycee.errors import FormatError
from sycee.formats import tensordigests
from sycee.ops.tensors import tensor_parts

PAGE = (Path(__file__).parents[2] / "docs/spec/tensors.md").read_text()
EXAMPLE = re.search(r"```json\n(.*?\n)```", PAGE, re.DOTALL)[1].encode()
FILE = bytes.fromhex(re.search(r"```text\n(.*?)\n```", PAGE, re.DOTALL)[1])


def test_example_of_the_specification(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(FILE)
    [part] = tensor_parts(tmp_path, ["model.safetensors", "other.pt"])
    assert (part.path, part.data, part.role) == ("context/tensors.json", EXAMPLE, "tensors")
    found = tensordigests.parse(EXAMPLE)
    assert found["model.safetensors"].size == len(FILE)
    assert tensordigests.render([*found.values()]) == EXAMPLE


def test_a_model_without_safetensors_has_no_such_file(tmp_path):
    assert tensor_parts(tmp_path, ["model.pt", "model.onnx"]) == ()


def test_tensors_without_elements_share_a_place(tmp_path):
    tensors = {"b": ("F32", [0], 0), "a": ("F32", [2, 0], 0), "c": ("U8", [3], 3), "d": ("F4", [2], 1)}
    (tmp_path / "m.safetensors").write_bytes(safetensors(tensors))
    [part] = tensor_parts(tmp_path, ["m.safetensors"])
    listed = tensordigests.parse(part.data)["m.safetensors"].tensors
    assert [one.place.key for one in listed] == ["a", "b", "c", "d"]


def edited(**changes):
    value = json.loads(EXAMPLE)
    first = value["files"][0]
    for key, new in changes.items():
        place = first["tensors"][1] if key in first["tensors"][1] else first
        place = first["head"] if key in {"size", "head_blake3"} else place
        place[key.removeprefix("head_")] = new
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


FAULTS = {
    "version": (EXAMPLE.replace(b'"version":1', b'"version":2'), "must be 1"),
    "version as text": (EXAMPLE.replace(b'"version":1', b'"version":true'), "must be 1"),
    "spaces": (EXAMPLE.replace(b":1,", b": 1,"), "canonical"),
    "no line feed": (EXAMPLE[:-1], "canonical"),
    "escaped": (EXAMPLE.replace(b'"bias"', b'"\\u0062ias"'), "canonical"),
    "order of members": (b'{"files":[],"version":1}\n', "canonical"),
    "twice": (EXAMPLE.replace(b'{"version":1', b'{"version":1,"version":1'), "there twice"),
    "unknown": (EXAMPLE.replace(b'{"version":1', b'{"x":0,"version":1'), "not a member"),
    "a file twice": (
        EXAMPLE[:-3] + b"," + json.dumps(json.loads(EXAMPLE)["files"][0], separators=(",", ":")).encode() + b"]}\n",
        "once each",
    ),
    "unsafe path": (edited(path="../model.safetensors"), "unsafe path"),
    "gap": (edited(begin=9, end=25), "leave a gap"),
    "overlap": (edited(begin=0, end=16), "overlap"),
    "name twice": (edited(name="bias"), "a name twice"),
    "other size": (edited(shape=[2, 3]), "another size than its shape"),
    "overflow": (edited(shape=[2**62, 2**62, 16]), "another size than its shape"),
    "many axes": (edited(shape=[2, 2, *[1] * 63]), "another size than its shape"),
    "negative": (edited(shape=[-2, -2]), "at least 0"),
    "backwards": (edited(begin=8, end=4), "at least 8"),
    "dtype": (edited(dtype="float128"), "must be one of"),
    "digest": (edited(blake3="0" * 63), "64 lower-case hex digits"),
    "upper case": (edited(blake3="A" * 64), "64 lower-case hex digits"),
    "short head": (edited(size=9), "at least 10"),
    "long head": (edited(size=100_000_009), "longer than a header may be"),
    "lone surrogate": (EXAMPLE.replace(b'"bias"', b'"\\ud800"'), "not valid Unicode"),
    "a list": (b"[]\n", "must be an object"),
    "no JSON": (b"\xff", "not strict JSON"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_everything_else_is_refused(fault):
    data, why = FAULTS[fault]
    with pytest.raises(FormatError, match=why):
        tensordigests.parse(data)


@pytest.mark.parametrize("trick", TRICKS)
def test_tricks_with_headers_are_refused(trick, tmp_path):
    data = TRICKS[trick]
    (tmp_path / "m.safetensors").write_bytes(data)
    with pytest.raises(FormatError):
        tensor_parts(tmp_path, ["m.safetensors"])
