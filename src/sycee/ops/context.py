"""The files of ``context/``: what is too long for the card, and bound by it.

One capture after the other gives its files; one that fails leaves a warning in the card, and the others go on.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from sycee.capture import environment, machine
from sycee.capture.steps import Steps
from sycee.digest import sha256_hex
from sycee.formats import fingerprint, requirements
from sycee.ops.frozen import Request
from sycee.ops.project import Project

FOLDER = "context"
LOCK = f"{FOLDER}/requirements.lock"
FINGERPRINT = f"{FOLDER}/{fingerprint.NAME}"


class Part(NamedTuple):
    """A file of the context.

    Attributes:
        path: Below the model's folder, with ``/``.
        data: Its bytes.
        role: What it is, one of the roles in the card's schema.
    """

    path: str
    data: bytes
    role: str


Capture = Callable[[Request, Project, Steps], Iterable[Part]]


def gather_context(request: Request, project: Project, steps: Steps) -> tuple[Part, ...]:
    """Return the files of a model's context.

    Args:
        request: What was asked for.
        project: What surrounds the model.
        steps: Collects what fails.
    """
    parts: list[Part] = []
    for what, capture in _CAPTURES:
        parts += steps.run(what, lambda take=capture: tuple(take(request, project, steps)), ())  # type: ignore[misc]
    return tuple(parts)


def _lock(_request: Request, _project: Project, _steps: Steps) -> Iterable[Part]:
    yield Part(LOCK, requirements.render(environment.distributions()), "lock")


def _fingerprint(_request: Request, _project: Project, _steps: Steps) -> Iterable[Part]:
    found = fingerprint.read(machine.collect(), FINGERPRINT)
    yield Part(FINGERPRINT, fingerprint.render(found), "fingerprint")


_CAPTURES: Sequence[tuple[str, Capture]] = (
    ("the installed packages", _lock),
    ("the fingerprint of this machine", _fingerprint),
)


def part_at(parts: Sequence[Part], path: str) -> Part | None:
    """Return the file with this path among the files of the context; None when it could not be captured."""
    return next((part for part in parts if part.path == path), None)


def bound(parts: Iterable[Part]) -> list[dict[str, Any]]:
    """Return the card's ``context``: path, sha256, size and role of each file."""
    return [
        {"path": part.path, "sha256": sha256_hex(part.data), "size": len(part.data), "role": part.role}
        for part in parts
    ]
