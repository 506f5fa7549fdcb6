"""What must not be lost, whichever versions somebody wants to keep: where a collection of garbage begins.

:data:`SOURCES` is the whole list of reasons for which an object is kept. A new reason (names that somebody signed,
say) is one more function there.
"""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sycee.errors import FormatError
from sycee.formats.paths import DVC_DIR
from sycee.store.garbage import kind_of
from sycee.system.git import Git
from sycee.system.tree import scan
from sycee.workspace.repository import Repository
from sycee.workspace.revisions import History, Revisions, read_history, read_latest, read_unfinished
from sycee.workspace.tracked import Tracked, origins, read_origin

_MD5 = re.compile(rb"\bmd5: *['\"]?([0-9a-f]{32}(?:\.dir)?)\b")


@dataclass(frozen=True, slots=True)
class Scope:
    """Which versions are kept, beside what is kept in any case.

    Attributes:
        revisions: Of the whole repository.
        latest: So many of each path; 0 for none.
    """

    revisions: Revisions
    latest: int = 0

    @property
    def goes_back(self) -> bool:
        """Whether it is found by walking back from commit to commit, which a shallow clone cuts short."""
        return self.revisions.goes_back or self.latest > 0


@dataclass(frozen=True, slots=True)
class Roots:
    """Where the objects that are needed are named.

    Attributes:
        tracked: Files and folders.
        keys: Keys of single objects that are needed without a pointer that names them as a whole.
        unreadable: One message for each pointer, of the past or unseen by Git, that cannot be read; its objects are not
            known.
    """

    tracked: tuple[Tracked, ...] = ()
    keys: frozenset[str] = frozenset()
    unreadable: tuple[str, ...] = ()


def roots(repo: Repository, scope: Scope) -> Roots:
    """Return everything in one project that refers to objects.

    Raises:
        FormatError: If a pointer of the work tree is unreadable.
        NotFound: If a revision does not exist.
    """
    found = [source(repo, scope) for source in SOURCES]
    return Roots(
        tuple(tracked for one in found for tracked in one.tracked),
        frozenset(key for one in found for key in one.keys),
        tuple(dict.fromkeys(message for one in found for message in one.unreadable)),
    )


def other_projects(repo: Repository) -> list[Path]:
    """Return the roots of all projects in all work trees of the same Git repository, without this one.

    Somebody may be at work there too, and they often share cache and remotes.
    """
    if repo.git is None:
        return []
    found = [top / folder for top in _tops(repo.git) for folder in _project_folders(Git(top))]
    return [root for root in found if (root / DVC_DIR).is_dir() and root.resolve() != repo.root.resolve()]


def inner_projects(repo: Repository) -> list[Path]:
    """Return the roots of all other projects below this one, in whichever Git repository they are: in submodules, say.

    Most have stores of their own; see :func:`shares_store`.
    """
    private = {".git", DVC_DIR}
    entries = scan(repo.root, enter=lambda relpath: relpath.rpartition("/")[2] not in private)
    found = [repo.root / entry.relpath for entry in entries if entry.relpath.endswith(f"/{DVC_DIR}")]
    return [folder.parent for folder in found if (folder / "config").is_file()]


def shares_store(one: Repository, other: Repository) -> bool:
    """Tell whether two projects keep objects in one cache, or on remotes with one address."""
    urls = [
        {str(options["url"].text) for options in its.config.remotes().values() if "url" in options}
        for its in (one, other)
    ]
    return one.cache.root.resolve() == other.cache.root.resolve() or not urls[0].isdisjoint(urls[1])


def _tops(git: Git) -> list[Path]:
    tops = [top for top, _ in _work_trees(git)]
    return [top for top in tops if (top / ".git").exists()]  # a bare repository is listed too, and what was deleted


