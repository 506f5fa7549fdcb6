"""The lines that keep tracked artifacts out of Git: ``/`` and the escaped name, in the ``.gitignore`` beside them.

Bytes in, bytes out: whatever else is in the file, its line ends and encoding included, stays as it is.
"""

import re

from sycee.errors import FormatError

_SPECIAL = re.compile(r"([\\\[\]!*#?])")
_LINES = re.compile(rb"[^\n]*\n|[^\n]+")
_UNUSABLE = re.compile(r"[\x00-\x1f\x7f/]")


def entry(name: str) -> str:
    r"""Return the pattern that makes Git ignore exactly this name in this folder.

    The escaping is DVC's; a final space, which Git would drop, is escaped as well.

    Args:
        name: The name of a file or folder, without a path.

    Raises:
        FormatError: If no line can say it: an empty name, ``/``, a control character, or not valid Unicode.
    """
    if not name or _UNUSABLE.search(name):
        raise FormatError(f"{name!r} cannot be written into .gitignore", hint="rename the file")
    escaped = _SPECIAL.sub(r"\\\1", name)
    if escaped.endswith(" "):
        escaped = escaped[:-1] + "\\ "
    return "/" + escaped


def add(data: bytes, name: str) -> bytes:
    """Return the ignore file with an entry for ``name`` at its end; ``data`` itself if it has one.

    Args:
        data: The present bytes; empty for a file that does not exist yet.
        name: The name of a file or folder, without a path.

    Raises:
        FormatError: As :func:`entry`.
    """
    line = _encode(entry(name))
    if any(_pattern(present) == line for present in _LINES.findall(data)):
        return data
    newline = b"\r\n" if data.count(b"\r\n") and data.count(b"\r\n") == data.count(b"\n") else b"\n"
    separator = b"" if not data or data.endswith(b"\n") else newline
    return data + separator + line + newline


def remove(data: bytes, name: str) -> bytes | None:
    """Return the ignore file without the entries for ``name``, escaped or (as others write them) not.

    Args:
        data: The present bytes.
        name: The name of a file or folder, without a path.

    Returns:
        The new bytes; ``data`` itself if it has no such entry; None if nothing is left and the file should go.

    Raises:
        FormatError: As :func:`entry`.
    """
    forms = {_encode(entry(name))}
    if "\\" not in name:  # with a backslash it would be the escaped form of another name
        forms.add(_encode("/" + name))
    lines = _LINES.findall(data)
    kept = [line for line in lines if _pattern(line) not in forms]
    if len(kept) == len(lines):
        return data
    return b"".join(kept) or None


def _pattern(line: bytes) -> bytes:
    """Return what Git reads in a line: without its end, and without final spaces that are not escaped."""
    line = line.removesuffix(b"\n").removesuffix(b"\r")
    stripped = line.rstrip(b" ")
    escaped = stripped.endswith(b"\\") and len(stripped) < len(line)
    return stripped + b" " if escaped else stripped


def _encode(line: str) -> bytes:
    try:
        return line.encode()
    except UnicodeEncodeError:
        raise FormatError(f"{line!r} is not valid Unicode", hint="rename the file") from None
