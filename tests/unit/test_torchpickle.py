"""Tensors out of pickles that are read and never run."""

import collections
import pickle
import struct

import pytest

from rigs.tensors import Global, Storage, tensor, written
from sycee.formats.torchpickle import Tensor, tensors


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_a_state_dict(protocol):
    state = collections.OrderedDict(w=tensor((3, 4)), b=tensor((4,), "BFloat16", "1"), n=tensor((), "Long", "2"))
    found = tensors(written(state, protocol))
    assert found == {
        "w": Tensor("float32", (3, 4), "0", 0),
        "b": Tensor("bfloat16", (4,), "1", 0),
        "n": Tensor("int64", (), "2", 0),
    }
    assert found is not None
    assert [one.elements for one in found.values()] == [12, 4, 1]


def test_a_parameter_and_a_later_form():
    float8 = Global("torch float8_e4m3fn", bare=True)
    storage = Storage(("storage", Global("torch UntypedStorage", bare=True), "1", "cpu", 8))
    newer = Global("torch._utils _rebuild_tensor_v3", storage, 0, (8,), (1,), False, {}, float8, None)
    state = {"w": Global("torch._utils _rebuild_parameter", tensor((2,)), True, {}), "v": newer}
    assert tensors(written(state)) == {"w": Tensor("float32", (2,), "0", 0), "v": Tensor("float8_e4m3fn", (8,), "1", 0)}


def test_a_checkpoint_gives_its_state_dict_alone():
    checkpoint = {"epoch": 3, "state_dict": {"w": tensor((2, 2))}, "optimizer": {"state": {"m": tensor((2, 2))}}}
    assert tensors(written(checkpoint)) == {"w": Tensor("float32", (2, 2), "0", 0)}


class Evil:
    def __reduce__(self):
        return (print, ("executed",))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b".",
        b"garbage",
        b"\x80\x02}",
        b"\x80\x02R.",
        b"\x80\x02u.",
        b"\x80\x02h\x07.",
        b"\x80\x02\x86.",
        b"\x80\x02]}}s.",
        b"\x80\x02X" + struct.pack("<I", 2**31) + b".",
        written({}),
        written([tensor((2,))]),
        written({"a": 1}),
        written({"w": tensor((2,)), "optimizer": {}}),
        written({"w": tensor((-2,))}),
        written({"w": tensor((True,))}),
        written({"w": tensor((2,), "Unheard")}),
        written({"w": tensor((2,), offset="x")}),
        pickle.dumps({"w": Evil()}),
        pickle.dumps(Evil()),
        pickle.dumps({"w": 1 + 2j}),
    ],
)
def test_anything_else_has_no_answer(data, capfd):
    assert tensors(data) is None
    assert capfd.readouterr().out == ""


DEEP = b")" + b"\x85" * 200_000  # (((…),),): its hash and its text would use up the stack of the process
WIDE = b")" + b"q\x00h\x00\x86" * 60  # each a pair of the one before: 2**60 elements to hash or to print


@pytest.mark.parametrize("nested", [DEEP, WIDE], ids=["deep", "wide"])
@pytest.mark.parametrize("use", [b"\x80\x04}%sNs.", b"\x80\x04}(%sNu.", b"\x80\x04%sX\x01\x00\x00\x00a\x93."])
def test_nested_tuples_neither_crash_nor_hang(nested, use):
    assert tensors(use % nested) is None


def test_tensors_that_are_not_under_texts_are_no_state_dict():
    assert tensors(written({1: tensor((2,))})) is None
    assert tensors(written({("a", "b"): tensor((2,))})) is None


def test_an_instruction_for_a_huge_memo_costs_nothing():
    state = written({"w": tensor((2,))}).removesuffix(b".") + b"r\xff\xff\xff\xff."
    assert tensors(state) == {"w": Tensor("float32", (2,), "0", 0)}


def test_what_is_endless_is_given_up(monkeypatch):
    state = written({"w": tensor((2,))})
    monkeypatch.setattr("sycee.formats.torchpickle.MAX_STEPS", 10)
    assert tensors(state) is None
