"""``sycee add``."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import click

from sycee.cli.context import Context, pass_context
from sycee.cli.targets import expanded, glob
from sycee.cli.words import to_track
from sycee.errors import UsageError
from sycee.ops.add import add
from sycee.ops.bring import Bringing, add_copy, add_to_remote
from sycee.ops.storing import Added, Manner
from sycee.workspace.repository import Repository


@click.command()
@click.argument("targets", nargs=-1, required=True, metavar="TARGET…")
@glob
@click.option("--no-commit", is_flag=True, help="Write the pointer only; store the content later: sycee commit.")
@click.option("-o", "--out", metavar="PATH", help="Track a copy of TARGET here, from wherever it lies.")
@click.option("-f", "--force", is_flag=True, help="With --out: replace what stands there.")
@click.option("--to-remote", is_flag=True, help="Store TARGET on a remote only: no copy in the cache or the work tree.")
@click.option("-r", "--remote", "remote_name", metavar="NAME", help="With --to-remote: not to the default one.")
@click.option("--remote-jobs", type=click.IntRange(1), metavar="N", help="With --to-remote: so many files at once.")
@click.option("--no-relink", is_flag=True, help="Leave the files as they are; make no links into the cache.")
@pass_context
def command(ctx: Context, targets: tuple[str, ...], *, as_patterns: bool, **options: Any) -> None:
    r"""Track files and folders by digest.

    Copies each into the cache (read once, hashed by md5, sha256 and blake3), writes its pointer TARGET.dvc and makes
    Git ignore the target itself. Commit the pointer. A TARGET in a tracked folder updates that folder's pointer, even
    if the other files are not here; one that is gone is taken out of it.

    \b
    Examples:
      sycee add data/train
      sycee add models/bert/model.safetensors models/bert/tokenizer.bin
      sycee add --glob 'checkpoints/**/*.pt'
      sycee add /mnt/downloads/llama --out models/llama
      sycee add /mnt/downloads/mixtral --out models/mixtral --to-remote

    \b
    Exit codes: 0 done; 1 a target is absent or cannot be tracked: nothing was done; 20 the remote failed.
    """
    names = expanded(ctx, targets) if as_patterns else list(targets)
    _require_fitting(names, **options)
    with ctx.repository() as repo:
        added = (
            _brought(ctx, repo, names[0], **options) if _elsewhere(**options) else _added(ctx, repo, names, **options)
        )
        autostaged = repo.config.get_bool("core", "autostage")
    changed = sorted({ctx.shown(path) for one in added for path in one.changed})
    if not changed:
        ctx.say("Nothing changed.")
    elif not autostaged:
        ctx.say(to_track(changed))


def _elsewhere(*, out: str | None, to_remote: bool, **_others: Any) -> bool:
    return bool(out or to_remote)


def _require_fitting(names: Sequence[str], **options: Any) -> None:
    """Refuse options that contradict each other."""
    if _elsewhere(**options) and len(names) > 1:
        raise UsageError("--out and --to-remote take one TARGET", hint="repeat the command for each")
    if _elsewhere(**options) and options["no_commit"]:
        raise UsageError(
            "--no-commit stores nothing, so there is nothing to bring", hint="leave one of the options out"
        )
    for name, option in (("remote_name", "--remote"), ("remote_jobs", "--remote-jobs")):
        if options[name] and not options["to_remote"]:
            raise UsageError(f"{option} only goes with --to-remote", hint="to choose where to push: sycee push -r NAME")


def _added(
    ctx: Context, repo: Repository, names: Sequence[str], *, no_commit: bool, no_relink: bool, **_others: Any
) -> list[Added]:
    manner = Manner(keep=not no_commit, relink=not no_relink)
    paths = [ctx.path(name) for name in names]
    return add(repo, paths, manner=manner, open_remote=partial(ctx.remote, repo), progress=ctx.progress)


def _brought(
    ctx: Context, repo: Repository, name: str, *, out: str | None, force: bool, to_remote: bool, **remotes: Any
) -> list[Added]:
    source = ctx.path(name)
    target = ctx.path(out) if out else ctx.path(source.name)
    if out and (target.is_dir() or out.endswith("/")):
        target /= source.name
    request = Bringing(source, target, force)
    if not to_remote:
        return [add_copy(repo, request, progress=ctx.progress)]
    remote = ctx.remote(repo, remotes["remote_name"])
    remote = remote._replace(jobs=remotes["remote_jobs"] or remote.jobs)
    return [add_to_remote(repo, request, remote, progress=ctx.progress)]
