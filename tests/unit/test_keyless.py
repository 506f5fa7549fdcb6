"""Signatures without a key: bundles of a Sigstore made for the test and of the public one, offline; what is refused."""

import base64
import copy
import datetime as dt
import json
import socket
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from rigs.fulcio import ISSUER, NOW, SUBJECT, Sigstore, Who, b64, canonical, dsse, rekord
from sycee.errors import ConfigError, NotFound, SignatureInvalid
from sycee.formats.trust import TrustedIdentity
from sycee.trust.signing.keyless import Root, Witness

VECTORS = Path(__file__).parents[1] / "vectors/sigstore"
STATEMENT = canonical(
    {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "bert", "digest": {"sha256": "0" * 64}}],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": {},
    }
)
DATA = b'{"decision": "approved"}\n'
NAME = "x.json.0123456789ab.sigstore.json"

INSTANCE = Sigstore()
OTHER = Sigstore()


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return Root.read(INSTANCE.write_root(tmp_path_factory.mktemp("root") / "trusted_root.json"))


@pytest.fixture(scope="module")
def public():
    return Root.read()


def artifact(root, bundle, data=DATA):
    raw = bundle if isinstance(bundle, bytes) else json.dumps(bundle).encode()
    return root.check_artifact(raw, data, NAME)


def statement(root, bundle, payload=STATEMENT):
    return root.check_dsse(json.dumps(bundle).encode(), payload)


def refused(check, *arguments):
    with pytest.raises(SignatureInvalid) as caught:
        check(*arguments)
    assert "is not a good signature without a key: " in caught.value.message
    assert caught.value.exit_code == 12
    return caught.value.message.partition("without a key: ")[2]


def entry_of(bundle):
    return bundle["verificationMaterial"]["tlogEntries"][0]


def test_a_statement_and_a_file_are_verified(root):
    for witness in (statement(root, INSTANCE.sign_dsse(STATEMENT)), artifact(root, INSTANCE.sign_artifact(DATA))):
        assert (witness.subject, witness.issuer, witness.signed_at) == (SUBJECT, ISSUER, NOW)
        assert len(witness.fingerprint) == 64


def test_the_time_is_that_of_the_log(root):
    later = NOW + dt.timedelta(minutes=7)
    assert artifact(root, INSTANCE.sign_artifact(DATA, at=later)).signed_at == later


def test_identities_are_compared_to_the_letter():
    witness = Witness(ISSUER, SUBJECT, "0" * 64, NOW)
    signer = witness.as_signer(TrustedIdentity("ci", ISSUER, SUBJECT))
    assert (signer.name, signer.fingerprint, signer.signed_at) == ("ci", "0" * 64, NOW)
    assert signer.described == str(witness) == f"{SUBJECT} by {ISSUER}"
    for issuer, subject in (
        (f"{ISSUER}/", SUBJECT),
        (ISSUER.upper(), SUBJECT),
        (ISSUER, f"{SUBJECT}s"),
        (ISSUER, SUBJECT.replace("main", "*")),
        (ISSUER, ""),
        (SUBJECT, ISSUER),
    ):
        assert witness.as_signer(TrustedIdentity("ci", issuer, subject)) is None


def test_names_of_people_and_long_issuers_are_read(root):
    issuer = f"https://{'long.' * 30}example"
    who = Who(issuer=issuer, names=(x509.RFC822Name("ada@example.com"),))
    witness = artifact(root, INSTANCE.sign_artifact(DATA, who))
    assert (witness.subject, witness.issuer) == ("ada@example.com", issuer)


# --- what is refused


def test_other_bytes_are_refused(root):
    bundle = INSTANCE.sign_artifact(DATA)
    assert refused(artifact, root, bundle, DATA + b" ") == "Bundle message digest mismatch"
    del bundle["messageSignature"]["messageDigest"]
    assert refused(artifact, root, bundle, DATA + b" ") == "Signature is invalid for input"


def test_an_altered_statement_is_refused(root):
    bundle = INSTANCE.sign_dsse(STATEMENT)
    assert "another statement than the one" in refused(statement, root, bundle, STATEMENT + b" ")
    altered = STATEMENT.replace(b"bert", b"gpt2")
    bundle["dsseEnvelope"]["payload"] = b64(altered)
    assert refused(statement, root, bundle, altered) == "DSSE: invalid signature"


def test_a_file_is_no_statement_and_the_other_way_round(root):
    assert "without a DSSE envelope" in refused(statement, root, INSTANCE.sign_artifact(STATEMENT))
    assert "Missing bundle message signature" in refused(artifact, root, INSTANCE.sign_dsse(DATA))


