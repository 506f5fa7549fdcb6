"""``sycee verify REV:PATH``: what a commit has, judged without checking it out.

Small files come from Git's objects, weights from the cache's, by the pointers of that commit; the verifier and its
thirteen steps are the same, and so is the verdict that the folder would get if it were checked out.
"""

import os
import posixpath
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from sycee.core.progress import SILENT, Progress
from sycee.errors import NotFound, UsageError
from sycee.ops.trustplace import Asked, request_for
from sycee.trust import verify as trust
from sycee.trust.verify import Verified
from sycee.workspace.repository import Repository
from sycee.workspace.revisions import commit_of, in_git
from sycee.workspace.snapshot import git_of
from sycee.workspace.versionfolder import at_commit, require_objects


class Spot(NamedTuple):
    """A model folder in a commit.

    Attributes:
        rev: The commit, as somebody named it.
        folder: The folder, below the repository's root.
    """

    rev: str
    folder: str


def spot_of(repo: Repository, text: str, cwd: Path) -> Spot:
    """Return what ``REV:PATH`` means: as in Git, PATH is below the top of the work tree, or after ``./`` below here.

    Args:
        repo: The repository.
        text: As typed.
        cwd: The working folder, absolute.

    Raises:
        UsageError: If one of both is empty, or there is no Git.
        NotFound: If the path lies outside the repository.
    """
    rev, _, typed = text.partition(":")
    if not rev or not typed.strip("/."):
        raise UsageError(f"{text!r} is not REV:PATH", hint="for example v1.0:models/bert, or HEAD~2:./bert")
    top = git_of(repo).root
    here = Path(os.path.realpath(cwd)).relative_to(os.path.realpath(top)).as_posix() if typed.startswith(".") else ""
    path = posixpath.normpath(posixpath.join(here, typed))
    below = in_git(git_of(repo), repo.root)
    if not path.startswith(below) or path.startswith("../"):
        raise NotFound(f"{path} lies outside the repository {repo.root}", hint="run sycee in its own repository")
    return Spot(rev, path.removeprefix(below))


def verify_at(repo: Repository, spot: Spot, asked: Asked, *, progress: Progress = SILENT) -> Verified:
    """Prove that a model was what was signed, in a commit.

    Args:
        repo: The repository; nothing in its work tree is read but statements of channels, and nothing is written
            or remembered.
        spot: Which folder of which commit.
        asked: What it has to be, and by whose word.
        progress: Where to announce the bytes read.

    Raises:
        NotFound: If there is no such commit, or no such folder in it.
        MissingData: If the cache lacks objects that it needs.
        VerificationError: See :func:`sycee.trust.verify.verify`.
    """
    request = request_for(repo.root / spot.folder, asked)
    folder = at_commit(repo, commit_of(git_of(repo), spot.rev), spot.folder)
    require_objects(folder, spot.rev)
    memory = replace(request.memory, remember=False) if request.memory else None
    return trust.verify(replace(request, folder=folder, memory=memory), progress=progress)
