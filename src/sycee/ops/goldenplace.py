"""Who keeps ``context/golden``: Git while it is small, the cache when it is not, so that repositories stay small."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from sycee.capture.steps import Steps
from sycee.errors import SyceeError
from sycee.ops.add import require_addable
from sycee.ops.aside import Aside
from sycee.ops.context import Part
from sycee.ops.frozen import Request
from sycee.ops.golden import PLACE
from sycee.ops.project import Project
from sycee.ops.storing import store
from sycee.workspace.gitside import unignore
from sycee.workspace.tracked import Tracked

MAX_IN_GIT = 100_000  # bytes of all golden files together


def keep(request: Request, parts: Sequence[Part], project: Project, aside: Aside, steps: Steps) -> tuple[Path, ...]:
    """Track the golden samples if they are large, or were tracked before; they are written already.

    Args:
        request: What was asked for.
        parts: The files of the context.
        project: What surrounds the model; the repository's lock is held.
        aside: Where a pointer goes that points to nothing any more.
        steps: Collects what fails.

    Returns:
        What Git has to know of.
    """
    folder = request.path
    place = folder / PLACE
    golden = [part for part in parts if part.path.startswith(f"{PLACE}/")]
    before = next((one for one in project.tracked if one.path == place and one.pointer is not None), None)
    if project.repo is None or _is_part(place, project.tracked):
        return _in_git(folder, golden)
    if not golden:
        aside.take([before.origin] if before else [])
        return tuple(unignore(project.repo, place)) if before else ()
    if before is None and sum(len(part.data) for part in golden) <= MAX_IN_GIT:
        return _in_git(folder, golden)
    try:
        require_addable(project.repo, [place], {one.path: one for one in project.tracked})
        return store(project.repo, place, before, request.progress).changed
    except (SyceeError, OSError) as error:
        words = error.message if isinstance(error, SyceeError) else error.strerror
        steps.warn(f"the golden samples are large, and stay with Git: {words}")
        return _in_git(folder, golden)


def _is_part(place: Path, tracked: Iterable[Tracked]) -> bool:
    return any(one.path in place.parents for one in tracked)


def _in_git(folder: Path, parts: Iterable[Part]) -> tuple[Path, ...]:
    return tuple(folder / part.path for part in parts)
