"""The whole story with the real commands: the demo, and a sharded model through S3 to a server without Git."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHARDS = 14

pytestmark = pytest.mark.slow

FREEZE = f"""
import numpy, sycee
from safetensors.numpy import save_file

sycee.seed(1)
names = [f"model-{{i:05d}}-of-{SHARDS:05d}.safetensors" for i in range(1, {SHARDS} + 1)]
for i, name in enumerate(names):
    save_file({{f"layer.{{i}}.weight": numpy.random.rand(64, 64).astype("float32")}}, f"models/big/{{name}}")
frozen = sycee.freeze("models/big", task="text-generation", metrics={{"perplexity": 7.25}}, version="0.1.0")
assert len(frozen.files) == {SHARDS}, frozen
"""

LOAD = f"""
import sys, sycee

with sycee.load(sys.argv[1], key=sys.argv[2], lazy=True) as model:
    shards = model.shards()
    assert len(shards) == {SHARDS}
    (one,) = model.safetensors(shards[3]).items()
    assert one[0] == "layer.3.weight"
    print(len(model.safetensors()), model.card.metrics["perplexity"])
"""


def test_the_demo(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    demo = ROOT / "examples/digits/demo.py"
    done = subprocess.run([sys.executable, demo], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every output equals the recorded one bit for bit" in done.stdout
    assert done.stdout.count("(exit code 11)") == 4
    assert done.stdout.count("Verified OK") == 2


def test_fourteen_shards_through_s3_to_a_folder_without_git(repo_dir, run, dvc, git, s3_server, tmp_path):
    run("remote", "add", "-d", "store", f"s3://{s3_server.buckets[0]}/shards")
    for option, value in s3_server.options().items():
        run("remote", "modify", "--local", "store", option, value)
    (repo_dir / "models/big").mkdir(parents=True)
    subprocess.run([sys.executable, "-c", FREEZE], cwd=repo_dir, check=True)
    key, public, served = tmp_path / "key", tmp_path / "key.pub", tmp_path / "served"
    run("keygen", "--no-password", key)
    run("sign", "models/big", "--key", key)
    git("add", "-A")
    git("commit", "-qm", "v1")
    assert run("push").stdout == f"{SHARDS} files pushed\n"
    assert dvc("status").stdout == "Data and pipelines are up to date.\n"

    clone = tmp_path / "clone"
    git("clone", "-q", repo_dir, clone)
    (clone / ".dvc/config.local").write_bytes((repo_dir / ".dvc/config.local").read_bytes())
    assert run("pull", cwd=clone).stdout.splitlines()[-1] == f"{SHARDS} files fetched and {SHARDS} files added"
    verdict = json.loads(run("verify", "models/big", "--key", public, "--json", cwd=clone).stdout)
    assert (verdict["verified"], verdict["version"]) == (True, "0.1.0")
    run("export", "models/big", served, "--key", public, cwd=clone)
    said = subprocess.run([sys.executable, "-c", LOAD, served, public], capture_output=True, text=True, check=True)
    assert said.stdout == f"{SHARDS} 7.25\n"
