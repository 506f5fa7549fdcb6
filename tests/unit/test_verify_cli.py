"""``sycee verify`` and ``sycee.verify`` by a trust file: where it comes from, what is printed, how a refusal reads."""

import json
import os
import subprocess

import pytest

import sycee
from rigs.trusted import CHANNELS, DAY, MODELS, ROLES, key, write_signed, write_trust
from sycee.errors import PolicyDenied, UsageError
from sycee.formats import channel
from sycee.formats.channel import Channel
from sycee.ops.frozen import utc_now
from sycee.ops.trustplace import Asked, request_for
from sycee.trust.policy.documents import sign_document


@pytest.fixture
def work(tmp_path, monkeypatch):
    write_signed(tmp_path / "bert", "alice")
    (tmp_path / "alice.pub").write_bytes(key("alice").public.pem)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_signers_have_names(work, call):
    write_trust(work / "etc")
    code, out, err = call("verify", "bert", "--trust", "etc/trust.toml")
    assert code == 0
    assert f"signer    alice  {key('alice').public.fingerprint} (EC P-256)" in out.splitlines()
    assert "✓  1  bundles read" in err
    assert "✓ 12  records and gates" in err


def test_places_of_a_trust_file(work, call, monkeypatch):
    code, _, err = call("verify", "bert")
    assert (code, "whom to trust was not said" in err) == (2, True)
    assert "sycee trust init" in err
    path = write_trust(work / "etc")
    monkeypatch.setenv("SYCEE_TRUST", str(path))
    assert call("verify", "bert")[0] == 0
    monkeypatch.delenv("SYCEE_TRUST")
    assert sycee.verify("bert", trust=path).name == "bert"
    (work / "home").mkdir()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(work / "home"))
    write_trust(work / "home" / "sycee")
    assert call("verify", "bert")[0] == 0
    with sycee.load("bert") as model:
        assert [signer.name for signer in model.signers] == ["alice"]


def test_a_key_counts_before_the_trust_file_of_the_user(work, call, monkeypatch):
    monkeypatch.setenv("SYCEE_TRUST", str(write_trust(work / "etc", ROLES.replace("alice", "carol"), MODELS)))
    assert call("verify", "bert")[0] == 13
    assert call("verify", "bert", "--key", "alice.pub")[0] == 0


def test_wrong_usage(work, call):
    write_trust(work / "etc")
    code, _, err = call("verify", "bert", "--trust", "etc/trust.toml", "--key", "alice.pub")
    assert (code, "exclude each other" in err) == (2, True)
    code, _, err = call("verify", "bert", "--trust", "none.toml")
    assert (code, "there is no trust file" in err) == (1, True)
    code, _, err = call("verify", "bert", "--key", "alice.pub", "--channel-file", "x.json")
    assert (code, "--channel-file is for --channel" in err) == (2, True)
    for arguments in (("--trust", "etc/trust.toml"), ()):
        assert call("verify", "bert/model.pt", "--weights-only", *arguments)[0] == 2
    (work / "etc" / "trust.toml").write_text("format = 1\nkey = 1\n")
    assert call("verify", "bert", "--trust", "etc/trust.toml")[0] == 1


def test_a_trust_file_of_the_repository_is_refused(work, call):
    subprocess.run(["git", "init", "-q"], check=True)
    write_trust(work / "etc")
    code, _, err = call("verify", "bert", "--trust", "etc/trust.toml")
    assert (code, "who can write there could write himself into it" in err) == (2, True)
    with pytest.raises(UsageError):
        sycee.load("bert", trust="etc/trust.toml")


def test_a_refusal_in_json(work, call):
    write_trust(work / "etc", ROLES, MODELS + 'gates = ["metrics.val_f1 >= 0.9"]\n')
    code, out, err = call("verify", "bert", "--trust", "etc/trust.toml", "--json")
    told = json.loads(out)
    assert (code, told["error"], told["exit_code"]) == (13, "PolicyDenied", 13)
    assert told["hint"]
    details = told["details"]
    assert (details["rule"], details["found"]) == ("metrics.val_f1 >= 0.9", "0.892")
    assert {rule["name"]: rule["outcome"] for rule in details["rules"]}["signed by release"] == "passed"
    assert "metrics.val_f1 >= 0.9" in err
    with pytest.raises(PolicyDenied):
        sycee.verify("bert", trust="etc/trust.toml")


def test_a_channel_of_the_repository(work, call, monkeypatch):
    repo, etc = work / "repo", work / "etc"
    repo.mkdir()
    subprocess.run(["git", "init", "-q", repo], check=True)
    write_trust(etc, ROLES, CHANNELS, MODELS)
    monkeypatch.setenv("SYCEE_STATE", str(work / "state"))
    identity = sycee.verify("bert", trust=etc / "trust.toml").identity
    (work / "bert").rename(repo / "bert")
    path = repo / ".sycee" / "channels" / "bert" / "production.json"
    path.parent.mkdir(parents=True)
    now = utc_now()
    said = Channel("bert", "production", 3, now - DAY, now + 60 * DAY, identity)
    sign_document(path, channel.render(said), key("carol"))
    code, out, err = call("verify", "repo/bert", "--trust", "etc/trust.toml", "--channel", "production")
    assert (code, "channel   production, serial 3" in out) == (0, True)
    assert "✓ 13  accepted, and remembered\n" in err
    path.unlink()
    code, _, err = call("verify", "repo/bert", "--trust", "etc/trust.toml", "--channel", "production")
    assert (code, "channel production" in err) == (13, True)


def test_what_is_remembered_only_where_there_is_something_to(work):
    plain = request_for(work / "bert", Asked(key=key("alice").public, environ=os.environ))
    assert plain.memory is None
    asked = Asked(key=key("alice").public, channel="production", environ={"SYCEE_STATE": str(work / "state")})
    assert request_for(work / "bert", asked).memory.folder == work / "state"


def test_export_and_replay_by_a_trust_file(work, call):
    write_trust(work / "etc")
    assert call("export", "bert", "srv", "--trust", "etc/trust.toml")[0] == 0
    assert call("verify", "srv", "--trust", "etc/trust.toml")[0] == 0
    code, _, err = call("replay", "bert", "--trust", "etc/trust.toml")
    assert (code, "has no golden samples" in err) == (1, True)
    code, _, err = call("replay", "bert", "--trust", "etc/trust.toml", "--unsigned")
    assert (code, "--unsigned excludes" in err) == (2, True)
