"""Makes the environment of a version again, from its lock, with uv.

An environment is made in a hidden folder and renamed when it is whole, so what has its name is complete. It is named
by what it was made of, checked before it is used again, and may be deleted at any time. Those that were used last are
kept.
"""

import hashlib
import json
import os
import platform
import re
import sys
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from importlib.metadata import PathDistribution
from pathlib import Path
from typing import Any, NamedTuple

from sycee.capture import packages
from sycee.core.progress import SILENT, Progress
from sycee.digest import sha256_hex
from sycee.errors import CannotRebuild, FormatError
from sycee.formats import pylock, requirements
from sycee.formats.pylock import Pylock
from sycee.formats.requirements import Lock, normal_name
from sycee.replay.installing import Source, install, summary
from sycee.system.atomic import hidden_folder, write_file
from sycee.system.uv import Uv, find_uv

PATIENCE = 1800.0  # seconds for uv to bring the packages
KEPT = 8  # environments; of the others, those go that were not used for some time, when another one is made
IDLE = 86_400.0  # seconds
_MARKER = "sycee.json"  # in the environment: what it was made of
_NAME = re.compile(r"[0-9a-f]{32}")  # of an environment
_PYTHON = re.compile(r"(?P<version>[0-9]+\.[0-9]+\.[0-9]+[a-z0-9]*)\+?(?: (?P<implementation>[A-Za-z]{2,20}))?")
_HERE = "sycee replay --here uses the packages that are installed"


class Rebuilt(NamedTuple):
    """An environment.

    Attributes:
        python: Its interpreter.
        notes: What in it is not as it was frozen, a sentence each.
    """

    python: Path
    notes: tuple[str, ...] = ()


class Options(NamedTuple):
    """How to rebuild.

    Attributes:
        environ: The environment, with the user's configuration of uv and pip.
        wheels: The folder of wheels that the version carries (``context/wheels``), if it does.
        only: Names of the packages to install; None for all. Sound only if it has whatever the version imports, and
            what that imports.
        progress: Told that something long is going on.
    """

    environ: Mapping[str, str]
    wheels: Path | None = None
    only: Collection[str] | None = None
    progress: Progress = SILENT


def rebuild(lock: bytes, described: bytes | None, python: str, place: Path, options: Options) -> Rebuilt:
    """Return an environment with the packages of a lock.

    Args:
        lock: ``requirements.lock``, verified.
        described: ``pylock.toml``, verified, if the version has one.
        python: The version of Python as the card gives it: ``3.11.9``, ``3.10.14 PyPy``.
        place: The folder in which environments are kept.
        options: How.

    Raises:
        CannotRebuild: If it cannot be made here; says which package, why, and what to do.
        OSError: If ``place`` cannot be written.
    """
    wanted = _Wanted(_read(lock, options.only), _described(described), _asked_for(python))
    _require_this_machine(wanted.described)
    uv = find_uv(options.environ)
    if uv is None:
        raise CannotRebuild(
            "environments are rebuilt with uv, which is not installed", hint="pip install 'sycee[replay]'"
        )
    home = place / wanted.key(options)
    if found := _used(home):
        return found
    with options.progress.start("making the environment", None), hidden_folder(place) as scratch:
        _make(wanted, scratch, uv, options)
        _settle(scratch / "environment", home)
        found = _used(home)
        _sweep(place, scratch)
    if found:
        return found
    raise CannotRebuild("the environment was made and is not whole", hint="repeat; something deletes files in it")


class _Wanted(NamedTuple):
    """What an environment is made of."""

    lock: Lock
    described: Pylock | None
    python: str  # as uv is asked for it

    def key(self, options: Options) -> str:
        """Return the name of the environment: with other wheels beside it, another one."""
        carried = sorted(path.name for path in options.wheels.iterdir()) if options.wheels else []
        facts = [sha256_hex(requirements.render(self.lock.requirements)), self.python, carried]
        facts.append(sha256_hex(pylock.render(self.described)) if self.described else "")
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


def _read(lock: bytes, only: Collection[str] | None) -> Lock:
    try:
        return requirements.parse(lock if only is None else requirements.selected(lock, only))
    except FormatError as error:
        raise CannotRebuild(error.message, hint="the version was not frozen by sycee; " + _HERE) from None


def _described(data: bytes | None) -> Pylock | None:
    try:
        return pylock.parse(data) if data is not None else None
    except FormatError as error:
        raise CannotRebuild(error.message, hint="the version was not frozen by sycee; " + _HERE) from None


def _asked_for(python: str) -> str:
    found = _PYTHON.fullmatch(python)
    if found is None:
        raise CannotRebuild(f"{python!r} is no version of Python", hint=_HERE)
    return f"{(found['implementation'] or 'CPython').lower()}@{found['version']}"


def _require_this_machine(described: Pylock | None) -> None:
    if described is None:
        return
    there = f"{described.machine.system} {described.machine.machine}"
    here = f"{sys.platform} {platform.machine()}"
    if there != here:
        raise CannotRebuild(
            f"the packages were frozen on {there}, and this is {here}: their files do not run here",
            hint=f"replay on such a machine; or {_HERE}",
        )


