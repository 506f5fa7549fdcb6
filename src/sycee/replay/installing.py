"""Puts the packages of a lock into an environment with uv, and says which one cannot be had and why.

uv sees pins and digests alone. Where files come from is the configuration of whoever replays, never the lock.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from sycee.errors import CannotRebuild
from sycee.formats import requirements
from sycee.formats.requirements import Lock, Requirement
from sycee.system.uv import Answer, Uv

_NAME = r"`?(?P<name>[a-z0-9][a-z0-9._-]*)"
_HERE = "sycee replay --here uses the packages that are installed"
# What uv says, what that means, and what to do.
_REASONS: Sequence[tuple[re.Pattern[str], str, str]] = (
    (
        re.compile(rf"Hash mismatch for {_NAME}=="),
        "{pin}: the file that is to be had under this name is not the one that was frozen",
        "use the index it came from: UV_DEFAULT_INDEX, UV_INDEX, UV_FIND_LINKS",
    ),
    (
        re.compile(rf"Because {_NAME}\S* has no wheels with a matching"),
        "{pin} has no wheel for this machine and this Python",
        f"replay where it was frozen; or {_HERE}",
    ),
    (
        re.compile(rf"Because {_NAME}\S* has no usable wheels"),
        "{pin} has no wheel for this machine and this Python, and nothing is built from source",
        _HERE,
    ),
    (
        re.compile(rf"(?:no version of|Because|again) {_NAME}"),
        "{pin} is on no index that is configured here",
        "say where it is: UV_INDEX=URL, or UV_FIND_LINKS=FOLDER with its wheel",
    ),
)
_NOT_FETCHED = re.compile(r"Failed to fetch: `?\S+/(?P<name>[a-z0-9][a-z0-9-]*)/?`?$", re.MULTILINE)


class Source(NamedTuple):
    """What to install with, and where to.

    Attributes:
        uv: The program, with the user's configuration.
        python: The interpreter of the environment.
        wheels: A folder of wheels that the version carries, or None.
        patience: Seconds.
    """

    uv: Uv
    python: Path
    wheels: Path | None
    patience: float


def install(lock: Lock, source: Source, scratch: Path) -> tuple[str, ...]:
    """Install all that an index can give back.

    Where a version with a local label (``+cpu``) is nowhere to be had, the public version stands in for it.

    Args:
        lock: What to install.
        source: With what, and where to.
        scratch: A folder for the list that uv reads.

    Returns:
        What is not as it was frozen, a sentence each.

    Raises:
        CannotRebuild: If a package cannot be had.
    """
    notes = list(_left_out(lock))
    pins = {one.pin: one for one in lock.indexed}
    if unknown := [pin for pin, one in pins.items() if not one.hashes]:
        notes.append(f"no digest was frozen of {', '.join(unknown)}: the same version may be another file")
    while True:
        answer = _sync(pins.values(), source, scratch)
        if answer.code == 0:
            return tuple(notes)
        blamed = _blamed(answer.words, pins)
        if blamed is None or "+" not in blamed.version or answer.is_offline or "Hash mismatch" in answer.words:
            raise _explained(answer, blamed)
        public = Requirement(blamed.name, blamed.version.partition("+")[0])
        pins = {public.pin if pin == blamed.pin else pin: one for pin, one in pins.items()} | {public.pin: public}
        notes.append(f"{blamed.pin} is not to be had here: {public.pin} stands in for it, which is another build")


def _left_out(lock: Lock) -> Iterable[str]:
    if elsewhere := [f"{one.pin} ({one.origin})" for one in lock.requirements if one.origin]:
        yield f"not installed: {', '.join(elsewhere)}; what the version needs of them is in its source"


def _sync(pins: Iterable[Requirement], source: Source, scratch: Path) -> Answer:
    wanted = Lock(tuple(pins))
    listed = scratch / "requirements.lock"
    listed.write_bytes(requirements.render(wanted.requirements))
    hashed = ("--require-hashes",) if wanted.requirements and wanted.fully_hashed else ()
    places = [place for place in source.uv.environ.get("UV_FIND_LINKS", "").split(",") if place]  # the option hides it
    links = [f"--find-links={place}" for place in (source.wheels, *places)] if source.wheels else []
    arguments = ("pip", "sync", "--quiet", "--no-build", "--allow-empty-requirements", "--python", source.python)
    return source.uv.run(*arguments, *hashed, *links, *source.uv.indexes, listed, patience=source.patience)


def _blamed(words: str, pins: dict[str, Requirement]) -> Requirement | None:
    """Return the package of which uv says that it cannot be had; None if it names none of ours."""
    told = (*(reason for reason, _what, _hint in _REASONS), _NOT_FETCHED)
    names = [found["name"] for reason in told for found in reason.finditer(words)]
    known = {pin.partition("==")[0]: one for pin, one in pins.items()}
    return next((known[name] for name in names if name in known), None)


def _explained(answer: Answer, blamed: Requirement | None) -> CannotRebuild:
    package = blamed.pin if blamed else None
    if answer.is_offline and "Hash mismatch" not in answer.words:
        what = f"{package} is not in uv's cache" if package else "not all packages are in uv's cache"
        hint = "go online, or give a folder with the wheels: UV_FIND_LINKS=FOLDER"
        return CannotRebuild(f"{what}, and no index was reached", hint=hint, package=package)
    for reason, what, hint in _REASONS:
        if blamed and reason.search(answer.words):
            return CannotRebuild(what.format(pin=blamed.pin), hint=hint, package=package)
    return CannotRebuild(f"uv could not install the packages: {summary(answer.words)}", hint=_HERE, package=package)


def summary(words: str) -> str:
    """Return what uv gives as the error and its cause, in a line; addresses are left out."""
    lines = [line.strip() for line in words.splitlines()]
    told = [line.partition(": ")[2] for line in lines if line.startswith(("error: ", "cause: "))]
    return re.sub(r"\S+://\S+", "…", "; ".join(told[:2])) or "it says nothing"
