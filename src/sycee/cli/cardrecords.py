"""``sycee card add-evaluation``."""

from typing import Any

import click

from sycee.cli import passwords
from sycee.cli.context import Context, pass_context
from sycee.cli.metrics import numbers
from sycee.errors import FormatError, UsageError
from sycee.ops.frozen import utc_now
from sycee.ops.keyfile import load_private
from sycee.ops.records import add_record


@click.command("add-evaluation")
@click.argument("model", metavar="MODEL")
@click.option("--dataset", "name", required=True, metavar="NAME", help="On what it was measured.")
@click.option("--metric", "metrics", required=True, multiple=True, metavar="NAME=VALUE", help="What; may be repeated.")
@click.option("--task", metavar="TEXT", help="What the model did, if not the card's task.")
@click.option("--dataset-type", "type_", metavar="ID", help="The dataset's id where it is published.")
@click.option("--config", metavar="TEXT", help="Which configuration of the dataset.")
@click.option("--split", metavar="TEXT", help="Which part of the dataset: test, validation.")
@click.option("--revision", metavar="TEXT", help="Which revision of the dataset.")
@click.option("--source-name", metavar="TEXT", help="Who or what measured.")
@click.option("--source-url", metavar="URL", help="Where it is documented.")
@click.option("--date", metavar="DAY", help="When it was measured: 2026-01-31, or 2026-01-31T12:00:00Z.")
@click.option("--notes", metavar="TEXT", help="What a reader should know.")
@click.option("--key", "-k", metavar="FILE", help="Sign it with this private key, PEM, as made by sycee keygen.")
@click.option("--password-file", metavar="FILE", help="Take the key's password from the first line of a file.")
@pass_context
def add_evaluation(ctx: Context, model: str, key: str | None, password_file: str | None, **given: Any) -> None:
    r"""Record an evaluation that was made after the freeze, beside the signed card of MODEL (its folder).

    The card cannot grow, since it is signed. So the evaluation is a file of its own in records/, which names the
    version: by its identity, or by the sha256 of the card of a model that is not signed. Nothing is overwritten.
    With --key a signature stands beside it, which openssl checks too.

    \b
    Examples:
      sycee card add-evaluation models/bert --dataset WikiANN --split test --metric f1=0.871
      sycee card add-evaluation models/bert --dataset WNUT-17 --metric f1=0.52 --metric n=1287 --key release.key

    \b
    Exit codes: 0 written; 1 no card, or a value that a record cannot hold; 2 wrong usage, or wrong password; 14 the
    model's signature is of another card.
    """
    private = load_private(ctx.path(key), passwords.to_open(ctx, password_file, key)) if key else None
    content = _evaluation(given)
    folder = ctx.path(model)
    try:
        written = add_record(folder, "evaluation", content, utc_now(), private)
    except FormatError as error:
        if any(fault.path.startswith("$.predicate") for fault in error.faults):
            raise UsageError("; ".join(str(fault) for fault in error.faults)) from error
        raise
    signed = "signed" if written.signature else "not signed"
    ctx.say(f"about {written.record.subject.name}, {written.record.subject.file} {written.record.subject.sha256[:12]}…")
    ctx.say(f"{signed}; then commit it: {_commit(ctx, folder, whole=written.whole)}")
    ctx.out(ctx.shown(written.path))


def _commit(ctx: Context, folder: Any, *, whole: bool) -> str:
    return f"sycee add {ctx.shown(folder)}" if whole else f"git add {ctx.shown(folder / 'records')} && git commit"


def _evaluation(given: dict[str, Any]) -> dict[str, Any]:
    dataset = {"name": given["name"], "type": given["type_"]}
    dataset |= {key: given[key] for key in ("config", "split", "revision")}
    source = {"name": given["source_name"], "url": given["source_url"]}
    values: dict[str, Any] = {
        "task": given["task"],
        "dataset": _known(dataset),
        "metrics": [one._asdict() for one in numbers(given["metrics"])],
        "source": _known(source),
        "date": given["date"],
        "notes": given["notes"],
    }
    return _known(values)


def _known(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in (None, {})}
