"""Commands killed at any change to the disk: nothing old is lost, nothing wrong stands, the next run completes.

In CI each command is killed at a few points, drawn from a seed. All points, some minutes, with a table of how many
there are: make test-crash
"""

import os
import random
from collections.abc import Iterator

import pytest

from rigs.crash import Crasher
from rigs.plugin import KILL_POINTS
from rigs.scenes import COMMANDS, SMALL, Scene

pytestmark = pytest.mark.slow

POINTS = 6  # of each command, in CI
ALL = os.environ.get("SYCEE_CRASH") == "all"  # asked before the fixture that clears the environment
# At how many points each can be killed, at least; `make test-crash` prints how many there are.
AT_LEAST = {name: POINTS if name in SMALL else 20 for name in COMMANDS}


@pytest.fixture
def crasher() -> Iterator[Crasher]:
    with Crasher() as crasher:
        yield crasher


@pytest.mark.parametrize("name", COMMANDS)
def test_killed_at_any_change_to_the_disk(crasher, tmp_path, name, record_property):
    scene = Scene(crasher, tmp_path / "world", tmp_path / "kept", name)
    record_property(KILL_POINTS, (name, scene.points))
    assert scene.points >= AT_LEAST[name]
    points = range(1, scene.points + 1)
    if not ALL:
        points = sorted(random.Random(f"{name} 1").sample(points, POINTS))
    faults = {}
    for at in points:
        try:
            scene.restore()
            scene.run(at)
            scene.require_intact()
            scene.require_completes()
        except AssertionError as fault:
            faults[at] = str(fault).splitlines()[0]
    assert not faults, f"of {len(points)} points: {faults}"
    scene.restore()  # what was killed last may still be listed among those that use paths, of which dvc warns
    scene.run()
    scene.require_content()


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in SMALL])
def test_file_too_large(crasher, tmp_path, name):
    scene = Scene(crasher, tmp_path / "world", tmp_path / "kept", name)
    scene.restore()
    answer = crasher.ask(scene.root / "repo", scene.command, largest=100_000)  # as a quota: half of the weights
    scene.require_refused(answer, "File too large", "files may not be as large there")
    if name != "freeze":  # its card says what was missing
        scene.require_completes()
