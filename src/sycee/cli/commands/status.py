"""``sycee status``."""

from collections.abc import Mapping
from shlex import quote
from typing import Any

import click

from sycee.cli.context import Context, pass_context
from sycee.cli.revisions import asks_for_revisions, revision_options, tracked
from sycee.cli.targets import chosen_here, meant_for, target_options
from sycee.cli.transfers import jobs_option
from sycee.errors import UsageError
from sycee.ops.status import Change, status

CLEAN = "Data and pipelines are up to date."
_WIDTH = 20  # DVC's column of states


@click.command()
@click.argument("targets", nargs=-1, metavar="[TARGET…]")
@click.option("-c", "--cloud", is_flag=True, help="Compare the cache with a remote, not the files with the pointers.")
@click.option("-r", "--remote", "remote_name", metavar="NAME", help="Which remote; implies --cloud.")
@jobs_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON, as `dvc status --json` does.")
@revision_options
@click.option("--no-updates", is_flag=True, expose_value=False, help="As without: sources of imports are never asked.")
@target_options
@pass_context
def command(
    ctx: Context, targets: tuple[str, ...], remote_name: str | None, *, cloud: bool, as_json: bool, **chosen: Any
) -> None:
    r"""Show what differs from the pointers.

    A TARGET is a tracked file or folder, a file or folder in a tracked one, a pointer, a folder with tracked files in
    it, or a step of a pipeline. States are DVC's words:
    modified, deleted, new, not in cache. Reads only. With --cloud it also speaks of other revisions.

    \b
    Examples:
      sycee status
      sycee status models/bert --json
      sycee status --cloud

    \b
    Exit codes: 0 told, whatever it is; 1 unreadable pointer, or unknown target; 20 the remote failed.
    """
    with ctx.repository() as repo:
        if cloud or remote_name:
            from sycee.ops.cloudstatus import cloud_status  # what talks to remotes is not small

            wanted = meant_for(tracked(ctx, repo, targets, **chosen), remote_name)
            remote = ctx.remote(repo, remote_name)
            states = cloud_status(repo, wanted, remote)
            _show_cloud(ctx, states, remote.name, as_json=as_json, indent="\t" * cloud)
            _end(ctx, differing=bool(states) and not as_json)
            return
        if asks_for_revisions(chosen):
            raise UsageError("the files are those of one revision", hint="add --cloud to compare cache and remote")
        here = chosen_here(ctx, repo, targets, with_deps=chosen["with_deps"])
        found = status(repo, here, progress=ctx.progress)
    if as_json:
        ctx.json(_as_dvc({c.origin: [x for x in found.changes if x.origin == c.origin] for c in found.changes}))
    else:
        ctx.tell(_as_text(found.changes) or CLEAN)
    _end(ctx, differing=bool(found.changes) and not as_json)
    for relpath in found.unvouched:
        ctx.warn(f"{relpath}: the strong digests in its pointer belong to other content (a plain `dvc add`?)")
        ctx.say(f"hint: sycee add {quote(relpath)}")


def _end(ctx: Context, *, differing: bool) -> None:
    """Say by the exit code what was not to be said in words, as DVC does."""
    if ctx.quiet and ctx.dvc_exit_codes and differing:
        click.get_current_context().exit(1)


def _as_text(changes: tuple[Change, ...]) -> str:
    lines, last = [], None
    for change in changes:
        if change.origin != last:
            lines += [f"{change.origin}:", "\tchanged outs:"]
            last = change.origin
        lines.append(f"\t\t{change.state + ':':<{_WIDTH}}{change.relpath}")
    return "\n".join(lines)


def _as_dvc(changes: Mapping[str, list[Change]]) -> dict[str, object]:
    return {origin: [{"changed outs": {c.relpath: c.state for c in group}}] for origin, group in changes.items()}


def _by_state(one: tuple[str, str]) -> tuple[int, str]:
    path, state = one
    return ("deleted", "new", "missing").index(state), path  # DVC's order


def _show_cloud(ctx: Context, states: Mapping[str, str], name: str, *, as_json: bool, indent: str) -> None:
    if as_json:
        ctx.json(states)
    elif states:
        for path, state in sorted(states.items(), key=_by_state):
            ctx.tell(f"{indent}{state + ':':<{_WIDTH}}{path}")
    else:
        ctx.tell(f"Cache and remote '{name}' are in sync.")
