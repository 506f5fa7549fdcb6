"""Serve the model: verify it, load the verified bytes, and prove that it answers as it did when it was trained."""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from net import Net, preprocess

import sycee


def main(folder: str, key: str, data: str) -> None:
    """Classify the first test images and compare every output with the one recorded at training."""
    with sycee.load(folder, key=key) as model:
        net = Net(json.load(model.open("config.json"))["width"])
        net.load_state_dict(model.torch())
        expected = torch.tensor(json.load(model.open("expected.json")))
        print(f"loaded {model.name}, test accuracy at training {model.card.metrics['test_acc']:.4f}")

    images = np.load(Path(data) / "test-images.npy")[: len(expected)]
    labels = np.load(Path(data) / "test-labels.npy")[: len(expected)]
    with torch.inference_mode():
        outputs = net.eval()(preprocess(images))
    if not torch.equal(outputs, expected):
        sys.exit(f"outputs differ from those at training by up to {(outputs - expected).abs().max():.3g}")
    right = int((outputs.argmax(1).numpy() == labels).sum())
    print(f"{len(outputs)} images: every output equals the recorded one bit for bit; {right} digits are right")


if __name__ == "__main__":
    main(*sys.argv[1:])
