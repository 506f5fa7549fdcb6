"""Whom a command trusts: a trust file or a key that was named, else the trust file of this user or this machine.

Never one out of the repository that is judged by it: who may write to the repository could write himself into it.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from sycee.errors import NotFound, UsageError
from sycee.formats.trust import FILE_NAME
from sycee.system.git import toplevel
from sycee.workspace.repository import DVC_DIR

VARIABLE = "SYCEE_TRUST"
SYSTEM_FILE = Path("/etc/sycee") / FILE_NAME


def user_file(environ: Mapping[str, str]) -> Path:
    """Return where this user's trust file lies, or would lie."""
    home = Path(environ.get("HOME") or Path.home())
    return Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "sycee" / FILE_NAME


def find_trust_file(environ: Mapping[str, str], given: Path | None = None) -> Path | None:
    """Return the trust file that counts: the one given, or of the environment, of the user, of the system.

    Args:
        environ: The process environment.
        given: The file that was named.

    Returns:
        The first of them; None if none of the last two is there.

    Raises:
        NotFound: If the one that was named is not there; nothing else is tried then.
        UsageError: If the environment names none, with an empty value.
    """
    named = given or _of_environment(environ)
    if named is not None:
        if not named.is_file():
            raise NotFound(f"there is no trust file {named}", hint="sycee trust init writes one", path=str(named))
        return named
    return next((file for file in (user_file(environ), SYSTEM_FILE) if file.is_file()), None)


def _of_environment(environ: Mapping[str, str]) -> Path | None:
    named = environ.get(VARIABLE)
    if named == "":
        raise UsageError(f"{VARIABLE} is set and empty", hint="name the trust file, or unset it")
    return Path(named).absolute() if named else None


def require_outside(trust_file: Path, model: Path) -> None:
    """Refuse a trust file that whoever can write to the model's repository could have written.

    Args:
        trust_file: The file; where links lead decides.
        model: The model's folder.

    Raises:
        UsageError: If it lies in the model's folder, Git work tree or repository.
    """
    file, folder = (Path(os.path.realpath(path)) for path in (trust_file, model))
    for around in (folder, toplevel(folder), _repository(folder)):
        if around is not None and around in file.parents:
            raise UsageError(
                f"{trust_file} lies in {around}, with the model that it judges: who can write there could write "
                "himself into it",
                hint=f"copy it out, for example to ~/.config/sycee/{FILE_NAME}, and ask its owner whether it is right",
                path=str(trust_file),
            )


def _repository(folder: Path) -> Path | None:
    return next((one for one in (folder, *folder.parents) if (one / DVC_DIR).is_dir()), None)
