"""Directory objects: DVC's list of the files of a folder, an object too. Specification: docs/spec/directory-object.md.

The bytes are canonical, since their md5 is the folder's address: one list of files, one address.
"""

import json
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple, NoReturn

from sycee.digest import is_hex, md5_hex
from sycee.errors import Fault, FormatError
from sycee.formats.paths import is_plain, path_fault

SUFFIX = ".dir"
MAX_BYTES = 256 << 20  # some two million files
MAX_FAULTS = 100  # a hostile list of millions of faults helps nobody

_KEYS = {"md5", "relpath"}
_ADDRESS = re.compile(rb'"md5": "([0-9a-f]{32})"')  # in a name each of these quotes would stand behind a backslash
_quoted = json.JSONEncoder().encode


class Entry(NamedTuple):
    """One file of a folder.

    Attributes:
        relpath: Its path below the folder, with ``/``; safe to join (see formats/paths).
        md5: Its address, 32 lower-case hex digits.
    """

    relpath: str
    md5: str


@lru_cache(maxsize=1)  # a command reads the list of one folder several times, and it may be long
def parse(data: bytes) -> tuple[Entry, ...]:
    """Read a directory object.

    Args:
        data: Its bytes, at most :data:`MAX_BYTES`. Order and white space need not be canonical.

    Returns:
        The entries in canonical order, by code points of the path.

    Raises:
        FormatError: With every fault (up to :data:`MAX_FAULTS`) as ``$[3].relpath``.
    """
    if len(data) > MAX_BYTES:
        raise FormatError(f"the directory object is larger than {MAX_BYTES} bytes")
    return rendered(data) or _judged(data)


@lru_cache(maxsize=1)
def rendered(data: bytes) -> tuple[Entry, ...] | None:
    """Return the entries if the bytes are just what :func:`render` makes of them, as nearly all are; else None."""
    try:
        entries = [Entry(item["relpath"], item["md5"]) for item in json.loads(data)]
        return tuple(entries) if render(entries) == data else None
    except (FormatError, LookupError, TypeError, ValueError, AttributeError, RecursionError):
        return None


def _judged(data: bytes) -> tuple[Entry, ...]:
    value = _json(data)
    if not isinstance(value, list):
        raise FormatError("the directory object is not a JSON list", faults=[Fault("$", "must be a list")])
    faults: list[Fault] = []
    entries: list[Entry] = []
    for index, item in enumerate(value):
        found = list(_item_faults(item, f"$[{index}]"))
        faults += found
        if not found:
            entries.append(Entry(item["relpath"], item["md5"]))
        if len(faults) >= MAX_FAULTS:
            break
    return _canonical(entries, faults)


def render(entries: Iterable[Entry]) -> bytes:
    """Return the canonical bytes of a directory object, exactly those that DVC writes.

    Args:
        entries: The files of a folder, in any order.

    Raises:
        FormatError: If :func:`parse` would refuse them.
    """
    items = list(entries)
    faults: list[Fault] = []
    for index, entry in enumerate(items):
        if not (is_hex(entry.md5, "md5") and is_plain(entry.relpath)):
            faults += _entry_faults(entry.md5, entry.relpath, f"$[{index}]")
    ordered = _canonical(items, faults)
    listed = (f'{{"md5": "{entry.md5}", "relpath": {_quoted(entry.relpath)}}}' for entry in ordered)
    return f"[{', '.join(listed)}]".encode("ascii")


def addresses(data: bytes) -> set[bytes]:
    """Return the md5s that a list names, quickly; it must be known that :func:`render` made its bytes."""
    return set(_ADDRESS.findall(data))


def object_id(data: bytes) -> str:
    """Return the address of a directory object: the md5 of its bytes, and ``.dir``."""
    return md5_hex(data) + SUFFIX


def _json(data: bytes) -> Any:
    try:
        return json.loads(data.decode(), object_pairs_hook=_object, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise FormatError(f"the directory object is not UTF-8 (byte {error.start})") from None
    except RecursionError:
        raise FormatError("the directory object is nested too deeply") from None
    except ValueError as error:
        raise FormatError(f"the directory object is not JSON: {error}") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("an object has a key twice")
    return result


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _item_faults(item: Any, where: str) -> Iterator[Fault]:
    if not isinstance(item, dict):
        yield Fault(where, "must be an object")
        return
    for key in sorted(item.keys() - _KEYS):
        yield Fault(f"{where}.{key[:80]}", "is not a key of an entry")
    for key in sorted(_KEYS - item.keys()):
        yield Fault(f"{where}.{key}", "is missing")
    for key in sorted(_KEYS & item.keys()):
        if not isinstance(item[key], str):
            yield Fault(f"{where}.{key}", "must be text")
            return
    if item.keys() >= _KEYS:
        yield from _entry_faults(item["md5"], item["relpath"], where)


def _entry_faults(md5: str, relpath: str, where: str) -> Iterator[Fault]:
    if not is_hex(md5, "md5"):
        yield Fault(f"{where}.md5", f"must be 32 lower-case hexadecimal digits, found {md5[:80]!r}")
    if fault := path_fault(relpath):
        yield Fault(f"{where}.relpath", f"unsafe path {relpath[:200]!r}: {fault}")
    if ".dvc" in relpath.casefold().split("/"):  # DVC lists none; checked out, it would be a repository's settings
        yield Fault(f"{where}.relpath", "has the component '.dvc', which belongs to a repository")


def _canonical(entries: list[Entry], faults: list[Fault]) -> tuple[Entry, ...]:
    """Return the entries in order; raise for faults found before or for paths that exclude each other."""
    ordered = sorted(entries, key=lambda entry: entry.relpath)
    if not faults:
        faults = list(_collisions(ordered))
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise FormatError(f"the directory object is not valid: {faults[0]}{more}", faults=faults[:MAX_FAULTS])
    return tuple(ordered)


def _collisions(ordered: list[Entry]) -> Iterator[Fault]:
    files: set[str] = set()
    for entry in ordered:
        if entry.relpath in files:
            yield Fault("$", f"{entry.relpath!r} is listed twice")
        files.add(entry.relpath)
    folders = {""}  # and those above each of them are no files
    for entry in ordered:
        way = []
        parent = entry.relpath.rpartition("/")[0]
        while parent not in folders:
            if parent in files:
                yield Fault("$", f"{parent!r} is both a file and the folder of {entry.relpath!r}")
                break
            way.append(parent)
            parent = parent.rpartition("/")[0]
        else:
            folders.update(way)
