"""``sycee channel``."""

import datetime as dt
from dataclasses import replace
from typing import Any

import click

from sycee.cli.context import Context, pass_context
from sycee.cli.signers import any_signer_of, any_signer_options
from sycee.cli.words import table, to_track
from sycee.core.lifetime import left, until
from sycee.formats import times
from sycee.formats.channel import Channel
from sycee.ops.channel import Request, Written, model_named, set_channel, sign_channel
from sycee.ops.channeltrial import trial, withdrawn_versions
from sycee.ops.channelview import Shown, as_json, authority_of, history, show
from sycee.ops.frozen import utc_now
from sycee.system.userstate import user_state
from sycee.trust.policy.channels import FOLDER, require_name
from sycee.trust.policy.memory import Memory
from sycee.workspace.filehistory import Change
from sycee.workspace.repository import Repository

_LIFETIME = "90d"
_SHORT = 12  # digits of an identity or a commit that are shown


@click.group()
def command() -> None:
    r"""Let names such as production stand for one signed version of a model, and show what they name.

    A channel is a small signed file in the repository: model, channel, serial, expiry, the version's identity, and a
    version that may stand in for it. Each change is a new file with a higher serial, signed anew. Servers ask for
    `sycee verify --channel production`, and accept nothing older than what they accepted before.

    \b
    Examples:
      sycee channel set models/bert production --key release.key
      sycee channel show
      sycee channel history models/bert production

    \b
    Exit codes: 0 done; 1 there is no such channel, or the version is not signed; 2 wrong usage.
    """


_JSON = click.option("--json", "as_json_", is_flag=True, help="Print it as JSON.")


@command.command("set")
@click.argument("model", metavar="MODEL")
@click.argument("name", metavar="NAME")
@any_signer_options
@click.option(
    "--expires",
    metavar="WHEN",
    default=_LIFETIME,
    show_default=True,
    help="From when on it does not count: 30d, 12h, 2027-01-31, 2027-01-31T12:00:00Z.",
)
@click.option(
    "--version-of",
    "version",
    metavar="VERSION",
    help="Name another version than the one in MODEL: a revision, NAME@VERSION, or an identity.",
)
@click.option(
    "--fallback",
    metavar="VERSION",
    help="What may stand in for it, likewise; by default what the channel named before.",
)
@click.option("--no-fallback", is_flag=True, help="Let nothing stand in for it.")
@click.option("--trust", metavar="FILE", help="Warn if who judges by this trust file would refuse the version now.")
@_JSON
@pass_context
def set_command(ctx: Context, model: str, name: str, **options: Any) -> None:
    r"""Let the channel NAME name the signed version in MODEL (a model's folder), or another one of its versions.

    The serial is one more than the highest that is known: from the file, from Git's history of it, and from what this
    machine has accepted. What the channel named before becomes the fallback: servers whose trust file accepts
    fallbacks may go on with it, with a warning, or return to it without anybody who holds a key. To go back for all,
    name the old version again: it gets a new serial, and the one between is no fallback.

    By --trust, SYCEE_TRUST or a trust file of this user or machine it is tried whether the version would be accepted,
    and told if not; the weights are not read. What its revocation list withdraws is no fallback either.

    \b
    Examples:
      sycee channel set models/bert production --key release.key
      sycee channel set models/bert production --key release.key --expires 30d
      sycee channel set models/bert production --key release.key --version-of bert@1.2.0
      sycee channel set models/bert staging --key release.key --version-of HEAD~2 --no-fallback

    \b
    Exit codes: 0 written; 1 the version is not signed or not known here; 2 wrong usage, or wrong password; 13 what
    this machine has accepted before cannot be read; 20 Sigstore could not be reached, or refused.
    """
    now, signer = utc_now(), any_signer_of(ctx, options)
    request = Request(
        folder=ctx.path(model),
        name=require_name(name),
        now=now,
        expires=until(options["expires"], now),
        version=options["version"],
        fallback=options["fallback"],
        no_fallback=options["no_fallback"],
    )
    with ctx.repository() as repo:
        authority = authority_of(repo, ctx.path(options["trust"]) if options["trust"] else None)
        if authority:
            request = replace(request, withdrawn=withdrawn_versions(authority))
        done = set_channel(repo, request, signer, Memory(user_state(ctx.environ)))
        if authority and done.version and (why := trial(repo, done.statement, done.version, authority, now)):
            ctx.warn(f"by {authority.described} it would be refused: {why}")
    _tell_written(ctx, repo, done, as_json_=options["as_json_"])


@command.command("sign")
@click.argument("model", metavar="MODEL")
@click.argument("name", metavar="NAME")
@any_signer_options
@_JSON
@pass_context
def sign_command(ctx: Context, model: str, name: str, **options: Any) -> None:
    r"""Add a signature to what the channel NAME of MODEL (its folder, or its name) says.

    For trust files in which several people must speak for a channel. What is signed is shown; read it.

    \b
    Examples:
      sycee channel sign models/bert production --key second.key
      sycee channel sign bert production --key second.key

    Exit codes: 0 signed; 1 there is no such channel, or it cannot be read; 2 wrong usage, or wrong password; 20
    Sigstore could not be reached, or refused.
    """
    signer = any_signer_of(ctx, options)
    with ctx.repository() as repo:
        done = sign_channel(repo, model_named(ctx.path(model), model), name, signer)
    _tell_written(ctx, repo, done, as_json_=options["as_json_"])


