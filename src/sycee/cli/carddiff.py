"""``sycee card diff``."""

from collections.abc import Iterator

import click

from sycee.cli.context import Context, pass_context
from sycee.cli.fieldtables import field_table, fields_json
from sycee.cli.page import Block, Heading, Paragraph, Quoted, as_markdown, as_text
from sycee.errors import UsageError
from sycee.ops.carddiff import Around, CardDiff, diff_cards

_TITLES = {
    "metrics": "metric",
    "settings": "setting",
    "data": "data",
    "about": "about",
    "environment": "environment",
    "packages": "package",
    "files": "file",
}


@click.command("diff")
@click.argument("old", metavar="A")
@click.argument("new", metavar="B")
@click.option("--markdown", "as_md", is_flag=True, help="Print Markdown, for a pull request.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_context
def diff_command(ctx: Context, old: str, new: str, *, as_md: bool, as_json: bool) -> None:
    r"""Show what card B says otherwise than card A: only what differs.

    A and B are each a model's folder, a card, or REVISION:PATH of either, PATH from the root of the Git repository, or
    from here if it begins with a dot; for a folder that is tracked as a whole the cache is asked. Metrics (with their
    difference), settings, data, what is said about the model, the machine it was frozen on, its packages, and its
    files. No signature is checked, which is for sycee verify.

    \b
    Examples:
      sycee card diff v1.0:models/bert models/bert
      sycee card diff v1.0:models/bert v1.1:models/bert --markdown
      sycee card diff models/bert models/ner --json

    \b
    Exit codes: 0 compared, whatever differs; 1 no card, or not a valid one, or no such revision; 2 wrong usage.
    """
    if as_md and as_json:
        raise UsageError("--markdown and --json exclude each other", hint="leave one out")
    found = diff_cards(old, new, Around(ctx.cwd, ctx.environ))
    for side in (found.old, found.new):
        for warning in side.warnings:
            ctx.warn(f"{side.label}: {warning}")
    if as_json:
        groups = {name: fields_json(found.groups.get(name, ()), with_change=name == "metrics") for name in _TITLES}
        ctx.json({"old": old, "new": new, **groups})
    else:
        ctx.out((as_markdown if as_md else as_text)(list(_page(found))))


def _page(found: CardDiff) -> Iterator[Block]:
    yield Heading(1, ["Card: ", Quoted(found.old.label), " → ", Quoted(found.new.label)])
    if not found.groups:
        yield Paragraph(["The cards say the same."])
    for name, title in _TITLES.items():
        if fields := found.groups.get(name):
            yield field_table(title, fields, with_change=name == "metrics")
