"""Whose a file is."""

import os
from pathlib import Path

ROOT = 0


def is_anothers(path: Path) -> bool:
    """Tell whether a file, or the link that leads to it, belongs to another user. What is root's is nobody's trap."""
    if not hasattr(os, "geteuid"):  # on Windows files have no such owner
        return False
    try:
        owners = {path.lstat().st_uid, path.stat().st_uid}
    except OSError:
        return False  # there is none
    return not owners <= {os.geteuid(), ROOT}
