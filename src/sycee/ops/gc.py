"""``sycee gc``: remove the objects that nothing refers to, from the cache and, if asked, from remotes.

First everything that is needed is named: by the work tree, by what Git holds unfinished, by the versions that were
chosen, by other work trees and projects (``ops/needed.py``). If not all of it can be known, nothing is removed. Only
then the stores are listed, and what is not needed goes, manifests of versions and directory objects first
(``store/garbage.py``). The locks of all projects are held from the first look to the last removal.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from sycee.core.progress import SILENT, Progress
from sycee.errors import Conflict, RemoteError, SyceeError, UsageError
from sycee.ops.needed import GcRequest, Needed, cached_members, needed, projects
from sycee.storage.local import ABANDONED, LocalBackend
from sycee.storage.port import Backend
from sycee.store import sums, versions
from sycee.store.garbage import FOLDERS, Item, Kind, garbage, stages
from sycee.store.layout import is_directory
from sycee.store.moving import workers
from sycee.store.objects import Remote
from sycee.system.atomic import sweep
from sycee.workspace.repository import Repository
from sycee.workspace.revisions import Revisions, is_shallow
from sycee.workspace.roots import Scope, roots
from sycee.workspace.wanted import wanted

CACHE_JOBS = 8
Run = Callable[[Callable[[Any], Any], Iterable[Any]], list[Any]]


@dataclass(frozen=True, slots=True)
class Garbage:
    """What one store holds and nothing refers to.

    Attributes:
        remote: The remote's name, or None for the cache.
        backend: Talks to it.
        jobs: How many requests it gets at once.
        items: What goes, in order.
    """

    remote: str | None
    backend: Backend
    jobs: int
    items: tuple[Item, ...]

    @property
    def size(self) -> int:
        """Bytes that become free."""
        return sum(item.size for item in self.items)


@dataclass(frozen=True, slots=True)
class Survey:
    """What a collection found.

    Attributes:
        stores: The cache, then remotes.
        skipped: One message for each version that could not be read and was left out.
    """

    stores: tuple[Garbage, ...]
    skipped: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many objects there are in all stores."""
        return sum(len(one.items) for one in self.stores)


def survey(repo: Repository, request: GcRequest) -> Survey:
    """Find what nothing refers to. Takes no lock, changes nothing.

    Raises:
        UsageError: If versions are asked for without Git.
        Conflict: If not all that is needed can be known, so that nothing may be removed.
        FormatError: If a pointer of a work tree is unreadable.
        NotFound: If a revision or remote does not exist.
        RemoteError: If a remote cannot be asked.
    """
    _require_whole_history(repo, request)
    kept = needed(repo, projects(repo, request), request)
    names = _remotes(request, kept)
    remotes = {name: request.open_remote(repo, name) for name in names}
    stored = {name: _listed(Garbage(one.name, one.backend, one.jobs, ())) for name, one in remotes.items()}
    cache = Garbage(None, LocalBackend(repo.cache.root), CACHE_JOBS, ())
    cached = _listed(cache)
    stay = kept.always | _only_here(cached, kept, stored) if request.not_in_remote else kept.keys
    found = [_unneeded(cache, cached, stay)]
    for name, one in remotes.items() if request.cloud else ():
        found.append(_unneeded(Garbage(one.name, one.backend, one.jobs, ()), stored[name], kept.keys))
    return Survey(tuple(found), tuple(dict.fromkeys(kept.skipped)))


def collect(
    repo: Repository, request: GcRequest, *, approved: Survey | None = None, progress: Progress = SILENT
) -> Survey:
    """Remove what nothing refers to.

    Args:
        repo: The repository.
        request: What to keep.
        approved: What somebody agreed to; what turned to garbage since then stays. None to remove everything.
        progress: Told the bytes.

    Returns:
        What was removed.

    Raises:
        SyceeError: As :func:`survey`; nothing was removed then. If a store refuses a removal: what was removed before
            stays so, and no folder lost a member that it still promises.
    """
    with ExitStack() as stack:
        for project in sorted(projects(repo, request), key=lambda one: one.root.resolve()):
            stack.enter_context(project.locked())  # in one order, lest two collections wait for each other
        found = survey(repo, request)
        going = tuple(_agreed(one, approved) for one in found.stores)
        for one in going:
            _remove(one, progress)
        _sweep(repo)
    return Survey(going, found.skipped)


