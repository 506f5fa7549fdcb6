"""``context/requirements.lock``: every installed distribution as it was, in a form that ``pip install -r`` reads.

One ``name==version`` a line, names in their normal form (PEP 503), sorted; local version labels (``+cpu``) are kept,
since they name another build. What no index can give back (an editable install, a checkout, a local folder) is a
comment. No line names a path of the machine or the address of an index.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

HEADER = "# Every distribution that was installed when this model was frozen.\n"
_SEPARATORS = re.compile(r"[-_.]+")
_UNSAFE = re.compile(r"[^A-Za-z0-9.+!_-]")

_PINNED = re.compile(r"(?:# (?P<origin>\w+): )?(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;#]+)(?: (?P<revision>\S+))?")


@dataclass(frozen=True, slots=True, order=True)
class Requirement:
    """One installed distribution.

    Attributes:
        name: As its metadata gives it.
        version: With its local label.
        origin: Empty for what an index can give back, else ``editable``, ``vcs`` or ``local``.
        revision: The commit of a ``vcs`` install, else empty.
    """

    name: str
    version: str
    origin: str = ""
    revision: str = ""


def normal_name(name: str) -> str:
    """Return a distribution's name in the form in which two spellings of one name are equal (PEP 503)."""
    return _SEPARATORS.sub("-", name).lower()


def render(requirements: Iterable[Requirement]) -> bytes:
    """Return the text of ``requirements.lock``; of two distributions with one name the first counts."""
    first: dict[str, Requirement] = {}
    for requirement in requirements:
        first.setdefault(normal_name(requirement.name), requirement)
    lines = [_line(name, requirement) for name, requirement in sorted(first.items())]
    return (HEADER + "".join(lines)).encode()


def _line(name: str, requirement: Requirement) -> str:
    # A name or version out of broken metadata must not become an option of pip or a line of its own.
    pinned = f"{_UNSAFE.sub('_', name).strip('-_.')}=={_UNSAFE.sub('_', requirement.version)}"
    if not requirement.origin:
        return f"{pinned}\n"
    revision = f" {_UNSAFE.sub('_', requirement.revision)}" if requirement.revision else ""
    return f"# {requirement.origin}: {pinned}{revision}\n"


def versions(data: bytes) -> Mapping[str, str]:
    """Return the distributions of a ``requirements.lock``, leniently: lines that pin nothing are passed over.

    Args:
        data: The file; whoever wrote it.

    Returns:
        Name to version; where it came from and its commit are behind the version, as in the file.
    """
    found: dict[str, str] = {}
    for line in data.decode(errors="replace").splitlines():
        if match := _PINNED.fullmatch(line):
            notes = [note for note in (match["origin"], match["revision"]) if note]
            found[match["name"]] = f"{match['version']}{f' ({chr(32).join(notes)})' if notes else ''}"
    return found
