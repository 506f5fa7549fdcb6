"""Generated folders, signed by one tool and verified by the other, in one process."""

import tempfile
from pathlib import Path

import model_signing
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rigs.signed import fixed_key, sign_folder, verify_folder, write_model
from sycee.core import modelfolder
from sycee.formats.paths import colliding

pytestmark = pytest.mark.slow


COMPONENT = st.one_of(
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\\"), min_size=1, max_size=8),
    st.sampled_from(["model", "a b", "x:1:2", "日本", "sub", "sub-1", "sub.txt", "#", "-rf", "*", "~"]),
)
NAMES = st.builds(
    lambda parts, suffix: "/".join(parts) + suffix,
    st.lists(COMPONENT, min_size=1, max_size=3),
    st.sampled_from(["", ".pt", ".safetensors", ".py"]),
)


def signable(files):
    folders = modelfolder.folders_of(files)
    return (
        all(modelfolder.refusal(name) is None for name in files)
        and not colliding([*files, *folders])
        and not any(name in folders for name in files)
        and not any(name.endswith((".dvc", ".sig")) for name in [*files, *folders])  # ours: regular files of a kind
        and not any(name.startswith(("records/", ".git")) for name in files)
    )


FOLDERS = st.dictionaries(NAMES, st.binary(max_size=40), min_size=1, max_size=6).filter(signable)
FEW = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow]
)


def key_files(scratch):
    (scratch / "k").write_bytes(fixed_key().to_pem(None))
    (scratch / "k.pub").write_bytes(fixed_key().public.pem)


@FEW
@given(FOLDERS)
def test_ours_verified_by_them(files):
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        key_files(scratch)
        folder = write_model(scratch / "m", files)
        sign_folder(folder)
        config = model_signing.verifying.Config().use_elliptic_key_verifier(public_key=scratch / "k.pub")
        config.verify(folder, folder / "model.sig")


@FEW
@given(FOLDERS)
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
