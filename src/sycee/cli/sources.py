"""Options by which a verb reads another repository: ``--rev``, ``--remote``, ``--remote-config``, ``--config``."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

from sycee.cli.context import Context
from sycee.errors import UsageError
from sycee.workspace.source import Asked, Surroundings

_Command = TypeVar("_Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--rev", metavar="REV", help="Which revision; else the work tree of a path, and HEAD elsewhere."),
    click.option("--remote", metavar="NAME", help="Which of its remotes, instead of its default one."),
    click.option(
        "--remote-config", multiple=True, metavar="OPTION=VALUE", help="Set an option of that remote; may be repeated."
    ),
    click.option("--config", metavar="FILE", help="A configuration file that counts more than the repository's."),
)


def source_options(command: _Command) -> _Command:
    """Give a verb the options; it takes them as ``**source`` and hands them to :func:`asked`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def asked(ctx: Context, url: str, **source: Any) -> Asked:
    """Return which repository is meant.

    Args:
        ctx: Where relative paths begin.
        url: As typed.
        **source: The values of the options.

    Raises:
        UsageError: If an option of the remote is not ``name=value``, or the configuration file is not there.
    """
    file = ctx.path(source["config"]) if source["config"] else None
    if file and not file.is_file():
        raise UsageError(
            f"there is no configuration file {source['config']}", hint="--config takes a file such as .dvc/config"
        )
    return Asked(url, source["rev"], source["remote"], dict(_pairs(source["remote_config"])), file)


def surroundings(ctx: Context) -> Surroundings:
    """Return where the source is asked for."""
    return Surroundings(ctx.cwd, ctx.environ, ctx.warn)


def _pairs(texts: Iterable[str]) -> Iterable[tuple[str, str]]:
    for text in texts:
        option, equals, value = text.partition("=")
        if not equals or not option:
            raise UsageError(f"{text!r} sets no option", hint="write OPTION=VALUE, such as profile=lab")
        yield option.lower(), value
