"""Any value that user code gives, as leaves: tensors, texts, numbers.

numpy, torch, PIL and pandas are asked only if the process has imported them. A leaf's path begins with ``$`` and says
where it stands: ``$.logits``, ``$[0].boxes``, ``$["a b"]``.
"""

from __future__ import annotations

import array
import ctypes
import dataclasses
import enum
import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

MAX_DEPTH = 32
MAX_LEAVES = 10_000  # of one stage of one sample
MAX_BYTES = 256 << 20  # of one stage of one sample
PACKED = 16  # a list of so many plain numbers is one tensor

# Our word for an element type, to its size in bytes and its name in a safetensors file.
DTYPES = {
    "bool": (1, "BOOL"), "uint8": (1, "U8"), "int8": (1, "I8"), "int16": (2, "I16"), "uint16": (2, "U16"),
    "float16": (2, "F16"), "bfloat16": (2, "BF16"), "int32": (4, "I32"), "uint32": (4, "U32"), "float32": (4, "F32"),
    "int64": (8, "I64"), "uint64": (8, "U64"), "float64": (8, "F64"),
}  # fmt: skip


class Unserialisable(Exception):
    """A value that cannot be recorded; the message says which and what to do."""


class Tensor(NamedTuple):
    """Elements in C order, little-endian."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes


class Leaf(NamedTuple):
    """One value inside what a stage gave; ``value`` is a :class:`Tensor`, bytes, text, a number, a bool or None."""

    path: str
    kind: str
    value: Any = None


def flatten(value: object) -> list[Leaf]:
    """Return every leaf of a value, in its own order.

    Raises:
        Unserialisable: If a part of it is of a kind that cannot be compared later, or there is too much of it.
    """
    found: list[Leaf] = []
    size = 0
    for leaf in _leaves(value, "$", 0):
        found.append(leaf)
        size += len(leaf.value.data) if leaf.kind == "tensor" else len(leaf.value) if leaf.kind == "bytes" else 0
        if len(found) > MAX_LEAVES or size > MAX_BYTES:
            raise Unserialisable(
                f"more than {MAX_LEAVES} values or {MAX_BYTES >> 20} MB in one result: return less, as arrays"
            )
    return found


def _leaves(value: object, path: str, depth: int) -> Iterator[Leaf]:
    if depth > MAX_DEPTH:
        raise Unserialisable(f"{path[:80]} is nested deeper than {MAX_DEPTH} levels: return a flat structure")
    plain = _plain(value, path) or _packed(value, path)
    if plain is not None:
        yield plain
        return
    if is_image(value):
        mode, pixels = pixels_of(value)
        yield Leaf(f"{path}.mode", "text", mode)
        yield Leaf(f"{path}.pixels", "tensor", pixels)
        return
    tensor = tensor_of(value, path)
    if tensor is not None:
        yield Leaf(path, "tensor", tensor)
        return
    children = _children(value, path)
    if children is None:
        raise _unknown(value, path)
    for where, child in children:
        yield from _leaves(child, where, depth + 1)


def _plain(value: object, path: str) -> Leaf | None:
    if value is None:
        return Leaf(path, "none")
    if isinstance(value, enum.Enum):
        return Leaf(path, "text", value.name)
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.generic):  # numpy.float64 is a float too, numpy.str_ a str
        return _plain(value.item(), path) if value.dtype.kind in "US" else None
    if isinstance(value, bool):
        return Leaf(path, "bool", value)
    if isinstance(value, (int, float)):
        return Leaf(path, "number", int(value) if isinstance(value, int) else float(value))
    if isinstance(value, str):
        return Leaf(path, "text", _sound(str(value), path))
    if isinstance(value, (bytes, bytearray, memoryview)):
        return Leaf(path, "bytes", bytes(value))
    return None


def _sound(text: str, path: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Unserialisable(f"{path} is text that is not valid Unicode: return bytes") from None
    return text


def _packed(value: object, path: str) -> Leaf | None:
    """Return a long list of integers or of floats as one tensor."""
    if not isinstance(value, (list, tuple)) or len(value) < PACKED:
        return None
    kinds = {type(item) for item in value}
    if kinds == {float}:
        return Leaf(path, "tensor", _of_array("float64", array.array("d", value)))
    if kinds == {int} and all(-(1 << 63) <= item < 1 << 63 for item in value):
        return Leaf(path, "tensor", _of_array("int64", array.array("q", value)))
    return None


def _of_array(dtype: str, elements: Any) -> Tensor:
    if sys.byteorder == "big":
        elements.byteswap()
    return Tensor(dtype, (len(elements),), elements.tobytes())


def tensor_of(value: Any, path: str) -> Tensor | None:
    """Return a tensor or array of any framework as plain elements; None if the value is none.

    Raises:
        Unserialisable: If its elements cannot be stored.
    """
    torch, numpy = sys.modules.get("torch"), sys.modules.get("numpy")
    if torch is not None and isinstance(value, getattr(torch, "Tensor", ())):
        return _from_torch(value, torch, path)
    if is_image(value) or is_pandas(value):
        return None
    if numpy is not None and (isinstance(value, (numpy.ndarray, numpy.generic)) or hasattr(value, "__array__")):
        return _from_numpy(numpy.asarray(value), path)
    return None


def _from_torch(value: Any, torch: Any, path: str) -> Tensor:
    value = value.detach()
    if value.is_quantized or value.device.type == "meta":
        raise Unserialisable(f"{path} is a tensor without plain elements: return its dequantised values")
    dense = value.to_dense() if value.layout != torch.strided else value
    here = dense.resolve_conj().resolve_neg().cpu().contiguous()
    dtype = _known(str(here.dtype).rpartition(".")[2], path)
    size = here.numel() * here.element_size()
    return Tensor(dtype, tuple(here.shape), ctypes.string_at(here.data_ptr(), size) if size else b"")


def _from_numpy(value: Any, path: str) -> Tensor | None:
    if value.dtype.kind in "OUS":
        return None  # texts and objects: one by one, see _children
    dtype = _known(value.dtype.name, path)
    if value.dtype.byteorder == ">" or (value.dtype.byteorder == "=" and sys.byteorder == "big"):
        value = value.astype(value.dtype.newbyteorder("<"))
    return Tensor(dtype, tuple(value.shape), value.tobytes("C"))


def _known(dtype: str, path: str) -> str:
    if dtype not in DTYPES:
        raise Unserialisable(f"{path} has elements of type {dtype}, which cannot be stored: convert it to float32")
    return dtype


def _children(value: Any, path: str) -> Iterator[tuple[str, Any]] | None:
    """Return what a container holds, each with its path; None if it is no container that we know."""
    if is_pandas(value):
        return _of_pandas(value, path)
    if dataclasses.is_dataclass(value) and not isinstance(value, (type, Mapping)):
        return ((_member(path, one.name), getattr(value, one.name)) for one in dataclasses.fields(value))
    if isinstance(value, Mapping):
        return ((_member(path, key), child) for key, child in value.items())
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return ((_member(path, name), getattr(value, name)) for name in value._fields)
    numpy = sys.modules.get("numpy")
    if isinstance(value, (list, tuple)) or (numpy is not None and isinstance(value, numpy.ndarray) and value.ndim):
        return ((f"{path}[{at}]", child) for at, child in enumerate(value))
    return None


def _member(path: str, key: object) -> str:
    if isinstance(key, str):
        return f"{path}.{key}" if key.isidentifier() else f"{path}[{json.dumps(_sound(key, path))}]"
    if isinstance(key, int) and not isinstance(key, bool):
        return f"{path}[{int(key)}]"
    raise Unserialisable(f"{path} has a key of type {type(key).__name__}: use text or integers as keys")


def _unknown(value: object, path: str) -> Unserialisable:
    kind = type(value)
    return Unserialisable(
        f"{path} is a {kind.__module__}.{kind.__qualname__}, which cannot be recorded: "
        "use arrays, tensors, text, numbers, or lists and mappings of these"
    )


_WIDE = {"I": "int32", "F": "float32", "I;16": "uint16"}  # modes of images whose bands are not of one byte


def is_image(value: object) -> bool:
    """Tell whether a value is an image of PIL."""
    images = sys.modules.get("PIL.Image")
    return images is not None and isinstance(value, images.Image)


_WIDE = {"I": "int32", "F": "float32", "I;16": "uint16"}  # modes of images whose bands are not of one byte


def pixels_of(image: Any) -> tuple[str, Tensor]:
    """Return mode and pixels of a PIL image; one with a palette is converted to RGBA."""
    plain = {"1": "L", "P": "RGBA", "PA": "RGBA"}.get(image.mode)
    image = image.convert(plain) if plain else image
    bands = len(image.getbands())
    shape = (image.height, image.width, *([bands] if bands > 1 else []))
    return image.mode, Tensor(_WIDE.get(image.mode, "uint8"), shape, image.tobytes())


def is_pandas(value: object) -> bool:
    """Tell whether a value is a table or a column of pandas."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, (pandas.DataFrame, pandas.Series))


def _of_pandas(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if hasattr(value, "columns"):
        return ((_member(path, name), value[name].to_numpy()) for name in value.columns)
    return iter([(_member(path, "values"), value.to_numpy())])
