"""``sycee gc``."""

import datetime as dt
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import click

from sycee.cli.context import Context, pass_context
from sycee.cli.words import byte_count, objects
from sycee.errors import SyceeError, UsageError
from sycee.ops.gc import Garbage, Survey, artifacts, collect, survey
from sycee.ops.needed import GcRequest
from sycee.store.garbage import DVC
from sycee.store.objects import Remote
from sycee.workspace.repository import Repository, find_repository, open_repository
from sycee.workspace.revisions import Revisions
from sycee.workspace.roots import Scope

_Command = TypeVar("_Command", bound=Callable[..., Any])
_SHOWN = 20  # artifacts that are named before the question

_SCOPE = (
    click.option("-w", "--workspace", is_flag=True, help="Keep what the work tree needs; the other scopes do so too."),
    click.option("-a", "--all-branches", is_flag=True, help="Keep what the tips of all branches need."),
    click.option("-T", "--all-tags", is_flag=True, help="Keep what all tags need."),
    click.option("-A", "--all-commits", is_flag=True, help="Keep what any commit needs that Git has a name for."),
    click.option("--rev", metavar="REV", help="Keep what this revision needs."),
    click.option("-n", "--num", type=click.IntRange(1), metavar="N", help="With --rev or -a: the last N commits each."),
    click.option("--date", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="Keep what commits since need."),
    click.option("--all-experiments", is_flag=True, help="Keep what DVC's experiments need."),
    click.option("--keep-last", type=click.IntRange(1), metavar="N", help="Keep the last N versions of every path."),
)


def _scope_options(command: _Command) -> _Command:
    for option in reversed(_SCOPE):
        command = option(command)
    return command


@click.command()
@_scope_options
@click.option("--not-in-remote", is_flag=True, help="Of that, keep in the cache only what the remote lacks.")
@click.option("-c", "--cloud", is_flag=True, help="Remove from the remote too.")
@click.option("-r", "--remote", metavar="NAME", help="Which remote, instead of the default one.")
@click.option("-p", "--projects", multiple=True, metavar="DIR…", help="Keep what these projects need too.")
@click.option("--skip-failed", is_flag=True, help="Leave out versions that cannot be read; their objects may go.")
@click.option("--dry", is_flag=True, help="Only show what would be removed.")
@click.option("-f", "--force", is_flag=True, help="Remove without asking.")
@click.option("-j", "--jobs", type=click.IntRange(1), metavar="N", help="How many requests a remote gets at once.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; with --dry or --force only.")
@click.argument("more", nargs=-1, metavar="")
@pass_context
def command(ctx: Context, **given: Any) -> None:
    r"""Remove objects that nothing refers to from the cache, and with --cloud from a remote.

    A scope is mandatory: it says which versions stay. What work trees refer to stays in any case, and so does what is
    staged or stashed, what symbolic links lead to, and what other projects and work trees of the same Git repository
    refer to, and projects inside of this one that share its cache or a remote. If not all that has to stay can be
    known, nothing is removed. Only objects go: quarantine, the run cache and files of other programs stay.

    \b
    Examples:
      sycee gc --all-tags --keep-last 3 --dry
      sycee gc --workspace --not-in-remote
      sycee gc --all-commits --cloud

    \b
    Exit codes: 0 done; 1 not confirmed (on no terminal: without --force), or something cannot be known: nothing was
    removed; 2 no scope, or options that contradict each other; 20 the remote failed.
    """
    _require_meaningful(given)
    with ctx.repository() as repo:
        request = _request(ctx, given)
        if given["force"] and not given["dry"]:
            found = collect(repo, request, progress=ctx.progress)
        else:
            found = survey(repo, request)
            if not given["dry"] and found.count:
                _warn(ctx, repo, request, given)
                _confirm(ctx, repo, found)
                found = collect(repo, request, approved=found, progress=ctx.progress)
        for message in found.skipped:
            ctx.warn(f"{message}; left out")
        if given["as_json"]:
            ctx.json(_told(repo, found, dry=given["dry"]))
        else:
            _tell_dry(ctx, repo, found) if given["dry"] else _tell(ctx, found)


def _require_meaningful(given: Mapping[str, Any]) -> None:
    scopes = ("workspace", "all_branches", "all_tags", "all_commits", "all_experiments", "date", "rev", "keep_last")
    checks = (
        (any(given[name] for name in scopes), "say what to keep", "a scope: --workspace, --all-tags, --keep-last …"),
        (given["all_branches"] or given["rev"] or not given["num"], "--num needs --rev or --all-branches", None),
        (not (given["cloud"] and given["not_in_remote"]), "--not-in-remote is about the cache, not --cloud", None),
        (
            given["cloud"] or given["not_in_remote"] or not given["remote"],
            "--remote needs --cloud or --not-in-remote",
            None,
        ),
        (given["projects"] or not given["more"], f"unexpected argument {' '.join(given['more'])!r}", None),
        (given["dry"] or given["force"] or not given["as_json"], "--json does not ask", "add --dry or --force"),
    )
    for holds, message, hint in checks:
        if not holds:
            raise UsageError(message, hint=hint or "sycee gc --help")


