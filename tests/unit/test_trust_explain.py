"""``sycee trust explain``: every rule with its outcome, the exit code of a verification, and nothing remembered."""

import json

import pytest

from rigs.trusted import CHANNELS, DAY, MODELS, ROLES, key, write_signed, write_trust
from sycee.cli.main import main
from sycee.formats import channel
from sycee.formats.channel import Channel
from sycee.ops.frozen import utc_now
from sycee.trust.policy.documents import sign_document

GATED = MODELS + 'gates = ["metrics.val_f1 >= 0.9"]\nrecords = [{kind = "approval", role = "release"}]\n'


@pytest.fixture
def work(tmp_path, monkeypatch):
    write_signed(tmp_path / "bert", "alice")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SYCEE_STATE", str(tmp_path / "state"))
    return tmp_path


@pytest.fixture
def explain(capsys):
    def explain(*options):
        code = main(["trust", "explain", "bert", "--trust", "etc/trust.toml", *options])
        return code, capsys.readouterr().out

    return explain


def test_accepted(work, explain):
    write_trust(work / "etc")
    code, out = explain()
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == f"by {work / 'etc' / 'trust.toml'}"
    assert "  ✓ signed by release: expected 1 of alice, bob; found alice" in lines
    assert "  - not revoked: nothing asks for it" in lines
    assert lines[-1].startswith("accepted  bert@1.2.0  sycee:")
    told = json.loads(explain("--json")[1])
    assert (told["accepted"], told["name"], told["signers"][0]["name"]) == (True, "bert", "alice")


def test_refused_by_rules(work, explain):
    write_trust(work / "etc", ROLES, GATED)
    code, out = explain()
    assert code == 13
    lines = out.splitlines()
    assert "  ✗ record approval by release: expected 1 of alice, bob; found none" in lines
    assert "  ✗ metrics.val_f1 >= 0.9: expected >= 0.9; found 0.892" in lines
    assert "or waive it for this one" in out
    assert lines[-1] == "refused   PolicyDenied, exit code 13"
    told = json.loads(explain("--json")[1])
    assert (told["accepted"], told["error"], told["exit_code"]) == (False, "PolicyDenied", 13)


def test_refused_before_the_last_rules_were_reached(work, explain):
    write_trust(work / "etc", ROLES, GATED)
    (work / "bert" / "model.pt").write_bytes(b"Weights of a model")
    code, out = explain()
    assert code == 11
    assert "  ✓ signed by release" in out
    assert "  - record approval by release: not reached" in out
    assert "model.pt has other bytes" in out
    assert "refused   DigestMismatch, exit code 11" in out
    assert "do not load it" in out


def test_refused_before_any_rule(work, explain):
    write_trust(work / "etc", ROLES, MODELS)
    (work / "bert" / "model.sig").unlink()
    code, out = explain()
    assert (code, "is not signed: model.sig is missing" in out) == (12, True)


def test_nothing_is_remembered(work, explain):
    write_trust(work / "etc", ROLES, CHANNELS, MODELS)
    identity = json.loads(explain("--json")[1])["identity"].removeprefix("sycee:")
    now = utc_now()
    said = Channel("bert", "production", 3, now - DAY, now + 60 * DAY, identity)
    sign_document(work / "production.json", channel.render(said), key("carol"))
    code, out = explain("--channel", "production", "--channel-file", "production.json")
    assert (code, "✓ channel production" in out) == (0, True)
    assert not (work / "state").exists()
