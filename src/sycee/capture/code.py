"""The code that ran: commit, branch, changes, script and arguments."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sycee.core.secretscan import HIDDEN, secret_in
from sycee.system.git import Git

_SECRET = re.compile(r"(token|password|passwd|secret|api[-_]?key|access[-_]?key|credential)", re.IGNORECASE)
_URL_LOGIN = re.compile(r"(://)[^/@\s]+@")


def code_state(git: Git | None, argv: Sequence[str] = ()) -> dict[str, Any]:
    """Return the card's ``code``.

    Args:
        git: The work tree of the running script, or None outside of one.
        argv: The script and its arguments (:func:`running_script`).

    Raises:
        SyceeError: If git fails.
    """
    state: dict[str, Any] = {}
    if git is not None:
        found = {"repo": git.remote_url(), "commit": git.head(), "branch": git.branch()}
        state |= {key: value for key, value in found.items() if value is not None}
        state["dirty"] = git.dirty()
    script, *arguments = argv or [""]
    if entrypoint := _entrypoint(script, git.root if git else None):
        state |= {"entrypoint": entrypoint, "argv": public_arguments(arguments)}
    return state


def running_script() -> list[str]:
    """Return ``sys.argv`` of a script.

    Nothing for a prompt or a notebook, whose arguments belong to the kernel, nor for sycee's own command, which trained
    nothing.
    """
    main = sys.modules.get("__main__")
    file, spec = getattr(main, "__file__", None), getattr(main, "__spec__", None)
    if file is None or Path(file).stem == "sycee" or (spec is not None and spec.name == "sycee.__main__"):
        return []
    return list(sys.argv)


def _entrypoint(script: str, root: Path | None) -> str | None:
    """Return the script relative to the work tree, else its bare name; None for ``python -c`` and a prompt."""
    if script in {"", "-", "-c", "-m"}:
        return None
    path = Path(script).resolve()
    if root is not None and path.is_relative_to(root.resolve()):
        return path.relative_to(root.resolve()).as_posix()
    return path.name


def public_arguments(arguments: Sequence[str]) -> list[str]:
    """Return arguments with what looks like a secret replaced by ``***`` and the home folder by ``~``."""
    home = str(Path.home())
    shown: list[str] = []
    secret_follows = False
    for argument in arguments:
        option, equals, _value = argument.partition("=")
        is_secret_option = bool(_SECRET.search(option))
        if secret_follows and not argument.startswith("-"):
            shown.append(HIDDEN)
        elif is_secret_option and equals:
            shown.append(f"{option}={HIDDEN}")
        else:
            public = _URL_LOGIN.sub(rf"\1{HIDDEN}@", argument.replace(home, "~"))
            shown.append(HIDDEN if secret_in(public.encode("utf-8", "replace")) else public)
        secret_follows = is_secret_option and not equals and argument.startswith("-")
    return [text.encode("utf-8", "backslashreplace").decode() for text in shown]
