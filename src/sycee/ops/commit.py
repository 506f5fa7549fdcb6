"""``sycee commit``: store the present content of what is tracked already, and bring its pointers up to date.

Everything is looked at, and everything is asked, before the first write; the order of writing is that of ``add``.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from shlex import quote

from sycee.core.parts import WHOLE
from sycee.core.progress import SILENT, Progress
from sycee.errors import Conflict
from sycee.formats import dirobject
from sycee.ops.add import require_addable, require_updatable
from sycee.ops.status import in_cache
from sycee.ops.storing import DEFAULT, Added, Manner, store
from sycee.workspace.content import current, current_id
from sycee.workspace.gitside import stage_if_wanted
from sycee.workspace.placed import remember
from sycee.workspace.repository import Repository
from sycee.workspace.tracked import Tracked, is_ours, read_origin

Confirm = Callable[[str], bool]


def commit(
    repo: Repository,
    targets: Sequence[Path],
    *,
    confirm: Confirm | None,
    manner: Manner = DEFAULT,
    progress: Progress = SILENT,
) -> list[Added]:
    """Store changed content, and content whose objects are missing; all else in the pointers stays.

    Args:
        repo: The repository.
        targets: Absolute paths of outs, parts of tracked folders, pointers or folders; none for everything but the
            outputs of pipelines.
        confirm: Asked a question for each changed pointer; None to store without asking, unchanged content too.
        manner: How content is stored.
        progress: Told the bytes.

    Raises:
        NotFound: If a target is not tracked, or its content is not there; nothing is done then.
        Conflict: If the answer was no, or DVC has to do it; nothing is done then.
    """
    with repo.locked(writes=[one.path for one in repo.tracked(targets, parts=True)]):
        found = [one for one in repo.tracked(targets, parts=True) if targets or one.pointer]
        known = {one.path: one for one in found}
        ours = [one for one in found if is_ours(one)]
        require_addable(repo, (one.path for one in ours if not one.parts), known)
        for one in ours:
            if one.parts:
                _restore_list(repo, one, progress)
                require_updatable(repo, one, None, progress)
        due = [one for one in found if _is_due(repo, one, confirm, progress)]
        repo.sweep(one.path for one in due)
        added = [store(repo, one.path, _reread(repo, one), progress, manner) for one in due]
        wholes = {one.path for one in due if not one.parts}
        remember(repo, ((one.path, one.out) for one in added if one.path in wholes))
    stage_if_wanted(repo, (path for one in added for path in one.changed))
    return added


def _restore_list(repo: Repository, folder: Tracked, progress: Progress) -> None:
    """Keep the list of files of a folder that was added without its content, if the folder is what was added."""
    if repo.cache.find(folder.out.md5 or "") is None:
        found = current(repo, folder._replace(parts=WHOLE), progress=progress)
        if found and found.oid == folder.out.md5:
            repo.cache.put_bytes(dirobject.render(found.entries), suffix=dirobject.SUFFIX)


def _is_due(repo: Repository, tracked: Tracked, confirm: Confirm | None, progress: Progress) -> bool:
    """Tell whether an artifact is to be stored, after asking where that changes its pointer."""
    changed = current_id(repo, tracked, progress=progress) != tracked.out.md5
    if not is_ours(tracked):
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


def _reread(repo: Repository, tracked: Tracked) -> Tracked:
    """Return what the pointer says now, since another out of the same pointer may have changed it."""
    now = next(one for one in read_origin(repo.root, tracked.origin, repo.git) if one.path == tracked.path)
    return now._replace(parts=tracked.parts)