def _tell_written(ctx: Context, repo: Repository, done: Written, *, as_json_: bool) -> None:
    for note in done.notes:
        ctx.warn(note)
    one = done.statement
    if done.former:
        ctx.say(f"before: {_label(done.former.version, done.former.identity)}, serial {done.former.serial}")
    ctx.say(f"{one.name} of {one.model}: {_label(one.version, one.identity)}, serial {one.serial}")
    ctx.say(f"expires {times.render(one.expires)}, {left(one.expires, one.issued)}")
    ctx.say(f"fallback: {f'sycee:{one.fallback}' if one.fallback else 'none'}")
    ctx.say(f"signature: {ctx.shown(done.signature)}")
    ctx.say(to_track([ctx.shown(repo.root / FOLDER)]).rstrip("\n"))
    if as_json_:
        ctx.json({"path": ctx.shown(done.path), "signature": ctx.shown(done.signature), **as_json(one)})
    else:
        ctx.out(ctx.shown(done.path))


def _label(version: str, identity: str) -> str:
    return f"{version} ({identity[:_SHORT]}…)" if version else f"sycee:{identity[:_SHORT]}…"


@command.command("show")
@click.argument("model", metavar="[MODEL]", required=False)
@click.argument("name", metavar="[NAME]", required=False)
@click.option("--trust", metavar="FILE", help="Say who signed, of those that this trust file names.")
@_JSON
@pass_context
def show_command(ctx: Context, model: str | None, name: str | None, trust: str | None, *, as_json_: bool) -> None:
    r"""Show what the channels of the work tree name: of all models, or of MODEL (its folder, or its name).

    Without --trust, SYCEE_TRUST or a trust file of this user or machine, no signature is checked. The last column
    says which tag, or else which commit, had the version first.

    \b
    Examples:
      sycee channel show
      sycee channel show models/bert production --json
      sycee channel show bert --trust ~/.config/sycee/trust.toml

    Exit codes: 0 shown; 1 MODEL has no such channel; 2 wrong usage, or the trust file cannot be used.
    """
    now = utc_now()
    with ctx.repository() as repo:
        authority = authority_of(repo, ctx.path(trust) if trust else None)
        named = model_named(ctx.path(model), model) if model else None
        found = show(repo, now, authority, named, name)
    if as_json_:
        ctx.json([one.as_json() | _expired(one, now) for one in found])
        return
    if not found:
        ctx.say("no channel is set here; make one: sycee channel set MODEL production --key release.key")
        return
    head = ("model", "channel", "version", "identity", "serial", "expires", "signed by", "in")
    ctx.out(table(head, [_row(one, now) for one in found]))


def _expired(one: Shown, now: dt.datetime) -> dict[str, Any]:
    statement = one.standing.statement
    return {"expired": statement.expires <= now} if statement else {}


def _row(one: Shown, now: dt.datetime) -> tuple[str, ...]:
    said = one.standing.statement
    if said is None:
        return (one.standing.path, "cannot be read", *("" for _ in range(5)), "")
    expires = f"expired {left(said.expires, now)}" if said.expires <= now else left(said.expires, now)
    where = one.tag or (one.commit[:_SHORT] if one.commit else "no commit")
    short = f"{said.identity[:_SHORT]}…"
    return said.model, said.name, said.version or "-", short, str(said.serial), expires, _signers(one), where


def _signers(one: Shown) -> str:
    if one.signed is None:
        return "not checked"
    names = ", ".join(one.signed.names)
    return names if one.signed.enough else f"{names}, NOT ENOUGH" if names else "NOBODY KNOWN"


@command.command("history")
@click.argument("model", metavar="MODEL")
@click.argument("name", metavar="NAME")
@_JSON
@pass_context
def history_command(ctx: Context, model: str, name: str, *, as_json_: bool) -> None:
    r"""Show what the channel NAME of MODEL (its folder, or its name) has named, the newest first, with who and when.

    Read from Git's history of all branches and tags; who and when are the author and the date of the commit that
    brought a statement first. No signature is checked.

    \b
    Examples:
      sycee channel history models/bert production
      sycee channel history bert production --json

    Exit codes: 0 shown; 1 nothing is known of such a channel; 2 wrong usage.
    """
    with ctx.repository() as repo:
        found = history(repo, model_named(ctx.path(model), model), name)
    for fault in found.unreadable:
        ctx.warn(fault)
    rows: list[tuple[Channel, Change | None]] = [(one.statement, one.change) for one in found.past]
    if found.uncommitted:
        rows.insert(0, (found.uncommitted, None))
    if as_json_:
        ctx.json([as_json(said) | _brought(change) for said, change in rows])
        return
    head = ("serial", "version", "identity", "issued", "commit", "by", "on")
    ctx.out(table(head, [(*_said(said), *_of_commit(change)) for said, change in rows]))


def _said(said: Channel) -> tuple[str, ...]:
    return str(said.serial), said.version or "-", f"{said.identity[:_SHORT]}…", times.render(said.issued)


def _of_commit(change: Change | None) -> tuple[str, ...]:
    return (change.commit[:_SHORT], change.author, times.render(change.when)) if change else ("not committed", "", "")


def _brought(change: Change | None) -> dict[str, Any]:
    if change is None:
        return {"commit": None}
    return {"commit": change.commit, "author": change.author, "committed": times.render(change.when)}
