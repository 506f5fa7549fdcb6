"""The verbs keygen, sign, verify and export: words, exit codes, and what goes to which stream."""

import json
import shutil
import subprocess

import pytest

from rigs.signed import CARD, KEY_PEM, fixed_key, write_model


@pytest.fixture
def work(tmp_path, monkeypatch):
    write_model(tmp_path / "bert")
    (tmp_path / "k").write_bytes(KEY_PEM)
    (tmp_path / "k").chmod(0o600)
    (tmp_path / "k.pub").write_bytes(fixed_key().public.pem)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SYCEE_KEY_PASSWORD", raising=False)
    return tmp_path


def test_session(work, call):
    code, out, err = call("sign", "bert", "--key", "k")
    assert code == 0
    assert out.startswith("sycee:")
    assert f"bert: signed, 4 files, by {fixed_key().public.fingerprint}" in err
    assert call("sign", "bert", "--key", "k")[2].startswith("bert: was signed like this before; nothing changed")
    code, shown, err = call("verify", "bert", "--key", "k.pub", "--expect", "bert@1.2.0")
    assert code == 0
    assert shown.splitlines() == [
        "verified  bert@1.2.0",
        f"identity  {out.strip()}",
        f"signer    {fixed_key().public.fingerprint} (EC P-256)",
    ]
    assert "✓  4  who signed; the version asked for\n" in err
    assert "✓  6  sizes and digests of all bytes" in err
    assert "- 13  accepted, and remembered: nothing to remember\n" in err
    shown = call("verify", "bert", "--key", "k.pub")[2]
    assert "✓  4  who signed; the version asked for: none was asked for\n" in shown
    assert call("verify", "bert", "--key", "k.pub", "--identity", out.strip())[0] == 0
    assert json.loads(call("verify", "bert", "--key", "k.pub", "--json")[1])["identity"] == out.strip()
    assert call("export", "bert", "srv", "--key", "k.pub")[:2] == (0, out)
    assert call("verify", "srv", "--key", "k.pub")[0] == 0
    code, _, err = call("export", "bert", "srv2")
    assert code == 0
    assert "no key was given" in err


def tamper_weights(folder):
    (folder / "model.pt").write_bytes(b"Weights of a model")


def tamper_card(folder):
    (folder / "model_card.yaml").write_bytes(CARD.replace(b"0.892", b"0.992"))


def tamper_signature(folder):
    (folder / "model.sig").unlink()


def add_file(folder):
    (folder / "extra.py").write_bytes(b"")


@pytest.mark.parametrize(
    ("tamper", "code", "words"),
    [
        (tamper_weights, 11, ["model.pt has other bytes: expected blake3:", "found blake3:"]),
        (tamper_card, 11, ["model_card.yaml has other bytes: expected sha256:"]),
        (tamper_signature, 12, ["is not signed: model.sig is missing"]),
        (add_file, 11, ["extra.py is here and was not signed"]),
    ],
)
def test_refusals(work, call, tamper, code, words):
    call("sign", "bert", "--key", "k")
    tamper(work / "bert")
    found, out, err = call("verify", "bert", "--key", "k.pub")
    assert (found, out) == (code, "")
    assert all(word in err for word in words)
    assert "error:" in err
    assert "hint:" in err
    found, out, err = call("verify", "bert", "--key", "k.pub", "--json")
    assert (found, json.loads(out)["exit_code"]) == (code, code)
    code_of_export = call("export", "bert", "srv", "--key", "k.pub")[0]
    assert (code_of_export, (work / "srv").exists()) == (code, False)


def test_older_pair_under_a_newer_bundle(work, call):
    call("sign", "bert", "--key", "k")
    shutil.copytree("bert", "old")
    (work / "bert" / "model.pt").write_bytes(b"newer")
    call("sign", "bert", "--key", "k")
    for name in ("model.pt", "model.pt.sig"):
        shutil.copy(f"old/{name}", f"bert/{name}")
    code, _, err = call("verify", "bert", "--key", "k.pub")
    assert code == 11
    assert "model.pt and model.pt.sig belong together but to another version than model.sig" in err


