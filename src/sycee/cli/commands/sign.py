"""``sycee sign``."""

import click

from sycee.cli import passwords
from sycee.cli.context import Context, pass_context
from sycee.cli.words import files
from sycee.errors import NotFound
from sycee.ops.sign import load_private, sign
from sycee.workspace.repository import find_repository


@click.command()
@click.argument("model", metavar="MODEL")
@click.option("--key", "-k", required=True, metavar="FILE", help="The private key, PEM, as made by sycee keygen.")
@click.option("--password-file", metavar="FILE", help="Take the key's password from the first line of a file.")
@click.option("--force", is_flag=True, help="Replace the signature of another signer.")
@click.option("--allow-insecure-key-permissions", is_flag=True, help="Accept a key file that others may read.")
@pass_context
def command(
    ctx: Context, model: str, key: str, password_file: str | None, *, force: bool, allow_insecure_key_permissions: bool
) -> None:
    r"""Sign a model: weights, card and context as one.

    Writes a .sig beside each weights file (as `openssl dgst -sha256 -sign` does), SHA256SUMS with its .sig, and
    model.sig, a bundle in the format of OpenSSF Model Signing over every file of the folder. Weights that are unchanged
    since `sycee add` are not read again. A folder that is tracked as a whole is added again, with its signatures.
    Prints the version's identity.

    \b
    Examples:
      sycee sign models/bert --key release.key
      sycee sign models/ner -k ci.key --password-file /run/secrets/password

    \b
    Exit codes: 0 signed; 1 something in the folder may not be signed; 2 wrong usage, or wrong password;
    14 card or pointers speak of other bytes.
    """
    folder = ctx.path(model)
    private = load_private(
        ctx.path(key),
        passwords.to_open(ctx, password_file, key),
        allow_insecure_permissions=allow_insecure_key_permissions,
    )
    try:
        repo = find_repository(folder, environ=ctx.environ, notify=ctx.say, wait=ctx.wait)
    except NotFound:  # a folder that nobody tracks can be signed too
        repo = None
    try:
        result = sign(folder, private, repo=repo, replace=force, progress=ctx.progress)
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
