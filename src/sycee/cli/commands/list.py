"""``sycee list``."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import click

from sycee.cli.context import Context, pass_context
from sycee.cli.sources import asked, source_options, surroundings
from sycee.core.printable import in_line
from sycee.errors import UsageError
from sycee.ops.list import HERE, Listed, ListRequest, everything, listing

_KILO = 1024
_UNKNOWN = "-"


@click.command()
@click.argument("url", metavar="URL")
@click.argument("path", default="", metavar="[PATH]")
@click.option("-R", "--recursive", is_flag=True, help="List files at any depth.")
@click.option("-T", "--tree", is_flag=True, help="Draw folders as a tree.")
@click.option("-L", "--level", type=click.IntRange(0), metavar="N", help="With -R or -T: no deeper than N.")
@click.option("--dvc-only", is_flag=True, help="Leave out Git's own files.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, as `dvc list --json` does.")
@click.option("--size", is_flag=True, help="Show sizes, where they are known.")
@click.option("--show-hash", is_flag=True, help="Show object ids.")
@source_options
@pass_context
def command(ctx: Context, url: str, path: str, level: int | None, **options: Any) -> None:
    r"""List what a repository holds.

    URL is what git clone takes, or a path: `.` for this repository. Files of Git and what pointers and pipelines
    track stand side by side. Without --rev, a path means the work tree as it is now. Reads only.

    \b
    Examples:
      sycee list .
      sycee list https://git.example.org/nlp/ner models -R --dvc-only --rev ner@v1.0.0
      sycee list ../ner models --json

    \b
    Exit codes: 0 listed; 1 no such path or revision, or the list of a tracked folder is nowhere; 2 no such kind of
    address; 20 the repository or its remote cannot be reached.
    """
    shown = {name: options.pop(name) for name in ("tree", "as_json", "size", "show_hash")}
    deep, dvc_only = options.pop("recursive") or shown["tree"], options.pop("dvc_only")
    if shown["tree"] and shown["as_json"]:
        raise UsageError("--tree and --json exclude each other", hint="use -R --json for a program")
    request = ListRequest(asked(ctx, url, **options), path, deep, level, dvc_only)
    if shown["tree"]:
        found = everything(request, surroundings(ctx), progress=ctx.progress)
        names = list(_drawn(found, path or HERE))
    else:
        found = listing(request, surroundings(ctx), progress=ctx.progress)
        names = [one.path for one in found]
    if shown["as_json"]:
        ctx.json([asdict(one) for one in found])
    elif found:
        ctx.out("\n".join(_lines(found, names, size=shown["size"], show_hash=shown["show_hash"])))


def _lines(found: Sequence[Listed], names: Sequence[str], *, size: bool, show_hash: bool) -> Iterator[str]:
    """Yield names, behind columns that are as wide as what is in them."""
    sizes = [_human(one.size) for one in found]
    hashes = [one.md5 or _UNKNOWN for one in found]
    widths = [max(map(len, column)) for column in (sizes, hashes)]
    for name, its_size, its_hash in zip(names, sizes, hashes, strict=True):
        columns = [f"{its_size:>{widths[0]}}"] * size + [f"{its_hash:<{widths[1]}}"] * show_hash
        yield "  ".join([*columns, in_line(name)])


def _human(size: int | None) -> str:
    if size is None:
        return _UNKNOWN
    if size < _KILO:
        return str(size)
    value, unit = float(size), ""
    for unit in "kMGTPE":  # noqa: B007 - the last one reached is the one to show
        value /= _KILO
        if value < _KILO:
            break
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f}{unit}"


def _drawn(found: list[Listed], title: str) -> Iterator[str]:
    """Yield the lines of a tree; puts ``found`` into their order: names within folders."""
    found.sort(key=lambda one: one.path.split("/") if one.path else [])
    last_of = {one.path.rpartition("/")[0]: one.path for one in found if one.path}
    for one in found:
        if not one.path:
            yield title
            continue
        parts = one.path.split("/")
        ways = ["/".join(parts[: n + 1]) for n in range(len(parts))]
        *above, own = [last_of[way.rpartition("/")[0]] == way for way in ways]
        rails = "".join("    " if last else "│   " for last in above)
        yield f"{rails}{'└── ' if own else '├── '}{parts[-1]}"
