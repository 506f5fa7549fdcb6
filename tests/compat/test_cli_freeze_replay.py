"""What ``sycee freeze --predict`` records is what ``sycee replay`` finds again, without a line of Python hooks."""

import pytest

pytestmark = pytest.mark.slow

SERVE = """
from labels import LABELS

def load(folder):
    return int((folder / "model.pt").read_text())

def preprocess(path):
    return path.read_text().split()

def predict(model, words):
    return [len(word) % model for word in words]

def postprocess(numbers):
    return [LABELS[number] for number in numbers]
"""


def test_frozen_by_hand_and_replayed(repo_dir, run):
    (repo_dir / "models/ner").mkdir(parents=True)
    (repo_dir / "models/ner/model.pt").write_text("2")
    (repo_dir / "serve.py").write_text(SERVE)
    (repo_dir / "labels.py").write_text("LABELS = ('O', 'PER')\n")
    (repo_dir / "hello.txt").write_text("Ada met Charles")
    roles = [
        word for role in ("load", "preprocess", "predict", "postprocess") for word in (f"--{role}", f"serve:{role}")
    ]
    done = run("freeze", "models/ner", "--task", "ner", *roles, "--sample", "hello.txt")
    assert "golden" not in done.stdout  # no warning about samples
    model = repo_dir / "models/ner"
    assert (model / "context/golden/inputs").is_dir()
    assert (model / "context/source/labels.py").is_file()
    (repo_dir / "labels.py").unlink()
    assert run("replay", "models/ner", "--unsigned").stdout.startswith("reproduced  ner")
    (model / "context/source/labels.py").write_text("LABELS = ('PER', 'O')\n")
    assert run("replay", "models/ner", "--unsigned", rc=None).rc in {11, 14}  # the card binds another
