"""Three real models, frozen with older packages, cloned elsewhere, and replayed: here, and in an environment rebuilt.

The environment that froze them has other versions of numpy, Pillow, onnxruntime and transformers than the one the
tests run in; so ``--rebuild`` starts from other packages than it must end with.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from conftest import command
from rigs.otherpython import OtherPython, make_other_python, uv_environment

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


class Case(NamedTuple):
    """One of the examples: its scripts in order, and where its model lies."""

    scripts: tuple[tuple[str, ...], ...]
    model: str
    samples: int


CASES = {
    "digits": Case((("data.py", "data/digits"), ("train.py", "--epochs", "2")), "models/digits", 4),
    "sentences": Case((("freeze.py",),), "models/sentences", 3),
    "textline": Case((("freeze.py",),), "models/textline", 2),
}


@pytest.fixture(scope="module")
def other(tmp_path_factory) -> OtherPython:
    """The environment in which the models are frozen."""
    return make_other_python(tmp_path_factory.mktemp("environment"))


@pytest.fixture
def elsewhere(other, tmp_path, monkeypatch) -> Callable[[str], Path]:
    """Return a function that freezes, signs and pushes an example, and gives a clone of it."""
    for name, value in uv_environment().items():
        monkeypatch.setenv(name, value)

    def made(name: str) -> Path:
        root, case = tmp_path / "training", CASES[name]
        shutil.copytree(EXAMPLES / name, root, ignore=shutil.ignore_patterns("__pycache__"))
        git, sycee = command("git", root), command("sycee", root)
        git("init", "-q")
        sycee("init", "-q")
        sycee("remote", "add", "-d", "store", str(tmp_path / "store"))
        git("add", "-A")
        git("commit", "-qm", "code")
        for script in case.scripts:
            other.run(*script, cwd=root)
        sycee("keygen", str(tmp_path / "release.key"), "--no-password")
        sycee("sign", case.model, "--key", str(tmp_path / "release.key"))
        git("add", "-A")
        git("commit", "-qm", "frozen")
        sycee("push")
        git("clone", "-q", str(root), str(tmp_path / "serving"))
        shutil.move(root, tmp_path / "gone")  # nothing of the training side may be needed
        command("sycee", tmp_path / "serving")("pull", "-q")
        return tmp_path / "serving"

    return made


@pytest.mark.parametrize("name", CASES)
def test_a_model_comes_out_the_same(name, elsewhere, other, tmp_path):
    serving, case = elsewhere(name), CASES[name]
    sycee = command("sycee", serving)
    key = ("--key", str(tmp_path / "release.key.pub"))

    there = json.loads(other.run("-m", "sycee", "replay", case.model, *key, "--json", cwd=serving))
    assert (there["result"], there["level"], there["mode"]) == ("reproduced", "bit", "here"), there

    rebuilt = json.loads(sycee("replay", case.model, *key, "--rebuild", "--json").stdout)
    assert (rebuilt["result"], rebuilt["level"], rebuilt["mode"]) == ("reproduced", "bit", "rebuilt"), rebuilt
    assert len({one["sample"] for one in rebuilt["stages"]}) == case.samples
