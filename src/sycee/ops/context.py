"""The files of ``context/``: what is too long for the card, and bound by it.

One capture after the other gives its files; one that fails leaves a warning in the card, and the others go on.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from sycee.capture import environment
from sycee.capture.steps import Steps
from sycee.digest import sha256_hex
from sycee.formats import requirements
from sycee.ops.frozen import Request
from sycee.ops.project import Project

FOLDER = "context"
LOCK = f"{FOLDER}/requirements.lock"


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


_CAPTURES: Sequence[tuple[str, Capture]] = (("the installed packages", _lock),)


def lock_of(parts: Sequence[Part]) -> Part | None:
    """Return the lock among these files; None when it could not be captured."""
    return next((part for part in parts if part.path == LOCK), None)


def bound(parts: Iterable[Part]) -> list[dict[str, Any]]:
    """Return the card's ``context``: path, sha256, size and role of each file."""
    return [
        {"path": part.path, "sha256": sha256_hex(part.data), "size": len(part.data), "role": part.role}
        for part in parts
    ]
