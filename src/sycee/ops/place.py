"""Brings the weights of a model together in its folder."""

import filecmp
from collections.abc import Iterator, Sequence
from pathlib import Path

from sycee.capture.steps import Steps
from sycee.capture.weights import Weights, find_weights
from sycee.errors import SyceeError
from sycee.ops.aside import Aside
from sycee.ops.frozen import Request
from sycee.system.links import link
from sycee.system.tree import kind_at, scan
from sycee.workspace.content import digests_of
from sycee.workspace.repository import Repository

_COMPANIONS = (".json", ".txt", ".model", ".jinja")  # configuration, vocabulary and merges that loading needs


def gather_weights(request: Request, bring: "Bring") -> Weights:
    """Return the weights in a model's folder, after bringing in those that lie elsewhere.

    Args:
        request: Says where the weights are; when it does not, the model's folder is searched.
        bring: Copies what lies elsewhere.
    """
    folder = request.path
    if request.saved is not None:
        return _saved(request.saved, bring)
    files: list[str] = []
    left_out: list[str] = []
    for source in [folder] if request.weights is None else request.weights:
        found = _found(source, folder, bring)
        files.extend(found.files)
        left_out.extend(found.left_out)
    return Weights(tuple(dict.fromkeys(files)), tuple(dict.fromkeys(left_out)))


def _found(source: Path, folder: Path, bring: "Bring") -> Weights:
    inside = source == folder or folder in source.parents
    if not source.exists():
        bring.steps.complete = False
        bring.steps.warn(f"the weights {source.relative_to(folder) if inside else source.name} are not there")
        return Weights((), ())
    if not source.is_dir():
        name = source.relative_to(folder).as_posix() if inside else bring.file(source, source.name)
        return Weights((name,) if name else (), ())
    found = find_weights(source)
    if inside:
        prefix = "" if source == folder else f"{source.relative_to(folder).as_posix()}/"
        return Weights(*(tuple(f"{prefix}{name}" for name in names) for names in (found.files, found.left_out)))
    for name in _companions(source):
        bring.file(source / name, name)
    return Weights(tuple(name for name in found.files if bring.file(source / name, name)), found.left_out)


def _saved(source: Path, bring: "Bring") -> Weights:
    """Bring every file of a folder that was saved for this model, not its weights alone; they are moved."""
    names = [entry.relpath for entry in scan(source) if entry.kind == "file"]
    brought = [name for name in names if bring.file(source / name, name, ("reflink", "hardlink", "copy"))]
    return Weights(tuple(name for name in find_weights(source).files if name in brought), ())


def _companions(source: Path) -> Iterator[str]:
    yield from sorted(path.name for path in source.iterdir() if path.is_file() and path.suffix in _COMPANIONS)


class Bring:
    """Copies files into a model's folder; what they would replace goes aside, unless the cache holds it.

    Args:
        folder: The model's folder.
        repo: The repository around it, or None.
        aside: Where replaced files go.
        steps: Collects what fails.

    Attributes:
        brought: The names of what was copied.
    """

    def __init__(self, folder: Path, repo: Repository | None, aside: Aside, steps: Steps) -> None:
        self.steps = steps
        self._folder = folder
        self._repo = repo
        self._aside = aside
        self.brought: set[str] = set()

    def file(self, source: Path, name: str, ways: Sequence[str] = ("reflink", "copy")) -> str | None:
        """Make a file ``name`` below the folder by the first way that works; None and a warning if none does."""
        if name in self.brought:
            self.steps.complete = False
            self.steps.warn(f"two weights files are called {name}; only the first one is kept")
            return None
        try:
            self._copy(source, self._folder / name, ways)
        except (OSError, SyceeError) as error:
            self.steps.complete = False
            self.steps.warn(f"{name} could not be copied into the model: {getattr(error, 'strerror', None) or error}")
            return None
        self.brought.add(name)
        return name

    def clear(self, path: Path) -> None:
        """Take a file of the model's folder away: aside, unless the cache holds it.

        Raises:
            OSError: If it cannot be moved.
        """
        if self._is_cached(path):
            path.unlink()
        elif kind_at(path) is not None:
            self._aside.take([path])

    def _copy(self, source: Path, target: Path, ways: Sequence[str]) -> None:
        real = source.resolve()
        if target.exists() and target.samefile(real):
            return
        if kind_at(target) == "file" and filecmp.cmp(real, target, shallow=False):
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        if kind_at(target) is not None and not self._is_cached(target):
            self._aside.take([target])
        link(real, target, ways)

    def _is_cached(self, path: Path) -> bool:
        repo = self._repo
        if kind_at(path) != "file" or repo is None:
            return False
        return repo.cache.find(digests_of(repo, path).md5) is not None
