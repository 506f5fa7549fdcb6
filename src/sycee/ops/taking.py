"""How many files get into the cache at once: large ones side by side, small ones in batches.

Each file is read once. The files of a batch become durable, and get their names, together; one that is interrupted
leaves nothing. What was taken before it stays in the cache, where the next run finds it.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sycee.core.progress import SILENT, Progress, Task
from sycee.digest import FileDigests
from sycee.store.moving import stopping
from sycee.store.statcache import SMALL
from sycee.workspace.content import Member
from sycee.workspace.repository import Repository

TOGETHER = 5_000  # small files of one batch
MAX_JOBS = 4  # as DVC: more large files at once only make a disk slow


def ingest(repo: Repository, path: Path, *, progress: Progress = SILENT) -> FileDigests:
    """Put one file into the cache, in one read pass, and return its digests. The work tree does not change."""
    with progress.start(f"adding {path.name}", path.stat().st_size) as task:
        return repo.cache.ingest(path, on_bytes=task.advance)


def take(
    repo: Repository, found: Sequence[Member], label: str, *, keep: bool = True, progress: Progress = SILENT
) -> Mapping[str, FileDigests]:
    """Put files into the cache and return the digests of each by its path. The work tree does not change.

    Args:
        repo: The repository; its lock is held by the caller.
        found: The files, looked at just now.
        label: What is done, for the person who waits.
        keep: Whether they go into the cache; if not, they are only read.
        progress: Told the bytes.

    Raises:
        NotFound: If one is absent.
        Conflict: If one is no regular file, or changes meanwhile.
    """
    files = {one.path: one.status for one in found}
    with progress.start(label, sum(status.st_size for status in files.values())) as task:
        taken = repo.cache.ingested(files) if keep else repo.statcache.get_all(files)
        task.advance(sum(digests.size for digests in taken.values()))
        new = [path for path in files if path not in taken]
        large = [path for path in new if files[path].st_size > SMALL]
        small = [path for path in new if files[path].st_size <= SMALL]
        taken |= _large(repo, large, task, repo.cache.ingest if keep else repo.statcache.digests_of)
        if not keep:
            return taken | repo.statcache.digests_of_all({p: files[p] for p in small}, on_bytes=task.advance)
        for start in range(0, len(small), TOGETHER):
            taken |= _batch(repo, small[start : start + TOGETHER], task)
    return taken


def _large(
    repo: Repository, paths: Sequence[str], task: Task, act: Callable[..., FileDigests]
) -> dict[str, FileDigests]:
    if len(paths) == 1:  # no thread more than it needs
        return {paths[0]: act(Path(paths[0]), on_bytes=task.advance)}
    with ThreadPoolExecutor(_jobs(repo)) as pool, stopping(task) as watched:
        return dict(zip(paths, pool.map(lambda path: act(Path(path), on_bytes=watched.advance), paths), strict=True))


def _batch(repo: Repository, paths: Sequence[str], task: Task) -> dict[str, FileDigests]:
    taken = {}
    with repo.cache.batch() as batch:
        for path in paths:
            taken[path] = repo.cache.ingest_small(batch, path)
            task.advance(taken[path].size)
    return taken


def _jobs(repo: Repository) -> int:
    wanted = repo.config.get("core", "checksum_jobs")
    return int(wanted) if wanted else min(MAX_JOBS, os.cpu_count() or 1)
