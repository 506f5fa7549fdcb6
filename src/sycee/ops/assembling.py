"""A version put together from a remote alone: in a private place beside its folder-to-be, which can be continued.

Nothing that the remote says is believed. The sums file must have the identity as its sha256, every other signed file
the digest that the sums give it; the manifest only says where to look, and how much to expect.
"""

import os
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sycee.core import modelfolder
from sycee.core.modelfolder import Names, Part
from sycee.core.progress import Progress
from sycee.digest import sha256_hex
from sycee.errors import Conflict, DigestMismatch, FormatError, NotFound, SyceeError, VerificationError
from sycee.formats import sums
from sycee.formats.manifest import MAX_BLOB, Entry, Manifest
from sycee.store import transfer, versions
from sycee.store.cache import Cache
from sycee.store.expected import Expected
from sycee.store.moving import workers
from sycee.store.objects import Remote, Wanted
from sycee.store.statcache import StatCache
from sycee.system.atomic import default_mode, fsync_dir, remove_tree, try_hold, write_file
from sycee.system.links import DEFAULT_WAYS, link

PREFIX = ".sycee-pull-"
ABANDONED = 7 * 24 * 3600.0  # seconds after which nobody will continue what a command left
_BESIDE = frozenset({Part.BUNDLE, Part.SIGNATURE, Part.ATTRIBUTES, Part.RECORD})
_FINAL = (VerificationError, FormatError, NotFound, Conflict)  # what trying again would not mend


@dataclass(frozen=True, slots=True)
class Source:
    """Where the bytes of a version come from.

    Attributes:
        remote: Has everything.
        cache: May have objects, and gets those that it lacks.
        ways: How objects become files.
        progress: Told the bytes.
    """

    remote: Remote
    cache: Cache
    ways: Sequence[str]
    progress: Progress

    def small(self, one: Entry) -> bytes:
        """Return the bytes of a small file, compared with its digest.

        Raises:
            DigestMismatch: If they are others, or too many.
            MissingData: If the remote has not got it.
        """
        if one.md5 is None:
            return versions.read_blob(self.remote.backend, one)
        if one.size > max(MAX_BLOB, sums.MAX_SIZE):
            raise DigestMismatch(f"{one.path} is announced with {one.size} bytes, where a small file belongs")
        self.fetch([one])
        data = self.cache.path(one.md5, legacy=one.legacy).read_bytes()
        if sha256_hex(data) != one.sha256:
            raise DigestMismatch(f"{one.path} in {self.cache.root} is another file", path=one.path)
        return data

    def fetch(self, files: Iterable[Entry]) -> int:
        """Bring objects into the cache; return how many were not there.

        Raises:
            SyceeError: The gravest of what went wrong.
        """
        wanted = [
            Wanted(one.path, Expected(one.md5, one.size, one.sha256), one.legacy)
            for one in files
            if one.md5 is not None
        ]
        outcome = transfer.fetch(self.remote, self.cache, wanted, self.progress)
        outcome.require_success("fetch")
        return len(outcome.moved)


@contextmanager
def private_place(target: Path, identity: str) -> Iterator[Path]:
    """Give a folder beside a folder-to-be, in which an earlier command may have left objects.

    It goes when the block ends well, or with an error that no further try would mend. Else it stays for the next try.

    Raises:
        Conflict: If another command is using it, or what stands there is somebody else's.
    """
    _sweep(target.parent)
    place = _place_of(target, identity)
    held = _opened(place)
    try:
        if not (try_hold(held) and _stands(place, held)):
            raise Conflict(f"another command is bringing this version to {target}", hint="wait until it has ended")
        try:
            yield place
        except _FINAL:
            remove_tree(place)
            raise
        remove_tree(place)
    finally:
        os.close(held)


def _opened(place: Path) -> int:
    """Return a place, made or found; whoever owns one could exchange what lies in it after it was compared."""
    try:
        place.mkdir(mode=0o700)
        made = True
    except FileExistsError:
        made = False
    try:
        held = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise _in_the_way(place) from error
    if not made and os.fstat(held).st_uid != os.geteuid():
        os.close(held)
        raise _in_the_way(place)
    return held


def _stands(place: Path, held: int) -> bool:
    """Tell whether a place is still there: who held it before may have removed it at his end."""
    try:
        return os.path.samestat(place.lstat(), os.fstat(held))
    except FileNotFoundError:
        return False


def _in_the_way(place: Path) -> Conflict:
    return Conflict(
        f"{place} is in the way, and no folder of yours",
        hint="remove it, or choose a folder in a place where nobody else can write",
        path=str(place),
    )


