"""The network, and how an image becomes its input: what training and serving must agree on."""

import json
from pathlib import Path

import numpy as np
import torch
from torch import nn


class Net(nn.Sequential):
    """Two convolutions and two linear layers for 8 by 8 grey images of ten digits."""

    def __init__(self, width: int) -> None:
        super().__init__(
            nn.Conv2d(1, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(2 * width * 16, 64),
            nn.ReLU(),
            nn.Linear(64, 10),
        )


def preprocess(images: np.ndarray) -> torch.Tensor:
    """Turn images of 0 to 16 (uint8, [N, 8, 8]) into the input (float32, [N, 1, 8, 8], 0 to 1)."""
    return torch.from_numpy(images).float().div(16).unsqueeze(1)


def load_net(folder: Path) -> Net:
    """Return the network that a model's folder holds."""
    net = Net(json.loads((folder / "config.json").read_text())["width"])
    net.load_state_dict(torch.load(folder / "model.pt", weights_only=True))
    return net.eval()


def predict(net: Net, inputs: torch.Tensor) -> torch.Tensor:
    """Return the outputs, float32, [N, 10]."""
    with torch.inference_mode():
        return net(inputs)


def digits(outputs: torch.Tensor) -> torch.Tensor:
    """Return the digit of each image."""
    return outputs.argmax(1)
