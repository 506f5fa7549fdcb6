"""``sycee remove``."""

import click

from sycee.cli.context import Context, pass_context
from sycee.cli.words import to_track
from sycee.ops.remove import RemoveRequest, remove


@click.command()
@click.argument("targets", nargs=-1, required=True, metavar="TARGET…")
@click.option("--outs", is_flag=True, help="Remove the files and folders too.")
@click.option("-f", "--force", is_flag=True, help="With --outs: give up content that is stored nowhere.")
@pass_context
def command(ctx: Context, targets: tuple[str, ...], *, outs: bool, force: bool) -> None:
    r"""Stop tracking what pointers name.

    Removes the pointers and their .gitignore entries. The files stay, as ordinary files that may be edited; with --outs
    they are removed too, unless the cache does not hold their present content. The cache keeps its objects.

    \b
    Examples:
      sycee remove data/train.dvc
      sycee remove --outs models/bert/model.pt.dvc

    \b
    Exit codes: 0 done; 1 a target is no pointer, or content would be lost: nothing was done.
    """
    with ctx.repository() as repo:
        request = RemoveRequest(tuple(ctx.path(target) for target in targets), outs=outs, force=force)
        changed = remove(repo, request, progress=ctx.progress)
        autostaged = repo.config.get_bool("core", "autostage")
    if changed and not autostaged:
        ctx.say(to_track(map(ctx.shown, changed)))
