"""Raw samples as bytes and back, and the tensor file that both directions use.

A sample of bytes, text or a file is stored as these very bytes. Numbers, text, lists and mappings become JSON. What
holds arrays, tensors, images or tables becomes a *tree*: a safetensors file whose ``tree`` says how to put it together.
"""

from __future__ import annotations

import base64
import importlib
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from .values import DTYPES, MAX_DEPTH, Tensor, Unserialisable, is_image, is_pandas, pixels_of, tensor_of

MAX_SAMPLE = 64 << 20  # bytes of one stored sample
_NAMES = {name: dtype for dtype, (_size, name) in DTYPES.items()}
_HEAD = 8  # bytes before the header of a safetensors file


class Stored(NamedTuple):
    """A sample as it is kept.

    Attributes:
        kind: ``bytes``, ``text``, ``file``, ``json`` or ``tree``.
        data: What is stored.
        name: The name of the file that was given, else empty.
    """

    kind: str
    data: bytes
    name: str = ""


def encode(sample: object) -> Stored:
    """Return a raw sample as bytes.

    Raises:
        Unserialisable: If it is of a kind that cannot be stored, or too large.
        OSError: If it is a file that cannot be read.
    """
    stored = _encoded(sample)
    if len(stored.data) > MAX_SAMPLE:
        raise Unserialisable(f"a sample has {len(stored.data):,} bytes, and at most {MAX_SAMPLE:,} are kept")
    return stored


def _encoded(sample: object) -> Stored:
    if isinstance(sample, (bytes, bytearray, memoryview)):
        return Stored("bytes", bytes(sample))
    if isinstance(sample, str):
        return Stored("text", _text(sample))
    if isinstance(sample, os.PathLike):
        path = Path(sample)
        if not path.is_file():
            raise Unserialisable(f"the sample {path.name} is no file that is there")
        return Stored("file", path.read_bytes(), path.name)
    if _is_json(sample):
        return Stored("json", _text(json.dumps(sample, ensure_ascii=False)))
    tensors: dict[str, Tensor] = {}
    tree = _node(sample, "$", tensors)
    return Stored("tree", render(tensors, {"tree": json.dumps(tree)}))


