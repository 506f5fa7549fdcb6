"""Where sycee keeps what it can make again at any time."""

from collections.abc import Mapping
from pathlib import Path


def user_cache(environ: Mapping[str, str]) -> Path:
    """Return the user's folder for it: ``$XDG_CACHE_HOME/sycee``, ``~/.cache/sycee``."""
    home = environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME") or Path.home()) / ".cache"
    return Path(home) / "sycee"
