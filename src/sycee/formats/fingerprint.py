"""``context/fingerprint.json``: what of a process and its machine decides the bits of an inference.

Facts are texts, by area and name; one set of facts has exactly one text. Specification: ``docs/spec/fingerprint.md``.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from sycee.digest import sha256_hex
from sycee.formats import strictjson

NAME = "fingerprint.json"
VERSION = 1
AREAS = ("blas", "build", "cpu", "env", "flag", "gpu", "package", "python", "threads")
MAX_SIZE = 1 << 20  # bytes; a real one has some five thousand
MAX_VALUE = 1000  # characters

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,199}")
_VALUE = re.compile(f"[^\x00-\x1f\x7f-\x9f\u2028\u2029]{{1,{MAX_VALUE}}}")

# Variables that change speed, memory or messages alone; libraries set some of them when they are imported.
INERT = (
    r"TOKENIZERS_\w+|KMP_(?:DUPLICATE_LIB_OK|INIT_AT_FORK|WARNINGS|BLOCKTIME|AFFINITY|SETTINGS|VERSION)|GOMP_CPU_AFFINITY"
    r"|OMP_(?:PROC_BIND|PLACES|WAIT_POLICY|DISPLAY_\w+)|CUDA_(?:MODULE_LOADING|LAUNCH_BLOCKING|CACHE_\w+)"
    r"|PYTORCH_(?:\w+_)?ALLOC_CONF|PYTORCH_NVML_BASED_CUDA_CHECK|TORCH_(?:LOGS|SHOW_CPP_STACKTRACES|CPP_LOG_LEVEL)"
    r"|OPENCV_LOG_LEVEL"
)
# What says which interpreter or text it is, and moves no bit of a result computed by the same libraries.
_SILENT = re.compile(
    rf"python\.(?:build|compiler|encoding)|env\.(?:LANG|LANGUAGE|LC_\w+|TZ|PYTHONHASHSEED|{INERT})"
    r"|flag\.sys\..*|blas\..*\.file"
)


class Fingerprint(NamedTuple):
    """The facts, by area and name.

    Attributes:
        facts: Each of :data:`AREAS` to its names and values; an area that has nothing to say is empty.
    """

    facts: Mapping[str, Mapping[str, str]]


def parse(data: bytes, name: str) -> Fingerprint:
    """Read a fingerprint strictly.

    Args:
        data: All bytes of the file.
        name: Its name, for messages.

    Raises:
        FormatError: With every fault; also if a single byte differs from what :func:`render` writes.
    """
    fingerprint = read(strictjson.parse(data, name, limit=MAX_SIZE), name)
    strictjson.require_canonical(data, render(fingerprint), name)
    return fingerprint


def read(value: object, name: str) -> Fingerprint:
    """Return the fingerprint that a JSON value holds: what a process that was asked gives back.

    Args:
        value: The parsed value, whoever wrote it.
        name: What it is, for messages.

    Raises:
        FormatError: With every fault.
    """
    reader = strictjson.Reader(name)
    document = reader.mapping(value, "$", required=("version", *AREAS), optional=())
    if "version" in document:
        reader.constant(document["version"], "$.version", VERSION)
    facts = {area: _area(reader, document[area], f"$.{area}") for area in AREAS if area in document}
    reader.finish()
    return Fingerprint(facts)


def _area(reader: strictjson.Reader, value: object, path: str) -> Mapping[str, str]:
    facts = reader.mapping(value, path)
    for name, fact in facts.items():
        if not _NAME.fullmatch(name):
            reader.fault(path, f"{name[:80]!r} is not the name of a fact")
        elif (text := reader.text(fact, f"{path}.{name}")) and not _VALUE.fullmatch(text):
            reader.fault(f"{path}.{name}", f"is not one line of at most {MAX_VALUE} characters")
        elif fact == "":
            reader.fault(f"{path}.{name}", "is empty")
    return facts


def render(fingerprint: Fingerprint) -> bytes:
    """Return the one text of these facts."""
    document: dict[str, Any] = {"version": VERSION, **{area: dict(fingerprint.facts[area]) for area in AREAS}}
    return strictjson.render_readable(document)


def decides(area: str, name: str) -> bool:
    """Return whether a fact may change a bit of an output, on the same inputs, weights and code."""
    return not _SILENT.fullmatch(f"{area}.{name}")


def key(fingerprint: Fingerprint) -> str:
    """Return the sha256, 64 hex digits, of the facts that decide: equal keys demand equal bits."""
    facts = {
        area: {name: value for name, value in fingerprint.facts[area].items() if decides(area, name)} for area in AREAS
    }
    return sha256_hex(json.dumps(facts, ensure_ascii=False, sort_keys=True).encode())


def device_class(fingerprint: Fingerprint) -> str:
    """Return what outputs are comparable on: the GPUs in use, else the CPU's architecture.

    Returns:
        ``cpu x86_64``, or ``cuda NVIDIA A10 (8.6)``.
    """
    if devices := fingerprint.facts["gpu"].get("devices"):
        return f"cuda {devices}"
    return f"cpu {fingerprint.facts['cpu'].get('machine', 'unknown')}"
