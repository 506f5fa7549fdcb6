"""``sycee export``."""

from typing import Any

import click

from sycee.cli import trusting
from sycee.cli.context import Context, pass_context
from sycee.ops.export import export


@click.command()
@click.argument("model", metavar="MODEL")
@click.argument("target", metavar="DIR")
@trusting.whom
@pass_context
def command(ctx: Context, model: str, target: str, **options: Any) -> None:
    r"""Copy a model to serve it without Git: signed files and signatures, no pointers.

    DIR must not exist; it appears whole or not at all. Every byte is hashed while it is copied. With --key or --trust
    the model is verified in the same pass; without them only SHA256SUMS is compared, and whoever serves the copy has
    to verify it.

    \b
    Examples:
      sycee export models/bert /srv/bert --key release.key.pub

    \b
    Exit codes: 0 copied; 1 DIR exists, or the model is not signed; 11 to 14 the model is not what was signed.
    """
    asked = trusting.asked(ctx, options) if trusting.is_said(options) else None
    done = export(ctx.path(model), ctx.path(target), asked=asked, progress=ctx.progress)
    if not done.verified:
        ctx.warn("no key was given: the bytes match SHA256SUMS, but nobody's signature was checked")
    ctx.say(f"{done.files} files in {ctx.shown(done.folder)}")
    ctx.out(f"sycee:{done.identity}")
