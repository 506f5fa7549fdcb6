"""Signers that are no key file, several signers of one version, and the verbs about keys."""

import json
import shlex
import shutil
import subprocess
import sys

import pytest

from rigs.signed import KEY_PEM, fixed_key, verify_folder, write_model
from sycee.errors import SignatureInvalid, SyceeError, UsageError
from sycee.trust import keys
from sycee.trust.signing.keycommand import CommandSigner

OPENSSL = "openssl pkeyutl -sign -inkey {key} -pkeyopt digest:{{algorithm}}"


@pytest.fixture
def work(tmp_path, monkeypatch):
    write_model(tmp_path / "bert")
    (tmp_path / "k").write_bytes(KEY_PEM)
    (tmp_path / "k").chmod(0o600)
    (tmp_path / "k.pub").write_bytes(fixed_key().public.pem)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pair(folder, kind):
    key = keys.generate(kind)
    (folder / "other").write_bytes(key.to_pem(None))
    (folder / "other").chmod(0o600)
    (folder / "other.pub").write_bytes(key.public.pem)
    return key


@pytest.mark.parametrize("kind", ["p256", "p384", "p521", "rsa-3072"])
def test_a_command_signs_as_the_key_itself_would(work, call, kind):
    """The real openssl stands for a key service: it gets a digest, and gives a signature."""
    key = pair(work, kind)
    command = OPENSSL.format(key=work / "other")
    code, out, err = call("sign", "bert", "--key-command", command, "--public-key", "other.pub")
    assert code == 0, err
    assert verify_folder(work / "bert", key).identity == out.strip().removeprefix("sycee:")
    checked = ["openssl", "dgst", "-sha256", "-verify", "other.pub", "-signature", "bert/model.pt.sig", "bert/model.pt"]
    assert subprocess.run(checked, capture_output=True, text=True, check=True).stdout == "Verified OK\n"


def test_a_command_is_not_run_for_what_it_signed_before(work, call):
    """Its signatures differ from time to time, so each one is kept that is good: nothing changes, nobody is asked."""
    pair(work, "p256")
    told = work / "told"
    (work / "kms").write_text(f"echo asked >> {told}\n{OPENSSL.format(key=work / 'other').format(algorithm='$1')}\n")
    words = ("sign", "bert", "--key-command", f"sh {work / 'kms'} {{algorithm}}", "--public-key", "other.pub")
    assert call(*words)[0] == 0
    assert told.read_text().count("asked") == 3, "for the weights, the sums and the bundle"
    before = {path: path.read_bytes() for path in (work / "bert").rglob("*") if path.is_file()}
    assert "nothing changed" in call(*words)[2]
    assert all(path.read_bytes() == data for path, data in before.items())
    (work / "bert/context/source/pre.py").write_text("def prepare(text):\n    return text\n")
    (work / "bert/model.sig").write_bytes(before[work / "bert/model.sig"][:-1])
    assert call(*words)[0] == 0
    assert told.read_text().count("asked") == 5, "the weights are the same, and so is their signature"
    verify_folder(work / "bert", keys.parse_private((work / "other").read_bytes(), "other"))
    assert call("sign", "bert", "--key", "k")[0] == 0
    assert call("sign", "bert", "--key", "k", "--force")[0] == 0
    assert call(*words)[0] == 0, "now as a further signer"
    assert told.read_text().count("asked") == 6
    assert "nothing changed" in call(*words)[2]
    assert told.read_text().count("asked") == 6


@pytest.mark.parametrize(
    ("program", "error", "words"),
    [
        ("import sys; sys.exit('no such token')", SyceeError, "no such token"),
        ("print('junk')", SignatureInvalid, "is no signature by"),
        ("pass", SignatureInvalid, "is no signature by"),
        ("import sys; sys.stdout.write('x' * 100000)", SignatureInvalid, "is no signature by"),
        ("import sys; sys.stderr.write('x' * 1000000 + 'wrong PIN'); sys.exit(3)", SyceeError, "xwrong PIN"),
        ("import time; time.sleep(60)", SyceeError, "did not sign within 0.3 seconds"),
        ("import os, time; os.close(1); os.close(2); time.sleep(60)", SyceeError, "did not sign within 0.3 seconds"),
    ],
)
def test_a_command_that_does_not_sign(program, error, words):
    signer = CommandSigner(
        fixed_key().public, [sys.executable, "-c", program], timeout=0.3 if "sleep" in program else 30
    )
    with pytest.raises(error, match=words):
        signer.sign_detached("00" * 32)


