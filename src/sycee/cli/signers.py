"""Who signs: the options of every verb that makes a signature, and the signer that they name."""

from collections.abc import Callable, Mapping
from typing import Any

import click

from sycee.cli import passwords
from sycee.cli.context import Context
from sycee.errors import UsageError
from sycee.ops.sign import load_private
from sycee.trust.keycommand import CommandSigner
from sycee.trust.keys import Signing, load_public

_OPTIONS = (
    click.option("--key", "-k", metavar="FILE", help="The private key, PEM, as made by sycee keygen."),
    click.option("--password-file", metavar="FILE", help="Take the key's password from the first line of a file."),
    click.option(
        "--key-command",
        metavar="COMMAND",
        help="Sign by a command that reads a raw digest and writes its signature: a key service or token.",
    ),
    click.option("--public-key", metavar="FILE", help="The public key of what --key-command signs with, PEM."),
    click.option("--allow-insecure-key-permissions", is_flag=True, help="Accept a key file that others may read."),
)


def signer_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that name a signer; they arrive together, for :func:`signer_of`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def signer_of(ctx: Context, options: Mapping[str, Any]) -> Signing:
    """Return the signer that was named.

    Args:
        ctx: The call.
        options: Of the command, with those of :func:`signer_options` among them.

    Raises:
        UsageError: If none is named, or both kinds.
        NotFound: If a key is not there.
    """
    key, line = options["key"], options["key_command"]
    if (key is None) == (line is None):
        raise UsageError(
            "name one signer: --key FILE, or --key-command COMMAND", hint="sycee keygen makes a pair of keys"
        )
    if line is not None:
        if options["public_key"] is None:
            raise UsageError("--key-command needs --public-key, which checks what it signs")
        return CommandSigner.of_line(load_public(ctx.path(options["public_key"])), line)
    if options["public_key"] is not None:
        raise UsageError("--public-key is for --key-command; a private key has its own")
    return load_private(
        ctx.path(key),
        passwords.to_open(ctx, options["password_file"], key),
        allow_insecure_permissions=options["allow_insecure_key_permissions"],
    )
