"""``sycee check-ignore``."""

import sys

import click

from sycee.cli.context import Context, pass_context
from sycee.core.printable import in_line
from sycee.errors import UsageError
from sycee.formats.dvcignore import Verdict
from sycee.ops.check_ignore import check_ignore


@click.command()
@click.argument("targets", nargs=-1, metavar="[TARGET…]")
@click.option("-d", "--details", is_flag=True, help="Print the deciding rule, its file and line before each path.")
@click.option("-n", "--non-matching", is_flag=True, help="With -d: print :: before paths of which no rule speaks.")
@click.option("-a", "--all", "every", is_flag=True, help="With -d: taken as DVC takes it; one rule decides.")
@click.option("--stdin", "from_stdin", is_flag=True, help="Read the paths from standard input, one a line.")
@pass_context
def command(ctx: Context, targets: tuple[str, ...], *, from_stdin: bool, **look: bool) -> None:
    r"""Show which paths .dvcignore leaves out, and why.

    An ignored path cannot be added; in a tracked folder it is neither added nor removed. A rule that begins with !
    decides that a path is not ignored: it is shown with -d only, and counts as a match.

    \b
    Examples:
      sycee check-ignore data/a.tmp
      sycee check-ignore -d data/*
      find data | sycee check-ignore --stdin

    \b
    Exit codes: 0 a rule matches at least one of the paths; 1 none.
    """
    details, non_matching = look["details"], look["non_matching"]
    if not details and (non_matching or look["every"]):
        option = "--non-matching" if non_matching else "--all"
        raise UsageError(f"{option} says how details look", hint="add --details")
    if from_stdin == bool(targets):
        raise UsageError("which paths?", hint="name them, or give --stdin and nothing else")
    if from_stdin:
        targets = tuple(line for line in sys.stdin.read().splitlines() if line)
    matched = False
    with ctx.repository() as repo:
        verdicts = check_ignore(repo, [ctx.path(target) for target in targets])
        for target, verdict in zip(targets, verdicts, strict=True):
            for line in _lines(in_line(target), verdict, details=details, non_matching=non_matching):
                ctx.out(line)
            matched |= verdict.rule is not None and (verdict.ignored or details)
    click.get_current_context().exit(0 if matched else 1)


def _lines(target: str, verdict: Verdict, *, details: bool, non_matching: bool) -> list[str]:
    if not details:
        return [target] if verdict.ignored else []
    if verdict.rule:
        return [f"{verdict.rule.source}\t{target}"]
    return [f"::\t{target}"] if non_matching else []
