"""The verifier by the word of a trust file: who counts, which version, and what is refused with which error."""

import datetime as dt
import json
import shutil

import pytest

from rigs.fulcio import ISSUER, SUBJECT, Sigstore, Who
from rigs.signed import CARD, MODEL, forge, payload_of, seal_payload, sign_folder
from rigs.trusted import (
    CHANNELS,
    DAY,
    MODELS,
    NOW,
    REVOKING,
    ROLES,
    judged,
    key,
    write_list,
    write_signed,
    write_trust,
)
from sycee.core.modelfolder import further_bundle
from sycee.errors import (
    ContextMismatch,
    DigestMismatch,
    Expired,
    PolicyDenied,
    Revoked,
    RolledBack,
    SignatureInvalid,
    UsageError,
    WrongVersion,
)
from sycee.formats import bundle, channel, sums
from sycee.formats.channel import Channel
from sycee.ops.records import add_record
from sycee.trust.folder import Folder
from sycee.trust.loading.verified import VerifiedModel
from sycee.trust.policy.authority import Authority
from sycee.trust.policy.channels import Places
from sycee.trust.policy.documents import sign_document
from sycee.trust.policy.memory import Memory, Seen
from sycee.trust.policy.request import Request
from sycee.trust.verify import Verified, verify

TWO = '[roles.release]\nmembers = ["alice", "bob"]\nthreshold = 2\n'


@pytest.fixture
def desk(tmp_path):
    return tmp_path / "etc"


def refused(verdict, kind, *words):
    assert type(verdict) is kind, verdict
    for word in words:
        assert word in verdict.message, verdict.message
    return verdict


def outcomes(rules):
    return {rule["name"]: rule["outcome"] for rule in rules}


# --- who signed -----------------------------------------------------------------------------------------------------


def test_somebody_of_the_role_suffices(tmp_path, desk):
    found = judged(write_signed(tmp_path / "bert", "bob"), write_trust(desk))
    assert isinstance(found, Verified)
    assert [(signer.name, signer.fingerprint) for signer in found.signers] == [("bob", key("bob").public.fingerprint)]
    assert outcomes(found.as_json()["rules"])["signed by release"] == "passed"
    assert found.as_json()["signers"] == [
        {"name": "bob", "fingerprint": key("bob").public.fingerprint, "kind": "EC P-256"}
    ]


def test_nobody_known_signed(tmp_path, desk):
    verdict = judged(write_signed(tmp_path / "bert", "mallory"), write_trust(desk))
    refused(verdict, SignatureInvalid, "nobody whom", str(desk / "trust.toml"), key("mallory").public.fingerprint)
    assert verdict.exit_code == 12


def test_good_signatures_that_do_not_suffice(tmp_path, desk):
    verdict = judged(write_signed(tmp_path / "bert", "carol"), write_trust(desk))
    refused(verdict, PolicyDenied, "signed by release", "1 of alice, bob", "carol (not in the role release)")
    assert verdict.exit_code == 13
    assert verdict.hint
    assert verdict.details["rule"] == "signed by release"
    assert outcomes(verdict.details["rules"])["signed by release"] == "failed"


def test_threshold_counts_people(tmp_path, desk):
    trust_file = write_trust(desk, TWO, MODELS)
    model = write_signed(tmp_path / "bert", "alice")
    refused(judged(model, trust_file), PolicyDenied, "2 of alice, bob", "found alice")
    shutil.copy(model / "model.sig", _beside(model, "bob"))  # the same signature under another name
    refused(judged(model, trust_file), PolicyDenied, "found alice")
    sign_folder(model, key("bob"))
    found = judged(model, trust_file)
    assert [signer.name for signer in found.signers] == ["alice", "bob"]
    assert found.warnings == ()


def _beside(model, name):
    path = model / further_bundle(key(name).public.fingerprint)
    path.parent.mkdir(exist_ok=True)
    return path


def test_a_first_signer_whom_nobody_knows(tmp_path, desk):
    model = write_signed(tmp_path / "bert", "vendor", "alice")
    found = judged(model, write_trust(desk))
    assert [signer.name for signer in found.signers] == ["alice"]
    assert any("model.pt.sig is by another signer" in warning for warning in found.warnings)
    (model / "model.pt").write_bytes(b"Weights of a model")
    refused(judged(model, write_trust(desk)), DigestMismatch, "model.pt has other bytes")


