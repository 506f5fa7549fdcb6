"""Outs whose content another tool has to bring: what to say of them instead of nothing."""

import os
from collections.abc import Iterable
from pathlib import Path
from shlex import quote

from sycee.core.parts import WHOLE
from sycee.errors import NotFound, SyceeError
from sycee.formats.dvcoptions import scheme_of
from sycee.formats.origin import UrlImport
from sycee.store.transfer import lacking
from sycee.workspace.content import current_id
from sycee.workspace.remotes import speaks
from sycee.workspace.repository import Repository
from sycee.workspace.tracked import Tracked
from sycee.workspace.wanted import kept_as


def absent(repo: Repository, tracked: Iterable[Tracked]) -> list[SyceeError]:
    """Return an error for each out whose content is not in the work tree, and in no store by its digest.

    Those are versions of files in a bucket (``cloud:``, ``files:``) that were not fetched, and what ``--no-download``
    left out of imports from no repository. What lies in the work tree as the pointer says needs nothing.

    Args:
        repo: The repository.
        tracked: Any outs.
    """
    return [_error(repo, one) for one in tracked if _is_elsewhere(repo, one) and not is_here(repo, one)]


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


def is_cached(repo: Repository, one: Tracked) -> bool:
    """Tell whether the cache holds an out, as an object with all that it names."""
    item = kept_as(one)
    return item is not None and not lacking(repo.cache, [item])


def _is_elsewhere(repo: Repository, one: Tracked) -> bool:
    left_out = one.pointer is not None and one.pointer.imported and not one.pointer.source and one.out.md5 is None
    return one.out.cache and (left_out or (one.out.versioned and not is_cached(repo, one)))


def is_here(repo: Repository, one: Tracked) -> bool:
    """Tell whether what lies in the work tree is what the pointer says, with all its parts."""
    return one.out.md5 is not None and current_id(repo, one._replace(parts=WHOLE)) == one.out.md5


def _error(repo: Repository, one: Tracked) -> SyceeError:
    if one.out.versioned and not one.out.versions:
        return unreadable(one, repo.root).about(one.relpath)
    pointer = quote(os.path.relpath(one.origin, repo.root))
    if one.out.versioned:
        message, hint = "it is kept as versions of files in a bucket, and not in the cache", "bring it: sycee pull"
    elif error := refusal(one, repo.root):
        return error.about(one.relpath)
    else:
        message, hint = "it was imported without its content", "bring it and note it in its pointer: sycee pull"
    return NotFound(message, hint=f"{hint} {pointer}", path=one.relpath).about(one.relpath)


def unreadable(one: Tracked, root: Path) -> NotFound:
    """Return the error for versions of files in a bucket that sycee does not read."""
    pointer = quote(os.path.relpath(one.origin, root))
    message = "it is kept as versions of files in a bucket, which sycee does not read there"
    return NotFound(message, hint=f"bring it with dvc: dvc pull {pointer}", path=one.relpath)