def test_a_command_by_another_key_signs_nothing(work, call):
    pair(work, "p256")
    before = sorted(work.rglob("*"))
    code, _, err = call("sign", "bert", "--key-command", OPENSSL.format(key=work / "other"), "--public-key", "k.pub")
    assert code == 12
    assert "is no signature by" in err
    left = set(work.rglob("*")) - set(before)
    assert {one.name for one in left} <= {".gitattributes"}


@pytest.mark.parametrize("words", [["cat", "/dev/zero"], ["sh", "-c", "cat /dev/zero"]])
def test_a_command_that_writes_without_end_is_stopped(words):
    with pytest.raises(SignatureInvalid, match="is no signature by"):
        CommandSigner(fixed_key().public, words).sign_detached("00" * 32)


@pytest.mark.parametrize("line", ["", "   ", "sign 'half", "/no/such/program"])
def test_a_command_line_that_is_none(line):
    with pytest.raises((UsageError, SyceeError)):
        CommandSigner.of_line(fixed_key().public, line).sign_detached("00" * 32)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--key", "k", "--key-command", "x"],
        ["--key-command", "x"],
        ["--key", "k", "--public-key", "k.pub"],
    ],
)
def test_exactly_one_signer(work, call, words):
    assert call("sign", "bert", *words)[0] == 2


def test_the_algorithm_is_told_twice(tmp_path):
    """As a word for programs with options, as a variable for scripts."""
    seen = tmp_path / "seen"
    script = f"import os, sys; open({str(seen)!r}, 'w').write(os.environ['SYCEE_DIGEST_ALGORITHM'] + ' ' + sys.argv[1])"
    line = f"{shlex.quote(sys.executable)} -c {shlex.quote(script)} {{algorithm}}"
    key = keys.generate("p384")
    with pytest.raises(SignatureInvalid):
        CommandSigner.of_line(key.public, line).sign_envelope(b"payload")
    assert seen.read_text() == "sha384 sha384"


def test_both_signatures_travel_with_a_folder_that_is_tracked_as_a_whole(work, call):
    """Signed by two, pushed, lost, pulled and exported: each of the two is still told."""
    pair(work, "p384")
    assert call("init", "--no-scm")[0] == 0
    assert call("remote", "add", "-d", "store", work / "store")[0] == 0
    assert call("add", "bert")[0] == 0
    identities = {call("sign", "bert", "--key", name)[1] for name in ("k", "other")}
    assert len(identities) == 1
    assert "nothing changed" in call("sign", "bert", "--key", "other")[2]
    assert call("push")[0] == 0
    shutil.rmtree("bert")
    shutil.rmtree(".dvc/cache")
    assert call("pull")[0] == 0
    assert call("export", "bert", "served", "--key", "other.pub")[0] == 0
    for folder in ("bert", "served"):
        for public in ("k.pub", "other.pub"):
            assert call("verify", folder, "--key", public)[0] == 0, (folder, public)
    (work / "bert/context/source/pre.py").write_text("def prepare(text):\n    return text\n")
    code, _, err = call("sign", "bert", "--key", "k")
    assert (code, "is about another version" in err) == (0, True)
    code, _, err = call("sign", "bert", "--key", "k", "--force")
    assert (code, "it lies now in" in err) == (0, True)
    assert not [*(work / "bert/records").iterdir()]
    assert call("status")[1].strip() in {"", "Data and pipelines are up to date."}
    assert call("verify", "bert", "--key", "k.pub")[0] == 0


