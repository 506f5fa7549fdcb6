"""Torch weights become safetensors, each tensor the same to the bit; real torch and safetensors."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from rigs.signed import CARD, open_folder, sign_folder, write_model
from sycee.errors import Conflict, FormatError, NotFound
from sycee.formats import card
from sycee.ops.convert import convert

pytestmark = pytest.mark.slow

SHARED = torch.rand(6, 4)
STATE = {
    "nan": torch.tensor([float("nan"), -0.0, float("inf")]),
    "bf16": torch.rand(5, 3).to(torch.bfloat16),
    "f8": torch.rand(4).to(torch.float8_e4m3fn),
    "bool": torch.tensor([True, False]),
    "scalar": torch.tensor(7),
    "empty": torch.zeros(0, 2),
    "complex": torch.rand(2, dtype=torch.complex64),
    "transposed": torch.rand(3, 4).T,
    "embedding": SHARED,
    "head": SHARED,
    "part": SHARED[2:4],
    "conjugated": torch.tensor([1 + 2j, 3 - 4j]).conj(),
    "negated": torch.tensor([1 + 2j]).conj().imag,
}


def bits(tensor):
    return tensor.resolve_conj().resolve_neg().contiguous().as_strided((tensor.numel(),), (1,)).view(torch.uint8)


@pytest.fixture
def folder(tmp_path):
    files = {"model_card.yaml": CARD, "config.json": b"{}", "context/source/pre.py": b"x = 1\n"}
    folder = write_model(tmp_path / "bert", files)
    torch.save(STATE, folder / "model.pt")
    return folder


def test_every_tensor_is_the_same_to_the_bit(folder):
    identity = sign_folder(folder).identity
    done = convert(folder, environ={})
    assert done.folder == folder.parent / "bert-safetensors"
    assert done.warnings == ()
    [file] = done.files
    assert (file.path, file.tensors, dict(file.tied)) == ("model.safetensors", len(STATE), {"head": "embedding"})
    again = load_file(done.folder / "model.safetensors")
    assert again.keys() == STATE.keys()
    for name, tensor in STATE.items():
        assert (again[name].dtype, again[name].shape) == (tensor.dtype, tensor.shape)
        assert torch.equal(bits(again[name]), bits(tensor)), name
    made = card.parse((done.folder / "model_card.yaml").read_bytes()).values
    assert made["lineage"]["parent_version"] == f"sycee:{identity}"
    assert made["x_converted"]["files"][0]["from"] == "model.pt"
    assert made["x_converted"]["tools"].keys() == {"sycee", "torch", "safetensors"}
    assert (made["metrics"]["val_f1"], made["model"]["format"]) == (0.892, "safetensors")
    assert "version" not in made
    assert (done.folder / "config.json").read_bytes() == b"{}"
    names = {path.relative_to(done.folder).as_posix() for path in done.folder.rglob("*") if path.is_file()}
    assert names == {".gitattributes", "config.json", "context/source/pre.py", "context/tensors.json",
                     "model.safetensors", "model_card.yaml"}  # fmt: skip
    sign_folder(done.folder)
    with open_folder(done.folder, lazy=True) as model:
        assert torch.equal(model.safetensors(names=["part"])["part"], STATE["part"])


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"weight": torch.nn.Linear(2, 2)}, "weights_only=True: it asks to run"),
        ({"weight": [1, 2]}, "'weight' is no plain tensor"),
        ({1: torch.ones(1)}, "1 is no plain tensor"),
        ({"s": torch.eye(3).to_sparse()}, "'s' is no plain tensor"),
        (torch.ones(2), "holds no tensors by name"),
        ({}, "holds no tensors by name"),
    ],
)
def test_what_cannot_be_converted_leaves_nothing_behind(folder, value, why):
    torch.save(value, folder / "model.pt")
    with pytest.raises(FormatError, match=why):
        convert(folder, environ={})
    assert [path.name for path in folder.parent.iterdir()] == ["bert"]


def test_weights_that_are_not_torch_are_named_as_left_out(folder):
    save_file({"b": torch.zeros(2)}, folder / "encoder.safetensors")
    done = convert(folder, environ={})
    assert not (done.folder / "encoder.safetensors").exists()
    assert "no torch weights, so left out: encoder.safetensors" in done.warnings


def test_shards_and_checkpoints_without_a_card(folder, tmp_path):
    (folder / "model_card.yaml").unlink()
    (folder / "model.pt").unlink()
    torch.save({"epoch": 3, "state_dict": {"a": torch.ones(2)}}, folder / "one.ckpt")
    torch.save({"b": torch.zeros(2)}, folder / "two.bin", _use_new_zipfile_serialization=False)
    done = convert(folder, tmp_path / "out", environ={})
    assert [(file.path, file.tensors) for file in done.files] == [("one.safetensors", 1), ("two.safetensors", 1)]
    assert "has no card" in done.warnings[0]
    with pytest.raises(Conflict, match="exists"):
        convert(folder, tmp_path / "out", environ={})
    torch.save({"b": torch.zeros(2)}, folder / "two.pt")
    with pytest.raises(Conflict, match=r"would become two\.safetensors"):
        convert(folder, environ={})
    with pytest.raises(NotFound, match="has no torch weights"):
        convert(tmp_path / "out", environ={})


def test_the_verb(repo_dir, run):
    (repo_dir / "m").mkdir()
    torch.save({"a": SHARED, "b": SHARED}, repo_dir / "m/model.pt")
    done = run("convert", "m", "--to", "safetensors")
    assert done.stdout.splitlines() == [
        "model.safetensors: 2 tensors, each the same as in model.pt",
        "  b was tied to a, and has its own bytes now",
    ]
    assert "made m-safetensors; sign it" in done.stderr
    listed = json.loads(run("convert", "m", "--to", "safetensors", "--out", "n", "--json").stdout)
    assert listed["files"][0]["tied"] == {"b": "a"}
    assert "exists" in run("convert", "m", "--to", "safetensors", rc=1).stderr
