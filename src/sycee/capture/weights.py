"""Which files of a model folder are its weights, and which of those that look like weights are not."""

import re
from dataclasses import dataclass
from pathlib import Path

from sycee.core.modelfolder import WEIGHT_SUFFIXES
from sycee.system.tree import scan

# Beside what trainers write: plain arrays, and the external data of ONNX models.
_SUFFIXES = (*WEIGHT_SUFFIXES, ".npz", ".npy", ".onnx.data", ".onnx_data", ".msgpack", ".joblib", ".pkl")
# Folders in which trainers keep what led to the weights.
_LEFT_OUT_FOLDER = re.compile(
    r"checkpoint-[0-9]+|checkpoints|runs|logs|wandb|lightning_logs|mlruns|\.ipynb_checkpoints|__pycache__|\.git|\.dvc"
)
_NOT_WEIGHTS_FOLDER = {"context", "records"}
_LEFT_OUT_FILE = re.compile(
    r"events\.out\.tfevents.*|optimizer\.(pt|bin)|scheduler\.pt|rng_state.*\.pth|training_args\.bin"
)


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
        if entry.kind == "dir":
            if _LEFT_OUT_FOLDER.fullmatch(name):
                left_out.append(f"{entry.relpath}/")
        elif _LEFT_OUT_FILE.fullmatch(name):
            left_out.append(entry.relpath)
        elif entry.kind in {"file", "symlink"} and name.lower().endswith(_SUFFIXES):
            files.append(entry.relpath)
    return Weights(tuple(sorted(files)), tuple(sorted(left_out)))


def _is_entered(relpath: str) -> bool:
    name = relpath.rpartition("/")[2]
    return not _LEFT_OUT_FOLDER.fullmatch(name) and relpath not in _NOT_WEIGHTS_FOLDER