def _place_of(target: Path, identity: str) -> Path:
    return target.with_name(f"{PREFIX}{identity[:16]}-{sha256_hex(os.fsencode(target.name))[:8]}")


def leave_place(target: Path, identity: str) -> None:
    """Remove what a command left that was killed when the folder had its name."""
    if _place_of(target, identity).is_dir():
        with private_place(target, identity):
            pass


def _sweep(folder: Path) -> None:
    """Remove places that nobody continued for long."""
    for place in folder.glob(f"{PREFIX}*"):
        with suppress(OSError):
            if time.time() - place.lstat().st_mtime > ABANDONED:
                remove_tree(place)


@contextmanager
def cache_in(place: Path) -> Iterator[Cache]:
    """Give a cache in a private place."""
    statcache = StatCache(place / "statcache.sqlite")
    try:
        yield Cache(place / "objects", statcache)
    finally:
        statcache.close()


def require_fitting(manifest: Manifest, text: bytes) -> None:
    """Refuse a manifest that does not lead to exactly the files of a sums file, and what may stand beside them.

    Args:
        manifest: As the remote gave it.
        text: The sums file, whose sha256 is the identity.

    Raises:
        DigestMismatch: With what is missing, differs or has no business there.
        FormatError: If the sums file breaks its format.
    """
    listed = {**sums.parse(text), sums.NAME: manifest.identity}
    offered = {one.path: one for one in manifest.files}
    faults = [f"{path} is not in the manifest" for path in sorted(listed.keys() - offered.keys())]
    faults += [f"{path} has another digest" for path in sorted(listed) if _differs(offered.get(path), listed[path])]
    names = Names.make(offered, listed)
    beside = sorted(offered.keys() - listed.keys())
    faults += [f"{path} is {names.part(path).value}" for path in beside if names.part(path) not in _BESIDE]
    faults += [f"{path} {fault}" for path, fault in modelfolder.set_faults(offered)]
    faults += [f"{path} is a file and a folder" for path in sorted(names.folders & offered.keys())]
    if faults:
        shown = "".join(f"\n  {fault}" for fault in faults[:20])
        raise DigestMismatch(
            f"the manifest does not lead to the version sycee:{manifest.identity}:{shown}",
            hint="somebody changed it on the remote; from a clone that has the version: sycee push",
            faults=faults,
        )


def _differs(one: Entry | None, sha256: str) -> bool:
    return one is not None and one.sha256 != sha256


def require_room(folder: Path, files: Iterable[Entry]) -> None:
    """Refuse a version for which the disk has no room, before anything of it is asked for.

    Raises:
        SyceeError: With how much it needs, and how much there is.
    """
    needed, free = sum(one.size for one in files), shutil.disk_usage(folder).free
    if needed > free:
        raise SyceeError(
            f"the version has {needed:,} bytes, and {folder} has room for {free:,}",
            hint="make room, or choose a folder on another disk",
            expected=needed,
            found=free,
        )


def assemble(source: Source, files: Sequence[Entry], made: Path) -> int:
    """Make all files of a version in a folder that does not exist yet; return how many objects came.

    Raises:
        SyceeError: If one could not be had as it should be.
    """
    remove_tree(made)  # of an earlier try: its objects are kept, the rest is small
    for folder in {made / one.path for one in files}:
        folder.parent.mkdir(parents=True, exist_ok=True)
    blobs = [one for one in files if one.md5 is None]
    with workers(source.remote) as pool:
        for _ in pool.map(lambda one: write_file(made / one.path, source.small(one)), blobs):
            pass
    objects = [one for one in files if one.md5 is not None]
    moved = source.fetch(objects)
    _place(source, objects, made)
    return moved


def _place(source: Source, objects: Iterable[Entry], made: Path) -> None:
    """Give objects their names; files of the same bytes never become one."""
    placed: set[str | None] = set()
    for one in objects:
        ways = DEFAULT_WAYS if one.md5 in placed else source.ways
        link(source.cache.path(str(one.md5), legacy=one.legacy), made / one.path, ways)
        (made / one.path).chmod(default_mode())
        placed.add(one.md5)


def publish(made: Path, target: Path) -> None:
    """Give a folder that was compared its name, durably.

    Raises:
        Conflict: If something has taken the name meanwhile.
    """
    for path in made.rglob("*"):
        _settle(path)
    fsync_dir(made)
    try:
        made.rename(target)
    except OSError as error:
        raise Conflict(f"{target} cannot be made: {error.strerror}", path=str(target)) from error
    fsync_dir(target.parent)


def _settle(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
