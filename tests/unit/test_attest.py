"""Attesting: approvals, evaluations and replays of a signed version, further signers, and what is not attested."""

import json

import pytest

from rigs.fulcio import ISSUER, SUBJECT, Sigstore
from rigs.signed import KEY_PEM, fixed_key, sign_folder, write_model
from rigs.sigstoreserver import serving, token, write_config
from sycee.cli.main import main
from sycee.core.facts import Signer
from sycee.digest import sha256_hex
from sycee.formats import record, replay, sums
from sycee.formats.replay import Compared, Report
from sycee.trust.folder import Folder
from sycee.trust.keys import generate
from sycee.trust.policy.documents import is_document
from sycee.trust.policy.records import record_facts

FOUND = {"dataset": {"name": "WikiANN"}, "metrics": [{"name": "f1", "value": 0.871}]}


@pytest.fixture
def desk(tmp_path):
    write_model(tmp_path / "bert")
    sign_folder(tmp_path / "bert")
    (tmp_path / "key").write_bytes(KEY_PEM)
    second = generate("p256")
    (tmp_path / "second").write_bytes(second.to_pem(None))
    (tmp_path / "second.pub").write_bytes(second.public.pem)
    (tmp_path / "key.pub").write_bytes(fixed_key().public.pem)
    for name in ("key", "second"):
        (tmp_path / name).chmod(0o600)
    return tmp_path


def run(capsys, desk, *arguments):
    code = main(["-C", str(desk), *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def identity_of(desk):
    return sums.identity((desk / "bert/SHA256SUMS").read_bytes())


def report_of(desk, **changes):
    stages = (Compared("0", "output", "bit"),)
    values = {
        "model": "bert", "identity": f"sycee:{identity_of(desk)}", "result": "reproduced",
        "verdict": "equal to the bit", "mode": "here", "network": "none", "demanded": "bit", "level": "bit",
        "stages": stages, "platform": "cpu x86_64, Python 3.12.8",
    }  # fmt: skip
    data = replay.render(Report(**{**values, **changes}))
    (desk / "replay.json").write_bytes(data)
    return data


def written(desk, out):
    data = (desk / out.strip()).read_bytes()
    return record.parse(data, "r")


def facts(desk):
    with Folder(desk / "bert") as folder:
        return record_facts(folder, identity_of(desk), None, lambda document: frozenset({Signer("x", "", "")})).facts


def test_an_approval(capsys, desk):
    words = ("attest", "bert", "--type", "approval", "--decision", "approved", "--by", "Ada", "--comment", "as agreed")
    code, out, err = run(capsys, desk, *words, "--key", "key")
    assert code == 0, err
    one = written(desk, out)
    assert (one.kind, one.subject.sha256) == ("approval", identity_of(desk))
    assert one.content == {"decision": "approved", "by": "Ada", "comment": "as agreed"}
    assert f"approval of bert, sycee:{identity_of(desk)}" in err
    assert ".json.sig; then commit it: git add bert/records && git commit" in err
    assert [fact.passed for fact in facts(desk)] == [True]
    assert main(["-C", str(desk), "verify", "bert", "--key", "key.pub"]) == 0  # the model's signature is as it was


def test_a_rejection_is_no_passed_record(capsys, desk):
    code, _, err = run(capsys, desk, "attest", "bert", "--type", "approval", "--decision", "rejected", "--key", "key")
    assert code == 0, err
    assert [fact.passed for fact in facts(desk)] == [False]


def test_a_replay(capsys, desk):
    data = report_of(desk)
    code, out, err = run(capsys, desk, "attest", "bert", "--type", "replay", "--from", "replay.json", "--key", "key")
    assert code == 0, err
    content = written(desk, out).content
    assert (content["result"], content["platform"]) == ("reproduced", "cpu x86_64, Python 3.12.8")
    assert content["report"] == sha256_hex(data)
    assert [(fact.kind, fact.passed) for fact in facts(desk)] == [("replay", True)]


def test_a_replay_that_differs_is_recorded_as_that(capsys, desk):
    report_of(desk, result="differs", level="fail", verdict="output differs", stages=(Compared("0", "output", "fail"),))
    code, _, err = run(capsys, desk, "attest", "bert", "--type", "replay", "--from", "replay.json", "--key", "key")
    assert (code, "comes out differently: output differs" in err) == (0, True), err
    assert [fact.passed for fact in facts(desk)] == [False]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"identity": ""}, "is about a folder whose signature was not checked"),
        ({"identity": f"sycee:{'0' * 64}"}, "is about another version: expected sycee:"),
        ({"waived": ("output",)}, "leaves out output"),
    ],
)
def test_a_replay_of_something_else_is_refused(capsys, desk, changes, said):
    report_of(desk, **changes)
    code, out, err = run(capsys, desk, "attest", "bert", "--type", "replay", "--from", "replay.json", "--key", "key")
    assert (code, out, said in err) == (1, "", True), err
    assert not (desk / "bert/records").exists()


def test_an_altered_report_is_refused(capsys, desk):
    data = report_of(desk, result="differs", level="fail", stages=(Compared("0", "output", "fail"),))
    (desk / "replay.json").write_bytes(data.replace(b'"differs"', b'"reproduced"'))
    code, _, err = run(capsys, desk, "attest", "bert", "--type", "replay", "--from", "replay.json", "--key", "key")
    assert (code, "replay.json is no report of a replay: " in err) == (1, True), err
    assert "hint: write it anew: sycee replay MODEL" in err


