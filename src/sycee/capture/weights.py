"""Which files of a model folder are its weights, and which of those that look like weights are not."""

from dataclasses import dataclass
from pathlib import Path

from sycee.core import modelfolder
from sycee.system.tree import scan

# Beside what trainers write: plain arrays, and the external data of ONNX models.
_SUFFIXES = (*modelfolder.WEIGHT_SUFFIXES, ".npz", ".npy", ".onnx.data", ".onnx_data", ".msgpack", ".joblib", ".pkl")
_NOT_ENTERED = {"__pycache__", ".git", ".dvc"}
_NOT_WEIGHTS_FOLDER = {"context", "records"}


@dataclass(frozen=True, slots=True)
class Weights:
    """What was found in a folder.

    Attributes:
        files: The weights, as sorted paths below the folder.
        left_out: Checkpoints, logs and trainer states, folders with ``/`` behind them.
    """

    files: tuple[str, ...]
    left_out: tuple[str, ...]


def find_weights(folder: Path) -> Weights:
    """Look for weights below ``folder`` by their names.

    Args:
        folder: An existing folder.

    Raises:
        OSError: If a folder cannot be read.
    """
    files: list[str] = []
    left_out: list[str] = []
    for entry in scan(folder, enter=_is_entered):
        name = entry.relpath.rpartition("/")[2]
        if modelfolder.is_leftover(entry.relpath, folder=entry.kind == "dir"):
            left_out.append(f"{entry.relpath}/" if entry.kind == "dir" else entry.relpath)
        elif entry.kind in {"file", "symlink"} and name.lower().endswith(_SUFFIXES):
            files.append(entry.relpath)
    return Weights(tuple(sorted(files)), tuple(sorted(left_out)))


def _is_entered(relpath: str) -> bool:
    name = relpath.rpartition("/")[2]
    leftover = modelfolder.is_leftover(relpath, folder=True)
    return not leftover and name not in _NOT_ENTERED and relpath not in _NOT_WEIGHTS_FOLDER
