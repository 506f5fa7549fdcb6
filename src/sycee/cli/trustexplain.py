"""``sycee trust explain``."""

from collections.abc import Mapping
from typing import Any

import click

from sycee.cli import trusting
from sycee.cli.context import Context, pass_context
from sycee.errors import VerificationError
from sycee.ops.explaintrust import Explained, explain

_MARKS = {"passed": ("✓", "green"), "failed": ("✗", "red")}  # nothing demands the others, or they were not reached


@click.command("explain")
@click.argument("model", metavar="MODEL")
@trusting.whom
@click.option("--expect", metavar="NAME@VERSION", help="Demand this version.")
@click.option("--channel", metavar="NAME", help="Demand the version that this channel names.")
@click.option("--channel-file", metavar="FILE", help="A statement of the channel, beside the repository's.")
@click.option("--json", "as_json", is_flag=True, help="Print every rule as JSON.")
@pass_context
def command(ctx: Context, model: str, **options: Any) -> None:
    r"""Show why a version is accepted or refused here, rule by rule, and what would change it.

    It is verified as sycee verify does, but nothing is remembered of it. Rules that nothing asks for, or that were not
    reached, have a dash.

    \b
    Examples:
      sycee trust explain models/bert
      sycee trust explain models/bert --trust ~/trust.toml --channel production

    \b
    Exit codes: 0 accepted; 11 to 14 refused, as sycee verify would; 1 and 2 nothing was verified.
    """
    told = explain(ctx.path(model), trusting.asked(ctx, options), progress=ctx.progress)
    if options["as_json"]:
        ctx.json(told.as_json())
    else:
        _show(ctx, told)
    if told.refusal is not None:
        click.get_current_context().exit(told.refusal.exit_code)


def _show(ctx: Context, told: Explained) -> None:
    ctx.out(f"by {told.by}")
    for rule in told.rules:
        _rule(ctx, rule)
    if told.verified is not None:
        for warning in told.verified.warnings:
            ctx.warn(warning)
        label = f"{told.verified.name}@{told.verified.version or '(no version)'}"
        ctx.out(f"accepted  {label}  sycee:{told.verified.identity}")
    elif told.refusal is not None:
        _refusal(ctx, told.refusal, told.rules)


def _rule(ctx: Context, rule: Mapping[str, Any]) -> None:
    mark, colour = _MARKS.get(rule["outcome"], ("-", None))
    ctx.out(f"  {click.style(mark, fg=colour) if colour else mark} {rule['name']}{_said(rule)}")
    if rule["outcome"] in {"failed", "waived"} and rule.get("advice"):
        ctx.out(f"      {rule['advice']}")


def _said(rule: Mapping[str, Any]) -> str:
    if rule["outcome"] == "pending":
        return ": not reached"
    if rule["outcome"] == "idle":
        return ": nothing asks for it"
    return f": expected {rule.get('expected', '')}; found {rule.get('found', '')}"


def _refusal(ctx: Context, error: VerificationError, rules: Any) -> None:
    by_rule = any(rule["outcome"] == "failed" for rule in rules)
    if not by_rule:  # it was refused before the rules, or for what no rule is about
        ctx.out(f"  {click.style('✗', fg='red')} {error.message}")
    ctx.out(f"refused   {type(error).__name__}, exit code {error.exit_code}")
    if error.hint and not by_rule:
        ctx.out(f"          {error.hint}")
