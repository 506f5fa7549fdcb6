"""Other programs on this machine, asked only for their version."""

import re
import shutil
import subprocess

_PATIENCE = 20  # seconds; a cold dvc takes several
_VERSION = re.compile(r"\d+(\.\d+)+\w*")


def version_of(program: str, argument: str = "--version") -> str | None:
    """Return the version a program prints, or None if it is not on the PATH or does not say.

    Args:
        program: Its name.
        argument: What makes it print its version.
    """
    path = shutil.which(program)
    if path is None:
        return None
    try:
        done = subprocess.run(
            [path, argument], capture_output=True, text=True, check=False, timeout=_PATIENCE, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = _VERSION.search(done.stdout)
    return found[0] if found else None
