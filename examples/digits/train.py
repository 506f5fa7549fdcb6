"""Train the network and freeze the result: the whole of sycee in a training script is two calls."""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from net import Net, digits, load_net, predict, preprocess
from torch import nn

import sycee

DATA, MODEL = Path("data/digits"), Path("models/digits")
SHOWN = 32  # test images whose outputs are recorded
SAMPLES = 4  # of them, for `sycee replay`


def load(part: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Return inputs and labels of ``train`` or ``test``."""
    images, labels = (np.load(DATA / f"{part}-{what}.npy") for what in ("images", "labels"))
    return preprocess(images), torch.from_numpy(labels).long()


def fit(net: Net, config: argparse.Namespace) -> None:
    """Train with Adam on shuffled batches."""
    inputs, labels = load("train")
    optimizer = torch.optim.Adam(net.parameters(), lr=config.lr)
    for _ in range(config.epochs):
        for batch in torch.randperm(len(labels)).split(config.batch_size):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(inputs[batch]), labels[batch]).backward()
            optimizer.step()


def main() -> None:
    """Train, test, save, freeze."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--version", default="1.0.0")
    config = parser.parse_args()

    sycee.seed(7)
    net = Net(config.width)
    fit(net, config)

    net.eval()
    inputs, labels = load("test")
    with torch.inference_mode():
        accuracy = (net(inputs).argmax(1) == labels).double().mean().item()
        shown = net(inputs[:SHOWN])
    print(f"test accuracy {accuracy:.4f}")

    MODEL.mkdir(parents=True, exist_ok=True)
    torch.save(net.state_dict(), MODEL / "model.pt")
    (MODEL / "config.json").write_text(json.dumps({"width": config.width}) + "\n")
    (MODEL / "expected.json").write_text(json.dumps(shown.tolist()) + "\n")

    print(
        sycee.freeze(
            MODEL,
            task="image-classification",
            metrics={"test_acc": accuracy},
            training_config=config,
            data=[DATA],
            version=config.version,
            load=load_net,
            preprocess=preprocess,
            predict=predict,
            postprocess=digits,
            samples=np.split(np.load(DATA / "test-images.npy")[:SAMPLES], SAMPLES),
        )
    )


if __name__ == "__main__":
    main()
