"""``sycee data``."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import click

from sycee.cli.context import Context, pass_context
from sycee.core.diff import Change, Entry, Kind
from sycee.core.printable import in_line
from sycee.ops.data import Changes, DataRequest, DataStatus, data_status, not_in_remote, untracked
from sycee.workspace.repository import Repository

_LABELS = {
    "not_in_cache": ("Not in cache", ['use "sycee fetch <file>..." to download files']),
    "not_in_remote": ("Not in remote", ['use "sycee push <file>..." to upload files']),
    "committed": ("DVC committed changes", ["git commit the corresponding dvc files to update the repo"]),
    "uncommitted": (
        "DVC uncommitted changes",
        ['use "sycee commit <file>..." to track changes', 'use "sycee checkout <file>..." to discard changes'],
    ),
    "untracked": (
        "Untracked files",
        ['use "git add <file> ..." or "sycee add <file>..." to commit to git or to sycee'],
    ),
    "unchanged": ("DVC unchanged files", []),
}


@click.group()
def command() -> None:
    r"""Show what differs between the last commit, the pointers and the files.

    \b
    Examples:
      sycee data status
      sycee data status --granular --json

    \b
    Exit codes: 0 told, whatever it is; 1 unreadable pointer, or unknown target; 20 the remote failed.
    """


@command.command("status")
@click.argument("targets", nargs=-1, metavar="[TARGET…]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, as `dvc data status --json` does.")
@click.option("--granular", is_flag=True, help="List the files of tracked folders.")
@click.option("--unchanged", is_flag=True, help="List what is the same everywhere too.")
@click.option(
    "--untracked-files",
    type=click.Choice(["no", "all"]),
    is_flag=False,
    flag_value="all",
    default="no",
    help="List the files that neither Git nor a pointer knows too; all if no word follows.",
)
@click.option("--not-in-remote", "in_remote", is_flag=True, help="Ask a remote what it lacks.")
@click.option("-r", "--remote", "remote_name", metavar="NAME", help="Which remote, instead of the default one.")
@click.option("--no-remote-refresh", is_flag=True, expose_value=False, help="For DVC's sake; sycee always asks.")
@pass_context
def status_command(
    ctx: Context, targets: tuple[str, ...], remote_name: str | None, untracked_files: str, **show: bool
) -> None:
    """Compare the last commit with the pointers, and the pointers with the files.

    What changed between the first two is committed (to the pointers: git commit is next), between the last two
    uncommitted (sycee commit is next). Reads only.
    """
    request = DataRequest(tuple(ctx.path(target) for target in targets), show["granular"])
    with ctx.repository() as repo:
        found = data_status(repo, request, progress=ctx.progress)
        lacking = (
            not_in_remote(repo, request, lambda name: ctx.remote(repo, name or remote_name))
            if show["in_remote"]
            else []
        )
        unknown = untracked(repo, request.targets) if untracked_files == "all" else []
        told = _told(found, lacking, [ctx.shown(path) for path in unknown], unchanged=show["unchanged"])
        if show["as_json"]:
            ctx.json(told)
        else:
            ctx.out("\n".join([*_text(told), *_about_git(repo, told, has_untracked=bool(unknown))]))
    for message in found.unreadable:
        ctx.warn(f"{message}; left out")


def _told(found: DataStatus, lacking: Iterable[Entry], unknown: Sequence[str], *, unchanged: bool) -> dict[str, Any]:
    """Return what is not empty, under DVC's keys."""
    parts: dict[str, Any] = {
        "not_in_cache": [entry.shown for entry in found.not_in_cache],
        "not_in_remote": [entry.shown for entry in lacking],
        "committed": _changes(found.committed),
        "uncommitted": _changes(found.uncommitted),
        "untracked": unknown,
        "unchanged": [entry.shown for entry in found.unchanged] if unchanged else [],
    }
    return {key: value for key, value in parts.items() if value}


def _changes(changes: Changes) -> dict[str, list[Any]]:
    return {kind.value: [_change(change) for change in group] for kind, group in changes.items()}


def _change(change: Change) -> str | dict[str, str]:
    if change.kind is Kind.RENAMED and change.old and change.new:
        return {"old": change.old.shown, "new": change.new.shown}
    return change.entry.shown


def _text(told: Mapping[str, Any]) -> Iterator[str]:
    for number, (key, value) in enumerate(told.items()):
        label, hints = _LABELS[key]
        yield from [""] * bool(number)
        yield f"{label}:"
        yield from (f"  ({hint})" for hint in hints)
        yield from (f"        {item}" for item in _items(value))


def _items(value: Sequence[str] | Mapping[str, Sequence[Any]]) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield from map(in_line, value)
        return
    for state, changes in value.items():
        for one in changes:
            yield f"{state}: {' -> '.join(map(in_line, one.values() if isinstance(one, dict) else [one]))}"


def _about_git(repo: Repository, told: Mapping[str, Any], *, has_untracked: bool) -> Iterator[str]:
    git = repo.git
    is_empty = git is not None and git.head() is None
    if not told:
        yield "No changes in an empty git repo." if is_empty else "No changes."
    if has_untracked or (git and git.dirty()):
        yield f'(there are {"other " if told else ""}changes not tracked by dvc, use "git status" to see)'
