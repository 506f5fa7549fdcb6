"""Commits of Git repositories elsewhere, kept in bare clones of ours.

An address may come from a pointer that a stranger wrote. So Git is given the protocols of which none starts a program
that an address names, no hook, no template, and no setting but the user's; and a clone keeps no address.
"""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sycee.digest import sha256_hex
from sycee.errors import NotFound, RemoteError, SyceeError, UsageError
from sycee.system.git import PROTOCOLS, Git, without_credentials

_FULL_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]*")  # what a server can be asked for: not `main~2`
_HELPER = re.compile(r"[A-Za-z0-9]+::")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit that is here, whole.

    Attributes:
        git: The repository that holds it.
        id: Its full id.
    """

    git: Git
    id: str


def obtain(url: str, rev: str | None, *, home: Path) -> Commit:
    """Bring a commit of a repository here, with as little of its history as its server allows.

    A commit that is named by its full id and was brought here before is not asked for again.

    Args:
        url: An address that Git understands, or the path of a repository.
        rev: A revision; None for what the repository's HEAD is.
        home: The folder in which clones are kept.

    Raises:
        UsageError: If the address is of a kind that sycee does not speak.
        NotFound: If the repository has no such revision.
        RemoteError: If it cannot be reached.
    """
    require_speakable(url)
    folder = home / sha256_hex(url.encode(errors="surrogateescape"))[:32]
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _held(folder):
        git = Git(folder, foreign=True)
        git.run("init", "--bare", "--quiet", "--template=", ".")
        return Commit(git, _obtained(git, url, rev))


def require_speakable(url: str) -> None:
    """Refuse an address that Git would take for an option or a command.

    Raises:
        UsageError: If it is one.
    """
    scheme = _SCHEME.match(url)
    if url.startswith("-") or _HELPER.match(url) or (scheme and scheme[1].lower() not in PROTOCOLS):
        raise UsageError(
            f"{without_credentials(url)!r} is no address of a Git repository that sycee speaks to",
            hint=f"use one of {', '.join(f'{name}://' for name in PROTOCOLS)}, or a path",
        )


def commit_of(git: Git, rev: str) -> str | None:
    """Return the full id of the commit that a revision means in a repository, or None if it means none there."""
    words = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{rev}^{{commit}}")
    return git.run(*words, ok=(0, 1, 128)).decode().strip() or None


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    fd = os.open(folder.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        for left in (*folder.glob("*.lock"), *folder.glob("refs/**/*.lock")):  # by a killed Git: nobody else is here
            left.unlink()
        yield
    finally:
        os.close(fd)


def _obtained(git: Git, url: str, rev: str | None) -> str:
    if rev and _FULL_ID.fullmatch(rev) and (known := commit_of(git, rev)):
        return known
    if rev is None or _PLAIN_NAME.fullmatch(rev):
        ref = f"refs/sycee/{sha256_hex((rev or 'HEAD').encode())[:16]}"
        try:
            _fetch(git, url, "--depth=1", f"+{rev or 'HEAD'}:{ref}")
            return _required(git, url, ref)
        except SyceeError:  # no such name, or a server that gives no single commits
            pass
    try:
        unshallow = ["--unshallow"] if (git.root / "shallow").exists() else []
        _fetch(git, url, *unshallow, "+HEAD:refs/sycee/head", "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
    except SyceeError as error:
        raise RemoteError(
            f"cannot read the Git repository {without_credentials(url)}: {without_credentials(error.message)}",
            hint="check the address and your access to it: git ls-remote ADDRESS",
        ) from None
    return _required(git, url, rev or "refs/sycee/head")


def _fetch(git: Git, url: str, *words: str) -> None:
    options = [word for word in words if word.startswith("--")]
    refs = [word for word in words if word not in options]
    git.run(
        "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", *options, "--", url, *refs
    )


def _required(git: Git, url: str, rev: str) -> str:
    found = commit_of(git, rev)
    if found is None:
        raise NotFound(
            f"{rev!r} is no revision of {without_credentials(url)}", hint="see its branches and tags: git ls-remote"
        )
    return found
