"""What ``push`` leaves for signed versions, so that a machine without Git can have them: manifests and small files.

A version is found by its ``model.sig`` in a folder with something tracked, in the work tree or in a commit. That the
signature is good nobody asks here, for there is no key; only that the folder is as it was signed. Objects are on the
remote before anything is left (:mod:`sycee.store.versions`).
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

from sycee.core.modelfolder import Part
from sycee.digest import sha256_hex
from sycee.errors import Conflict, RemoteError, SyceeError
from sycee.formats import bundle, manifest, statement, sums
from sycee.formats.manifest import Entry, Manifest
from sycee.formats.statement import Resource
from sycee.ops.transfer import OpenRemote
from sycee.store import transfer, versions
from sycee.store.cache import Cache
from sycee.store.layout import md5_of
from sycee.store.objects import Outcome, Wanted
from sycee.system.git import Git
from sycee.trust import content, context
from sycee.trust.content import Signed
from sycee.trust.folder import Folder
from sycee.workspace.repository import Repository
from sycee.workspace.revisions import Revisions, in_git, read_history
from sycee.workspace.snapshot import git_of
from sycee.workspace.tracked import SUFFIX, Tracked
from sycee.workspace.versionfolder import Files, GitFiles, VersionFolder, objects_below, tree_at
from sycee.workspace.wanted import wanted

_BESIDE = (Part.BUNDLE, Part.SIGNATURE, Part.ATTRIBUTES, Part.RECORD)  # as `export` copies


class Place(NamedTuple):
    """Where a signed folder may be.

    Attributes:
        folder: Its path below the repository's root.
        commit: Which commit has it; None for the work tree.
    """

    folder: str
    commit: str | None = None


class _Unfit(Exception):
    """Nothing can be left of the folder; its text says why."""


def leave_versions(repo: Repository, tracked: Iterable[Tracked], open_remote: OpenRemote, outcome: Outcome) -> None:
    """Leave the manifests of the signed versions whose files were pushed, on the remotes that have the files.

    Args:
        repo: The repository.
        tracked: What was pushed, of the work tree and of commits.
        open_remote: Gives the remote an out is bound to by name, and for None the one the user chose.
        outcome: Told what was left, and of signed folders in the work tree for which nothing could be.

    Raises:
        RemoteError: If a remote fails.
    """
    places = _places(repo, tracked)
    here = repo.tracked() if any(place.commit is None for place in places) else []
    for place in places:
        around = here if place.commit is None else _at(repo, place.commit)
        try:
            _leave(repo, place, around, open_remote, outcome)
        except RemoteError:
            raise
        except (_Unfit, SyceeError) as reason:
            if place.commit is None:  # in the past nothing can be changed
                outcome.notes.append(f"{place.folder}: nothing is left for machines without Git, since {reason}")


def _at(repo: Repository, commit: str) -> Sequence[Tracked]:
    return read_history(repo.root, git_of(repo), Revisions(revs=(commit,))).tracked


def _places(repo: Repository, tracked: Iterable[Tracked]) -> list[Place]:
    """Return where signed folders are, each state of each folder once, the work tree first."""
    here: dict[Place, None] = {}
    past: dict[Place, None] = {}
    for one in tracked:
        for folder in _folders(one):
            past.update({Place(folder, commit): None for commit in one.commits})
            if not one.commits and (repo.root / folder / bundle.NAME).is_file():
                here[Place(folder)] = None
    return [*here, *(_signed(repo, past) if past else ())]


def _folders(one: Tracked) -> Iterator[str]:
    """Yield the folders that may be the model of something tracked: those above it, and itself."""
    parts = one.relpath.split("/")
    yield from ("/".join(parts[:depth]) for depth in range(len(parts) if one.out.is_dir else len(parts) - 1, 0, -1))


def _signed(repo: Repository, past: Iterable[Place]) -> Iterator[Place]:
    """Yield those places of commits that may be signed folders, each different state once."""
    git = git_of(repo)
    places = [place for place in past if "\n" not in place.folder]
    states: set[tuple[str, str, str]] = set()
    for place, (tree, signature, pointer) in zip(places, _ids(repo, git, places), strict=True):
        state = (place.folder, tree, pointer)
        if (signature or (pointer and not tree)) and state not in states:
            states.add(state)
            yield place


def _ids(repo: Repository, git: Git, places: Iterable[Place]) -> Iterator[tuple[str, str, str]]:
    """Yield the ids of each folder, of its bundle, and of its own pointer, all from one process; empty for none."""
    below = in_git(git, repo.root)
    suffixes = ("", f"/{bundle.NAME}", SUFFIX)
    asked = "".join(f"{place.commit}:{below}{place.folder}{suffix}\n" for place in places for suffix in suffixes)
    answer = git.run("cat-file", "--batch-check=%(objectname)", stdin=asked.encode(errors="surrogateescape"))
    ids = ["" if line.endswith(b" missing") else line.decode() for line in answer.split(b"\n")[:-1]]
    yield from zip(*[iter(ids)] * len(suffixes), strict=True)


def _leave(
    repo: Repository, place: Place, around: Iterable[Tracked], open_remote: OpenRemote, outcome: Outcome
) -> None:
    near = [one for one in around if _is_near(one.relpath, place.folder) and wanted(one)]
    objects = objects_below(repo.cache, place.folder, near)
    if not objects or any(not one.out.push for one in near):
        return
    bound = {one.out.remote for one in near}
    if len(bound) > 1:
        raise _Unfit("its files are bound to several remotes")
    with _files(repo, place) as files:
        folder = VersionFolder(repo.root / place.folder, files, objects, repo.cache)
        made = _manifest(folder, repo.cache)
        remote = open_remote(bound.pop())
        if versions.leave(
            remote.backend,
            made,
            lambda one: folder.read(one.path, manifest.MAX_BLOB),
            lambda: not transfer.unstored(remote, repo.cache, list(objects.values())),
        ):
            outcome.versions.append((remote.name, made))


def _is_near(path: str, folder: str) -> bool:
    return f"{path}/".startswith(f"{folder}/") or folder.startswith(f"{path}/")


def _files(repo: Repository, place: Place) -> AbstractContextManager[Files]:
    if place.commit is None:
        return Folder(repo.root / place.folder)
    git = git_of(repo)
    return nullcontext(GitFiles(git, tree_at(git, place.commit, f"{in_git(git, repo.root)}{place.folder}")))


def _manifest(folder: VersionFolder, cache: Cache) -> Manifest:
    """Return the manifest of a folder that is as it was signed."""
    payload = bundle.parse(folder.read(bundle.NAME, bundle.MAX_SIZE)).payload
    signed = Signed.of(statement.parse(payload))
    listing = folder.scan()
    if problems := content.set_problems(folder, signed, listing):
        raise _Unfit(str(problems[0]))
    text = context.sums_text(signed)
    if sums.NAME not in signed.resources or folder.read(sums.NAME, sums.MAX_SIZE) != text:
        raise _Unfit(f"its {sums.NAME} is not what was signed")
    names = {*signed.resources, *signed.names(listing).of(*_BESIDE)}
    files = tuple(_entry(folder, cache, name, signed.resources.get(name)) for name in sorted(names))
    facts = signed.statement.annotations
    told = {key: facts[key] for key in ("name", "version") if manifest.is_sayable(facts.get(key))}
    return Manifest(sums.identity(text), files, **told)


def _entry(folder: VersionFolder, cache: Cache, name: str, resource: Resource | None) -> Entry:
    item = folder.objects.get(name)
    made = _blob(folder, name) if item is None else _object(cache, name, item, resource)
    if resource is not None and made.sha256 != resource.sha256:
        raise _Unfit(f"{name} is not what was signed")
    return made


def _blob(folder: VersionFolder, name: str) -> Entry:
    try:
        data = folder.read(name, manifest.MAX_BLOB)
    except Conflict as error:
        raise _Unfit(f"{error.message}; sycee add would track it") from None
    return Entry(name, sha256_hex(data), len(data))


def _object(cache: Cache, name: str, item: Wanted, resource: Resource | None) -> Entry:
    """Return an object as the pointer describes it, or the cache, or whoever signed its md5."""
    md5, known = md5_of(item.oid), item.expected
    if known.sha256 is not None and known.size is not None:
        return Entry(name, known.sha256, known.size, md5, item.legacy)
    if cache.holds(known, legacy=item.legacy):
        found = cache.verified(item.oid, legacy=item.legacy)
        return Entry(name, found.sha256, found.size, md5, item.legacy)
    if resource is None or resource.md5 != md5 or resource.size is None:
        raise _Unfit(f"{name} is not in the cache")
    return Entry(name, resource.sha256, resource.size, md5, item.legacy)
