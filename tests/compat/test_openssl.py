"""The real openssl and coreutils, in both directions."""

import subprocess

import pytest

from rigs.signed import sign_folder, verify_folder, write_model
from sycee.ops.keyfile import load_private
from sycee.ops.keygen import keygen
from sycee.ops.verify import verify_weights_only
from sycee.trust import keys

pytestmark = pytest.mark.slow

KINDS = ["p256", "p384", "p521", "rsa-3072", "rsa-4096"]
OPENSSL_KINDS = {
    "p256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "p384": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
    "p521": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
    **{
        f"rsa-{bits}": ["-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{bits}"]
        for bits in (2048, 2560, 3072, 4096)  # the second is a size that only some people think of
    },
}


def openssl(*arguments, check=True):
    return subprocess.run(["openssl", *map(str, arguments)], check=check, capture_output=True, text=True)


@pytest.mark.parametrize("kind", KINDS)
def test_openssl_reads_our_keys_and_checks_our_signatures(tmp_path, kind):
    folder = write_model(tmp_path / "m")
    pair = keygen(tmp_path / "k", kind=kind, password=b"secret")
    assert openssl("pkey", "-in", pair.private, "-passin", "pass:secret", "-pubout").stdout == pair.public.read_text()
    assert openssl("pkey", "-in", pair.private, "-passin", "pass:wrong", check=False).returncode != 0
    sign_folder(folder, load_private(pair.private, lambda: b"secret"))
    for name in ("model.pt", "SHA256SUMS"):
        done = openssl("dgst", "-sha256", "-verify", pair.public, "-signature", folder / f"{name}.sig", folder / name)
        assert done.stdout == "Verified OK\n"
    assert subprocess.run(["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=folder, check=False).returncode == 0
    (folder / "model.pt").write_bytes(b"evil")
    done = openssl(
        "dgst",
        "-sha256",
        "-verify",
        pair.public,
        "-signature",
        folder / "model.pt.sig",
        folder / "model.pt",
        check=False,
    )
    assert done.returncode == 1
    assert subprocess.run(["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=folder, check=False).returncode == 1


@pytest.mark.parametrize("kind", OPENSSL_KINDS)
def test_we_read_openssls_keys_and_check_its_signatures(tmp_path, kind):
    folder = write_model(tmp_path / "m")
    private, public = tmp_path / "k", tmp_path / "k.pub"
    openssl("genpkey", *OPENSSL_KINDS[kind], "-aes-256-cbc", "-pass", "pass:secret", "-out", private)
    openssl("pkey", "-in", private, "-passin", "pass:secret", "-pubout", "-out", public)
    private.chmod(0o600)
    key = load_private(private, lambda: b"secret")
    assert key.public.pem == public.read_bytes()
    sign_folder(folder, key)
    for name in ("model.pt", "SHA256SUMS"):
        done = openssl("dgst", "-sha256", "-verify", public, "-signature", folder / f"{name}.sig", folder / name)
        assert done.stdout == "Verified OK\n"
    openssl(
        "dgst",
        "-sha256",
        "-sign",
        private,
        "-passin",
        "pass:secret",
        "-out",
        folder / "model.pt.sig",
        folder / "model.pt",
    )
    verify_folder(folder, key)
    assert verify_weights_only(folder / "model.pt", public).signer.kind == key.public.kind


@pytest.mark.parametrize(
    "form", [["ec", "-outform", "PEM"], ["pkcs8", "-topk8", "-nocrypt"], ["ec", "-aes256", "-passout", "pass:secret"]]
)
def test_forms_of_a_private_key(tmp_path, form):
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-out", tmp_path / "with-parameters")
    openssl(form[0], "-in", tmp_path / "with-parameters", *form[1:], "-out", tmp_path / "k")
    for name in ("with-parameters", "k"):
        (tmp_path / name).chmod(0o600)
        load_private(tmp_path / name, lambda: b"secret")


@pytest.mark.parametrize(
    "form",
    [
        ["rsa", "-traditional", "-out"],
        ["rsa", "-traditional", "-aes128", "-passout", "pass:secret", "-out"],
        ["pkcs8", "-topk8", "-v2", "aes-256-cbc", "-iter", "1000", "-passout", "pass:secret", "-out"],
        ["pkcs8", "-topk8", "-scrypt", "-passout", "pass:secret", "-out"],
    ],
)
def test_forms_of_a_private_rsa_key(tmp_path, form):
    openssl("genpkey", *OPENSSL_KINDS["rsa-2048"], "-out", tmp_path / "plain")
    openssl(form[0], "-in", tmp_path / "plain", *form[1:], tmp_path / "k")
    (tmp_path / "k").chmod(0o600)
    key = load_private(tmp_path / "k", lambda: b"secret")
    assert openssl("pkey", "-in", tmp_path / "plain", "-pubout").stdout.encode() == key.public.pem


def test_rsa_signatures_are_byte_identical(tmp_path):
    openssl("genpkey", *OPENSSL_KINDS["rsa-2048"], "-out", tmp_path / "k")
    (tmp_path / "data").write_bytes(b"x" * 1000)
    openssl("dgst", "-sha256", "-sign", tmp_path / "k", "-out", tmp_path / "theirs", tmp_path / "data")
    key = keys.parse_private((tmp_path / "k").read_bytes(), "k")
    digest = openssl("dgst", "-sha256", "-r", tmp_path / "data").stdout.split()[0]
    assert key.sign_detached(digest) == (tmp_path / "theirs").read_bytes()


def test_envelope_by_hand(tmp_path):
    """The bundle's signature can be checked with nothing but openssl and the encoding written out."""
    import base64
    import json

    from sycee.formats import bundle

    folder = write_model(tmp_path / "m")
    key = keys.generate("p384")
    sign_folder(folder, key)
    envelope = json.loads((folder / "model.sig").read_bytes())["dsseEnvelope"]
    (tmp_path / "pae").write_bytes(bundle.pae(base64.b64decode(envelope["payload"])))
    (tmp_path / "sig").write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
    (tmp_path / "pub").write_bytes(key.public.pem)
    done = openssl("dgst", "-sha384", "-verify", tmp_path / "pub", "-signature", tmp_path / "sig", tmp_path / "pae")
    assert done.stdout == "Verified OK\n"