# --- several bundles ------------------------------------------------------------------------------------------------


def test_a_bundle_of_another_version_does_not_count(tmp_path, desk):
    model = write_signed(tmp_path / "bert", "alice", "bob")
    (model / "model.pt").write_bytes(b"newer weights")
    for name in ("model.sig", "SHA256SUMS", "SHA256SUMS.sig", "model.pt.sig"):
        (model / name).unlink()
    shutil.move(model / "records", tmp_path / "records")
    sign_folder(model, key("alice"))
    shutil.move(tmp_path / "records", model / "records")
    found = judged(model, write_trust(desk))
    assert [signer.name for signer in found.signers] == ["alice"]
    assert any("is about another version and does not count: by bob" in warning for warning in found.warnings)
    refused(judged(model, write_trust(desk, TWO, MODELS)), PolicyDenied, "found alice")


def test_mixed_signatures_of_two_versions_never_make_a_threshold(tmp_path, desk):
    trust_file = write_trust(desk, TWO, MODELS)
    older = write_signed(tmp_path / "1", "alice", "bob")
    newer = write_signed(tmp_path / "2", "alice", files={**MODEL, "model.pt": b"newer weights"})
    shutil.copytree(older / "records", newer / "records")
    refused(judged(newer, trust_file), PolicyDenied, "found alice")
    for name in ("model.sig", "SHA256SUMS", "SHA256SUMS.sig"):  # all of the older version but its weights
        shutil.copy(older / name, newer / name)
    refused(judged(newer, trust_file), DigestMismatch, "model.pt has")


def test_a_stale_first_bundle_does_not_hide_a_good_second_one(tmp_path, desk):
    older = write_signed(tmp_path / "1", "alice")
    newer = write_signed(tmp_path / "2", "bob", files={**MODEL, "model.pt": b"newer weights"})
    shutil.move(newer / "model.sig", _beside(newer, "bob"))
    shutil.copy(older / "model.sig", newer / "model.sig")
    found = judged(newer, write_trust(desk))
    assert [signer.name for signer in found.signers] == ["bob"]


def with_digest(payload, name, **facts):
    entry = next(item for item in payload["predicate"]["resources"] if item["name"] == name)
    entry |= facts
    return payload


def test_no_single_signer_chooses_bytes_by_a_second_digest(tmp_path, desk):
    """Two must sign; one of them vouches by blake3 for other bytes than sha256 does."""
    from sycee.digest import digest_bytes

    evil = b"Weights of a Model"
    trust_file = write_trust(desk, TWO, MODELS)
    model = write_signed(tmp_path / "bert", "alice", "bob")
    facts = {"blake3": digest_bytes(evil).blake3, "size": len(evil)}
    forge(model, with_digest(payload_of(model), "model.pt", **facts), key("alice"))
    (model / "model.pt").write_bytes(evil)
    verdict = refused(judged(model, trust_file), DigestMismatch, "model.pt has other bytes")
    assert verdict.details["problems"][0]["expected"].startswith("sha256:")
    (model / "model.pt").write_bytes(MODEL["model.pt"])
    assert judged(model, trust_file).files["model.pt"].blake3 is None


def test_bundles_that_contradict_each_other(tmp_path, desk):
    model = write_signed(tmp_path / "bert", "alice", "bob")
    payload = payload_of(model)
    payload["subject"][0]["annotations"]["sycee"]["name"] = "bort"
    _beside(model, "bob").write_bytes(seal_payload(payload, key("bob")))
    verdict = judged(model, write_trust(desk))
    refused(verdict, ContextMismatch, "contradict each other about the name", "model.sig")


def test_what_only_one_of_two_signers_says_is_nobodys_word(tmp_path, desk):
    files = {**MODEL, "model_card.yaml": CARD.replace(b"name: bert\n", b"")}
    model = write_signed(tmp_path / "bert", "alice", files=files)
    payload = payload_of(model)
    payload["subject"][0] |= {"name": "anything", "annotations": {}}
    _beside(model, "bob").write_bytes(seal_payload(payload, key("bob")))
    verdict = judged(model, write_trust(desk))
    refused(verdict, PolicyDenied, "model is known", "a model without a name")


