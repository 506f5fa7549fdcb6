"""``sycee replay --bisect``: the one package that makes the difference, by the real uv."""

import json

import pytest
import six

from rigs.golden import freeze_golden
from sycee.digest import sha256_hex
from sycee.formats import pylock, requirements

pytestmark = pytest.mark.slow

CODE = """\
import idna
import six
import {labels}

def predict(text):
    return text + " " + six.__version__
"""
FROZEN = {"six": "1.16.0", "idna": "3.7"}


def put(model, name, old, new):
    """Change bytes of a frozen file, and in the card what binds it: a version that was frozen so."""
    path = model / name
    before = path.read_bytes()
    assert old in before
    after = before.replace(old, new)
    path.write_bytes(after)
    card = model / "model_card.yaml"
    text = card.read_text().replace(sha256_hex(before), sha256_hex(after))
    card.write_text(text.replace(f"size: {len(before)}\n", f"size: {len(after)}\n"))


@pytest.fixture
def model(tmp_path, monkeypatch):
    """A model that was frozen with other versions of six, on which its output depends, and of idna."""
    monkeypatch.setattr("sycee.replay.calibrate.circumstances", lambda how: [])
    path = tmp_path / "model"
    freeze_golden(path, code=CODE)
    found = (path / "context/pylock.toml").read_bytes()
    put(path, "context/pylock.toml", found, pylock.render(pylock.parse(found)._replace(packages=())))
    found = (path / "context/requirements.lock").read_bytes()
    pins = requirements.with_versions(requirements.selected(found, FROZEN), FROZEN)
    put(path, "context/requirements.lock", found, pins)
    put(path, "context/golden/golden.json", f" {six.__version__}".encode(), b" 1.16.0")
    return path


def test_the_package_that_alone_makes_the_difference_is_named(model, run, monkeypatch):
    monkeypatch.delenv("UV_OFFLINE")
    report = json.loads(run("replay", model, "--unsigned", "--bisect", "--json", rc=15).stdout)
    here = six.__version__
    assert report["verdict"] == f"outputs differ: six {here} here, 1.16.0 when frozen, and that alone does it"
    assert report["can"][0] == {"area": "package", "name": "six", "frozen": "1.16.0", "here": here}
    assert "with one thread it comes out differently too" in report["notes"]
    assert "with the frozen packages it comes out the same" in report["notes"]
    assert report["notes"][-1] == f"with six {here} in the place of 1.16.0 alone it comes out differently"
    assert run("replay", model, "--unsigned", "--bisect", "--rebuild", rc=2).stderr.startswith("error: --rebuild and")


def test_a_switch_is_tried_before_packages_and_named(tmp_path, run, monkeypatch):
    monkeypatch.setattr("sycee.replay.calibrate.circumstances", lambda how: [])
    monkeypatch.setattr("sycee.ops.golden.threads_here", lambda: 2)
    code = (
        "import os\nimport {labels}\ndef predict(x):\n    return 'threads ' + os.environ.get('OMP_NUM_THREADS', '2')\n"
    )
    path = tmp_path / "model"
    freeze_golden(path, code=code)
    put(path, "context/golden/golden.json", b"threads 2", b"threads 1")
    report = json.loads(run("replay", path, "--unsigned", "--bisect", "--json", rc=15).stdout)
    assert report["verdict"] == (
        "outputs differ, and with one thread they come out as recorded:"
        " it is how this machine computes, in something that the fingerprints do not tell"
    )
    assert report["notes"][1:] == ["with one thread it comes out as recorded"]  # the first says that nobody signed
