"""Who is refused a version is told which one would be accepted, and the command that goes back to it."""

import os
import re
import subprocess

import pytest

import sycee
from rigs.signed import CARD, sign_folder
from rigs.trusted import write_demanding
from rigs.versions import NAME, commit, commit_version, git, model_of
from sycee.cli.main import main
from sycee.digest import digest_bytes
from sycee.errors import DigestMismatch, SyceeError
from sycee.ops import acceptable
from sycee.ops.acceptable import last_accepted
from sycee.ops.trustplace import Asked, request_for
from sycee.store.layout import object_key


@pytest.fixture
def trust(tmp_path):
    """Return what asks a trust file that demands a serial."""

    def asked(serial, **more):
        return Asked(trust=write_demanding(tmp_path, serial), environ=os.environ, **more)

    return asked


@pytest.fixture
def history(repo):
    """Three versions, of which the last one was committed with a card that was changed after signing."""
    identities = [commit_version(repo, f"1.{minor}.0", serial=minor + 1) for minor in range(3)]
    (model_of(repo) / "model_card.yaml").write_bytes(CARD)
    commit(repo, "broken")
    return identities


def found(repo, asked):
    return last_accepted(request_for(model_of(repo), asked), os.environ)


def test_the_newest_that_is_whole(repo, history, trust):
    best = found(repo, trust(1))
    assert (best.label, best.identity) == ("bert@1.2.0", history[2])
    assert best.commit == git(repo, "rev-parse", "v1.2.0")


def test_what_is_asked_for_decides(repo, history, trust):
    assert found(repo, trust(1, expect="bert@1.1.0")).identity == history[1]
    assert found(repo, trust(1, identity=history[0])).commit == git(repo, "rev-parse", "v1.0.0")
    assert found(repo, trust(1, expect="bert@7.0.0")) is None
    assert found(repo, trust(4)) is None


def test_tags_beside_the_branch_count(repo, history, trust):
    git(repo, "checkout", "-q", "v1.0.0")
    git(repo, "checkout", "-qb", "old")
    assert found(repo, trust(3)).identity == history[2]


def test_versions_whose_weights_are_not_here_are_left_out(repo, history, trust):
    (repo.cache.root / object_key(digest_bytes(b"weights of 1.2.0").md5)).unlink()
    assert found(repo, trust(1)).identity == history[1]


def test_it_ends_in_time(repo, history, trust, monkeypatch):
    monkeypatch.setattr(acceptable, "SECONDS", -1)
    assert found(repo, trust(1)) is None


def test_states_are_bounded(repo, history, trust, monkeypatch):
    monkeypatch.setattr(acceptable, "STATES", 1)
    assert found(repo, trust(1)) is None


def test_without_git_or_repository_there_is_no_advice(repo, history, trust, tmp_path, monkeypatch):
    asked = trust(1)
    sign_folder(model_of(repo))
    outside = tmp_path / "outside"
    outside.mkdir()
    assert last_accepted(request_for(outside, asked), os.environ) is None
    monkeypatch.setenv("PATH", str(outside))
    assert found(repo, asked) is None


def test_a_broken_git_hides_no_refusal(repo, history, trust, capsys):
    trust(1)
    (repo.root / ".git" / "HEAD").write_text("nonsense")
    assert verify(repo) == 11
    told = capsys.readouterr().err
    assert "model_card.yaml" in told
    assert "last accepted" not in told


def verify(repo, *words):
    file = repo.root.parent / "trust.toml"
    return main(["-C", str(repo.root), "verify", NAME, "--trust", str(file), *words])


def test_the_command_that_is_printed_goes_back(repo, history, trust, capsys):
    trust(1)
    assert verify(repo) == 11
    told = capsys.readouterr().err
    assert f"last accepted here: bert@1.2.0 (sycee:{history[2][:16]}…, commit " in told
    command = re.search(r"go back to it: (.*)", told)[1]
    environ = {**os.environ, "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    subprocess.run(command, shell=True, cwd=repo.root, check=True, capture_output=True, env=environ)
    assert verify(repo) == 0


def test_it_goes_back_from_a_version_with_more_files(repo, history, trust, capsys):
    """What a newer version has beside the older one is in the way of the older one's signature."""
    trust(1)
    (model_of(repo) / "context").mkdir(exist_ok=True)
    (model_of(repo) / "context" / "extra.txt").write_text("new\n")
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "more")
    assert verify(repo) == 11
    command = re.search(r"go back to it: (.*)", capsys.readouterr().err)[1]
    subprocess.run(command, shell=True, cwd=repo.root, check=True, capture_output=True)
    assert verify(repo) == 0


def test_a_script_gets_it_too(repo, history, trust, capsys):
    trust(1)
    assert verify(repo, "--json") == 11
    assert f'"commit": "{git(repo, "rev-parse", "v1.2.0")}"' in capsys.readouterr().out


def test_who_is_accepted_waits_for_nothing(repo, trust, monkeypatch):
    commit_version(repo, "1.0.0")
    trust(1)

    def never(*_arguments):
        raise SyceeError("history was read")

    monkeypatch.setattr(acceptable, "last_accepted", never)
    assert verify(repo) == 0


def test_a_refused_load_says_it_too(repo, history, trust):
    trust(1)
    with pytest.raises(DigestMismatch) as caught:
        sycee.load(model_of(repo), trust=repo.root.parent / "trust.toml")
    assert "last accepted here: bert@1.2.0" in caught.value.__notes__[-1]
    assert caught.value.details["last_accepted"]["identity"] == f"sycee:{history[2]}"