@pytest.mark.parametrize("subject", ["anything", "same"])
def test_who_is_silent_about_the_name_does_not_move_a_model_to_a_laxer_entry(tmp_path, desk, subject):
    """The entry of the model asks for carol too; bob, who need not sign here, signs without the name."""
    strict = '[[models]]\nmatch = "bert"\nsigned_by = ["release", "channel"]\n'
    lax = '[[models]]\nmatch = "*"\nsigned_by = ["release"]\nformats = ["unknown"]\n'
    trust_file = write_trust(desk, ROLES, CHANNELS, strict + lax)
    files = {**MODEL, "model_card.yaml": CARD.replace(b"name: bert\n", b"")}
    model = write_signed(tmp_path / "bert", "alice", files=files)
    payload = payload_of(model)
    payload["subject"][0]["name"] = "same"
    payload["subject"][0]["annotations"]["sycee"]["name"] = "bert"
    forge(model, payload, key("alice"))
    refused(judged(model, trust_file), PolicyDenied, "signed by channel")
    payload["subject"][0] |= {"name": subject, "annotations": {}}
    _beside(model, "bob").write_bytes(seal_payload(payload, key("bob")))
    refused(judged(model, trust_file), PolicyDenied, "model is known", "a model without a name")


@pytest.mark.parametrize("data", [b"", b"{}", b"no json"])
def test_a_malformed_further_bundle(tmp_path, desk, data):
    model = write_signed(tmp_path / "bert", "alice")
    _beside(model, "bob").write_bytes(data)
    assert refused(judged(model, write_trust(desk)), SignatureInvalid).details["path"].startswith("records/")


@pytest.mark.parametrize("place", ["payload", "hint", "signature"])
def test_an_altered_further_bundle_is_refused_not_passed_over(tmp_path, desk, place):
    model = write_signed(tmp_path / "bert", "alice", "bob")
    path = _beside(model, "bob")
    envelope = bundle.parse(path.read_bytes())
    changes = {"payload": envelope.payload + b" ", "hint": "0" * 64, "signature": envelope.signature[:-1] + b"\0"}
    values = {"payload": envelope.payload, "signature": envelope.signature, "hint": envelope.hint}
    path.write_bytes(bundle.render(bundle.Bundle(**(values | {place: changes[place]}))))
    refused(judged(model, write_trust(desk)), SignatureInvalid, path.name)


def test_too_many_bundles(tmp_path, desk):
    model = write_signed(tmp_path / "bert", "alice")
    for number in range(33):
        path = model / "records" / f"{number:016x}.model.sig"
        path.parent.mkdir(exist_ok=True)
        shutil.copy(model / "model.sig", path)
    refused(judged(model, write_trust(desk)), SignatureInvalid, "33 bundles")


# --- the rules ------------------------------------------------------------------------------------------------------


def test_unknown_model_is_refused(tmp_path, desk):
    files = {**MODEL, "model_card.yaml": CARD.replace(b"name: bert", b"name: gpt")}
    verdict = judged(write_signed(tmp_path / "bert", "alice", files=files), write_trust(desk))
    refused(verdict, PolicyDenied, "model is known", "found gpt")


def test_two_models_of_one_signer_cannot_stand_in_for_each_other(tmp_path, desk):
    files = {**MODEL, "model_card.yaml": CARD.replace(b"name: bert", b"name: bort")}
    swapped = write_signed(tmp_path / "bert", "alice", files=files)
    trust_file = write_trust(desk, ROLES, MODELS, MODELS.replace('"bert"', '"bort"'))
    refused(judged(swapped, trust_file, expect="bert@1.2.0"), WrongVersion, "expected bert@1.2.0, found bort@1.2.0")


@pytest.mark.parametrize(
    ("member", "kind"),
    [
        ("valid_until = 2026-05-31T00:00:00Z\n", Expired),
        ("valid_from = 2026-06-02T00:00:00Z\n", Expired),
        ("valid_until = 2026-06-05T00:00:00Z\n", None),
    ],
)
def test_a_key_counts_in_its_time_only(tmp_path, desk, member, kind):
    verdict = judged(write_signed(tmp_path / "bert", "alice"), write_trust(desk, of_keys={"alice": member}))
    if kind:
        refused(verdict, kind, "signed by release")
    else:
        assert any("alice ends in 3 days" in warning for warning in verdict.warnings)


def test_a_trust_file_past_its_time(tmp_path, desk):
    path = write_trust(desk)
    path.write_text(path.read_text().replace("format = 1\n", "format = 1\nexpires = 2026-06-01T00:00:00Z\n"))
    refused(judged(write_signed(tmp_path / "bert", "alice"), path), Expired, "trust file is current")


