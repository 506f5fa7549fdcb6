"""All remotes of a repository, for verbs that take bytes from wherever they are."""

from collections.abc import Iterator

from sycee.cli.context import Context
from sycee.errors import SyceeError
from sycee.store.objects import Remote
from sycee.workspace.repository import Repository


class Remotes:
    """The remotes of the configuration, each opened once and only if it is needed.

    Args:
        ctx: Opens them, and is told of those that cannot be used.
        repo: The repository.
        first: The one to ask first, instead of the default one.
    """

    def __init__(self, ctx: Context, repo: Repository, first: str | None) -> None:
        self._ctx = ctx
        self._repo = repo
        self._first = first or repo.config.default_remote
        self._opened: dict[str | None, Remote | None] = {}

    def open(self, name: str | None) -> Remote:
        """Open a remote by name, the first one for None.

        Raises:
            NotFound: If there is no such remote, or no default.
        """
        name = name or self._first
        remote = self._opened.get(name) or self._ctx.remote(self._repo, name)
        self._opened[name] = remote
        return remote

    def usable(self) -> Iterator[Remote]:
        """Yield all remotes that can be opened, the first one first; the others are warned of once."""
        names = dict.fromkeys(name for name in (self._first, *self._repo.config.remotes()) if name)
        for name in names:
            if name not in self._opened:
                self._opened[name] = self._attempt(name)
            if remote := self._opened[name]:
                yield remote

    def _attempt(self, name: str) -> Remote | None:
        try:
            return self._ctx.remote(self._repo, name)
        except SyceeError as error:
            self._ctx.warn(f"remote {name!r} is not asked: {error.message}")
            return None
