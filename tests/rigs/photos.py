"""An image classifier as a service runs it: Pillow, a small torch network, labels in a file."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageOps

SIZE = (16, 16)
MEAN = np.float32([0.485, 0.456, 0.406])
STD = np.float32([0.229, 0.224, 0.225])


class Classifier(NamedTuple):
    """What ``load`` returns."""

    net: torch.nn.Module
    labels: list[str]


def network() -> torch.nn.Module:
    """Return the network, with weights as they start."""
    torch.manual_seed(5)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3),
        torch.nn.BatchNorm2d(4),
        torch.nn.ReLU(),
        torch.nn.Dropout(0.2),
        torch.nn.Flatten(),
        torch.nn.Linear(4 * 14 * 14, 4),
    )


def load(folder: Path) -> Classifier:
    net = network()
    net.load_state_dict(torch.load(folder / "model.pt", weights_only=True))
    return Classifier(net.eval(), json.loads((folder / "labels.json").read_text()))


def pixels(path: Path) -> np.ndarray:
    """Decode, turn upright, scale (uint8, [16, 16, 3], RGB)."""
    with Image.open(path) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB").resize(SIZE, Image.Resampling.BILINEAR))


def normalised(values: np.ndarray) -> np.ndarray:
    """Bring to mean and deviation of the training data (float32, [1, 3, 16, 16])."""
    return ((values.astype(np.float32) / 255 - MEAN) / STD).transpose(2, 0, 1)[None]


def preprocess(path: Path) -> np.ndarray:
    return normalised(pixels(path))


def predict(classifier: Classifier, x: np.ndarray) -> torch.Tensor:
    """Return logits (float32, [1, 4])."""
    with torch.inference_mode():
        return classifier.net(torch.from_numpy(x))


def postprocess(classifier: Classifier, logits: torch.Tensor) -> list[str]:
    """Return the three most likely labels, the best first."""
    return [classifier.labels[position] for position in logits[0].topk(3).indices.tolist()]


def write_model(folder: Path) -> Path:
    """Write weights and labels into the model's folder."""
    folder.mkdir(parents=True)
    torch.save(network().state_dict(), folder / "model.pt")
    (folder / "labels.json").write_text(json.dumps(["tabby", "puma", "lynx", "ocelot"]))
    return folder


def draw(folder: Path) -> list[Path]:
    """Draw the samples: a photograph that lies on its side, and a picture with a transparent part."""
    folder.mkdir(parents=True)
    y, x = np.mgrid[0:60, 0:80]
    rgb = np.stack([x * 3 % 256, y * 4 % 256, (x * y // 7) % 256], -1).astype(np.uint8)
    lying = Image.Exif()
    lying[0x0112] = 6  # orientation: turned by 90 degrees
    Image.fromarray(rgb).save(folder / "photo.jpg", quality=90, exif=lying)
    Image.fromarray(np.dstack([rgb, (x * 3).astype(np.uint8)])).save(folder / "logo.png")
    return [folder / "photo.jpg", folder / "logo.png"]
