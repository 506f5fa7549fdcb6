"""Which files the user's indexes have of a version: asked through uv in a thread, and remembered.

The files of a version do not change, so an answer holds for ever; that no index has a version is asked again the next
day. Answers are kept apart by Python, platform and the indexes that gave them.
"""

import hashlib
import json
import re
import sys
import sysconfig
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from sycee.digest import is_hex
from sycee.errors import FormatError
from sycee.formats.pylock import FILE_NAME, File, foreign_files
from sycee.system.atomic import write_file
from sycee.system.uv import Answer, Uv

PATIENCE = 20.0  # seconds from the start; a first freeze of two hundred packages takes two
_QUICKLY = {"UV_HTTP_TIMEOUT": "8", "UV_HTTP_RETRIES": "1"}  # a freeze does not wait for a network that is not there
_ALIKE = 3  # times that all are asked for again without those that were refused; then half by half

Files = tuple[File, ...]


class Found(NamedTuple):
    """What is known of some versions.

    Attributes:
        files: Pin (``name==version``) to what an index has of it for this machine.
        unknown: Pins that no index has.
    """

    files: Mapping[str, Files]
    unknown: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Memory:
    """What was answered before.

    Attributes:
        path: Its file.
        today: The date, as text.
    """

    path: Path
    today: str

    def read(self) -> Found:
        """Return what it holds; nothing if it cannot be read."""
        try:
            value: Any = json.loads(self.path.read_bytes())
            files = {str(pin): tuple(_file(*entry) for entry in entries) for pin, entries in value["files"].items()}
            unknown = frozenset(str(pin) for pin, date in value["unknown"].items() if date == self.today)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return Found({})
        return Found(files, unknown)

    def add(self, found: Found) -> None:
        """Remember more; that it cannot be written is no harm."""
        known = self.read()
        value = {
            "files": {**known.files, **found.files},
            "unknown": dict.fromkeys(sorted(known.unknown | found.unknown), self.today),
        }
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_file(self.path, json.dumps(value, sort_keys=True).encode())
        except OSError:
            return


def _file(name: object, sha256: object, size: object) -> File:
    if not isinstance(name, str) or not FILE_NAME.fullmatch(name):
        raise ValueError("no name of a file")
    if not isinstance(sha256, str) or not is_hex(sha256, "sha256"):
        raise ValueError("no digest")
    if size is not None and (not isinstance(size, int) or size < 0):
        raise ValueError("no size")
    return File(name, sha256, size)


def memory_of(folder: Path, uv: Uv, today: str) -> Memory:
    """Return the memory for this Python, this platform and these indexes.

    Args:
        folder: The user's cache.
        uv: Whose settings name the indexes; they are hashed and not written.
        today: The date, as text.
    """
    settings = sorted(item for item in uv.environ.items() if item[0].startswith("UV_"))
    here = [sys.implementation.cache_tag, sysconfig.get_platform(), settings, uv.indexes]
    name = hashlib.sha256(json.dumps(here).encode()).hexdigest()[:32]
    return Memory(folder / "packages" / f"{name}.json", today)


class Question:
    """Which files some versions have. It is asked in a thread of its own, for what is not remembered.

    Attributes:
        is_forbidden: Whether the user has told uv to ask no index (``UV_OFFLINE``).
    """

    def __init__(self, pins: Iterable[str], uv: Uv | None, memory: Memory | None) -> None:
        known = memory.read() if memory else Found({})
        wanted = set(pins)
        self._files = {pin: files for pin, files in known.files.items() if pin in wanted}
        self._unknown = set(known.unknown & wanted)
        self._memory = memory
        self._deadline = time.monotonic() + PATIENCE
        self._thread: threading.Thread | None = None
        self.is_forbidden = bool(uv and uv.environ.get("UV_OFFLINE"))
        missing = sorted(wanted - self._files.keys() - self._unknown)
        if uv and missing and not self.is_forbidden:
            quick = replace(uv, environ={**_QUICKLY, **uv.environ})
            self._thread = threading.Thread(target=self._ask, args=(quick, missing), daemon=True)
            self._thread.start()

    def answer(self) -> Found:
        """Wait, not for ever, and return what is known."""
        if self._thread:
            self._thread.join(max(0.0, self._deadline - time.monotonic()))
        return Found(dict(self._files), frozenset(self._unknown))

    def _ask(self, uv: Uv, pins: Sequence[str]) -> None:
        groups, refused = [list(pins)], 0
        while groups and time.monotonic() < self._deadline:
            group = groups.pop()
            answer = _compile(uv, group, self._deadline - time.monotonic())
            if answer.code == 0:
                self._learn(answer.out, group)
                continue
            blamed = {pin for pin in group if re.search(rf"(?<![\w.-]){re.escape(pin)}(?![\w+-]|\.\w)", answer.words)}
            if answer.is_offline or not blamed:
                break
            self._unknown |= blamed
            refused += 1
            rest = [pin for pin in group if pin not in blamed]
            half = len(rest) // 2 if refused > _ALIKE else 0
            groups += [part for part in (rest[:half], rest[half:]) if part]
        if self._memory:
            self._memory.add(Found(dict(self._files), frozenset(self._unknown)))

    def _learn(self, out: bytes, pins: Iterable[str]) -> None:
        try:
            told = {f"{name}=={version}": tuple(files) for (name, version), files in foreign_files(out, "uv").items()}
        except FormatError:
            return
        self._files |= {pin: files for pin in pins if (files := told.get(pin))}
        self._unknown |= {pin for pin in pins if not told.get(pin)}


def _compile(uv: Uv, pins: Iterable[str], patience: float) -> Answer:
    """Have uv look up the pins alone, without what they need. Nothing is built: no dependencies are looked at."""
    arguments = ("pip", "compile", "-", "--no-deps", "--format", "pylock.toml", "--no-header", "--quiet")
    place = ("--python", sys.executable, "--no-python-downloads")
    return uv.run(*arguments, *place, *uv.indexes, stdin="\n".join(pins).encode(), patience=patience)
