"""What files that torch, safetensors and ONNX wrote say of a model, beside what these libraries say themselves."""

import math
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from sycee.capture.facts import model_facts

pytestmark = pytest.mark.slow


def counted(folder, *names):
    model = model_facts(folder, names, pytest.fail).model
    return model.get("parameters"), model.get("dtype")


def test_state_dicts_of_torch_and_the_same_as_safetensors(tmp_path):
    from safetensors.torch import save_file

    kinds = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16]
    kinds += [torch.int8, torch.uint8, torch.bool, torch.uint16, torch.uint32, torch.float8_e4m3fn, torch.float8_e5m2]
    state = {f"t{number}": torch.zeros(2, number, dtype=kind) for number, kind in enumerate(kinds, 1)}
    state["scalar"] = torch.tensor(1.0)
    sizes = Counter({str(one.dtype).removeprefix("torch."): 0 for one in state.values()})
    for one in state.values():
        sizes[str(one.dtype).removeprefix("torch.")] += one.numel()
    torch.save(state, tmp_path / "model.pt")
    save_file(state, tmp_path / "model.safetensors")
    wanted = (sizes.total(), dict(sorted(sizes.items())))
    assert counted(tmp_path, "model.pt") == wanted
    assert counted(tmp_path, "model.safetensors") == wanted


def test_modules_with_tied_weights_views_and_checkpoints(tmp_path):
    layer = torch.nn.Linear(3, 3)
    torch.save(torch.nn.Sequential(layer, torch.nn.BatchNorm1d(3), layer).state_dict(), tmp_path / "tied.pt")
    assert counted(tmp_path, "tied.pt") == (25, {"float32": 24, "int64": 1})
    whole = torch.zeros(4, 4)
    torch.save({"a": whole[:2], "b": whole[2:], "p": torch.nn.Parameter(torch.ones(2))}, tmp_path / "views.pt")
    assert counted(tmp_path, "views.pt") == (18, {"float32": 18})
    optimizer = torch.optim.Adam(layer.parameters())
    layer(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    checkpoint = {"state_dict": layer.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}
    torch.save(checkpoint, tmp_path / "best.ckpt")
    assert counted(tmp_path, "best.ckpt") == (12, {"float32": 12})
    torch.save(layer, tmp_path / "module.pt")
    torch.save(layer.state_dict(), tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    assert counted(tmp_path, "module.pt") == counted(tmp_path, "old.pt") == (None, None)


def test_models_of_onnx_as_they_are_published():
    import onnx

    found = find_spec("rapidocr_onnxruntime")
    assert found is not None
    assert found.origin is not None
    models = sorted(Path(found.origin).parent.rglob("*.onnx"))
    assert models
    for path in models:
        graph = onnx.load(path).graph
        held = [*graph.initializer, *(one.t for node in graph.node for one in node.attribute if one.HasField("t"))]
        assert counted(path.parent, path.name)[0] == sum(math.prod(tensor.dims) for tensor in held)
