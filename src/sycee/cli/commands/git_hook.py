"""``sycee git-hook``: what Git calls after ``sycee install``."""

import sys
from collections.abc import Sequence
from shlex import quote

import click

from sycee.cli.context import Context, pass_context
from sycee.cli.words import files
from sycee.errors import NotFound, RemoteError, SyceeError, UsageError
from sycee.ops.describe import describe
from sycee.ops.merge import MergeRequest, merge
from sycee.ops.prepush import PrePush, Update, prepush, prepush_storing, updates
from sycee.workspace.repository import Repository, find_repository

_WITHOUT = "or go on without: git push --no-verify"
_MANY = 5  # commits to be named one by one


@click.group()
def command() -> None:
    r"""Do what Git asks for; sycee install sets it up.

    In a Git repository that is no sycee repository the hooks do nothing.

    \b
    Examples:
      echo 'sycee git-hook pre-push "$@"' >> .git/hooks/pre-push
      sycee install

    \b
    Exit codes: 0 done, or nothing to do; 1 stopped, or a person has to merge; 20 a remote could not be asked.
    """


@command.command("pre-commit")
@click.argument("arguments", nargs=-1)
@pass_context
def pre_commit(ctx: Context, arguments: tuple[str, ...]) -> None:  # noqa: ARG001 - Git gives none, other tools may
    """Show what differs from the pointers; never stops a commit."""
    if not _is_repository(ctx):
        return
    try:
        _run("status")
    except SyceeError as error:
        ctx.warn(error.message)


@command.command("post-checkout")
@click.argument("arguments", nargs=-1)
@pass_context
def post_checkout(ctx: Context, arguments: tuple[str, ...]) -> None:
    """Check out what the pointers of a branch name; not for single files, not within a rebase."""
    flag = ctx.environ.get("PRE_COMMIT_CHECKOUT_TYPE", arguments[2] if len(arguments) > 2 else "")
    if flag == "1" and _is_repository(ctx) and not _is_rebasing(ctx):
        _run("checkout")


@command.command("pre-push")
@click.argument("arguments", nargs=-1)
@click.option("--push", is_flag=True, help="Store what is missing, instead of refusing.")
@pass_context
def pre_push(ctx: Context, arguments: tuple[str, ...], *, push: bool) -> None:
    """Stop a push while an object that its commits name is on no remote."""
    if not _is_repository(ctx):
        return
    refs, git_remote = _pushed(ctx, arguments)
    with ctx.repository() as repo:
        try:
            if push:
                _store(ctx, repo, refs, git_remote)
            else:
                _require_stored(ctx, prepush(repo, refs, git_remote, lambda name: ctx.remote(repo, name)))
        except (RemoteError, NotFound) as error:
            error.advise(f"{error.hint}; {_WITHOUT}" if error.hint else _WITHOUT)
            raise


@command.command("merge-driver")
@click.option("--ancestor", required=True, metavar="FILE", help="What both sides come from.")
@click.option("--our", "ours", required=True, metavar="FILE", help="Our side, replaced by the result.")
@click.option("--their", "theirs", required=True, metavar="FILE", help="The other side.")
@click.option("--path", "name", metavar="PATH", help="Where the pointer stands in the work tree.")
@pass_context
def merge_driver(ctx: Context, ancestor: str, ours: str, theirs: str, name: str | None) -> None:
    """Merge two versions of a pointer: folders file by file."""
    base, here, there = (ctx.path(one) for one in (ancestor, ours, theirs))
    inside = Context((ctx.cwd / (name or ours)).parent, ctx.quiet, ctx.environ)
    with inside.repository() as repo:
        unknown = merge(repo, MergeRequest(base, here, there, name or ours))
    if unknown:
        ctx.say(f"{name or ours}: the strong digests of {files(unknown)} are not known; sycee add takes them again")


@command.command("diff")
@click.argument("file")
@pass_context
def diff(ctx: Context, file: str) -> None:
    """Print a pointer for git diff: size, digests, and the metrics of its card."""
    click.echo(describe(ctx.path(file), ctx.cwd), nl=False)


def _is_repository(ctx: Context) -> bool:
    try:
        find_repository(ctx.cwd, environ=ctx.environ).close()
    except NotFound:
        return False
    return True


def _run(verb: str) -> None:
    """Run a verb as if it was typed without arguments."""
    root = click.get_current_context().find_root()
    found = root.command.get_command(root, verb) if isinstance(root.command, click.Group) else None
    if found:
        with found.make_context(verb, [], parent=root) as inner:
            found.invoke(inner)


def _is_rebasing(ctx: Context) -> bool:
    with ctx.repository() as repo:
        if repo.git is None:
            return False
        return any(place.is_dir() for place in repo.git.own_paths("rebase-merge", "rebase-apply"))


def _pushed(ctx: Context, arguments: Sequence[str]) -> tuple[list[Update], str | None]:
    """Return what is pushed, and where to: told by Git on stdin, or by the pre-commit tool in the environment."""
    if local := ctx.environ.get("PRE_COMMIT_TO_REF") or ctx.environ.get("PRE_COMMIT_LOCAL_BRANCH"):
        return [Update(local, ctx.environ.get("PRE_COMMIT_FROM_REF", ""))], ctx.environ.get("PRE_COMMIT_REMOTE_NAME")
    if sys.stdin.isatty():
        raise UsageError("nobody says what is pushed", hint="Git runs this before a push; set it up: sycee install")
    return updates(sys.stdin.read()), arguments[0] if arguments else None


def _store(ctx: Context, repo: Repository, refs: Sequence[Update], git_remote: str | None) -> None:
    stored = prepush_storing(repo, refs, git_remote, lambda name: ctx.remote(repo, name), progress=ctx.progress)
    if stored:
        ctx.say(f"{files(stored)} pushed")


def _require_stored(ctx: Context, found: PrePush) -> None:
    for message in found.unreadable:
        ctx.warn(f"{message}; its objects are not known")
    if not found.lacking:
        return
    commits = list(dict.fromkeys(one.commit for one in found.lacking))
    listed = "".join(f"\n  {one.path} of commit {one.commit[:10]}: object {one.oid}" for one in found.lacking[:20])
    more = f"\n  … and {len(found.lacking) - 20} more" if len(found.lacking) > 20 else ""
    chosen = "-A" if len(commits) > _MANY else " ".join(f"--rev {quote(one[:10])}" for one in commits)
    raise NotFound(
        f"the push is stopped: what it names is not on remote {found.lacking[0].remote!r}:{listed}{more}",
        hint=f"sycee push {chosen}, then git push again",
        lacking=[{"path": one.path, "oid": one.oid, "commit": one.commit} for one in found.lacking],
    )
