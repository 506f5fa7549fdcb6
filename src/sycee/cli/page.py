"""A page of headings, lists and tables, as text for a terminal or as Markdown for a pull request.

What comes out of a repository is a :class:`Quoted`: it never becomes markup. In Markdown it stands in a code span, in
which renderers look for nothing: no links, images, HTML, mentions or references; the three characters that could end
the span or a cell are escaped as in ``core/printable``.
"""

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sycee.core.printable import in_line

MAX_QUOTED = 160  # characters of one value
MAX_ROWS = 60  # of one table or list
MAX_MARKDOWN = 60_000  # characters; GitHub takes 65,536 in a comment


@dataclass(frozen=True, slots=True)
class Quoted:
    """A text that somebody else wrote."""

    text: str


Words = Sequence[str | Quoted]  # a line: our own words and quoted ones


@dataclass(frozen=True, slots=True)
class Heading:
    """A title; level 1 is that of the page."""

    level: int
    words: Words


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A line by itself."""

    words: Words


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list."""

    items: Sequence[Words]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells below a head."""

    head: Sequence[str]
    rows: Sequence[Sequence[str | Quoted]]


Block = Heading | Paragraph | Bullets | Table


def as_markdown(blocks: Iterable[Block]) -> str:
    """Return a page in GitHub's Markdown, shortened to what a comment can hold."""
    text = ""
    for block in blocks:
        part = _markdown(block) + "\n\n"
        if len(text) + len(part) > MAX_MARKDOWN:
            return text + "… and more, too long for this page: see `sycee review` or its `--json`."
        text += part
    return text.rstrip("\n")


def as_text(blocks: Iterable[Block]) -> str:
    """Return a page for a terminal."""
    return "\n".join(_text(block) for block in blocks).strip("\n")


def _markdown(block: Block) -> str:
    match block:
        case Heading(level, words):
            return f"{'#' * (level + 1)} {_line(words, _code)}"
        case Paragraph(words):
            return _line(words, _code)
        case Bullets(items):
            return "\n".join(f"- {_line(words, _code)}" for words in _some(items, _more))
        case Table(head, rows):
            lines = [head, ["---"] * len(head), *_some(rows, _more)]
            return "\n".join(f"| {' | '.join(_line([cell], _code) for cell in line)} |" for line in lines)


def _text(block: Block) -> str:
    match block:
        case Heading(level, words):
            title = _line(words, _plain)
            return f"\n{title}\n" if level > 1 else f"{title}\n"
        case Paragraph(words):
            return _line(words, _plain)
        case Bullets(items):
            return "\n".join(f"  - {_line(words, _plain)}" for words in _some(items, _more))
        case Table(head, rows):
            return _columns([head, *([_line([cell], _plain) for cell in row] for row in _some(rows, _more))])


def _columns(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(_width(line[at]) for line in lines if at < len(line)) for at in range(len(lines[0]))]
    padded = (
        "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=False))
        for line in lines
    )
    return "\n".join(f"  {line}".rstrip() for line in padded) + "\n"


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _more(count: int) -> Words:
    return [f"… and {count} more"]


def _some(rows: Sequence[Words], more: Callable[[int], Words]) -> list[Words]:
    return [*rows[:MAX_ROWS], *([more(len(rows) - MAX_ROWS)] if len(rows) > MAX_ROWS else [])]


def _line(words: Words, quote: Callable[[str], str]) -> str:
    return "".join(word if isinstance(word, str) else quote(word.text) for word in words)


def _plain(text: str) -> str:
    shown = in_line(text)
    return shown if len(shown) <= MAX_QUOTED else f"{shown[:MAX_QUOTED]}…"


def _code(text: str) -> str:
    for char in "`|":
        text = text.replace(char, f"\\u{ord(char):04x}")
    shown = _plain(text).strip(" ")
    return f"`{shown}`" if shown else "(empty)"
