"""ONNX models with the real onnxruntime, from verified bytes alone; numbers in files beside the model too."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from rigs.signed import fixed_key, open_folder, sign_folder
from sycee.errors import ContextMismatch, FormatError, NotFound, UsageError

pytestmark = pytest.mark.slow

WEIGHTS = np.arange(600_000, dtype=np.float32)  # more than what is kept as a bytes object


def model_of(weights, *, location=None):
    """A model that adds its weights to its input."""
    tensor = helper.make_tensor("w", TensorProto.FLOAT, weights.shape, weights.tobytes(), raw=True)
    if location is not None:
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in {"location": location, "offset": "0", "length": str(weights.nbytes)}.items():
            entry = tensor.external_data.add()
            entry.key, entry.value = key, value
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, weights.shape) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"])], "g", ends[:1], ends[1:], [tensor])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    made.ir_version = 8
    return made.SerializeToString()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "add/onnx").mkdir(parents=True)
    return tmp_path / "add"


def opened(folder, **options):
    sign_folder(folder)
    return open_folder(folder, fixed_key().public, **options)


def run(session):
    return session.run(None, {"x": np.ones_like(WEIGHTS)})[0]


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("beside", [None, "weights.data"])
def test_a_session_is_made_of_the_signed_bytes(folder, lazy, beside):
    path, data = folder / "onnx/model.onnx", folder / "onnx/weights.data"
    path.write_bytes(model_of(WEIGHTS, location=beside))
    if beside:
        data.write_bytes(WEIGHTS.tobytes())
    with opened(folder, lazy=lazy) as model:
        if lazy:
            model.read("onnx/model.onnx")
        if lazy and beside:
            model.read("onnx/weights.data")
        path.write_bytes(model_of(WEIGHTS * 666))
        if beside:
            data.write_bytes((WEIGHTS * 666).tobytes())
        session = model.onnx(providers=["CPUExecutionProvider"])
        assert isinstance(session, onnxruntime.InferenceSession)
        assert np.array_equal(run(session), WEIGHTS + 1)
    assert np.array_equal(run(session), WEIGHTS + 1)  # also after close


@pytest.mark.parametrize("location", ["../../secret", "/etc/hostname", "missing.data", ""])
def test_numbers_in_a_file_that_was_not_signed(folder, location):
    (folder / "onnx/model.onnx").write_bytes(model_of(WEIGHTS, location=location))
    (folder.parent / "secret").write_bytes(WEIGHTS.tobytes())
    with opened(folder) as model, pytest.raises(ContextMismatch, match="no such file was signed with it"):
        model.onnx()


def test_numbers_in_the_file_of_the_model_itself(folder):
    weights = np.ones(2, dtype=np.float32)
    (folder / "model.onnx").write_bytes(model_of(weights, location="model.onnx"))
    with opened(folder) as model:
        session = model.onnx(providers=["CPUExecutionProvider"])
        first = np.frombuffer((folder / "model.onnx").read_bytes()[:8], dtype=np.float32)
        assert np.array_equal(session.run(None, {"x": weights})[0], first + weights)


def test_what_is_no_model(folder, monkeypatch):
    (folder / "model.onnx").write_bytes(b"\xff" * 99)
    (folder / "empty.onnx").write_bytes(b"")
    (folder / "other.onnx").write_bytes(helper.make_model(helper.make_graph([], "g", [], [])).SerializeToString()[:7])
    with opened(folder) as model:
        with pytest.raises(UsageError, match="several weights files"):
            model.onnx()
        for name in ("model.onnx", "empty.onnx", "other.onnx"):
            with pytest.raises(FormatError):
                model.onnx(name)
        with pytest.raises(NotFound, match="no weights for torch"):
            model.torch()


def test_an_attribute_of_a_graph_within_a_graph_is_found(folder):
    inner = onnx.load_model_from_string(model_of(WEIGHTS, location="deep.data")).graph
    node = helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)
    whole = helper.make_model(helper.make_graph([node], "g", [], []))
    (folder / "model.onnx").write_bytes(whole.SerializeToString())
    with opened(folder) as model, pytest.raises(ContextMismatch, match=r"'deep\.data'"):
        model.onnx()