def _used(home: Path) -> Rebuilt | None:
    """Return the environment if it is whole; from now on it counts as used just now."""
    with suppress(OSError):  # first: whoever sweeps leaves it alone then
        os.utime(home / _MARKER)
    return _complete(home)


def _sweep(place: Path, scratch: Path) -> None:
    """Move environments that are not among those used last, and were idle, to a folder that goes."""
    homes = sorted((path for path in place.iterdir() if _NAME.fullmatch(path.name)), key=_last_use, reverse=True)
    idle = time.time() - IDLE
    for home in homes[KEPT:]:
        if _last_use(home) < idle:
            with suppress(OSError):  # another process was quicker
                home.rename(scratch / home.name)


def _last_use(home: Path) -> float:
    try:
        return (home / _MARKER).stat().st_mtime
    except OSError:  # a broken one
        return 0.0


def _complete(home: Path) -> Rebuilt | None:
    """Return the environment if it is whole: made to the end, its Python still there, the same packages in it."""
    try:
        marker: Any = json.loads((home / _MARKER).read_bytes())
        python = home / marker["python"]
        if python.exists() and _distributions(home) == marker["distributions"]:
            return Rebuilt(python, tuple(marker["notes"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return None


def _make(wanted: _Wanted, scratch: Path, uv: Uv, options: Options) -> None:
    home = scratch / "environment"
    notes = _venv(wanted.python, home, uv)
    python = next(path for path in (home / "bin/python", home / "Scripts/python.exe") if path.exists())
    lock, left_out = _buildless(wanted)
    notes += [*left_out, *install(lock, Source(uv, python, options.wheels, PATIENCE), scratch)]
    notes += _altered(home, wanted.described)
    marker = {
        "python": python.relative_to(home).as_posix(),
        "distributions": _distributions(home),
        "notes": notes,
    }
    write_file(home / _MARKER, json.dumps(marker).encode())


def _venv(python: str, home: Path, uv: Uv) -> list[str]:
    """Make an empty environment with this Python, else with one of the same minor version."""
    version = python.partition("@")[2]
    minor = python.rpartition(".")[0]
    words = ""
    for wanted in dict.fromkeys([_running(python), python, minor]):
        answer = uv.run("venv", "--quiet", "--relocatable", "--no-project", "--python", wanted, home, patience=PATIENCE)
        if answer.code == 0:
            found = _version_of(home)
            return [] if found == version else [f"Python {version} is not to be had here: {found} stands in for it"]
        words = answer.words
    raise CannotRebuild(
        f"Python {version} is not to be had here, nor another {minor.partition('@')[2]}: {summary(words)}",
        hint=f"uv python install {version}; or {_HERE}",
    )


def _running(python: str) -> str:
    """Return the interpreter that runs here, if it is the one that is wanted."""
    running = f"{platform.python_implementation().lower()}@{platform.python_version().removesuffix('+')}"
    return sys.executable if running == python else python


def _version_of(home: Path) -> str:
    lines = (home / "pyvenv.cfg").read_text().splitlines()
    return next((line.partition("=")[2].strip() for line in lines if line.startswith("version_info")), "another")


def _buildless(wanted: _Wanted) -> tuple[Lock, list[str]]:
    """Leave out what there is only source of, if the process that froze had not imported it: nothing is built."""
    known = wanted.described.packages if wanted.described else ()
    unused = {
        f"{package.name}=={package.version}"
        for package in known
        if package.files and not package.imported and not any(file.is_wheel for file in package.files)
    }
    left = [one.pin for one in wanted.lock.indexed if one.pin in unused]
    kept = tuple(one for one in wanted.lock.requirements if one.pin not in unused)
    note = f"not installed: {', '.join(left)}; there is only source, and nothing of it was imported at the freeze"
    return Lock(kept), [note] if left else []


def _altered(home: Path, described: Pylock | None) -> Iterator[str]:
    """Tell which packages of unknown files turned out to be other ones than those that were frozen."""
    known = described.packages if described else ()
    expected = {f"{package.name}=={package.version}": package.record for package in known if package.record}
    for folder in _dist_infos(home):
        name, _, version = folder.name.removesuffix(".dist-info").partition("-")
        pin = f"{normal_name(name)}=={version}"
        if pin in expected and packages.record(PathDistribution(folder)) != expected[pin]:
            yield f"{pin} has other files here than when the model was frozen, under the same version"


def _dist_infos(home: Path) -> list[Path]:
    return sorted([*home.glob("lib/python*/site-packages/*.dist-info"), *home.glob("Lib/site-packages/*.dist-info")])


def _distributions(home: Path) -> list[str]:
    return [path.name for path in _dist_infos(home)]


def _settle(made: Path, home: Path) -> None:
    """Give the environment its name, in the place of a broken one; if another process was quicker, its one stays."""
    if home.exists() and _complete(home) is None:
        home.rename(made.with_name("broken"))  # goes with the hidden folder
    try:
        made.rename(home)
    except OSError:
        if not home.is_dir():
            raise
