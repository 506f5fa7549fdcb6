"""Three small networks whose numbers depend on the machine's kernels: in numpy, in torch, and as ONNX."""

from pathlib import Path

import numpy as np

import sycee
from rigs.golden import ROLES, written
from rigs.signed import fixed_key
from sycee.ops.sign import sign

SIZES = (17, 64, 129, 256)  # kernels take blocks of 4, 8 and 16: some sizes leave a rest

MLP = """
import numpy

def load(folder):
    return numpy.load(folder / "weights.npz")

def preprocess(text):
    return numpy.random.default_rng(len(text)).standard_normal((4, 256), "float32")

def predict(weights, x):
    sizes = (17, 64, 129, 256)
    return {f"of {n}": numpy.tanh(x[:, :n] @ weights[f"in {n}"]) @ weights[f"out {n}"] for n in sizes}

def postprocess(outputs):
    return [int(number) for y in outputs.values() for number in y.argmax(1)]
"""

CONVOLUTIONS = """
import numpy
import torch

def load(folder):
    net = torch.nn.Sequential(
        torch.nn.Conv2d(3, 16, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(16, 32, 3), torch.nn.GELU(),
        torch.nn.AdaptiveAvgPool2d(3), torch.nn.Flatten(), torch.nn.Linear(288, 10), torch.nn.Softmax(1),
    )
    net.load_state_dict(torch.load(folder / "weights.pt"))
    return net.eval()

def preprocess(text):
    return torch.from_numpy(numpy.random.default_rng(len(text)).standard_normal((2, 3, 32, 32), "float32"))

def predict(net, x):
    with torch.inference_mode():
        return net(x)

def postprocess(y):
    return y.argmax(1).tolist()
"""

ONNX = """
import numpy
import onnxruntime

def load(folder):
    return onnxruntime.InferenceSession(folder / "network.onnx", providers=["CPUExecutionProvider"])

def preprocess(text):
    return numpy.random.default_rng(len(text)).standard_normal((2, 256), "float32")

def predict(session, x):
    return session.run(None, {"x": x})[0]

def postprocess(y):
    return [int(number) for number in y.argmax(1)]
"""


def write_mlp(folder: Path) -> None:
    """Write the weights of the network in numpy."""
    rng = np.random.default_rng(0)
    weights = {f"in {n}": rng.standard_normal((n, n), "float32") / np.float32(n**0.5) for n in SIZES}
    weights |= {f"out {n}": rng.standard_normal((n, 10), "float32") for n in SIZES}
    np.savez(folder / "weights.npz", **weights)


def write_convolutions(folder: Path) -> None:
    """Write the weights of the network in torch."""
    import torch

    shapes = {"0": (16, 3, 3, 3), "2": (32, 16, 3, 3), "6": (10, 288)}
    generator = torch.Generator().manual_seed(0)
    weights = {f"{name}.weight": torch.randn(shape, generator=generator) / 5 for name, shape in shapes.items()}
    torch.save(
        weights | {f"{name}.bias": torch.zeros(shape[0]) for name, shape in shapes.items()}, folder / "weights.pt"
    )


def write_onnx(folder: Path) -> None:
    """Write the network as ONNX: two layers, the weights in it."""
    from onnx import TensorProto, checker, helper, numpy_helper, save

    rng = np.random.default_rng(0)
    shapes = {"a": (256, 129), "b": (129, 10)}
    weights = [numpy_helper.from_array(rng.standard_normal(shape, "float32"), name) for name, shape in shapes.items()]
    nodes = [
        helper.make_node("MatMul", ["x", "a"], ["hidden"]),
        helper.make_node("Sigmoid", ["hidden"], ["squashed"]),
        helper.make_node("MatMul", ["squashed", "b"], ["y"]),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, n]) for name, n in (("x", 256), ("y", 10))]
    graph = helper.make_graph(nodes, "network", ends[:1], ends[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    checker.check_model(model)
    save(model, folder / "network.onnx")


WRITERS = {MLP: write_mlp, CONVOLUTIONS: write_convolutions, ONNX: write_onnx}


def freeze_network(folder: Path, code: str) -> None:
    """Make a network, record its golden samples, and sign it."""
    folder.mkdir(parents=True)
    WRITERS[code](folder)
    with written(folder.parent / "code", code.replace("{", "{{").replace("}", "}}")) as module:
        frozen = sycee.freeze(
            folder,
            task="classification",
            data_version="none",
            samples=["one", "other"],
            **{role: getattr(module, role) for role in ROLES},
        )
    assert frozen.card.values["golden"]["samples"] == 2, frozen.warnings
    sign(folder, fixed_key())
