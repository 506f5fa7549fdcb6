"""The files of ``context/``: what is too long for the card, and bound by it.

One capture after the other gives its files; one that fails leaves a warning in the card, and the others go on.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from sycee.capture import lock, machine
from sycee.capture.steps import Steps
from sycee.digest import sha256_hex
from sycee.formats import fingerprint
from sycee.ops.codestate import state_of_code
from sycee.ops.frozen import Request
from sycee.ops.project import Project

FOLDER = "context"
LOCK = f"{FOLDER}/requirements.lock"
PYLOCK = f"{FOLDER}/pylock.toml"
FINGERPRINT = f"{FOLDER}/{fingerprint.NAME}"
PATCH = f"{FOLDER}/work.patch"
LEFT_OUT = f"{FOLDER}/work.left-out"


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

    All captures are begun before the first gives its files, so that what is asked elsewhere is answered meanwhile.

    Args:
        request: What was asked for.
        project: What surrounds the model.
        steps: Collects what fails.
    """

    def begin(capture: Capture) -> Iterator[Part]:
        return iter(capture(request, project, steps))

    nothing: Iterator[Part] = iter(())
    begun = [(what, steps.run(what, partial(begin, capture), nothing)) for what, capture in _CAPTURES]
    found: list[Part] = []
    for what, parts in begun:
        found += steps.run(what, partial(list, parts), [])
    return tuple(found)


def _locks(request: Request, _project: Project, steps: Steps) -> Iterable[Part]:
    locking = lock.begin(request.environ, request.now.date().isoformat())

    def finish() -> Iterator[Part]:
        locks = locking.finish()
        for warning in locks.warnings:
            steps.warn(warning)
        yield Part(LOCK, locks.lock, "lock")
        yield Part(PYLOCK, locks.pylock, "requirements")

    return finish()


def _fingerprint(_request: Request, _project: Project, _steps: Steps) -> Iterable[Part]:
    found = fingerprint.read(machine.collect(), FINGERPRINT)
    yield Part(FINGERPRINT, fingerprint.render(found), "fingerprint")


def _work_state(request: Request, project: Project, steps: Steps) -> Iterable[Part]:
    state = state_of_code(request, project, steps)
    if state and state.patch:
        yield Part(PATCH, state.patch, "patch")
    if state and state.left_out:
        yield Part(LEFT_OUT, state.left_out, "patch")


_CAPTURES: Sequence[tuple[str, Capture]] = (
    ("the fingerprint of this machine", _fingerprint),
    ("the state of the work tree", _work_state),
    ("the installed packages", _locks),  # the last: an index is asked while the others look at this machine
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
