"""Everything that fuzzing ever found worth keeping is read again, and some bytes of it changed at random."""

import random
import zipfile

import pytest
from targets import KEPT, TARGETS, refused

ROUNDS = 300  # changed inputs for each target; `make fuzz` runs for ten minutes each


def corpus(name):
    with zipfile.ZipFile(KEPT / f"{name}.zip") as archive:
        return [archive.read(one) for one in archive.namelist()]


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_ends_in_another_error_than_ours(name):
    kept = corpus(name)
    assert len(kept) > 20
    outcomes = {refused(TARGETS[name], data) for data in [*TARGETS[name].seeds(), *kept]}
    assert outcomes == {True, False}, "the corpus holds what passes and what is refused"


@pytest.mark.parametrize("name", TARGETS)
def test_changed_inputs_end_in_our_errors_too(name):
    chance = random.Random(f"sycee {name}")
    inputs = [one for one in [*TARGETS[name].seeds(), *corpus(name)] if one]
    for _ in range(ROUNDS):
        data = bytearray(chance.choice(inputs))
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.choice(b'{}[]",:\\0.-eE \n\x00\xff/')
        refused(TARGETS[name], bytes(data))
