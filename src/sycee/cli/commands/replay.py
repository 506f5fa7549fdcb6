"""``sycee replay``."""

from collections.abc import Iterator, Sequence
from typing import Any

import click

from sycee.cli import passwords, trusting
from sycee.cli.context import Context, pass_context
from sycee.cli.words import table
from sycee.errors import NotFound, ReplayMismatch, UsageError
from sycee.formats.golden import STAGES
from sycee.formats.replay import LEVELS, Change, Compared, Report, render
from sycee.ops.baseline import accept
from sycee.ops.keyfile import load_private
from sycee.ops.replay import UNVERIFIED, Replayed, ReplayRequest, replay
from sycee.ops.trustplace import Asked, find_trust_file
from sycee.replay import page
from sycee.replay.runner import TIMEOUT
from sycee.system.atomic import write_file
from sycee.trust.keys import PrivateKey

_SHOWN = 8  # changes of each sort; JSON has all


@click.command()
@click.argument("model", metavar="MODEL")
@trusting.whom
@click.option("--unsigned", is_flag=True, help="Trust the folder's own card, which anybody could have written.")
@click.option("--inputs", metavar="DIR", help="Where the samples are, if the version keeps only their digests.")
@click.option(
    "--waive", "waived", multiple=True, type=click.Choice(STAGES), help="Accept differences of this stage; repeatable."
)
@click.option(
    "--rebuild/--here",
    help="Use the packages of the version's lock, by uv, or those installed (default).",
)
@click.option("--bisect", is_flag=True, help="If it differs, look for the cause: threads, kernels, each package by uv.")
@click.option("--timeout", type=click.FloatRange(min=0.1), default=TIMEOUT, metavar="SECONDS", show_default=True)
@click.option("--accept", is_flag=True, help="Keep what came out as a baseline of this platform, in records/.")
@click.option("--sign", metavar="FILE", help="Sign the baseline with this private key, PEM.")
@click.option("--password-file", metavar="FILE", help="Take the key's password from the first line of a file.")
@click.option("--html", metavar="FILE", help="Write a page too: the samples, what was expected beside what came out.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@pass_context
def command(ctx: Context, model: str, **options: Any) -> None:
    r"""Run a version's golden samples here, and compare with what they gave when it was frozen.

    The folder is verified first, and a private copy of it is used. Its own source runs in a process that has no
    network, no home, and of this environment only the installed packages. Preprocessed samples must be equal to the
    bit; outputs too, where machine and packages are the same, and else within the noise that was measured when the
    model was frozen. What differs is named, with what may be the cause.

    \b
    Examples:
      sycee replay models/bert --key release.key.pub
      sycee replay models/bert --unsigned --json
      sycee replay models/bert --unsigned --html replay.html
      sycee replay models/bert --key release.key.pub --accept --sign my.key
      sycee replay models/bert --key release.key.pub --rebuild

    \b
    Exit codes: 0 reproduced; 15 comes out differently; 1 the frozen code does not run here, or its packages are not to
    be had, so nothing is known of its results; 10 to 14 the folder is not what was signed; 2 wrong usage.
    """
    asked = _asked(ctx, options)
    html = ctx.path(options["html"]) if options["html"] else None
    if html and not html.parent.is_dir():
        raise NotFound(f"there is no folder {html.parent}", hint="make it, or name a file in another one with --html")
    if options["rebuild"] and options["bisect"]:
        raise UsageError(
            "--rebuild and --bisect exclude each other",
            hint="--bisect begins with the packages that are here, and rebuilds what it needs itself",
        )
    private = _private(ctx, options)
    done = replay(
        ReplayRequest(
            folder=ctx.path(model),
            asked=asked,
            inputs=ctx.path(options["inputs"]) if options["inputs"] else None,
            waived=frozenset(options["waived"]),
            timeout=options["timeout"],
            rebuild=options["rebuild"],
            bisect=options["bisect"],
            environ=ctx.environ,
            progress=ctx.progress,
        )
    )
    if html:
        write_file(html, page.render(done.report, done.evidence))
    _show(ctx, done, as_json=options["as_json"])
    if options["accept"] and done.reproduced:
        written = accept(ctx.path(model), done.report, done.evidence, done.on, private)
        ctx.say(f"accepted for {written.record.content['device']}: {ctx.shown(written.path)}; commit it")
    if not done.reproduced:
        click.get_current_context().exit(ReplayMismatch.exit_code)


def _asked(ctx: Context, options: dict[str, Any]) -> Asked | None:
    hint = "--key FILE or --trust FILE demands a signature; --unsigned compares the folder with its own card"
    if options["unsigned"] and trusting.is_said(options):
        raise UsageError("--unsigned excludes --key and --trust", hint=hint)
    if not options["unsigned"] and not trusting.is_said(options) and find_trust_file(ctx.environ) is None:
        raise UsageError("whom to trust was not said", hint=hint)
    return None if options["unsigned"] else trusting.asked(ctx, options)


def _private(ctx: Context, options: dict[str, Any]) -> PrivateKey | None:
    key = options["sign"]
    if key and not options["accept"]:
        raise UsageError("--sign is for what --accept writes", hint="give both, or use sycee sign")
    return load_private(ctx.path(key), passwords.to_open(ctx, options["password_file"], key)) if key else None


def _show(ctx: Context, done: Replayed, *, as_json: bool) -> None:
    report = done.report
    if as_json:
        ctx.out(render(report).decode().rstrip("\n"))
        return
    for note in report.notes:
        if note == UNVERIFIED:
            ctx.warn(note)
        else:
            ctx.say(f"note: {note}")
    ctx.out(f"{report.result:<10}  {done.label}: {report.verdict}")
    ctx.out(table(["stage", "equal", "samples", "largest deviation"], list(_rows(report))))
    _changes(ctx, "can be the cause", report.can)
    _changes(ctx, "cannot be the cause", report.cannot)


def _rows(report: Report) -> Iterator[list[str]]:
    for stage in STAGES:
        found = [one for one in report.stages if one.stage == stage]
        if found:
            level = min((one.level for one in found), key=LEVELS.index)
            waived = " (waived)" if stage in report.waived else ""
            yield [stage, f"{level}{waived}", str(len(found)), _deviation(found)]


def _deviation(found: Sequence[Compared]) -> str:
    largest = [one.max_rel for one in found]
    if None in largest:
        return "not to be measured"
    return f"{max(filter(None, largest)):.2g} of its size (RMS)" if any(largest) else "none"


def _changes(ctx: Context, title: str, changes: Sequence[Change]) -> None:
    if changes:
        ctx.out(f"{title}:")
        for change in changes[:_SHOWN]:
            ctx.out(f"  {change.area} {change.name}: {_value(change.here)} here, {_value(change.frozen)} when frozen")
        if len(changes) > _SHOWN:
            ctx.out(f"  and {len(changes) - _SHOWN} more")


def _value(text: str) -> str:
    if not text:
        return "none"
    return text if len(text) <= 60 else f"{text[:57]}…"
