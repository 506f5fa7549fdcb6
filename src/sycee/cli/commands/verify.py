"""``sycee verify``."""

import os
from collections.abc import Iterator, Mapping
from typing import Any

import click

from sycee.cli import trusting
from sycee.cli.context import Context, pass_context
from sycee.errors import UsageError
from sycee.ops.trustplace import Asked
from sycee.ops.verify import verify, verify_weights_only
from sycee.trust.verify import STEPS, Verified

_OF_VERSIONS, _REMEMBERED = 4, 13  # of STEPS: what each has done depends on what was asked


@click.command()
@click.argument("model", metavar="MODEL|REV:PATH")
@trusting.whom
@click.option("--expect", metavar="NAME@VERSION", help="Demand this version.")
@click.option("--identity", metavar="HEX", help="Demand this identity.")
@click.option("--channel", metavar="NAME", help="Demand the version that this channel names: production.")
@click.option("--channel-file", metavar="FILE", help="A statement of the channel, beside the repository's.")
@click.option(
    "--weights-only", is_flag=True, help="MODEL is a lone file with a .sig; card and context are not covered."
)
@click.option("--signature", metavar="FILE", help="The .sig, with --weights-only; MODEL.sig by default.")
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
@pass_context
def command(ctx: Context, model: str, **options: Any) -> None:
    r"""Prove that a model is what was signed, by whom the trust file names: every file, the card, the pointers.

    Needs neither Git nor a network. What differs is listed in full, each with what was expected and what was found.
    MODEL is a folder, or REV:PATH for what a commit has: judged from Git and the cache, nothing is checked out.
    Whom to trust says --trust or --key, else SYCEE_TRUST, else trust.toml in ~/.config/sycee or /etc/sycee; never a
    file in the repository that is judged.

    \b
    Examples:
      sycee verify models/bert --key release.key.pub
      sycee verify models/bert --trust ~/trust.toml --channel production
      sycee verify models/bert --key release.key.pub --expect bert@1.2.0
      sycee verify v1.0:models/bert --key release.key.pub
      sycee verify --weights-only model.pt --key release.key.pub

    \b
    Exit codes: 0 verified; 11 bytes or files differ; 12 no good signature by anybody known; 13 the signatures are good
    and do not suffice: another version, a rule of the trust file, expired, revoked, or older than what was accepted
    before; 14 card, sums or pointers contradict the signature; 1 and 2 nothing was verified.
    """
    if options["channel_file"] and not options["channel"]:
        raise UsageError("--channel-file is for --channel", hint="name the channel: --channel production")
    if options["weights_only"]:
        _weights_only(ctx, model, options)
    elif options["signature"]:
        raise UsageError("--signature is for --weights-only; a model folder has its model.sig")
    else:
        _folder(ctx, model, options)


def _verified(ctx: Context, model: str, options: Mapping[str, Any]) -> Verified:
    asked = trusting.asked(ctx, options)
    if ":" in model and not os.path.lexists(ctx.path(model)):
        return _at_revision(ctx, model, asked)
    return verify(ctx.path(model), asked, progress=ctx.progress)


def _at_revision(ctx: Context, spot: str, asked: Asked) -> Verified:
    from sycee.ops.atrevision import spot_of, verify_at  # a folder needs no repository

    with ctx.repository() as repo:
        return verify_at(repo, spot_of(repo, spot, ctx.cwd), asked, progress=ctx.progress)


def _folder(ctx: Context, model: str, options: dict[str, Any]) -> None:
    verified = _verified(ctx, model, options)
    if options["as_json"]:
        ctx.json(verified.as_json())
        return
    idle = dict(_idle(verified, options))
    for number, step in enumerate(STEPS, 1):
        mark = "-" if idle.get(number) and number == _REMEMBERED else click.style("✓", fg="green")
        ctx.say(f"  {mark} {number:>2}  {step}{f': {idle[number]}' if number in idle else ''}")
    for rule in verified.decision.rules:
        if rule.outcome == "waived":
            ctx.say(f"  - waived: {rule.name} ({rule.advice})")
    for warning in verified.warnings:
        ctx.warn(warning)
    name = verified.name or ctx.shown(verified.folder)
    ctx.out(f"verified  {name}@{verified.version}" if verified.version else f"verified  {name}")
    ctx.out(f"identity  sycee:{verified.identity}")
    if verified.channel:
        said = verified.channel.statement
        ctx.out(f"channel   {said.name}, serial {said.serial}, until {said.expires:%Y-%m-%d}")
    for signer in verified.signers:
        by_name = "" if options["key"] else f"{signer.name}  "
        ctx.out(f"signer    {by_name}{signer.fingerprint} ({signer.described})")


def _idle(verified: Verified, options: dict[str, Any]) -> Iterator[tuple[int, str]]:
    """Yield what steps had nothing to do."""
    if not (options["expect"] or options["identity"] or options["channel"]):
        yield _OF_VERSIONS, "none was asked for"
    if not verified.remembered:
        yield _REMEMBERED, "nothing to remember"


def _weights_only(ctx: Context, model: str, options: dict[str, Any]) -> None:
    if options["trust"] or not options["key"]:
        raise UsageError("a lone file is judged by one key", hint="--key FILE; or verify the model folder")
    if options["expect"] or options["identity"] or options["channel"]:
        raise UsageError("a lone file has neither version nor identity", hint="verify the model folder")
    signature = ctx.path(options["signature"]) if options["signature"] else None
    key = ctx.path(options["key"])
    verified = verify_weights_only(ctx.path(model), key, signature=signature, progress=ctx.progress)
    if options["as_json"]:
        ctx.json(verified.as_json())
        return
    ctx.warn("only these bytes are covered: not the card, the code, the environment, the name or the version")
    ctx.out(f"verified  {ctx.shown(verified.file)} (weights only)")
    ctx.out(f"sha256    {verified.sha256}")
    ctx.out(f"signer    {verified.signer.fingerprint} ({verified.signer.kind})")
