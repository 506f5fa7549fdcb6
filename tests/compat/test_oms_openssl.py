"""Certificates made by the real openssl, and its hand check of what ``sycee oms`` signs."""

import base64
import datetime as dt
import json
import subprocess

import pytest

from rigs.oms_vectors import FOLDER, write
from sycee.errors import Expired, SignatureInvalid
from sycee.formats import bundle
from sycee.ops.keyfile import load_private
from sycee.ops.oms import chain_for
from sycee.trust.oms import sign as omssign
from sycee.trust.oms import verify as oms
from sycee.trust.oms.certificates import CertificateRule, load_certificates
from sycee.trust.oms.sign import SignRequest

pytestmark = pytest.mark.slow

CURVES = {"P-256": "sha256", "P-384": "sha384", "P-521": "sha512"}
EXTENSIONS = """
[root]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign
subjectKeyIdentifier=hash
[middle]
basicConstraints=critical,CA:TRUE,pathlen:0
keyUsage=critical,keyCertSign
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
[other]
basicConstraints=critical,CA:TRUE
[leaf]
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=codeSigning
authorityKeyIdentifier=keyid
subjectAltName=email:release@example.org,URI:https://example.org/release
"""


@pytest.fixture
def openssl(tmp_path):
    def run(*words):
        return subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, text=True, cwd=tmp_path)

    (tmp_path / "x.cnf").write_text(EXTENSIONS)
    return run


def ec(curve):
    return ["-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{curve}"]


def rsa(bits):
    return ["-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{bits}"]


def issue(openssl, name, key, issuer):
    """Make a key, encrypted, and a certificate for it by an issuer; its own when the issuer is itself."""
    openssl("genpkey", *key, "-aes-256-cbc", "-pass", "pass:secret", "-out", f"{name}.key")
    openssl(*f"req -new -subj /CN={name}.example -key {name}.key -passin pass:secret -out {name}.csr".split())
    by = ["-signkey", f"{name}.key"] if issuer == name else ["-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key"]
    made = ["-in", f"{name}.csr", "-out", f"{name}.pem", "-days", "2", "-set_serial", "1", "-passin", "pass:secret"]
    openssl("x509", "-req", *made, *by, "-extfile", "x.cnf", "-extensions", name)


@pytest.mark.parametrize(
    ("root", "middle", "curve"),
    [(rsa(2048), rsa(3072), "P-256"), (rsa(4096), ec("P-521"), "P-384"), (ec("P-384"), rsa(2560), "P-521")],
)
def test_chains_of_openssl(openssl, tmp_path, root, middle, curve):
    issue(openssl, "root", root, "root")
    issue(openssl, "middle", middle, "root")
    issue(openssl, "leaf", ec(curve), "middle")
    (tmp_path / "leaf.key").chmod(0o600)
    folder = write(tmp_path / "llm", FOLDER)
    key = load_private(tmp_path / "leaf.key", lambda: b"secret")
    chain = chain_for(key.public, tmp_path / "leaf.pem", [tmp_path / "middle.pem"])
    omssign.sign(SignRequest(folder, tmp_path / "m.sig", key, chain))

    roots, now = load_certificates(tmp_path / "root.pem"), dt.datetime.now(dt.UTC)
    for name in ("release@example.org", "https://example.org/release", "leaf.example"):
        assert oms.verify(folder, tmp_path / "m.sig", CertificateRule(roots, name, now)).signer.key == key.public
    with pytest.raises(Expired):
        oms.verify(folder, tmp_path / "m.sig", CertificateRule(roots, name, now + dt.timedelta(days=3)))
    issue(openssl, "other", ec("P-256"), "other")
    with pytest.raises(SignatureInvalid):
        oms.verify(folder, tmp_path / "m.sig", CertificateRule(load_certificates(tmp_path / "other.pem"), name, now))
    assert openssl("verify", "-CAfile", "root.pem", "-untrusted", "middle.pem", "leaf.pem").stdout == "leaf.pem: OK\n"

    envelope = json.loads((tmp_path / "m.sig").read_bytes())["dsseEnvelope"]
    (tmp_path / "pae").write_bytes(bundle.pae(base64.b64decode(envelope["payload"])))
    (tmp_path / "sig").write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
    (tmp_path / "pub").write_text(openssl("x509", "-in", "leaf.pem", "-noout", "-pubkey").stdout)
    checked = openssl("dgst", f"-{CURVES[curve]}", "-verify", "pub", "-signature", "sig", "pae")
    assert checked.stdout == "Verified OK\n"
