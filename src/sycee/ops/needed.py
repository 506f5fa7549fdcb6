"""Which objects must stay when garbage is collected: what roots name, and what the folders among them list."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from sycee.errors import Conflict, RemoteError, SyceeError
from sycee.formats import dirobject
from sycee.store import sums
from sycee.store.cache import Cache
from sycee.store.check import require_folder
from sycee.store.garbage import reachable
from sycee.store.layout import is_directory, object_key
from sycee.store.objects import Remote, Wanted
from sycee.workspace.repository import Repository
from sycee.workspace.revisions import Revisions
from sycee.workspace.roots import Scope, inner_projects, other_projects, roots, shares_store
from sycee.workspace.tracked import Tracked
from sycee.workspace.wanted import wanted

OpenRemote = Callable[[Repository, str | None], Remote]


@dataclass(frozen=True, slots=True)
class GcRequest:
    """What to keep, and where to look for the rest.

    Attributes:
        scope: Which versions are kept, beside the work trees and what is unfinished there.
        open_project: Opens another project of the same Git repository.
        open_remote: Opens a remote of a project by name, its default one for None.
        projects: Projects elsewhere whose objects are kept too.
        cloud: Whether to collect on remotes too: on ``remote``, or without that on the default one and on those that
            outs are bound to.
        remote: Name of a remote.
        not_in_remote: Whether to keep in the cache only what the remotes lack.
        skip_failed: Whether to go on when a version cannot be read, whose objects may go then.
    """

    scope: Scope
    open_project: Callable[[Path], Repository]
    open_remote: OpenRemote
    projects: tuple[Repository, ...] = ()
    cloud: bool = False
    remote: str | None = None
    not_in_remote: bool = False
    skip_failed: bool = False


@dataclass(slots=True)
class Needed:
    """What must stay.

    Attributes:
        always: Keys of objects that other projects refer to, or that links lead to.
        bound: Keys of what the repository itself refers to, by the name of the remote their outs are bound to.
        skipped: One message for each version that could not be read and was left out.
    """

    always: set[str] = field(default_factory=set)
    bound: dict[str | None, set[str]] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)

    @property
    def keys(self) -> set[str]:
        """All of them."""
        return self.always.union(*self.bound.values())


def projects(repo: Repository, request: GcRequest) -> list[Repository]:
    """Return every project whose objects must stay, the repository itself first, each once.

    Those below it are among them if they share a store, whichever Git repository they are in.

    Raises:
        FormatError: If the configuration of one is unreadable.
    """
    found = {one.root.resolve(): one for one in (repo, *request.projects)}
    for root in other_projects(repo):
        if root.resolve() not in found:
            found[root.resolve()] = request.open_project(root)
    for root in inner_projects(repo):
        if root.resolve() not in found and shares_store(repo, inner := request.open_project(root)):
            found[root.resolve()] = inner
    return list(found.values())


def needed(repo: Repository, others: Iterable[Repository], request: GcRequest) -> Needed:
    """Return what must stay of all that the projects refer to.

    Raises:
        Conflict: If not all of it can be known.
        FormatError: If a pointer of a work tree is unreadable.
        NotFound: If a revision does not exist.
        RemoteError: If a remote that has to be asked for a directory object fails.
    """
    result = Needed()
    for project in others:
        found = roots(project, _scope(repo, project, request))
        result.skipped += found.unreadable
        if found.unreadable and not request.skip_failed:
            raise _unknown(found.unreadable[0], "it refers to", lost=True)
        by_remote = _Reader(repo, project, request, result.skipped).by_remote(found.tracked)
        result.always |= found.keys
        if project is repo:
            result.bound = by_remote
        else:
            result.always = result.always.union(*by_remote.values())
    return result


def _scope(repo: Repository, project: Repository, request: GcRequest) -> Scope:
    """Return which versions of a project are kept; the revisions that were named are those of its Git repository."""
    if project.git is None:
        return Scope(Revisions())
    is_inner = project.root.is_relative_to(repo.root) and project not in request.projects
    if is_inner and (repo.git is None or project.git.root != repo.git.root):
        return replace(request.scope, revisions=replace(request.scope.revisions, revs=()))
    return request.scope


def cached_members(cache: Cache, item: Wanted) -> list[str] | None:
    """Return the keys of what a directory object lists; None if the cache does not hold it, whole and well-formed."""
    try:
        return _keys(item, cache.read(item.oid, legacy=item.legacy))
    except SyceeError:
        return None


@dataclass(frozen=True, slots=True)
class _Reader:
    """Finds out what one project's roots lead to."""

    repo: Repository
    project: Repository
    request: GcRequest
    skipped: list[str]

    def by_remote(self, tracked: Iterable[Tracked]) -> dict[str | None, set[str]]:
        """Return all keys that tracked paths lead to, by the remote they are bound to."""
        items: dict[str | None, dict[str, Wanted]] = {}
        kept_sums: dict[str | None, set[str]] = {}
        for one in tracked:
            if item := wanted(one):
                items.setdefault(one.out.remote, {})[item.key] = item
                kept_sums.setdefault(one.out.remote, set()).update([sums.key_of(item.sums)] if item.sums else [])
        return {remote: self._reached(remote, several) | kept_sums[remote] for remote, several in items.items()}

    def _reached(self, remote: str | None, items: dict[str, Wanted]) -> set[str]:
        folders = {key: item for key, item in items.items() if is_directory(item.oid)}
        return reachable(items, {key: self._members(item, remote) for key, item in folders.items()})

    def _members(self, item: Wanted, remote: str | None) -> list[str]:
        for cache in (self.repo.cache, self.project.cache):
            if (keys := cached_members(cache, item)) is not None:
                return keys
        try:
            chosen = self.request.remote if self.project is self.repo else None
            opened = self.request.open_remote(self.project, remote or chosen)
            return _keys(item, require_folder(opened, item))
        except RemoteError as error:
            raise error.about(f"{item.label}, whose directory object {item.oid} is not in the cache") from None
        except SyceeError as error:
            fault = f"{item.label}: its directory object {item.oid} cannot be read ({error.message})"
            if self.request.cloud or not self.request.skip_failed:
                raise _unknown(fault, "it lists", lost=not self.request.cloud) from None
            self.skipped.append(fault)
            return []


def _keys(item: Wanted, data: bytes) -> list[str]:
    return [object_key(entry.md5, legacy=item.legacy) for entry in dirobject.parse(data)]


def _unknown(fault: str, what: str, *, lost: bool) -> Conflict:
    otherwise = "; if nobody can need it any more, leave it out: --skip-failed" if lost else ""
    return Conflict(
        f"{fault}: what {what} cannot be known, so nothing is removed",
        hint=f"bring it back (sycee fetch, git fetch), or keep fewer versions{otherwise}",
    )
