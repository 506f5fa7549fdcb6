"""Two models whose input really depends on the version of a package, and an environment with older versions.

Pillow before 11 scales images of 16 bits without interpolation unless told otherwise; tokenizers before 0.19 ignores
``ignore_merges``, which the tokenizers of large language models have had since then.
"""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from PIL import Image
from tokenizers import Tokenizer

OLDER = {"Pillow": "10.4.0", "tokenizers": "0.15.2"}
_SYCEE = ("click", "rich", "ruamel.yaml", "cryptography", "blake3", "obstore", "pathspec", "urllib3")
# Before a test moves home: what was fetched once is there for all.
_CACHE = os.environ.get("UV_CACHE_DIR") or str(Path.home() / ".cache" / "uv")
_UV = Path(sys.executable).parent / "uv"


def depth(path: Path) -> np.ndarray:
    """Read an image of 16 bits, as depth cameras and scanners write it (uint16, [8, 8])."""
    with Image.open(path) as image:
        return np.asarray(image.resize((8, 8)))


def rows(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32).mean(0)


def load(folder: Path) -> Tokenizer:
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def ids(tokenizer: Tokenizer, text: str) -> np.ndarray:
    """Turn a text into token ids (int64, [T])."""
    return np.array(tokenizer.encode(text).ids)


def embedded(_: Tokenizer, numbers: np.ndarray) -> np.ndarray:
    return np.sin(numbers, dtype=np.float32)


def write_depth(folder: Path) -> Path:
    """Write an image of 16 bits; returns its path."""
    y, x = np.mgrid[0:40, 0:50]
    Image.fromarray((x * y * 21).astype(np.uint16)).save(folder / "depth.png")
    return folder / "depth.png"


def write_tokenizer(folder: Path) -> None:
    """Write a tokenizer that knows a whole word without a way of merges that leads to it."""
    words = {"h": 0, "e": 1, "l": 2, "o": 3, "he": 4, "hello": 5, "lo": 6}
    model = {"type": "BPE", "vocab": words, "merges": ["h e", "l o"], "ignore_merges": True}
    split = {"type": "Whitespace"}
    made = {"version": "1.0", "added_tokens": [], "pre_tokenizer": split, "model": model}
    (folder / "tokenizer.json").write_text(json.dumps(made))


def make_older_python(place: Path) -> Path:
    """Make an environment with what sycee needs, and with :data:`OLDER`; returns its Python."""
    python = place / "older" / "bin" / "python"
    _uv("venv", "--python", sys.executable, place / "older")
    _uv("pip", "install", "--python", python, *_SYCEE, f"numpy=={version('numpy')}")
    _uv("pip", "install", "--python", python, "--no-deps", *(f"{name}=={pin}" for name, pin in OLDER.items()))
    return python


def _uv(*arguments: str | Path) -> None:
    environ = {**os.environ, "UV_CACHE_DIR": _CACHE, "UV_OFFLINE": "0"}
    done = subprocess.run([_UV, "--quiet", *arguments], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
