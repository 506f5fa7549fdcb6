"""Freeze an ONNX network that takes an image, with the images that prove it.

pip install rapidocr-onnxruntime onnxruntime Pillow     # the network comes with the first
python freeze.py
"""

import importlib.util
import shutil
from pathlib import Path

from classifier import load, postprocess, predict, preprocess
from PIL import Image, ImageDraw

import sycee

MODEL = Path("models/textline")
PACKAGED = "models/ch_ppocr_mobile_v2.0_cls_infer.onnx"


def draw(path: Path, text: str, *, upside_down: bool) -> Path:
    """Write a photograph of a line of text, as a scanner would."""
    image = Image.new("RGB", (480, 100), (250, 244, 230))
    ImageDraw.Draw(image).text((20, 25), text, fill=(20, 30, 90), font_size=44)
    path.parent.mkdir(parents=True, exist_ok=True)
    (image.rotate(180) if upside_down else image).save(path, quality=85)
    return path


def main() -> None:
    """Copy the packaged network, draw the samples, and freeze it."""
    found = importlib.util.find_spec("rapidocr_onnxruntime")
    if found is None or found.submodule_search_locations is None:
        raise SystemExit("pip install rapidocr-onnxruntime")
    MODEL.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(Path(found.submodule_search_locations[0]) / PACKAGED, MODEL / "model.onnx")
    samples = [
        draw(Path("samples/upright.jpg"), "weights and the stamp", upside_down=False),
        draw(Path("samples/turned.jpg"), "in one body", upside_down=True),
    ]
    print(
        sycee.freeze(
            MODEL,
            task="image-classification",
            version="1.0.0",
            load=load,
            preprocess=preprocess,
            predict=predict,
            postprocess=postprocess,
            samples=samples,
        )
    )


if __name__ == "__main__":
    main()
