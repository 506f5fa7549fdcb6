"""``sycee install``: tell Git to call sycee. Everything stays in this clone's own Git folder.

What other tools or people put there is never overwritten: all of it is looked at before the first write. What
``dvc install`` made is replaced, since sycee does the same work, and kept to be put back by :func:`uninstall`.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from sycee.errors import Conflict, UsageError
from sycee.formats import precommit
from sycee.system.atomic import default_mode, sweep, write_file
from sycee.system.git import Git
from sycee.workspace.gitside import unlink
from sycee.workspace.repository import Repository

HOOKS = ("post-checkout", "pre-commit", "pre-push")
ATTRIBUTES = b"*.dvc merge=dvc diff=sycee"  # the driver's name is DVC's, so that one committed line serves both tools
_MARK = "# made by sycee install in"
_DVCS_DRIVER = "dvc git-hook merge-driver "
_DVCS_HOOK = re.compile(rb"#![ ]*/[^\n]*\nexec dvc git-hook ([a-z-]+) \$@\n?")
KEPT = ".by-dvc"  # behind the name of a hook that ours replaced, so that Git does not run it
_KEPT_SETTING = "-by-dvc"

DRIVERS = {
    "merge.dvc.name": "merge driver of sycee for pointers",
    "merge.dvc.driver": "sycee git-hook merge-driver --ancestor %O --our %A --their %B --path %P",
    # Git gives up on a whole diff when a driver fails, so the plain text is what remains in every case.
    "diff.sycee.textconv": 'f() { sycee git-hook diff -- "$1" 2>/dev/null || cat -- "$1"; }; f',
}


@dataclass(frozen=True, slots=True)
class InstallRequest:
    """What to set up.

    Attributes:
        use_pre_commit_tool: Whether the hooks go into ``.pre-commit-config.yaml`` instead of Git's folder.
        push: Whether the pre-push hook stores missing objects, instead of refusing to go on without them.
    """

    use_pre_commit_tool: bool = False
    push: bool = False


def install(repo: Repository, request: InstallRequest) -> list[Path]:
    """Set up hooks, merge driver and diff driver.

    Args:
        repo: The repository.
        request: What to set up.

    Returns:
        The files that changed, Git's configuration left out.

    Raises:
        UsageError: If the repository is without Git.
        Conflict: If a hook or driver of somebody else is in the way, or the folder's name cannot stand in a hook;
            nothing is changed then.
    """
    git = _git(repo)
    _require_plain_name(repo)
    if request.use_pre_commit_tool:
        hooks = [_pre_commit_file(repo, git, request)]
    else:
        hooks = [wanted for name, place in _hook_files(git) for wanted in _hooks_to_write(repo, name, place, request)]
    _require_free_drivers(git)
    (attributes,) = git.own_paths("info/attributes")
    wanted = [(attributes, _with_line(_read(attributes))), *hooks]
    for folder in {place.parent for place, _ in wanted}:
        sweep(folder)
    _keep_drivers(git)
    for key, value in DRIVERS.items():
        git.run("config", "--local", key, value)
    return [place for place, data in wanted if _write(place, data, executable=place.name.removesuffix(KEPT) in HOOKS)]


def uninstall(repo: Repository) -> list[Path]:
    """Take away what :func:`install` made, and nothing else; put back what it replaced.

    Returns:
        The files that changed, went or came back.

    Raises:
        UsageError: If the repository is without Git.
    """
    git = _git(repo)
    ours = [(name, place) for name, place in _hook_files(git) if _is_ours(_read(place))]
    for name, place in ours:
        _take_away_hook(name, place)
    _take_away_drivers(git)
    (attributes,), tool = git.own_paths("info/attributes"), git.root / precommit.NAME
    lines = _read(attributes).splitlines(keepends=True)
    rest = b"".join(line for line in lines if line.strip() != ATTRIBUTES)
    wanted = [(attributes, rest), (tool, precommit.without_hooks(_read(tool)))]
    return [*(place for _, place in ours), *(place for place, data in wanted if place.exists() and _write(place, data))]


def _git(repo: Repository) -> Git:
    if repo.git is None:
        raise UsageError("this repository is without Git, so there is nobody to call sycee", hint="leave it out")
    return repo.git


def _require_plain_name(repo: Repository) -> None:
    # Hooks say whose they are in a comment, and in a clone a folder can be called anything: a line of its own, say.
    if not (below := _below_git(repo)).isprintable():
        raise Conflict(
            f"{below!r} has a character that cannot stand in a hook", hint="rename the folder; then repeat", path=below
        )


def _hook_files(git: Git) -> Iterator[tuple[str, Path]]:
    (folder,) = git.own_paths("hooks")
    own = (git.root, git.root / os.fsdecode(git.run("rev-parse", "--git-common-dir")).removesuffix("\n"))
    if not any(folder.resolve().is_relative_to(place.resolve()) for place in own):
        raise Conflict(
            f"core.hooksPath leads to {folder}, whose hooks serve other repositories too",
            hint="give this one its own: git config core.hooksPath .githooks; or add to the hooks there: "
            'sycee git-hook NAME "$@"',
        )
    for name in HOOKS:
        yield name, folder / name


def _hooks_to_write(repo: Repository, name: str, place: Path, request: InstallRequest) -> Iterator[tuple[Path, bytes]]:
    """Yield a hook and its text, unless somebody has a hook there that calls sycee already; before it, what is kept."""
    wanted = _hook_text(repo, name, request)
    present = _read(place)
    if not (place.is_symlink() or place.exists()) or (_is_ours(present) and _folder(present) == _folder(wanted)):
        yield place, wanted
    elif not place.is_symlink() and _is_dvcs(present, name) and _serves_nobody_else(repo) and _may_keep(place, name):
        yield _kept(place), present
        yield place, wanted
    elif f"sycee git-hook {name}".encode() not in present:
        raise Conflict(
            f"there is a {name} hook already, and it is not this repository's sycee's: {place}",
            hint=f'add this line to it: {_command(repo, name, request)} "$@"; or move it away; then repeat',
            path=str(place),
        )


def _is_dvcs(hook: bytes, name: str) -> bool:
    """Tell whether a hook is byte for byte what ``dvc install`` writes; one that a person has changed is not."""
    found = _DVCS_HOOK.fullmatch(hook)
    return found is not None and found[1].decode() == name


def _serves_nobody_else(repo: Repository) -> bool:
    # DVC's hooks serve the project at Git's root; one below gets nothing from them.
    root = _git(repo).root
    return repo.root == root or not (root / ".dvc").is_dir()


def _kept(place: Path) -> Path:
    return place.with_name(place.name + KEPT)


def _may_keep(place: Path, name: str) -> bool:
    kept = _kept(place)
    return not (kept.is_symlink() or kept.exists()) or _is_dvcs(_read(kept), name)


def _take_away_hook(name: str, place: Path) -> None:
    kept = _kept(place)
    if not _is_dvcs(_read(kept), name):
        unlink(place)
        return
    _write(place, _read(kept), executable=True)
    unlink(kept)


def _hook_text(repo: Repository, name: str, request: InstallRequest) -> bytes:
    grave = name == "pre-push"
    then = "; to go on without: git push --no-verify" if grave else ""
    return (
        "#!/bin/sh\n"
        f"{_MARK} {quote(_below_git(repo))}; sycee install --remove takes it away\n"
        "command -v sycee >/dev/null || {\n"
        f"    echo 'sycee is not on the PATH, so its {name} hook cannot run{then}' >&2\n"
        f"    exit {int(grave)}\n"
        "}\n"
        f'exec {_command(repo, name, request)} "$@"\n'
    ).encode()


def _command(repo: Repository, name: str, request: InstallRequest) -> str:
    below = _below_git(repo)
    there = "" if below == "." else f"-C {quote(below)} "
    return f"sycee {there}git-hook {name}{' --push' if request.push and name == 'pre-push' else ''}"


def _below_git(repo: Repository) -> str:
    return repo.root.relative_to(_git(repo).root).as_posix()


def _is_ours(hook: bytes) -> bool:
    return _folder(hook).startswith(_MARK.encode())


def _folder(hook: bytes) -> bytes:
    """Return the line that says whose a hook is."""
    return b"".join(hook.splitlines()[1:2])


def _pre_commit_file(repo: Repository, git: Git, request: InstallRequest) -> tuple[Path, bytes]:
    place = git.root / precommit.NAME
    commands = [(name, _command(repo, name, request)) for name in HOOKS]
    return place, precommit.with_hooks(_read(place), commands)


def _require_free_drivers(git: Git) -> None:
    for key, value in DRIVERS.items():
        present = _setting(git, key)
        if key.endswith(".name") or present in {None, value} or (present or "").startswith(_DVCS_DRIVER):
            continue
        raise Conflict(f"Git's {key} is {present!r} already", hint=f"git config --local --unset {key}; then repeat")


def _keep_drivers(git: Git) -> None:
    if (_setting(git, "merge.dvc.driver") or "").startswith(_DVCS_DRIVER):
        for key in ("merge.dvc.name", "merge.dvc.driver"):
            if present := _setting(git, key):
                git.run("config", "--local", key + _KEPT_SETTING, present)


def _take_away_drivers(git: Git) -> None:
    for key, value in DRIVERS.items():
        if _setting(git, key) != value:
            continue
        if before := _setting(git, key + _KEPT_SETTING):
            git.run("config", "--local", key, before)
            git.run("config", "--local", "--unset-all", key + _KEPT_SETTING)
        else:
            git.run("config", "--local", "--unset-all", key)


def _setting(git: Git, key: str) -> str | None:
    found = os.fsdecode(git.run("config", "--local", "--get", key, ok=(0, 1)))
    return found.removesuffix("\n") if found else None


def _with_line(attributes: bytes) -> bytes:
    if ATTRIBUTES in (line.strip() for line in attributes.splitlines()):
        return attributes
    joint = b"" if attributes.endswith(b"\n") or not attributes else b"\n"
    return attributes + joint + ATTRIBUTES + b"\n"


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def _write(place: Path, data: bytes, *, executable: bool = False) -> bool:
    """Write a file that is to hold these bytes; tell whether it changed. One that is to hold none goes."""
    if place.exists() and _read(place) == data:
        return False
    if not data:
        unlink(place)
        return True
    place.parent.mkdir(parents=True, exist_ok=True)
    mode = default_mode()
    write_file(place, data, mode=mode | (mode >> 2 & 0o111) if executable else mode)
    return True
