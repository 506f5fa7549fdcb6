"""Keys: made, read, refused; and the two kinds of signature they make."""

import hashlib
import os

import pytest

from rigs.signed import KEY_PEM, fixed_key
from sycee.errors import Conflict, NotFound, UsageError
from sycee.ops.keyfile import load_private
from sycee.ops.keygen import keygen
from sycee.trust import keys

DIGEST = hashlib.sha256(b"bytes").hexdigest()


@pytest.fixture(scope="module")
def pairs():
    return {kind: keys.generate(kind) for kind in ("p256", "p384", "p521", "rsa-3072")}


@pytest.mark.parametrize("kind", ["p256", "p384", "p521", "rsa-3072"])
def test_signatures_are_deterministic_and_bound(pairs, kind):
    key = pairs[kind]
    signature = key.sign_detached(DIGEST)
    assert signature == key.sign_detached(DIGEST)
    assert key.public.verify_detached(signature, DIGEST)
    assert not key.public.verify_detached(signature, "0" * 64)
    assert not key.public.verify_detached(signature + b"\0", DIGEST)
    assert not key.public.verify_detached(b"", DIGEST)
    assert not key.public.verify_envelope(signature, b"other")
    sealed = key.sign_envelope(b"encoded")
    assert key.public.verify_envelope(sealed, b"encoded")
    assert not key.public.verify_envelope(sealed, b"Encoded")
    assert not keys.generate("p256").public.verify_envelope(sealed, b"encoded")


def test_fingerprint_is_the_sha256_of_the_public_file(pairs):
    for key in pairs.values():
        assert hashlib.sha256(key.public.pem).hexdigest() == key.public.fingerprint
        assert keys.parse_public(key.public.pem, "k").fingerprint == key.public.fingerprint
    assert {key.public.kind for key in pairs.values()} == {"EC P-256", "EC P-384", "EC P-521", "RSA 3072"}


def test_encrypted_key_opens_with_its_password_only(pairs):
    pem = pairs["p256"].to_pem(b"correct horse")
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in pem
    assert keys.is_encrypted(pem)
    opened = keys.parse_private(pem, "k", lambda: b"correct horse")
    assert opened.public == pairs["p256"].public or opened.public.pem == pairs["p256"].public.pem
    for get_password in (lambda: b"wrong", lambda: b""):
        with pytest.raises(UsageError, match="cannot be opened with this password") as caught:
            keys.parse_private(pem, "k", get_password)
        assert "SYCEE_KEY_PASSWORD" in caught.value.hint
    with pytest.raises(UsageError, match="is encrypted and no password was given"):
        keys.parse_private(pem, "k")


def test_password_of_a_plain_key_is_not_asked_for():
    def refuse():
        raise AssertionError("asked")

    assert keys.parse_private(KEY_PEM, "k", refuse).public.pem == fixed_key().public.pem


def test_halves_taken_for_each_other(pairs):
    with pytest.raises(UsageError, match="k is a private key, where a public key is needed"):
        keys.parse_public(KEY_PEM, "k")
    with pytest.raises(UsageError, match="k is a public key, where a private key is needed"):
        keys.parse_private(pairs["p256"].public.pem, "k")


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", b"\xff"]
)
def test_no_key(data):
    with pytest.raises(UsageError, match="is not a public key in PEM"):
        keys.parse_public(data, "k")
    with pytest.raises(UsageError):
        keys.parse_private(data, "k")
    with pytest.raises(UsageError, match="is damaged"):
        keys.parse_private(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "k")


def test_kinds_that_are_not_used():
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    for other, name in [
        (ed25519.Ed25519PrivateKey.generate(), "Ed25519"),
        (ec.generate_private_key(ec.SECP256K1()), "EC secp256k1"),
    ]:
        public = other.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        private = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        with pytest.raises(UsageError, match=f"does not use: {name}"):
            keys.parse_public(public, "k")
        with pytest.raises(UsageError, match=f"does not use: {name}"):
            keys.parse_private(private, "k")


def test_keygen_writes_two_files_and_never_over_others(tmp_path):
    old = os.umask(0)
    try:
        pair = keygen(tmp_path / "release.key")
    finally:
        os.umask(old)
    assert pair.private.stat().st_mode & 0o777 == 0o600
    assert pair.public.stat().st_mode & 0o777 == 0o644
    assert pair.public.name == "release.key.pub"
    assert hashlib.sha256(pair.public.read_bytes()).hexdigest() == pair.fingerprint
    assert load_private(pair.private).public.fingerprint == pair.fingerprint
    before = pair.private.read_bytes()
    with pytest.raises(Conflict, match="never overwritten"):
        keygen(tmp_path / "release.key")
    pair.private.unlink()
    with pytest.raises(Conflict, match="never overwritten"):
        keygen(tmp_path / "release.key")
    assert not pair.private.exists()
    assert before
    (tmp_path / "link.key").symlink_to(tmp_path / "nowhere")
    with pytest.raises(Conflict):
        keygen(tmp_path / "link.key")
    with pytest.raises(NotFound):
        keygen(tmp_path / "no" / "k")


def test_key_that_others_may_read(tmp_path):
    pair = keygen(tmp_path / "k")
    pair.private.chmod(0o640)
    with pytest.raises(Conflict, match="can be read by others") as caught:
        load_private(pair.private)
    assert "chmod 600" in caught.value.hint
    load_private(pair.private, allow_insecure_permissions=True)
    with pytest.raises(UsageError, match="is a public key"):
        load_private(pair.public)


def test_key_files_that_are_none(tmp_path):
    with pytest.raises(NotFound, match="does not exist"):
        keys.load_public(tmp_path / "no")
    with pytest.raises(UsageError, match="is not a key file"):
        keys.load_public(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="is not a key file"):
        keys.load_public(tmp_path / "pipe")
    (tmp_path / "huge").write_bytes(b"x" * 100_000)
    with pytest.raises(UsageError, match="is not a key file"):
        keys.load_public(tmp_path / "huge")
