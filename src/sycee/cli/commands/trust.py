"""``sycee trust``."""

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from sycee.cli import trustexplain
from sycee.cli.context import Context, pass_context
from sycee.cli.signers import signer_of, signer_options
from sycee.core.lifetime import left, until
from sycee.core.printable import in_line
from sycee.errors import UsageError
from sycee.formats import times
from sycee.formats.trust import FILE_NAME
from sycee.ops import trustshow
from sycee.ops.frozen import utc_now
from sycee.ops.trustcheck import Checked, End, Outlook, check
from sycee.ops.trustinit import init_trust
from sycee.ops.trustplace import find_trust_file, user_file
from sycee.ops.trustrevoke import Withdrawal, revoke
from sycee.trust.keys import load_public
from sycee.trust.policy.authority import Authority

_OVER = 13  # the exit code of what a policy refuses

_TRUST = click.option(
    "--trust",
    "-t",
    "trust_file",
    metavar="FILE",
    help="The trust file, instead of $SYCEE_TRUST, ~/.config/sycee/trust.toml or /etc/sycee/trust.toml.",
)


@click.group()
def command() -> None:
    r"""Say who may sign models here: trust files, what ends when, and what is withdrawn.

    A trust file names keys, roles and models. What it does not allow is refused. It is never taken from the repository
    that it judges.

    \b
    Examples:
      sycee trust init --key alice.pub
      sycee trust explain models/bert
      sycee trust check --at 2027-01-31
      sycee trust revoke revoked.json --version sycee:4b17… --reason "wrong labels" --expires 30d --key release.key

    \b
    Exit codes: 0 done; 1 no trust file, or a faulty one: every fault is printed; 2 wrong usage; 12 the revocation list
    that is there is signed by nobody who was named; 13 something is over at the time that was asked about; explain
    has those of sycee verify.
    """


command.add_command(trustexplain.command)


@command.command()
@click.argument("path", metavar="[PATH]", required=False)
@click.option(
    "--key", "-k", "keys", metavar="FILE", multiple=True, help="A public key, PEM, to trust; may be repeated."
)
@click.option(
    "--model", "pattern", metavar="PATTERN", default="*", show_default=True, help="Which models; * is any text."
)
@pass_context
def init(ctx: Context, path: str | None, keys: tuple[str, ...], pattern: str) -> None:
    r"""Write a trust file to begin with.

    It goes to PATH (a file or folder), or to this user's configuration, and never over another file. It accepts the
    models that one of the keys signed, as safetensors or onnx, and has a year to live; the other choices stand in it as
    comments. Without a key it accepts nothing.

    \b
    Examples:
      sycee trust init --key alice.pub
      sycee trust init --key alice.pub --key bob.pub --model "bert-*" deploy/trust.toml
    """
    target = ctx.path(f"{path}{FILE_NAME}" if path.endswith("/") else path) if path else user_file(ctx.environ)
    made = init_trust(target, [ctx.path(key) for key in keys], pattern, utc_now())
    for name, key in made.keys.items():
        ctx.say(f"trusts {name}: {key.kind}, {key.fingerprint}. Compare it with what its owner says.")
    if not made.keys:
        ctx.say("It trusts nobody yet: edit it, then look at it with sycee trust check.")
    if made.work_tree:
        ctx.warn(f"it lies in the Git work tree {ctx.shown(made.work_tree)}, and is not used for models in there")
    ctx.out(ctx.shown(made.path) if path else str(made.path))


@command.command()
@_TRUST
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON.")
@pass_context
def show(ctx: Context, trust_file: str | None, *, as_json: bool) -> None:
    r"""Show who may sign, as what, and for which models.

    \b
    Examples:
      sycee trust show
      sycee trust show --trust deploy/trust.toml --json
    """
    authority = Authority.read(_found(ctx, trust_file))
    if as_json:
        ctx.json(trustshow.as_json(authority))
    else:
        ctx.out(_columns(trustshow.rows(authority)))


