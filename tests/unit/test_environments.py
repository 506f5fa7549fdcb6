"""Which rebuilt environments are kept."""

import json
import os
import time

from sycee.replay import rebuild

DAY = 86_400


def environment(place, number, age, name=None):
    """Make what is taken for an environment, that was used some seconds ago."""
    home = place / (name or f"{number:032x}")
    (home / "bin").mkdir(parents=True)
    (home / "bin/python").touch()
    marker = home / "sycee.json"
    marker.write_text(json.dumps({"python": "bin/python", "distributions": [], "notes": ["a note"]}))
    when = time.time() - age
    os.utime(marker, (when, when))
    return home


def swept(tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    rebuild._sweep(tmp_path / "place", scratch)
    return {path.name for path in scratch.iterdir()}


def test_those_that_were_used_last_are_kept(tmp_path):
    homes = [environment(tmp_path / "place", number, (2 + number) * DAY) for number in range(rebuild.KEPT + 2)]
    assert swept(tmp_path) == {home.name for home in homes[rebuild.KEPT :]}
    assert swept(tmp_path) == {home.name for home in homes[rebuild.KEPT :]}
    assert all(home.is_dir() for home in homes[: rebuild.KEPT])


def test_what_was_used_today_and_what_is_no_environment_is_left_alone(tmp_path):
    for number in range(rebuild.KEPT + 4):  # as a bisect makes them
        environment(tmp_path / "place", number, 60 * number)
    for name in (".sycee-tmp", "notes", "f" * 31):
        environment(tmp_path / "place", 0, 90 * DAY, name)
    assert swept(tmp_path) == set()


def test_broken_ones_go_first(tmp_path):
    homes = [environment(tmp_path / "place", number, 2 * DAY) for number in range(rebuild.KEPT + 1)]
    (homes[3] / "sycee.json").unlink()
    assert swept(tmp_path) == {homes[3].name}


def test_a_use_is_noted(tmp_path):
    home = environment(tmp_path, 0, 90 * DAY)
    assert rebuild._used(home) == rebuild.Rebuilt(home / "bin/python", ("a note",))
    assert rebuild._last_use(home) > time.time() - DAY
    assert rebuild._used(tmp_path / "absent") is None
