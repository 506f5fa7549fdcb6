"""The bundle: the outer file, the statement in it, and the vectors named by their defects."""

import base64
import json
import re
from pathlib import Path

import pytest

from rigs import bundle_vectors
from rigs.signed import fixed_key, sign_folder, verify_folder, write_model
from sycee.errors import FormatError, SyceeError
from sycee.formats import bundle, statement, strictjson
from sycee.formats.bundle import Bundle
from sycee.formats.statement import Resource, Statement

ROOT = Path(__file__).parents[2]
VECTORS = ROOT / "tests/vectors/bundle"
EXPECT = json.loads((VECTORS / "expect.json").read_text())

GOOD = bundle.render(Bundle(b"{}", b"signature", "f" * 64))


def test_every_vector_is_in_the_table():
    assert {path.name.removesuffix(".sig") for path in VECTORS.glob("*.sig")} == EXPECT.keys()


def test_vectors_are_what_their_script_makes():
    made = bundle_vectors.make()
    assert made.keys() == EXPECT.keys()
    for case, data in made.items():
        assert (VECTORS / f"{case}.sig").read_bytes() == data, case


@pytest.mark.parametrize("case", EXPECT)
def test_vector(case, tmp_path):
    folder = write_model(tmp_path / "bert")
    sign_folder(folder)
    (folder / "model.sig").write_bytes((VECTORS / f"{case}.sig").read_bytes())
    expect = EXPECT[case]
    if "accepted" in expect:
        assert verify_folder(folder).identity == expect["accepted"]
        return
    with pytest.raises(SyceeError) as caught:
        verify_folder(folder)
    assert (caught.value.exit_code, caught.value.message) == (expect["exit_code"], expect["message"])


def test_example_of_the_specification(tmp_path):
    page = (ROOT / "docs/spec/bundle.md").read_text()
    folder = write_model(tmp_path / "bert")
    sign_folder(folder)
    payload = re.search(r"```json payload\n(.*?)\n```", page, re.DOTALL)[1].encode()
    outer = re.search(r"```json bundle\n(.*?)\n```", page, re.DOTALL)[1].encode()
    assert outer == (folder / "model.sig").read_bytes()
    assert bundle.parse(outer).payload == payload
    assert statement.render(statement.parse(payload)) == payload
    assert fixed_key().public.fingerprint in page


def test_pae_is_that_of_the_dsse_protocol():
    assert bundle.pae(b"hello world") == b"DSSEv1 28 application/vnd.in-toto+json 11 hello world"


def test_render_and_parse():
    assert bundle.parse(GOOD) == Bundle(b"{}", b"signature", "f" * 64)


def test_both_base64_alphabets_are_read_and_one_is_written():
    data = bytes(range(256)) * 2
    text = bundle.render(Bundle(data, b"\xfb\xff", None))
    standard = base64.b64encode(data)
    assert standard in text
    swapped = text.replace(standard, base64.urlsafe_b64encode(data))
    assert bundle.parse(swapped).payload == data
    mixed = text.replace(standard, base64.urlsafe_b64encode(data).replace(b"_", b"/"))
    with pytest.raises(FormatError, match="base64"):
        bundle.parse(mixed)


CHAIN = "$.verificationMaterial.x509CertificateChain.certificates"


def chain_of(*certificates):
    return {"x509CertificateChain": {"certificates": [{"rawBytes": text} for text in certificates]}}


