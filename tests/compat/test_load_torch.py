"""Loading with the real torch and safetensors, from sealed bytes."""

import os
import pickle

import pytest
import torch

from rigs.signed import CARD, fixed_key, open_folder, sign_folder
from sycee.errors import FormatError, NotFound, UsageError
from sycee.ops.scan import scan
from sycee.system.sealed import seal
from sycee.trust.loading import frameworks

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "digits"
    folder.mkdir()
    (folder / "model_card.yaml").write_bytes(CARD)
    return folder


def opened(folder, **options):
    sign_folder(folder)
    return open_folder(folder, fixed_key().public, **options)


STATE = {"weight": torch.arange(2_000_000, dtype=torch.float32).reshape(1000, 2000), "bias": torch.ones(10)}


def same(found, wanted=STATE):
    return found.keys() == wanted.keys() and all(torch.equal(found[name], wanted[name]) for name in wanted)


@pytest.mark.parametrize("lazy", [False, True])
def test_state_dict(folder, lazy):
    torch.save(STATE, folder / "model.pt")
    with opened(folder, lazy=lazy) as model:
        state = model.torch()
    assert same(state)  # also after close


@pytest.mark.parametrize("size", [10, 2_000_000])
def test_file_is_overwritten_between_load_and_torch(folder, size):
    state = {"weight": torch.arange(size, dtype=torch.float32)}
    evil = {"weight": torch.full((size,), 666.0)}
    torch.save(state, folder / "model.pt")
    with opened(folder) as model:
        torch.save(evil, folder / "model.pt")
        first = model.torch()
        (folder / "model.pt").write_bytes(b"")
        second = model.torch("model.pt")
    assert same(first, state)
    assert same(second, state)


def test_file_in_the_old_format(folder):
    torch.save(STATE, folder / "model.pt", _use_new_zipfile_serialization=False)
    with opened(folder) as model:
        assert same(model.torch())


class Evil:
    def __reduce__(self):
        return (print, ("executed",))


def test_nothing_is_executed(folder, capfd):
    torch.save({"weight": Evil()}, folder / "model.pt")
    with opened(folder) as model, pytest.raises(FormatError, match=r"with weights_only=True: it asks to run \S*print"):
        model.torch()
    (folder / "model.pt").write_bytes(pickle.dumps(Evil()))
    with opened(folder) as model, pytest.raises(FormatError):
        model.torch()
    assert "executed" not in capfd.readouterr().out


def test_several_files(folder):
    torch.save(STATE, folder / "a.pt")
    torch.save(STATE, folder / "b.pt")
    with opened(folder) as model:
        with pytest.raises(UsageError, match=r"a\.pt, b\.pt"):
            model.torch()
        assert same(model.torch("b.pt"))
        with pytest.raises(NotFound, match="no safetensors"):
            model.safetensors()


def test_fourteen_safetensors_shards(folder):
    from safetensors.torch import save_file

    tensors = {f"layer.{number}.weight": torch.full((300, 1000), float(number)) for number in range(14)}
    for number, (name, tensor) in enumerate(tensors.items(), 1):
        save_file({name: tensor}, folder / f"model-{number:05}-of-00014.safetensors")
    with opened(folder) as model:
        for path in folder.glob("*.safetensors"):
            path.write_bytes(b"")
        assert len(model.shards()) == 14
        one = model.safetensors("model-00003-of-00014.safetensors", framework="numpy")
        assert one["layer.2.weight"].max() == 2.0
        assert same(model.safetensors(), tensors)
        with pytest.raises(NotFound, match="no weights for torch"):
            model.torch()


def test_torch_shards_are_merged(folder):
    for number in (1, 2):
        torch.save({f"w{number}": torch.ones(3)}, folder / f"pytorch_model-{number:05}-of-00002.bin")
    with opened(folder) as model:
        assert model.torch().keys() == {"w1", "w2"}


def test_damaged_safetensors(folder):
    (folder / "model.safetensors").write_bytes(b"\xff" * 100)
    with opened(folder) as model, pytest.raises(FormatError, match="no whole safetensors file"):
        model.safetensors()


def test_memory_holds_the_model_once(folder):
    import resource

    torch.save({"weight": torch.zeros(64 << 20, dtype=torch.float32)}, folder / "model.pt")  # 256 MiB
    with opened(folder) as model:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        state = model.torch()
        assert state["weight"].shape == (64 << 20,)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10  # KiB: mapped, not copied


@pytest.mark.parametrize("kind", ["torch", "safetensors"])
def test_a_model_closed_meanwhile_does_not_let_another_file_in(tmp_path, monkeypatch, kind):
    # The number of a closed descriptor goes to the next file that is opened, whoever wrote that.
    import safetensors.torch

    good, evil = tmp_path / "good", tmp_path / "evil"
    for path, value in ((good, 1.0), (evil, 666.0)):
        tensors = {"w": torch.tensor([value])}
        torch.save(tensors, path) if kind == "torch" else safetensors.torch.save_file(tensors, path)
    with good.open("rb") as file:
        sealed, _ = seal("good", file.fileno(), "sha256")
    owner, name = (torch, "load") if kind == "torch" else (safetensors, "safe_open")
    real, number, opened = getattr(owner, name), sealed.fileno(), []

    def closing(*arguments, **options):
        sealed.close()
        opened.append(os.open(evil, os.O_RDONLY))
        return real(*arguments, **options)

    monkeypatch.setattr(owner, name, closing)
    load = frameworks.load_torch if kind == "torch" else frameworks.load_safetensors
    loaded = load(sealed, "cpu", {}) if kind == "torch" else load(sealed, "torch")
    assert opened == [number]
    os.close(number)
    assert loaded["w"].item() == 1.0


@pytest.mark.parametrize("form", [{}, {"_use_new_zipfile_serialization": False}])
def test_a_scan_finds_what_torch_wrote_clean_and_code_not(tmp_path, form):
    torch.save({**STATE, "half": torch.ones(3, dtype=torch.bfloat16), "p": torch.nn.Parameter(torch.ones(2))},
               tmp_path / "good.pt", **form)  # fmt: skip
    torch.save({"weight": Evil()}, tmp_path / "evil.pt", **form)
    torch.save(torch.nn.Linear(2, 2), tmp_path / "module.pt", **form)
    evil, good, module = scan(tmp_path)
    assert good.clean, good
    assert evil.unusual == ("__builtin__ print",)
    assert "torch.nn.modules.linear Linear" in module.unusual
