"""Text that a terminal shows and does not obey. File names and messages come from clones and from servers."""

import re

# What moves the cursor, hides, or reorders. The colours that sycee itself uses pass.
_OBEYED = re.compile(
    r"(?!\x1b\[(?:3[1236]|0)m)[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def printable(text: str) -> str:
    r"""Return a text with everything escaped that a terminal would obey, as ``\u001b``; line feeds and tabs stay.

    It keeps JSON what it is, since such characters stand only within strings there.
    """
    return _OBEYED.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