def test_another_authority_is_refused(root):
    assert "chain" in refused(artifact, root, OTHER.sign_artifact(DATA))


def test_a_certificate_that_was_past_its_minutes_is_refused(root):
    for minutes in (11, -1):
        late = NOW + dt.timedelta(minutes=minutes)
        assert "not valid at validation time" in refused(artifact, root, INSTANCE.sign_artifact(DATA, at=late))


def test_a_certificate_that_no_public_log_lists_is_refused(root):
    forged = Sigstore()
    forged.ca, forged.root, forged.rekor = INSTANCE.ca, INSTANCE.root, INSTANCE.rekor
    assert "SCT verify failed" in refused(artifact, root, forged.sign_artifact(DATA))


def test_an_entry_in_another_log_is_refused(root):
    forged = Sigstore()
    forged.ca, forged.root, forged.ct = INSTANCE.ca, INSTANCE.root, INSTANCE.ct
    assert "invalid log entry" in refused(artifact, root, forged.sign_artifact(DATA))


def test_the_entry_of_another_signature_is_refused(root):
    bundle = INSTANCE.sign_artifact(DATA)
    bundle["verificationMaterial"]["tlogEntries"] = [entry_of(INSTANCE.sign_artifact(DATA))]
    assert "inconsistent with other materials" in refused(artifact, root, bundle)


def _body(entry):
    entry["canonicalizedBody"] = b64(base64.b64decode(entry["canonicalizedBody"]).replace(b"rekord", b"rekorb"))


def _later(entry):
    entry["integratedTime"] = str(int(entry["integratedTime"]) + 1)


def _proof(entry):
    entry["inclusionProof"]["hashes"] = [b64(b"\0" * 32)]


def _checkpoint(entry):
    proof = entry["inclusionProof"]
    proof["checkpoint"]["envelope"] = proof["checkpoint"]["envelope"].replace("log.test\n2", "log.test\n3")


def _promise(entry):
    del entry["inclusionPromise"]


@pytest.mark.parametrize(
    ("alter", "said"),
    [
        (_body, "invalid log entry: inclusion proof contains invalid root hash"),
        (_later, "invalid log entry: SET: invalid inclusion promise"),
        (_proof, "invalid log entry: inclusion proof contains invalid root hash"),
        (_checkpoint, "invalid log entry: checkpoint: invalid signature"),
        (_promise, "bundle must contain an inclusion promise or signed timestamp(s)"),
    ],
)
def test_an_altered_log_entry_is_refused(root, alter, said):
    bundle = INSTANCE.sign_artifact(DATA)
    alter(entry_of(bundle))
    assert said in refused(artifact, root, bundle)


@pytest.mark.parametrize(
    ("who", "said"),
    [
        (Who(names=(x509.UniformResourceIdentifier(SUBJECT), x509.RFC822Name("a@b.c"))), "one workflow or person"),
        (Who(names=(x509.DNSName("example.com"),)), "one workflow or person"),
        (Who(older="https://accounts.example.com"), "does not name one issuer"),
    ],
)
def test_a_certificate_of_nobody_in_particular_is_refused(root, who, said):
    assert said in refused(artifact, root, INSTANCE.sign_artifact(DATA, who))


def test_text_that_two_readers_would_read_differently_is_refused(root):
    raw = json.dumps(INSTANCE.sign_artifact(DATA)).encode()
    assert "is there twice" in refused(artifact, root, raw.replace(b'{"mediaType"', b'{"mediaType": "x", "mediaType"'))
    assert "is not strict JSON" in refused(artifact, root, raw[:-1])
    for junk in (b"", b"null", b"[]", b"{}", b'{"mediaType": 1}', b"\xff", b"[" * 100_000):
        refused(artifact, root, junk)


@pytest.mark.parametrize("part", ["certificate", "messageSignature", "tlogEntries"])
@pytest.mark.parametrize("value", [None, [], {}, 1, "AA=="])
def test_a_part_of_another_form_is_refused(root, part, value):
    bundle = INSTANCE.sign_artifact(DATA)
    (bundle if part in bundle else bundle["verificationMaterial"])[part] = value
    refused(artifact, root, bundle)


def test_a_time_beyond_all_clocks_is_refused(root):
    bundle = INSTANCE.sign_artifact(DATA)
    entry_of(bundle)["integratedTime"] = "9" * 18
    refused(artifact, root, bundle)


