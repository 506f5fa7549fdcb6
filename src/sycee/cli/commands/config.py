"""``sycee config``."""

from collections.abc import Callable
from typing import Any

import click

from sycee.cli.context import Context, pass_context
from sycee.errors import UsageError
from sycee.ops.config import Entry, Place, entries, get_option, parse_name, set_option, unset_option
from sycee.workspace.config import Level

_FILES: tuple[tuple[str, Level, str], ...] = (
    ("--system", "system", "The configuration of this machine."),
    ("--global", "global", "Your own configuration."),
    ("--project", "repo", "The repository's .dvc/config, which Git tracks (the default for changes)."),
    ("--local", "local", "The repository's .dvc/config.local, which Git ignores: the place for secrets."),
)


def level_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the four flags that choose a configuration file; the function takes ``level``."""
    for flag, level, text in reversed(_FILES):
        function = click.option(flag, "level", flag_value=level, default=None, help=text)(function)
    return function


def place_of(ctx: Context, level: str | None) -> Place:
    """Return where a configuration command works."""
    chosen = next((one for _, one, _ in _FILES if one == level), None)
    return Place(ctx.cwd, ctx.environ, chosen)


@click.command()
@click.argument("name", required=False, metavar="[SECTION.OPTION]")
@click.argument("value", required=False)
@click.option("-u", "--unset", is_flag=True, help="Remove the option.")
@click.option("-l", "--list", "listing", is_flag=True, help="Print all options that are set; secrets are hidden.")
@click.option("--show-origin", is_flag=True, help="Print the file of each option before it.")
@level_options
@pass_context
def command(ctx: Context, name: str | None, value: str | None, level: str | None, **flags: bool) -> None:
    r"""Get or set options of the repository, or your own.

    Files and options are DVC's: .dvc/config for the repository, .dvc/config.local for this clone only, your own and
    the machine's. The later wins. Comments in them are kept.

    \b
    Examples:
      sycee config core.remote
      sycee config cache.type reflink,copy
      sycee config --local remote.store.profile work
      sycee config --list --show-origin

    \b
    Exit codes: 0 done · 1 not set, or no repository · 2 no such option
    """
    place = place_of(ctx, level)
    if flags["listing"]:
        if name is not None or flags["unset"]:
            raise UsageError("--list takes neither a name nor --unset", hint="leave one of them out")
        for entry in entries(place):
            ctx.out(_origin(ctx, entry, shown=flags["show_origin"]) + f"{entry.name}={entry.shown}")
    elif name is None:
        raise UsageError("which option?", hint="give SECTION.OPTION, or --list for all")
    elif flags["unset"]:
        unset_option(place, parse_name(name))
    elif value is not None:
        set_option(place, parse_name(name), value)
    else:
        entry = get_option(place, name)
        ctx.out(_origin(ctx, entry, shown=flags["show_origin"]) + entry.setting.text)


def _origin(ctx: Context, entry: Entry, *, shown: bool) -> str:
    if not shown:
        return ""
    setting = entry.setting
    return f"{ctx.shown(setting.file) if setting.level in {'repo', 'local'} else setting.file}\t"
