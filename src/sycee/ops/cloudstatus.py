"""``sycee status --cloud``: does the remote hold what the cache holds? Reads only, takes no lock."""

from collections.abc import Sequence

from sycee.errors import SyceeError
from sycee.store.layout import is_directory
from sycee.store.members import members_of
from sycee.store.objects import Remote, Wanted
from sycee.store.transfer import require_parts, unstored
from sycee.workspace.repository import Repository
from sycee.workspace.tracked import Tracked
from sycee.workspace.wanted import wanted


def cloud_status(repo: Repository, tracked: Sequence[Tracked], remote: Remote) -> dict[str, str]:
    """Compare the cache with a remote.

    Returns:
        Path to state, in DVC's words: ``new`` (only in the cache), ``deleted`` (only on the remote), ``missing``
        (in neither). Paths that are in both are left out; what a remote keeps in another size it does not have.

    Raises:
        RemoteError: If the remote cannot be asked.
    """
    pushed = [one for one in tracked if one.out.push]
    require_parts(repo.cache, filter(None, map(wanted, pushed)))
    items = [part for one in pushed for part in _parts(repo, one)]
    lacking = {item.oid for item in unstored(remote, repo.cache, items)}
    return {item.label: state for item in items if (state := _cloud_state(repo, item, item.oid not in lacking))}


def _parts(repo: Repository, tracked: Tracked) -> list[Wanted]:
    whole = wanted(tracked)
    if whole is None:
        return []
    try:
        return [whole, *members_of(repo.cache, whole)] if is_directory(whole.oid) else [whole]
    except SyceeError:
        return [whole]


def _cloud_state(repo: Repository, item: Wanted, is_stored: bool) -> str | None:
    is_cached = repo.cache.holds(item.expected, legacy=item.legacy)
    table = {(True, True): None, (True, False): "new", (False, True): "deleted", (False, False): "missing"}
    return table[is_cached, is_stored]
