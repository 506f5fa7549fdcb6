"""``sycee verify``."""

from typing import Any

import click

from sycee.cli.context import Context, pass_context
from sycee.errors import UsageError
from sycee.ops.verify import verify, verify_weights_only
from sycee.trust.verify import STEPS

_VERSION_STEP = 4  # of STEPS; it has nothing to do unless a version was asked for


@click.command()
@click.argument("model", metavar="MODEL")
@click.option(
    "--key",
    "-k",
    required=True,
    metavar="FILE",
    help="The public key that must have signed, PEM: the .pub that keygen made, from the signer.",
)
@click.option("--expect", metavar="NAME@VERSION", help="Demand this version.")
@click.option("--identity", metavar="HEX", help="Demand this identity.")
@click.option(
    "--weights-only", is_flag=True, help="MODEL is a lone file with a .sig; card and context are not covered."
)
@click.option("--signature", metavar="FILE", help="The .sig, with --weights-only; MODEL.sig by default.")
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
@pass_context
def command(ctx: Context, model: str, key: str, **options: Any) -> None:
    r"""Prove that a model is what was signed: every file, the card, the pointers, by this key.

    Needs neither Git nor a network. What differs is listed in full, each with what was expected and what was found.

    \b
    Examples:
      sycee verify models/bert --key release.key.pub
      sycee verify models/bert --key release.key.pub --expect bert@1.2.0
      sycee verify --weights-only model.pt --key release.key.pub

    \b
    Exit codes: 0 verified; 11 bytes or files differ; 12 no good signature by this key; 13 another version than
    expected; 14 card, sums or pointers contradict the signature; 1 and 2 nothing was verified.
    """
    if options["weights_only"]:
        _weights_only(ctx, model, key, options)
    elif options["signature"]:
        raise UsageError("--signature is for --weights-only; a model folder has its model.sig")
    else:
        _folder(ctx, model, key, options)


def _folder(ctx: Context, model: str, key: str, options: dict[str, Any]) -> None:
    verified = verify(
        ctx.path(model),
        ctx.path(key),
        expect=options["expect"],
        identity=options["identity"],
        progress=ctx.progress,
    )
    if options["as_json"]:
        ctx.json(verified.as_json())
        return
    asked = options["expect"] or options["identity"]
    for number, step in enumerate(STEPS, 1):
        idle = number == _VERSION_STEP and not asked
        mark = "-" if idle else click.style("✓", fg="green")
        ctx.say(f"  {mark} {number:>2}  {step}{': none was asked for' if idle else ''}")
    for warning in verified.warnings:
        ctx.warn(warning)
    name = verified.name or ctx.shown(verified.folder)
    label = f"{name}@{verified.version}" if verified.version else name
    ctx.out(f"verified  {label}")
    ctx.out(f"identity  sycee:{verified.identity}")
    ctx.out(f"signer    {verified.signer.fingerprint} ({verified.signer.kind})")


def _weights_only(ctx: Context, model: str, key: str, options: dict[str, Any]) -> None:
    if options["expect"] or options["identity"]:
        raise UsageError("a lone file has neither version nor identity", hint="verify the model folder")
    signature = ctx.path(options["signature"]) if options["signature"] else None
    verified = verify_weights_only(ctx.path(model), ctx.path(key), signature=signature, progress=ctx.progress)
    if options["as_json"]:
        ctx.json(verified.as_json())
        return
    ctx.warn("only these bytes are covered: not the card, the code, the environment, the name or the version")
    ctx.out(f"verified  {ctx.shown(verified.file)} (weights only)")
    ctx.out(f"sha256    {verified.sha256}")
    ctx.out(f"signer    {verified.signer.fingerprint} ({verified.signer.kind})")
