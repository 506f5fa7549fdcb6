"""What Git has to know of tracked artifacts: the ``.gitignore`` entries beside them, and which files changed."""

from collections.abc import Iterable
from pathlib import Path

from sycee.formats import ignorefile
from sycee.system.atomic import fsync_dir, write_file
from sycee.system.git import Git
from sycee.workspace.repository import Repository


def in_git(git: Git, path: Path) -> str:
    """Return a path relative to the root of the Git work tree, with ``/``."""
    return path.relative_to(git.root).as_posix()


def ignore(repo: Repository, path: Path) -> list[Path]:
    """Make Git ignore an artifact, unless it does already; return the file that changed."""
    if repo.git is None or repo.git.ignored([in_git(repo.git, path)]):
        return []
    ignore_file = path.with_name(".gitignore")
    present = ignore_file.read_bytes() if ignore_file.is_file() else b""
    wanted = ignorefile.add(present, path.name)
    if wanted == present:
        return []
    write_file(ignore_file, wanted)
    return [ignore_file]


def unignore(repo: Repository, path: Path) -> list[Path]:
    """Remove the entries of an artifact, and the file when it becomes empty; return the file that changed."""
    ignore_file = path.with_name(".gitignore")
    if repo.git is None or ignore_file.is_symlink() or not ignore_file.is_file():
        return []
    present = ignore_file.read_bytes()
    wanted = ignorefile.remove(present, path.name)
    if wanted == present:
        return []
    if wanted is None:
        unlink(ignore_file)
    else:
        write_file(ignore_file, wanted)
    return [ignore_file]


def unlink(path: Path) -> None:
    """Remove a file durably; it is no error if it is gone already."""
    path.unlink(missing_ok=True)
    fsync_dir(path.parent)


def for_git(repo: Repository, changed: Iterable[Path]) -> tuple[Path, ...]:
    """Return those of the changed and removed files that ``git add`` can take: what Git never had cannot go from it."""
    paths = sorted(set(changed))
    if repo.git is None or not paths:
        return ()
    known = repo.git.tracked(in_git(repo.git, path) for path in paths)
    return tuple(path for path in paths if path.exists() or in_git(repo.git, path) in known)


def stage_if_wanted(repo: Repository, changed: Iterable[Path]) -> None:
    """Put changed files into Git's index where ``core.autostage`` asks for it."""
    paths = sorted(set(changed))
    if paths and repo.git and repo.config.get_bool("core", "autostage"):
        repo.git.stage(paths)
