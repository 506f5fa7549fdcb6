"""``channel set`` killed at any change to the disk: a reader finds the old statement or the new one, well signed.

In CI it is killed at some points, drawn from a seed; SYCEE_CRASH=all takes all of them.
"""

import os
import random
import shutil
import subprocess

import pytest

from rigs.channels import key_file, release
from rigs.crash import KILLED, Crasher
from rigs.plugin import KILL_POINTS
from rigs.signed import fixed_key
from sycee.digest import sha256_hex
from sycee.formats import channel
from sycee.trust.keys import generate
from sycee.trust.policy.channels import read_settled

pytestmark = pytest.mark.slow

POINTS = 6
ALL = os.environ.get("SYCEE_CRASH") == "all"  # asked before the fixture that clears the environment
KEY = fixed_key()
PLACE = ".sycee/channels/bert"
SET = ["channel", "set", "models/bert", "production", "--key", "../release.key"]
SIGN = ["channel", "sign", "models/bert", "production", "--key", "../second.key"]


@pytest.fixture
def world(tmp_path):
    """A repository with a signed model, two keys beside it, and a helper to be killed."""
    kept = tmp_path / "kept"
    kept.mkdir()
    subprocess.run(["git", "init", "-q", kept / "repo"], check=True)
    key_file(kept)
    (kept / "second.key").write_bytes(generate("p256").to_pem(None))
    (kept / "second.key").chmod(0o600)
    with Crasher() as crasher:
        crasher.run(kept / "repo", ["init"])
        release(kept / "repo", "1.2.0")
        yield crasher, kept, tmp_path / "world"


def restored(kept, world):
    shutil.rmtree(world, ignore_errors=True)
    shutil.copytree(kept, world, symlinks=True)
    return world / "repo"


def serial_of(repo):
    """Read the statement as a verifier does; it must be well signed."""
    found = read_settled(repo, f"{PLACE}/production.json")
    assert any(KEY.public.verify_detached(one, sha256_hex(found.data)) for one in found.signatures)
    return channel.parse(found.data, "x").serial


@pytest.mark.parametrize(("command", "before"), [(SET, 0), (SET, 2), (SIGN, 1)])
def test_killed_at_any_change_to_the_disk(world, record_property, command, before):
    crasher, kept, place = world
    for _ in range(before):
        crasher.run(kept / "repo", SET)
    if before == 2:
        crasher.run(kept / "repo", SIGN)  # whose signature goes with the statement
    total = crasher.ask(restored(kept, place), command)["points"]
    record_property(KILL_POINTS, (f"{command[1]} {before}", total))
    assert total > POINTS
    points = range(1, total + 1)
    for at in points if ALL else sorted(random.Random(f"{command[1]} {before}").sample(points, POINTS)):
        repo = restored(kept, place)
        assert crasher.ask(repo, command, at=at)["rc"] == KILLED
        if before or (repo / PLACE / "production.json").exists():
            assert serial_of(repo) in {before, before + 1}
        crasher.run(repo, command)
        assert serial_of(repo) >= before
        names = {path.name for path in (repo / PLACE).iterdir()} - {"production.json", "production.json.sig"}
        assert len(names) == (command == SIGN), at
