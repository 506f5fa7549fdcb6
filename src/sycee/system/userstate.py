"""Where sycee keeps what it must not forget."""

from collections.abc import Mapping
from pathlib import Path

from sycee.errors import UsageError

VARIABLE = "SYCEE_STATE"
REMEMBER = "SYCEE_REMEMBER"


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


def remembers(environ: Mapping[str, str]) -> bool:
    """Tell whether what is accepted is to be written down there: unless ``SYCEE_REMEMBER`` is 0.

    Raises:
        UsageError: If it is neither 0 nor 1.
    """
    chosen = environ.get(REMEMBER) or "1"
    if chosen not in {"0", "1"}:
        raise UsageError(f"{REMEMBER} is {chosen!r}", hint="0 to remember nothing, 1 (or nothing) to remember")
    return chosen == "1"