def test_forms_of_weights(tmp_path, desk):
    model = write_signed(tmp_path / "bert", "alice")
    strict = write_trust(desk, ROLES, MODELS.replace('formats = ["unknown"]\n', ""))
    verdict = refused(judged(model, strict), PolicyDenied, "weights are allowed forms", "model.pt: unknown")
    assert "sycee convert" in verdict.hint


def test_a_pickle_that_the_bundle_does_not_call_weights(tmp_path, desk):
    import pickle

    header = b'{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'
    tensors = len(header).to_bytes(8, "little") + header + b"\0"
    files = {"model.safetensors": tensors, "extra.bin": pickle.dumps([1]), "model_card.yaml": CARD}
    model = write_signed(tmp_path / "bert", "alice", files=files)
    payload = payload_of(model)
    ignored = payload["predicate"]["serialization"]["ignore_paths"]
    ignored[:] = [path for path in ignored if not path.startswith("extra.bin")]
    (model / "extra.bin.sig").unlink()
    forge(model, payload, key("alice"))
    strict = write_trust(desk, ROLES, MODELS.replace('["unknown"]', '["safetensors"]'))
    refused(judged(model, strict), PolicyDenied, "extra.bin: pickle")


def test_a_pickle_that_is_put_in_the_place_of_what_was_looked_at(tmp_path, desk):
    import pickle

    weights = pickle.dumps([1])
    model = write_signed(tmp_path / "bert", "alice", files={**MODEL, "model.pt": weights})
    (model / "model.pt").write_bytes(b"PK\x03\x04".ljust(len(weights), b" "))  # a zip file, as the trust file allows
    trust_file = write_trust(desk, ROLES, MODELS.replace('["unknown"]', '["torch"]'))
    authority = Authority.read(trust_file)
    with VerifiedModel.opened(Request(folder=model, authority=authority, now=NOW, postpone_weights=True)) as lazy:
        (model / "model.pt").write_bytes(weights)
        with pytest.raises(PolicyDenied, match="it was torch, and is pickle"):
            lazy.read("model.pt")


def test_safetensors_with_a_header_that_lies(tmp_path, desk):
    header = b'{"w":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}}'
    files = {"model.safetensors": len(header).to_bytes(8, "little") + header + b"\0", "model_card.yaml": CARD}
    model = write_signed(tmp_path / "bert", "alice", files=files)
    strict = write_trust(desk, ROLES, MODELS.replace('["unknown"]', '["safetensors"]'))
    refused(judged(model, strict), PolicyDenied, "model.safetensors: unknown")
    warned = judged(model, write_trust(desk)).warnings
    assert any("no sound safetensors file" in warning for warning in warned)


def test_gates_and_waivers(tmp_path, desk):
    model = write_signed(tmp_path / "bert", "alice")
    gate = MODELS + 'gates = ["metrics.val_f1 >= 0.9"]\n'
    verdict = refused(judged(model, write_trust(desk, ROLES, gate)), PolicyDenied, "metrics.val_f1 >= 0.9", "0.892")
    assert outcomes(verdict.details["rules"])["metrics.val_f1 >= 0.9"] == "failed"
    identity = judged(model, write_trust(desk)).identity
    waiver = (
        f'[[waivers]]\nidentity = "sycee:{identity}"\nrules = ["metrics.val_f1 >= 0.9"]\n'
        'until = 2026-07-01T00:00:00Z\nreason = "the old metric"\n'
    )
    found = judged(model, write_trust(desk, ROLES, gate, waiver))
    assert outcomes(found.as_json()["rules"])["metrics.val_f1 >= 0.9"] == "waived"
    assert any("the old metric" in warning for warning in found.warnings)


def test_records(tmp_path, desk):
    model = write_signed(tmp_path / "bert", "alice")
    wanting = write_trust(desk, ROLES, MODELS + 'records = [{kind = "approval", role = "release"}]\n')
    refused(judged(model, wanting), PolicyDenied, "record approval by release", "found none")
    add_record(model, "approval", {"decision": "rejected"}, NOW - DAY, key("bob"))
    refused(judged(model, wanting), PolicyDenied, "not passed")
    add_record(model, "approval", {"decision": "approved"}, NOW - DAY, key("carol"))
    refused(judged(model, wanting), PolicyDenied, "record approval by release")
    add_record(model, "approval", {"decision": "approved"}, NOW - 2 * DAY, key("bob"))
    assert isinstance(judged(model, wanting), Verified)


