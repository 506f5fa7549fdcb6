"""``sycee diff``."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from sycee.cli.context import Context, pass_context
from sycee.core.diff import Change, Entry, Kind
from sycee.ops.diff import Difference, DiffRequest, diff

_SHOWN = ("added", "deleted", "renamed", "modified", "not in cache")  # the order of groups in DVC's text
_KEYS = ("added", "deleted", "modified", "renamed", "not in cache")  # and in its JSON
_DIGITS = 8  # of a digest, for people

_Row = dict[str, Any]  # as in DVC's JSON: path and hash, each a text or {old, new}
_Groups = dict[str, list[_Row]]


class _ManyTargets(click.Command):
    """Lets ``--targets`` take all words up to the next option, as in DVC, which click does not know."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        words: list[str] = []
        taking = False
        for word in args:
            if word.startswith("-"):
                taking = word == "--targets"
            elif taking:
                words.append("--targets")
            if word != "--targets":
                words.append(word)
        return super().parse_args(ctx, words)


@click.command(cls=_ManyTargets)
@click.argument("old", metavar="[A_REV]", default="HEAD")
@click.argument("new", metavar="[B_REV]", required=False)
@click.option("--targets", multiple=True, metavar="PATH…", help="Only these; stands behind the revisions.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, as `dvc diff --json` does.")
@click.option("--show-hash", is_flag=True, help="Show digests too.")
@click.option("--md", "as_markdown", is_flag=True, help="Print a table in Markdown.")
@click.option("--hide-missing", is_flag=True, help="Do not list what the cache lacks.")
@pass_context
def command(ctx: Context, old: str, new: str | None, targets: tuple[str, ...], **show: bool) -> None:
    r"""Show what changed between two versions.

    A_REV is HEAD unless given, B_REV the work tree. What a tracked folder held is read from its directory object in
    the cache (sycee fetch --rev A_REV); without it the folder is compared as a whole. Reads only.

    \b
    Examples:
      sycee diff
      sycee diff v1.0 v1.1 --json
      sycee diff main --targets models/bert data/conll --md

    \b
    Exit codes: 0 told, whatever it is; 1 unknown revision or target, or unreadable pointer; 2 no Git.
    """
    with ctx.repository() as repo:
        request = DiffRequest(old, new, tuple(ctx.path(target) for target in targets))
        found = diff(repo, request, progress=ctx.progress)
    for message in found.unreadable:
        ctx.warn(f"{message}; left out")
    groups = _groups(found, show_hash=show["show_hash"])
    if new or show["hide_missing"]:
        groups.pop("not in cache", None)
    if show["as_json"]:
        ctx.json(groups)
    elif text := (_markdown if show["as_markdown"] else _text)(groups):
        ctx.out(text)


def _groups(found: Difference, *, show_hash: bool) -> _Groups:
    if not found.changes and not found.not_in_cache:
        return {}
    groups: _Groups = {key: [] for key in _KEYS}
    for change in found.changes:
        groups[change.kind].append(_row(change))
    groups["not in cache"] = [_plain(entry) for entry in found.not_in_cache]
    for rows in groups.values():
        rows.sort(key=lambda row: row["path"]["old"] if isinstance(row["path"], dict) else row["path"])
        for row in rows:
            if not show_hash:
                del row["hash"]
    return groups


def _row(change: Change) -> _Row:
    if change.old is None or change.new is None:
        return _plain(change.entry)
    if change.kind is Kind.RENAMED:
        return {"path": {"old": change.old.shown, "new": change.new.shown}, "hash": change.old.content.oid}
    return {"path": change.old.shown, "hash": {"old": change.old.content.oid, "new": change.new.content.oid}}


def _plain(entry: Entry) -> _Row:
    return {"path": entry.shown, "hash": entry.content.oid}


def _text(groups: _Groups) -> str:
    lines: list[str] = []
    for key in _present(groups):
        lines.append(f"{key.capitalize()}:")
        lines += [f"    {f'{_digest(row)}  ' if 'hash' in row else ''}{_path(row)}" for row in groups[key]]
        lines.append("")
    counts = {key: sum(not _path(row).endswith("/") for row in groups[key]) for key in _present(groups)}
    if summary := ", ".join(f"{count} {key}" for key, count in counts.items() if count):
        lines.append(f"files summary: {summary}")
    return "\n".join(lines)


def _markdown(groups: _Groups) -> str:
    rows = [[key, _digest(row), _path(row)] for key in _present(groups) for row in groups[key]]
    head = ["Status", "Hash", "Path"]
    if not any("hash" in row for group in groups.values() for row in group):
        head, rows = [head[0], head[2]], [[row[0], row[2]] for row in rows]
    return "\n".join(_table(head, rows)) if rows else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    body = [[cell.replace("|", "\\|") for cell in row] for row in (head, *rows)]
    widths = [max(len(row[column]) for row in body) for column in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in body
    ]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:], ""]


def _present(groups: _Groups) -> list[str]:
    return [key for key in _SHOWN if groups.get(key)]


def _path(row: Mapping[str, Any]) -> str:
    path = row["path"]
    return " -> ".join(path.values()) if isinstance(path, dict) else str(path)


def _digest(row: Mapping[str, Any]) -> str:
    digest = row.get("hash", "")
    return "..".join(one[:_DIGITS] for one in (digest.values() if isinstance(digest, dict) else [digest]))
