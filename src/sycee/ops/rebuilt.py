"""The Python that a version is replayed with: the one that runs here, or one made again from the version's lock."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from sycee.core.progress import Progress
from sycee.errors import CannotRebuild
from sycee.formats.replay import Mode
from sycee.formats.requirements import with_versions
from sycee.ops.context import FOLDER, LOCK, PYLOCK
from sycee.ops.held import Held
from sycee.replay.rebuild import Options, rebuild
from sycee.system.usercache import user_cache

WHEELS = f"{FOLDER}/wheels"  # if the version carries its packages


class Interpreter(NamedTuple):
    """A Python.

    Attributes:
        path: The program.
        mode: Where its packages come from.
        notes: What is not as it was frozen, a sentence each.
    """

    path: Path
    mode: Mode
    notes: tuple[str, ...] = ()


def running() -> Interpreter:
    """Return the Python that runs here."""
    return Interpreter(Path(sys.executable), "here")


def rebuilt(
    copy: Held, environ: Mapping[str, str], progress: Progress, versions: Mapping[str, str] | None = None
) -> Interpreter:
    """Return a Python with the packages of a version's lock; it is kept in the user's cache.

    Args:
        copy: The version, verified.
        environ: The environment, with the user's settings of uv and pip.
        progress: Told that something long is going on.
        versions: Packages to take in other versions than those of the lock.

    Raises:
        CannotRebuild: If the version has no lock, or its packages are not to be had here.
    """
    lock, described, wheels = (copy.folder / name for name in (LOCK, PYLOCK, WHEELS))
    environment = copy.card.values.get("environment", {}) if copy.card else {}
    if not lock.is_file() or "python" not in environment:
        raise CannotRebuild(
            f"{copy.name} does not say which packages it was frozen with",
            hint="sycee replay --here uses the packages that are installed",
        )
    options = Options(environ, wheels=wheels if wheels.is_dir() else None, progress=progress)
    pylock = described.read_bytes() if described.is_file() else None
    place = user_cache(environ) / "environments"
    pins = lock.read_bytes()
    made = rebuild(with_versions(pins, versions) if versions else pins, pylock, environment["python"], place, options)
    return Interpreter(made.python, "rebuilt", made.notes)