def test_rules_that_were_not_reached_are_told_as_such(tmp_path, desk):
    model = write_signed(tmp_path / "bert", "alice")
    wanting = write_trust(desk, ROLES, MODELS + 'records = [{kind = "approval", role = "release"}]\n')
    (model / "model.pt").write_bytes(b"Weights of a model")
    verdict = refused(judged(model, wanting), DigestMismatch)
    told = outcomes(verdict.details["rules"])
    assert (told["signed by release"], told["record approval by release"]) == ("passed", "pending")


def test_minimum_serial(tmp_path, desk):
    model = write_signed(tmp_path / "bert", "alice")
    for least, kind in ((7, None), (8, RolledBack)):
        verdict = judged(model, write_trust(desk, ROLES, MODELS + f"minimum_serial = {least}\n"))
        assert isinstance(verdict, kind or Verified)


# --- revocations ------------------------------------------------------------------------------------------------------


def test_withdrawn_keys_versions_and_files(tmp_path, desk):
    model = write_signed(tmp_path / "bert", "alice")
    identity = judged(model, write_trust(desk)).identity
    trust_file = write_trust(desk, ROLES, MODELS, REVOKING)
    refused(judged(model, trust_file), PolicyDenied, "revocation list is current", "found none")
    for withdrawn in (
        {"keys": {key("alice").public.fingerprint: "stolen"}},
        {"versions": {identity: "leaks"}},
        {"files": {judged(model, write_trust(desk)).files["model.pt"].sha256: "poisoned"}},
    ):
        write_trust(desk, ROLES, MODELS, REVOKING)
        write_list(desk, "carol", **withdrawn)
        refused(judged(model, trust_file), Revoked, next(iter(*withdrawn.values())) and "expected")
    write_list(desk, "carol", number=2)
    assert isinstance(judged(model, trust_file), Verified)


def test_a_list_by_the_wrong_people_or_by_nobody(tmp_path, desk):
    model = write_signed(tmp_path / "bert", "alice")
    trust_file = write_trust(desk, ROLES, MODELS, REVOKING)
    for name in ("alice", "mallory"):
        write_list(desk, name)
        refused(judged(model, trust_file), PolicyDenied, "revocation list is current")
    data = b'{"signed": "nonsense"}\n'
    sign_document(desk / "revoked.json", data, key("carol"), replace=True)
    refused(judged(model, trust_file), PolicyDenied, "is signed and malformed")


def test_an_old_list_by_its_grace_and_by_memory(tmp_path, desk):
    model = write_signed(tmp_path / "bert", "alice")
    trust_file = write_trust(desk, ROLES, MODELS, REVOKING)
    memory = Memory(tmp_path / "state")
    write_list(desk, "carol", number=5)
    assert judged(model, trust_file, memory=memory).remembered
    assert any("it counts for 1 day more" in one for one in judged(model, trust_file, NOW + 31 * DAY).warnings)
    refused(judged(model, trust_file, NOW + 33 * DAY), Expired, "revocation list is current")
    write_list(desk, "carol", number=4)
    refused(judged(model, trust_file, memory=memory), RolledBack, "number 5 or higher")


def test_a_list_that_is_mounted_by_links(tmp_path, desk):
    model = write_signed(tmp_path / "bert", "alice")
    trust_file = write_trust(desk, ROLES, MODELS, REVOKING)
    write_list(desk, "carol")
    (tmp_path / "data").mkdir()
    for name in ("revoked.json", "revoked.json.sig"):
        shutil.move(desk / name, tmp_path / "data" / name)
        (desk / name).symlink_to(tmp_path / "data" / name)
    assert isinstance(judged(model, trust_file), Verified)


# --- channels ---------------------------------------------------------------------------------------------------------


def statement(identity, serial=40, **changed):
    return Channel("bert", "production", serial, NOW - DAY, NOW + 5 * DAY, identity)._replace(**changed)


def put(path, said, name="carol"):
    path.parent.mkdir(parents=True, exist_ok=True)
    sign_document(path, channel.render(said), key(name), replace=True)
    return path


@pytest.fixture
def channels(tmp_path, desk):
    return write_signed(tmp_path / "bert", "alice"), write_trust(desk, ROLES, CHANNELS, MODELS)


