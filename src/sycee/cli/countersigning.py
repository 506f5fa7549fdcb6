"""``sycee sign --countersign``: by who relies on the word of who signed before."""

from pathlib import Path
from typing import Any

from sycee.cli import trusting
from sycee.cli.context import Context
from sycee.errors import UsageError
from sycee.ops.countersign import countersign
from sycee.ops.trustplace import Asked, find_trust_file
from sycee.trust.signing.signers import Signer


def run(ctx: Context, folder: Path, signer: Signer, options: dict[str, Any]) -> None:
    """Countersign a model's folder, and say on whose word.

    Raises:
        UsageError: If force is asked for, since nothing is replaced; or nobody's word is named.
    """
    if options["force"]:
        raise UsageError("--force and --countersign exclude each other", hint="a countersignature replaces nothing")
    asked = _whose_word(ctx, options)
    done = countersign(folder, signer, asked)
    by = ", ".join(one.name if options["trust"] else one.fingerprint for one in done.before)
    what = f"countersigned in {done.written}" if done.written else "was countersigned like this before"
    ctx.say(f"{ctx.shown(folder)}: {what}, on the word of {by}")
    if done.absent:
        ctx.say(f"{ctx.shown(folder)}: not here, and not needed: {', '.join(done.absent)}")
    ctx.out(f"sycee:{done.identity}")


def _whose_word(ctx: Context, options: dict[str, Any]) -> Asked:
    asked = trusting.asked(ctx, {"trust": options["trust"], "key": options["signed_by"]})
    if asked.trust and asked.key:
        raise UsageError("--trust and --signed-by exclude each other", hint="the trust file names the keys that count")
    if asked.key is None and find_trust_file(ctx.environ, asked.trust) is None:
        raise UsageError(
            "whose word is relied on was not said",
            hint="--signed-by FILE for the public key of one who signed before, or --trust FILE for a trust file",
        )
    return asked
