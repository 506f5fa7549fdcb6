"""``context/requirements.lock``: every installed distribution as it was, in a form that pip and uv read.

One ``name==version`` a distribution, names in their normal form (PEP 503), sorted; local version labels (``+cpu``) are
kept, since they name another build. Below it stand the sha256 of the files it may be installed from, where they are
known. What no index can give back (an editable install, a checkout, a local folder) is a comment. No line names a path
of the machine or the address of an index, and none that does is read. Specification: docs/spec/requirements-lock.md.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from sycee.errors import Fault, FormatError

HEADER = "# Every distribution that was installed when this model was frozen.\n"
MAX_BYTES = 16 << 20  # forty times the lock of two hundred packages with every file of every platform

_SEPARATORS = re.compile(r"[-_.]+")
_UNSAFE = re.compile(r"[^A-Za-z0-9.+!_-]")
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_VERSION = r"[A-Za-z0-9][A-Za-z0-9.+!_-]*"
_PIN = re.compile(rf"(?P<name>{_NAME})==(?P<version>{_VERSION})(?P<more> \\)?")
_HASH = re.compile(r"    --hash=sha256:(?P<sha256>[0-9a-f]{64})(?P<more> \\)?")
_ELSEWHERE = re.compile(rf"# (?P<origin>editable|vcs|local): (?P<name>{_NAME})==(?P<version>{_VERSION})"
                        r"(?: (?P<revision>\S+))?")  # fmt: skip
_PINNED = re.compile(
    r"(?:# (?P<origin>\w+): )?(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;#\\]+)(?: (?P<revision>[^\s\\]+))?(?: \\)?"
)


class Requirement(NamedTuple):
    """One installed distribution.

    Attributes:
        name: As its metadata gives it.
        version: With its local label.
        origin: Empty for what an index can give back, else ``editable``, ``vcs`` or ``local``.
        revision: The commit of a ``vcs`` install, else empty.
        hashes: The sha256 of every file it may be installed from, 64 hex digits each; empty when not known.
    """

    name: str
    version: str
    origin: str = ""
    revision: str = ""
    hashes: tuple[str, ...] = ()

    @property
    def pin(self) -> str:
        """``name==version``, the name in its normal form."""
        return f"{normal_name(self.name)}=={self.version}"

    @property
    def is_sound(self) -> bool:
        """Whether name and version are such; what broken metadata says may be an option of pip."""
        return _PIN.fullmatch(self.pin) is not None


class Lock(NamedTuple):
    """All distributions of an environment.

    Attributes:
        requirements: Sorted by normal name, each name once.
    """

    requirements: tuple[Requirement, ...]

    @property
    def indexed(self) -> tuple[Requirement, ...]:
        """Those that an index can give back."""
        return tuple(one for one in self.requirements if not one.origin)

    @property
    def fully_hashed(self) -> bool:
        """Whether every file that would be installed is known by its digest."""
        return all(one.hashes for one in self.indexed)


def normal_name(name: str) -> str:
    """Return a distribution's name in the form in which two spellings of one name are equal (PEP 503)."""
    return _SEPARATORS.sub("-", name).lower()


def first_of_each(requirements: Iterable[Requirement]) -> list[Requirement]:
    """Return the requirements sorted by normal name; of two with one name the first, which ``import`` finds."""
    first: dict[str, Requirement] = {}
    for requirement in requirements:
        first.setdefault(normal_name(requirement.name), requirement)
    return [requirement for _name, requirement in sorted(first.items())]


def render(requirements: Iterable[Requirement]) -> bytes:
    """Return the text of ``requirements.lock``; of two distributions with one name the first counts."""
    each = first_of_each(requirements)
    indexed = Lock(tuple(each)).indexed
    count = f"# With digests: {sum(bool(one.hashes) for one in indexed)} of {len(indexed)}.\n"
    return (HEADER + count + "".join(map(_lines, each))).encode()


def _lines(requirement: Requirement) -> str:
    # A name or version out of broken metadata must not become an option of pip or a line of its own.
    name = _UNSAFE.sub("_", normal_name(requirement.name)).strip("-_.")
    pinned = f"{name}=={_UNSAFE.sub('_', requirement.version)}"
    if not requirement.origin:
        return " \\\n".join([pinned, *(f"    --hash=sha256:{one}" for one in sorted(set(requirement.hashes)))]) + "\n"
    revision = f" {_UNSAFE.sub('_', requirement.revision)}" if requirement.revision else ""
    return f"# {requirement.origin}: {pinned}{revision}\n"


