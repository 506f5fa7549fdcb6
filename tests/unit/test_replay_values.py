"""Any value as leaves, raw samples as bytes and back."""

import dataclasses
import enum
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from sycee.replay.child.samples import Stored, decode, encode, parse, render
from sycee.replay.child.values import PACKED, Leaf, Tensor, Unserialisable, flatten


class Point(NamedTuple):
    x: int
    y: int


@dataclasses.dataclass
class Boxes:
    boxes: object
    label: str


class Colour(enum.Enum):
    RED = 1


def float32(*values, shape=None):
    array = np.array(values, "<f4")
    return Tensor("float32", shape or array.shape, array.tobytes())


@pytest.mark.parametrize(
    ("value", "leaves"),
    [
        (None, [Leaf("$", "none")]),
        (True, [Leaf("$", "bool", True)]),
        (3, [Leaf("$", "number", 3)]),
        (0.5, [Leaf("$", "number", 0.5)]),
        ("cat", [Leaf("$", "text", "cat")]),
        (bytearray(b"ab"), [Leaf("$", "bytes", b"ab")]),
        (Colour.RED, [Leaf("$", "text", "RED")]),
        (np.str_("cat"), [Leaf("$", "text", "cat")]),
        (np.float64(0.5), [Leaf("$", "tensor", Tensor("float64", (), np.float64(0.5).tobytes()))]),
        (np.array([1, 2], "f4"), [Leaf("$", "tensor", float32(1, 2))]),
        (np.array([1, 2], ">f4"), [Leaf("$", "tensor", float32(1, 2))]),
        (np.arange(4, dtype="f4").reshape(2, 2).T, [Leaf("$", "tensor", float32(0, 2, 1, 3, shape=(2, 2)))]),
        (np.array(["a", "b"]), [Leaf("$[0]", "text", "a"), Leaf("$[1]", "text", "b")]),
        (
            {"a": 1, "b c": 2, 3: 4},
            [Leaf("$.a", "number", 1), Leaf('$["b c"]', "number", 2), Leaf("$[3]", "number", 4)],
        ),
        (OrderedDict(logits=None), [Leaf("$.logits", "none")]),
        ([(1, "a")], [Leaf("$[0][0]", "number", 1), Leaf("$[0][1]", "text", "a")]),
        (Point(1, 2), [Leaf("$.x", "number", 1), Leaf("$.y", "number", 2)]),
        (Boxes([1], "cat"), [Leaf("$.boxes[0]", "number", 1), Leaf("$.label", "text", "cat")]),
        ([1] * PACKED, [Leaf("$", "tensor", Tensor("int64", (PACKED,), np.ones(PACKED, "<i8").tobytes()))]),
        ([0.5] * PACKED, [Leaf("$", "tensor", Tensor("float64", (PACKED,), np.full(PACKED, 0.5, "<f8").tobytes()))]),
        ([], []),
    ],
)
def test_a_value_becomes_leaves(value, leaves):
    assert flatten(value) == leaves


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (object(), r"^\$ is a builtins.object, which cannot be recorded: use arrays, tensors, text, numbers"),
        ({"a": {1, 2}}, r"^\$\.a is a builtins.set, which"),
        ((x for x in "ab"), r"^\$ is a builtins.generator, which"),
        ({(1, 2): 3}, r"^\$ has a key of type tuple: use text or integers"),
        (np.zeros(2, "c8"), r"^\$ has elements of type complex64, which cannot be stored: convert it to float32"),
        ("\ud800", r"^\$ is text that is not valid Unicode"),
        ([[None] * 200] * 100, r"^more than 10000 values"),
    ],
)
def test_what_cannot_be_recorded_is_named_with_what_to_do(value, message):
    with pytest.raises(Unserialisable, match=message):
        flatten(value)


def test_a_value_that_holds_itself_is_refused():
    value = []
    value.append(value)
    with pytest.raises(Unserialisable, match="is nested deeper than 32 levels"):
        flatten(value)


@pytest.mark.parametrize(
    ("sample", "kind"),
    [
        (b"\x00\xff", "bytes"),
        ("Füße", "text"),
        ({"age": 3, "tags": ["a", None, True], "x": 0.1}, "json"),
        (7, "json"),
        ({"t": (1, float("nan"), b"x")}, "tree"),
        ([np.float32(1.5), "x"], "tree"),
    ],
)
def test_a_sample_comes_back_as_it_was(tmp_path, sample, kind):
    stored = encode(sample)
    assert stored.kind == kind
    assert repr(decode(stored, tmp_path)).replace("array(1.5, dtype=float32)", "np.float32(1.5)") == repr(sample)


def test_an_array_and_its_type_come_back(tmp_path):
    sample = {"ids": np.arange(6, dtype="int16").reshape(2, 3), "mask": np.array([True, False])}
    again = decode(encode(sample), tmp_path)
    assert [(k, v.dtype, v.tolist()) for k, v in again.items()] == [(k, v.dtype, v.tolist()) for k, v in sample.items()]
    again["ids"] += 1  # it is the code's own copy


def test_a_file_comes_back_under_its_name(tmp_path):
    (tmp_path / "cat.jpg").write_bytes(b"jpeg")
    stored = encode(tmp_path / "cat.jpg")
    assert stored == Stored("file", b"jpeg", "cat.jpg")
    again = decode(stored, tmp_path / "new")
    assert (again, again.read_bytes()) == (tmp_path / "new" / "cat.jpg", b"jpeg")


@pytest.mark.parametrize("name", ["", "..", "a/b", "/etc/passwd"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match="is no name of a file"):
        decode(Stored("file", b"x", name), tmp_path)


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        (lambda: 1, "^a sample is a builtins.function, which cannot be stored: give bytes, text, a pathlib.Path"),
        (Path("/nowhere/cat.jpg"), "^the sample cat.jpg is no file that is there"),
        ("\udcff", "^a sample is text that is not valid Unicode"),
    ],
)
def test_a_sample_that_cannot_be_stored_is_named(sample, message):
    with pytest.raises(Unserialisable, match=message):
        encode(sample)


def test_a_tensor_file_has_its_tensors_by_name():
    tensors = {"b": float32(1), "a": Tensor("bool", (2,), b"\x01\x00")}
    assert parse(render(tensors, {"x": "y"})) == (tensors, {"x": "y"})
    assert list(parse(render(tensors))[0]) == ["a", "b"]
    with pytest.raises(ValueError, match="is not that of its shape"):
        parse(render({"a": Tensor("float32", (2,), b"\x00" * 4)}))
