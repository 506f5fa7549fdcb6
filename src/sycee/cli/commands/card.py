"""``sycee card``."""

import sys
from collections.abc import Iterable
from typing import Any

import click

from sycee.cli import carddiff, cardexchange, cardrecords, trusting
from sycee.cli.context import Context, pass_context
from sycee.formats import card
from sycee.ops.card import card_path, read_card, rows, shown
from sycee.ops.records import Listed, records_of
from sycee.ops.trustplace import authority_for


@click.group()
def command() -> None:
    r"""Show, check, compare, export and import model cards, and add later facts.

    \b
    Examples:
      sycee card show models/bert
      sycee card check models/bert/model_card.yaml
      sycee card schema > card.schema.json

    \b
    Exit codes: 0 done; 1 there is no card, or it is not valid: every fault is printed; 2 wrong usage.
    """


for _command in (
    carddiff.diff_command,
    cardexchange.export_command,
    cardexchange.import_command,
    cardrecords.add_evaluation,
):
    command.add_command(_command)


@command.command()
@click.argument("model", metavar="MODEL")
@click.option("--trust", "-t", metavar="FILE", help="The trust file that names who may have signed the records.")
@click.option("--key", "-k", metavar="FILE", help="Instead: the public key by which records must be signed, PEM.")
@click.option("--json", "as_json", is_flag=True, help="Print all values as JSON, and the records if there are any.")
@pass_context
def show(ctx: Context, model: str, *, as_json: bool, **whom: Any) -> None:
    r"""Show the card of MODEL (a model's folder, a file in it, or a card) and the records beside it.

    Of each record: whether it is about the version that is here and, with --trust or --key, who signed it of those that
    are named there. The card's own signature is for sycee verify.

    Exit codes: 0 shown; 1 no card, or not a valid one; 2 wrong usage, or no key in the file.

    \b
    Examples:
      sycee card show models/bert
      sycee card show models/bert --json
      sycee card show models/bert --key release.key.pub
    """
    path = card_path(ctx.path(model))
    read = read_card(path)
    authority = authority_for(path.parent, trusting.asked(ctx, whom)) if trusting.is_said(whom) else None
    listed = records_of(path.parent, authority)
    if as_json:
        ctx.json({**read.values, **({"records": [one.as_json() for one in listed]} if listed else {})})
        return
    pairs = [*rows(read.values), *(row for one in listed for row in _record_rows(one, by_key=bool(whom["key"])))]
    if sys.stdout.isatty():
        _table(pairs)
    else:
        width = max(len(name) for name, _ in pairs)
        ctx.out("\n".join(f"{name:<{width}}  {text}" for name, text in pairs))


def _worth(one: Listed, *, by_key: bool) -> str:
    known = {"none": "not signed", "unchecked": "signature not checked"}
    if one.signature in known:
        return known[one.signature]
    if by_key:
        return "signed by this key" if one.signers else "NOT signed by this key"
    return f"signed by {', '.join(one.signers)}" if one.signers else "NOT signed by anybody who is trusted"


def _record_rows(one: Listed, *, by_key: bool) -> Iterable[tuple[str, str]]:
    if one.record is None:
        yield one.name, shown(f"cannot be read: {one.fault}")
        return
    worth = _worth(one, by_key=by_key)
    yield one.name, f"{one.record.kind} of {one.record.recorded}, about {one.about}, {worth}"
    yield from ((f"  {name}", text) for name, text in rows(one.record.content))


def _table(pairs: Iterable[tuple[str, str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("field", "value", box=SIMPLE_HEAD)
    for name, text in pairs:
        table.add_row(Text(name, style="cyan"), Text(text, overflow="fold"))
    Console().print(table)


@command.command()
@click.argument("model", metavar="MODEL")
@pass_context
def check(ctx: Context, model: str) -> None:
    r"""Check the card of MODEL (a model's folder, or a card) and print every fault with its place.

    Exit codes: 0 valid; 1 no card, or not a valid one.

    \b
    Examples:
      sycee card check models/bert
      sycee card check draft.yaml
    """
    path = card_path(ctx.path(model))
    read = card.parse(path.read_bytes(), ctx.shown(path))
    ctx.say(f"{ctx.shown(path)} is a valid card.")
    for warning in read.warnings:
        ctx.warn(warning)


@command.command()
@pass_context
def schema(ctx: Context) -> None:
    r"""Print the JSON Schema (2020-12) of a card.

    Exit codes: 0 printed.

    \b
    Examples:
      sycee card schema > card.schema.json
    """
    ctx.out(card.schema_text().rstrip("\n"))
