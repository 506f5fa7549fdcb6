"""Markdown around words of others: they are shown, and never become markup.

A card comes from whoever wrote it. In a page that a browser shows, its text may hold no HTML, link, image, heading or
table of its own, and no character that reorders what is read.
"""

import re
from collections.abc import Iterable, Sequence

MAX_CODE = 300  # characters of one value
MAX_ROWS = 200  # of one table

_MARKUP = re.compile(r"[\\`*_\[\]{}#|~$]")
_AT_START = re.compile(r"^([-+=]|\d+(?=[.)]))", re.MULTILINE)
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def text(words: str) -> str:
    """Return words of somebody else as plain paragraphs."""
    lines = (_visible(line.strip()) for line in words.splitlines())
    marked = _MARKUP.sub(r"\\\g<0>", "\n".join(lines))
    safe = "".join(_ENTITIES.get(char, char) for char in marked)
    return _AT_START.sub(_escaped_start, safe)


def _escaped_start(match: re.Match[str]) -> str:
    start = match[0]
    return f"&#{ord(start[0])};{start[1:]}"


def line(words: str) -> str:
    """Return words of somebody else as one line of plain text."""
    return " ".join(text(words).split())


def code(value: str) -> str:
    """Return a value as a code span, in which nothing is markup; also in a table."""
    shown = _visible(value.strip()).replace("`", "\\u0060").replace("|", "\\u007c")
    if len(shown) > MAX_CODE:
        shown = f"{shown[:MAX_CODE]}…"
    return f"`{shown}`" if shown else "(empty)"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; its cells are Markdown already."""
    every = list(rows)
    lines = [head, ["---"] * len(head), *every[:MAX_ROWS]]
    if len(every) > MAX_ROWS:
        lines.append([f"… and {len(every) - MAX_ROWS} more", *[""] * (len(head) - 1)])
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _visible(words: str) -> str:
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in words)
