"""The table of names: signed, unsigned, refused."""

import pytest

from sycee.core import modelfolder
from sycee.core.modelfolder import Names, Part

FILES = ["model.pt", "sub/model.bin", "shards/a", "vocab.txt", "notes.sig"]


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("model.pt", Part.CONTENT),
        ("vocab.txt", Part.CONTENT),
        ("notes.sig", Part.CONTENT),
        ("vocab.txt.sig", Part.CONTENT),
        ("model_card.yaml", Part.CONTENT),
        ("context/.gitattributes", Part.CONTENT),
        ("context/dvc.yaml", Part.CONTENT),
        ("context/model.sig", Part.CONTENT),
        ("context/SHA256SUMS", Part.CONTENT),
        (".dvcignore", Part.CONTENT),
        ("SHA256SUMS", Part.SUMS),
        ("SHA256SUMS.sig", Part.SIGNATURE),
        ("model.pt.sig", Part.SIGNATURE),
        ("sub/model.bin.sig", Part.SIGNATURE),
        ("model.sig", Part.BUNDLE),
        ("model.pt.dvc", Part.POINTER),
        ("vocab.txt.dvc", Part.POINTER),
        ("shards.dvc", Part.POINTER),
        ("gone.dvc", Part.REFUSED),
        (".gitignore", Part.IGNORE),
        ("sub/.gitignore", Part.IGNORE),
        (".gitattributes", Part.ATTRIBUTES),
        ("dvc.yaml", Part.PIPELINE),
        ("dvc.lock", Part.PIPELINE),
        ("records/eval.json", Part.RECORD),
        ("records/deep/second.sig", Part.RECORD),
        ("records/eval.py", Part.REFUSED),
        ("records/x.pyc", Part.REFUSED),
        ("x/__pycache__/y", Part.REFUSED),
        (".git/config", Part.REFUSED),
        ("../x", Part.REFUSED),
    ],
)
def test_parts(name, part):
    assert Names.make([*FILES, name], ["model.pt", "sub/model.bin"]).part(name) is part


def test_guessed_weights():
    files = ["a.pt", "b.SAFETENSORS", "c.txt", "c.txt.dvc", "d.py", "context/golden/x.safetensors", "pt", "e.pt.sig"]
    assert modelfolder.guess_weights(files) == {"a.pt", "b.SAFETENSORS", "c.txt"}


def test_ignore_paths_may_all_be_ignored():
    names = Names.make([*FILES, "sub/.gitignore", "shards.dvc"], ["model.pt", "sub/model.bin"])
    paths = modelfolder.ignore_paths(names)
    assert list(paths) == sorted(set(paths))
    assert {"sub/.gitignore", "shards.dvc", "sub/model.bin.sig", "model.pt.dvc", "records", ".git"} <= {*paths}
    signed = frozenset(FILES)
    assert [modelfolder.ignore_fault(path, signed, modelfolder.folders_of(signed)) for path in paths] == [None] * len(
        paths
    )


def test_folders_of():
    assert modelfolder.folders_of(["a/b/c", "a/d", "e"]) == {"a", "a/b"}


@pytest.mark.parametrize(
    "name", ["checkpoint-500/model.pt", "runs/a/events", "events.out.tfevents.1", "optimizer.pt", "a/rng_state_0.pth"]
)
def test_what_a_trainer_leaves_on_the_way(name):
    assert modelfolder.is_leftover(name)


@pytest.mark.parametrize("name", ["model.pt", "checkpoint/model.pt", "logs.json", "optimizer/model.pt", "scheduler.py"])
def test_what_may_be_part_of_a_version(name):
    assert not modelfolder.is_leftover(name)
