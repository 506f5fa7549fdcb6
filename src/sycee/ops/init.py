"""``sycee init``: make a repository, exactly as ``dvc init`` does."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from sycee.errors import Conflict, NotFound
from sycee.formats.paths import DVC_DIR
from sycee.system.atomic import write_file
from sycee.system.git import Git, toplevel

_IGNORED = b"/config.local\n/tmp\n/cache\n"
_DVCIGNORE = (
    b"# Add patterns of files dvc should ignore, which could improve\n"
    b"# the performance. Learn more at\n"
    b"# https://dvc.org/doc/user-guide/dvcignore\n"
)
_NO_SCM = b"[core]\n    no_scm = True\n"


@dataclass(frozen=True, slots=True)
class InitRequest:
    """What to make, and where.

    Attributes:
        root: The folder.
        no_scm: Whether the repository lives without Git.
        subdir: Whether it is a project of its own inside a larger Git work tree.
        force: Whether to replace a repository that is there, its cache included.
    """

    root: Path
    no_scm: bool = False
    subdir: bool = False
    force: bool = False


def init(request: InitRequest) -> None:
    """Make the repository and, with Git, stage its files.

    Raises:
        NotFound: If the folder is not the root of a Git work tree, and neither ``no_scm`` nor ``subdir`` is set.
        Conflict: If there is a repository already.
    """
    git_root = _require_git(request)
    dvc_dir = request.root / DVC_DIR
    if dvc_dir.is_dir():
        if not request.force:
            raise Conflict(
                f"{dvc_dir} exists already", hint="it can be used as it is; --force removes it with its cache"
            )
        shutil.rmtree(dvc_dir)
    (dvc_dir / "tmp").mkdir(parents=True)
    (dvc_dir / "tmp" / "btime").touch()
    written = [dvc_dir / "config"]
    write_file(dvc_dir / "config", _NO_SCM if request.no_scm else b"")
    if not request.no_scm:
        written.append(dvc_dir / ".gitignore")
        write_file(dvc_dir / ".gitignore", _IGNORED)
    dvcignore = request.root / ".dvcignore"
    if not dvcignore.exists():
        write_file(dvcignore, _DVCIGNORE)
    if git_root:
        Git(git_root).stage([*written, dvcignore])


def _require_git(request: InitRequest) -> Path | None:
    if request.no_scm:
        return None
    git_root = toplevel(request.root)
    if git_root is None or (git_root != request.root and not request.subdir):
        where = f"the root of its Git repository is {git_root}" if git_root else "it is not in a Git repository"
        raise NotFound(
            f"{request.root} is not the root of a Git repository: {where}",
            hint="run git init first; or use --subdir for a part of a repository, --no-scm to do without Git",
        )
    return git_root
