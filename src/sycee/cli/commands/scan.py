"""``sycee scan``."""

import click

from sycee.cli.context import Context, pass_context
from sycee.ops.scan import scan


@click.command()
@click.argument("target", metavar="FILE|MODEL")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
@pass_context
def command(ctx: Context, target: str, *, as_json: bool) -> None:
    r"""List what the pickles of a model would look up when they are loaded.

    Nothing is loaded. Named is whatever a state dict does not need, and archives that two readers could understand
    differently. This is evidence, never a guarantee: a clean file may still be an attack. What protects is a signature,
    and loading by `sycee.load`, which is weights_only=True; best is a form that cannot run code: `sycee convert`.

    \b
    Examples:
      sycee scan models/bert
      sycee scan downloaded.pt --json

    \b
    Exit codes: 0 nothing unusual; 1 something unusual, or a file could not be looked into.
    """
    found = scan(ctx.path(target))
    if as_json:
        ctx.json([one.as_json() for one in found])
    for one in () if as_json else found:
        ctx.out(f"{ctx.shown(one.path)}: {'nothing unusual' if one.clean else 'unusual'}, {len(one.names)} names")
        for name in one.unusual:
            ctx.out(f"  names    {name}")
        for fault in one.faults:
            ctx.out(f"  refused  {fault}")
    if not found and not as_json:
        ctx.say("no file here that a loader may take for a pickle")
    if not all(one.clean for one in found):
        click.get_current_context().exit(1)
