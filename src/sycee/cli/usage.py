"""What is told when a command line cannot be understood: click's errors in words that say what to type instead."""

from collections.abc import Iterator

import click

from sycee.cli import exitcodes
from sycee.errors import UsageError

# Some of these dvc takes behind the verb, so people type them there.
_BEFORE_THE_VERB = frozenset({"-C", "--cd", "--wait-for-lock", "--lock-timeout", exitcodes.FLAG})


def explained(wrong: click.ClickException, verb: str | None) -> UsageError:
    """Return an error of click's with what to do now.

    Args:
        wrong: The error.
        verb: The verb that was typed, for the errors that do not know where they belong.
    """
    ctx = wrong.ctx if isinstance(wrong, click.UsageError) else None
    if ctx is None:
        return UsageError(wrong.format_message(), hint=f"see: sycee {verb} --help" if verb else "see: sycee --help")
    if isinstance(wrong, click.NoSuchOption) and wrong.option_name in _BEFORE_THE_VERB:
        return UsageError(wrong.format_message(), hint=f"it stands before the verb: sycee {wrong.option_name} …")
    if isinstance(wrong, click.MissingParameter):
        return UsageError(f"{ctx.command_path} needs {' and '.join(_missing(ctx))}", hint=_example(ctx))
    if isinstance(wrong, click.BadParameter) and isinstance(wrong.param, click.Option):
        return UsageError(wrong.format_message(), hint=f"what it takes: {_told(ctx, wrong.param)}")
    return UsageError(wrong.format_message(), hint=_usage(ctx))


def _missing(ctx: click.Context) -> Iterator[str]:
    """Yield all that has to be given and was not; click stops at the first, when what was given has been read."""
    for param in ctx.command.params:
        if param.required and param.name not in ctx.params:
            yield _told(ctx, param)


def _told(ctx: click.Context, param: click.Parameter) -> str:
    metavar = param.make_metavar(ctx)
    if not isinstance(param, click.Option):
        return metavar
    return f"{max(param.opts, key=len)} {metavar} ({(param.help or '').rstrip('.')})"


def _example(ctx: click.Context) -> str:
    path = f"{ctx.command_path} "
    lines = [line.strip() for one in (ctx, ctx.parent) if one for line in (one.command.help or "").splitlines()]
    example = next((line for line in lines if line.startswith(path)), None)
    return f"for example: {example}; see: {path}--help" if example else _usage(ctx)


def _usage(ctx: click.Context) -> str:
    typed = " ".join((ctx.command_path, *ctx.command.collect_usage_pieces(ctx)))
    return f"it goes like this: {typed}; see: {ctx.command_path} --help"
