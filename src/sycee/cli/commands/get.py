"""``sycee get``."""

from typing import Any

import click

from sycee.cli.context import Context, pass_context
from sycee.cli.sources import asked, source_options, surroundings
from sycee.ops.get import GetRequest, get, object_url


@click.command()
@click.argument("url", metavar="URL")
@click.argument("path", metavar="PATH")
@click.option("-o", "--out", metavar="OUT", help="Where to put it; a folder that exists gets it inside.")
@click.option("-f", "--force", is_flag=True, help="Replace files that are in the way.")
@click.option("-j", "--jobs", type=click.IntRange(1), metavar="N", help="How many objects move at once.")
@click.option("--show-url", is_flag=True, help="Only print where the remote keeps it.")
@source_options
@pass_context
def command(
    ctx: Context, url: str, path: str, out: str | None, jobs: int | None, *, show_url: bool, force: bool, **source: Any
) -> None:
    r"""Copy a file or folder out of another repository.

    URL is what git clone takes, or a path. PATH may be tracked or Git's own, lie in a tracked folder, or hold both
    kinds. Of tracked files you get what the pointers say, hashed on the way; PATH appears whole or not at all. No
    repository is needed here, and nothing is tracked: see pull for what `dvc import` made.

    What Git brings of other hosts is kept in ~/.cache/sycee/sources (XDG_CACHE_HOME), and may be deleted at any time.

    \b
    Examples:
      sycee get https://git.example.org/nlp/ner models/ner --rev ner@v1.0.0
      sycee get ../ner models/ner/weights.bin -o old.bin
      sycee get ../ner models/ner/weights.bin --show-url

    \b
    Exit codes: 0 it is here; 1 something is missing, or in the way; 2 no such kind of address; 11 something is
    damaged; 20 the repository or its remote cannot be reached.
    """
    repository = asked(ctx, url, **source)
    if show_url:
        ctx.out(object_url(repository, path, surroundings(ctx)))
        return
    request = GetRequest(repository, path, ctx.path(out) if out else None, force, jobs)
    done = get(request, surroundings(ctx), progress=ctx.progress)
    ctx.say(f"got {ctx.shown(done)}")