def _request(ctx: Context, given: Mapping[str, Any]) -> GcRequest:
    opened: dict[tuple[object, str | None], Remote] = {}

    def open_remote(project: Repository, name: str | None) -> Remote:
        if (project.root, name) not in opened:
            one = ctx.remote(project, name)
            opened[project.root, name] = Remote(one.name, one.backend, given["jobs"] or one.jobs)
        return opened[project.root, name]

    named = [ctx.path(text) for text in (*given["projects"], *given["more"])]
    return GcRequest(
        scope=_scope(given),
        open_project=lambda root: open_repository(root, environ=ctx.environ, notify=ctx.say, wait=ctx.wait),
        open_remote=open_remote,
        projects=tuple(find_repository(path, environ=ctx.environ, notify=ctx.say, wait=ctx.wait) for path in named),
        **{name: given[name] for name in ("cloud", "remote", "not_in_remote", "skip_failed")},
    )


def _scope(given: Mapping[str, Any]) -> Scope:
    revisions = Revisions(
        branches=given["all_branches"],
        tags=given["all_tags"],
        everything=given["all_commits"],
        revs=(given["rev"],) if given["rev"] else (),
        depth=given["num"] or 1,
        since=given["date"].date() if isinstance(given["date"], dt.datetime) else None,
        experiments=given["all_experiments"],
    )
    return Scope(revisions, given["keep_last"] or 0)


def _warn(ctx: Context, repo: Repository, request: GcRequest, given: Mapping[str, Any]) -> None:
    kept = " and ".join(["the workspace", *_kept(given)])
    lacking = " that are not present in the remote" if given["not_in_remote"] else ""
    others = " and of the projects named" if request.projects else ""
    ctx.warn(f"This will remove all cache except items used in {kept}{lacking} of the current repo{others}.")
    if repo.dvc_dir not in repo.cache.root.parents and not request.projects:
        ctx.warn(f"the cache {repo.cache.root} may serve other projects too: name them, --projects DIR")
    if request.cloud:
        ctx.warn("what only other clones refer to will be removed from the remote: git fetch first")


def _kept(given: Mapping[str, Any]) -> Iterator[str]:
    last = f"the last {given['num']} commits of " if given["num"] else ""
    yield from ["all git commits"] * given["all_commits"]
    yield from [f"{last or 'the tips of '}all git branches"] * given["all_branches"]
    yield from ["all git tags"] * given["all_tags"]
    yield from [f"{last}{given['rev']}"] * bool(given["rev"])
    yield from [f"all git commits since {given['date']:%Y-%m-%d}"] if given["date"] else []
    yield from ["all experiments"] * given["all_experiments"]
    yield from [f"the last {given['keep_last']} versions of every path"] * bool(given["keep_last"])


def _confirm(ctx: Context, repo: Repository, found: Survey) -> None:
    for one in found.stores:
        ctx.say(f"{_name(one)}: {objects(len(one.items))}, {byte_count(one.size)}")
    _say_paths(ctx, artifacts(repo, found))
    if not sys.stdin.isatty():
        raise SyceeError("nothing was removed: there is no terminal to ask", hint="see --dry, then repeat with --force")
    if not click.confirm("Are you sure you want to proceed?", err=True):
        raise SyceeError("nothing was removed")


def _tell(ctx: Context, found: Survey) -> None:
    """Print what DVC prints, line by line."""
    for one in found.stores:
        for is_legacy, kind in ((False, "repo"), (True, "legacy")):
            items = [item for item in one.items if item.kind in DVC]
            count = sum(1 for item in items if item.is_legacy == is_legacy)
            if one.remote is None:
                ctx.out(
                    f"Removed {count} objects from {kind} cache." if count else f"No unused '{kind}' cache to remove."
                )
            else:
                ctx.out(f"Removed {count} objects from remote." if count else "No unused cache to remove from remote.")


def _tell_dry(ctx: Context, repo: Repository, found: Survey) -> None:
    for one in found.stores:
        for item in one.items:
            ctx.out(f"Removing {one.backend.describe(item.key)}")
    freed = sum(one.size for one in found.stores)
    ctx.say(f"nothing was removed; {objects(found.count)}, {byte_count(freed)} would be")
    _say_paths(ctx, artifacts(repo, found))


def _say_paths(ctx: Context, named: Mapping[str, tuple[int, int]]) -> None:
    for path, (count, freed) in list(named.items())[:_SHOWN]:
        ctx.say(f"  {path}: {objects(count)}, {byte_count(freed)}")
    if len(named) > _SHOWN:
        ctx.say(f"  and {len(named) - _SHOWN} more paths")


def _told(repo: Repository, found: Survey, *, dry: bool) -> dict[str, Any]:
    stores = [
        {
            "remote": one.remote,
            "bytes": one.size,
            "objects": [{"path": one.backend.describe(item.key), "size": item.size} for item in one.items],
        }
        for one in found.stores
    ]
    named = artifacts(repo, found).items() if dry else ()
    paths = {path: {"objects": count, "bytes": freed} for path, (count, freed) in named}
    return {"dry": dry, "stores": stores, **({"paths": paths} if dry else {}), "skipped": list(found.skipped)}


def _name(one: Garbage) -> str:
    return "cache" if one.remote is None else f"remote {one.remote!r} ({one.backend.describe()})"
