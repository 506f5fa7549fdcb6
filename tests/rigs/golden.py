"""A small model in numpy whose inference is recorded: an affine classifier of texts of four letters."""

import importlib
import sys
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from sycee.ops.freeze import freeze
from sycee.ops.frozen import Frozen

CODE = """\
import numpy
import {labels}

def load(folder):
    return numpy.load(folder / "w.npy")

def preprocess(text):
    return numpy.frombuffer(text.encode(), "uint8")[None, :4].astype("float32")

def predict(w, x):
    return {{"logits": x @ w}}

def postprocess(y):
    return {labels}.NAMES[int(y["logits"].argmax())]
"""
LABELS = 'NAMES = ["cat", "dog", "cow"]\n'
ROLES = ("load", "preprocess", "predict", "postprocess")
SAMPLES = ("abcd", "wxyz")

_numbers = count()


def write_weights(folder: Path) -> None:
    """Write the weights of the model into its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "w.npy", np.random.default_rng(0).random((4, 3), "float32"))


@contextmanager
def written(place: Path, code: str = CODE) -> Any:
    """Import code from a new module in a folder, and a module that it imports; both are forgotten afterwards."""
    number = next(_numbers)
    labels, name = f"golden_labels_{number}", f"golden_code_{number}"
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{labels}.py").write_text(LABELS)
    (place / f"{name}.py").write_text(code.format(labels=labels))
    sys.path.insert(0, str(place))
    try:
        yield importlib.import_module(name)
    finally:
        sys.path.remove(str(place))
        for module in (labels, name):
            sys.modules.pop(module, None)


def freeze_golden(folder: Path, code: str = CODE, **options: Any) -> Frozen:
    """Freeze the model with its golden samples; ``options`` go to freeze."""
    write_weights(folder)
    with written(folder.parent / "code", code) as module:
        functions = {role: getattr(module, role) for role in ROLES if hasattr(module, role)}
        given = {"samples": list(SAMPLES), "data_version": "v1", "seeds": {"numpy": 1}, "version": "1.0.0"}
        return freeze(folder, task="text-classification", **{**functions, **given, **options})


if __name__ == "__main__":
    freeze_golden(Path(sys.argv[1]))
