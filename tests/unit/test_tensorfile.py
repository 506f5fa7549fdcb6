"""Safetensors files: one text for one set of tensors, read alike by the real library, and malformed ones refused."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sycee.errors import FormatError
from sycee.formats.tensorfile import SLICE, Tensor, parse, render, sliced
from sycee.formats.tensorheader import parse_header

VECTORS = Path(__file__).parents[1] / "vectors/tensorfile"
EXPECTED = json.loads((VECTORS / "expect.json").read_text())
SIZES = {"bool": 1, "uint8": 1, "int16": 2, "bfloat16": 2, "float32": 4, "int64": 8, "complex64": 8}


@st.composite
def tensors(draw):
    dtype, shape = draw(st.sampled_from(sorted(SIZES))), tuple(draw(st.lists(st.integers(0, 3), max_size=3)))
    size = SIZES[dtype]
    for axis in shape:
        size *= axis
    return Tensor(dtype, shape, draw(st.binary(min_size=size, max_size=size)))


@given(st.dictionaries(st.text().filter(lambda name: name != "__metadata__" and name.isprintable()), tensors()))
def test_what_is_rendered_is_read_back(given_tensors):
    data = render(given_tensors, {"made": "here"})
    found = parse(data, "x")
    assert {name: one._replace(data=bytes(one.data)) for name, one in found.items()} == given_tensors
    assert render(found, {"made": "here"}) == data


def test_the_order_in_which_tensors_are_given_does_not_matter():
    two = {"b": Tensor("uint8", (3,), b"abc"), "a": Tensor("float32", (1,), b"\0\0\x80?")}
    assert render(two) == render(dict(reversed(two.items())))


def test_elements_are_aligned():
    data = render({"a": Tensor("uint8", (3,), b"abc"), "b": Tensor("float64", (1,), bytes(8))})
    header = json.loads(data[8 : data.index(b"}}") + 2])
    assert header["b"]["data_offsets"] == [0, 8]
    assert (8 + int.from_bytes(data[:8], "little")) % 8 == 0


@pytest.mark.parametrize(
    "tensor",
    [
        Tensor("float32", (2,), bytes(4)),
        Tensor("float32", (), b""),
        Tensor("text", (1,), b"a"),
    ],
)
def test_a_tensor_that_is_not_sound_is_not_written(tensor):
    with pytest.raises(FormatError, match="cannot be stored"):
        render({"a": tensor})


def test_the_name_of_the_metadata_is_no_name_of_a_tensor():
    with pytest.raises(FormatError, match="cannot be stored"):
        render({"__metadata__": Tensor("uint8", (1,), b"a")})


def test_every_vector_is_in_the_table():
    assert {path.stem for path in VECTORS.glob("*.safetensors")} == EXPECTED.keys()


@pytest.mark.parametrize("case", EXPECTED)
def test_vectors(case):
    data = (VECTORS / f"{case}.safetensors").read_bytes()
    if isinstance(EXPECTED[case], str):
        with pytest.raises(FormatError) as caught:
            parse(data, "x")
        assert caught.value.message == EXPECTED[case]
    else:
        assert {name: [one.dtype, list(one.shape), one.data.hex()] for name, one in parse(data, "x").items()} == (
            EXPECTED[case]
        )


def test_a_header_that_claims_more_than_the_file_has_allocates_nothing():
    with pytest.raises(FormatError, match="cut off or too long"):
        parse((1 << 63).to_bytes(8, "little") + b"{}", "x")


@given(st.binary(max_size=40), st.integers(0, 120))
def test_damage_is_refused_or_harmless(damage, at):
    whole = render({"a": Tensor("int16", (2,), b"abcd"), "b": Tensor("uint8", (1,), b"z")})
    try:
        found = parse(whole[:at] + damage + whole[at + len(damage) :], "x")
    except FormatError:
        return
    assert sum(one.data.nbytes for one in found.values()) <= len(whole) + len(damage)


def test_a_slice_is_spread_over_the_whole():
    whole = Tensor("int16", (100, 100), b"".join(n.to_bytes(2, "little") for n in range(10_000)))
    part = sliced(whole)
    found = [int.from_bytes(part.data[at : at + 2], "little") for at in range(0, 2 * SLICE, 2)]
    assert part.shape == (SLICE,)
    assert found == [number * 10_000 // SLICE for number in range(SLICE)]


@pytest.mark.slow
def test_the_real_library_reads_ours_and_we_read_its_files():
    numpy, real = pytest.importorskip("numpy"), pytest.importorskip("safetensors.numpy")
    arrays = {
        "0/output/$.logits": numpy.array([[1.5, -2.0]], numpy.float32),
        "é $[0]": numpy.array([[1], [2]], numpy.uint8),
        "none": numpy.zeros((0, 3), numpy.float64),
        "one": numpy.array(True),
    }
    ours = render({name: Tensor(a.dtype.name, a.shape, a.tobytes()) for name, a in arrays.items()}, {"k": "v"})
    for found in (real.load(ours), real.load(real.save(arrays, {"k": "v"}))):
        assert {name: (a.dtype, a.shape, a.tobytes()) for name, a in found.items()} == {
            name: (a.dtype, a.shape, a.tobytes()) for name, a in arrays.items()
        }
    theirs = parse(real.save(arrays, {"k": "v"}), "x")
    assert {name: (one.dtype, one.shape, bytes(one.data)) for name, one in theirs.items()} == {
        name: (a.dtype.name, a.shape, a.tobytes()) for name, a in arrays.items()
    }


@pytest.mark.slow
def test_bfloat16_goes_both_ways():
    torch, real = pytest.importorskip("torch"), pytest.importorskip("safetensors.torch")
    tensor = torch.tensor([1.0, -3.5], dtype=torch.bfloat16)
    theirs = real.save({"a": tensor})
    assert parse(theirs, "x")["a"] == Tensor("bfloat16", (2,), b"\x80\x3f\x60\xc0")
    assert torch.equal(real.load(render(parse(theirs, "x")))["a"], tensor)


def test_the_header_alone_gives_types_and_shapes():
    data = render({"a": Tensor("int16", (2,), b"abcd")})
    length = int.from_bytes(data[:8], "little")
    assert parse_header(data[8 : 8 + length], len(data), "x") == {"a": ("int16", (2,))}
