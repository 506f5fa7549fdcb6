"""Which frameworks this process has imported, and their versions; nothing is imported to find out."""

import sys
from collections.abc import Iterable, Mapping
from importlib import metadata
from types import ModuleType

from sycee.capture.environment import python_version
from sycee.errors import NotFound

# Module to the distributions that provide it, most important for serving first: this is the order of the card.
KNOWN: Mapping[str, tuple[str, ...]] = {
    "transformers": ("transformers",),
    "sentence_transformers": ("sentence-transformers",),
    "diffusers": ("diffusers",),
    "peft": ("peft",),
    "timm": ("timm",),
    "ultralytics": ("ultralytics",),
    "torch": ("torch",),
    "tensorflow": ("tensorflow", "tensorflow-cpu", "tensorflow-gpu"),
    "keras": ("keras",),
    "jax": ("jax",),
    "flax": ("flax",),
    "mxnet": ("mxnet",),
    "paddle": ("paddlepaddle", "paddlepaddle-gpu"),
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu"),
    "sklearn": ("scikit-learn",),
    "xgboost": ("xgboost", "xgboost-cpu"),
    "lightgbm": ("lightgbm",),
    "catboost": ("catboost",),
    "spacy": ("spacy",),
    "torchvision": ("torchvision",),
    "torchaudio": ("torchaudio",),
    "tokenizers": ("tokenizers",),
    "lightning": ("lightning",),
    "pytorch_lightning": ("pytorch-lightning",),
    "accelerate": ("accelerate",),
    "datasets": ("datasets",),
    "cv2": ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless"),
    "PIL": ("pillow",),
    "scipy": ("scipy",),
    "pandas": ("pandas",),
    "numpy": ("numpy",),
}


def imported_frameworks(modules: Mapping[str, ModuleType] | None = None) -> list[str]:
    """Return ``name==version`` of each known framework among the imported modules, local labels kept.

    Args:
        modules: ``sys.modules`` unless a test says otherwise.
    """
    loaded = sys.modules if modules is None else modules
    found = (_pinned(distributions, loaded[module]) for module, distributions in KNOWN.items() if module in loaded)
    return [pinned for pinned in found if pinned]


def framework_version(modules: Mapping[str, ModuleType] | None = None) -> str:
    """Return the card's field: frameworks joined by comma and space, or Python itself when none is imported."""
    return ", ".join(imported_frameworks(modules)) or f"python=={python_version()}"


def installed(names: Iterable[str]) -> str:
    """Return the card's field for frameworks that were named: each as it is installed here.

    Args:
        names: Distributions: ``torch``, ``scikit-learn``.

    Raises:
        NotFound: If one is not installed.
    """
    found = []
    for name in names:
        try:
            found.append(f"{name}=={metadata.version(name)}")
        except (metadata.PackageNotFoundError, ValueError):  # ValueError: an empty name
            raise NotFound(
                f"{name!r} is not installed in the Python that runs sycee",
                hint="install sycee where the model was trained, or name its frameworks as pip list does",
            ) from None
    return ", ".join(found)


def _pinned(distributions: Iterable[str], module: ModuleType) -> str | None:
    for name in distributions:
        try:
            return f"{name}=={metadata.version(name)}"
        except metadata.PackageNotFoundError:
            continue
    version = getattr(module, "__version__", None)  # built from source, without metadata
    return f"{next(iter(distributions))}=={version}" if isinstance(version, str) else None
