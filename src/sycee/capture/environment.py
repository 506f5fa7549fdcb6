"""Python, the platform, and what pins a distribution. No host name, no user name, no path of the machine."""

import json
import platform
import re
from collections.abc import Iterator, Mapping
from importlib import metadata
from typing import Any

from sycee.formats.requirements import Requirement

# The head of METADATA; parsing whole files (long descriptions) as e-mail takes four times as long.
_FIELD = re.compile(r"^(Name|Version):[ \t]*(.*?)[ \t]*$", re.MULTILINE)


def python_version() -> str:
    """Return the interpreter's version and, if it is another than CPython, its name: ``3.11.9``, ``3.10.14 PyPy``."""
    implementation = platform.python_implementation()
    return platform.python_version() + ("" if implementation == "CPython" else f" {implementation}")


def platform_name() -> str:
    """Return system, machine and C library: ``Linux x86_64 glibc 2.36``."""
    return " ".join(part for part in (platform.system(), platform.machine(), *platform.libc_ver()) if part)


def requirement_of(distribution: metadata.Distribution) -> Requirement | None:
    """Return what pins a distribution, or None if its metadata is broken."""
    text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
    head = dict(_first(_FIELD.findall(text.partition("\n\n")[0])))
    if "Name" not in head or "Version" not in head:
        return None  # a half-removed package: Python itself cannot say what it is
    origin, revision = _origin(distribution.read_text("direct_url.json"))
    return Requirement(head["Name"], head["Version"], origin, revision)


def _first(pairs: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    return reversed(pairs)  # so that in a dict the first of two equal fields wins


def _origin(direct_url: str | None) -> tuple[str, str]:
    """Return origin and revision by PEP 610; an archive or wheel file counts as what an index can give back."""
    record: Mapping[str, Any] = json.loads(direct_url) if direct_url else {}
    if "vcs_info" in record:
        return "vcs", str(record["vcs_info"].get("commit_id", ""))
    if "dir_info" in record:
        return ("editable" if record["dir_info"].get("editable") else "local"), ""
    return "", ""
