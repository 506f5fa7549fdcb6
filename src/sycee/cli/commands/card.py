"""``sycee card``."""

import sys
from collections.abc import Iterable

import click

from sycee.cli.context import Context, pass_context
from sycee.formats import card
from sycee.ops.card import card_path, read_card, rows


@click.group()
def command() -> None:
    r"""Show and check model cards.

    \b
    Examples:
      sycee card show models/bert
      sycee card check models/bert/model_card.yaml
      sycee card schema > card.schema.json

    \b
    Exit codes: 0 done; 1 there is no card, or it is not valid: every fault is printed; 2 wrong usage.
    """


@command.command()
@click.argument("model", metavar="MODEL")
@click.option("--json", "as_json", is_flag=True, help="Print all values as JSON.")
@pass_context
def show(ctx: Context, model: str, *, as_json: bool) -> None:
    r"""Show the card of MODEL: a model's folder, a file in it, or a card.

    Exit codes: 0 shown; 1 no card, or not a valid one.

    \b
    Examples:
      sycee card show models/bert
      sycee card show models/bert --json
    """
    read = read_card(ctx.path(model))
    if as_json:
        ctx.json(dict(read.values))
    elif sys.stdout.isatty():
        _table(rows(read.values))
    else:
        pairs = list(rows(read.values))
        width = max(len(name) for name, _ in pairs)
        ctx.out("\n".join(f"{name:<{width}}  {text}" for name, text in pairs))


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
