"""One commit of a repository as its Git objects have it: what it tracks, and the bytes of chosen files."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sycee.errors import UsageError
from sycee.system.git import Git
from sycee.workspace.repository import Repository
from sycee.workspace.revisions import Revisions, in_git, read_history
from sycee.workspace.tracked import Tracked

MAX_FILE = 16 << 20  # bytes; what is larger is no text for a review


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A commit.

    Attributes:
        commit: Its full id.
        files: Path below the repository's root to the blob of each regular file.
        sizes: Blob to its bytes.
        tracked: What its pointers name.
        unreadable: One message for each pointer that cannot be read.
    """

    commit: str
    files: Mapping[str, str]
    sizes: Mapping[str, int]
    tracked: tuple[Tracked, ...]
    unreadable: tuple[str, ...]

    def read(self, git: Git, paths: Iterable[str]) -> dict[str, bytes]:
        """Return the bytes of files, without those that are not there or larger than :data:`MAX_FILE`."""
        blobs = {path: self.files[path] for path in paths if path in self.files}
        small = {path: blob for path, blob in blobs.items() if self.sizes[blob] <= MAX_FILE}
        content = git.blobs(small.values())
        return {path: content[blob] for path, blob in small.items() if blob in content}


def git_of(repo: Repository) -> Git:
    """Return the Git work tree of a repository.

    Raises:
        UsageError: If it is without Git.
    """
    if repo.git is None:
        raise UsageError("revisions need Git, and this repository is without it", hint="see: sycee status")
    return repo.git


def snapshot(repo: Repository, commit: str) -> Snapshot:
    """Read a commit; nothing is checked out.

    Args:
        repo: The repository.
        commit: A full commit id.

    Raises:
        NotFound: If there is no such commit.
    """
    git = git_of(repo)
    below = in_git(git, repo.root)
    files, sizes = {}, {}
    for line in git.run("ls-tree", "-r", "-l", "-z", commit).split(b"\0")[:-1]:
        about, _, name = line.partition(b"\t")
        mode, _, blob, size = about.decode().split()
        path = os.fsdecode(name)
        if mode.startswith("100") and path.startswith(below):
            files[path.removeprefix(below)] = blob
            sizes[blob] = int(size)
    history = read_history(repo.root, git, Revisions(revs=(commit,)))
    return Snapshot(commit, files, sizes, history.tracked, history.unreadable)
