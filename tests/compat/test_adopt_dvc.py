"""A repository that the real dvc made is adopted: dvc finds nothing to do before, at any kill on the way, and after."""

import os
import random
import shutil
import subprocess

import pytest

from rigs.crash import Crasher
from rigs.plugin import KILL_POINTS
from rigs.warm import run_warm

pytestmark = pytest.mark.slow

POINTS = 4
ALL = os.environ.get("SYCEE_CRASH") == "all"  # asked before the fixture that clears the environment
ADOPT = """
import datetime as dt, os
from pathlib import Path
from sycee.core.progress import SILENT
from sycee.ops.adopt import AdoptRequest, adopt
from sycee.ops.copies import Copies
from sycee.workspace.repository import find_repository
repo = find_repository(Path.cwd(), environ=os.environ)
request = AdoptRequest(now=dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC))
done = adopt(repo, request, Copies(repo, lambda: iter(()), SILENT))
assert done.models or done.completed or all(left.adopted for left in done.left), done
repo.close()
"""
FILES = {
    "models/ner/model.pt": random.Random(1).randbytes(200_000),
    "models/bert/model.safetensors": random.Random(2).randbytes(100_000),
    "models/bert/onnx/model.onnx": b"onnx",
    "models/bert/config.json": b"{}\n",
    "flat/a.pt": b"a",
    "flat/b.pt": b"b",
    "data/x.csv": b"1,2\n",
    "params.yaml": b"lr: 0.1\n",
    "train.py": b"""
from pathlib import Path
Path("models/reg/model.pkl").write_bytes(b"w" * 9)
Path("metrics.json").write_text('{"f1": 0.5}')
""",
    "dvc.yaml": b"stages:\n  train:\n    cmd: python train.py\n    deps: [train.py, data]\n    params: [lr]\n"
    b"    outs: [models/reg/model.pkl]\n    metrics: [metrics.json]\n",
}


def dvc(folder, *words):
    done = run_warm("dvc", words, folder)
    assert done.rc == 0, (words, done)
    return done.stdout


def git(folder, *words):
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout


def require_content(repo):
    assert "up to date" in dvc(repo, "status")
    assert "up to date" in dvc(repo, "push")


def tree(repo):
    return {
        path.relative_to(repo).as_posix(): path.read_bytes()
        for path in repo.rglob("*")
        if path.is_file() and ".git/" not in str(path) and ".dvc/tmp" not in str(path)
    }


@pytest.fixture
def made(tmp_path):
    """A repository with one of each layout, made, pushed and committed by dvc."""
    repo = tmp_path / "world"
    git(tmp_path, "init", "-q", repo)
    for name, data in FILES.items():
        (repo / name).parent.mkdir(parents=True, exist_ok=True)
        (repo / name).write_bytes(data)
    (repo / "models/reg").mkdir()
    dvc(repo, "init", "-q")
    dvc(repo, "remote", "add", "-q", "-d", "store", str(tmp_path / "store"))
    dvc(repo, "add", "-q", "models/ner/model.pt", "models/bert", "flat/a.pt", "flat/b.pt", "data")
    dvc(repo, "repro", "-q")
    dvc(repo, "push", "-q")
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "before")
    return repo


def test_dvc_is_content_before_during_and_after(made, tmp_path, record_property):
    colleague = tmp_path / "colleague"
    git(tmp_path, "clone", "-q", made, colleague)
    dvc(colleague, "pull", "-q")
    shutil.copytree(made, tmp_path / "kept", symlinks=True)
    stored = tree(tmp_path / "store")
    with Crasher() as crasher:

        def restore():
            shutil.rmtree(made)
            shutil.copytree(tmp_path / "kept", made, symlinks=True)

        points = range(1, crasher.ask(made, ADOPT)["points"] + 1)
        after = tree(made)
        assert len(points) > 50
        record_property(KILL_POINTS, ("adopt", len(points)))
        for at in points if ALL else sorted(random.Random("adopt").sample(points, POINTS)):
            restore()
            assert crasher.run(made, ADOPT, at=at)
            assert "up to date" in dvc(made, "status")
            crasher.run(made, ADOPT)
            assert tree(made) == after, f"killed at {at}"
    require_content(made)
    assert run_warm("sycee", ["push"], made).stdout == "Everything is up to date.\n"
    assert tree(tmp_path / "store") == stored
    assert "sync" in dvc(made, "status", "--cloud")
    git(made, "add", "-A")
    git(made, "commit", "-qm", "adopted")
    git(colleague, "pull", "-q")
    dvc(colleague, "pull", "-q")
    assert "up to date" in dvc(colleague, "status")
    held = tree(colleague)
    assert {name: held[name] for name in FILES if name != "dvc.yaml"} == {
        k: v for k, v in FILES.items() if k != "dvc.yaml"
    }
    assert held["flat/a/a.pt"] == b"a"
    assert git(colleague, "status", "--short") == ""
    dvc(made, "gc", "-w", "-c", "-f")
    shutil.rmtree(colleague / ".dvc/cache")
    dvc(colleague, "pull", "-q")
    assert "up to date" in dvc(colleague, "status")
