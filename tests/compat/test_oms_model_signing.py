"""``sycee oms`` and the real ``model_signing`` 1.1.1, in one process, through its Python interface."""

import base64
import hashlib
import json
import tempfile
from pathlib import Path

import model_signing
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from rigs import oms_vectors
from rigs.authorities import LEAF, MIDDLE, NOW, ROOT
from rigs.folders import NAMES
from rigs.signed import fixed_key
from sycee.core import modelfolder
from sycee.formats.paths import colliding, sharing_fault
from sycee.trust.keys import generate
from sycee.trust.oms import sign as omssign
from sycee.trust.oms import verify as oms
from sycee.trust.oms.certificates import CertificateRule
from sycee.trust.oms.sign import SignRequest

pytestmark = pytest.mark.slow

MANY = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow]
)
CERTIFIED = CertificateRule((ROOT.certificate,), "Release Signing", NOW)


def _signable(files):
    folders = modelfolder.folders_of(files)
    return (
        all(sharing_fault(name) is None for name in files)
        and not any(part.startswith(".git") for name in files for part in name.split("/"))
        and not colliding([*files, *folders])
        and not any(name in folders for name in files)
    )


FOLDERS = st.dictionaries(NAMES, st.binary(max_size=40), min_size=1, max_size=6).filter(_signable)


def by_key(scratch, key):
    """Return the reference's signer and verifier for a key."""
    (scratch / "k").write_bytes(key.to_pem(None))
    (scratch / "k.pub").write_bytes(key.public.pem)
    return (
        model_signing.signing.Config().use_elliptic_key_signer(private_key=scratch / "k"),
        model_signing.verifying.Config().use_elliptic_key_verifier(public_key=scratch / "k.pub"),
    )


def by_certificate(scratch):
    """Return the reference's signer and verifier for the tests' certificate."""
    for name, data in (("k", LEAF.private_pem), ("leaf", LEAF.pem), ("middle", MIDDLE.pem), ("root", ROOT.pem)):
        (scratch / name).write_bytes(data)
    signer = model_signing.signing.Config().use_certificate_signer(
        private_key=scratch / "k", signing_certificate=scratch / "leaf", certificate_chain=[scratch / "middle"]
    )
    return signer, model_signing.verifying.Config().use_certificate_verifier(certificate_chain=[scratch / "root"])


def both_ways(scratch, files, theirs, request, expected):
    """Sign by each of the two and verify by the other; the root digests agree where the orders do."""
    folder = oms_vectors.write(scratch / "m", files)
    signer, verifier = theirs
    signer.sign(folder, scratch / "theirs.sig")
    found = oms.verify(folder, scratch / "theirs.sig", expected)
    ours = omssign.sign(SignRequest(folder, scratch / "ours.sig", *request))
    verifier.verify(folder, scratch / "ours.sig")
    if sorted(files) == sorted(files, key=lambda name: name.split("/")):
        assert ours.root == found.root
    assert ours.root == omssign.digest(folder)


@MANY
@given(FOLDERS, st.sampled_from(["p256", "p384", "p521"]))
def test_both_ways_by_key(files, kind):
    assume(not any(name.endswith((".sig", ".sigstore", ".sigstore.json")) for name in files))
    with tempfile.TemporaryDirectory() as name:
        key = generate(kind)
        both_ways(Path(name), files, by_key(Path(name), key), [key], key.public)


@settings(MANY, max_examples=20)
@given(FOLDERS)
def test_both_ways_by_certificate(files):
    with tempfile.TemporaryDirectory() as name:
        request = [LEAF.signer, (LEAF.der, MIDDLE.der)]
        both_ways(Path(name), files, by_certificate(Path(name)), request, CERTIFIED)


@pytest.mark.parametrize("case", oms_vectors.make())
def test_what_the_reference_says_of_a_vector(case, tmp_path):
    lone = oms_vectors.is_lone(case)
    folder = oms_vectors.write(tmp_path / "llm", oms_vectors.LONE if lone else oms_vectors.FOLDER)
    (tmp_path / "m.sig").write_bytes((oms_vectors.VECTORS / f"{case}.sig").read_bytes())
    _, verifier = by_certificate(tmp_path) if case.startswith("certificate") else by_key(tmp_path, fixed_key())
    try:
        verifier.verify(folder / "model.bin" if lone else folder, tmp_path / "m.sig")
        accepts = True
    except Exception:  # noqa: BLE001 - it raises errors of a dozen kinds
        accepts = False
    assert accepts == (case in oms_vectors.REFERENCE_ACCEPTS)


def hashings():
    config = model_signing.hashing.Config
    return {
        "blake2b": config().use_file_serialization(hashing_algorithm="blake2"),
        "blake3": config().use_file_serialization(hashing_algorithm="blake3"),
        "shards": config().use_shard_serialization(shard_size=3),
        "shards blake2b": config().use_shard_serialization(hashing_algorithm="blake2", shard_size=3),
    }


@pytest.mark.parametrize("lone", [False, True])
@pytest.mark.parametrize("hashing", hashings())
def test_we_verify_every_way_in_which_they_sign(hashing, lone, tmp_path):
    key = fixed_key()
    folder = oms_vectors.write(tmp_path / "m", oms_vectors.FOLDER)
    model = folder / "model.bin" if lone else folder
    signer, _ = by_key(tmp_path, key)
    signer.set_hashing_config(hashings()[hashing]).sign(model, tmp_path / "m.sig")
    found = oms.verify(model, tmp_path / "m.sig", key.public)
    shards = "shards" in hashing
    assert found.warnings == (("shards do not cover empty files: empty",) if shards and not lone else ())
    (folder / "model.bin").write_bytes(b"weighty")
    with pytest.raises(oms.DigestMismatch, match="from 6 to 7" if shards else "has other bytes"):
        oms.verify(model, tmp_path / "m.sig", key.public)


def test_they_verify_our_lone_file(tmp_path):
    oms_vectors.write(tmp_path, oms_vectors.LONE)
    key = fixed_key()
    signed = omssign.sign(SignRequest(tmp_path / "model.bin", tmp_path / "m.sig", key))
    assert signed.files == (".",)
    by_key(tmp_path, key)[1].verify(tmp_path / "model.bin", tmp_path / "m.sig")
    payload = json.loads(base64.b64decode(json.loads((tmp_path / "m.sig").read_bytes())["dsseEnvelope"]["payload"]))
    assert payload["subject"][0]["name"] == "model.bin"
    assert payload["subject"][0]["digest"]["sha256"] == hashlib.sha256(hashlib.sha256(b"weights").digest()).hexdigest()
