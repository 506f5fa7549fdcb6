"""``.pre-commit-config.yaml``, the list of hooks of the pre-commit tool: sycee's entries in it, and nothing else."""

from collections.abc import Iterable
from typing import Any

from sycee.errors import Fault, FormatError
from sycee.formats import yamldialect

NAME = ".pre-commit-config.yaml"
_OURS = "sycee-"


def with_hooks(data: bytes, commands: Iterable[tuple[str, str]]) -> bytes:
    """Return the file with a local entry for each hook; comments and everything else stay.

    Args:
        data: The present file; empty if there is none.
        commands: Git's name of each hook, and the command line it runs.

    Returns:
        The new bytes; ``data`` itself if the entries are there already.

    Raises:
        FormatError: If the file is no list of repositories.
    """
    wanted = {"repo": "local", "hooks": [_hook(name, command) for name, command in commands]}
    document, repos = _read(data)
    if wanted in repos:
        return data
    kept = [repo for repo in repos if not _is_ours(repo)]
    _replace(repos, [*kept, wanted])
    return yamldialect.dump(document)


def without_hooks(data: bytes) -> bytes:
    """Return the file without sycee's entries; ``data`` itself if it has none.

    Raises:
        FormatError: If the file is no list of repositories.
    """
    document, repos = _read(data)
    kept = [repo for repo in repos if not _is_ours(repo)]
    if len(kept) == len(repos):
        return data
    _replace(repos, kept)
    return yamldialect.dump(document)


def _hook(name: str, command: str) -> dict[str, Any]:
    return {
        "id": f"{_OURS}{name}",
        "name": f"sycee {name}",
        "entry": command,
        "language": "system",
        "stages": [name],
        "always_run": True,
        "pass_filenames": False,
        "verbose": True,
    }


def _read(data: bytes) -> tuple[dict[str, Any], list[Any]]:
    try:
        document = yamldialect.load_editable(data.decode(), NAME) if data.strip() else {}
    except UnicodeDecodeError:
        raise _fault("$", "is not UTF-8") from None
    if not isinstance(document, dict):
        raise _fault("$", "must be a map")
    repos = document.setdefault("repos", [])
    if not isinstance(repos, list):
        raise _fault("$.repos", "must be a list")
    return document, repos


def _is_ours(repo: Any) -> bool:
    if not isinstance(repo, dict) or repo.get("repo") != "local":
        return False
    hooks = repo.get("hooks") or []
    return bool(hooks) and all(isinstance(one, dict) and str(one.get("id", "")).startswith(_OURS) for one in hooks)


def _replace(repos: list[Any], wanted: list[Any]) -> None:
    for at in reversed(range(len(repos))):
        if repos[at] not in wanted:
            del repos[at]  # one by one: the list remembers the comments of those that stay
    repos.extend(wanted[len(repos) :])


def _fault(path: str, message: str) -> FormatError:
    return FormatError(f"{NAME}: {path} {message}", faults=[Fault(path, message)], path=NAME)
