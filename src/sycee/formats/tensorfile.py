"""Safetensors files: named tensors as plain bytes, and nothing that could be executed.

The format is that of the safetensors library; its header is read by :mod:`sycee.formats.tensorheader`. What is written
here has one text for one set of tensors: the largest elements first, so that each tensor is aligned, then by name.
"""

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from sycee.errors import FormatError
from sycee.formats.tensorheader import DTYPES, METADATA, PREFIX, TYPES, TensorShape, header_size, places

SLICE = 4096  # elements that stand for a tensor that is too large to be kept
_WORDS = {dtype: word for word, (dtype, _) in DTYPES.items()}
_ALIGNMENT = 8  # bytes, of where the numbers begin


class Tensor(NamedTuple):
    """Numbers of one type.

    Attributes:
        dtype: Type of an element: ``float32``, ``uint8``, ``bool``, …
        shape: Length of each axis; empty for a single number.
        data: The elements, little-endian, in C order.
    """

    dtype: str
    shape: tuple[int, ...]
    data: bytes | memoryview


def render(tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> bytes:
    """Return the file.

    Args:
        tensors: By name.
        metadata: Texts by name, to go into the header.

    Raises:
        FormatError: If a tensor's type is unknown, or its bytes are more or fewer than its shape says.
    """
    for name, tensor in tensors.items():
        _require_sound(name, tensor)
    shapes = {name: TensorShape(tensor.dtype, tensor.shape) for name, tensor in tensors.items()}
    begun, names = head(shapes, metadata)
    return b"".join((begun, *(tensors[name].data for name in names)))


def head(shapes: Mapping[str, TensorShape], metadata: Mapping[str, str] | None = None) -> tuple[bytes, list[str]]:
    """Return how a file begins, prefix and header, and the names of its tensors in the order in which they follow.

    Args:
        shapes: Types, all known, and shapes by name.
        metadata: Texts by name, to go into the header.
    """
    names = sorted(shapes, key=lambda name: (-TYPES[shapes[name].dtype], name))
    header: dict[str, Any] = {METADATA: dict(sorted(metadata.items()))} if metadata else {}
    at = 0
    for name in names:
        dtype, shape = shapes[name]
        end = at + shapes[name].elements * TYPES[dtype] // 8
        header[name] = {"dtype": _WORDS[dtype], "shape": list(shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    return len(text).to_bytes(PREFIX, "little") + text, names


def _require_sound(name: str, tensor: Tensor) -> None:
    bits = TYPES.get(tensor.dtype, 0)
    if not bits or name == METADATA or math.prod(tensor.shape) * bits != memoryview(tensor.data).nbytes * 8:
        raise FormatError(f"the tensor {name!r} of type {tensor.dtype} and shape {list(tensor.shape)} cannot be stored")


def parse(data: bytes | memoryview, name: str) -> dict[str, Tensor]:
    """Return the tensors by name; their bytes are views of ``data``.

    Args:
        data: The whole file.
        name: Its name, for messages.

    Raises:
        FormatError: If the header is malformed, or does not describe the bytes that follow.
    """
    view = memoryview(data)
    length = header_size(bytes(view[:PREFIX]), len(view), name)
    body = view[PREFIX + length :]
    listed = places(bytes(view[PREFIX : PREFIX + length]), len(view), name)
    return {place.key: Tensor(*place.shape, body[place.begin : place.end]) for place in listed}


def sliced(tensor: Tensor) -> Tensor:
    """Return :data:`SLICE` elements of a larger tensor, evenly spaced over it in C order, as one axis."""
    count, view = math.prod(tensor.shape), memoryview(tensor.data)
    size = view.nbytes // count
    starts = (size * (number * count // SLICE) for number in range(SLICE))
    return Tensor(tensor.dtype, (SLICE,), b"".join(view[start : start + size] for start in starts))
