"""A text classifier as a service runs it: a real tokenizer with its vocabulary, and a small embedding."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from tokenizers import BertWordPieceTokenizer

LENGTH = 16
SENTENCES = [
    "The Café near Köln isn't open",
    "It has been raining for days and days, so nobody went out to the harbour",
]


class Reader(NamedTuple):
    """What ``load`` returns."""

    tokenizer: BertWordPieceTokenizer
    table: np.ndarray
    vocabulary: Path


def tokenizer(vocabulary: Path, **options: bool) -> BertWordPieceTokenizer:
    """Return a tokenizer that cuts and fills up to one length."""
    made = BertWordPieceTokenizer(str(vocabulary), **{"lowercase": True, **options})
    made.enable_truncation(LENGTH)
    made.enable_padding(length=LENGTH)
    return made


def load(folder: Path) -> Reader:
    return Reader(tokenizer(folder / "vocab.txt"), np.load(folder / "weights.npy"), folder / "vocab.txt")


def preprocess(reader: Reader, text: str) -> dict[str, np.ndarray]:
    """Turn a sentence into token ids and mask (int64, [16])."""
    encoded = reader.tokenizer.encode(text)
    return {"ids": np.array(encoded.ids), "mask": np.array(encoded.attention_mask)}


def predict(reader: Reader, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """Return the mean embedding of what is not padding (float32, [8])."""
    mask = inputs["mask"].astype(np.float32)[:, None]
    return (reader.table[inputs["ids"]] * mask).sum(0) / mask.sum()
