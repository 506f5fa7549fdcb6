"""``sycee export``."""

import click

from sycee.cli.context import Context, pass_context
from sycee.ops.export import export


@click.command()
@click.argument("model", metavar="MODEL")
@click.argument("target", metavar="DIR")
@click.option("--key", "-k", metavar="FILE", help="The public key that must have signed, PEM.")
@pass_context
def command(ctx: Context, model: str, target: str, key: str | None) -> None:
    r"""Copy a model to serve it without Git: signed files and signatures, no pointers.

    DIR must not exist; it appears whole or not at all. Every byte is hashed while it is copied. With --key the model is
    verified in the same pass; without it only SHA256SUMS is compared, and whoever serves the copy has to verify it.

    \b
    Examples:
      sycee export models/bert /srv/bert --key release.key.pub

    \b
    Exit codes: 0 copied; 1 DIR exists, or the model is not signed; 11 to 14 the model is not what was signed.
    """
    done = export(ctx.path(model), ctx.path(target), key=ctx.path(key) if key else None, progress=ctx.progress)
    if not done.verified:
        ctx.warn("no key was given: the bytes match SHA256SUMS, but nobody's signature was checked")
    ctx.say(f"{done.files} files in {ctx.shown(done.folder)}")
    ctx.out(f"sycee:{done.identity}")
