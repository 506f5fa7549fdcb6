"""The real ``model_signing`` 1.1.1, in both directions."""

import subprocess
import sys
from pathlib import Path

import pytest

from rigs.signed import MODEL, fixed_key, sign_folder, verify_folder, write_model
from sycee.errors import DigestMismatch, SignatureInvalid
from sycee.trust import keys

pytestmark = pytest.mark.slow

TOOL = Path(sys.executable).with_name("model_signing")


def tool(*arguments):
    return subprocess.run([str(TOOL), *map(str, arguments)], capture_output=True, text=True, check=False)


@pytest.fixture(params=["p256", "p384", "p521"])
def key(request, tmp_path):
    key = keys.generate(request.param)
    (tmp_path / "k").write_bytes(key.to_pem(None))
    (tmp_path / "k.pub").write_bytes(key.public.pem)
    return key


@pytest.fixture
def folder(tmp_path):
    return write_model(
        tmp_path / "bert", {**MODEL, "context/日本 語:1.txt": b"", "sub-1/x": b"1", "sub.txt": b"2", "sub/c": b"3"}
    )


def checked_by_them(folder, tmp_path):
    return tool("verify", "key", folder, "--signature", folder / "model.sig", "--public_key", tmp_path / "k.pub")


def test_they_verify_what_we_sign(folder, tmp_path, key):
    (folder / "context" / ".gitignore").write_bytes(b"/x\n")
    sign_folder(folder, key)
    done = checked_by_them(folder, tmp_path)
    assert (done.returncode, "Verification succeeded" in done.stdout) == (0, True), done.stderr
    # what comes after the bundle: pointers, records, DVC's and Git's files
    for name in ("model.pt.dvc", "dvc.yaml", "dvc.lock", ".gitignore", "records/eval.json"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"{}")
    assert checked_by_them(folder, tmp_path).returncode == 0
    (folder / "model.pt").write_bytes(b"evil")
    assert checked_by_them(folder, tmp_path).returncode == 1


def sign_by_them(folder, tmp_path, *more):
    done = tool("sign", "key", folder, "--signature", folder / "model.sig", "--private_key", tmp_path / "k", *more)
    assert done.returncode == 0, done.stderr


def test_we_verify_what_they_sign(folder, tmp_path, key):
    sign_by_them(folder, tmp_path)
    found = verify_folder(folder, key)
    assert "there is no SHA256SUMS; the identity was derived from the bundle" in found.warnings
    (folder / "model.sig").unlink()
    assert sign_folder(folder, key).identity == found.identity  # the same version, whoever signed it
    (folder / "sub" / "c").write_bytes(b"4")
    with pytest.raises(DigestMismatch):
        verify_folder(folder, key)


def test_we_verify_what_they_sign_over_a_folder_that_we_signed(folder, tmp_path, key):
    """Their bundle lists our sums and signatures too; pointers were there or come later."""
    identity = sign_folder(folder, key).identity
    (folder / "model.sig").unlink()
    sign_by_them(folder, tmp_path)
    found = verify_folder(folder, key)
    assert found.identity == identity
    assert found.weights == {"model.pt"}
    (folder / "model.pt.sig").write_bytes(b"x")
    with pytest.raises(DigestMismatch):
        verify_folder(folder, key)


def test_a_frozen_folder_with_a_pointer(folder, tmp_path, key):
    from sycee.digest import digest_bytes
    from sycee.errors import ContextMismatch
    from sycee.formats import pointer
    from sycee.formats.pointer import Out

    facts = digest_bytes(MODEL["model.pt"])
    (folder / "model.pt.dvc").write_bytes(pointer.render(Out("model.pt", facts.md5, facts.size), None))
    (folder / ".gitignore").write_bytes(b"/model.pt\n")
    sign_by_them(folder, tmp_path)
    verify_folder(folder, key)
    (folder / "model.sig").unlink()
    sign_by_them(folder, tmp_path, "--ignore-paths", folder / "model.pt.dvc")
    verify_folder(folder, key)
    (folder / "model.pt.dvc").write_bytes(pointer.render(Out("model.pt", "0" * 32, facts.size), None))
    with pytest.raises(ContextMismatch):
        verify_folder(folder, key)


def test_what_they_leave_out_we_refuse(folder, tmp_path, key):
    """They let a signer leave out anything; here a signer may not."""
    (folder / "evil.py").write_bytes(b"")
    sign_by_them(folder, tmp_path, "--ignore-paths", folder / "evil.py")
    assert checked_by_them(folder, tmp_path).returncode == 0
    with pytest.raises(SignatureInvalid, match=r"leaves 'evil\.py' unsigned"):
        verify_folder(folder, key)


def test_shards_are_answered(folder, tmp_path, key):
    import model_signing

    hashing = model_signing.hashing.Config().use_shard_serialization(shard_size=1000)
    model_signing.signing.Config().use_elliptic_key_signer(private_key=tmp_path / "k").set_hashing_config(hashing).sign(
        folder, folder / "model.sig"
    )
    with pytest.raises(SignatureInvalid, match='method: must be "files", not "shards"'):
        verify_folder(folder, key)


def test_the_key_of_the_tests_works_with_them(tmp_path):
    folder = write_model(tmp_path / "bert")
    (tmp_path / "k.pub").write_bytes(fixed_key().public.pem)
    sign_folder(folder)
    assert checked_by_them(folder, tmp_path).returncode == 0
