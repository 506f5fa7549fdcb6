"""What a bundle signs: an in-toto statement whose predicate lists every file of a model folder.

The predicate is OpenSSF Model Signing v1.0, method ``files``, hash ``sha256``. Members of our own stand where every
reader lets them pass: ``size``, ``md5`` and ``blake3`` in each resource, and what names the version in the subject's
``annotations``. Specification: ``docs/spec/bundle.md``.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sycee.digest import FileDigests, is_hex
from sycee.formats import strictjson
from sycee.formats.paths import colliding, path_fault

TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://model_signing/signature/v1.0"
GIT_PATHS = (".git", ".gitattributes", ".github", ".gitignore")  # what every OMS reader leaves out by default
MAX_RESOURCES = 1_000_000
MAX_FILE_SIZE = 1 << 53  # bytes; the greatest number that every JSON reader keeps exact

_SYCEE = "sycee"  # the annotation that is ours


@dataclass(frozen=True, slots=True)
class Resource:
    """One signed file.

    Attributes:
        name: Path below the model folder.
        sha256: Its digest, 64 hex digits.
        size: Its length in bytes; None in bundles made by other tools, as the two below.
        md5: DVC's address of it; ties the pointer to the signature and proves nothing else.
        blake3: The faster digest of the same bytes.
    """

    name: str
    sha256: str
    size: int | None = None
    md5: str | None = None
    blake3: str | None = None

    @classmethod
    def of(cls, name: str, digests: FileDigests) -> "Resource":
        """Return the resource of a file that was digested."""
        return cls(name, digests.sha256, digests.size, digests.md5, digests.blake3)


@dataclass(frozen=True, slots=True)
class Statement:
    """The parsed view of a payload; the payload itself stays with the bundle and is never rendered again.

    Attributes:
        subject: Name of the folder when it was signed; informs people, decides nothing.
        resources: Every signed file, in listed order.
        ignore_paths: What the signer did not sign.
        annotations: What names the version: ``identity``, and ``name``, ``version``, ``serial`` where known.
    """

    subject: str
    resources: tuple[Resource, ...]
    ignore_paths: tuple[str, ...]
    annotations: Mapping[str, Any]


def root_digest(resources: Iterable[Resource]) -> str:
    """Return OMS's root digest of files, in listed order."""
    return root_of(resource.sha256 for resource in resources)


def root_of(digests: Iterable[str]) -> str:
    """Return OMS's root digest: sha256 over the raw digests, given in hexadecimal. File names are not in it."""
    total = hashlib.sha256()
    for digest in digests:
        total.update(bytes.fromhex(digest))
    return total.hexdigest()


def render(statement: Statement) -> bytes:
    """Return the payload for a statement: compact JSON, resources and ignored paths sorted by code point."""
    resources = sorted(statement.resources, key=lambda resource: resource.name)
    subject = {
        "name": statement.subject,
        "digest": {"sha256": root_digest(resources)},
        "annotations": {_SYCEE: dict(statement.annotations)},
    }
    return compose(subject, statement.ignore_paths, [_describe(resource) for resource in resources])


def compose(subject: Mapping[str, Any], ignore_paths: Iterable[str], resources: Sequence[Mapping[str, Any]]) -> bytes:
    """Return a payload of method ``files`` and hash sha256, the one profile that every reader takes.

    Args:
        subject: What was signed, with its root digest.
        ignore_paths: What was left out.
        resources: The signed files, as they are to be listed.
    """
    serialization = {
        "method": "files",
        "hash_type": "sha256",
        "allow_symlinks": False,
        "ignore_paths": sorted(ignore_paths),
    }
    predicate = {"serialization": serialization, "resources": resources}
    return strictjson.render(
        {"_type": TYPE, "subject": [subject], "predicateType": PREDICATE_TYPE, "predicate": predicate}
    )


def _describe(resource: Resource) -> dict[str, object]:
    extra = {"size": resource.size, "md5": resource.md5, "blake3": resource.blake3}
    known = {name: value for name, value in extra.items() if value is not None}
    return {"name": resource.name, "algorithm": "sha256", "digest": resource.sha256, **known}


def parse(payload: bytes, name: str = "model.sig") -> Statement:
    """Read a payload strictly. Call it only on bytes whose signature was checked.

    Args:
        payload: The signed bytes.
        name: The file they came from, for messages.

    Raises:
        FormatError: With every fault: not strict JSON, another type, method or hash, symlinks allowed, a root digest
            that does not follow from the resources, unsafe, repeated or colliding names, values of a wrong kind.
    """
    reader = strictjson.Reader(f"the statement in {name}")
    top, predicate = read_top(reader, payload)
    ignore_paths = _serialization(reader, predicate.get("serialization"))
    resources = _resources(reader, predicate.get("resources"))
    reader.finish()  # the root digest needs resources without fault
    subject = read_subject(reader, top.get("subject"), root_digest(resources))
    annotations = _annotations(reader, subject)
    reader.finish()
    return Statement(str(subject["name"]), resources, ignore_paths, MappingProxyType(dict(annotations)))


