"""What every verb gets: where it runs, how it speaks, how it shows progress.

stdout is data, stderr is messages. Colour and bars only where a person looks at a terminal.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sycee.cli.words import echo, echo_json
from sycee.core.printable import below
from sycee.core.progress import SILENT, Progress
from sycee.system.locks import DEFAULT_WAIT
from sycee.system.terminal import watched

if TYPE_CHECKING:
    from sycee.store.objects import Remote
    from sycee.workspace.repository import Repository

JOBS = "sycee.jobs"  # where click keeps the value of ``-j`` during a command


@dataclass(frozen=True, slots=True)
class Context:
    """The surroundings of one command.

    Attributes:
        cwd: The folder that relative arguments are relative to (``-C``).
        quiet: Whether messages are left out; errors never are.
        environ: The environment; nothing below the command line reads it.
        wait: Seconds to wait for other commands that work here.
        dvc_exit_codes: Whether exit codes are DVC's.
    """

    cwd: Path
    quiet: bool
    environ: Mapping[str, str]
    wait: float = DEFAULT_WAIT
    dvc_exit_codes: bool = False

    @property
    def progress(self) -> Progress:
        """Bars on a terminal, nothing elsewhere."""
        return SILENT if self.quiet else watched()

    def path(self, text: str) -> Path:
        """Return an argument as an absolute path; links in it are not followed."""
        return Path(os.path.normpath(self.cwd / text))

    def shown(self, path: Path) -> str:
        """Return a path as the user would write it."""
        return os.path.relpath(path, self.cwd)

    def out(self, text: str) -> None:
        """Print data to stdout."""
        echo(text)

    def tell(self, text: str) -> None:
        """Print to stdout what was done or found, in words that people and scripts know; nothing if quiet."""
        if not self.quiet:
            echo(text)

    def say(self, text: str) -> None:
        """Print a message for a person to stderr."""
        if not self.quiet:
            echo(text, err=True)

    def warn(self, text: str) -> None:
        """Print a warning to stderr, in yellow on a terminal."""
        echo(f"{click.style('warning:', fg='yellow')} {below(text)}", err=True)

    def json(self, value: Any) -> None:
        """Print a value to stdout as JSON."""
        echo_json(value)

    @contextmanager
    def repository(self) -> Iterator["Repository"]:
        """Give the repository around the working folder, closed afterwards.

        Raises:
            NotFound: If there is none.
        """
        from sycee.workspace.repository import find_repository  # of no use to verify, and not small

        repo = find_repository(self.cwd, environ=self.environ, notify=self.say, wait=self.wait)
        for warning in repo.config.warnings:
            self.warn(warning)
        try:
            yield repo
        finally:
            repo.close()

    def remote(self, repo: "Repository", name: str | None) -> "Remote":
        """Open a remote by name, the default one for None; ``-j`` decides how many objects move at once.

        Raises:
            NotFound: If there is no such remote, or no default.
        """
        from sycee.store.objects import Remote
        from sycee.workspace.remotes import open_backend  # of no use to verbs that stay here, and not small

        opened = open_backend(repo.config, name, environ=self.environ, scratch=repo.scratch)
        click.get_current_context().call_on_close(opened.backend.close)
        for warning in opened.warnings:
            self.warn(warning)
        return Remote(opened.name, opened.backend, click.get_current_context().meta.get(JOBS) or opened.jobs)

    def require_remote(self, repo: "Repository", name: str | None) -> None:
        """Refuse a name that no remote has, also where nothing will have to be asked of it; None is no name.

        Raises:
            NotFound: If there is no such remote.
        """
        from sycee.workspace.remotes import remote_settings  # of no use to verbs that stay here, and not small

        if name is not None:
            remote_settings(repo.config, name)


pass_context: Callable[[Callable[..., Any]], Callable[..., Any]] = click.make_pass_decorator(Context)
