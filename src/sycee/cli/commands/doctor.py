"""``sycee doctor``."""

from collections.abc import Mapping
from dataclasses import asdict

import click

from sycee.cli.context import Context, pass_context
from sycee.core.printable import below, in_line
from sycee.ops.doctor import Checkup, Finding, State, doctor

_MARKS: Mapping[State, tuple[str, str]] = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "problem": ("✗", "red")}


@click.command()
@click.option("-r", "--remote", metavar="NAME", help="Which remote to reach for, instead of the default one.")
@click.option("-k", "--key", "key_files", metavar="FILE", multiple=True, help="A key to read; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.pass_context
@pass_context
def command(
    ctx: Context, click_context: click.Context, remote: str | None, key_files: tuple[str, ...], *, as_json: bool
) -> None:
    r"""Look for what could go wrong here: versions, repository, remote, keys.

    Changes nothing. Of a remote it asks for one object that does not exist: what comes back tells whether it can be
    reached with these credentials.

    \b
    Examples:
      sycee doctor
      sycee doctor --remote backup --key release.key

    \b
    Exit codes: 0 no problem (perhaps warnings); 1 a problem.
    """
    findings = []
    for finding in doctor(Checkup(ctx.cwd, ctx.environ, remote, [ctx.path(name) for name in key_files])):
        findings.append(finding)
        if not as_json:
            _show(ctx, finding)
    problems = any(finding.state == "problem" for finding in findings)
    if as_json:
        ctx.json({"ok": not problems, "findings": [asdict(finding) for finding in findings]})
    click_context.exit(1 if problems else 0)


def _show(ctx: Context, finding: Finding) -> None:
    mark, colour = _MARKS[finding.state]
    ctx.out(f"{click.style(mark, fg=colour)} {in_line(finding.subject):<14} {below(finding.message)}")
    if finding.hint:
        ctx.out(f"  {'':<14} {click.style('hint:', fg='cyan')} {below(finding.hint)}")
