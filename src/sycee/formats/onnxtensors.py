"""The tensors that an ONNX model holds: types and shapes, read from its fields as protobuf writes them.

Of the model's message only the way to its tensors is followed: initializers of the graph, and what its nodes hold as
attributes, as some exporters keep weights. The numbers themselves, in the file or beside it, are passed over.
"""

from collections.abc import Iterator, Mapping, Sequence

from sycee.formats.tensorheader import TensorShape

_GRAPH, _NODE, _INITIALIZER, _ATTRIBUTE, _TENSOR = 7, 1, 5, 5, 5  # field numbers, in the messages along the way
_DIMS, _TYPE = 1, 2  # in a tensor
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # how a field is written
_SIZES = {_FIXED64: 8, _FIXED32: 4}
_MAX_VARINT = 10  # bytes

# ONNX's numbers of types; texts (8) are no parameters.
_TYPES = {1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 9: "bool",
          10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 14: "complex64", 15: "complex128", 16: "bfloat16",
          17: "float8_e4m3fn", 18: "float8_e4m3fnuz", 19: "float8_e5m2", 20: "float8_e5m2fnuz", 21: "uint4",
          22: "int4", 23: "float4_e2m1fn"}  # fmt: skip


def tensors(data: memoryview) -> Sequence[TensorShape]:
    """Return type and shape of every tensor of the main graph.

    Args:
        data: The whole file; only what leads to the tensors is read.

    Raises:
        ValueError: If it is none, or cut off.
    """
    found: list[TensorShape] = []
    for graph in _messages(data, _GRAPH):
        for number, part in _fields(graph):
            if isinstance(part, int):
                continue
            if number == _INITIALIZER:
                found += _tensor(part)
            elif number == _NODE:
                found += _of_node(part)
    return found


# Where tensors are in each message: field to the message that it holds. Training and functions hold graphs and nodes.
_WAYS: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "external"},
}
_MAX_DEPTH = 200  # messages within messages, more than graphs within graphs need


def external_files(data: memoryview) -> frozenset[str]:
    """Return where the numbers are that lie outside of the model's file, as the model says it: paths beside it.

    Args:
        data: The whole file.

    Raises:
        ValueError: If it is none, cut off, or nested absurdly deep.
    """
    return frozenset(_locations("model", data, _MAX_DEPTH))


def _locations(kind: str, message: memoryview, depth: int) -> Iterator[str]:
    if kind == "external":
        pair = {number: bytes(value) for number, value in _fields(message) if not isinstance(value, int)}
        if pair.get(1) == b"location":
            yield pair.get(2, b"").decode()
        return
    if not depth:
        raise ValueError("messages are nested too deeply")
    ways = _WAYS[kind]
    for number, value in _fields(message):
        if number in ways and not isinstance(value, int):
            yield from _locations(ways[number], value, depth - 1)


def _of_node(node: memoryview) -> Iterator[TensorShape]:
    for attribute in _messages(node, _ATTRIBUTE):
        for tensor in _messages(attribute, _TENSOR):
            yield from _tensor(tensor)


def _tensor(message: memoryview) -> Iterator[TensorShape]:
    dims: list[int] = []
    kind = 0
    for number, value in _fields(message):
        if number == _DIMS:
            dims += [value] if isinstance(value, int) else _packed(value)
        elif number == _TYPE and isinstance(value, int):
            kind = value
    if kind in _TYPES:
        yield TensorShape(_TYPES[kind], tuple(dims))


def _messages(message: memoryview, wanted: int) -> Iterator[memoryview]:
    for number, value in _fields(message):
        if number == wanted and not isinstance(value, int):
            yield value


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield number and value of each field that is an integer or bytes."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield tag >> 3, value
            continue
        if kind == _BYTES:
            size, at = _varint(message, at)
        elif kind in _SIZES:
            size = _SIZES[kind]
        else:
            raise ValueError("a field is written in an unknown way")
        if size > len(message) - at:
            raise ValueError("a field is cut off")
        if kind == _BYTES:
            yield tag >> 3, message[at : at + size]
        at += size


def _packed(values: memoryview) -> Iterator[int]:
    at = 0
    while at < len(values):
        value, at = _varint(values, at)
        yield value


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(data[at : at + _MAX_VARINT]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, at + index + 1
    raise ValueError("a number is cut off")
