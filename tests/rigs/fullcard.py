"""A card with every field, and one whose every text is an attack on whoever shows or exports it."""

from typing import Any

FULL: dict[str, Any] = {
    "task": "ner",
    "metrics": {"val_f1": 0.892, "test": {"acc": 0.921, "loss": 1e-07}, "steps": 2**63},
    "training_config": {"lr": 2e-05, "batch_size": 16, "schedule": "no", "layers": [1, 2], "nothing": None},
    "data_version": "dataset-v3.2.1",
    "framework_version": "transformers==4.38.2, torch==2.1.2+cpu",
    "schema_version": 1,
    "name": "team/bert",
    "version": "1.2.0",
    "created": "2026-01-31T12:00:00Z",
    "description": "Finds persons in news.\n\nTrained on CoNLL 2003.",
    "license": "Apache-2.0",
    "authors": ["Ada <ada@example.com>"],
    "tags": ["ner", "news"],
    "languages": ["en", "no"],
    "model": {
        "format": "torch",
        "architecture": "BertForTokenClassification",
        "family": "bert",
        "parameters": 108310272,
        "files": [{"path": "model.pt", "size": 3, "sha256": "0" * 64, "md5": "1" * 32, "blake3": "2" * 64}],
    },
    "code": {"repo": "https://example.com/team/bert.git", "commit": "c" * 40, "dirty": True, "entrypoint": "train.py"},
    "data": [
        {"path": "data/conll", "role": "train", "dvc": {"md5": f"{'3' * 32}.dir", "size": 9, "nfiles": 2}},
        {"path": "data/dev.csv", "dvc": {"md5": "4" * 32}, "url": "https://huggingface.co/datasets/eriktks/conll2003"},
    ],
    "seeds": {"python": 7},
    "environment": {"python": "3.11.9", "platform": "Linux x86_64"},
    "training": {"duration_s": 3600.0, "epochs": 3, "co2_kg": 0.5},
    "inference": {
        "entry": {"predict": "serve:predict"},
        "inputs": [{"name": "ids", "dtype": "int64", "shape": ["batch", None]}],
        "outputs": [{"name": "logits", "dtype": "float32", "shape": ["batch", 9]}],
    },
    "evaluations": [
        {
            "task": "token-classification",
            "dataset": {"name": "WikiANN", "type": "unimelb-nlp/wikiann", "config": "en", "split": "test"},
            "metrics": [
                {"name": "F1", "type": "f1", "value": 0.871, "ci": [0.866, 0.876], "samples": 10000},
                {"name": "F1", "type": "f1", "value": 0.7, "slice": "long"},
            ],
            "source": {"name": "nightly", "url": "https://example.com/17"},
            "date": "2026-02-01",
        },
        {
            "task": "token-classification",
            "dataset": {"name": "WikiANN", "type": "unimelb-nlp/wikiann", "config": "en", "split": "test"},
            "metrics": [{"name": "F1", "type": "f1", "value": 0.869}],
            "source": {"name": "a second lab, without address"},
        },
        {"dataset": {"name": "WNUT-17"}, "metrics": [{"name": "latency", "value": 12, "unit": "ms"}]},
    ],
    "lineage": {
        "base_model": {
            "name": "google-bert/bert-base-cased", "revision": "cd5ef92", "relation": "finetune", "sha256": "5" * 64,
        },
    },
    "considerations": {
        "users": ["editors"],
        "use_cases": ["find names"],
        "out_of_scope": ["identify people in private messages"],
        "limitations": ["English only"],
        "tradeoffs": ["slow on CPUs"],
        "risks": [{"name": "misses rare names", "mitigation": "review"}, {"name": "drift"}],
        "fairness": [{"group": "non-western names", "benefits": "none", "harms": "lower recall", "mitigation": "data"}],
    },
    "links": {"paper": ["https://example.com/paper"], "demo": "https://example.com/demo", "docs": "see the wiki"},
    "x_ticket": "NER-42",
}  # fmt: skip

EVIL = "\n---\nlicense: mit\n---\n<script>alert(1)</script> ![x](http://t.example/p) | a | `b` \x1b[2J\u202e -->"


def poisoned(value: Any, key: str = "") -> Any:
    """Return a card's values with an attack in each free text; what a pattern guards stays as it is."""
    if isinstance(value, dict):
        return {name: poisoned(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [poisoned(item, key) for item in value]
    free = isinstance(value, str) and key not in GUARDED
    return f"{value}{EVIL}" if free else value


GUARDED = {"name", "version", "created", "path", "sha256", "md5", "blake3", "commit", "role", "relation", "date"}
