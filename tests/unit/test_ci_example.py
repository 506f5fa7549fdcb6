"""The workflow in examples/ci: safe with pull requests of strangers, and its steps do what they say."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from sycee.cli.main import main
from sycee.ops.add import add

WORKFLOW = Path(__file__).parents[2] / "examples/ci/model-review.yml"
TEXT = WORKFLOW.read_text()
LOADED = yaml.load(TEXT, yaml.BaseLoader)
JOB = LOADED["jobs"]["review"]
STEPS = {step.get("name", step.get("uses")): step for step in JOB["steps"]}


def script(name):
    return STEPS[name]["run"]


def test_it_runs_for_pull_requests_with_no_more_rights_than_it_needs():
    assert [*LOADED["on"]] == ["pull_request"], "pull_request_target would hand secrets to what strangers wrote"
    assert LOADED["permissions"] == {}
    assert JOB["permissions"] == {"contents": "read", "pull-requests": "write"}


def test_actions_are_pinned_and_keep_no_credentials():
    uses = re.findall(r"uses: (.+)", TEXT)
    assert uses
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one) for one in uses)
    checkout = next(step["with"] for step in JOB["steps"] if step.get("uses", "").startswith("actions/checkout@"))
    assert checkout["persist-credentials"] == "false"
    assert checkout["ref"] == "${{ github.event.pull_request.base.sha }}", "the remote is the base's to name"
    assert checkout["fetch-depth"] == "0"


def test_no_script_contains_what_others_wrote():
    """An expression within a script is a way to run a branch's name; values come by the environment."""
    scripts = [step["run"] for step in JOB["steps"] if "run" in step]
    assert len(scripts) == 5
    assert not any("${{" in one for one in scripts)
    for one in scripts:
        subprocess.run(["bash", "-n"], input=one, text=True, check=True)


def test_a_stranger_gets_no_secret_and_writes_nothing():
    with_secrets = [name for name, step in STEPS.items() if "secrets." in str(step)]
    assert with_secrets == ["Review"]
    assert STEPS["Comment"]["if"] == "github.event.pull_request.head.repo.full_name == github.repository"


def steps_done(repo, tmp_path, base, head, *, is_fork="false"):
    """Run the steps that review and refuse as a runner does; return the exit codes and the page."""
    out, summary = tmp_path / "out", tmp_path / "summary"
    out.write_text("")
    environ = {**os.environ, "BASE": base, "HEAD": head, "IS_FORK": is_fork}
    environ |= {"GITHUB_OUTPUT": str(out), "GITHUB_STEP_SUMMARY": str(summary)}
    bash = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c"]
    reviewed = subprocess.run([*bash, script("Review")], cwd=repo.root, env=environ, check=False)
    code = out.read_text().strip().removeprefix("code=")
    refused = subprocess.run(
        [*bash, script("Refuse pointers without objects")], env=environ | {"CODE": code}, check=False
    )
    return reviewed.returncode, refused.returncode, (repo.root / "review.md").read_text()


@pytest.mark.slow
def test_missing_objects_are_refused(repo, git, tmp_path):
    main(["-C", str(repo.root), "remote", "add", "-d", "store", str(tmp_path / "store")])
    git("add", "-A")
    git("commit", "-qm", "base")
    base = git("rev-parse", "HEAD").stdout.strip()
    (repo.root / "w.pt").write_bytes(b"1")
    add(repo, [repo.root / "w.pt"])
    git("add", "-A")
    git("commit", "-qm", "head")
    head = git("rev-parse", "HEAD").stdout.strip()
    git("checkout", "-q", base)
    reviewed, refused, page = steps_done(repo, tmp_path, base, head)
    assert (reviewed, refused) == (0, 1)
    assert "| `w.pt` | - | 1 byte | `c4ca4238a0` |" in page
    assert steps_done(repo, tmp_path, base, head, is_fork="true")[:2] == (0, 0)
    git("checkout", "-q", head)
    assert main(["-C", str(repo.root), "push"]) == 0
    git("checkout", "-q", base)
    reviewed, refused, page = steps_done(repo, tmp_path, base, head)
    assert (reviewed, refused) == (0, 0)
    assert "✓ Every object is on its remote" in page
