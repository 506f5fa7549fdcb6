"""What surrounds a model's folder."""

from collections.abc import Sequence
from dataclasses import dataclass

from sycee.system.git import Git
from sycee.workspace.repository import Repository
from sycee.workspace.tracked import Tracked


@dataclass(frozen=True, slots=True)
class Project:
    """What surrounds a model.

    Attributes:
        repo: The repository, or None outside of one.
        git: The Git work tree, or None outside of one.
        tracked: What the repository tracks.
    """

    repo: Repository | None
    git: Git | None
    tracked: Sequence[Tracked] = ()
