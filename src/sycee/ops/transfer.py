"""``sycee fetch``: objects from remotes into the cache; and which of them belong on which remote."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sycee.core.progress import SILENT, Progress
from sycee.errors import NotFound
from sycee.ops.addressed import fetch_addressed, is_addressed
from sycee.ops.elsewhere import absent
from sycee.ops.importing import fetch_imports, is_import
from sycee.ops.versions import fetch_versions
from sycee.store import transfer
from sycee.store.moving import Twin, no_twin
from sycee.store.objects import Outcome, Remote, Wanted
from sycee.workspace.repository import Repository
from sycee.workspace.tracked import Tracked
from sycee.workspace.wanted import kept_as, wanted

OpenRemote = Callable[[str | None], Remote]


@dataclass(frozen=True, slots=True)
class Fetching:
    """How objects are fetched.

    Attributes:
        allow_missing: Whether it is no failure that a remote has not got an object.
        twin: Where else the bytes of large files go.
    """

    allow_missing: bool = False
    twin: Twin = no_twin


PLAIN = Fetching()


def fetch(
    repo: Repository,
    tracked: Sequence[Tracked],
    open_remote: OpenRemote,
    how: Fetching = PLAIN,
    *,
    progress: Progress = SILENT,
) -> Outcome:
    """Bring into the cache all objects that the pointers name and it lacks, each verified on its way in.

    Nothing is asked of a remote when nothing is lacking. What was imported from another repository comes from there;
    what was imported from a url, from a remote or, if it has it not, from there. What a remote keeps as versions of
    files comes by their names.

    Args:
        repo: The repository.
        tracked: Whose objects.
        open_remote: As for :func:`push`.
        how: Whether failures are, and where bytes go beside the cache.
        progress: Told the bytes.

    Raises:
        SyceeError: If an object could not be fetched, after all others were: absent from the remote (NotFound),
            damaged there (DigestMismatch), or the remote failed (RemoteError).
    """

    def from_remotes(several: Iterable[Tracked]) -> Outcome:
        found = Outcome()
        for name, items in by_remote(several).items():
            if transfer.lacking(repo.cache, items):
                found.extend(transfer.fetch(open_remote(name), repo.cache, items, progress, how.twin))
        return found

    addressed = [one for one in tracked if is_addressed(one)]
    own = [one for one in tracked if not is_import(one) and not is_addressed(one)]
    with repo.locked():
        outcome = from_remotes(own)
        outcome.extend(fetch_addressed(repo, addressed, from_remotes, progress=progress))
        outcome.extend(fetch_imports(repo, filter(is_import, tracked), progress=progress))
        outcome.extend(fetch_versions(repo, [one for one in own if one.out.versions], progress=progress))
        transfer.require_parts(repo.cache, filter(None, map(kept_as, [*own, *addressed])))
        outcome.failures += absent(repo, [one for one in own if not one.out.versions])
    if how.allow_missing:
        outcome.failures = [error for error in outcome.failures if not isinstance(error, NotFound)]
    outcome.require_success("fetch")
    return outcome


def have_list(repo: Repository, folder: Tracked, open_remote: OpenRemote | None, progress: Progress) -> None:
    """Fetch the directory object and the sums of a tracked folder if the cache lacks them; the lock must be held.

    Args:
        repo: The repository.
        folder: What is tracked.
        open_remote: As for :func:`fetch`; None to fetch nothing.
        progress: Told the bytes.

    Raises:
        SyceeError: As :func:`fetch`.
    """
    whole = wanted(folder)
    if whole and open_remote and not repo.cache.holds(whole.expected, legacy=whole.legacy):
        remote = open_remote(folder.out.remote)
        transfer.fetch_listings(remote, repo.cache, [whole], progress).require_success("fetch")


def pushable(tracked: Iterable[Tracked]) -> list[Tracked]:
    """Return what belongs on remotes at all: ``push: false`` keeps an out off them."""
    return [one for one in tracked if one.out.push]


def by_remote(tracked: Iterable[Tracked]) -> dict[str | None, list[Wanted]]:
    """Return the objects of tracked paths by the remote they are bound to; under None those of the chosen one."""
    groups: dict[str | None, list[Wanted]] = {}
    for one in tracked:
        if item := wanted(one):
            groups.setdefault(one.out.remote, []).append(item)
    return groups
