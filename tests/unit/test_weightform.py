"""Forms of weights: name and first bytes must agree, and a pickle is one under whatever name."""

import io
import pickle

import pytest

from sycee.formats.weightform import FORMS, HEAD, form_of

SAFETENSORS = (2).to_bytes(8, "little") + b"{}"
ZIP = b"PK\x03\x04 and more"


@pytest.mark.parametrize(
    ("name", "data", "form"),
    [
        ("model.safetensors", SAFETENSORS, "safetensors"),
        ("MODEL.SafeTensors", SAFETENSORS, "safetensors"),
        ("model.safetensors", ZIP, "unknown"),
        ("model.safetensors", (1 << 60).to_bytes(8, "little") + b"{}", "unknown"),
        ("model.safetensors", (2).to_bytes(8, "little") + b" {}", "unknown"),
        ("model.safetensors", b"", "unknown"),
        ("model.onnx", b"\x08\x09", "onnx"),
        ("model.onnx", b"PK\x03\x04", "unknown"),
        ("model.onnx_data", b"\x80\x04", "onnx"),
        ("model.onnx.data", b"", "onnx"),
        ("model.pt", ZIP, "torch"),
        ("pytorch_model.bin", ZIP, "torch"),
        ("model.pt", SAFETENSORS, "unknown"),
        ("model.pt", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "pickle"),
        ("model.safetensors", pickle.dumps({}), "pickle"),
        ("model.gguf", pickle.dumps([1], protocol=2), "pickle"),
        ("model.pkl", b"anything", "pickle"),
        ("model.joblib", b"\x1f\x8b", "pickle"),
        ("model.gguf", b"GGUF\x03", "gguf"),
        ("model.npy", b"\x93NUMPY\x01\x00", "numpy"),
        ("model.npz", ZIP, "numpy"),
        ("model.npz", b"\x93NUMPY\x01\x00", "unknown"),
        ("model.h5", b"\x89HDF\r\n\x1a\n", "h5"),
        ("model.keras", ZIP, "unknown"),
        ("model.pt2", ZIP, "unknown"),
        ("weights", ZIP, "unknown"),
        ("weights", b"\x80", "unknown"),
    ],
)
def test_form(name, data, form):
    assert form_of(name, data[:HEAD]) == form
    assert form in FORMS


@pytest.mark.slow
@pytest.mark.parametrize(("zipped", "form"), [(True, "torch"), (False, "pickle")])
def test_what_torch_writes(zipped, form):
    import torch

    written = io.BytesIO()
    torch.save({"w": torch.zeros(2)}, written, _use_new_zipfile_serialization=zipped)
    assert form_of("model.pt", written.getvalue()[:HEAD]) == form
