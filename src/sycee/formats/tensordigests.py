"""``context/tensors.json``: the digest of every tensor of safetensors weights, so that a part is verified by itself.

Specification: ``docs/spec/tensors.md``. One set of files has one text: compact JSON, files by path, tensors by place.
"""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from sycee.errors import FormatError
from sycee.formats import strictjson
from sycee.formats.strictjson import Reader
from sycee.formats.tensorheader import MAX_HEADER, MAX_RANK, PREFIX, TYPES, Place, TensorShape

NAME = "tensors.json"
MAX_SIZE = 64 << 20  # bytes; some 300,000 tensors
VERSION = 1


class TensorDigest(NamedTuple):
    """A tensor: where it is (offsets in bytes behind the header), and the blake3 of these bytes, 64 hex digits."""

    place: Place
    blake3: str


class FileTensors(NamedTuple):
    """The tensors of one file.

    Attributes:
        path: The file, below the model's folder.
        head: How many bytes come before the first tensor: prefix and header.
        blake3: The digest of these bytes, 64 lower-case hex digits.
        tensors: In the order of their places.
    """

    path: str
    head: int
    blake3: str
    tensors: Sequence[TensorDigest]

    @property
    def size(self) -> int:
        """The size of the file in bytes."""
        return self.head + (self.tensors[-1].place.end if self.tensors else 0)


def by_place(place: Place) -> tuple[int, int, str]:
    """Return what tensors are sorted by: place, then name, since those without elements share a place."""
    return place.begin, place.end, place.key


def render(files: Sequence[FileTensors]) -> bytes:
    """Return the one text for these files, which are sorted by path, and their tensors by :func:`by_place`."""
    listed = [
        {
            "path": file.path,
            "head": {"size": file.head, "blake3": file.blake3},
            "tensors": [_rendered(tensor) for tensor in file.tensors],
        }
        for file in files
    ]
    return strictjson.render({"version": VERSION, "files": listed}) + b"\n"


def _rendered(tensor: TensorDigest) -> dict[str, Any]:
    key, shape, begin, end = tensor.place
    return {
        "name": key,
        "dtype": shape.dtype,
        "shape": list(shape.shape),
        "begin": begin,
        "end": end,
        "blake3": tensor.blake3,
    }


def parse(data: bytes, name: str = NAME) -> Mapping[str, FileTensors]:
    """Read the digests of tensors.

    Args:
        data: All bytes of the file.
        name: Its name, for messages.

    Returns:
        What is known of each file, by its path.

    Raises:
        FormatError: If a single byte differs from what :func:`render` writes for the same files, or the tensors of a
            file leave a gap, overlap, or have another size than their shape.
    """
    reader = Reader(name)
    found = reader.mapping(
        strictjson.parse(data, name, limit=MAX_SIZE), "$", required=("version", "files"), optional=()
    )
    reader.constant(found.get("version"), "$.version", VERSION)
    files = [_file(reader, value, path) for path, value in reader.items(found.get("files"), "$.files")]
    reader.finish()
    paths = [file.path for file in files]
    if paths != sorted(set(paths)):
        raise FormatError(f"{name} does not list its files once each, sorted by path")
    strictjson.require_canonical(data, render(files), name, ": compact, members in the order of the specification")
    return MappingProxyType({file.path: file for file in files})


def _file(reader: Reader, value: object, path: str) -> FileTensors:
    found = reader.mapping(value, path, required=("path", "head", "tensors"), optional=())
    head = reader.mapping(found.get("head"), f"{path}.head", required=("size", "blake3"), optional=())
    tensors = [_tensor(reader, one, at) for at, one in reader.items(found.get("tensors"), f"{path}.tensors")]
    _require_whole(reader, [tensor.place for tensor in tensors], path)
    size = reader.integer(head.get("size"), f"{path}.head.size", least=PREFIX + 2)
    if size > PREFIX + MAX_HEADER:
        reader.fault(f"{path}.head.size", "is longer than a header may be")
    digest = reader.sha256(head.get("blake3"), f"{path}.head.blake3")
    return FileTensors(reader.relpath(found.get("path"), f"{path}.path"), size, digest, tensors)


_MEMBERS = ("name", "dtype", "shape", "begin", "end", "blake3")


def _tensor(reader: Reader, value: object, path: str) -> TensorDigest:
    found = reader.mapping(value, path, required=_MEMBERS, optional=())
    shape = [reader.integer(one, at, least=0) for at, one in reader.items(found.get("shape"), f"{path}.shape")]
    kind = TensorShape(reader.choice(found.get("dtype"), f"{path}.dtype", [*TYPES]), tuple(shape[: MAX_RANK + 1]))
    begin = reader.integer(found.get("begin"), f"{path}.begin", least=0)
    end = reader.integer(found.get("end"), f"{path}.end", least=begin)
    if len(shape) > MAX_RANK or math.prod(shape) * TYPES[kind.dtype] != (end - begin) * 8:
        reader.fault(path, "has another size than its shape")
    place = Place(reader.text(found.get("name"), f"{path}.name"), kind, begin, end)
    return TensorDigest(place, reader.sha256(found.get("blake3"), f"{path}.blake3"))


def _require_whole(reader: Reader, places: Sequence[Place], path: str) -> None:
    if len({place.key for place in places}) != len(places):
        reader.fault(f"{path}.tensors", "has a name twice")
    keys = [by_place(place) for place in places]
    if keys != sorted(keys) or [key[0] for key in keys] != [0, *(key[1] for key in keys)][: len(keys)]:
        reader.fault(f"{path}.tensors", "overlap, leave a gap, or are not sorted by their places")