def parse(data: bytes, name: str = "requirements.lock") -> Lock:
    """Return what a lock pins, strictly: a line that is no pin, digest or comment is refused, whatever pip would do.

    A lock comes with a model, perhaps from a stranger. An option, an address, a path or a marker in it would decide
    where packages come from, so there is none.

    Args:
        data: The file.
        name: Its name, for messages.

    Raises:
        FormatError: With every line that is wrong.
    """
    if len(data) > MAX_BYTES:
        raise FormatError(f"{name} is larger than {MAX_BYTES} bytes")
    try:
        lines = data.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise FormatError(f"{name} is not UTF-8: {error.reason}") from None
    reader = _Reader()
    for number, line in enumerate(lines, 1):
        reader.line(number, line)
    reader.end(len(lines))
    if reader.faults:
        raise FormatError(f"{name} is no lock: {reader.faults[0]}", faults=reader.faults)
    return Lock(tuple(first_of_each(reader.found.values())))


class _Reader:
    """Takes one line after the other."""

    def __init__(self) -> None:
        self.found: dict[str, Requirement] = {}
        self.faults: list[Fault] = []
        self._open: str | None = None  # the name whose next digest must follow

    def line(self, number: int, line: str) -> None:
        if self._open is not None:
            self._digest(number, line)
        elif pinned := _PIN.fullmatch(line):
            self._add(number, Requirement(pinned["name"], pinned["version"]))
            self._open = normal_name(pinned["name"]) if pinned["more"] else None
        elif elsewhere := _ELSEWHERE.fullmatch(line):
            origin, name, version, revision = elsewhere.groups(default="")
            self._add(number, Requirement(name, version, origin, revision))
        elif line and (not line.startswith("#") or not line.isprintable()):
            self._fault(number, "is neither name==version nor a comment")

    def end(self, number: int) -> None:
        if self._open is not None:
            self._fault(number, "a digest must follow")

    def _digest(self, number: int, line: str) -> None:
        name, self._open = self._open or "", None
        if digest := _HASH.fullmatch(line):
            known = self.found[name]
            self.found[name] = known._replace(hashes=(*known.hashes, digest["sha256"]))
            self._open = name if digest["more"] else None
        else:
            self._fault(number, "must be a digest: --hash=sha256: and 64 hexadecimal digits")

    def _add(self, number: int, requirement: Requirement) -> None:
        if normal_name(requirement.name) in self.found:
            self._fault(number, f"names {requirement.name} again")
        self.found[normal_name(requirement.name)] = requirement

    def _fault(self, number: int, message: str) -> None:
        self.faults.append(Fault(f"line {number}", message))


def with_versions(lock: bytes, versions: Mapping[str, str]) -> bytes:
    """Return a lock with some packages in other versions; the digests of these are not known any more.

    Args:
        lock: A lock.
        versions: Name to version. A package that the lock does not have is added; one that it has as an editable or
            other local install becomes one of the index.

    Raises:
        FormatError: If ``lock`` is none, or a version is no version.
    """
    old = parse(lock).requirements
    kept = {one.pin for one in old if not one.origin}
    changed = [new for name, version in versions.items() if (new := Requirement(name, version)).pin not in kept]
    for requirement in changed:
        if not requirement.is_sound:
            raise FormatError(f"{requirement.pin!r} pins nothing")
    return render([*changed, *old])


def selected(lock: bytes, names: Collection[str]) -> bytes:
    """Return a lock with only these packages, in whatever spelling; names that it does not have are passed over.

    Raises:
        FormatError: If ``lock`` is none.
    """
    wanted = {normal_name(name) for name in names}
    return render(one for one in parse(lock).requirements if normal_name(one.name) in wanted)


def versions(data: bytes) -> Mapping[str, str]:
    """Return the distributions of a ``requirements.lock``, leniently: lines that pin nothing are passed over.

    Args:
        data: The file; whoever wrote it.

    Returns:
        Name to version; where it came from and its commit are behind the version, as in the file.
    """
    return dict(_versions(data.decode(errors="replace").splitlines()))


def _versions(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        if match := _PINNED.fullmatch(line):
            notes = " ".join(note for note in (match["origin"], match["revision"]) if note)
            yield match["name"], f"{match['version']} ({notes})" if notes else match["version"]