def test_key_show_and_export(work, call):
    fingerprint = subprocess.run(["sha256sum", "k.pub"], capture_output=True, text=True, check=True).stdout.split()[0]
    assert call("key", "export", "k")[1].encode() == fixed_key().public.pem
    assert call("key", "export", "k", "--out", "again.pub")[0] == 0
    assert (work / "again.pub").read_bytes() == fixed_key().public.pem
    assert call("key", "export", "k", "--out", "again.pub")[0] == 0, "the same key is no loss"
    (work / "again.pub").write_text("mine")
    code, _, err = call("key", "export", "k", "--out", "again.pub")
    assert (code, (work / "again.pub").read_text()) == (1, "mine")
    assert "never overwritten" in err
    for name, private in (("k", True), ("k.pub", False)):
        facts = json.loads(call("key", "show", name, "--json")[1])
        assert (facts["fingerprint"], facts["private"], facts["kind"]) == (fingerprint, private, "EC P-256")
    assert "whoever can read the file signs in your name" in call("key", "show", "k")[1]
    (work / "k").chmod(0o644)
    assert "chmod 600" in call("key", "show", "k")[2]


def test_an_encrypted_key_is_shown_without_its_password(work, call, monkeypatch):
    (work / "locked").write_bytes(fixed_key().to_pem(b"open sesame"))
    assert "not known without the password" in call("key", "show", "locked")[1]
    (work / "word").write_text("open sesame\n")
    assert fixed_key().public.fingerprint in call("key", "show", "locked", "--password-file", "word")[1]
    (work / "word").write_text("wrong\n")
    assert call("key", "show", "locked", "--password-file", "word")[0] == 2
    assert call("key", "export", "locked")[0] == 2


def test_where_a_trust_file_names_a_key(work, call):
    pem = fixed_key().public.pem.decode()
    (work / "trust.toml").write_text(
        f'format = 1\n[keys.alice]\npem = """\n{pem}"""\nvalid_until = 2027-01-01T00:00:00Z\n'
        '[roles.release]\nmembers = ["alice"]\n[roles.channel]\nmembers = ["alice"]\n'
    )
    code, out, err = call("key", "show", "k.pub", "--trust", "trust.toml")
    assert code == 0, err
    assert out.splitlines()[-1] == "named        alice: member of channel, release, until 2027-01-01T00:00:00Z"
    [named] = json.loads(call("key", "show", "k", "--trust", "trust.toml", "--json")[1])["named"]
    assert named == {"name": "alice", "roles": ["channel", "release"], "valid_until": "2027-01-01T00:00:00Z"}
    pair(work, "p256")
    assert "named        nowhere" in call("key", "show", "other.pub", "-t", "trust.toml")[1]
    assert json.loads(call("key", "show", "other.pub", "-t", "trust.toml", "--json")[1])["named"] == []
    (work / "locked").write_bytes(fixed_key().to_pem(b"open sesame"))
    code, _, err = call("key", "show", "locked", "-t", "trust.toml")
    assert (code, "give its public half" in err) == (2, True)
    assert call("key", "show", "k.pub", "-t", "absent.toml")[0] == 1
    (work / "trust.toml").write_text("format = 2\n")
    assert call("key", "show", "k.pub", "-t", "trust.toml")[0] != 0


@pytest.mark.parametrize("way", [["-scrypt"], ["-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA512", "-iter", "5000"]])
def test_keys_that_openssl_encrypted_otherwise(work, call, way):
    """A key by openssl's scrypt, and by more rounds of another PBKDF2, opens with its password alone."""
    made = ["openssl", "pkcs8", "-topk8", *way, "-in", "k", "-out", "locked", "-passout", "pass:open sesame"]
    subprocess.run(made, check=True, capture_output=True)
    (work / "word").write_text("open sesame\n")
    (work / "locked").chmod(0o600)
    assert call("key", "export", "locked", "--password-file", "word")[1].encode() == fixed_key().public.pem
    assert call("sign", "bert", "--key", "locked", "--password-file", "word")[0] == 0
    (work / "word").write_text("wrong\n")
    assert call("key", "export", "locked", "--password-file", "word")[0] == 2


@pytest.mark.parametrize("data", [b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", b"\0" * 100])
def test_what_is_no_key(work, call, data):
    (work / "junk").write_bytes(data)
    for verb in ("show", "export"):
        code, _, err = call("key", verb, "junk")
        assert code == 2
        assert err.startswith("error: ")
    assert call("key", "show", "absent")[0] == 1
