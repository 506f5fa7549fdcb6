"""``sycee check``."""

from collections.abc import Iterator
from shlex import quote
from typing import Any

import click

from sycee.cli.context import Context, pass_context
from sycee.cli.remotes import Remotes
from sycee.cli.revisions import revision_options, tracked
from sycee.cli.words import byte_count, table
from sycee.core.subset import WHOLE, Subset, parse
from sycee.errors import UsageError
from sycee.ops.check import CheckRequest, Fault, Report, Row, by_remote, check_cache, check_remote
from sycee.ops.importing import is_import
from sycee.workspace.repository import Repository
from sycee.workspace.tracked import Tracked

_COMMITS = 3  # named in text; JSON has all
_DIGITS = 10  # of a commit


def _subset(_ctx: click.Context, _option: click.Parameter, value: str | None) -> Subset | None:
    return parse(value) if value is not None else None


@click.command()
@click.argument("targets", nargs=-1, metavar="[TARGET…]")
@click.option("--remote", "on_remote", is_flag=True, help="Check the remote instead of the cache.")
@click.option("-r", "remote_name", metavar="NAME", help="Which remote; implies --remote.")
@click.option("--repair", is_flag=True, help="Put good copies in the place of what is missing or damaged.")
@click.option("--quick", is_flag=True, help="Presence and size only; read nothing but directory objects.")
@click.option("--subset", metavar="N/T", callback=_subset, help="The N-th of T parts of all files.")
@click.option("-j", "--jobs", type=click.IntRange(min=1), metavar="N", help="How many objects are asked for at once.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@revision_options
@pass_context
def command(ctx: Context, targets: tuple[str, ...], **options: Any) -> None:
    r"""Prove that every object is there and is what its pointer says.

    Of the work tree's pointers and of the revisions named. Each object of the cache, or of the remote, is read and
    hashed again: size, md5, and sha256 and blake3 where the pointer or the folder's sums have them; directory objects
    with all their files. Nothing that was remembered of earlier runs is believed. --quick looks for presence and for
    the sizes that are known, and reads only directory objects. Without --repair nothing is written.

    --repair takes good copies, each hashed first, from the cache, the work tree and all remotes. The damaged bytes go
    to quarantine before they are replaced, in the cache and on the remote below sycee/quarantine; none are deleted.

    \b
    Examples:
      sycee check
      sycee check --remote --all-tags --quick
      sycee check -r backup models/bert --repair
      sycee check --remote --all-commits --subset 1/7

    \b
    Exit codes: 0 all is well, or was repaired; 1 an object is missing; 11 one is damaged; 20 a remote failed. The
    gravest counts.
    """
    revisions = {name: options.pop(name) for name in ("all_branches", "all_tags", "all_commits", "revs")}
    with ctx.repository() as repo:
        _require_no_name(ctx, repo, targets, on_remote=options["on_remote"])
        reports = list(_reports(ctx, repo, tracked(ctx, repo, targets, **revisions), **options))
    if options["as_json"]:
        ctx.json({"ok": not any(report.left for report in reports), "stores": [_as_json(one) for one in reports]})
    else:
        for report in reports:
            _show(ctx, report, options["subset"])
    click.get_current_context().exit(max((report.exit_code for report in reports), default=0))


def _require_no_name(ctx: Context, repo: Repository, targets: tuple[str, ...], *, on_remote: bool) -> None:
    """Catch ``--remote NAME``, which is right with push, fetch and pull."""
    for target in targets:
        if on_remote and target.lower() in repo.config.remotes() and not ctx.path(target).exists():
            raise UsageError(f"--remote takes no name, and {target} is one", hint=f"sycee check -r {target}")


def _reports(ctx: Context, repo: Repository, found: list[Tracked], **options: Any) -> Iterator[Report]:
    name = options["remote_name"]
    remotes = Remotes(ctx, repo, name)
    others = remotes.usable if options["repair"] else None
    request = CheckRequest(options["quick"], options["subset"] or WHOLE, options["jobs"], others)
    if not (options["on_remote"] or name):
        yield check_cache(repo, found, request, progress=ctx.progress)
        return
    groups = by_remote(found, lambda bound: remotes.open(bound or name))
    for store, group in groups or [(remotes.open(name), found)]:
        yield check_remote(repo, group, store, request, progress=ctx.progress)


def _show(ctx: Context, report: Report, subset: Subset | None) -> None:
    title = "cache" if report.is_cache else f"remote {report.store!r}"
    if report.rows:
        ctx.out(table(["", "objects", "size", title], [_row(*one) for one in sorted(report.rows.items())]))
    for fault in report.faults:
        for line in _lines(fault):
            ctx.out(line)
    for note in report.notes:
        ctx.say(f"note: {note}")
    ctx.out(_summary(report, title, subset))
    if report.left:
        ctx.say(f"hint: {_hint(report)}")


def _row(relpath: str, row: Row) -> list[str]:
    states = ", ".join(f"{count} {state}" for state, count in sorted(row.faults.items()))
    return [relpath, str(row.objects), byte_count(row.size), states or "whole"]


def _lines(fault: Fault) -> Iterator[str]:
    finding = fault.finding
    yield f"{finding.state}  {fault.label}  ({fault.key})"
    if finding.state != "missing":
        yield f"    expected {finding.expected}, found {finding.found}"
    yield f"    needed by {'; '.join(_in_words(*one) for one in _dependents(fault))}"
    if fault.mended_from:
        yield f"    repaired from {fault.mended_from}"
    elif fault.failure:
        yield f"    not repaired: {fault.failure}"


def _dependents(fault: Fault) -> Iterator[tuple[str, bool, list[str]]]:
    """Yield each path that needs an object, whether the work tree's version does, and the commits that do."""
    for relpath in dict.fromkeys(user.relpath for user in fault.users):
        states = [user.commits for user in fault.users if user.relpath == relpath]
        yield relpath, () in states, list(dict.fromkeys(commit for commits in states for commit in commits))


def _in_words(relpath: str, is_here: bool, commits: list[str]) -> str:
    places = ["the work tree"] if is_here else []
    places += [commit[:_DIGITS] for commit in commits[:_COMMITS]]
    more = f" and {len(commits) - _COMMITS} more commits" if len(commits) > _COMMITS else ""
    return f"{relpath} in {', '.join(places)}{more}"


def _summary(report: Report, title: str, subset: Subset | None) -> str:
    if report.total == 0:
        return f"{title}: nothing to check"
    part = f"{report.checked} of {report.total} objects (part {subset})" if subset else f"{report.checked} objects"
    counted: dict[str, int] = {}
    for fault in report.left:
        counted[fault.finding.state] = counted.get(fault.finding.state, 0) + 1
    states = [f"{count} {state}" for state, count in counted.items()]
    if mended := len(report.faults) - len(report.left):
        states.append(f"{mended} repaired")
    read = f"{byte_count(report.hashed)} hashed"
    return f"{title}: {part}, {read}: {', '.join(states) or 'all whole'}"


def _hint(report: Report) -> str:
    where = "" if report.is_cache else f" -r {report.store}"
    failed = [fault for fault in report.left if fault.failure]
    imported = dict.fromkeys(user.relpath for fault in failed for user in fault.users if is_import(user))
    if imported and all(is_import(user) for fault in failed for user in fault.users):
        return f"bring it from where it was imported: sycee pull {' '.join(map(quote, imported))}"
    if failed:
        return f"repair it where a good copy is: sycee check{where} --repair in the clone of whoever made this version"
    return f"repair it: sycee check{where} --repair"


def _as_json(report: Report) -> dict[str, object]:
    return {
        "store": "cache" if report.is_cache else report.store,
        "checked": report.checked,
        "total": report.total,
        "hashed": report.hashed,
        "artifacts": {
            relpath: {"objects": row.objects, "size": row.size, **row.faults}
            for relpath, row in sorted(report.rows.items())
        },
        "faults": [_fault_as_json(fault) for fault in report.faults],
        "notes": report.notes,
    }


def _fault_as_json(fault: Fault) -> dict[str, object]:
    finding = fault.finding
    users = [{"path": path, "work_tree": here, "commits": commits} for path, here, commits in _dependents(fault)]
    return {
        "path": fault.label,
        "key": fault.key,
        "state": finding.state,
        "expected": finding.expected,
        "found": finding.found,
        "needed_by": users,
        "repaired_from": fault.mended_from,
        "not_repaired": fault.failure,
    }
