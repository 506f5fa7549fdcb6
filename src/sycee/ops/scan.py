"""``sycee scan``: what the pickles of a model would look up; see :mod:`sycee.trust.loading.scan`."""

from pathlib import Path

from sycee.core import modelfolder
from sycee.errors import NotFound
from sycee.system import tree
from sycee.trust.loading import scan as trust
from sycee.trust.loading.scan import Scanned


def scan(path: Path) -> tuple[Scanned, ...]:
    """Look into a file, or into every file of a model that a loader may take for a pickle.

    Args:
        path: A file, or a model's folder. Files that are data by their form (safetensors, ONNX) are passed over.

    Raises:
        NotFound: If it is not there.
    """
    if path.is_dir():
        names = [entry.relpath for entry in tree.scan(path) if entry.kind == "file"]
        weights = {*modelfolder.guess_weights(names), *(name for name in names if trust.is_pickled(Path(name)))}
        return tuple(trust.scan(path / name) for name in sorted(weights) if trust.is_pickled(Path(name)))
    if not path.exists():
        raise NotFound(f"{path} does not exist", path=str(path))
    return (trust.scan(path),)
