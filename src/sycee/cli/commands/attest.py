"""``sycee attest``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from sycee.cli.context import Context, pass_context
from sycee.cli.signers import any_signer_of, any_signer_options
from sycee.core.printable import in_line
from sycee.errors import UsageError
from sycee.formats.record import DECISIONS, KINDS
from sycee.ops.attest import add_signature, attest, evaluation_content, replay_content
from sycee.ops.records import Written

_APPROVAL = ("decision", "by", "comment")


@click.command()
@click.argument("model", metavar="MODEL")
@click.option("--type", "kind", type=click.Choice(sorted(KINDS)), help="What to attest.")
@click.option("--from", "file", metavar="FILE", help="What `sycee replay --json` printed; or an evaluation in JSON.")
@click.option("--decision", type=click.Choice(DECISIONS), help="Of an approval: the decision.")
@click.option("--by", metavar="TEXT", help="Of an approval: who decided, in words.")
@click.option("--comment", metavar="TEXT", help="Of an approval: why, in words.")
@click.option("--add-signature", "again", metavar="RECORD", help="Stand for a record that is there, with a signature.")
@any_signer_options
@pass_context
def command(ctx: Context, model: str, **options: Any) -> None:
    r"""Attest what became known of a signed version: that it was replayed, evaluated, or approved.

    Writes a record into records/, with its signature beside it. The record names the version by its identity, so it is
    about these very bytes; the model's own signature stays as it is. Trust files can demand records: who must have
    approved, how old a replay may be. A report of a replay counts only if it is about this version; one that came out
    differently is recorded as that.

    Verify the version before you attest something of it.

    \b
    Examples:
      sycee attest models/bert --type approval --decision approved --comment "as agreed" --key my.key
      sycee replay models/bert --key release.key.pub --json > replay.json
      sycee attest models/bert --type replay --from replay.json --key ci.key
      sycee attest models/bert --add-signature approval-2026-02-01-85ab6372ac59.json --key second.key

    \b
    Exit codes: 0 written; 1 the version is not signed, or the file is about another one, or no such file; 2 wrong
    usage, wrong password, or no token; 14 card, sums and signature are not of one version; 20 Sigstore could not be
    reached, or refused.
    """
    folder = ctx.path(model)
    if options["again"]:
        _refuse(options, ("kind", "file", *_APPROVAL), "--add-signature takes the record as it is")
        written = add_signature(folder, options["again"], any_signer_of(ctx, options))
    else:
        content = _content(ctx, folder, options)
        written = attest(folder, options["kind"], content, any_signer_of(ctx, options))
    _tell(ctx, folder, written)


def _content(ctx: Context, folder: Path, options: Mapping[str, Any]) -> Mapping[str, Any]:
    kind = options["kind"]
    if kind is None:
        raise UsageError("what to attest was not said", hint=f"--type {'|'.join(sorted(KINDS))}, or --add-signature")
    if kind == "approval":
        _refuse(options, ("file",), "an approval is given by --decision")
        if options["decision"] is None:
            raise UsageError("an approval needs --decision", hint=f"--decision {'|'.join(DECISIONS)}")
        return {name: options[name] for name in _APPROVAL if options[name]}
    _refuse(options, _APPROVAL, f"a record of the kind {kind} comes from a file")
    if options["file"] is None:
        raise UsageError(f"a record of the kind {kind} needs --from FILE")
    file = ctx.path(options["file"])
    return replay_content(folder, file) if kind == "replay" else evaluation_content(file)


def _refuse(options: Mapping[str, Any], names: tuple[str, ...], why: str) -> None:
    called = {"kind": "type", "file": "from"}
    if alone := next((name for name in names if options[name]), None):
        raise UsageError(f"--{called.get(alone, alone)} does not go with it: {why}")


def _tell(ctx: Context, folder: Path, written: Written) -> None:
    one = written.record
    ctx.say(f"{one.kind} of {in_line(one.subject.name)}, sycee:{one.subject.sha256}")
    if one.kind == "replay" and one.content.get("result") == "differs":
        ctx.warn(f"it says that the version comes out differently: {in_line(one.content['verdict'])}")
    place = ctx.shown(folder) if written.whole else ctx.shown(folder / "records")
    then = f"sycee add {place}" if written.whole else f"git add {place} && git commit"
    ctx.say(f"signed in {written.signature.name if written.signature else ''}; then commit it: {then}")
    ctx.out(ctx.shown(written.path))
