"""Where the user's pip takes packages from. uv does not read pip's settings; whoever set them expects them to count."""

import os
import sys
from collections.abc import Iterator, Mapping
from configparser import Error, RawConfigParser
from pathlib import Path

_KEYS = ("index-url", "extra-index-url", "find-links", "no-index", "cert")
_SECTIONS = ("global", "install")  # the later wins


def pip_settings(environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return pip's options about indexes, in pip's own order: its files, then ``PIP_…`` in the environment.

    Args:
        environ: The environment.

    Returns:
        ``index-url``, ``extra-index-url``, ``find-links``, ``no-index`` and ``cert``, where set and not empty.
    """
    found: dict[str, str] = {}
    for path in _files(environ):
        found |= _options(path)
    found |= {key: value for key in _KEYS if (value := environ.get(f"PIP_{key.upper().replace('-', '_')}"))}
    return {key: " ".join(value.split()) for key, value in found.items() if value.strip()}


def _files(environ: Mapping[str, str]) -> Iterator[Path]:
    own = environ.get("PIP_CONFIG_FILE")
    if own == os.devnull:
        return  # pip's way to say: none of them
    home = Path(environ.get("HOME") or Path.home())
    yield from (Path(folder, "pip", "pip.conf") for folder in environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":"))
    yield Path("/etc/pip.conf")
    yield home / ".pip" / "pip.conf"
    yield Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip" / "pip.conf"
    yield Path(sys.prefix) / "pip.conf"
    if own:
        yield Path(own)


def _options(path: Path) -> Mapping[str, str]:
    """Return the options of one file; none of one that is not there, or that pip too could not read."""
    parser = RawConfigParser()
    try:
        parser.read_string(path.read_text("utf-8"))
    except (OSError, ValueError, Error):
        return {}
    sections = [dict(parser.items(name)) for name in _SECTIONS if parser.has_section(name)]
    return {key: section[key] for section in sections for key in _KEYS if key in section}
