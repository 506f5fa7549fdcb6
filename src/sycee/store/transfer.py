"""Moving objects between the cache and a remote.

Order on a remote: the members of a folder first, its directory object last and only if every member is there; so
whoever finds a directory object finds what it names. (The cache gets the directory object first, since it names the
members; whoever reads the cache looks for each of them.) What cannot be moved does not stop the rest; all of it is told
at the end, and the outcome is never success while something is missing.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from shlex import quote

from sycee.core.parts import WHOLE
from sycee.core.progress import Progress
from sycee.errors import NotFound, RemoteError, SyceeError
from sycee.storage.port import Backend
from sycee.store import sums
from sycee.store.cache import Cache
from sycee.store.expected import cannot_be
from sycee.store.inventory import Asked, ignore_asked, inventory
from sycee.store.layout import is_directory
from sycee.store.members import members_of
from sycee.store.moving import Twin, fetching, no_twin, pushing, run, workers
from sycee.store.objects import Outcome, Remote, Wanted


def fetch(remote: Remote, cache: Cache, wanted: Iterable[Wanted], progress: Progress, twin: Twin = no_twin) -> Outcome:
    """Bring objects from a remote into the cache, each verified on its way in.

    Args:
        remote: Where to look.
        cache: Where to put them.
        wanted: What is needed; what the cache already holds is left alone.
        progress: Told the bytes.
        twin: Where else the bytes of large files go.
    """
    roots = _unique(wanted)
    folders = [item for item in roots if is_directory(item.oid)]
    outcome = fetch_listings(remote, cache, folders, progress)
    members = [_members(cache, folder, outcome) for folder in folders if not _absent(cache, [folder])]
    files = _unique([*(item for item in roots if not is_directory(item.oid)), *_flat(members)])
    run(remote, _absent(cache, files), outcome, progress, fetching(remote, cache, twin))
    return outcome


def fetch_listings(remote: Remote, cache: Cache, folders: Sequence[Wanted], progress: Progress) -> Outcome:
    """Bring directory objects from a remote into the cache, and their sums, but none of the files that they name."""
    outcome = Outcome()
    for folder in folders:
        cache.discard_damaged(folder.oid, legacy=folder.legacy)
    run(remote, _absent(cache, folders), outcome, progress, fetching(remote, cache))
    for folder in folders:
        _attempt_sums(sums.fetch, remote, cache, folder, outcome)
    return outcome


def push(remote: Remote, cache: Cache, wanted: Iterable[Wanted], progress: Progress) -> Outcome:
    """Bring objects from the cache to a remote.

    An object that the remote holds in another size is a leftover of an interrupted upload: it is replaced by the
    verified one.
    """
    outcome = Outcome()
    roots = _unique(wanted)
    folders = [item for item in roots if is_directory(item.oid)]
    members = {folder.oid: _members(cache, folder, outcome) for folder in folders}
    files = _unique([*(item for item in roots if not is_directory(item.oid)), *_flat(members.values())])
    incomplete = _send(remote, cache, files, outcome, progress)
    sent = [f for f in folders if _all_there(members[f.oid], incomplete)]
    complete = [f for f in sent if not f.parts or not _unstored(remote, cache, _rest(cache, f), outcome)]
    outcome.withheld += [f.label for f in sent if f not in complete]
    _send(remote, cache, complete, outcome, progress)
    for folder in complete:
        _attempt_sums(sums.push, remote, cache, folder, outcome)
    return outcome


def _send(remote: Remote, cache: Cache, items: list[Wanted], outcome: Outcome, progress: Progress) -> set[str]:
    """Send what the remote lacks, and ask it whether it kept that; return the ids of what it does not have."""
    missing = _unstored(remote, cache, items, outcome)
    failed = run(remote, missing, outcome, progress, pushing(remote, cache))
    return failed | _require_kept(remote, cache, [item for item in missing if item.oid not in failed], outcome)


def lacking(cache: Cache, wanted: Iterable[Wanted]) -> bool:
    """Tell whether the cache lacks any of these objects, or of the objects that they name."""
    items = _unique(wanted)
    try:
        return bool(
            _absent(cache, items)
            or any(_absent(cache, members_of(cache, item)) for item in items if is_directory(item.oid))
        )
    except SyceeError:  # a damaged directory object names nothing
        return True


def present(remote: Remote, wanted: Sequence[Wanted], asked: Asked = ignore_asked) -> dict[str, int]:
    """Return the size of each wanted object that the remote holds, by object id.

    Args:
        remote: Which is asked of every object, since a directory object there proves nothing of its members.
        wanted: What to look for.
        asked: Told how many requests that took.
    """
    by_key = {item.key: item.oid for item in wanted}
    with workers(remote) as pool:
        found = inventory(remote.backend, by_key, pool, asked)
    return {by_key[key]: size for key, size in found.items()}


def unstored(remote: Remote, cache: Cache, wanted: Sequence[Wanted], asked: Asked = ignore_asked) -> list[Wanted]:
    """Return those objects that the remote lacks, or holds in another size; see :func:`present`."""
    sizes = present(remote, wanted, asked)
    return [item for item in wanted if item.oid not in sizes or differs(cache, item, sizes[item.oid])]


def differs(cache: Cache, item: Wanted, size: int) -> bool:
    """Tell whether a size is not that of an object, as far as pointer or cache know it."""
    if cannot_be(item.expected, size):
        return True
    here = cache.find(item.oid, legacy=item.legacy) if item.expected.size is None else None
    return here is not None and here.stat().st_size != size


def require_parts(cache: Cache, wanted: Iterable[Wanted]) -> None:
    """Refuse parts of folders that no version of them has, as far as the cache knows.

    Raises:
        NotFound: Naming the folder and the part.
        DigestMismatch, FormatError: As :func:`members_of`.
    """
    versions: dict[str, list[Wanted]] = {}
    for item in wanted:
        if item.parts:
            versions.setdefault(item.label, []).append(item)
    for label, items in versions.items():
        if _absent(cache, items):
            continue
        paths = [part.label.removeprefix(f"{label}/") for item in items for part in members_of(cache, item)]
        for name in items[0].parts.missing(paths):
            hint = f"look for a misspelt path; a new file is added first: sycee add {quote(f'{label}/{name}')}"
            raise NotFound(f"{label} has no {name}", hint=hint, path=f"{label}/{name}")


def _rest(cache: Cache, folder: Wanted) -> list[Wanted]:
    """Return what a directory object names beyond its parts."""
    whole = members_of(cache, folder._replace(parts=WHOLE))
    return [item for item in whole if not folder.parts.hold(item.label.removeprefix(f"{folder.label}/"))]


def _attempt_sums(
    act: Callable[[Backend, Cache, str], None], remote: Remote, cache: Cache, folder: Wanted, outcome: Outcome
) -> None:
    if folder.sums is not None:
        with outcome.noting(folder.label):
            act(remote.backend, cache, folder.sums)


def _members(cache: Cache, folder: Wanted, outcome: Outcome) -> list[Wanted] | None:
    with outcome.noting(folder.label):
        return members_of(cache, folder)
    return None


def _flat(lists: Iterable[list[Wanted] | None]) -> Iterator[Wanted]:
    for items in lists:
        yield from items or ()


def _all_there(members: list[Wanted] | None, incomplete: set[str]) -> bool:
    return members is not None and not any(item.oid in incomplete for item in members)


def _unique(items: Iterable[Wanted]) -> list[Wanted]:
    unique: dict[str, Wanted] = {}
    for item in items:
        before = unique.get(item.key, item)
        unique[item.key] = item if before.parts == item.parts else item._replace(parts=before.parts | item.parts)
    return list(unique.values())


def _absent(cache: Cache, items: Iterable[Wanted]) -> list[Wanted]:
    return [item for item in items if not cache.holds(item.expected, legacy=item.legacy)]


def _unstored(remote: Remote, cache: Cache, items: list[Wanted], outcome: Outcome) -> list[Wanted]:
    outcome.looked_for += len(items)
    return unstored(remote, cache, items, outcome.asked.append)


def _require_kept(remote: Remote, cache: Cache, sent: Sequence[Wanted], outcome: Outcome) -> set[str]:
    """Ask the remote for the sizes of what it was sent; return the ids of what it does not keep, as far as it says."""
    try:
        sizes = present(remote, sent)
    except RemoteError as error:  # after what failed before, which is told first
        outcome.failures.append(error)
        for item in sent:
            outcome.moved.remove(item.label)
        return {item.oid for item in sent}
    torn = [item for item in sent if item.oid not in sizes or differs(cache, item, sizes[item.oid])]
    for item in torn:
        outcome.moved.remove(item.label)
        outcome.failures.append(
            RemoteError(
                f"{item.label}: remote {remote.name!r} keeps {sizes.get(item.oid)} bytes of the "
                f"{cache.path(item.oid, legacy=item.legacy).stat().st_size} it was sent",
                hint="push again; if it happens again, the store is at fault",
            )
        )
    return {item.oid for item in torn}
