"""Somebody edits, replaces or cuts off the weights while they are loaded: the signed tensors, or a refusal.

Seeded; a few rounds here, and SYCEE_RACES of them in `make test-trust`.
"""

import os
import random
import shutil
import threading
import time

import pytest
import torch
from safetensors.torch import save_file

from rigs.signed import open_folder, sign_folder
from sycee.errors import NotFound, VerificationError
from sycee.trust.loading.keeping import Keeping

pytestmark = pytest.mark.slow

ROUNDS = int(os.environ.get("SYCEE_RACES", "40"))
STATE = {"weight": torch.arange(1_000_000, dtype=torch.float32).reshape(1000, 1000), "bias": torch.ones(10)}
NAMES = ("model.pt", "model.safetensors")


@pytest.fixture(scope="module")
def signed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("races") / "m"
    folder.mkdir()
    torch.save(STATE, folder / NAMES[0])
    save_file(STATE, folder / NAMES[1])
    sign_folder(folder)
    return folder


class Writer(threading.Thread):
    """Does one thing to one file after a while, and some time later perhaps puts it back."""

    def __init__(self, folder, chance):
        super().__init__()
        self.path = folder / chance.choice(NAMES)
        self.good = self.path.read_bytes()
        self.act = chance.choice([self.edit, self.rename_over, self.truncate, self.grow])
        self.restore = chance.choice([self.edit_back, self.rename_back, lambda: None])
        self.at = chance.randrange(len(self.good) - 8)
        self.waits = chance.uniform(0, 0.012), chance.uniform(0, 0.004)

    def run(self):
        time.sleep(self.waits[0])
        self.act()
        time.sleep(self.waits[1])
        self.restore()

    def edit(self):
        with self.path.open("r+b") as file:
            file.seek(self.at)
            file.write(bytes(255 - byte for byte in self.good[self.at : self.at + 8]))

    def edit_back(self):
        with self.path.open("r+b") as file:
            file.write(self.good)
            file.truncate()

    def truncate(self):
        os.truncate(self.path, self.at)

    def grow(self):
        with self.path.open("ab") as file:
            file.write(b"more")

    def rename_over(self):
        self._replace(self.good[::-1])

    def rename_back(self):
        self._replace(self.good)

    def _replace(self, data):
        other = self.path.with_name(f"{self.path.name}.tmp")
        other.write_bytes(data)
        other.replace(self.path)


def load(folder, options, lazy):
    """Return whether it was refused; what is loaded is what was signed."""
    try:
        with open_folder(folder, lazy=lazy, keeping=Keeping(*options)) as model:
            loaded = [model.torch(NAMES[0]), model.safetensors(NAMES[1]), model.safetensors(names=["bias", "weight"])]
            for _ in range(2):  # nor does it become anything else afterwards
                for state in loaded:
                    assert all(torch.equal(state[name], STATE[name]) for name in STATE)
    except (VerificationError, NotFound):
        return True
    return False


def test_tensors_are_the_signed_ones_or_there_are_none(signed, tmp_path):
    chance = random.Random(20261124)
    refused = 0
    for number in range(ROUNDS):
        folder = shutil.copytree(signed, tmp_path / str(number))
        mode = chance.choice(["auto", "memory", "copy", "descriptor"])
        writer = Writer(folder, chance)
        writer.start()
        refused += load(folder, (mode, tmp_path), lazy=chance.random() < 0.5)
        writer.join()
        shutil.rmtree(folder)
    assert 0 < refused < ROUNDS  # the races are real ones


def test_writes_that_do_not_overlap_refuse_nothing(signed, tmp_path):
    chance = random.Random(20261125)
    refused = 0
    for number in range(ROUNDS):
        folder = shutil.copytree(signed, tmp_path / str(number))
        writer = Writer(folder, chance)
        writer.act()
        writer.rename_back()
        refused += load(folder, (chance.choice(["auto", "copy", "descriptor"]), tmp_path), lazy=chance.random() < 0.5)
        writer.act()
        shutil.rmtree(folder)
    assert refused <= ROUNDS // 1000
