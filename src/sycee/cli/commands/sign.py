"""``sycee sign``."""

from pathlib import Path
from typing import Any

import click

from sycee.cli import trusting
from sycee.cli.context import Context, pass_context
from sycee.cli.signers import any_signer_of, any_signer_options
from sycee.cli.words import files
from sycee.errors import NotFound, UsageError
from sycee.ops.countersign import countersign as countersign_model
from sycee.ops.sign import sign
from sycee.ops.trustplace import Asked, find_trust_file
from sycee.trust.signing.signers import Signer
from sycee.workspace.repository import find_repository


@click.command()
@click.argument("model", metavar="MODEL")
@any_signer_options
@click.option("--force", is_flag=True, help="Sign as the first, in the place of another signer.")
@click.option("--countersign", is_flag=True, help="Sign on the word of who signed before; read no weights.")
@click.option("--trust", "-t", metavar="FILE", help="With --countersign: the trust file that says whose word counts.")
@click.option("--signed-by", metavar="FILE", help="With --countersign: the one public key whose word counts, PEM.")
@pass_context
def command(ctx: Context, model: str, *, force: bool, countersign: bool, **options: Any) -> None:
    r"""Sign a model: weights, card and context as one.

    Writes a .sig beside each weights file (as `openssl dgst -sha256 -sign` does), SHA256SUMS with its .sig, and
    model.sig, a bundle in the format of OpenSSF Model Signing over every file of the folder. Weights that are unchanged
    since `sycee add` are not read again. A folder that is tracked as a whole is added again, with its signatures.
    Prints the version's identity.

    Where somebody else has signed this version, your signature goes beside his, as one bundle in records/. It is about
    the bytes that are here, which you vouch for as he does. With --countersign you vouch for his word instead: his
    signature is verified, what is here is compared with it, and weights are not read and need not be here.

    With --keyless no key is kept anywhere: a Sigstore instance certifies, for minutes, who the token says you are, and
    writes the signature into its public log. That needs a network, and sycee[sigstore]; there is a bundle, and no .sig.

    \b
    Examples:
      sycee sign models/bert --key release.key
      sycee sign models/ner -k ci.key --password-file /run/secrets/password
      sycee sign models/bert --public-key kms.pub --key-command "./kms-sign {algorithm}"
      sycee sign models/bert --key release.key --countersign --signed-by training.key.pub
      sycee sign models/bert --keyless

    \b
    Exit codes: 0 signed; 1 something in the folder may not be signed, another version is signed there, or the command
    did not sign; 2 wrong usage, wrong password, or no token; 12 what the command wrote is no signature; 14 card or
    pointers speak of other bytes; 20 Sigstore could not be reached, or refused. With --countersign also 11 to 14 as
    sycee verify: what is here is not what was signed before.
    """
    folder = ctx.path(model)
    signer = any_signer_of(ctx, options)
    if countersign:
        _countersign(ctx, folder, signer, options)
        return
    if options["trust"] or options["signed_by"]:
        raise UsageError("--trust and --signed-by are for --countersign", hint="they say whose word is relied on")
    _sign(ctx, folder, signer, force=force)


def _sign(ctx: Context, folder: Path, signer: Signer, *, force: bool) -> None:
    try:
        repo = find_repository(folder, environ=ctx.environ, notify=ctx.say, wait=ctx.wait)
    except NotFound:  # a folder that nobody tracks can be signed too
        repo = None
    try:
        result = sign(folder, signer, repo=repo, replace=force, progress=ctx.progress)
    finally:
        if repo:
            repo.close()
    for warning in result.warnings:
        ctx.warn(warning)
    what = f"signed, {files(len(result.files))}" if result.written else "was signed like this before; nothing changed"
    ctx.say(f"{ctx.shown(folder)}: {what}, by {result.witness or result.fingerprint}")
    if result.added:
        ctx.say(f"{ctx.shown(folder)}: added again, since it is tracked as a whole; commit {ctx.shown(result.added)}")
    ctx.out(f"sycee:{result.identity}")


def _countersign(ctx: Context, folder: Path, signer: Signer, options: dict[str, Any]) -> None:
    asked = _whose_word(ctx, options)
    done = countersign_model(folder, signer, asked)
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
