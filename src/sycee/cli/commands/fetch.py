"""``sycee fetch``."""

from typing import Any

import click

from sycee.cli.context import Context, pass_context
from sycee.cli.revisions import revision_options, tracked
from sycee.cli.targets import meant_for, run_cache, target_options
from sycee.cli.transfers import jobs_option
from sycee.cli.words import files
from sycee.ops.transfer import fetch


@click.command()
@click.argument("targets", nargs=-1, metavar="[TARGET…]")
@click.option("-r", "--remote", "remote_name", metavar="NAME", help="Which remote, instead of the default one.")
@jobs_option
@revision_options
@target_options
@run_cache
@click.option("--max-size", type=click.IntRange(0), metavar="BYTES", help="Only files and folders smaller than this.")
@click.option("--type", "kinds", multiple=True, type=click.Choice(["metrics", "plots"]), help="Only such outputs.")
@pass_context
def command(
    ctx: Context,
    targets: tuple[str, ...],
    remote_name: str | None,
    *,
    max_size: int | None,
    kinds: tuple[str, ...],
    **revisions: Any,
) -> None:
    r"""Bring objects from a remote into the cache.

    Each is hashed on its way in; what is not what its pointer says is kept aside and refused. The work tree does not
    change: see checkout.

    \b
    Examples:
      sycee fetch
      sycee fetch models/bert
      sycee fetch --rev bert@v1.0.0
      sycee fetch --max-size 1000000

    \b
    Exit codes: 0 the cache has everything; 1 something is missing; 11 something is damaged, or has
    changed where it was imported from; 20 the remote failed.
    """
    with ctx.repository() as repo:
        ctx.require_remote(repo, remote_name)
        found = tracked(ctx, repo, targets, **revisions)
        small = [one for one in found if not (max_size and one.out.size and one.out.size >= max_size)]
        wanted = [one for one in small if not kinds or one.kind in kinds]
        outcome = fetch(
            repo,
            meant_for(wanted, remote_name),
            lambda name: ctx.remote(repo, name or remote_name),
            progress=ctx.progress,
        )
    ctx.tell(f"{files(len(outcome.moved))} fetched" if outcome.moved else "Everything is up to date.")
