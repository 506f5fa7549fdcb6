"""``sycee move``."""

import click

from sycee.cli.context import Context, pass_context
from sycee.cli.words import to_track
from sycee.ops.move import move


@click.command()
@click.argument("source", metavar="SRC")
@click.argument("target", metavar="DST")
@pass_context
def command(ctx: Context, source: str, target: str) -> None:
    r"""Rename a tracked file or folder.

    Moves the data, its pointer and its .gitignore entry; comments and digests in the pointer stay. Into an existing
    folder DST it goes under its own name. Nothing is overwritten. Content that has changed since it was added is moved
    as it is, and stays to be added.

    \b
    Examples:
      sycee move data/train data/train-2024
      sycee move model.pt models/

    \b
    Exit codes: 0 done; 1 SRC is not tracked, or DST is taken or ignored by Git: nothing was done.
    """
    with ctx.repository() as repo:
        moved = move(repo, ctx.path(source), ctx.path(target))
        autostaged = repo.config.get_bool("core", "autostage")
    if not moved.present:
        ctx.warn(f"{source} is not here; only its pointer has moved")
    if moved.changed and not autostaged:
        ctx.say(to_track(map(ctx.shown, moved.changed)))