def edited(change):
    value = json.loads(GOOD)
    change(value)
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda v: v.pop("mediaType"), "$.mediaType"),
        (lambda v: v.update(mediaType="application/vnd.dev.sigstore.bundle+json;version=0.4"), "$.mediaType"),
        (lambda v: v.update(more=1), "$.more"),
        (lambda v: v["verificationMaterial"].pop("publicKey"), "$.verificationMaterial"),
        (lambda v: v["verificationMaterial"].update(tlogEntries=[{}]), "$.verificationMaterial.tlogEntries"),
        (lambda v: v["verificationMaterial"].update(certificate={}), "$.verificationMaterial"),
        (lambda v: v["verificationMaterial"].update(more=1), "$.verificationMaterial.more"),
        (
            lambda v: v["verificationMaterial"]["publicKey"].update(rawBytes=1),
            "$.verificationMaterial.publicKey.rawBytes",
        ),
        (lambda v: v.update(verificationMaterial=chain_of()), CHAIN),
        (lambda v: v.update(verificationMaterial=chain_of(*["AA=="] * 17)), CHAIN),
        (lambda v: v.update(verificationMaterial=chain_of("AB==")), f"{CHAIN}[0].rawBytes"),
        (
            lambda v: v.update(verificationMaterial={"certificate": {"rawBytes": "AA=="}}),
            "$.verificationMaterial.tlogEntries",
        ),
        (lambda v: v["verificationMaterial"]["publicKey"].update(hint=1), "$.verificationMaterial.publicKey.hint"),
        (lambda v: v["dsseEnvelope"].update(payloadType="text/plain"), "$.dsseEnvelope.payloadType"),
        (lambda v: v["dsseEnvelope"].update(signatures=[]), "$.dsseEnvelope.signatures"),
        (lambda v: v["dsseEnvelope"]["signatures"].append({"sig": ""}), "$.dsseEnvelope.signatures"),
        (lambda v: v["dsseEnvelope"]["signatures"][0].update(x=1), "$.dsseEnvelope.signatures[0].x"),
        (lambda v: v["dsseEnvelope"].update(payload="e30"), "$.dsseEnvelope.payload"),
        (lambda v: v["dsseEnvelope"].update(payload="e31="), "$.dsseEnvelope.payload"),
        (lambda v: v["dsseEnvelope"].update(payload=None), "$.dsseEnvelope.payload"),
        (lambda v: v.update(dsseEnvelope=[]), "$.dsseEnvelope"),
    ],
)
def test_outer_faults(change, fault):
    with pytest.raises(FormatError) as caught:
        bundle.parse(edited(change))
    assert fault in [one.path for one in caught.value.faults]


@pytest.mark.parametrize(
    "change",
    [
        lambda v: v["verificationMaterial"].pop("tlogEntries"),
        lambda v: v["dsseEnvelope"]["signatures"][0].pop("keyid"),
        lambda v: v["dsseEnvelope"]["signatures"][0].update(keyid=None),
        lambda v: v["dsseEnvelope"]["signatures"][0].update(keyid="any"),
        *(lambda v, form=form: v.update(mediaType=form) for form in bundle.OLDER_MEDIA_TYPES),
        lambda v: v["verificationMaterial"].update(
            publicKey={"rawBytes": "LS0t", "keyDetails": "PKIX_ECDSA_P384_SHA_384"}
        ),
        lambda v: v["verificationMaterial"].update(timestampVerificationData={"rfc3161Timestamps": []}),
    ],
)
def test_outer_variations_that_other_tools_write(change):
    assert bundle.parse(edited(change)).payload == b"{}"


def test_a_chain_of_certificates():
    made = Bundle(b"{}", b"signature", None, (b"leaf", b"authority"))
    assert bundle.parse(bundle.render(made)) == made
    assert not made.keyless


def test_a_certificate_that_a_log_vouches_for():
    """Its log entries stay unread here, and say that the certificate is none of a company's own."""
    for material in ({"certificate": {"rawBytes": "bGVhZg=="}}, chain_of("bGVhZg==")):
        data = edited(lambda v, m=material: v.update(verificationMaterial={**m, "tlogEntries": [{"logIndex": "1"}]}))
        assert bundle.parse(data) == Bundle(b"{}", b"signature", None, (b"leaf",), keyless=True)


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"a":1,"a":2}', b"\xff", b"NaN", b"[" * 100_000, b"1" * 5000])
def test_not_a_bundle(data):
    with pytest.raises(FormatError):
        bundle.parse(data)


def test_strict_json_renders_compactly():
    assert strictjson.render({"ä": [1, None]}) == '{"ä":[1,null]}'.encode()


def test_render_sorts_and_root_digest_follows_the_order():
    resources = (Resource("b", "b" * 64), Resource("a", "a" * 64, 1, "c" * 32, "d" * 64))
    payload = statement.render(Statement("m", resources, ("z", "y"), {}))
    parsed = statement.parse(payload)
    assert [resource.name for resource in parsed.resources] == ["a", "b"]
    assert parsed.ignore_paths == ("y", "z")
    assert parsed.resources[0] == resources[1]


@pytest.mark.parametrize("value", [b"[],", b"{},", b"1,"])
def test_a_bundle_of_many_values_is_refused_before_it_fills_the_memory(value):
    with pytest.raises(FormatError, match="holds more than 1000 values"):
        bundle.parse(b'{"mediaType":[' + value * 1_000_000 + b"1]}")