def read_top(reader: strictjson.Reader, payload: bytes) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the statement's members and its predicate's, with faults for another type of either."""
    top = reader.mapping(
        strictjson.parse(payload, reader.what), "$", required=("_type", "subject", "predicateType", "predicate")
    )
    reader.constant(top.get("_type"), "$._type", TYPE)
    reader.constant(top.get("predicateType"), "$.predicateType", PREDICATE_TYPE)
    return top, reader.mapping(top.get("predicate"), "$.predicate", required=("serialization", "resources"))


def _serialization(reader: strictjson.Reader, value: object) -> tuple[str, ...]:
    path = "$.predicate.serialization"
    serialization = reader.mapping(value, path, required=("method", "hash_type"))
    reader.constant(serialization.get("method"), f"{path}.method", "files")
    reader.constant(serialization.get("hash_type"), f"{path}.hash_type", "sha256")
    reader.constant(serialization.get("allow_symlinks", False), f"{path}.allow_symlinks", False)
    # An unknown member here could change what the list of resources means, so none is let pass.
    reader.mapping(serialization, path, optional=("method", "hash_type", "allow_symlinks", "ignore_paths"))
    ignored = reader.array(serialization.get("ignore_paths", []), f"{path}.ignore_paths")
    return tuple(reader.text(item, f"{path}.ignore_paths[{number}]") for number, item in enumerate(ignored))


def _resources(reader: strictjson.Reader, value: object) -> tuple[Resource, ...]:
    path = "$.predicate.resources"
    items = reader.array(value, path)
    if not 0 < len(items) <= MAX_RESOURCES:
        reader.fault(path, f"must list between 1 and {MAX_RESOURCES} files, not {len(items)}")
        return ()
    resources = tuple(_resource(reader, item, f"{path}[{number}]") for number, item in enumerate(items))
    if pair := colliding(resource.name for resource in resources):
        same = "is listed twice" if pair[0] == pair[1] else f"is the same name as {pair[0]!r} on some file systems"
        reader.fault(path, f"{pair[1]!r} {same}")
    _no_file_is_a_folder(reader, resources, path)
    return resources


def _no_file_is_a_folder(reader: strictjson.Reader, resources: Sequence[Resource], path: str) -> None:
    names = {resource.name for resource in resources}
    for name in sorted(names):
        parts = name.split("/")
        if any("/".join(parts[:length]) in names for length in range(1, len(parts))):
            reader.fault(path, f"{name!r} lies below another listed file")


def _resource(reader: strictjson.Reader, value: object, path: str) -> Resource:
    item = reader.mapping(value, path, required=("name", "algorithm", "digest"))
    name = reader.text(item.get("name"), f"{path}.name")
    if fault := path_fault(name):
        reader.fault(f"{path}.name", f"{name!r} {fault}")
    reader.constant(item.get("algorithm"), f"{path}.algorithm", "sha256")
    size = item.get("size")
    if size is not None and (type(size) is not int or not 0 <= size <= MAX_FILE_SIZE):
        reader.fault(f"{path}.size", "must be a number of bytes")
    sha256 = _hex(reader, item.get("digest"), "sha256", f"{path}.digest") or "0" * 64
    md5, blake3 = (_hex(reader, item.get(key), key, f"{path}.{key}") for key in ("md5", "blake3"))
    return Resource(name, sha256, size, md5, blake3)


def _hex(reader: strictjson.Reader, value: object, algorithm: str, path: str) -> str | None:
    if value is None:
        return None
    if isinstance(value, str) and is_hex(value, algorithm):
        return value
    reader.fault(path, f"is not a {algorithm} in lower-case hexadecimal")
    return None


def read_subject(reader: strictjson.Reader, value: object, root: str) -> Mapping[str, Any]:
    """Return the one subject, whose name is a text, with a fault when its digest is not ``root``."""
    subjects = reader.array(value, "$.subject")
    if len(subjects) != 1:
        reader.fault("$.subject", f"must name exactly one model, not {len(subjects)}")
        return {"name": ""}
    path = "$.subject[0]"
    subject = reader.mapping(subjects[0], path, required=("name", "digest"))
    digest = reader.mapping(subject.get("digest"), f"{path}.digest", required=("sha256",))
    if (found := digest.get("sha256")) != root:
        reader.fault(f"{path}.digest.sha256", f"is {found}, but the resources give {root}")
    return {**subject, "name": reader.text(subject.get("name"), f"{path}.name")}


def _annotations(reader: strictjson.Reader, subject: Mapping[str, Any]) -> Mapping[str, Any]:
    path = "$.subject[0].annotations"
    annotations = reader.mapping(subject.get("annotations", {}), path)
    ours = reader.mapping(annotations.get(_SYCEE, {}), f"{path}.{_SYCEE}")
    _check_annotations(reader, ours, f"{path}.{_SYCEE}")
    return ours


def _check_annotations(reader: strictjson.Reader, ours: Mapping[str, Any], path: str) -> None:
    for name in ("name", "version"):
        if name in ours:
            reader.text(ours[name], f"{path}.{name}")
    if "identity" in ours and not (isinstance(ours["identity"], str) and is_hex(ours["identity"], "sha256")):
        reader.fault(f"{path}.identity", "is not a sha256 in lower-case hexadecimal")
    serial = ours.get("serial")
    if serial is not None and (type(serial) is not int or serial < 0):
        reader.fault(f"{path}.serial", "must be a whole number from 0")
