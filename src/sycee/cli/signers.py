"""Who signs: the options of every verb that makes a signature, and the signer that they name."""

from collections.abc import Callable, Mapping
from typing import Any

import click

from sycee.cli import passwords
from sycee.cli.context import Context
from sycee.errors import UsageError
from sycee.ops.keyfile import load_private
from sycee.trust.keys import Signing, load_public
from sycee.trust.signing.keycommand import CommandSigner
from sycee.trust.signing.keylesssign import KeylessSigner
from sycee.trust.signing.signers import Signer

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


_KEYLESS = (
    click.option("--keyless", is_flag=True, help="Sign without a key, by the identity of this CI job or of a token."),
    click.option(
        "--identity-token-file",
        metavar="FILE",
        help="The OpenID token to prove it with; else SIGSTORE_ID_TOKEN, else that of the CI service.",
    ),
    click.option(
        "--sigstore-config",
        metavar="FILE",
        help="Client trust configuration of another Sigstore instance than the public one.",
    ),
)


def any_signer_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add :func:`signer_options`, and those for signing without a key; for :func:`any_signer_of`."""
    for option in reversed(_KEYLESS):
        command = option(command)
    return signer_options(command)


def any_signer_of(ctx: Context, options: Mapping[str, Any]) -> Signer:
    """Return the signer that was named, by a key or without one.

    Args:
        ctx: The call.
        options: Of the command, with those of :func:`any_signer_options` among them.

    Raises:
        UsageError: See :func:`signer_of`; or there is no token, or it cannot be used.
        NotFound: If a key, or the sigstore package, is not there.
        RemoteError: If the services cannot be reached.
    """
    if not options["keyless"]:
        if alone := next((name for name in ("identity_token_file", "sigstore_config") if options[name]), None):
            raise UsageError(f"--{alone.replace('_', '-')} is for --keyless")
        return signer_of(ctx, options)
    if alone := next((name for name in ("key", "key_command", "public_key") if options[name]), None):
        raise UsageError(f"--keyless and --{alone.replace('_', '-')} are two signers: call sycee once for each")
    config = options["sigstore_config"]
    return KeylessSigner.connect(_token(ctx, options["identity_token_file"]), ctx.path(config) if config else None)


def _token(ctx: Context, file: str | None) -> str | None:
    if file is None:
        return ctx.environ.get("SIGSTORE_ID_TOKEN") or None
    path = ctx.path(file)
    try:
        return path.read_bytes()[:_MAX_TOKEN].decode()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{ctx.shown(path)} is not a file with a token: {error}") from None


_MAX_TOKEN = 64 << 10  # bytes


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
