"""``sycee add``."""

import click

from sycee.cli.context import Context, pass_context
from sycee.cli.words import to_track
from sycee.ops.add import add


@click.command()
@click.argument("targets", nargs=-1, required=True, metavar="TARGET…")
@pass_context
def command(ctx: Context, targets: tuple[str, ...]) -> None:
    r"""Track files and folders by digest.

    Copies each into the cache (read once, hashed by md5, sha256 and blake3), writes its pointer TARGET.dvc and makes
    Git ignore the target itself. Commit the pointer.

    \b
    Examples:
      sycee add data/train
      sycee add models/bert/model.safetensors models/bert/tokenizer.bin

    \b
    Exit codes: 0 done; 1 a target is absent or cannot be tracked: nothing was done.
    """
    with ctx.repository() as repo:
        added = add(repo, [ctx.path(target) for target in targets], progress=ctx.progress)
        autostaged = repo.config.get_bool("core", "autostage")
    changed = sorted({ctx.shown(path) for one in added for path in one.changed})
    if not changed:
        ctx.say("Nothing changed.")
    elif not autostaged:
        ctx.say(to_track(changed))
