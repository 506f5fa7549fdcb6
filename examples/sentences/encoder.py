"""A sentence encoder: text in, one vector of length 1 out. What is frozen here is what a search service runs."""

from pathlib import Path

import torch
from transformers import AutoModel, AutoTokenizer

MAX_TOKENS = 128


class Encoder:
    """Tokenizer and network of one model folder."""

    def __init__(self, folder: Path) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.network = AutoModel.from_pretrained(folder).eval()


def preprocess(encoder: Encoder, text: str) -> dict[str, torch.Tensor]:
    """Turn a sentence into token ids and mask (int64, [1, T])."""
    return dict(encoder.tokenizer(text, truncation=True, max_length=MAX_TOKENS, return_tensors="pt"))


def predict(encoder: Encoder, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return the mean of the last hidden states as a unit vector (float32, [1, 384])."""
    with torch.inference_mode():
        hidden = encoder.network(**inputs).last_hidden_state
    mask = inputs["attention_mask"].unsqueeze(-1)
    return torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=1)
