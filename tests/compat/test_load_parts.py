"""Some tensors of safetensors weights, verified without reading the others; with the real safetensors."""

import os
import shutil

import pytest
import torch
from safetensors.torch import save_file

import sycee
from rigs.headers import TRICKS
from rigs.signed import fixed_key, open_folder, sign_folder
from sycee.errors import ContextMismatch, DigestMismatch, FormatError, NotFound
from sycee.system.onepass import read_at

pytestmark = pytest.mark.slow

TENSORS = {f"layer.{n}": torch.full((300, 1000), float(n)) for n in range(8)} | {
    "scale": torch.tensor(2.5, dtype=torch.bfloat16),
    "empty": torch.zeros((0, 3)),
    "mask": torch.tensor([True, False]),
}


@pytest.fixture(scope="module")
def frozen(tmp_path_factory):
    """A frozen model of two shards, signed."""
    folder = tmp_path_factory.mktemp("frozen") / "bert"
    folder.mkdir()
    names = sorted(TENSORS)
    for number, part in enumerate((names[:6], names[6:]), 1):
        save_file({name: TENSORS[name] for name in part}, folder / f"model-{number:05}-of-00002.safetensors")
    frozen = sycee.freeze(folder, task="test")
    assert any(part.role == "tensors" for part in frozen.card.context)
    sign_folder(folder)
    return folder


@pytest.fixture
def folder(frozen, tmp_path):
    return shutil.copytree(frozen, tmp_path / "bert")


def opened(folder, **options):
    return open_folder(folder, fixed_key().public, **options)


def same(found, names):
    return found.keys() == set(names) and all(torch.equal(found[name], TENSORS[name]) for name in names)


def flip(path, needle):
    """Change one byte of the tensor that holds these bytes."""
    data = bytearray(path.read_bytes())
    data[data.index(needle)] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("names", [["layer.3"], ["mask", "empty", "scale"], ["layer.0", "layer.7", "mask"], []])
def test_tensors_by_name(folder, names, lazy):
    with opened(folder, lazy=lazy) as model:
        found = model.safetensors(names=names)
    assert same(found, names)


def test_only_what_is_asked_for_is_read(folder, monkeypatch):
    read = []
    real = os.preadv

    def counting(fd, buffers, at):
        count = real(fd, buffers, at)
        read.append(count)
        return count

    monkeypatch.setattr(os, "preadv", counting)
    with opened(folder, lazy=True) as model:
        assert same(model.safetensors(names=["layer.3"]), ["layer.3"])
    assert sum(read) == 300 * 1000 * 4


def test_what_was_not_asked_for_may_differ_and_what_was_may_not(folder):
    first = folder / "model-00001-of-00002.safetensors"
    flip(first, TENSORS["layer.2"].numpy().tobytes()[:64])
    with opened(folder, lazy=True) as model:
        assert same(model.safetensors(names=["layer.3"]), ["layer.3"])
        with pytest.raises(DigestMismatch, match=r"the tensor 'layer\.2' has other bytes: expected blake3:"):
            model.safetensors(names=["layer.2", "layer.3"])
        with pytest.raises(DigestMismatch):
            model.safetensors(first.name)
    with pytest.raises(DigestMismatch):
        opened(folder)


def test_a_changed_header_is_refused(folder):
    path = folder / "model-00001-of-00002.safetensors"
    data = path.read_bytes()
    path.write_bytes(data.replace(b"layer.2", b"layer.9", 1))
    with opened(folder, lazy=True) as model, pytest.raises(DigestMismatch, match="its header has other bytes"):
        model.safetensors(names=["layer.3"])


def test_signed_digests_that_contradict_the_header(folder):
    path = folder / "context/tensors.json"
    path.write_bytes(path.read_bytes().replace(b'"layer.2"', b'"layer.9"'))
    card = folder / "model_card.yaml"
    card.write_text(card.read_text().split("context:")[0])
    sign_folder(folder)
    with opened(folder, lazy=True) as model:
        with pytest.raises(ContextMismatch, match="were made of another header"):
            model.safetensors(names=["layer.3"])
        assert len(model.safetensors()) == len(TENSORS)


def test_names_that_no_file_has(folder):
    with opened(folder, lazy=True) as model, pytest.raises(NotFound, match=r"bert has no tensor layer\.99"):
        model.safetensors(names=["layer.1", "layer.99"])


@pytest.mark.parametrize("index", [None, b"broken", b'{"weight_map":{"layer.7":"model-00002-of-00002.safetensors"}}'])
def test_without_digests_the_shards_are_verified_whole(folder, index):
    (folder / "context/tensors.json").unlink()
    card = folder / "model_card.yaml"
    card.write_text(card.read_text().split("context:")[0])
    if index:
        (folder / "model.safetensors.index.json").write_bytes(index)
    sign_folder(folder)
    with opened(folder, lazy=True) as model:
        assert same(model.safetensors(names=["layer.7"]), ["layer.7"])
        read = {name for name in model.shards() if model._kept.has(name)}
    assert len(read) == (1 if index and index != b"broken" else 2)


@pytest.mark.parametrize("trick", TRICKS)
def test_tricks_with_headers_never_reach_the_library(tmp_path, trick, monkeypatch):
    folder = tmp_path / "m"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(TRICKS[trick])
    sign_folder(folder)
    monkeypatch.setattr("safetensors.safe_open", None)
    with opened(folder) as model, pytest.raises(FormatError):
        model.safetensors()


def test_reading_at_a_place_ends_with_the_file(tmp_path):
    (tmp_path / "f").write_bytes(b"0123456789")
    with (tmp_path / "f").open("rb") as file:
        assert (read_at(file.fileno(), 3, 4), read_at(file.fileno(), 8, 9)) == (b"3456", b"89")