def _work_trees(git: Git) -> list[tuple[Path, bool]]:
    """Return where Git says that work trees are, and whether it was told to remember one that is not there."""
    records = [one.split(b"\n") for one in git.run("worktree", "list", "--porcelain").split(b"\n\n")[:-1]]
    return [
        (Path(os.fsdecode(first.removeprefix(b"worktree "))), any(line.split(b" ")[0] == b"locked" for line in about))
        for first, *about in records
    ]


def _project_folders(git: Git) -> list[str]:
    names = git.run("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", ":(top,glob)**/.dvc/config")
    return [os.fsdecode(name).removesuffix(".dvc/config") for name in names.split(b"\0")[:-1]]


def _work_tree(repo: Repository, scope: Scope) -> Roots:
    del scope
    tracked = repo.tracked()
    return Roots(tuple(tracked), _listed(tracked))


def _unseen(repo: Repository, scope: Scope) -> Roots:
    """What pointers name that Git ignores, or that lie in another Git repository inside: nobody else has them."""
    del scope
    tracked: list[Tracked] = []
    unreadable = []
    seen = set(origins(repo.root, repo.git))
    for origin in (one for one in origins(repo.root, None) if one not in seen):
        try:
            tracked += read_origin(repo.root, origin, repo.git)
        except FormatError as error:
            unreadable.append(error.message)
    return Roots(tuple(tracked), _listed(tracked), tuple(unreadable))


def _unfinished(repo: Repository, scope: Scope) -> Roots:
    """What is staged, in the middle of a merge, or stashed: work that no commit holds."""
    del scope
    return _past(read_unfinished(repo.root, repo.git)) if repo.git else Roots()


def _revisions(repo: Repository, scope: Scope) -> Roots:
    return _past(read_history(repo.root, repo.git, scope.revisions)) if repo.git and scope.revisions else Roots()


def _latest(repo: Repository, scope: Scope) -> Roots:
    return _past(read_latest(repo.root, repo.git, scope.latest)) if repo.git and scope.latest else Roots()


def _away(repo: Repository, scope: Scope) -> Roots:
    """What nobody can know: what a work tree needs that is on a disk which is not mounted now."""
    del scope
    locked = [top for top, is_locked in _work_trees(repo.git) if is_locked] if repo.git else []
    return Roots(unreadable=tuple(f"the locked work tree {top} is not here" for top in locked if not top.exists()))


def _links(repo: Repository, scope: Scope) -> Roots:
    """What symbolic links of the work tree lead to: the object is then the file's only copy, tracked or not."""
    del scope
    return Roots(keys=frozenset(_linked(repo)))


SOURCES: tuple[Callable[[Repository, Scope], Roots], ...] = (
    _work_tree,
    _unseen,
    _unfinished,
    _revisions,
    _latest,
    _away,
    _links,
)


def _past(history: History) -> Roots:
    return Roots(history.tracked, _listed(history.tracked), history.unreadable)


def _listed(tracked: tuple[Tracked, ...] | list[Tracked]) -> frozenset[str]:
    """Return the keys of all objects in pointers that list a folder's files themselves (``files:``)."""
    raw = {one.pointer.raw for one in tracked if one.out.versioned and one.pointer}
    oids = {match.decode() for data in raw for match in _MD5.findall(data)}
    oids |= {one.out.md5 for one in tracked if one.out.versioned and one.out.md5}  # of a folder, its list as an object
    return frozenset(key for oid in oids for key in (f"files/md5/{oid[:2]}/{oid[2:]}", f"{oid[:2]}/{oid[2:]}"))


def _linked(repo: Repository) -> Iterator[str]:
    cache = repo.cache.root.resolve()
    for entry in scan(repo.root, enter=lambda relpath: relpath not in {".git", DVC_DIR}):
        if entry.kind == "symlink":
            target = Path(os.path.realpath(repo.root / entry.relpath))  # of links in a circle too
            if cache in target.parents and kind_of(key := target.relative_to(cache).as_posix()) is not None:
                yield key
