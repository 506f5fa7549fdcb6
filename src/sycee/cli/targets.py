"""How targets are typed: as paths, with ``--glob`` as patterns, with ``--with-deps`` and what they are made from."""

from collections.abc import Callable, Iterable, Sequence
from glob import has_magic, iglob
from pathlib import Path
from typing import Any, TypeVar

import click

from sycee.cli.context import Context
from sycee.errors import NotFound
from sycee.workspace.repository import Repository
from sycee.workspace.tracked import SUFFIX, Tracked, select
from sycee.workspace.upstream import upstream

_Command = TypeVar("_Command", bound=Callable[..., Any])

_with_deps = click.option(
    "-d", "--with-deps", is_flag=True, help="Also what the TARGETs, if they are outputs of pipelines, were made from."
)
_recursive = click.option(
    "-R", "--recursive", is_flag=True, expose_value=False, help="As without: a folder means all that is tracked in it."
)
glob = click.option(
    "--glob", "as_patterns", is_flag=True, help="TARGETs are patterns: *, ?, [a-z], and ** for folders."
)


def target_options(command: _Command) -> _Command:
    """Give a verb ``--with-deps`` and ``--recursive``; it takes the first and hands it to :func:`chosen`."""
    return _with_deps(_recursive(command))


def run_cache(command: _Command) -> _Command:
    """Give a verb ``--run-cache``, which only says who keeps the run cache."""

    def tell(ctx: click.Context, _option: click.Parameter, value: bool | None) -> None:
        if value:
            ctx.obj.warn(f"sycee keeps no run cache: dvc {ctx.info_name} --run-cache")

    words = "Say who keeps the history of pipeline runs: dvc."
    names = "--run-cache/--no-run-cache"
    return click.option(names, default=None, expose_value=False, callback=tell, help=words)(command)


def found_for(ctx: Context, repo: Repository, targets: Sequence[str], *, with_deps: bool) -> list[Tracked]:
    """Return what the work tree tracks, as far as it has to be known for the targets.

    Raises:
        FormatError: If a pointer that is read is unreadable.
    """
    return repo.tracked() if with_deps else repo.tracked_among([ctx.path(target) for target in targets])


def chosen(
    ctx: Context, repo: Repository, targets: Sequence[str], found: Sequence[Tracked], *, with_deps: bool
) -> list[Tracked]:
    """Return what the targets name, of all that is found; everything if there are none.

    Raises:
        NotFound: If a target names nothing.
    """
    paths = named(ctx, repo, targets, found, with_deps=with_deps)
    return select(found, paths, repo.root, parts=True) if paths else list(found)


def chosen_here(ctx: Context, repo: Repository, targets: Sequence[str], *, with_deps: bool) -> list[Tracked]:
    """Return what the targets name, of all that the work tree tracks; everything if there are none.

    Raises:
        NotFound: If a target names nothing.
        FormatError: If a pointer that is read is unreadable.
    """
    return chosen(ctx, repo, targets, found_for(ctx, repo, targets, with_deps=with_deps), with_deps=with_deps)


def named(
    ctx: Context, repo: Repository, targets: Sequence[str], found: Sequence[Tracked], *, with_deps: bool
) -> list[Path]:
    """Return targets as absolute paths, and those of what they were made from if that is wanted.

    Raises:
        NotFound: If a target names nothing; looked at only where what it was made from is wanted.
    """
    paths = [ctx.path(target) for target in targets]
    if not with_deps or not paths:
        return paths
    behind = upstream(repo.root, found, select(found, paths, repo.root, parts=True))
    return [*paths, *(one.path for one in behind)]


def expanded(ctx: Context, patterns: Sequence[str]) -> list[str]:
    """Return what patterns match below the working folder; pointers and hidden files are left out.

    Raises:
        NotFound: If they match nothing.
    """
    found: list[str] = []
    for pattern in patterns:
        matches = iglob(pattern, root_dir=ctx.cwd, recursive=True) if has_magic(pattern) else [pattern]
        found += sorted(name for name in matches if not name.endswith(SUFFIX))
    if not found:
        raise NotFound(f"nothing matches {' or '.join(patterns)}", hint="quote the pattern, and look where you are: ls")
    return list(dict.fromkeys(found))


def meant_for(tracked: Iterable[Tracked], remote_name: str | None) -> list[Tracked]:
    """Leave out what has a remote of its own, if another one is asked for; as DVC."""
    return [one for one in tracked if remote_name is None or one.out.remote in {None, remote_name}]
