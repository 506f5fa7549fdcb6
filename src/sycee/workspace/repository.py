"""A repository: where it is, how it is configured, where its objects lie."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote

from sycee.errors import Conflict, NoRepository
from sycee.formats.paths import DVC_DIR
from sycee.store.cache import Cache
from sycee.store.statcache import StatCache
from sycee.system.atomic import sweep
from sycee.system.git import Git, toplevel
from sycee.system.links import DEFAULT_WAYS, WAYS
from sycee.system.locks import DEFAULT_WAIT, Notify, Waiting, ignore_words
from sycee.system.pathlocks import Uses, working
from sycee.system.tree import kind_at
from sycee.workspace.config import Config, load_config
from sycee.workspace.tracked import SUFFIX, Tracked, find_tracked, select


@dataclass(frozen=True, slots=True)
class Repository:
    """A DVC repository in a Git work tree (or, with ``core.no_scm``, in a plain folder).

    Attributes:
        root: The folder that holds ``.dvc``, absolute.
        git: The Git work tree around it, or None.
        config: Its configuration, merged from all levels.
        cache: Its local object store.
        statcache: Digests of files that have not changed since they were hashed.
        notify: Told in a sentence what the user waits for.
        wait: Seconds to wait for other commands.
        environ: The environment of the process, for other repositories that this one refers to.
    """

    root: Path
    git: Git | None
    config: Config
    cache: Cache
    statcache: StatCache
    notify: Notify = ignore_words
    wait: float = DEFAULT_WAIT
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def dvc_dir(self) -> Path:
        """The ``.dvc`` folder."""
        return self.root / DVC_DIR

    @property
    def scratch(self) -> Path:
        """The folder for what may be lost of sycee's own: ``.dvc/tmp/sycee``."""
        return self.dvc_dir / "tmp" / "sycee"

    @property
    def link_ways(self) -> Sequence[str]:
        """How objects get into the work tree, the preferred way first (``cache.type``)."""
        ways = [way for way in self.config.get_list("cache", "type") if way in WAYS]
        return ways or DEFAULT_WAYS

    @contextmanager
    def locked(self, *, writes: Iterable[Path] = (), reads: Iterable[Path] = ()) -> Iterator[None]:
        """Hold DVC's lock on the repository; for everything that writes pointers, cache or work tree.

        Args:
            writes: Tracked files and folders that are made, changed or removed meanwhile, absolute. No other command
                of sycee or DVC works on them, not even a stage of a pipeline, which runs without the lock.
            reads: Those that are read; no other command writes to them.

        Raises:
            Conflict: If another process holds it, or works on these paths, for too long.
            FormatError: If the list of paths in use is malformed.
        """
        uses = Uses(tuple(map(self._real, writes)), tuple(map(self._real, reads)))
        hardlink = self.config.get_bool("core", "hardlink_lock")
        with working(self.dvc_dir / "tmp", uses, Waiting(self.wait, self.notify), hardlink=hardlink):
            yield

    def _real(self, path: Path) -> Path:
        """Return a path as DVC names it, which starts from the real path of the working folder."""
        return Path(os.path.realpath(self.root)) / os.path.relpath(path, self.root)

    def tracked(self, targets: Sequence[Path] = (), *, parts: bool = False) -> list[Tracked]:
        """Return what is tracked here, or that part of it which the targets name.

        Args:
            targets: Absolute paths, see :func:`~sycee.workspace.tracked.select`; none for everything.
            parts: Whether targets may lie in tracked folders.

        Raises:
            NotFound: If a target names nothing that is tracked.
            FormatError: If a pointer is unreadable.
        """
        found = self.tracked_among(targets)
        return select(found, targets, self.root, parts=parts) if targets else found

    def tracked_among(self, targets: Sequence[Path]) -> list[Tracked]:
        """Return what is tracked, as far as it has to be known for the targets.

        Where all of them are pointers no other one is read, so that one that is broken, or in the middle of a merge,
        stops nobody who works on the others.

        Args:
            targets: Absolute paths; none for everything.

        Raises:
            FormatError: If a pointer that is read is unreadable.
        """
        alone = all(target.name.endswith(SUFFIX) and target.is_file() for target in targets)
        return find_tracked(self.root, self.git, only=targets if alone else ())

    def sweep(self, paths: Iterable[Path]) -> None:
        """Remove what killed commands left beside and below tracked files and folders; the lock must be held.

        Args:
            paths: Where they belong, absolute and below the root. What lies beyond a symbolic link is left alone.
        """
        folders = {self.root}
        for path in paths:
            folder = self.root
            for part in path.relative_to(self.root).parts:
                folder /= part
                if folder not in folders and kind_at(folder) != "dir":
                    break
                folders.add(folder)
            else:
                folders.update(Path(name) for name, _, _ in os.walk(path))
        for folder in folders:
            sweep(folder)

    def relpath(self, path: Path) -> str:
        """Return a path relative to the root, with ``/``.

        Raises:
            Conflict: If it is the root, or lies outside.
        """
        absolute = Path(os.path.normpath(path.absolute()))
        if absolute == self.root:
            raise Conflict(f"{self.root} is the repository itself", hint="name the files and folders in it")
        if self.root not in absolute.parents:
            raise Conflict(
                f"{path} lies outside the repository {self.root}", hint="copy it in, or run sycee in its own repository"
            )
        return absolute.relative_to(self.root).as_posix()

    def require_real_folders(self, path: Path) -> None:
        """Refuse a path below the root one of whose folders is a symbolic link, or a file.

        Raises:
            Conflict: Since what is written there would land elsewhere.
        """
        for folder in path.parents:
            if folder == self.root:
                return
            if (kind := kind_at(folder)) not in {"dir", None}:
                raise Conflict(f"{self.relpath(folder)} is a {kind}, where a folder is needed", path=str(folder))

    def close(self) -> None:
        """Write pending records."""
        self.statcache.close()


