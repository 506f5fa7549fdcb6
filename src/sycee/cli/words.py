"""How verbs speak: the sentences they share, word for word those that scripts know from DVC, and nothing hidden."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from shlex import quote
from typing import Any

import click

from sycee.core.printable import printable

_NAMES = {"M": "modified", "A": "added", "D": "deleted"}  # the order of DVC


class NobodyReads(Exception):
    """The other end of the output is closed."""


def echo(text: str, *, err: bool = False) -> None:
    """Print a line, with everything escaped that a terminal would obey.

    Raises:
        NobodyReads: If the other end is closed; the system's own error click would answer itself, with exit code 1.
    """
    try:
        click.echo(printable(text), err=err)
    except BrokenPipeError as error:
        raise NobodyReads from error


def echo_bytes(data: bytes) -> None:
    """Print the bytes of a file to stdout, exactly; on a terminal as a text that it shows and does not obey.

    Raises:
        NobodyReads: As :func:`echo`.
    """
    if sys.stdout.isatty():
        echo(data.decode(errors="replace").rstrip("\n"))
        return
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError as error:
        raise NobodyReads from error


def echo_json(value: Any) -> None:
    """Print a value to stdout as JSON."""
    echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def files(count: int) -> str:
    """Return ``1 file`` or ``N files``."""
    return "1 file" if count == 1 else f"{count} files"


def objects(count: int) -> str:
    """Return ``1 object`` or ``N objects``."""
    return "1 object" if count == 1 else f"{count} objects"


def byte_count(count: int) -> str:
    """Return a number of bytes for a person: ``999 B``, ``1.5 kB``, ``4.3 GB``; a kB has 1000 bytes."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if amount < 999.5 or unit == "TB":
            break
        amount /= 1000
    return f"{amount:.0f} {unit}" if unit == "B" or amount >= 99.5 else f"{amount:.1f} {unit}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return rows below a head in columns as wide as what is in them, for a person."""
    cells = [list(head), *map(list, rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)
    return "\n".join(line.rstrip() for line in lines)


def to_track(names: Iterable[str]) -> str:
    """Return what to do with files that Git has to know of, in DVC's words."""
    return f"To track the changes with git, run:\n\n\tgit add {' '.join(map(quote, sorted(set(names))))}\n"


def changes(done: Sequence[tuple[str, str]]) -> list[str]:
    """Return one line for each changed path: its mark in a column of 8; by marks, folders first."""

    def order(one: tuple[str, str]) -> tuple[int, bool, str]:
        mark, path = one
        return "MAD".index(mark), not path.endswith("/"), path

    return [f"{mark:<8}{path}" for mark, path in sorted(done, key=order)]


def pulled(fetched: int, done: Mapping[Any, int]) -> str:
    """Return what a pull did: ``2 files fetched and 1 file added``, or that there was nothing to do.

    Args:
        fetched: How many objects it fetched.
        done: How many files it added, modified and deleted, by their marks.
    """
    fetched_too = [f"{files(fetched)} fetched"] if fetched else []
    return _joined([*fetched_too, *_changed(done)]) or "Everything is up to date."


def changed(done: Mapping[Any, int]) -> str:
    """Return how many files changed: ``1 file modified and 2 files added``; empty if none did."""
    return _joined(_changed(done))


def _changed(done: Mapping[Any, int]) -> list[str]:
    return [f"{files(done[mark])} {name}" for mark, name in _NAMES.items() if done.get(mark)]


def _joined(parts: list[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
