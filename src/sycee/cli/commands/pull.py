"""``sycee pull``."""

from typing import Any

import click

from sycee.cli.context import Context, pass_context
from sycee.cli.pullversion import NAMES, asks_for_version, bring, version_options
from sycee.cli.revisions import revision_options, tracked
from sycee.cli.targets import chosen_here, meant_for, run_cache, target_options
from sycee.cli.transfers import jobs_option
from sycee.cli.words import changes, pulled, to_track
from sycee.ops.ahead import ahead
from sycee.ops.checkout import Options, checkout
from sycee.ops.importing import fill
from sycee.ops.transfer import Fetching, fetch


@click.command()
@click.argument("targets", nargs=-1, metavar="[TARGET…]")
@click.option("-r", "--remote", "remote_name", metavar="NAME", help="Which remote, instead of the default one.")
@version_options
@jobs_option
@click.option("-f", "--force", is_flag=True, help="Give up content that is stored nowhere.")
@click.option("--allow-missing", is_flag=True, help="Leave alone what is nowhere, and do the rest.")
@revision_options
@target_options
@run_cache
@pass_context
def command(ctx: Context, targets: tuple[str, ...], remote_name: str | None, **given: Any) -> None:
    r"""Fetch, then check out.

    A TARGET may be a file or folder in a tracked folder: then only this part is fetched and checked out. What was
    imported from another repository comes from there, and what was imported from a url too, if no remote has it;
    where `--no-download` left the content of an import out, it is brought and noted in the pointer.

    With other revisions their objects are fetched too; what is checked out is always the work tree's own.

    A machine that has neither Git nor a repository gets a signed version, whole or not at all, from the remote alone,
    if whoever made it has pushed it: --identity HEX DIR, where every byte has to be that of this identity; or
    NAME@VERSION DIR with --trust or --key, where it has to be signed as that. DIR must not exist, or be the version.
    The remote may be a url then. The same command continues what was interrupted.

    \b
    Examples:
      git clone https://git.example.org/nlp/ner && cd ner && sycee pull
      sycee pull models/bert data/conll/dev

    \b
    Without Git:
      sycee pull --identity 3f2a… /srv/bert --remote s3://models/store
      sycee pull bert@1.2.0 /srv/bert --trust /etc/sycee/trust.toml --remote s3://models/store

    \b
    Exit codes: 0 everything is here; 1 something is missing, or would be lost; 11 something is damaged,
    or has changed where it was imported from; 12, 13 and 14 as for verify; 20 the remote failed.
    """
    version = {name: given.pop(name) for name in NAMES}
    if asks_for_version(ctx, targets, version):
        bring(ctx, targets, remote_name, version, given)
        return
    with ctx.repository() as repo:
        ctx.require_remote(repo, remote_name)
        how = {name: given.pop(name) for name in ("force", "allow_missing")}
        here = chosen_here(ctx, repo, targets, with_deps=given["with_deps"])
        filled = fill(repo, here, progress=ctx.progress)
        wanted = meant_for(tracked(ctx, repo, targets, **given), remote_name)
        if filled.pointers:
            here = chosen_here(ctx, repo, targets, with_deps=given["with_deps"])
        with ahead(repo, here) as copies:
            outcome = fetch(
                repo,
                wanted,
                lambda name: ctx.remote(repo, name or remote_name),
                Fetching(how["allow_missing"], copies.twin),
                progress=ctx.progress,
            )
            done = checkout(repo, here, Options(take_away=not targets, copies=copies, **how), progress=ctx.progress)
    for line in changes(done.marks):
        ctx.tell(line)
    ctx.tell(pulled(len(filled.moved) + len(outcome.moved), done.files))
    if filled.pointers:
        ctx.say(to_track(ctx.shown(path) for path in filled.pointers))
