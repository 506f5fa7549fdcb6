"""The header of a safetensors file: names, types and shapes of its tensors, without their numbers.

Eight bytes give the length of the header, little-endian; the header is JSON; the numbers follow, and the header says
where each tensor's are. Reading is strict: they fill the rest of the file, without a gap or an overlap.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sycee.errors import FormatError
from sycee.formats import strictjson

PREFIX = 8  # bytes of the length
MAX_HEADER = 100_000_000  # bytes, the limit of the safetensors library
METADATA = "__metadata__"

# safetensors' word: (ours, bits of an element)
DTYPES: Mapping[str, tuple[str, int]] = {
    "F64": ("float64", 64),
    "F32": ("float32", 32),
    "F16": ("float16", 16),
    "BF16": ("bfloat16", 16),
    "F8_E4M3": ("float8_e4m3fn", 8),
    "F8_E5M2": ("float8_e5m2", 8),
    "F8_E8M0": ("float8_e8m0fnu", 8),
    "F4": ("float4_e2m1fn", 4),
    "I64": ("int64", 64),
    "I32": ("int32", 32),
    "I16": ("int16", 16),
    "I8": ("int8", 8),
    "U64": ("uint64", 64),
    "U32": ("uint32", 32),
    "U16": ("uint16", 16),
    "U8": ("uint8", 8),
    "BOOL": ("bool", 8),
    "C64": ("complex64", 64),
}
TYPES: Mapping[str, int] = dict(DTYPES.values())  # ours: bits of an element
MAX_RANK = 64  # axes, the limit of torch
_MAX_INTEGER = 2**63 - 1  # of a length or an offset


class TensorShape(NamedTuple):
    """Type and shape of a tensor."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)


def header_size(prefix: bytes, size: int, name: str) -> int:
    """Return the length of the header in bytes.

    Args:
        prefix: The first eight bytes of the file.
        size: The size of the file.
        name: Its name, for messages.

    Raises:
        FormatError: If the file is too short for what they say, or they say too much.
    """
    length = int.from_bytes(prefix, "little")
    if len(prefix) < PREFIX or length > min(size - PREFIX, MAX_HEADER):
        raise FormatError(f"{name} is no whole safetensors file: its header is cut off or too long")
    return length


class Place(NamedTuple):
    """A tensor, and where its numbers are: offsets in bytes behind the header."""

    key: str
    shape: TensorShape
    begin: int
    end: int


def parse_header(data: bytes, size: int, name: str) -> Mapping[str, TensorShape]:
    """Return type and shape of each tensor by name.

    Args:
        data: The header.
        size: The size of the file.
        name: Its name, for messages.

    Raises:
        FormatError: If the header is malformed, or does not describe the bytes that follow.
    """
    return {place.key: place.shape for place in places(data, size, name)}


def places(data: bytes, size: int, name: str) -> Sequence[Place]:
    """Return each tensor with its place, as the header lists them; arguments and errors as in :func:`parse_header`."""
    found = strictjson.parse(data, f"the header of {name}")
    if not isinstance(found, dict) or not data.startswith(b"{"):
        raise FormatError(f"the header of {name} is not an object from its first byte on")
    _require_texts(found.get(METADATA, {}), name)
    listed = [_place(key, entry, name) for key, entry in found.items() if key != METADATA]
    _require_whole(((place.begin, place.end) for place in listed), size - PREFIX - len(data), name)
    return listed


def _require_texts(metadata: Any, name: str) -> None:
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise FormatError(f"the metadata of {name} must be texts by name")


def _place(key: str, entry: Any, name: str) -> Place:
    match entry:
        case {"dtype": str(word), "shape": [*shape], "data_offsets": [begin, end], **others} if (
            word in DTYPES and not others
        ):
            numbers = (*shape, begin, end)
            if len(shape) <= MAX_RANK and all(type(one) is int and 0 <= one <= _MAX_INTEGER for one in numbers):
                dtype, bits = DTYPES[word]
                if math.prod(shape) * bits == (end - begin) * 8:
                    return Place(key, TensorShape(dtype, tuple(shape)), begin, end)
    raise FormatError(f"the header of {name} describes the tensor {key!r} wrongly, or in an unknown type")


def _require_whole(places: Iterable[tuple[int, int]], size: int, name: str) -> None:
    reached = 0
    for begin, end in sorted(places):
        if begin != reached:
            raise FormatError(f"the tensors of {name} overlap, or leave a gap")
        reached = end
    if reached != size:
        raise FormatError(f"{name} is no whole safetensors file: its tensors take {reached} bytes, it has {size}")
