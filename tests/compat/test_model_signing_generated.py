"""Generated folders, signed by one tool and verified by the other, in one process."""

import tempfile
from pathlib import Path

import model_signing
import pytest
from hypothesis import HealthCheck, given, settings

from rigs.folders import MODEL_FOLDERS
from rigs.signed import fixed_key, sign_folder, verify_folder, write_model

pytestmark = pytest.mark.slow


FEW = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow]
)


def key_files(scratch):
    (scratch / "k").write_bytes(fixed_key().to_pem(None))
    (scratch / "k.pub").write_bytes(fixed_key().public.pem)


@FEW
@given(MODEL_FOLDERS)
def test_ours_verified_by_them(files):
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        key_files(scratch)
        folder = write_model(scratch / "m", files)
        sign_folder(folder)
        config = model_signing.verifying.Config().use_elliptic_key_verifier(public_key=scratch / "k.pub")
        config.verify(folder, folder / "model.sig")


@FEW
@given(MODEL_FOLDERS)
def test_theirs_verified_by_us(files):
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        key_files(scratch)
        folder = write_model(scratch / "m", files)
        hashing = model_signing.hashing.Config().set_ignored_paths(paths=[folder / "model.sig"])
        config = model_signing.signing.Config().use_elliptic_key_signer(private_key=scratch / "k")
        config.set_hashing_config(hashing).sign(folder, folder / "model.sig")
        found = verify_folder(folder)
        (folder / "model.sig").unlink()
        assert sign_folder(folder).identity == found.identity
