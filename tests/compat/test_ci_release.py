"""The workflows in examples/ci that train and release: safe to copy, and each step does what it says."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples/ci"
TEXTS = {name: (EXAMPLES / f"model-{name}.yml").read_text() for name in ("train", "release")}
JOBS = {name: next(iter(yaml.load(text, yaml.BaseLoader)["jobs"].values())) for name, text in TEXTS.items()}
BIN = Path(sys.executable).parent
FETCH = EXAMPLES.parent / "serving/fetch-model.sh"

TRAIN = """
import argparse, struct, json, numpy, sycee
from pathlib import Path
from serving import load, predict
parser = argparse.ArgumentParser(); parser.add_argument("--version")
version = parser.parse_args().version
folder = Path("models/digits"); folder.mkdir(parents=True, exist_ok=True)
header = json.dumps({"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}).encode()
data = numpy.arange(4, dtype="f4").tobytes()
(folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + data)
sycee.freeze(folder, task="sums", metrics={"val_f1": 0.93}, training_config={"lr": 0.1}, data_version="v1",
             version=version, load=load, predict=predict, samples=[[1.0, 2.0, 3.0, 4.0]])
"""

SERVING = """
import numpy

def load(folder):
    return numpy.frombuffer((folder / "model.safetensors").read_bytes()[-16:], "f4")

def predict(weights, sample):
    return weights * numpy.asarray(sample, "f4")
"""


def steps(name):
    return {step.get("name", step.get("uses")): step for step in JOBS[name]["steps"]}


@pytest.mark.parametrize("name", TEXTS)
def test_the_workflow_is_valid_and_pinned(name):
    path = EXAMPLES / f"model-{name}.yml"
    command = [BIN / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", path]
    subprocess.run(command, check=True, capture_output=True)
    uses = re.findall(r"uses: (.+)", TEXTS[name])
    assert uses
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one) for one in uses)
    assert re.search(r"^permissions: \{\}$", TEXTS[name], re.MULTILINE), "a job says what it needs"
    for step in JOBS[name]["steps"]:
        assert "${{" not in step.get("run", ""), "an expression within a script runs what others wrote"
        subprocess.run(["bash", "-n"], input=step.get("run", ""), text=True, check=True)


def test_only_the_release_has_the_key_and_only_the_training_an_identity():
    assert JOBS["train"]["permissions"]["id-token"] == "write"
    assert "id-token" not in JOBS["release"]["permissions"]
    assert "MODEL_RELEASE_KEY" in TEXTS["release"]
    assert "MODEL_RELEASE_KEY" not in TEXTS["train"]
    assert JOBS["release"]["environment"] == "release", "people approve before a step of it runs"
    assert steps("train")["Sign, without a key"]["env"]["SIGNER"] == "--keyless"
    assert "pull" not in TEXTS["release"].replace("pull request", ""), "no weights are brought"


class Runner:
    """Runs steps as GitHub's runner does: bash -e, in the clone, with the job's variables and the step's own."""

    def __init__(self, work, environ):
        self.work, self.environ = work, environ

    def run(self, job, name, **more):
        script = steps(job)[name]["run"]
        environ = {
            **self.environ,
            **{k: v for k, v in steps(job)[name].get("env", {}).items() if "${{" not in v},
            **more,
        }
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", script], cwd=self.work, env=environ, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture
def team(tmp_path):
    """A repository with a script that trains, a remote, and a key for each job; `gh` only tells what it was asked."""
    environ = {
        "PATH": f"{tmp_path / 'bin'}{os.pathsep}{BIN}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "RUNNER_TEMP": str(tmp_path / "temp"),
        "MODEL": "models/digits",
        "VERSION": "1.2.0",
        "UV_OFFLINE": "1",
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    (tmp_path / "temp").mkdir()
    (tmp_path / "bin").mkdir()
    gh = tmp_path / "bin/gh"
    gh.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path / "asked"}\n')
    gh.chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()
    (work / "train.py").write_text(TRAIN)
    (work / "serving.py").write_text(SERVING)
    script = (
        "git init -q -b main; git config user.name a; git config user.email a@b; sycee init -q;"
        "sycee remote add -d store ../store; git add -A; git commit -qm code; git clone -q --bare . ../origin.git;"
        "git remote add origin ../origin.git;"
        "for one in ci release; do sycee keygen --no-password ../$one.key; done"
    )
    subprocess.run(["bash", "-ec", script], cwd=work, env=environ, check=True, capture_output=True)
    return Runner(work, environ), tmp_path


def test_from_training_to_release(team):
    """Every step of both jobs, but those that talk to GitHub and Sigstore: a key stands for the workflow's identity."""
    runner, root = team
    signer = {"SIGNER": "--key ../ci.key"}
    runner.run("train", "Train and freeze")
    runner.run("train", "Sign, without a key", **signer)
    trained = trust_file(root, 'signed_by = ["training"]')
    runner.run("train", "Replay, and say so", **signer, TRUST=trained)
    runner.run("train", "Commit")
    runner.run("train", "Store")
    runner.run("train", "Open the pull request")
    asked = (root / "asked").read_text()
    assert "pr create --title models/digits 1.2.0" in asked
    merge = "git clone -q -b model/1.2.0 origin.git release && git -C release push -q origin HEAD:main"
    subprocess.run(["bash", "-ec", merge], cwd=root, env=runner.environ, check=True, capture_output=True)

    clone = Runner(root / "release", runner.environ)
    assert not (root / "release/models/digits/model.safetensors").exists()
    clone.run("release", "Trust and key", TRUST=trained, KEY=(root / "release.key").read_text())
    clone.run("release", "Countersign, without weights")
    clone.run("release", "Approve", BY="a person")
    clone.run("release", "Store")
    clone.run("release", "Forget the key")
    assert not (root / "temp/release.key").exists()
    clone.run("release", "Commit and tag")

    serve = "git clone -q -b digits@v1.2.0 origin.git serve && cd serve && sycee pull -q"
    subprocess.run(["bash", "-ec", serve], cwd=root, env=runner.environ, check=True, capture_output=True)
    records = '[{kind = "approval", role = "release"}, {kind = "replay", role = "training"}]'
    rules = f'signed_by = ["training", "release"]\nrecords = {records}\ngates = ["metrics.val_f1 >= 0.9"]'
    (root / "etc").mkdir()
    (root / "etc/trust.toml").write_text(trust_file(root, rules))
    environ = {**runner.environ, "SYCEE_TRUST": str(root / "etc/trust.toml")}
    wanted = {"MODEL": "digits@1.2.0", "REMOTE": str(root / "store"), "DESTINATION": str(root / "pod/digits")}
    (root / "pod").mkdir()
    fetched = subprocess.run(["sh", FETCH], cwd=root / "pod", env=environ | wanted, capture_output=True, text=True)
    assert fetched.returncode == 0, fetched.stderr
    assert (root / "pod/digits/model.safetensors").stat().st_size > 16
    wanted["MODEL"] = "digits@9.9.9"
    assert subprocess.run(["sh", FETCH], cwd=root / "pod", env=environ | wanted, capture_output=True).returncode != 0

    command = [BIN / "sycee", "verify", "models/digits", "--trust", root / "etc/trust.toml", "--json"]
    done = subprocess.run(command, cwd=root / "serve", env=runner.environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {one["name"] for one in json.loads(done.stdout)["signers"]} == {"ci", "release"}


def trust_file(root, rules):
    """Return a trust file with both keys in it."""
    keys = "".join(
        f'[keys.{one}]\npem = """\n{(root / f"{one}.key.pub").read_text()}"""\n' for one in ("ci", "release")
    )
    roles = '[roles.training]\nmembers = ["ci"]\n[roles.release]\nmembers = ["release"]\n'
    return f'format = 1\n{keys}{roles}[[models]]\nmatch = "digits"\n{rules}\n'


def test_a_release_of_what_nobody_trained_is_refused(team):
    runner, root = team
    runner.run("train", "Train and freeze")
    runner.run("train", "Sign, without a key", SIGNER="--key ../release.key")
    runner.run("train", "Commit")
    environ = {"TRUST": trust_file(root, 'signed_by = ["training"]'), "KEY": (root / "release.key").read_text()}
    runner.run("release", "Trust and key", **environ)
    with pytest.raises(AssertionError, match="signed by training"):
        runner.run("release", "Countersign, without weights")
    shutil.rmtree(root / "temp")
