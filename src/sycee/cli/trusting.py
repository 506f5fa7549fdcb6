"""The options by which a verb is told whom to trust, and what a model has to be."""

from collections.abc import Callable, Mapping
from typing import Any

import click

from sycee.cli.context import Context
from sycee.ops.trustplace import Asked

_Command = Callable[..., Any]

_TRUST = click.option(
    "--trust", "-t", metavar="FILE", help="The trust file: who may sign what. By default that of this user or machine."
)
_KEY = click.option(
    "--key", "-k", metavar="FILE", help="Instead of a trust file: the one public key that must have signed, PEM."
)


def whom(command: _Command) -> _Command:
    """Give a verb ``--trust`` and ``--key``."""
    return _TRUST(_KEY(command))


def is_said(options: Mapping[str, Any]) -> bool:
    """Tell whether one of them was given."""
    return bool(options["trust"] or options["key"])


def asked(ctx: Context, options: Mapping[str, Any]) -> Asked:
    """Return what the options ask; a verb that lacks one of them does not ask it."""

    def path(name: str) -> Any:
        return ctx.path(options[name]) if options.get(name) else None

    return Asked(
        trust=path("trust"),
        key=path("key"),
        expect=options.get("expect"),
        identity=options.get("identity"),
        channel=options.get("channel"),
        channel_file=path("channel_file"),
        environ=ctx.environ,
    )
