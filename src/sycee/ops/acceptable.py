"""The last version that would be accepted here: what to say to whoever is refused one, at three in the morning.

Looked for only after a refusal, among the commits of this branch and the tags, the newest first; within a bound of
states and of time. Signatures, policy, channel and every small file are judged as ever; of weights the first bytes, as
the cache has them, and no more. So it is advice where to go back to, and what is found there is verified when it is
there. Nothing is remembered.
"""

import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import NamedTuple

from sycee.errors import NotFound, SyceeError, VerificationError
from sycee.system.git import Git
from sycee.trust.policy.request import Request
from sycee.trust.verify import Verified, verify
from sycee.workspace.repository import Repository, find_repository
from sycee.workspace.revisions import in_git
from sycee.workspace.snapshot import git_of
from sycee.workspace.tracked import SUFFIX
from sycee.workspace.versionfolder import at_commit

STATES = 50  # of the folder, that are looked at at most
SECONDS = 4.0  # after which no further one is
GIT_SECONDS = 10.0  # for one answer of Git's; who has such a history waits for it once


class Acceptable(NamedTuple):
    """A version in the history that would be accepted.

    Attributes:
        label: ``NAME@VERSION``, as far as both are known.
        identity: 64 hex digits.
        commit: The full id of the newest commit that has it.
        folder: The model's folder, below the repository's root.
        root: The repository's root.
    """

    label: str
    identity: str
    commit: str
    folder: str
    root: Path

    @property
    def told(self) -> str:
        """What it is, for people."""
        return f"last accepted here: {self.label} (sycee:{self.identity[:16]}…, commit {self.commit[:10]})"

    @property
    def command(self) -> str:
        """What goes back to it, from the repository's root."""
        folder = quote(self.folder)  # without overlay, since a file that the older version has not is one nobody signed
        return f"git checkout --no-overlay {self.commit[:10]} -- {folder} && sycee checkout {folder}"


def advise(error: VerificationError, request: Request, environ: Mapping[str, str]) -> None:
    """Add to a refusal what would be accepted, and the command that goes back to it.

    Args:
        error: The refusal; its hint and its details get it.
        request: What the verifier was asked.
        environ: The process environment.
    """
    if found := last_accepted(request, environ):
        error.details = {
            **error.details,
            "last_accepted": {"identity": f"sycee:{found.identity}", "commit": found.commit},
        }
        back = f"{found.told}\ngo back to it: {found.command}"
        error.hint = f"{error.hint}\n{back}" if error.hint else back
        error.add_note(back)  # for the traceback of a script, which has the hint already


def last_accepted(request: Request, environ: Mapping[str, str]) -> Acceptable | None:
    """Return the newest version of a model that would be accepted; None if none is found, or Git cannot tell.

    Args:
        request: What the verifier was asked: the folder is a path, in a repository.
        environ: The process environment, for the configuration of the user.
    """
    if not isinstance(request.folder, Path):
        return None
    try:
        repo = find_repository(Path(os.path.realpath(request.folder)), environ=environ)
    except SyceeError:
        return None
    try:
        return _search(repo, request, repo.relpath(Path(os.path.realpath(request.folder))))
    except (SyceeError, OSError):  # the refusal is the news, not that its history cannot be read
        return None
    finally:
        repo.close()


def _search(repo: Repository, request: Request, folder: str) -> Acceptable | None:
    memory = replace(request.memory, remember=False) if request.memory else None
    quiet = replace(request, memory=memory, postpone_weights=True)
    until = time.monotonic() + SECONDS
    for commit in _states(repo, folder):
        if time.monotonic() > until:
            return None
        if (found := _judged(repo, quiet, commit, folder)) is not None:
            label = f"{found.name}@{found.version}" if found.version else found.name
            return Acceptable(label, found.identity, commit, folder, repo.root)
    return None


def _judged(repo: Repository, request: Request, commit: str, folder: str) -> Verified | None:
    try:
        return verify(replace(request, folder=at_commit(repo, commit, folder)))
    except (VerificationError, NotFound):
        return None


def _states(repo: Repository, folder: str) -> list[str]:
    """Return the commits that brought a state of the folder, the newest first: of this branch, and those with a tag."""
    git = git_of(repo)
    path = f"{in_git(git, repo.root)}{folder}"
    paths = (f":(top,literal){path}", f":(top,literal){path}{SUFFIX}")
    many = f"--max-count={STATES}"
    branch = _run(git, "rev-list", "--first-parent", many, "HEAD", "--", *paths)
    tagged = _run(git, "rev-list", "--no-walk", "--tags", many, "--")
    if not (branch or tagged):
        return []
    ordered = _run(git, "rev-list", "--no-walk=sorted", *dict.fromkeys([*branch, *tagged]), "--")
    return ordered[:STATES]


def _run(git: Git, *words: str) -> list[str]:
    return git.run(*words, seconds=GIT_SECONDS).decode().split()
