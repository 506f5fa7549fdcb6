"""``sycee oms`` on the command line."""

import json
from pathlib import Path

import pytest

from rigs import oms_vectors
from rigs.authorities import LEAF, MIDDLE, OTHER_ROOT, ROOT
from rigs.oms_vectors import FOLDER, write
from rigs.signed import fixed_key
from sycee.cli.main import main
from sycee.trust import keys

EXPECT = json.loads(oms_vectors.EXPECT.read_text())
KEY = fixed_key()


@pytest.fixture
def sycee(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "llm", FOLDER)
    files = {"k": KEY.to_pem(None), "k.pub": KEY.public.pem, "leaf.key": LEAF.private_pem, "leaf.pem": LEAF.pem}
    write(tmp_path, {**files, "middle.pem": MIDDLE.pem, "root.pem": ROOT.pem, "other.pem": OTHER_ROOT.pem})
    for name in ("k", "leaf.key"):
        (tmp_path / name).chmod(0o600)

    def run(*words):
        code = main(["oms", *words])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def test_the_command_by_key(sycee):
    code, root, told = sycee("sign", "llm", "--bundle", "llm/llm.sig", "--key", "k")
    assert (code, root) == (0, f"sha256:{EXPECT['good']['accepted']}\n")
    assert "signed, 6 files" in told
    assert sycee("digest", "llm")[:2] == (0, root)
    code, out, _ = sycee("verify", "llm", "-b", "llm/llm.sig", "-k", "k.pub")
    assert (code, out.splitlines()[:2]) == (0, ["verified  llm, 6 files", f"root      {root.strip()}"])
    code, out, _ = sycee("verify", "llm", "-b", "llm/llm.sig", "-k", "k.pub", "--json")
    assert (code, json.loads(out)["files"]) == (0, sorted(FOLDER))
    Path("llm/model.bin").write_bytes(b"weighty")
    code, out, told = sycee("verify", "llm", "-b", "llm/llm.sig", "-k", "k.pub", "--json")
    assert (code, json.loads(out)["details"]["problems"][0]["path"]) == (11, "model.bin")
    assert "expected sha256:" in told


CERTIFIED = ["verify", "llm", "-b", "m.sig", "--root", "root.pem", "--identity", "Release Signing"]


def test_the_command_by_certificate(sycee):
    certificates = ["--certificate", "leaf.pem", "--chain", "middle.pem"]
    assert sycee("sign", "llm", "-b", "m.sig", "-k", "leaf.key", *certificates)[0] == 0
    code, out, _ = sycee(*CERTIFIED, "--at", "2027-01-01")
    assert (code, out.splitlines()[2]) == (0, "signer    CN=Release Signing (EC P-256, until 2036-01-01)")
    assert sycee(*CERTIFIED, "--at", "2025-12-31T23:59:59Z")[0] == 13
    assert sycee(*CERTIFIED[:-1], "Somebody", "--at", "2027-01-01")[0] == 13
    assert sycee(*["other.pem" if word == "root.pem" else word for word in CERTIFIED], "--at", "2027-01-01")[0] == 12
    for wrong in (["--certificate", "middle.pem"], ["--chain", "middle.pem"], ["--certificate", "k.pub"]):
        assert sycee("sign", "llm", "-b", "n.sig", "-k", "leaf.key", *wrong)[0] == 2


def test_the_command_leaves_out_what_it_is_told_to(sycee, tmp_path):
    assert (
        sycee("sign", "llm", "-b", "m.sig", "-k", "k", "--ignore-paths", "llm/sub", "--ignore-paths", "llm/empty/")[0]
        == 0
    )
    code, _, told = sycee("verify", "llm", "-b", "m.sig", "-k", "k.pub")
    assert (code, told.count("its signer left it out")) == (11, 2)
    allowed = ["--allow-ignored", "sub/", "--allow-ignored", "empty"]
    code, out, _ = sycee("verify", "llm", "-b", "m.sig", "-k", "k.pub", *allowed)
    assert (code, out.splitlines()[-1]) == (0, f"left out  {', '.join([*oms_vectors.GIT, 'empty', 'sub'])}")
    assert sycee("verify", "llm", "-b", "m.sig", "-k", "k.pub", "--ignore-unsigned-files")[0] == 0
    for outside in ("k", "llm", ".", "llm/a\nb"):
        assert sycee("digest", "llm", "--ignore-paths", outside)[0] == 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "give either --key or --root"),
        (["--key", "k.pub", "--root", "root.pem"], "give either --key or --root"),
        (["--key", "k.pub", "--identity", "x"], "--identity is for certificates"),
        (["--key", "k.pub", "--at", "2026-01-01"], "--at is for certificates"),
        (["--root", "root.pem"], "--identity is missing"),
        (["--root", "root.pem", "--identity", "x", "--at", "yesterday"], "'yesterday' is no day or time"),
        (["--root", "root.pem", "--identity", "x", "--at", "2026-01-01T00:00:00"], "is no day or time"),
        (["--root", "root.pem", "--identity", "x", "--at", "0001-01-01T00:00:00+05:00"], "before or after all days"),
        (["--root", "k.pub", "--identity", "x"], "holds no certificates in PEM"),
        (["--key", "k"], "is a private key"),
    ],
)
def test_wrong_usage(sycee, words, told):
    assert sycee("sign", "llm", "-b", "m.sig", "-k", "k")[0] == 0
    code, _, err = sycee("verify", "llm", "-b", "m.sig", *words)
    assert (code, told in err) == (2, True), err


@pytest.mark.slow  # making the key
def test_rsa_is_told_to_be_ours_alone(sycee, tmp_path):
    key = keys.generate("rsa-3072")
    (tmp_path / "rsa").write_bytes(key.to_pem(None))
    (tmp_path / "rsa").chmod(0o600)
    code, _, told = sycee("sign", "llm", "-b", "m.sig", "-k", "rsa")
    assert (code, "read by sycee alone" in told) == (0, True)
