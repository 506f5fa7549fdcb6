"""``sycee sign``."""

from typing import Any

import click

from sycee.cli.context import Context, pass_context
from sycee.cli.signers import signer_of, signer_options
from sycee.cli.words import files
from sycee.errors import NotFound
from sycee.ops.sign import sign
from sycee.workspace.repository import find_repository


@click.command()
@click.argument("model", metavar="MODEL")
@signer_options
@click.option("--force", is_flag=True, help="Sign as the first, in the place of another signer.")
@pass_context
def command(ctx: Context, model: str, *, force: bool, **options: Any) -> None:
    r"""Sign a model: weights, card and context as one.

    Writes a .sig beside each weights file (as `openssl dgst -sha256 -sign` does), SHA256SUMS with its .sig, and
    model.sig, a bundle in the format of OpenSSF Model Signing over every file of the folder. Weights that are unchanged
    since `sycee add` are not read again. A folder that is tracked as a whole is added again, with its signatures.
    Prints the version's identity.

    Where somebody else has signed this version, your signature goes beside his, as one bundle in records/. It is about
    the bytes that are here, which you vouch for as he does.

    \b
    Examples:
      sycee sign models/bert --key release.key
      sycee sign models/ner -k ci.key --password-file /run/secrets/password
      sycee sign models/bert --public-key kms.pub --key-command "./kms-sign {algorithm}"

    \b
    Exit codes: 0 signed; 1 something in the folder may not be signed, another version is signed there, or the command
    did not sign; 2 wrong usage, or wrong password; 12 what the command wrote is no signature; 14 card or pointers speak
    of other bytes.
    """
    folder = ctx.path(model)
    signer = signer_of(ctx, options)
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
    ctx.say(f"{ctx.shown(folder)}: {what}, by {result.fingerprint}")
    if result.added:
        ctx.say(f"{ctx.shown(folder)}: added again, since it is tracked as a whole; commit {ctx.shown(result.added)}")
    ctx.out(f"sycee:{result.identity}")
