"""Where sycee keeps what it must not forget."""

from collections.abc import Mapping
from pathlib import Path

from sycee.errors import UsageError

VARIABLE = "SYCEE_STATE"


def user_state(environ: Mapping[str, str]) -> Path:
    """Return the user's folder for it: ``$SYCEE_STATE``, ``$XDG_STATE_HOME/sycee``, ``~/.local/state/sycee``.

    Raises:
        UsageError: If ``SYCEE_STATE`` is a relative path: from another folder, all would be forgotten.
    """
    if chosen := environ.get(VARIABLE):
        if not Path(chosen).is_absolute():
            raise UsageError(f"{VARIABLE} is {chosen!r}, a relative path", hint="give the whole path of a folder")
        return Path(chosen)
    home = Path(environ.get("XDG_STATE_HOME") or "")
    if not home.is_absolute():  # as its specification demands
        home = Path(environ.get("HOME") or Path.home()) / ".local" / "state"
    return home / "sycee"
