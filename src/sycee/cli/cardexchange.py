"""``sycee card export`` and ``sycee card import``."""

from pathlib import Path

import click

from sycee.cli.context import Context, pass_context
from sycee.cli.words import echo_bytes
from sycee.ops.cardexchange import FORMS, export_card, import_card, write_new

_FORM = click.Choice(list(FORMS))


def _give(ctx: Context, output: str | None, data: bytes, *, force: bool) -> Path | None:
    if output is None:
        echo_bytes(data)
        return None
    path = ctx.path(output)
    write_new(path, data, force=force)
    return path


@click.command("export")
@click.argument("model", metavar="MODEL")
@click.option("--to", "form", type=_FORM, required=True, help="A README.md of the Hugging Face Hub, or an ML-BOM.")
@click.option("--output", "-o", metavar="FILE", help="Write a file; stdout otherwise.")
@click.option("--force", is_flag=True, help="Replace FILE.")
@pass_context
def export_command(ctx: Context, model: str, form: str, output: str | None, *, force: bool) -> None:
    r"""Give the card of MODEL (a model's folder, or a card) in the form of others.

    hf is a README.md for the Hugging Face Hub: metadata with model-index, and a page to read. cyclonedx is a CycloneDX
    1.6 bill of materials (ML-BOM) in JSON. Evaluations that were recorded later are in both. Each carries the card
    itself, so that sycee card import gives it back byte for byte. The same card gives the same bytes.

    \b
    Examples:
      sycee card export models/bert --to hf -o README.md
      sycee card export models/bert --to cyclonedx > bert.cdx.json

    \b
    Exit codes: 0 written; 1 no card, or not a valid one, or FILE exists; 2 wrong usage.
    """
    done = export_card(ctx.path(model), form)
    path = _give(ctx, output, done.data, force=force)
    for warning in done.warnings:
        ctx.warn(warning)
    if path:
        ctx.say(f"{ctx.shown(path)}: {len(done.data):,} bytes")


@click.command("import")
@click.argument("file", metavar="FILE")
@click.option("--from", "form", type=_FORM, required=True, help="The form of FILE.")
@click.option("--output", "-o", metavar="FILE", help="Write a file; stdout otherwise.")
@click.option("--force", is_flag=True, help="Replace the output.")
@pass_context
def import_command(ctx: Context, file: str, form: str, output: str | None, *, force: bool) -> None:
    r"""Make a card of FILE, which has another form.

    Of what sycee card export wrote, the card comes back byte for byte. Of another README.md of the Hugging Face Hub it
    is the best card that the metadata gives; what is not in it is named on stderr. Nothing is taken on trust: a card is
    a claim until its model is signed.

    \b
    Examples:
      sycee card import README.md --from hf -o draft.yaml
      sycee card import bert.cdx.json --from cyclonedx > model_card.yaml

    \b
    Exit codes: 0 written; 1 FILE cannot be read, carries no card or a damaged one, or the output exists; 2 wrong usage.
    """
    found = import_card(ctx.path(file), form)
    path = _give(ctx, output, found.data, force=force)
    for left in found.left:
        ctx.warn(f"not taken: {left}")
    what = "the card that it carries, byte for byte" if found.exact else "a card made of its metadata"
    ctx.say(f"{ctx.shown(path) if path else file}: {what}")
