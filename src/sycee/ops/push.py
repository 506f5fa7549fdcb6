"""``sycee push``: objects from the cache to remotes, and what signed versions need there beside them."""

from collections.abc import Sequence
from functools import cache

from sycee.core.progress import SILENT, Progress
from sycee.ops.leaving import leave_versions
from sycee.ops.transfer import OpenRemote, by_remote, pushable
from sycee.store import transfer
from sycee.store.objects import Outcome
from sycee.workspace.repository import Repository
from sycee.workspace.tracked import Tracked


def push(
    repo: Repository, tracked: Sequence[Tracked], open_remote: OpenRemote, *, progress: Progress = SILENT
) -> Outcome:
    """Store on the remote all objects that the pointers name and it lacks; then leave what signed versions need.

    Args:
        repo: The repository.
        tracked: Whose objects; those with ``push: false`` are left out.
        open_remote: Gives the remote an out is bound to by name, and for None the one the user chose.
        progress: Told the bytes.

    Raises:
        SyceeError: If an object could not be stored, after all others were: missing in the cache (NotFound), damaged
            there (DigestMismatch), or refused by the remote (RemoteError).
    """
    outcome = Outcome()
    open_once = cache(open_remote)
    for name, items in by_remote(pushable(tracked)).items():
        transfer.require_parts(repo.cache, items)
        outcome.extend(transfer.push(open_once(name), repo.cache, items, progress))
    outcome.require_success("push")
    leave_versions(repo, pushable(tracked), open_once, outcome)
    return outcome
