"""The pre-push hook: no commit leaves for a Git remote while an object that it names is on no store.

Only commits that the Git remote does not have are looked at, as far as this clone knows, and of these only what they
changed; without a changed pointer nothing is asked of anybody.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sycee.core.progress import SILENT, Progress
from sycee.errors import SyceeError, UsageError
from sycee.ops.push import push
from sycee.ops.transfer import OpenRemote, by_remote, pushable
from sycee.store import presence
from sycee.system.git import Git
from sycee.workspace.repository import Repository
from sycee.workspace.revisions import History, read_introduced


@dataclass(frozen=True, slots=True)
class Update:
    """A ref that is about to be pushed.

    Attributes:
        local: What is sent: an object id, or anything Git understands.
        remote: The object id that the Git remote has under the ref's name; zeros if none.
    """

    local: str
    remote: str

    @property
    def is_deletion(self) -> bool:
        """Whether the ref is only taken away."""
        return not self.local.strip("0")


@dataclass(frozen=True, slots=True)
class Lacking:
    """An object that a commit needs and a store lacks.

    Attributes:
        path: What it is in the work tree.
        oid: Its id.
        commit: The commit that names it.
        remote: The store's name.
    """

    path: str
    oid: str
    commit: str
    remote: str


@dataclass(frozen=True, slots=True)
class PrePush:
    """What was found.

    Attributes:
        lacking: What is missing, in the order of paths.
        unreadable: One message for each pointer that cannot be read; its objects are not known.
    """

    lacking: tuple[Lacking, ...] = ()
    unreadable: tuple[str, ...] = ()


def updates(text: str) -> list[Update]:
    """Read what Git tells a pre-push hook: a line of local ref, its object, remote ref and its object for each ref.

    Raises:
        UsageError: If it is anything else.
    """
    lines = [line.rsplit(" ", 3) for line in text.split("\n") if line]  # the local ref may be "HEAD@{1 day ago}"
    if any(len(fields) != 4 for fields in lines):
        raise UsageError("this is not what Git tells a pre-push hook", hint="Git runs it: sycee install, git push")
    return [Update(local, remote) for _, local, _, remote in lines]


def prepush(repo: Repository, refs: Iterable[Update], git_remote: str | None, open_remote: OpenRemote) -> PrePush:
    """Find the objects that commits about to be pushed name and the stores lack.

    Args:
        repo: The repository.
        refs: What is pushed.
        git_remote: The name of the Git remote, whose known branches need not be looked at.
        open_remote: Gives a store by name, the default one for None.

    Raises:
        RemoteError: If a store cannot be asked.
        NotFound: If there is no default one.
    """
    introduced = _introduced(repo, refs, git_remote)
    commits = {(one.relpath, one.out.md5): one.commits[-1] for one in introduced.tracked}
    lacking: list[Lacking] = []
    for name, items in by_remote(pushable(introduced.tracked)).items():
        remote = open_remote(name)
        for one in presence.absent(remote, repo.cache, items):
            commit = commits[one.root.label, one.root.oid]
            lacking.append(Lacking(one.item.label, one.item.oid, commit, remote.name))
    return PrePush(tuple(lacking), introduced.unreadable)


def prepush_storing(
    repo: Repository,
    refs: Iterable[Update],
    git_remote: str | None,
    open_remote: OpenRemote,
    *,
    progress: Progress = SILENT,
) -> int:
    """Store what the commits about to be pushed name, instead of asking for it.

    Returns:
        How many objects were stored.

    Raises:
        SyceeError: If one could not be; see :func:`sycee.ops.push.push`.
    """
    introduced = _introduced(repo, refs, git_remote)
    if introduced.unreadable:
        faulty = introduced.unreadable[0]
        raise SyceeError(f"a pointer that is pushed cannot be read: {faulty}", hint="mend it in a new commit")
    return len(push(repo, introduced.tracked, open_remote, progress=progress).moved)


def _introduced(repo: Repository, refs: Iterable[Update], git_remote: str | None) -> History:
    sent = [ref for ref in refs if not ref.is_deletion]
    if repo.git is None or not sent:
        return History((), ())
    there = _known(repo.git, [ref.remote for ref in sent if ref.remote.strip("0")])
    branches = [f"--remotes={git_remote}"] if git_remote else []
    return read_introduced(repo.root, repo.git, [ref.local for ref in sent], "--not", *there, *branches)


def _known(git: Git, objects: Sequence[str]) -> list[str]:
    """Return those of the objects that this clone has; of a branch that others pushed to it may know nothing."""
    if not objects:
        return []
    answer = git.run("cat-file", "--batch-check=%(objectname)", stdin="".join(f"{one}\n" for one in objects).encode())
    return [line for line in answer.decode().splitlines() if not line.endswith(" missing")]
