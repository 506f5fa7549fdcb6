"""What the verbs that talk to a remote have in common: how many objects at once, and how many requests that took."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from sycee.cli.context import JOBS, Context
from sycee.store.objects import Outcome

_Command = TypeVar("_Command", bound=Callable[..., Any])


def jobs_option(command: _Command) -> _Command:
    """Give a verb the option ``-j``, which decides for every remote that it opens through its context."""
    return click.option(
        "-j",
        "--jobs",
        type=click.IntRange(1, 256),
        metavar="N",
        expose_value=False,
        callback=lambda ctx, _, value: ctx.meta.update({JOBS: value}),
        help="So many objects at once, instead of the remote's `jobs` or 8.",
    )(command)


def tell_requests(ctx: Context, outcome: Outcome) -> None:
    """Say how many requests it took to look for many objects."""
    if outcome.looked_for_many:
        ctx.say(f"looked for {outcome.looked_for:,} objects on the remote in {outcome.requests:,} requests")