def test_another_key_than_the_certificate_names_is_refused(root):
    key = ec.generate_private_key(ec.SECP256R1())
    bundle = INSTANCE.sign_dsse(STATEMENT)
    certificate = INSTANCE.certificate(key.public_key())
    material = bundle["verificationMaterial"]
    material["certificate"]["rawBytes"] = b64(certificate.public_bytes(Encoding.DER))
    material["tlogEntries"] = [INSTANCE.entry(dsse(bundle["dsseEnvelope"], certificate), NOW)]
    assert refused(statement, root, bundle) == "DSSE: invalid signature"
    bundle = INSTANCE.sign_artifact(DATA)
    signature = base64.b64decode(bundle["messageSignature"]["signature"])
    bundle["verificationMaterial"] = copy.deepcopy(material)
    bundle["verificationMaterial"]["tlogEntries"] = [INSTANCE.entry(rekord("0" * 64, signature, certificate), NOW)]
    assert refused(artifact, root, bundle) == "Signature is invalid for input"


@pytest.mark.parametrize("start", range(3))
def test_a_flipped_bit_is_refused_or_says_the_same(root, start):
    raw = json.dumps(INSTANCE.sign_artifact(DATA), separators=(",", ":")).encode()
    witness = artifact(root, raw)
    accepted = 0
    for at in range(start, len(raw), 31):
        flipped = bytearray(raw)
        flipped[at] ^= 1
        try:
            assert artifact(root, bytes(flipped)) == witness
            accepted += 1  # the log's own name in its checkpoint, and bits of base64 that stand for nothing
        except SignatureInvalid:
            pass
    assert accepted <= 8


# --- trust roots, and what is not here


def test_a_trust_root_that_is_none(tmp_path):
    with pytest.raises(NotFound, match="there is no trust root"):
        Root.read(tmp_path / "absent.json")
    for content in ("", "{}", "[]", json.dumps({**INSTANCE.trusted_root(), "mediaType": "x"})):
        (tmp_path / "root.json").write_text(content)
        with pytest.raises(ConfigError, match=r"root\.json is not a trusted_root\.json"):
            Root.read(tmp_path / "root.json")
    (tmp_path / "root.json").write_text(json.dumps({**INSTANCE.trusted_root(), "tlogs": []}))
    with pytest.raises(ConfigError, match="no transparency log"):
        Root.read(tmp_path / "root.json")


def test_without_the_package_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "sigstore.verify", None)
    with pytest.raises(NotFound, match="need the package sigstore") as caught:
        Root.read()
    assert caught.value.hint == "pip install 'sycee[sigstore]'"


def test_no_socket_is_made(monkeypatch, tmp_path):
    def no_socket(*_arguments, **_options):
        raise AssertionError("a socket was made")

    monkeypatch.setattr(socket, "socket", no_socket)
    monkeypatch.setattr(socket, "getaddrinfo", no_socket)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    root = Root.read(INSTANCE.write_root(tmp_path / "trusted_root.json"))
    artifact(root, INSTANCE.sign_artifact(DATA))
    raw = (VECTORS / "sigstore-python-new_bundle.txt.sigstore.json").read_bytes()
    Root.read().check_artifact(raw, (VECTORS / "sigstore-python-new_bundle.txt").read_bytes(), NAME)
    assert not (tmp_path / "home").exists()


# --- bundles of the public instance, by others


@pytest.mark.parametrize(
    ("version", "signed_at"),
    [("v1.0.0", "2025-05-03T01:34:46+00:00"), ("v1.1.0", "2025-10-10T02:12:20+00:00")],
)
def test_models_that_others_signed(public, root, version, signed_at):
    raw = (VECTORS / f"model-transparency-{version}.sig").read_bytes()
    payload = base64.b64decode(json.loads(raw)["dsseEnvelope"]["payload"])
    witness = public.check_dsse(raw, payload)
    assert str(witness) == "stefanb@us.ibm.com by https://sigstore.verify.ibm.com/oauth2"
    assert witness.signed_at.isoformat() == signed_at
    refused(root.check_dsse, raw, payload)  # an authority, and a clock, that this root does not know
    altered = payload.replace(b"f6310066", b"f6310067")
    assert altered != payload
    assert refused(public.check_dsse, raw.replace(b64(payload).encode(), b64(altered).encode()), altered)


def test_a_file_that_others_signed(public):
    raw = (VECTORS / "sigstore-python-new_bundle.txt.sigstore.json").read_bytes()
    data = (VECTORS / "sigstore-python-new_bundle.txt").read_bytes()
    witness = public.check_artifact(raw, data, NAME)
    assert witness.issuer == "https://github.com/login/oauth"
    assert witness.signed_at.isoformat() == "2026-08-23T17:02:00+00:00"
    assert refused(public.check_artifact, raw, data.strip(), NAME) == "Bundle message digest mismatch"