def _text(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise Unserialisable("a sample is text that is not valid Unicode: give bytes") from None


def _is_json(value: object, depth: int = 0) -> bool:
    if value is None or type(value) in {bool, int, str}:
        return True
    if type(value) is float:
        return math.isfinite(value)
    if depth >= MAX_DEPTH:
        return False
    if type(value) is list:
        return all(_is_json(item, depth + 1) for item in value)
    return type(value) is dict and all(type(k) is str and _is_json(item, depth + 1) for k, item in value.items())


def _node(value: Any, path: str, tensors: dict[str, Tensor]) -> dict[str, Any]:
    """Return how to make a value again; its tensors go into ``tensors`` under their paths."""
    if path.count("[") > MAX_DEPTH:
        raise Unserialisable(f"a sample is nested deeper than {MAX_DEPTH} levels")
    if value is None or type(value) in {bool, int, str}:
        return {"value": value}
    if type(value) is float:
        return {"float": value.hex()}
    if isinstance(value, (bytes, bytearray)):
        return {"bytes": base64.b64encode(value).decode()}
    if is_image(value):
        mode, tensors[path] = pixels_of(value)
        return {"image": path, "mode": mode}
    if is_pandas(value) and hasattr(value, "columns"):
        return {"table": _pairs(((name, value[name].to_numpy()) for name in value.columns), path, tensors)}
    tensor = None if is_pandas(value) else tensor_of(value, path)
    if tensor is not None:
        tensors[path] = tensor
        return {"tensor": path, "of": "torch" if type(value).__module__.partition(".")[0] == "torch" else "numpy"}
    return _container(value, path, tensors)


def _container(value: Any, path: str, tensors: dict[str, Tensor]) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return {"dict": _pairs(value.items(), path, tensors)}
    if type(value) in {list, tuple} or type(value).__name__ == "ndarray":  # an array of texts or objects
        kind = "tuple" if type(value) is tuple else "list"
        return {kind: [_node(item, f"{path}[{at}]", tensors) for at, item in enumerate(value)]}
    where = "a sample" if path == "$" else f"{path} of a sample"
    raise Unserialisable(
        f"{where} is a {type(value).__module__}.{type(value).__qualname__}, which cannot be stored: give bytes, text, "
        "a pathlib.Path to a file, numbers, arrays, tensors, an image, or lists and mappings of these"
    )


def _pairs(items: Any, path: str, tensors: dict[str, Tensor]) -> list[Any]:
    pairs = []
    for at, (key, item) in enumerate(items):
        if type(key) not in {str, int}:
            raise Unserialisable(f"a sample has a key of type {type(key).__name__}: use text or integers as keys")
        pairs.append([key, _node(item, f"{path}[{at}]", tensors)])
    return pairs


def decode(stored: Stored, folder: Path) -> Any:
    """Return a raw sample as user code gets it.

    Args:
        stored: What was kept.
        folder: A folder of this sample's own, where a sample that is a file gets its name.

    Raises:
        ValueError: If the bytes are not what :func:`encode` made.
    """
    if stored.kind == "bytes":
        return stored.data
    if stored.kind == "text":
        return stored.data.decode()
    if stored.kind == "json":
        return json.loads(stored.data)
    if stored.kind == "tree":
        tensors, metadata = parse(stored.data)
        return _made(json.loads(metadata["tree"]), tensors)
    if Path(stored.name).name != stored.name or stored.name in {"", ".", ".."}:
        raise ValueError(f"{stored.name!r} is no name of a file")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / stored.name
    path.write_bytes(stored.data)
    return path


def _made(node: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Any:
    kind = next(iter(node))
    return _MAKERS[kind](node, tensors)


def _made_pairs(pairs: Any, tensors: Mapping[str, Tensor]) -> dict[Any, Any]:
    return {key: _made(child, tensors) for key, child in pairs}


def _image(node: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Any:
    tensor = tensors[node["image"]]
    images = importlib.import_module("PIL.Image")
    return images.frombytes(node["mode"], (tensor.shape[1], tensor.shape[0]), tensor.data)


def _array(node: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Any:
    dtype, shape, data = tensors[node["tensor"]]
    framework = importlib.import_module("torch" if node["of"] == "torch" else "numpy")
    if node["of"] != "torch":
        return framework.frombuffer(data, dtype=dtype).reshape(shape).copy()
    if not data:
        return framework.empty(shape, dtype=getattr(framework, dtype))
    return framework.frombuffer(bytearray(data), dtype=getattr(framework, dtype)).reshape(shape).clone()


_MAKERS: Mapping[str, Any] = {
    "value": lambda node, _: node["value"],
    "float": lambda node, _: float.fromhex(node["float"]),
    "bytes": lambda node, _: base64.b64decode(node["bytes"]),
    "list": lambda node, tensors: [_made(child, tensors) for child in node["list"]],
    "tuple": lambda node, tensors: tuple(_made(child, tensors) for child in node["tuple"]),
    "dict": lambda node, tensors: _made_pairs(node["dict"], tensors),
    "table": lambda node, tensors: importlib.import_module("pandas").DataFrame(_made_pairs(node["table"], tensors)),
    "image": _image,
    "tensor": _array,
}


def render(tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> bytes:
    """Return a safetensors file, its tensors in the order of their names."""
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    at = 0
    for name in sorted(tensors):
        dtype, shape, data = tensors[name]
        header[name] = {"dtype": DTYPES[dtype][1], "shape": list(shape), "data_offsets": [at, at + len(data)]}
        at += len(data)
    head = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    head += b" " * (-len(head) % 8)
    return b"".join((len(head).to_bytes(8, "little"), head, *(tensors[name].data for name in sorted(tensors))))


def parse(data: bytes) -> tuple[dict[str, Tensor], Mapping[str, str]]:
    """Return tensors and metadata of a safetensors file that :func:`render` made.

    Raises:
        ValueError: If it is none.
    """
    size = int.from_bytes(data[:_HEAD], "little")
    header = json.loads(data[_HEAD : _HEAD + size])
    metadata = header.pop("__metadata__", {})
    return {name: _cut(entry, data[_HEAD + size :]) for name, entry in header.items()}, metadata


def _cut(entry: Mapping[str, Any], body: bytes) -> Tensor:
    first, last = entry["data_offsets"]
    dtype, shape = _NAMES[entry["dtype"]], tuple(entry["shape"])
    if last - first != DTYPES[dtype][0] * math.prod(shape) or last > len(body):
        raise ValueError("a tensor's size is not that of its shape")
    return Tensor(dtype, shape, body[first:last])
