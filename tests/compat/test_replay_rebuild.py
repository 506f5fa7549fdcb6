"""``sycee replay --rebuild``: the packages of the lock, whatever is installed here."""

import numpy as np
import pytest

from rigs.golden import freeze_golden
from sycee.digest import sha256_hex
from sycee.errors import CannotRebuild
from sycee.formats import pylock, requirements
from sycee.formats.replay import parse
from sycee.ops.replay import ReplayRequest, replay

pytestmark = pytest.mark.slow

OLDER = "2.3.5"


def put(model, name, data):
    """Write a file of the context, and into the card what binds it: a version that was frozen so."""
    path = model / name
    old = path.read_bytes()
    path.write_bytes(data)
    card = model / "model_card.yaml"
    text = card.read_text().replace(sha256_hex(old), sha256_hex(data))
    card.write_text(text.replace(f"size: {len(old)}\n", f"size: {len(data)}\n"))


@pytest.fixture
def model(tmp_path, monkeypatch):
    """A model whose lock has numpy alone, in another version than the one that is installed."""
    assert np.__version__ != OLDER
    monkeypatch.setattr("sycee.replay.calibrate.circumstances", lambda how: [])
    freeze_golden(tmp_path / "model")
    path = tmp_path / "model"
    found = pylock.parse((path / "context/pylock.toml").read_bytes())
    put(path, "context/pylock.toml", pylock.render(found._replace(packages=())))
    lock = requirements.selected((path / "context/requirements.lock").read_bytes(), {"numpy"})
    put(path, "context/requirements.lock", requirements.with_versions(lock, {"numpy": OLDER}))
    return path


def test_the_frozen_packages_and_not_those_that_are_here(model, run, monkeypatch):
    monkeypatch.delenv("UV_OFFLINE")
    done = run("replay", model, "--unsigned", "--rebuild", "--json", rc=None)
    report = parse(done.stdout.encode(), "replay.json")
    assert (report.mode, report.result) == ("rebuilt", "reproduced")
    unsigned, *notes = report.notes
    assert unsigned.startswith("not verified")
    assert notes == [f"no digest was frozen of numpy=={OLDER}: the same version may be another file"]
    here = parse(run("replay", model, "--unsigned", "--json", rc=None).stdout.encode(), "replay.json")
    assert (here.mode, here.notes) == ("here", (unsigned,))
    shown = run("replay", model, "--unsigned", "--rebuild", rc=None)
    assert f"note: no digest was frozen of numpy=={OLDER}" in shown.stderr


def test_what_cannot_be_had_is_not_what_differs(model, run, monkeypatch):
    done = run("replay", model, "--unsigned", "--rebuild", rc=1)
    assert f"numpy=={OLDER} is not in uv's cache, and no index was reached" in done.stderr
    monkeypatch.setattr("sycee.ops.rebuilt.LOCK", "context/absent.lock")
    with pytest.raises(CannotRebuild, match="does not say which packages it was frozen with"):
        replay(ReplayRequest(folder=model, asked=None, rebuild=True))
