"""The code that made a model: what the card says of it, and its work tree as a patch."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sycee.capture import code, worktree
from sycee.capture.steps import Steps
from sycee.capture.worktree import WorkState
from sycee.errors import NotFound
from sycee.ops.frozen import Request
from sycee.ops.project import Project
from sycee.system.git import Git, toplevel

NO_GIT = "not in a Git repository: the version of the code is not known"


def code_values(project: Project, patch: bytes, steps: Steps) -> dict[str, Any]:
    """Return the card's ``code``.

    Args:
        project: What surrounds the model.
        patch: That of the work tree; empty without one.
        steps: Collects what fails.
    """
    git, script = _code_tree(project), code.running_script()
    if git is None:
        steps.warn(NO_GIT)
    try:
        state = code.code_state(git, script)
    except NotFound as error:  # no git program
        steps.warn(f"{error.message}: the version of the code is not known")
        return code.code_state(None, script)
    if git is not None and "commit" not in state:
        steps.warn("the Git repository has no commit yet: the version of the code is not known")
    elif git is not None and not patch and not state["dirty"]:
        state["tree"] = git.run("rev-parse", "HEAD^{tree}").decode().strip()
    return {**state, **({"tree": worktree.tree_in(patch)} if patch else {})}


def _code_tree(project: Project) -> Git | None:
    """Return the work tree that the code is in: the current one if the script is there, else that of the model."""
    around = toplevel(Path.cwd())
    script = _script()
    if around and (project.git is None or (script is not None and around in script.parents)):
        return Git(around)
    return project.git


def _script() -> Path | None:
    """Return the running script as an absolute path without ``..``: ``python ../train.py`` is in the work tree too."""
    argv = code.running_script()
    return Path(os.path.normpath(Path(argv[0]).absolute())) if argv else None


def state_of_code(request: Request, project: Project, steps: Steps) -> WorkState | None:
    """Return the state of the work tree, models and tracked data aside; None where there is none.

    Args:
        request: What was asked for.
        project: What surrounds the model.
        steps: Collects what weakens the record.

    Raises:
        SyceeError: If Git fails, or takes too long.
    """
    git = _code_tree(project)
    if git is None:
        return None
    try:
        state = worktree.work_state(git, leave=_left(git, request, project))
    except NotFound:  # no git program, which code_values tells
        return None
    for warning in (*state.warnings, *_ignored_script(git)):
        steps.warn(warning)
    return state


def _left(git: Git, request: Request, project: Project) -> list[str]:
    paths = [request.path, *(tracked.path for tracked in project.tracked)]
    return [path.relative_to(git.root).as_posix() for path in paths if git.root in path.parents]


def _ignored_script(git: Git) -> Iterator[str]:
    script = _script()
    if script is not None and git.root in script.parents and script.is_file():
        name = script.relative_to(git.root).as_posix()
        if git.ignored([name]):
            yield f"Git ignores the script {name}, so neither commit nor work state holds it"
