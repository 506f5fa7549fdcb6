"""Text that a terminal shows and does not obey. File names and messages come from clones and from servers."""

import re

# What moves the cursor, hides, or reorders. The marks that sycee itself colours are matched first, and pass.
_OBEYED = (
    r"\x1b\[3[1236]m(?:error:|warning:|hint:|[✓✗!])\x1b\[0m"
    r"|([\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff])"
)
_OUTDENTED = r"\n(?!  )"


def printable(text: str) -> str:
    r"""Return a text with everything escaped that a terminal would obey, as ``\u001b``; line feeds and tabs stay.

    It keeps JSON what it is, since such characters stand only within strings there.
    """
    if text.isprintable():  # most lines are, and to compile a pattern takes a thirtieth of the time of a no-op
        return text
    return re.sub(_OBEYED, lambda match: _escaped(match[1]) if match[1] else match[0], text)


def in_line(name: str) -> str:
    """Return a name as it stands in a line among other names: its line feeds and tabs are escaped too."""
    return printable(name.translate(_BREAKS))


def below(text: str) -> str:
    """Return a message of which no line after the first can be taken for another message: they are indented."""
    return re.sub(_OUTDENTED, "\n  ", text)


def _escaped(char: str) -> str:
    return f"\\u{ord(char):04x}"


_BREAKS = {ord(char): _escaped(char) for char in "\t\n\x1b"}
