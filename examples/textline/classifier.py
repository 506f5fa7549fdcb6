"""Which way up a line of text is: an ONNX network that looks at an image."""

from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

WIDTH, HEIGHT = 192, 48
LABELS = ("0", "180")  # degrees


def load(folder: Path) -> onnxruntime.InferenceSession:
    """Open the network, on one thread as the service does."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])


def preprocess(path: Path) -> np.ndarray:
    """Decode, scale to the network's height and width, and bring to -1 … 1 (float32, [1, 3, 48, 192], BGR)."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB").resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR))
    return (pixels[..., ::-1].astype(np.float32) / 127.5 - 1).transpose(2, 0, 1)[None]


def predict(network: onnxruntime.InferenceSession, inputs: np.ndarray) -> np.ndarray:
    """Return the probability of each direction (float32, [1, 2])."""
    return network.run(None, {network.get_inputs()[0].name: inputs})[0]


def postprocess(probabilities: np.ndarray) -> str:
    """Return the direction in degrees."""
    return LABELS[int(probabilities[0].argmax())]