def test_an_evaluation_from_json_and_from_a_record(capsys, desk):
    (desk / "found.json").write_text(json.dumps(FOUND))
    words = ("attest", "bert", "--type", "evaluation", "--key", "key", "--from")
    code, out, err = run(capsys, desk, *words, "found.json")
    assert code == 0, err
    assert written(desk, out).content == FOUND
    code, out, err = run(capsys, desk, *words, out.strip())
    assert code == 0, err
    assert written(desk, out).content == FOUND
    (desk / "found.json").write_text("{}")
    code, _, err = run(capsys, desk, *words, "found.json")
    assert (code, "found.json is no evaluation" in err) == (1, True), err
    run(capsys, desk, "attest", "bert", "--type", "approval", "--decision", "approved", "--key", "key")
    approval = next((desk / "bert/records").glob("approval-*.json"))
    code, _, err = run(capsys, desk, *words, str(approval))
    assert (code, "where an evaluation is needed" in err) == (2, True), err


def test_a_further_signer_stands_for_the_same_record(capsys, desk):
    words = ("attest", "bert", "--type", "approval", "--decision", "approved", "--key", "key")
    name = run(capsys, desk, *words)[1].strip()
    before = (desk / name).read_bytes()
    code, out, err = run(capsys, desk, "attest", "bert", "--add-signature", f"records/{name[13:]}", "--key", "second")
    assert (code, out.strip()) == (0, name), err
    assert (desk / name).read_bytes() == before
    assert len(list((desk / "bert/records").glob("*.sig"))) == 2
    for key in ("key.pub", "second.pub"):
        assert "about this version, signed by this key" in run(capsys, desk, "card", "show", "bert", "--key", key)[1]


def test_a_record_of_another_version_gets_no_signature(capsys, desk):
    words = ("attest", "bert", "--type", "approval", "--decision", "approved", "--key", "key")
    name = run(capsys, desk, *words)[1].strip()
    (desk / "bert/model.pt").write_bytes(b"other weights")
    sign_folder(desk / "bert")
    code, _, err = run(capsys, desk, "attest", "bert", "--add-signature", name, "--key", "second")
    assert (code, "is about another version" in err) == (1, True), err
    code, _, err = run(capsys, desk, "attest", "bert", "--add-signature", "absent.json", "--key", "second")
    assert (code, "records/absent.json is not there" in err) == (1, True), err


def test_what_is_not_signed_is_not_attested(capsys, desk):
    words = ("attest", "bert", "--type", "approval", "--decision", "approved", "--key", "key")
    sealed = (desk / "bert/model.sig").read_bytes()
    (desk / "bert/model.sig").unlink()
    code, _, err = run(capsys, desk, *words)
    assert (code, "has no model.sig" in err) == (1, True), err
    (desk / "bert/SHA256SUMS").unlink()
    code, _, err = run(capsys, desk, *words)
    assert (code, "is not signed, so there is no version to speak of" in err) == (1, True), err
    (desk / "bert/model.pt").write_bytes(b"other weights")
    sign_folder(desk / "bert", replace=True)
    (desk / "bert/model.sig").write_bytes(sealed)
    code, _, err = run(capsys, desk, *words)
    assert (code, "is a signature of another version than SHA256SUMS names" in err) == (14, True), err
    assert not (desk / "bert/records").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "what to attest was not said"),
        (["--type", "approval"], "an approval needs --decision"),
        (["--type", "approval", "--decision", "approved", "--from", "x"], "--from does not go with it"),
        (["--type", "replay"], "needs --from FILE"),
        (["--type", "replay", "--from", "x", "--comment", "y"], "--comment does not go with it"),
        (["--add-signature", "x.json", "--type", "replay"], "--type does not go with it"),
        (["--type", "approval", "--decision", "approved"], "name one signer"),
    ],
)
def test_wrong_use(capsys, desk, words, said):
    keyed = [] if said == "name one signer" else ["--key", "key"]
    code, out, err = run(capsys, desk, "attest", "bert", *words, *keyed)
    assert (code, out, said in err) == (2, "", True), err
    assert not (desk / "bert/records").exists()


def test_without_a_key_and_who_signed_is_told_by_the_trust_file(capsys, monkeypatch, desk, tmp_path_factory):
    monkeypatch.setenv("SIGSTORE_ID_TOKEN", token())
    instance = Sigstore()
    words = ["attest", "bert", "--type", "approval", "--decision", "approved", "--keyless", "--sigstore-config"]
    with serving(instance) as service:
        write_config(service, desk / "config.json")
        code, out, err = run(capsys, desk, *words, "config.json")
        assert (code, ".sigstore.json; then commit it" in err) == (0, True), err
        document = out.strip().rpartition("/")[2]
        service.broken.add("/api/v1/log/entries")
        code, _, err = run(capsys, desk, *words, "config.json", "--comment", "again")
        assert (code, "could not be asked for a signature" in err) == (20, True), err
    assert [path.name for path in (desk / "bert/records").iterdir() if is_document(path.name)] == [document]
    trust = tmp_path_factory.mktemp("trust")
    instance.write_root(trust / "root.json")
    (trust / "trust.toml").write_text(
        f'format = 1\n[identities.ci]\nissuer = "{ISSUER}"\nsubject = "{SUBJECT}"\nroot = "root.json"\n'
        '[roles.release]\nmembers = ["ci"]\n[[models]]\nmatch = "*"\nsigned_by = ["release"]\n'
    )
    code, out, err = run(capsys, desk, "card", "show", "bert", "--trust", str(trust / "trust.toml"))
    assert (code, "about this version, signed by ci\n" in out) == (0, True), out + err
    assert "NOT signed by this key" in run(capsys, desk, "card", "show", "bert", "--key", "key.pub")[1]
