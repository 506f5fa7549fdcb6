"""Passwords of keys: from a prompt, a file or the environment; never an argument, which all users of a machine see."""

import sys
from collections.abc import Callable
from pathlib import Path

import click

from sycee.cli.context import Context
from sycee.errors import NotFound, UsageError

VARIABLE = "SYCEE_KEY_PASSWORD"


def given(ctx: Context, file: str | None) -> bytes | None:
    """Return the password from the file or the environment, or None when neither is there.

    Raises:
        NotFound: If the file is not there.
        UsageError: If it holds none.
    """
    if file is not None:
        return _first_line(ctx.path(file))
    return ctx.environ[VARIABLE].encode() if ctx.environ.get(VARIABLE) else None


def _first_line(path: Path) -> bytes:
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        raise NotFound(f"the password file {path} does not exist") from None
    if not lines or not lines[0]:
        raise UsageError(f"the password file {path} has an empty first line")
    return lines[0]


def to_open(ctx: Context, file: str | None, key: str) -> Callable[[], bytes] | None:
    """Return what gives the password of an existing key, asking only when it is needed."""
    password = given(ctx, file)
    if password is not None:
        return lambda: password
    if not sys.stdin.isatty():
        return None
    return lambda: str(click.prompt(f"Password of {key}", hide_input=True, err=True)).encode()


def for_new(ctx: Context, file: str | None) -> bytes:
    """Return the password for a new key, asked for twice when it is not given.

    Raises:
        UsageError: If there is nobody to ask.
    """
    password = given(ctx, file)
    if password is not None:
        return password
    if not sys.stdin.isatty():
        raise UsageError(
            "the new key needs a password, and there is no terminal to ask for it",
            hint=f"use --password-file FILE or {VARIABLE}, or --no-password for a key that needs none",
        )
    text: str = click.prompt("Password for the new key", hide_input=True, confirmation_prompt=True, err=True)
    return text.encode()
