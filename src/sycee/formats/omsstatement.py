"""What a bundle of OpenSSF Model Signing signs, whoever made it: the reader for ``sycee oms``.

:mod:`sycee.formats.statement` reads the one profile that models of ours have. This reader takes what specification and
reference implementation allow besides: shards, other hashes, a lone file, members that later versions may add. It is as
strict about everything that could have two meanings. Specification: ``docs/spec/bundle.md``, *Bundles of other tools*.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, cast

from sycee.digest import Algorithm, is_hex
from sycee.formats import strictjson
from sycee.formats.paths import reading_fault
from sycee.formats.statement import MAX_FILE_SIZE, MAX_RESOURCES, compose, read_subject, read_top, root_of

LONE_FILE = "."  # how the reference names the one resource of a model that is a file; the specification: by its name
HASHES: tuple[Algorithm, ...] = ("sha256", "blake2b", "blake3")

_SERIALIZATION = "$.predicate.serialization"
_RESOURCES = "$.predicate.resources"

Method = Literal["files", "shards"]


class Piece(NamedTuple):
    """One signed run of bytes: a whole file, or a shard of one.

    Attributes:
        path: The file, below the folder; :data:`LONE_FILE` for a model that is a file.
        start: Offset of the first byte.
        end: Offset behind the last byte; None for a whole file.
        digest: By the statement's algorithm, in lower-case hexadecimal.
    """

    path: str
    start: int
    end: int | None
    digest: str


@dataclass(frozen=True, slots=True)
class OmsStatement:
    """The parsed view of a payload.

    Attributes:
        subject: Name of the folder or file when it was signed; informs people, decides nothing.
        root: The root digest: sha256 over the raw digests in listed order, 64 hex digits.
        algorithm: The hash of every piece.
        shard_size: Bytes of a shard; None when files are signed whole.
        pieces: Everything that was signed, in listed order.
        ignore_paths: What the signer did not look at.
    """

    subject: str
    root: str
    algorithm: Algorithm
    shard_size: int | None
    pieces: tuple[Piece, ...]
    ignore_paths: tuple[str, ...]

    @property
    def names(self) -> frozenset[str]:
        """Return the paths of all signed files."""
        return frozenset(piece.path for piece in self.pieces)


class _How(NamedTuple):
    """What the predicate says of the way its list was made."""

    algorithm: Algorithm
    shard_size: int | None
    ignore_paths: tuple[str, ...]


def render(subject: str, digests: Mapping[str, str], ignore_paths: Iterable[str]) -> bytes:
    """Return the payload that every reader takes: method ``files``, hash sha256, everything sorted by code point.

    Args:
        subject: Name of the folder or file.
        digests: sha256 of each file by its path, 64 hex digits.
        ignore_paths: What was left out.
    """
    names = sorted(digests)
    resources = [{"name": name, "algorithm": "sha256", "digest": digests[name]} for name in names]
    root = root_of(digests[name] for name in names)
    return compose({"name": subject, "digest": {"sha256": root}}, ignore_paths, resources)


def parse(payload: bytes, name: str) -> OmsStatement:
    """Read a payload. Call it only on bytes whose signature was checked.

    Args:
        payload: The signed bytes.
        name: The file they came from, for messages.

    Raises:
        FormatError: With every fault: not strict JSON, another type, method or hash, a root digest that does not follow
            from the resources, names that lead out of the folder or are listed twice, shards that do not tile a file.
    """
    reader = strictjson.Reader(f"the statement in {name}")
    top, predicate = read_top(reader, payload)
    how = _serialization(reader, predicate.get("serialization"))
    pieces = _pieces(reader, predicate.get("resources"), how)
    reader.finish()  # the root digest needs resources without fault
    root = root_of(piece.digest for piece in pieces)
    subject = read_subject(reader, top.get("subject"), root)
    reader.finish()
    return OmsStatement(str(subject["name"]), root, how.algorithm, how.shard_size, pieces, how.ignore_paths)


def _serialization(reader: strictjson.Reader, value: object) -> _How:
    found = reader.mapping(
        value,
        _SERIALIZATION,
        required=("method", "hash_type"),
        # An unknown member here could change what the list of resources means, so none is let pass.
        optional=("allow_symlinks", "ignore_paths", "shard_size"),
    )
    method = reader.choice(found.get("method"), f"{_SERIALIZATION}.method", ("files", "shards"))
    algorithm = reader.choice(found.get("hash_type"), f"{_SERIALIZATION}.hash_type", HASHES)
    reader.flag(found.get("allow_symlinks", False), f"{_SERIALIZATION}.allow_symlinks")  # whatever it says: none here
    ignored = tuple(
        reader.text(item, path).rstrip("/")
        for path, item in reader.items(found.get("ignore_paths", []), f"{_SERIALIZATION}.ignore_paths")
    )
    size = _shard_size(reader, found) if method == "shards" else None
    if method == "files" and "shard_size" in found:
        reader.fault(f"{_SERIALIZATION}.shard_size", "has no meaning for the method files")
    return _How(cast("Algorithm", algorithm), size, ignored)


def _shard_size(reader: strictjson.Reader, found: Mapping[str, Any]) -> int:
    value = found.get("shard_size")
    if isinstance(value, float) and value.is_integer():  # the reference writes 1000000.0
        value = int(value)
    if type(value) is int and 0 < value <= MAX_FILE_SIZE:
        return value
    reader.fault(f"{_SERIALIZATION}.shard_size", "must be a whole number of bytes from 1")
    return 1


def _pieces(reader: strictjson.Reader, value: object, how: _How) -> tuple[Piece, ...]:
    items = reader.array(value, _RESOURCES)
    if not 0 < len(items) <= MAX_RESOURCES:
        reader.fault(_RESOURCES, f"must list between 1 and {MAX_RESOURCES} files, not {len(items)}")
        return ()
    algorithms = {str(how.algorithm)}
    if how.shard_size is not None:
        algorithms.add(f"{how.algorithm}-sharded-{how.shard_size}")  # so the reference; the specification: without
    pieces = tuple(_piece(reader, item, f"{_RESOURCES}[{at}]", how, algorithms) for at, item in enumerate(items))
    if not reader.faults:
        _check_together(reader, pieces, how)
    return pieces


def _piece(reader: strictjson.Reader, value: object, path: str, how: _How, algorithms: set[str]) -> Piece:
    item = reader.mapping(value, path, required=("name", "algorithm", "digest"))
    name = reader.text(item.get("name"), f"{path}.name")
    if item.get("algorithm") not in algorithms:
        reader.fault(f"{path}.algorithm", f"must be {how.algorithm}, as the statement says of all")
    digest = item.get("digest")
    if not (isinstance(digest, str) and is_hex(digest, how.algorithm)):
        reader.fault(f"{path}.digest", f"is not a {how.algorithm} in lower-case hexadecimal")
        digest = ""
    file, start, end = (name, 0, None) if how.shard_size is None else _range(reader, name, f"{path}.name")
    if file != LONE_FILE and (fault := reading_fault(file)):
        reader.fault(f"{path}.name", f"{name!r} {fault}")
    return Piece(file, start, end, digest)


def _range(reader: strictjson.Reader, name: str, path: str) -> tuple[str, int, int]:
    """Split ``path:start:end`` at its last two colons, since a path may have some of its own."""
    file, _, numbers = name.rpartition(":")
    file, _, start = file.rpartition(":")
    if _is_offset(start) and _is_offset(numbers) and int(start) < int(numbers):
        return file, int(start), int(numbers)
    reader.fault(path, f"{name!r} is not PATH:START:END")
    return LONE_FILE, 0, 1


def _is_offset(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 16 and str(int(text)) == text


def _check_together(reader: strictjson.Reader, pieces: Sequence[Piece], how: _How) -> None:
    files: dict[str, list[Piece]] = {}
    for piece in pieces:
        files.setdefault(piece.path, []).append(piece)
    if LONE_FILE in files and len(files) > 1:
        reader.fault(_RESOURCES, f"{LONE_FILE!r} stands for a lone file, and there are others")
    for file, parts in files.items():
        if how.shard_size is None and len(parts) > 1:
            reader.fault(_RESOURCES, f"{file!r} is listed twice")
        elif how.shard_size is not None and not _tiles(parts, how.shard_size):
            reader.fault(_RESOURCES, f"the shards of {file!r} are not those of {how.shard_size} bytes each")


def _tiles(parts: Sequence[Piece], size: int) -> bool:
    """Tell whether shards cover a file from its first byte on, each of the full size but the last."""
    ordered = sorted(parts, key=lambda part: part.start)
    starts = [part.start for part in ordered] == [number * size for number in range(len(ordered))]
    full = all(part.end == part.start + size for part in ordered[:-1])
    return starts and full and ordered[-1].end is not None and ordered[-1].end <= ordered[-1].start + size


def left_out(path: str, ignored: AbstractSet[str]) -> bool:
    """Tell whether a path is one of the ignored ones, or lies below one."""
    while path and path not in ignored:
        path = path.rpartition("/")[0]
    return bool(path)
