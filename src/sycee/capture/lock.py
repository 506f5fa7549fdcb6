"""The lock of the running environment: every installed distribution, and the digests of the files it came from.

An installer forgets which file it took, so the user's indexes are asked again (:mod:`sycee.capture.indexes`): begun
before the weights are hashed, waited for after. Only the first freeze in an environment asks.
"""

import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import NamedTuple

from sycee.capture import packages
from sycee.capture.environment import requirement_of
from sycee.capture.indexes import Files, Question, memory_of
from sycee.formats import pylock, requirements
from sycee.formats.pylock import File, Machine, Package, Pylock, is_file_of
from sycee.formats.requirements import Requirement, normal_name
from sycee.system.usercache import user_cache
from sycee.system.uv import find_uv

NO_UV = "the packages are recorded without digests, since uv is not installed: pip install 'sycee[replay]'"
_NAMED = 4  # packages in a warning


class Locks(NamedTuple):
    """Both files, and what weakens them.

    Attributes:
        lock: ``requirements.lock``.
        pylock: ``pylock.toml``.
        warnings: For the card.
    """

    lock: bytes
    pylock: bytes
    warnings: tuple[str, ...] = ()


class Installed(NamedTuple):
    """An installed distribution.

    Attributes:
        requirement: What it is.
        notes: What its installer left behind.
        archive: The file it came from, if the installer noted that.
    """

    requirement: Requirement
    notes: metadata.Distribution
    archive: File | None


@dataclass(frozen=True, slots=True)
class Locking:
    """A lock that is being made.

    Attributes:
        installed: By pin; of two distributions with one name the one that ``import`` finds.
        question: Which files they have.
        has_uv: Whether anybody can be asked.
    """

    installed: Mapping[str, Installed]
    question: Question
    has_uv: bool

    def finish(self) -> Locks:
        """Wait for the answer and return the files."""
        found = self.question.answer()
        indexed = {pin: one for pin, one in self.installed.items() if _is_of_an_index(one)}
        files = {pin: _files_of(one, found.files.get(pin, ())) for pin, one in indexed.items()}
        hashed = [
            one.requirement._replace(hashes=tuple(file.sha256 for file in files.get(pin, ())))
            for pin, one in self.installed.items()
        ]
        machine = Machine(platform.python_version(), sys.platform, platform.machine(), platform.python_implementation())
        described = Pylock(machine, tuple(_packages(indexed, files)))
        return Locks(requirements.render(hashed), pylock.render(described), tuple(self._warnings(files, found.unknown)))

    def _warnings(self, files: Mapping[str, Files], unknown: frozenset[str]) -> Iterable[str]:
        lacking = [pin for pin, known in files.items() if not known]
        if lacking and not self.has_uv:
            yield NO_UV
        if not self.has_uv or self.question.is_forbidden:
            return
        if strange := [pin for pin in lacking if pin in unknown]:
            yield f"no index has {_listed(strange)}: recorded without a digest"
        if unasked := [pin for pin in lacking if pin not in unknown]:
            yield f"no index was reached: {len(unasked)} of {len(files)} packages are recorded without a digest"


def begin(environ: Mapping[str, str], today: str) -> Locking:
    """Begin to make the lock of the running environment.

    Args:
        environ: The environment, with the user's settings of uv and pip.
        today: The date, as text; what no index has is asked for again the next day.
    """
    found = [_installed(one, notes) for notes in metadata.distributions() if (one := requirement_of(notes))]
    first = {normal_name(one.requirement.name): one for one in reversed(found)}
    installed = {one.requirement.pin: one for _name, one in sorted(first.items())}
    wanted = [pin for pin, one in installed.items() if _is_of_an_index(one) and not one.archive]
    uv = find_uv(environ)
    memory = memory_of(user_cache(environ), uv, today) if uv else None
    return Locking(installed, Question(wanted, uv, memory), uv is not None)


def _installed(requirement: Requirement, notes: metadata.Distribution) -> Installed:
    archive = packages.archive(notes)
    if archive is None or is_file_of(normal_name(requirement.name), archive):
        return Installed(requirement, notes, archive)
    return Installed(requirement._replace(origin=requirement.origin or "local"), notes, None)  # main.zip of a checkout


def _is_of_an_index(one: Installed) -> bool:
    return not one.requirement.origin and one.requirement.is_sound


def _files_of(one: Installed, known: Sequence[File]) -> Files:
    """Return the file that was installed, as far as can be told; else those that would be installed here today."""
    if one.archive:
        return (one.archive,)
    name = normal_name(one.requirement.name)
    named = tuple(file for file in known if is_file_of(name, file))
    wheels = tuple(file for file in named if file.is_wheel)
    tags = packages.tags(one.notes)
    same = tuple(file for file in wheels if tags == packages.tags_of(file))
    return same or wheels or named[:1]


def _packages(installed: Mapping[str, Installed], files: Mapping[str, Files]) -> Iterable[Package]:
    imported = packages.imported({pin: one.notes for pin, one in installed.items()})
    for pin, one in installed.items():
        yield Package(
            name=normal_name(one.requirement.name),
            version=one.requirement.version,
            files=files[pin],
            imported=pin in imported,
            installer=packages.installer(one.notes),
            record="" if files[pin] else packages.record(one.notes),
        )


def _listed(pins: Sequence[str]) -> str:
    more = len(pins) - _NAMED
    return ", ".join(pins[:_NAMED]) + (f" and {more} more" if more > 0 else "")
