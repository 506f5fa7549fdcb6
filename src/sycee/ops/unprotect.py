"""``sycee unprotect``: make tracked files ordinary files that may be edited, where they are links into the cache.

Each file is copied under a temporary name, made durable and renamed. So a crash leaves every file whole, either linked
or not, and running the command again completes it. Pointers and the cache do not change.
"""

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from sycee.core.progress import SILENT, Progress, Task
from sycee.errors import NotFound
from sycee.system.atomic import default_mode, fsync, fsync_dir
from sycee.system.links import DEFAULT_WAYS, prepare
from sycee.system.onepass import open_regular
from sycee.system.tree import kind_at, scan
from sycee.workspace.content import cached_by_symlink, is_executable
from sycee.workspace.repository import Repository

_EXECUTABLE = 0o111
_GROUP_MODE = 0o664  # DVC's where a cache is shared


def unprotect(repo: Repository, targets: Sequence[Path], *, progress: Progress = SILENT) -> None:
    """Make tracked files ones of their own, writable.

    Args:
        repo: The repository.
        targets: Absolute paths of tracked files and folders, of pointers, of folders with tracked files in them, or
            of files in a tracked folder.
        progress: Told the bytes.

    Raises:
        NotFound: If a target is not tracked, or not there; nothing is done then.
        DigestMismatch: If an object is damaged.
    """
    paths = [path for target in targets for path in _tracked(repo, target)]
    with repo.locked(writes=paths):
        for path in paths:
            repo.require_real_folders(path)
        repo.sweep(paths)
        with progress.start("unprotecting", None) as task:
            for path in paths:
                unprotect_artifact(repo, path, task)


def _tracked(repo: Repository, target: Path) -> list[Path]:
    if kind_at(target) is None:
        raise NotFound(f"{repo.relpath(target)} does not exist", hint="look for a misspelt path, or: sycee checkout")
    found = repo.tracked()
    if any(one.path in target.parents for one in found):
        return [target]
    return [one.path for one in repo.tracked([target]) if kind_at(one.path) is not None]


def unprotect_artifact(repo: Repository, path: Path, task: Task) -> None:
    """Make a file, or every file below a folder, one of its own; the lock must be held.

    Args:
        repo: The repository.
        path: The file or folder, absolute.
        task: Told the bytes that are copied.
    """
    if kind_at(path) != "dir":
        _unprotect_file(repo, path, task)
        return
    for name in [entry.relpath for entry in scan(path) if entry.kind != "dir"]:
        _unprotect_file(repo, path / name, task)


def _unprotect_file(repo: Repository, path: Path, task: Task) -> None:
    kind = kind_at(path)
    oid = cached_by_symlink(repo, path)
    if oid is None and kind != "file":
        return
    mode = _GROUP_MODE if repo.config.get("cache", "shared") == "group" else default_mode()
    if oid is None and is_executable(path):
        mode |= _EXECUTABLE & (mode >> 2)  # for whoever may read it
    if oid is not None or path.lstat().st_nlink > 1:
        _copy_over(repo.cache.path(oid) if oid else path, path, mode, task)
    elif not path.lstat().st_mode & stat.S_IWUSR:
        path.chmod(mode)


def _copy_over(source: Path, path: Path, mode: int, task: Task) -> None:
    temp = prepare(source, path.parent, DEFAULT_WAYS, on_bytes=task.advance).temp
    try:
        temp.chmod(mode)
        fd = open_regular(temp)
        try:
            fsync(fd)
        finally:
            os.close(fd)
        temp.replace(path)
    except BaseException:
        temp.unlink(missing_ok=True)
        raise
    fsync_dir(path.parent)
