"""Who without a key counts, by a trust file: for bundles and for documents, beside those who have keys."""

import json
import sys

import pytest

from rigs.fulcio import ISSUER, NOW, SUBJECT, Sigstore, Who
from rigs.signed import fixed_key, seal_payload
from sycee.errors import NotFound
from sycee.formats import bundle
from sycee.formats.trust import ModelRule, Role, Trust, TrustedIdentity, TrustedKey
from sycee.trust.folder import Folder
from sycee.trust.policy.authority import Authority
from sycee.trust.policy.documents import read_document, sign_document

INSTANCE, OTHER = Sigstore(), Sigstore()
DATA = b"{}\n"
PERSON = Who(subject="https://github.com/acme/models/.github/workflows/release.yml@refs/heads/main")


@pytest.fixture
def authority(tmp_path):
    INSTANCE.write_root(tmp_path / "root.json")
    OTHER.write_root(tmp_path / "other.json")
    identities = {
        "ci": TrustedIdentity("ci", ISSUER, SUBJECT, "root.json"),
        "release": TrustedIdentity("release", ISSUER, PERSON.subject, "root.json"),
        "elsewhere": TrustedIdentity("elsewhere", ISSUER, SUBJECT, "other.json"),
    }
    keys = {"ada": TrustedKey("ada", fixed_key().public.pem.decode())}
    roles = {"all": Role("all", frozenset({*identities, *keys}))}
    return Authority.of_file(Trust(keys, identities, roles, (ModelRule("*", ("all",)),)), tmp_path / "trust.toml")


def of_bundle(authority, raw):
    return {signer.name for signer in authority.signers_of_bundle(raw, bundle.parse(raw))}


def sealed(instance, who):
    statement = {"_type": "https://in-toto.io/Statement/v1", "subject": [{"name": "m", "digest": {"sha256": "00"}}]}
    payload = json.dumps({**statement, "predicateType": "x", "predicate": {}}).encode()
    return json.dumps(instance.sign_dsse(payload, who)).encode()


def test_each_identity_counts_by_its_own_root(authority):
    assert of_bundle(authority, sealed(INSTANCE, Who())) == {"ci"}
    assert of_bundle(authority, sealed(INSTANCE, PERSON)) == {"release"}
    assert of_bundle(authority, sealed(OTHER, Who())) == {"elsewhere"}
    assert of_bundle(authority, sealed(OTHER, PERSON)) == set()
    assert of_bundle(authority, sealed(Sigstore(), Who())) == set()
    assert of_bundle(authority, seal_payload(b"{}")) == {"ada"}
    [signer] = authority.signers_of_bundle(raw := sealed(INSTANCE, Who()), bundle.parse(raw))
    assert (signer.signed_at, signer.described) == (NOW, f"{SUBJECT} by {ISSUER}")


def test_a_document_counts_all_of_its_signers(authority, tmp_path):
    path = tmp_path / "x.json"
    sign_document(path, DATA, fixed_key())
    for number, (data, who) in enumerate(
        [(DATA, Who()), (DATA, PERSON), (b"other bytes", Who(issuer="https://x.test"))]
    ):
        signature = json.dumps(INSTANCE.sign_artifact(data, who))
        path.with_name(f"x.json.{number:012x}.sigstore.json").write_text(signature)
    path.with_name("x.json.0123456789ab.sigstore.json").write_text("{}")
    with Folder(tmp_path) as folder:
        signers = authority.signers_of(read_document(folder, "x.json", 100))
    assert {signer.name for signer in signers} == {"ada", "ci", "release"}


def test_keys_need_no_sigstore_and_identities_say_that_they_do(authority, monkeypatch):
    monkeypatch.setitem(sys.modules, "sigstore.verify", None)
    assert of_bundle(authority, seal_payload(b"{}")) == {"ada"}
    with pytest.raises(NotFound, match="need the package sigstore"):
        of_bundle(authority, sealed(INSTANCE, Who()))


def test_a_root_that_is_not_there_is_named(authority, tmp_path):
    (tmp_path / "root.json").unlink()
    with pytest.raises(NotFound, match=r"there is no trust root .*/root\.json"):
        of_bundle(authority, sealed(INSTANCE, Who()))


def test_a_key_alone_vouches_for_nobody_without_one(tmp_path):
    authority = Authority.of_key(fixed_key().public)
    assert of_bundle(authority, sealed(INSTANCE, Who())) == set()