def artifacts(repo: Repository, found: Survey) -> Mapping[str, tuple[int, int]]:
    """Return the files and folders that garbage belonged to, as far as Git remembers: objects and bytes of each.

    Args:
        repo: The repository.
        found: The garbage. An object in several stores counts once.
    """
    sizes = {item.key: item.size for store in found.stores for item in store.items}
    past = roots(repo, Scope(Revisions(everything=True))) if repo.git and sizes else None
    claimed: dict[str, tuple[int, int]] = {}
    for whole in filter(None, map(wanted, past.tracked if past else ())):
        if whole.key in sizes:
            is_folder = is_directory(whole.oid)
            members = (cached_members(repo.cache, whole) or ()) if is_folder else ()
            evidence = [sums.key_of(whole.sums)] if whole.sums else []
            freed = [sizes.pop(key) for key in {whole.key, *members, *evidence} if key in sizes]
            label = f"{whole.label}/" if is_folder else whole.label
            count, size = claimed.get(label, (0, 0))
            claimed[label] = (count + len(freed), size + sum(freed))
    return claimed


def _require_whole_history(repo: Repository, request: GcRequest) -> None:
    if repo.git is None and (request.scope.revisions or request.scope.latest):
        raise UsageError("revisions need Git, and this repository is without it", hint="use --workspace alone")
    others_too = request.cloud or repo.dvc_dir not in repo.cache.root.parents
    if others_too and repo.git and request.scope.goes_back and is_shallow(repo.git):
        store = "the remote" if request.cloud else f"{repo.cache.root}, a cache that others may share"
        raise Conflict(
            f"this clone is shallow: what the commits it lacks refer to would be removed from {store}",
            hint="get the whole history first: git fetch --unshallow",
        )


def _remotes(request: GcRequest, kept: Needed) -> list[str | None]:
    if request.cloud and request.remote:
        return [request.remote]
    if not request.cloud and not request.not_in_remote:
        return []
    return list(dict.fromkeys(name or request.remote for name in (None, *kept.bound)))


def _only_here(cached: Iterable[Item], kept: Needed, stored: Mapping[str | None, list[Item]]) -> set[str]:
    """Return the keys of what does not lie, in the size it has here, where its out is pushed to and fetched from."""
    here, chosen = set(cached), next(iter(stored))  # the default one, or the one that was named
    held = {name: {item.key for item in here.intersection(items)} for name, items in stored.items()}
    return {key for name, keys in kept.bound.items() for key in keys - held[name or chosen]}


def _listed(store: Garbage) -> list[Item]:
    def listed(folder: str) -> list[Item]:
        return [Item(one.key, one.size) for one in store.backend.list(folder)]

    with _workers(store) as run:
        return [item for items in run(listed, FOLDERS) for item in items]


def _unneeded(store: Garbage, stored: Sequence[Item], kept: AbstractSet[str]) -> Garbage:
    """Return a store with what may go; versions whose objects all stay do so with everything that they name."""
    if any(item.kind is Kind.MANIFEST for item in stored):
        with _workers(store) as run:
            kept = {*kept, *versions.kept(store.backend, [item.key for item in stored], kept, run)}
    return replace(store, items=garbage(stored, kept))


def _agreed(found: Garbage, approved: Survey | None) -> Garbage:
    if approved is None:
        return found
    agreed = {item.key for one in approved.stores if one.remote == found.remote for item in one.items}
    return replace(found, items=tuple(item for item in found.items if item.key in agreed))


def _remove(store: Garbage, progress: Progress) -> None:
    with progress.start(f"removing {len(store.items)} objects", store.size) as task, _workers(store) as run:

        def remove(item: Item) -> None:
            store.backend.delete(item.key)
            task.advance(item.size)

        for stage in stages(store.items):  # each ends before the next one begins
            run(remove, stage)


@contextmanager
def _workers(store: Garbage) -> Iterator[Run]:
    """Give threads; the first failure stops them. What the cache refuses is not a remote's fault."""
    try:
        with workers(Remote(store.remote or "", store.backend, store.jobs), patient=True) as pool:
            yield lambda act, items: list(pool.map(act, items))
    except RemoteError as error:
        if store.remote is None:
            raise SyceeError(error.message, hint=error.hint) from error
        raise


def _sweep(repo: Repository) -> None:
    """Remove unfinished files that are a day old: DVC leaves them where objects lie, and never looks for them again."""
    for folder in (repo.cache.root / "files/md5").glob("[0-9a-f][0-9a-f]"):
        sweep(folder, older=ABANDONED)
