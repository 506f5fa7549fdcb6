"""Outs whose content another tool has to bring: what to say of them instead of nothing."""

import os
from collections.abc import Iterable
from pathlib import Path
from shlex import quote

from sycee.errors import NotFound, SyceeError
from sycee.formats.dvcoptions import scheme_of
from sycee.formats.origin import UrlImport
from sycee.workspace.content import current_id
from sycee.workspace.remotes import speaks
from sycee.workspace.repository import Repository
from sycee.workspace.tracked import Tracked


def absent(repo: Repository, tracked: Iterable[Tracked]) -> list[SyceeError]:
    """Return an error for each out whose content is not in the work tree, and in no store by its digest.

    Those are versions of files in a bucket (``cloud:``, ``files:``), and what ``--no-download`` left out of imports
    from no repository. What lies in the work tree as the pointer says needs nothing.

    Args:
        repo: The repository.
        tracked: Any outs.
    """
    return [_error(repo, one) for one in tracked if _is_elsewhere(one) and not _is_here(repo, one)]


def refusal(tracked: Tracked, root: Path) -> SyceeError | None:
    """Return why sycee does not bring an out from the url it was imported from, or None if it does.

    Args:
        tracked: An out that was not taken from a repository.
        root: The repository's root.
    """
    reason, verb = _reason(tracked, tracked.pointer.address if tracked.pointer else None)
    if not reason:
        return None
    command = f"dvc {verb} {quote(os.path.relpath(tracked.origin, root))}"
    return NotFound(f"it {reason}", hint=f"bring it with dvc: {command}", path=tracked.relpath)


def _reason(tracked: Tracked, address: UrlImport | None) -> tuple[str, str]:
    """Say why not, and which verb of dvc does it."""
    out = tracked.out
    if address is None:
        return "was imported without its content, from no url", "update"
    scheme = scheme_of(address.url)
    if scheme not in {"", "remote"} and not speaks(scheme):
        return f"was imported from {scheme}://, which sycee does not speak", "pull"
    if address.sets_options:
        return "sets options of its source, which sycee does not take from a pointer", "pull"
    if out.md5 is None and (out.is_legacy or not (address.md5 or address.tag)):
        return "was imported without its content, and its pointer does not say which it was", "update"
    if out.is_legacy and out.is_dir:
        return "was imported from a url before DVC 3.0", "pull"
    return "", ""


def _is_elsewhere(one: Tracked) -> bool:
    left_out = one.pointer is not None and one.pointer.imported and not one.pointer.source and one.out.md5 is None
    return one.out.cache and (one.out.versioned or left_out)


def _is_here(repo: Repository, one: Tracked) -> bool:
    return one.out.md5 is not None and current_id(repo, one) == one.out.md5


def _error(repo: Repository, one: Tracked) -> SyceeError:
    pointer = quote(os.path.relpath(one.origin, repo.root))
    if one.out.versioned:
        message, hint = "is kept as versions of files in a bucket, not as objects by digest", "with dvc: dvc pull"
    elif error := refusal(one, repo.root):
        return error.about(one.relpath)
    else:
        message, hint = "was imported without its content", "and note it in its pointer: sycee pull"
    return NotFound(f"{one.relpath} {message}", hint=f"bring it {hint} {pointer}", path=one.relpath)
