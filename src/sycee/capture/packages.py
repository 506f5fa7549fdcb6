"""What is known of an installed distribution beyond its name and version, read from what its installer left behind."""

import hashlib
import json
import re
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from types import ModuleType
from typing import Any

from sycee.digest import is_hex
from sycee.formats.pylock import FILE_NAME, File

_TAG = re.compile(r"^Tag:[ \t]*(\S+)[ \t]*$", re.MULTILINE)
_WORD = re.compile(r"[a-z][a-z0-9-]{0,40}")


def tags(distribution: metadata.Distribution) -> frozenset[str]:
    """Return the tags of the wheel it was installed from (``py3-none-any``); none if it says nothing."""
    return frozenset(_TAG.findall(distribution.read_text("WHEEL") or ""))


def tags_of(file: File) -> frozenset[str]:
    """Return the tags that the name of a wheel stands for: each of its three parts may give several."""
    parts = [part.split(".") for part in file.name.removesuffix(".whl").split("-")[-3:]]
    if len(parts) < 3:
        return frozenset()
    return frozenset(f"{python}-{abi}-{machine}" for python in parts[0] for abi in parts[1] for machine in parts[2])


def installer(distribution: metadata.Distribution) -> str:
    """Return what installed it (``pip``, ``uv``, ``conda``), or nothing if it does not say so in a word."""
    name = (distribution.read_text("INSTALLER") or "").strip().lower()
    return name if _WORD.fullmatch(name) else ""


def archive(distribution: metadata.Distribution) -> File | None:
    """Return the file that it was installed from by its path or address, if the installer noted a digest (PEP 610)."""
    record: Mapping[str, Any] = json.loads(distribution.read_text("direct_url.json") or "{}")
    info = record.get("archive_info") or {}
    sha256 = (info.get("hashes") or {}).get("sha256") or str(info.get("hash", "")).removeprefix("sha256=")
    name = str(record.get("url", "")).rpartition("/")[2].replace("%2B", "+").replace("%2b", "+")
    return File(name, sha256) if is_hex(sha256, "sha256") and FILE_NAME.fullmatch(name) else None


def record(distribution: metadata.Distribution) -> str:
    """Return the digest of what it consists of (docs/spec/pylock.md, producer rule 5), or nothing without RECORD."""
    lines = sorted(set(filter(_of_the_wheel, (distribution.read_text("RECORD") or "").splitlines())))
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest() if lines else ""


def _of_the_wheel(line: str) -> bool:
    path, _, rest = line.rpartition(",sha256=")
    return bool(rest) and ".dist-info/" not in path and not path.endswith(".pyc") and not path.startswith(("..", "/"))


def imported(
    distributions: Mapping[str, metadata.Distribution], modules: Mapping[str, ModuleType] | None = None
) -> set[str]:
    """Return the names of the distributions from which this process has imported something.

    A module belongs to the distribution whose RECORD has its file.

    Args:
        distributions: Those to choose from, by name.
        modules: ``sys.modules`` unless a test says otherwise.
    """
    wanted = set(_files(sys.modules if modules is None else modules))
    found: set[str] = set()
    for name, one in distributions.items():
        recorded = f"\n{one.read_text('RECORD') or ''}"
        if hits := {file for file in wanted if f"\n{file}," in recorded}:
            found.add(name)
            wanted -= hits
    return found


def _files(modules: Mapping[str, ModuleType]) -> Iterator[str]:
    """Yield the files of the outermost modules that have one, relative to the folder they were found in."""
    for name, module in list(modules.items()):
        file = getattr(module, "__file__", None)
        outer, _, _ = name.rpartition(".")
        if not isinstance(file, str) or name.partition(".")[0] in sys.stdlib_module_names:
            continue
        if not outer or getattr(modules.get(outer), "__file__", None) is None:
            depth = name.count(".") + (2 if "/__init__." in file else 1)
            yield "/".join(file.replace("\\", "/").split("/")[-depth:])
