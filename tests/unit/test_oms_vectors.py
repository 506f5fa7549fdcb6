"""Bundles as tools write them, or could, and some that others published; see ``tests/vectors/README.md``."""

import json
from pathlib import Path

import pytest

from rigs import oms_vectors
from rigs.oms_vectors import write
from sycee.errors import DigestMismatch, PolicyDenied, SignatureInvalid
from sycee.trust import keys
from sycee.trust.oms import verify as oms
from sycee.trust.oms.certificates import load_certificates

FOREIGN = Path(__file__).parents[1] / "vectors/bundle/foreign"
EXPECT = json.loads(oms_vectors.EXPECT.read_text())


def test_vectors_are_what_their_script_makes():
    made = oms_vectors.make()
    assert made.keys() == EXPECT.keys() == {path.stem for path in oms_vectors.VECTORS.glob("*.sig")}
    assert made.keys() >= oms_vectors.REFERENCE_ACCEPTS
    for case, data in made.items():
        assert (oms_vectors.VECTORS / f"{case}.sig").read_bytes() == data, case
        assert EXPECT[case]["reference"] == ("accepts" if case in oms_vectors.REFERENCE_ACCEPTS else "refuses")


@pytest.mark.parametrize("case", EXPECT)
def test_vector(case, tmp_path):
    found = oms_vectors.verdict(tmp_path, case, (oms_vectors.VECTORS / f"{case}.sig").read_bytes())
    assert found == {name: value for name, value in EXPECT[case].items() if name != "reference"}


# bundles that others published; see their README


def foreign_signed(tmp_path, end=""):
    return write(tmp_path / "signed", {name: f"{name}{end}".encode() for name in ("signme-1", "signme-2")})


def rule_of(name, identity, **more):
    roots = load_certificates(FOREIGN / f"{name}.pem")
    return oms.CertificateRule(roots, identity, oms_vectors.NOW, **more)


@pytest.mark.parametrize("release", ["0.3.1", "1.1.0"])
def test_certificate_bundles_of_the_references_releases(release, tmp_path):
    folder = foreign_signed(tmp_path)
    rule = rule_of("reference-intermediate", "intermediate-ca")
    file = FOREIGN / f"reference-{release}-certificate.sig"
    found = oms.verify(folder, file, rule)
    assert (found.signer.key.kind, found.subject) == ("EC P-384", f"v{release}-certificate")
    (folder / "signme-1").write_bytes(b"signme-1\n")
    with pytest.raises(DigestMismatch):
        oms.verify(folder, file, rule)


def test_a_lone_file_of_release_1_0(tmp_path):
    folder = foreign_signed(tmp_path, "\n")
    key = keys.load_public(FOREIGN / "reference.pub")
    file = FOREIGN / "reference-1.0.0-key-lone-file.sig"
    assert oms.verify(folder / "signme-1", file, key).subject == "signme-1"
    with pytest.raises(DigestMismatch):
        oms.verify(folder / "signme-2", file, key)


def test_what_release_0_2_signed_is_refused(tmp_path):
    """Its encoding of the signed bytes had a mistake; to accept a second encoding would be a second way to forge."""
    rule = rule_of("reference-intermediate", "intermediate-ca")
    with pytest.raises(SignatureInvalid, match="is not a signature by the key"):
        oms.verify(foreign_signed(tmp_path), FOREIGN / "reference-0.2.0-certificate.sig", rule)


def test_a_bundle_of_nvidia(tmp_path):
    """The signature and the chain hold; the files of that release are not here, and each is named."""
    folder = write(tmp_path / "skill", {"SKILL.md": b"another"})
    identity, file = "NVIDIA Agent Skills Signing 001", FOREIGN / "nvidia-skill.sig"
    with pytest.raises(DigestMismatch) as caught:
        oms.verify(folder, file, rule_of("nvidia-root", identity, usage="any"))
    assert {one["path"]: one["message"] for one in caught.value.details["problems"]} == {
        "SKILL.md": "has other bytes",
        **dict.fromkeys(
            ["BENCHMARK.md", "evals/evals.json", "scripts/check.py", "skill-card.md"], "is signed and not here"
        ),
    }
    with pytest.raises(PolicyDenied, match="does not say what for"):
        oms.verify(folder, file, rule_of("nvidia-root", identity))
    with pytest.raises(PolicyDenied, match="by somebody else"):
        oms.verify(folder, file, rule_of("nvidia-root", "NVIDIA", usage="any"))
    with pytest.raises(SignatureInvalid, match="no valid path"):
        oms.verify(folder, file, rule_of("reference-intermediate", identity, usage="any"))
