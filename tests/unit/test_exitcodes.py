"""Exit codes as DVC's, on demand, and how long a command waits for others."""

import fcntl
import math
import os
import subprocess
import sys

import pytest

from sycee.cli import exitcodes
from sycee.cli.commands import status
from sycee.cli.context import Context
from sycee.cli.exitcodes import ExitCodes
from sycee.cli.main import main
from sycee.errors import (
    ConfigError,
    DigestMismatch,
    InternalError,
    MissingData,
    NoRepository,
    NotFound,
    NotSet,
    RemoteError,
    SignatureInvalid,
    UsageError,
)


@pytest.mark.parametrize(
    ("verb", "error", "code"),
    [
        ("add", NotFound, 1),
        ("add", UsageError, 1),
        ("add", InternalError, 1),
        ("checkout", NotFound, 255),
        ("checkout", DigestMismatch, 255),
        ("push", RemoteError, 1),
        ("push", MissingData, 0),
        ("pull", MissingData, 1),
        ("push", DigestMismatch, 1),
        ("status", ConfigError, 251),
        ("status", NoRepository, 253),
        ("config", NoRepository, 251),
        ("config", NotSet, 0),
        ("remote", NotSet, 1),
        ("remote", UsageError, 251),
        ("verify", SignatureInvalid, 12),
        ("card", NoRepository, 1),
        (None, UsageError, 254),
    ],
)
def test_each_failure_has_dvcs_code(verb, error, code):
    codes = ExitCodes(as_dvc=True)
    codes.verb = verb
    assert codes.of(error("no")) == code
    own = ExitCodes()
    own.verb = verb
    assert own.of(error("no")) == error.exit_code


@pytest.mark.parametrize(
    ("words", "value", "is_wanted"),
    [
        (["status"], None, False),
        (["--dvc-exit-codes", "status"], None, True),
        (["status"], "1", True),
        (["status"], "TRUE", True),
        (["status"], "0", False),
        (["status"], "", False),
    ],
)
def test_they_are_asked_for_by_option_or_environment(words, value, is_wanted):
    assert exitcodes.wanted(words, {} if value is None else {exitcodes.VARIABLE: value}) is is_wanted


def test_by_the_environment(run, repo_dir, monkeypatch, tmp_path):
    run("frobnicate", rc=2)
    monkeypatch.setenv(exitcodes.VARIABLE, "1")
    run("frobnicate", rc=254)
    run("status", cwd=tmp_path, rc=253)


@pytest.mark.parametrize(("options", "code"), [([], 130), (["--dvc-exit-codes"], 252)], ids=["own", "dvc"])
def test_an_interrupted_command(monkeypatch, repo_dir, options, code):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(status, "status", interrupt)
    assert main(["-C", str(repo_dir), *options, "status"]) == code


def test_output_that_nobody_reads(repo_dir):
    reader, writer = os.pipe()
    os.close(reader)
    words = [sys.executable, "-m", "sycee", "--dvc-exit-codes", "config", "--list"]
    (repo_dir / ".dvc/config").write_text("[core]\n" + "    remote = a\n")
    done = subprocess.run(words, cwd=repo_dir, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize(
    ("options", "seconds"),
    [([], 60), (["--lock-timeout", "2.5"], 2.5), (["--wait-for-lock"], math.inf), (["--lock-timeout", "0"], 0)],
)
def test_how_long_it_waits(monkeypatch, repo_dir, options, seconds):
    seen = []
    monkeypatch.setattr(Context, "repository", lambda ctx: seen.append(ctx.wait) or 1 / 0)
    assert main(["-C", str(repo_dir), *options, "status"]) == 70
    assert seen == [seconds]


@pytest.mark.parametrize("value", ["-1", "soon", ""])
def test_a_time_that_is_none(capsys, value):
    assert main(["--lock-timeout", value, "status"]) == 2
    assert "--lock-timeout" in capsys.readouterr().err


def test_a_command_gives_up_after_that_time(repo_dir, capsys):
    (repo_dir / "a").touch()
    with (repo_dir / ".dvc/tmp/lock").open("wb") as held:
        held.write(b" 4711\n")
        held.flush()
        fcntl.flock(held, fcntl.LOCK_EX)
        assert main(["-C", str(repo_dir), "--lock-timeout", "0.1", "add", "a"]) == 1
        told = capsys.readouterr().err
        assert "process 4711" in told
        assert main(["-C", str(repo_dir), "status"]) == 0, "readers take no lock"