@command.command("check")
@_TRUST
@click.option("--at", metavar="DATE", help="Rehearse this time: 2027-01-31, or 2027-01-31T12:00:00Z. By default now.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.pass_context
@pass_context
def check_command(
    ctx: Context, click_context: click.Context, trust_file: str | None, at: str | None, *, as_json: bool
) -> None:
    r"""Check a trust file, and rehearse what ends when.

    The file and its keys are read, and what ends is listed. For each entry it asks what would become of a version that
    everybody signed at that time, with all its records; the revocation list is judged as it is here now. What has ended
    and is of no use any more should be taken out.

    \b
    Examples:
      sycee trust check
      sycee trust check --at 2027-01-31
      sycee trust check --trust deploy/trust.toml --json

    \b
    Exit codes: 0 good, perhaps with warnings; 1 no trust file, a key that is not there or another one, or a faulty
    file: every fault is printed; 13 something is over at that time, or an entry would refuse every version.
    """
    checked = check(Authority.read(_found(ctx, trust_file)), _moment(at) if at else utc_now())
    if as_json:
        ctx.json(checked.as_json())
    else:
        _print(ctx, checked)
    click_context.exit(0 if checked.is_good else _OVER)


def _moment(text: str) -> dt.datetime:
    if when := times.parse(text) or times.parse(f"{text}T00:00:00Z"):
        return when
    raise UsageError(f"--at {text} is no time", hint="a day, 2027-01-31, or a time in UTC, 2027-01-31T12:00:00Z")


def _print(ctx: Context, checked: Checked) -> None:
    for warning in checked.warnings:
        ctx.warn(warning)
    ctx.out(f"{checked.trust} at {times.render(checked.at)}")
    if checked.ends:
        ctx.out(_columns((_mark(end, checked) + end.what, _ending(end, checked)) for end in checked.ends))
    else:
        ctx.out("nothing ends")
    for one in checked.models:
        ctx.out(f"{'✗' if one.refused else '✓'} {one.match}  {_future(one)}")
        for rule in one.refused:
            ctx.out(f"    {rule.name}: expected {rule.expected}, found {rule.found}")
            ctx.out(f"    hint: {rule.advice}")
    if not checked.models:
        ctx.out("no model is accepted: there is no [[models]] entry")


def _mark(end: End, checked: Checked) -> str:
    return ("✗ " if end.refuses else "! ") if end.is_over(checked.at) else "✓ "


def _ending(end: End, checked: Checked) -> str:
    grace = f", then {end.grace_days} days of grace" if end.grace_days else ""
    later = "" if end.refuses else "; what was signed before stays good"
    return f"{times.render(end.when)}  {left(end.when, checked.at)}{grace}{later}"


def _future(one: Outlook) -> str:
    if one.hidden_by:
        return f"is never reached: the entry for {one.hidden_by} before it decides"
    if one.refused:
        return "refused, whoever signs"
    if one.until is None or one.then is None:
        return "can be accepted, without an end"
    return f"can be accepted until {times.render(one.until)}; then fails: {one.then.name}"


@command.command("revoke")
@click.argument("path", metavar="LIST")
@click.option("--version", "versions", metavar="HEX", multiple=True, help="The identity of a version; may be repeated.")
@click.option("--key-fingerprint", "fingerprints", metavar="HEX", multiple=True, help="A key, by its fingerprint.")
@click.option("--revoked-key", "key_files", metavar="FILE", multiple=True, help="A key, by its public half, PEM.")
@click.option("--file", "files", metavar="SHA256", multiple=True, help="A file, in whatever version it is.")
@click.option("--reason", metavar="TEXT", default="", help="Why: one line, for people.")
@click.option("--expires", metavar="WHEN", help="From when on a newer list is needed: 30d, 2027-01-31.")
@click.option(
    "--signed-by",
    metavar="FILE",
    multiple=True,
    help="The public key that signed the list that is there, if not yours.",
)
@signer_options
@click.option("--json", "as_json", is_flag=True, help="Print what the list says as JSON.")
@pass_context
def revoke_command(ctx: Context, path: str, **options: Any) -> None:
    r"""Withdraw versions, keys or files, by a signed list.

    Makes the LIST, or puts the next one in its place, which keeps what was in the one before. Machines need its file
    and the signatures beside it. Without anything to withdraw and without --expires, sign the list as it is, where a
    role takes several.

    \b
    Examples:
      sycee trust revoke revoked.json --expires 30d --key release.key
      sycee trust revoke revoked.json --version sycee:4b17… --reason "wrong labels" --expires 30d --key release.key
      sycee trust revoke revoked.json --revoked-key bob.pub --reason "laptop stolen" --expires 30d --key release.key
      sycee trust revoke revoked.json --key second.key --signed-by release.key.pub

    \b
    Exit codes: 0 written; 1 the list that is there is malformed; 2 wrong usage, or wrong password; 12 the list that is
    there is signed by nobody who was named.
    """
    now = utc_now()
    asked = Withdrawal(
        path=ctx.path(path),
        versions=options["versions"],
        keys=(*options["fingerprints"], *(load_public(ctx.path(file)).fingerprint for file in options["key_files"])),
        files=options["files"],
        reason=options["reason"],
        expires=until(options["expires"], now) if options["expires"] else None,
        signed_by=[load_public(ctx.path(file)) for file in options["signed_by"]],
    )
    done = revoke(asked, signer_of(ctx, options), now)
    if done.silences:
        ctx.warn("this list withdraws the key that signed it: take that key out of the roles of all trust files too")
    said = done.said
    if options["as_json"]:
        counts = {"keys": dict(said.keys), "versions": dict(said.versions), "files": dict(said.files)}
        ctx.json({"list": str(done.path), "number": said.number, "expires": times.render(said.expires), **counts})
        return
    ctx.say(f"{ctx.shown(done.signature)}: the signature; it belongs beside the list, on every machine")
    entries = f"{done.added} more entr{'y' if done.added == 1 else 'ies'}" if done.added else "no more entries"
    ctx.say(f"{ctx.shown(done.path)}: {entries}; counts until {times.render(said.expires)}")
    ctx.out(f"list {said.number}")


def _found(ctx: Context, given: str | None) -> Path:
    found = find_trust_file(ctx.environ, ctx.path(given) if given else None)
    if found is None:
        raise UsageError(
            "there is no trust file: neither $SYCEE_TRUST, nor one of this user or this machine",
            hint="sycee trust init --key FILE writes one; --trust FILE names another",
        )
    return found


def _columns(pairs: Iterable[tuple[str, str]]) -> str:
    rows = [(in_line(name), in_line(text)) for name, text in pairs]
    width = max((len(name) for name, _ in rows), default=0)
    return "\n".join(f"{name:<{width}}  {text}".rstrip() for name, text in rows)
