"""``sycee push``."""

from shlex import quote
from typing import Any

import click

from sycee.cli.context import Context, pass_context
from sycee.cli.revisions import revision_options, tracked
from sycee.cli.targets import expanded, glob, meant_for, run_cache, target_options
from sycee.cli.transfers import jobs_option, tell_requests
from sycee.cli.words import files
from sycee.ops.push import push


@click.command()
@click.argument("targets", nargs=-1, metavar="[TARGET…]")
@click.option("-r", "--remote", "remote_name", metavar="NAME", help="Which remote, instead of the default one.")
@jobs_option
@revision_options
@target_options
@run_cache
@glob
@pass_context
def command(
    ctx: Context, targets: tuple[str, ...], remote_name: str | None, *, as_patterns: bool, **revisions: Any
) -> None:
    r"""Store objects on a remote.

    Everything the pointers in the work tree name, or that part of it which the TARGETs name. What the remote has is
    not sent again. Exits 0 only if the remote then has everything.

    Of each signed model that is pushed the remote also gets what Git keeps of it (card, context, signatures, records),
    so that a machine without Git can have this version: sycee pull --identity HEX DIR.

    \b
    Examples:
      sycee push
      sycee push models/bert --remote backup
      sycee push --all-tags

    \b
    Exit codes: 0 the remote has everything; 1 something is not in the cache; 11 it is damaged there; 20 the remote
    failed.
    """
    with ctx.repository() as repo:
        wanted = tracked(ctx, repo, expanded(ctx, targets) if as_patterns else targets, **revisions)
        outcome = push(
            repo,
            meant_for(wanted, remote_name),
            lambda name: ctx.remote(repo, name or remote_name),
            progress=ctx.progress,
        )
    for label in outcome.withheld:
        ctx.warn(f"the list of files of {label} was not sent, since the remote lacks other files of it")
        ctx.say(f"hint: send the rest too: sycee push {quote(label)}")
    for note in outcome.notes:
        ctx.warn(note)
    for name, left in outcome.versions:
        ctx.say(f"left {left.label or 'a version'} on {name}: sycee pull --identity {left.identity} DIR")
    tell_requests(ctx, outcome)
    ctx.tell(f"{files(len(outcome.moved))} pushed" if outcome.moved else "Everything is up to date.")