def find_repository(
    start: Path, *, environ: Mapping[str, str], notify: Notify = ignore_words, wait: float = DEFAULT_WAIT
) -> Repository:
    """Open the repository around a folder.

    Args:
        start: Where to begin; its parents are searched too.
        environ: The process environment, for the places of the user's and the system's configuration.
        notify: Told in a sentence what the user waits for.
        wait: Seconds to wait for other commands.

    Raises:
        NoRepository: If there is none.
        FormatError: If its configuration is unreadable.
    """
    start = Path(os.path.normpath(start.absolute()))
    for folder in (start, *start.parents):
        if (folder / DVC_DIR).is_dir():
            return open_repository(folder, environ=environ, notify=notify, wait=wait)
    inside = toplevel(start)
    raise NoRepository(
        f"{start} is not inside a sycee (DVC) repository",
        hint=f"make one: cd {quote(str(inside))} && sycee init" if inside else "make one: git init && sycee init",
    )


def open_repository(
    root: Path, *, environ: Mapping[str, str], notify: Notify = ignore_words, wait: float = DEFAULT_WAIT
) -> Repository:
    """Open the repository with this root.

    Raises:
        Conflict: If it leads sycee's own files elsewhere by a symbolic link.
        FormatError: If its configuration is unreadable.
    """
    _require_own(root / DVC_DIR)
    config = load_config(root / DVC_DIR, environ=environ)
    records = root / DVC_DIR / "tmp" / "sycee" / "statcache.sqlite"
    _require_own(records, records.parent, records.parent.parent)
    statcache = StatCache(records)
    cache_dir = Path(config.get("cache", "dir") or root / DVC_DIR / "cache")
    cache = Cache(cache_dir, statcache, shared=config.get("cache", "shared") == "group")
    around = None if config.get_bool("core", "no_scm") else toplevel(root)
    return Repository(root, Git(around) if around else None, config, cache, statcache, notify, wait, environ)


def _require_own(*places: Path) -> None:
    # A cloned repository may contain anything: a link here would have us write into a file of its choice.
    for place in places:
        if kind_at(place) == "symlink":
            raise Conflict(f"{place} is a symbolic link", hint="remove it; sycee makes it anew", path=str(place))
