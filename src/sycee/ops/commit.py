"""``sycee commit``: store the present content of what is tracked already, and bring its pointers up to date.

Everything is looked at, and everything is asked, before the first write; the order of writing is that of ``add``.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from shlex import quote

from sycee.core.progress import SILENT, Progress
from sycee.errors import Conflict
from sycee.ops.add import Added, require_addable, store
from sycee.ops.status import in_cache
from sycee.workspace.content import current_id
from sycee.workspace.gitside import stage_if_wanted
from sycee.workspace.repository import Repository
from sycee.workspace.tracked import Tracked, read_origin

Confirm = Callable[[str], bool]


def commit(
    repo: Repository, targets: Sequence[Path], *, confirm: Confirm | None, progress: Progress = SILENT
) -> list[Added]:
    """Store changed content, and content whose objects are missing; all else in the pointers stays.

    Args:
        repo: The repository.
        targets: Absolute paths of outs, pointers or folders; none for everything but the outputs of pipelines.
        confirm: Asked a question for each changed pointer; None to store without asking, unchanged content too.
        progress: Told the bytes.

    Raises:
        NotFound: If a target is not tracked, or its content is not there; nothing is done then.
        Conflict: If the answer was no, or DVC has to do it; nothing is done then.
    """
    with repo.locked(writes=[one.path for one in repo.tracked(targets)]):
        found = [one for one in repo.tracked(targets) if targets or one.pointer]
        known = {one.path: one for one in found}
        for one in filter(_is_ours, found):
            require_addable(repo, one.path, known)
        due = [one for one in found if _is_due(repo, one, confirm, progress)]
        repo.sweep(one.path for one in due)
        added = [store(repo, one.path, _reread(repo, one), progress) for one in due]
    stage_if_wanted(repo, (path for one in added for path in one.changed))
    return added


def _is_due(repo: Repository, tracked: Tracked, confirm: Confirm | None, progress: Progress) -> bool:
    """Tell whether an artifact is to be stored, after asking where that changes its pointer."""
    changed = current_id(repo, tracked, progress=progress) != tracked.out.md5
    if not _is_ours(tracked):
        if changed:
            hint = f"commit it with dvc: dvc commit {quote(tracked.relpath)}"
            raise Conflict(
                f"{tracked.relpath} changed, and is an import, or kept by another store than the cache", hint=hint
            )
        return False
    name = repo.relpath(tracked.origin)
    question = f"outputs ['{tracked.relpath}'] of {name} changed. Are you sure you want to commit it?"
    if changed and confirm is not None and not confirm(question):
        raise Conflict(f"unable to commit changed stage: '{name}'", hint="use -f or --force to commit it unasked")
    return changed or confirm is None or not in_cache(repo, tracked)


def _is_ours(tracked: Tracked) -> bool:
    """Tell whether the cache keeps it and ``add`` could have made its pointer; require_addable refuses pipelines."""
    imported = tracked.pointer is not None and tracked.pointer.imported
    return tracked.out.cache and not tracked.out.versioned and not imported


def _reread(repo: Repository, tracked: Tracked) -> Tracked:
    """Return what the pointer says now, since another out of the same pointer may have changed it."""
    return next(one for one in read_origin(repo.root, tracked.origin) if one.path == tracked.path)
