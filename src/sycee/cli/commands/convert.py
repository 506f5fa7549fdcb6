"""``sycee convert``."""

import click

from sycee.cli.context import Context, pass_context
from sycee.ops.convert import convert


@click.command()
@click.argument("model", metavar="MODEL")
@click.option("--to", "form", type=click.Choice(["safetensors"]), required=True, help="The form to convert to.")
@click.option("--out", metavar="DIR", help="The folder to make; MODEL-safetensors by default.")
@click.option("--json", "as_json", is_flag=True, help="Print what was made as JSON.")
@pass_context
def command(ctx: Context, model: str, form: str, out: str | None, *, as_json: bool) -> None:
    r"""Make a safetensors version of a model's torch weights: a form that cannot run code.

    The weights are loaded by weights_only=True alone, written, read again and compared: names, types, shapes and bits.
    The new folder has the card, with the version that it came from and the tools, and what is neither weights nor about
    them. It is not signed: look at it, then sign it.

    \b
    Examples:
      sycee verify models/bert --key release.key.pub && sycee convert models/bert --to safetensors
      sycee convert models/bert --to safetensors --out models/bert-st

    \b
    Exit codes: 0 converted; 1 it cannot be, and nothing is left behind; 13 torch cannot load safely here.
    """
    del form  # there is one
    done = convert(ctx.path(model), ctx.path(out) if out else None, environ=ctx.environ)
    for warning in done.warnings:
        ctx.warn(warning)
    if as_json:
        files = [{**file._asdict(), "tied": dict(file.tied)} for file in done.files]
        ctx.json({"folder": str(done.folder), "files": files, "warnings": list(done.warnings)})
        return
    for file in done.files:
        ctx.out(f"{file.path}: {file.tensors} tensor{'s' * (file.tensors != 1)}, each the same as in {file.source}")
        for name, first in file.tied.items():
            ctx.out(f"  {name} was tied to {first}, and has its own bytes now")
    ctx.say(f"made {ctx.shown(done.folder)}; sign it: sycee sign {ctx.shown(done.folder)} --key release.key")