def test_weights_only(work, call):
    call("sign", "bert", "--key", "k")
    code, out, err = call("verify", "--weights-only", "bert/model.pt", "--key", "k.pub")
    assert code == 0
    assert "verified  bert/model.pt (weights only)" in out
    assert "not the card" in err
    shutil.move("bert/model.pt.sig", "elsewhere.sig")
    assert call("verify", "--weights-only", "bert/model.pt", "--key", "k.pub")[0] == 12
    assert call("verify", "--weights-only", "bert/model.pt", "--key", "k.pub", "--signature", "elsewhere.sig")[0] == 0
    value = json.loads(
        call("verify", "--weights-only", "bert/model.pt", "-k", "k.pub", "--signature", "elsewhere.sig", "--json")[1]
    )
    assert value["scope"] == "weights only"
    (work / "bert" / "model.pt").write_bytes(b"evil")
    assert call("verify", "--weights-only", "bert/model.pt", "--key", "k.pub", "--signature", "elsewhere.sig")[0] == 12


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify", "bert"),
        ("verify", "bert", "--key", "k"),
        ("verify", "bert", "--key", "k.pub", "--signature", "x"),
        ("verify", "bert", "--key", "k.pub", "--weights-only"),
        ("verify", "bert/model.pt", "--key", "k.pub", "--weights-only", "--expect", "a@1"),
        ("sign", "bert", "--key", "k.pub"),
        ("sign", "bert"),
        ("keygen", "n", "--no-password", "--password-file", "p"),
        ("keygen", "n", "--type", "ed25519"),
    ],
)
def test_wrong_usage(work, call, arguments):
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert "error:" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("verify", "bert", "--key", "none.pub"), "none.pub does not exist"),
        (("verify", "none", "--key", "k.pub"), "is not a model folder: there is no such folder"),
        (("verify", "bert/model.pt", "--key", "k.pub"), "--weights-only"),
        (("sign", "none", "--key", "k"), "is not a model folder"),
        (("sign", "bert", "--key", "none"), "does not exist"),
        (("export", "bert", "srv"), "has no SHA256SUMS"),
    ],
)
def test_things_that_are_not_there(work, call, arguments, words):
    code, out, err = call(*arguments)
    assert (code, out) == (1, "")
    assert words in err


def test_key_with_password(work, call, monkeypatch):
    (work / "p").write_text("correct horse\n")
    code, out, err = call("keygen", "mine", "--password-file", "p")
    assert code == 0
    assert len(out.strip()) == 64
    assert "mine.pub: the public key" in err
    assert (work / "mine").stat().st_mode & 0o777 == 0o600
    code, _, err = call("sign", "bert", "--key", "mine")
    assert (code, "is encrypted and no password was given" in err) == (2, True)
    monkeypatch.setenv("SYCEE_KEY_PASSWORD", "wrong")
    code, _, err = call("sign", "bert", "--key", "mine")
    assert (code, "cannot be opened with this password" in err) == (2, True)
    monkeypatch.setenv("SYCEE_KEY_PASSWORD", "correct horse")
    assert call("sign", "bert", "--key", "mine")[0] == 0
    monkeypatch.delenv("SYCEE_KEY_PASSWORD")
    assert call("sign", "bert", "--key", "mine", "--password-file", "p")[0] == 0
    assert call("verify", "bert", "--key", "mine.pub")[0] == 0
    assert call("verify", "bert", "--key", "k.pub")[0] == 12


def test_keygen_needs_an_answer_about_the_password(work, call):
    code, _, err = call("keygen", "mine")
    assert (code, "--no-password" in err) == (2, True)
    assert not (work / "mine").exists()
    assert call("keygen", "mine", "--no-password", "--type", "p384")[0] == 0
    code, _, err = call("keygen", "mine", "--no-password")
    assert (code, "never overwritten" in err) == (1, True)


def test_key_in_a_git_work_tree_is_warned_of(work, call):
    (work / ".git").mkdir()
    assert "never commit it" in call("keygen", "mine", "--no-password")[2]


def test_key_in_a_git_work_tree_is_kept_out_of_it(work, call):
    subprocess.run(["git", "init", "-q"], check=True)
    (work / "keys [1]").mkdir()
    for name in ("mine", "keys [1]/re#lease.key"):
        code, _, err = call("keygen", name, "--no-password")
        assert (code, "Git ignores" in err) == (0, True)
    subprocess.run(["git", "add", "-A"], check=True)
    listed = subprocess.run(["git", "ls-files", "-z"], check=True, capture_output=True, text=True).stdout.split("\0")
    assert {"mine.pub", "keys [1]/re#lease.key.pub"} <= {*listed}
    assert not {"mine", "keys [1]/re#lease.key"} & {*listed}


def test_key_that_others_may_read(work, call):
    (work / "k").chmod(0o644)
    code, _, err = call("sign", "bert", "--key", "k")
    assert (code, "chmod 600" in err) == (1, True)
    assert call("sign", "bert", "--key", "k", "--allow-insecure-key-permissions")[0] == 0


def test_unsigned_names_are_in_the_message_printable(work, call):
    call("sign", "bert", "--key", "k")
    (work / "bert" / "a\x1b[31mb").write_bytes(b"")
    code, _, err = call("verify", "bert", "--key", "k.pub")
    assert code == 11
    assert "\x1b[31mb" not in err
