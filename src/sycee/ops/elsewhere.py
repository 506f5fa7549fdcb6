"""Outs whose content another tool has to bring: what to say of them instead of nothing."""

import os
from collections.abc import Iterable
from shlex import quote

from sycee.errors import NotFound, SyceeError
from sycee.workspace.content import current_id
from sycee.workspace.repository import Repository
from sycee.workspace.tracked import Tracked


def absent(repo: Repository, tracked: Iterable[Tracked]) -> list[SyceeError]:
    """Return an error for each out whose content is not in the work tree, and which sycee cannot bring.

    Those are versions of files in a bucket (``cloud:``, ``files:``), and what ``dvc import-url --no-download`` left
    out. What lies in the work tree as the pointer says needs nothing.

    Args:
        repo: The repository.
        tracked: Any outs.
    """
    return [_error(repo, one) for one in tracked if _is_elsewhere(one) and not _is_here(repo, one)]


def _is_elsewhere(one: Tracked) -> bool:
    left_out = one.pointer is not None and one.pointer.imported and not one.pointer.source and one.out.md5 is None
    return one.out.cache and (one.out.versioned or left_out)


def _is_here(repo: Repository, one: Tracked) -> bool:
    return one.out.md5 is not None and current_id(repo, one) == one.out.md5


def _error(repo: Repository, one: Tracked) -> SyceeError:
    command = f"dvc pull {quote(os.path.relpath(one.origin, repo.root))}"
    if one.out.versioned:
        message = f"{one.relpath} is kept as versions of files in a bucket, not as objects by digest"
    else:
        message = f"{one.relpath} was imported without its content, from no repository"
    return NotFound(message, hint=f"bring it with dvc: {command}", path=one.relpath)
