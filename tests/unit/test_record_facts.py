"""What of the records beside a version a policy may go by."""

import datetime as dt

import pytest

from rigs.signed import fixed_key, sign_folder, write_model
from sycee.core.facts import RecordFact, Signer
from sycee.digest import sha256_hex
from sycee.errors import Conflict
from sycee.formats import record, sums
from sycee.formats.record import Record, Subject
from sycee.ops.records import add_record
from sycee.trust.folder import Folder
from sycee.trust.keys import generate
from sycee.trust.policy import records
from sycee.trust.policy.records import record_facts

NOW = dt.datetime(2026, 2, 1, 8, 30, tzinfo=dt.UTC)
FOUND = {"dataset": {"name": "WikiANN"}, "metrics": [{"name": "f1", "value": 0.871}]}
VERDICT = {
    "result": "reproduced", "verdict": "equal to the bit", "demanded": "bit", "level": "bit", "mode": "here",
    "network": "none", "platform": "cpu x86_64, Python 3.12.8", "report": "0" * 64,
}  # fmt: skip
KEYS = {"ada": fixed_key(), "bob": generate("p256")}


@pytest.fixture
def model(tmp_path):
    folder = write_model(tmp_path / "bert")
    sign_folder(folder)
    return folder


def signers_of(document):
    digest = sha256_hex(document.data)
    return frozenset(
        Signer(name, key.public.fingerprint, key.public.kind)
        for name, key in KEYS.items()
        if any(key.public.verify_detached(one, digest) for one in document.signatures)
    )


def facts(model, identity=None):
    identity = identity or sums.identity((model / "SHA256SUMS").read_bytes())
    with Folder(model) as folder:
        return record_facts(folder, identity, sha256_hex((model / "model_card.yaml").read_bytes()), signers_of)


def add(model, kind, content, *names):
    for name in names or (None,):
        written = add_record(model, kind, content, NOW, KEYS.get(name))
    return written.path


@pytest.mark.parametrize(
    ("kind", "content", "passed"),
    [
        ("evaluation", FOUND, True),
        ("approval", {"decision": "approved"}, True),
        ("approval", {"decision": "rejected", "by": "Ada"}, False),
        ("replay", VERDICT, True),
        ("replay", {**VERDICT, "result": "differs", "level": "fail"}, False),
    ],
)
def test_what_a_record_says_and_who_signed_it(model, kind, content, passed):
    add(model, kind, content, "ada", "bob")
    [fact], warnings = facts(model)
    assert (fact.kind, fact.recorded, fact.passed, warnings) == (kind, NOW, passed, ())
    assert {signer.name for signer in fact.signers} == {"ada", "bob"}


def test_a_record_that_nobody_signed_is_a_fact_without_signers(model):
    add(model, "approval", {"decision": "approved"})
    assert facts(model) == ((RecordFact("approval", NOW, True, frozenset()),), ())


def test_records_of_other_versions_are_passed_over(model):
    add(model, "approval", {"decision": "approved"}, "ada")
    assert facts(model, identity="0" * 64) == ((), ())


def test_a_record_about_the_card_alone_counts_for_nothing(model):
    (model / "SHA256SUMS").rename(model.parent / "aside")
    path = add(model, "evaluation", FOUND, "ada")
    (model.parent / "aside").rename(model / "SHA256SUMS")
    found, [warning] = facts(model)
    assert found == ()
    assert warning.startswith(f"records/{path.name} is about the card alone")


def test_a_record_that_was_moved_to_another_model_counts_for_nothing_there(model, tmp_path):
    other = write_model(tmp_path / "other")
    (other / "model.pt").write_bytes(b"other weights")
    sign_folder(other)
    path = add(model, "approval", {"decision": "approved"}, "ada")
    (other / "records").mkdir()
    for name in (path.name, f"{path.name}.sig"):
        (other / "records" / name).write_bytes((model / "records" / name).read_bytes())
    assert facts(other) == ((), ())


def test_what_cannot_be_read_is_told_and_hides_nothing(model, tmp_path):
    add(model, "approval", {"decision": "approved"}, "ada")
    (model / "records/a.json").write_text("{")
    (model / "records/link.json").symlink_to(tmp_path)
    giant = model / "records/giant.json"
    giant.write_bytes(b" " * (record.MAX_SIZE + 1))
    [fact], warnings = facts(model)
    assert [signer.name for signer in fact.signers] == ["ada"]
    assert [warning.split()[0] for warning in warnings] == ["records/a.json", "records/giant.json", "records/link.json"]
    assert all("cannot be read, and counts for nothing" in warning for warning in warnings)


def test_an_altered_record_has_no_signer(model):
    path = add(model, "approval", {"decision": "rejected"}, "ada")
    path.write_bytes(path.read_bytes().replace(b"rejected", b"approved"))
    [fact], _ = facts(model)
    assert (fact.passed, fact.signers) == (True, frozenset())


def test_more_records_than_are_read_are_refused(model, monkeypatch):
    monkeypatch.setattr(records, "MAX_RECORDS", 1)
    add(model, "approval", {"decision": "approved"})
    add(model, "approval", {"decision": "rejected"})
    with pytest.raises(Conflict, match="holds 2 records; at most 1 are read"):
        facts(model)


def test_every_kind_has_an_outcome():
    assert records._PASSED.keys() == record.KINDS.keys()


def test_the_time_of_a_record():
    one = Record("approval", Subject("n", "SHA256SUMS", "0" * 64), "2026-02-01T08:30:00Z", {"decision": "approved"})
    assert record.time_of(one) == NOW
