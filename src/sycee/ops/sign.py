"""``sycee sign``: the stamp on a model folder; see :mod:`sycee.trust.signing.sign` for the steps."""

import dataclasses
import datetime as dt
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from sycee.core.progress import SILENT, Progress
from sycee.digest import FileDigests
from sycee.ops.add import add
from sycee.ops.aside import Aside
from sycee.system.git import Git, toplevel
from sycee.system.onepass import OnBytes, digest_file
from sycee.trust.folder import Folder
from sycee.trust.signing import sign as trust
from sycee.trust.signing.further import stale_bundles
from sycee.trust.signing.sign import Result
from sycee.trust.signing.signers import Signer
from sycee.workspace.repository import Repository


def sign(
    folder: Path,
    key: Signer,
    *,
    repo: Repository | None = None,
    replace: bool = False,
    progress: Progress = SILENT,
) -> Result:
    """Sign a model folder: detached signatures, sums, bundle, and the pointers' record of them.

    A folder that is tracked as a whole is added again, since the signatures are then a part of it.

    Args:
        folder: The model folder.
        key: What signs.
        repo: The repository around it; with it, files that are unchanged since they were digested are not read again.
        replace: Put this signature in the place of another first signer's, and move bundles of further signers aside
            that are about another version.
        progress: Where to announce the bytes read.

    Raises:
        SyceeError: See :func:`sycee.trust.sign.sign`.
    """
    git = repo.git if repo else _git_around(folder)
    request = trust.Request(folder, key, _digests_of(repo), git, replace, _is_tracked_in(repo))
    with repo.locked(reads=[folder.absolute()]) if repo else nullcontext():
        result = _without_stale(trust.sign(request, progress=progress), request, repo)
    if repo is None or not trust.tracked_as_whole(folder):
        return result
    [added] = add(repo, [folder.absolute()], progress=progress)  # of such a folder Git has the pointer alone
    return dataclasses.replace(result, added=added.pointer if added.changed else None)


def _without_stale(result: Result, request: trust.Request, repo: Repository | None) -> Result:
    """Tell of further signers' bundles that do not count for what was signed; with ``replace`` move them aside first.

    They go when the new signature is there: a crash between the two leaves one more bundle that nobody counts.
    """
    with Folder(request.folder) as opened:
        stale = stale_bundles(opened, result.identity)
    if not request.replace:
        advice = "it does not count: let its signer sign again, or take it away"
        return _warned(result, [f"{one.name} {one.why}; {advice}" for one in stale])
    folder = request.folder.absolute()
    aside = Aside(folder, repo, dt.datetime.now(dt.UTC))
    aside.take(folder / one.name for one in stale)
    moved = zip(stale, aside.taken, strict=True)
    return _warned(result, [f"{one.name} {one.why}; it lies now in {now}" for one, (_, now) in moved])


def _warned(result: Result, warnings: list[str]) -> Result:
    return dataclasses.replace(result, warnings=(*result.warnings, *warnings))


def _is_tracked_in(repo: Repository | None) -> Callable[[Path], bool]:
    def is_tracked(path: Path) -> bool:  # asked only when a warning is due: it reads every pointer
        return repo is not None and any(path.absolute() == tracked.path for tracked in repo.tracked())

    return is_tracked


def _digests_of(repo: Repository | None) -> trust.DigestsOf:
    def digests_of(path: Path, on_bytes: OnBytes) -> FileDigests:
        return repo.statcache.digests_of(path, on_bytes=on_bytes) if repo else digest_file(path, on_bytes=on_bytes)

    return digests_of


def _git_around(folder: Path) -> Git | None:
    around = toplevel(folder.absolute())
    return Git(around) if around else None
