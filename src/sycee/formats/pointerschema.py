"""The closed schema of a pointer, as DVC 3.67 enforces it, with the values that sycee additionally refuses.

A check looks at one value and appends what is wrong to a list; nothing stops at the first fault.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from sycee.digest import is_hex
from sycee.errors import Fault
from sycee.formats.paths import path_fault

Check = Callable[[Any, str, list[Fault]], None]

_MAX_SIZE = 2**63 - 1  # bytes; what file systems can address
_ROOTED_OR_CONTROL = re.compile(r"[/\\]|[A-Za-z]:|.*[\x00-\x1f\x7f]", re.DOTALL)
_MIN_CHECKSUM = 3  # DVC splits off two characters for the cache folder


def faults_of(value: Any) -> list[Fault]:
    """Return everything wrong with a pointer's value, in document order; empty when it is valid.

    Args:
        value: The plain Python value of the YAML document.
    """
    faults: list[Fault] = []
    _POINTER(value, "$", faults)
    if not faults:
        _repeated_paths(value.get("outs") or [], faults)
    return faults


def _kind(value: Any) -> str:
    for type_, name in _KINDS:
        if isinstance(value, type_):
            return name
    return f"a {type(value).__name__}"


_KINDS: tuple[tuple[type, str], ...] = (
    (type(None), "nothing"),
    (bool, "a boolean"),
    (int, "an integer"),
    (float, "a float"),
    (str, "text"),
    (list, "a list"),
    (dict, "a map"),
)


def _instance(type_: type, name: str) -> Check:
    def check(value: Any, where: str, faults: list[Fault]) -> None:
        if not isinstance(value, type_):
            faults.append(Fault(where, f"must be {name}, found {_kind(value)}"))

    return check


_text = _instance(str, "text")
_boolean = _instance(bool, "true or false")
_any_map = _instance(dict, "a map")


def _anything(_value: Any, _where: str, _faults: list[Fault]) -> None:
    return


def _count(value: Any, where: str, faults: list[Fault]) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        faults.append(Fault(where, f"must be an integer, found {_kind(value)}"))
    elif not 0 <= value <= _MAX_SIZE:
        faults.append(Fault(where, "must be between 0 and 2**63 - 1"))


def _either(*checks: Check) -> Check:
    """Accept what one of the checks accepts; report what the first one says."""

    def check(value: Any, where: str, faults: list[Fault]) -> None:
        found: list[list[Fault]] = [[] for _ in checks]
        for one, list_ in zip(checks, found, strict=True):
            one(value, where, list_)
        if all(found):
            faults.extend(found[0])

    return check


def _optional(inner: Check) -> Check:
    def check(value: Any, where: str, faults: list[Fault]) -> None:
        if value is not None:
            inner(value, where, faults)

    return check


def _list_of(inner: Check) -> Check:
    def check(value: Any, where: str, faults: list[Fault]) -> None:
        if not isinstance(value, list):
            faults.append(Fault(where, f"must be a list, found {_kind(value)}"))
            return
        for index, item in enumerate(value):
            inner(item, f"{where}[{index}]", faults)

    return check


def _closed(keys: Mapping[str, Check], required: str | None = None) -> Check:
    def check(value: Any, where: str, faults: list[Fault]) -> None:
        if not isinstance(value, dict):
            faults.append(Fault(where, f"must be a map, found {_kind(value)}"))
            return
        for key, item in value.items():
            if key in keys:
                keys[key](item, f"{where}.{key}", faults)
            else:
                faults.append(Fault(f"{where}.{str(key)[:80]}", "is not a key that DVC knows here"))
        if required and required not in value:
            faults.append(Fault(f"{where}.{required}", "is missing"))

    return check


def _md5(value: Any, where: str, faults: list[Fault]) -> None:
    if not value and (value is None or isinstance(value, str)):
        return  # DVC reads both as "no checksum yet"
    if not isinstance(value, str):
        faults.append(Fault(where, f"must be text in quotes, since YAML reads it as {_kind(value)}"))
        return
    digits = value.removesuffix(".dir")
    if is_hex(digits, "md5"):
        return
    if is_hex(digits.lower(), "md5"):
        faults.append(Fault(where, "must be in lower case"))
    else:
        faults.append(Fault(where, f"must be 32 hexadecimal digits, found {value[:80]!r}"))


def _checksum(value: Any, where: str, faults: list[Fault]) -> None:
    """A content id that a remote made up: an ETag, an HDFS checksum, the md5 over the ETags of a folder."""
    if not value and (value is None or isinstance(value, str)):
        return
    if not isinstance(value, str):
        faults.append(Fault(where, f"must be text, found {_kind(value)}"))
    elif len(value) < _MIN_CHECKSUM:
        faults.append(Fault(where, f"must have at least {_MIN_CHECKSUM} characters"))


def _hash_name(value: Any, where: str, faults: list[Fault]) -> None:
    if value != "md5":
        faults.append(Fault(where, f"must be 'md5', found {str(value)[:80]!r}"))


def _relative_path(value: Any, where: str, faults: list[Fault]) -> None:
    if not isinstance(value, str):
        faults.append(Fault(where, f"must be text, found {_kind(value)}"))
    elif fault := path_fault(value):
        faults.append(Fault(where, f"unsafe path {value[:200]!r}: {fault}"))


def _wdir(value: Any, where: str, faults: list[Fault]) -> None:
    if not isinstance(value, str):
        faults.append(Fault(where, f"must be text, found {_kind(value)}"))
    elif not value:
        faults.append(Fault(where, "is empty"))
    elif _ROOTED_OR_CONTROL.match(value):
        faults.append(Fault(where, f"must be a relative path without control characters, found {value[:200]!r}"))


def _cloud(value: Any, where: str, faults: list[Fault]) -> None:
    if not isinstance(value, dict):
        faults.append(Fault(where, f"must be a map, found {_kind(value)}"))
        return
    if len(value) > 1:
        faults.append(Fault(where, f"must name one remote, found {len(value)}"))
    for remote, item in value.items():
        _text(remote, where, faults)
        _CLOUD_VERSION(item, f"{where}.{str(remote)[:80]}", faults)


def _repeated_paths(outs: list[dict[str, Any]], faults: list[Fault]) -> None:
    first: dict[str, int] = {}
    for index, out in enumerate(outs):
        before = first.setdefault(out["path"], index)
        if before != index:
            faults.append(Fault(f"$.outs[{index}].path", f"repeats $.outs[{before}].path"))


_META: dict[str, Check] = {"size": _count, "nfiles": _count, "isexec": _boolean, "version_id": _text}
_FOREIGN_IDS: dict[str, Check] = {"etag": _checksum, "checksum": _checksum}
_CLOUD_VERSION = _closed({**_META, **_FOREIGN_IDS, "md5": _checksum})
_FILE = _closed({**_META, **_FOREIGN_IDS, "md5": _md5, "relpath": _relative_path, "cloud": _cloud}, "relpath")
_FILES = _list_of(_FILE)
_OUT = _closed(
    {
        **_META,
        **_FOREIGN_IDS,
        "md5": _md5,
        "hash": _hash_name,
        "path": _relative_path,
        "persist": _boolean,
        "cloud": _cloud,
        "desc": _text,
        "type": _text,
        "labels": _list_of(_text),
        "meta": _anything,
        "cache": _boolean,
        "remote": _text,
        "push": _boolean,
        "files": _FILES,
        "fs_config": _any_map,
    },
    "path",
)
_TEXT_OR_MAP = _either(_text, _any_map)
_DEPENDENCY = _closed(
    {
        **_META,
        **_FOREIGN_IDS,
        "md5": _checksum,
        "hash": _text,
        "path": _text,
        "persist": _boolean,
        "cloud": _cloud,
        "files": _FILES,
        "fs_config": _any_map,
        "repo": _closed(
            {"url": _text, "rev": _text, "rev_lock": _text, "config": _TEXT_OR_MAP, "remote": _TEXT_OR_MAP}, "url"
        ),
        "db": _closed({"query": _text, "connection": _text, "file_format": _text, "table": _text}),
    }
)
_POINTER = _closed(
    {
        "outs": _optional(_list_of(_OUT)),
        "deps": _optional(_list_of(_DEPENDENCY)),
        "md5": _checksum,
        "wdir": _optional(_wdir),
        "frozen": _boolean,
        "locked": _boolean,
        "always_changed": _boolean,
        "desc": _text,
        "meta": _anything,
    }
)