def test_the_version_that_a_channel_names(tmp_path, channels):
    model, trust_file = channels
    identity = judged(model, trust_file).identity
    refused(judged(model, trust_file, channel="production"), PolicyDenied, "channel production", "found none")
    file = put(tmp_path / "said" / "production.json", statement(identity))
    asked = {"channel": "production", "channel_places": Places(file=file), "memory": Memory(tmp_path / "state")}
    found = judged(model, trust_file, **asked)
    assert (found.channel.statement.serial, found.remembered) == (40, True)
    assert found.as_json()["channel"]["serial"] == 40
    assert any("expires in" in warning for warning in found.warnings)
    put(file, statement("0" * 64, 41))
    refused(judged(model, trust_file, **asked), WrongVersion, "channel production", f"found sycee:{identity}")
    put(file, statement(identity, 39))
    refused(judged(model, trust_file, **asked), RolledBack, "serial 40 or higher")
    put(file, statement("0" * 64, 42, fallback=identity))
    refused(judged(model, trust_file, **asked), WrongVersion, "channel production")
    with trust_file.open("a") as text:
        text.write("[channels]\nfallback = true\n")
    assert any("fallback" in warning for warning in judged(model, trust_file, **asked).warnings)
    assert Memory(tmp_path / "state").seen("bert", "production") == Seen(42, "0" * 64)
    refused(judged(model, trust_file, NOW + 6 * DAY, **asked), Expired, "channel production is current")


def test_nothing_is_remembered_of_what_was_refused(tmp_path, channels):
    model, trust_file = channels
    file = put(tmp_path / "said" / "production.json", statement(judged(model, trust_file).identity))
    (model / "model.pt").write_bytes(b"Weights of a model")
    memory = Memory(tmp_path / "state")
    judged(model, trust_file, channel="production", channel_places=Places(file=file), memory=memory)
    assert memory.seen("bert", "production") is None


def test_a_statement_in_the_models_own_folder(tmp_path, channels):
    model, trust_file = channels
    said = statement(judged(model, trust_file).identity)
    put(model / "records" / "channel-production.json", said, "mallory")
    refused(judged(model, trust_file, channel="production"), PolicyDenied, "found none")
    put(model / "records" / "channel-production.json", said)
    assert isinstance(judged(model, trust_file, channel="production"), Verified)


def test_name_of_a_channel_is_no_path(channels):
    model, trust_file = channels
    with pytest.raises(UsageError, match="not the name of a channel"):
        judged(model, trust_file, channel="../../x")


# --- without keys, and folders elsewhere -----------------------------------------------------------------------------


@pytest.mark.slow
def test_identities_without_keys(tmp_path, desk):
    instance = Sigstore()
    path = write_trust(desk, ROLES.replace('"bob"]', '"ci"]'), MODELS)
    instance.write_root(desk / "root.json")
    told = f'[identities.ci]\nissuer = "{ISSUER}"\nsubject = "{SUBJECT}"\nroot = "root.json"\n'
    path.write_text(path.read_text().replace("[roles", f"{told}[roles", 1))
    model = write_signed(tmp_path / "bert", "mallory")
    payload = bundle.parse((model / "model.sig").read_bytes()).payload
    (model / "model.sig").write_text(json.dumps(instance.sign_dsse(payload, Who())))
    found = judged(model, path)
    assert [(signer.name, signer.described) for signer in found.signers] == [("ci", f"{SUBJECT} by {ISSUER}")]
    (model / "model.sig").write_text(json.dumps(Sigstore().sign_dsse(payload, Who())))
    refused(judged(model, path), SignatureInvalid, "nobody whom")


def test_a_folder_that_is_open_already(tmp_path, desk):
    model, trust_file = write_signed(tmp_path / "bert", "alice"), write_trust(desk)
    with Folder(model) as folder:
        found = verify(Request(folder=folder, authority=Authority.read(trust_file), now=NOW))
        assert folder.read(sums.NAME, 1 << 20)
    assert found.folder == model


def test_time_is_given(tmp_path, desk):
    late = {"alice": "valid_until = 2026-07-01T00:00:00Z\n"}
    model, trust_file = write_signed(tmp_path / "bert", "alice"), write_trust(desk, of_keys=late)
    assert isinstance(judged(model, trust_file), Verified)
    assert isinstance(judged(model, trust_file, dt.datetime(2026, 7, 1, tzinfo=dt.UTC)), Expired)
