"""The adapter for the OMS conformance suite speaks its protocol: the exit code is the answer."""

import subprocess
import sys
from pathlib import Path

import pytest

from rigs.authorities import LEAF, MIDDLE, OTHER_ROOT, ROOT
from rigs.oms_vectors import write
from rigs.signed import fixed_key
from sycee.trust import keys

pytestmark = pytest.mark.slow

ADAPTER = Path(__file__).parents[2] / "examples/conformance/sycee-conformance"
KEY = fixed_key()


@pytest.fixture
def adapter(tmp_path):
    write(tmp_path, {"m/signme-1": b"1", "m/sub/signme-2": b"2", "m/ignore-me": b"3"})
    pems = {"k": KEY.to_pem(None), "k.pub": KEY.public.pem, "p521.pub": keys.generate("p521").public.pem}
    pems |= {"leaf.key": LEAF.private_pem, "leaf": LEAF.pem, "middle": MIDDLE.pem, "root": ROOT.pem}
    write(tmp_path, {**pems, "other": OTHER_ROOT.pem})

    def run(command, method, *words):
        made = [str(tmp_path / word) if not word.startswith("--") else word for word in words]
        asked = [sys.executable, str(ADAPTER), command, "--method", method, "--model-path", str(tmp_path / "m"), *made]
        return subprocess.run(asked, capture_output=True, text=True, check=False).returncode

    return run


IGNORED = ["--ignore-paths", "m/ignore-me"]


def test_by_key(adapter, tmp_path):
    assert adapter("sign-model", "key", "--output-bundle", "b", "--private-key", "k", *IGNORED) == 0
    verify = ["verify-model", "key", "--bundle", "b", "--public-key"]
    assert adapter(*verify, "k.pub", *IGNORED) == 0
    assert adapter(*verify, "k.pub", "--ignore-unsigned-files") == 0
    assert adapter(*verify, "p521.pub", *IGNORED) == 12
    assert adapter("verify-model", "certificate", "--bundle", "b", "--cert-chain", "root", *IGNORED) == 12
    (tmp_path / "m/sub/signme-2").write_bytes(b"evil")
    assert adapter(*verify, "k.pub", *IGNORED) == 11


def test_by_certificate(adapter):
    certified = [
        "--private-key",
        "leaf.key",
        "--signing-cert",
        "leaf",
        "--cert-chain",
        "middle",
        "--cert-chain",
        "root",
    ]
    assert adapter("sign-model", "certificate", "--output-bundle", "b", *certified) == 0
    assert adapter("verify-model", "certificate", "--bundle", "b", "--cert-chain", "root") == 0
    assert adapter("verify-model", "certificate", "--bundle", "b", "--cert-chain", "other") == 12
    assert adapter("verify-model", "sigstore", "--bundle", "b") == 2
