"""``sycee check-ignore``: by which rule of ``.dvcignore`` a path is ignored. Reads only, takes no lock."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from sycee.formats.dvcignore import Verdict
from sycee.workspace.ignored import Ignored
from sycee.workspace.repository import Repository


def check_ignore(repo: Repository, targets: Iterable[Path]) -> Iterator[Verdict]:
    """Judge each path, present or not; of one that lies outside the repository no rule speaks.

    Args:
        repo: The repository.
        targets: Absolute paths.

    Raises:
        FormatError: If a ``.dvcignore`` that holds there is malformed.
    """
    ignored = Ignored(repo.root)
    for target in targets:
        inside = repo.root in target.parents
        yield ignored.verdict(repo.relpath(target), is_dir=target.is_dir()) if inside else Verdict()
