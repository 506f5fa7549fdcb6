"""``sycee keygen``."""

from typing import get_args

import click

from sycee.cli import passwords
from sycee.cli.context import Context, pass_context
from sycee.core.printable import in_line
from sycee.errors import UsageError
from sycee.ops.keygen import keygen
from sycee.trust.keys import KeyType


@click.command()
@click.argument("path", metavar="PATH")
@click.option(
    "--type", "kind", type=click.Choice(get_args(KeyType)), default="p256", show_default=True, help="What kind of key."
)
@click.option("--no-password", is_flag=True, help="Leave the private key unencrypted.")
@click.option("--password-file", metavar="FILE", help="Take the password from the first line of a file.")
@pass_context
def command(ctx: Context, path: str, kind: KeyType, password_file: str | None, *, no_password: bool) -> None:
    r"""Make a pair of signing keys: PATH, to be kept secret, and PATH.pub, to be given away.

    Both are PEM files as openssl reads and writes them. The private key is encrypted by a password, from the prompt,
    a file, or the variable SYCEE_KEY_PASSWORD. RSA keys make bundles that only sycee reads; prefer the default.

    \b
    Examples:
      sycee keygen release.key
      sycee keygen ci.key --no-password --type p384

    \b
    Exit codes: 0 made; 1 a file of this name exists; 2 wrong usage.
    """
    if no_password and password_file:
        raise UsageError("--no-password and --password-file contradict each other")
    password = None if no_password else passwords.for_new(ctx, password_file)
    pair = keygen(ctx.path(path), kind=kind, password=password)
    private, public = in_line(ctx.shown(pair.private)), in_line(ctx.shown(pair.public))
    ctx.say(f"{private}: the private key ({pair.kind}). Whoever has it signs in your name.")
    ctx.say(f"{public}: the public key. Give it to whoever verifies, by a way they trust.")
    ctx.out(pair.fingerprint)
    if pair.kept_out_of_git:
        ctx.say(f"Git ignores {private} in this clone (.git/info/exclude).")
    elif pair.kept_out_of_git is False:
        ctx.warn(f"{private} lies in a Git work tree: never commit it")
