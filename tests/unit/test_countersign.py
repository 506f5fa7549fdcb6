"""Countersigning: on the word of who signed before, without a byte of the weights."""

import os

import pytest

from rigs.signed import CARD, KEY_PEM, MODEL, fixed_key, sign_folder, write_model
from sycee.formats import bundle
from sycee.trust import keys


@pytest.fixture
def work(tmp_path, monkeypatch):
    folder = write_model(tmp_path / "bert")
    (tmp_path / "first.pub").write_bytes(fixed_key().public.pem)
    release = keys.generate("p384")
    (tmp_path / "release").write_bytes(release.to_pem(None))
    (tmp_path / "release").chmod(0o600)
    (tmp_path / "release.pub").write_bytes(release.public.pem)
    sign_folder(folder)
    monkeypatch.chdir(tmp_path)
    return tmp_path


COUNTERSIGN = ("sign", "bert", "--key", "release", "--countersign", "--signed-by", "first.pub")


def further(work):
    return sorted((work / "bert/records").glob("*.model.sig"))


def test_no_weights_are_read_and_they_need_not_be_here(work, call, monkeypatch):
    opened = []
    real = os.open
    monkeypatch.setattr(os, "open", lambda path, *rest, **more: opened.append(str(path)) or real(path, *rest, **more))
    code, identity, err = call(*COUNTERSIGN)
    assert code == 0, err
    assert not [path for path in opened if path.endswith("model.pt")]
    assert [path for path in opened if path.endswith("model_card.yaml")], "what is seen to be opened is opened"
    [made] = further(work)
    payloads = [bundle.parse(path.read_bytes()).payload for path in (made, work / "bert/model.sig")]
    assert payloads[0] == payloads[1]
    assert call("verify", "bert", "--key", "release.pub", "--identity", identity.strip())[0] == 0
    made.unlink()
    (work / "bert/model.pt").unlink()
    code, again, err = call(*COUNTERSIGN)
    assert (code, again) == (0, identity)
    assert "not here, and not needed: model.pt" in err
    assert "was countersigned like this before" in call(*COUNTERSIGN)[2]
    (work / "bert/model.pt").write_bytes(MODEL["model.pt"])
    assert call("verify", "bert", "--key", "release.pub")[0] == 0


def test_who_signed_already_is_not_asked_again(work, call):
    """Not as the first, whose bundle is model.sig; not as one whose signatures differ from time to time."""
    (work / "first").write_bytes(KEY_PEM)
    (work / "first").chmod(0o600)
    code, _, err = call("sign", "bert", "--key", "first", "--countersign", "--signed-by", "first.pub")
    assert (code, further(work)) == (0, [])
    assert "was countersigned like this before" in err
    command = "openssl pkeyutl -sign -inkey release -pkeyopt digest:{algorithm}"
    words = ("--key-command", command, "--public-key", "release.pub")
    assert call("sign", "bert", *words, "--countersign", "--signed-by", "first.pub")[0] == 0
    [made] = further(work)
    before = made.read_bytes()
    assert "was countersigned like this before" in call("sign", "bert", *words, *COUNTERSIGN[4:])[2]
    assert made.read_bytes() == before


def test_what_a_killed_command_left_is_swept(work, call):
    (work / "bert/records").mkdir()
    for place in ("bert/records", "bert"):
        (work / place / ".HB6UtiUn4Ft0I94k6jVh5g.tmp").write_bytes(b"half")
    assert call(*COUNTERSIGN)[0] == 0
    assert not [*work.rglob("*.tmp")]


@pytest.mark.parametrize(
    "name", ["model_card.yaml", "context/source/pre.py", "SHA256SUMS", "context/requirements.lock"]
)
def test_what_is_here_is_compared(work, call, name):
    path = work / "bert" / name
    path.write_bytes(path.read_bytes() + b"\n")
    code, _, err = call(*COUNTERSIGN)
    assert code == 11
    assert name in err
    assert not further(work)


def test_weights_of_another_size_and_files_beside(work, call):
    (work / "bert/model.pt").write_bytes(b"short")
    assert call(*COUNTERSIGN)[0] == 11
    (work / "bert/model.pt").unlink()
    (work / "bert/evil.py").write_text("import os")
    code, _, err = call(*COUNTERSIGN)
    assert code == 11
    assert "evil.py" in err
    assert not further(work)


def test_a_missing_file_that_is_no_weights(work, call):
    (work / "bert/context/source/pre.py").unlink()
    assert call(*COUNTERSIGN)[0] == 11


def test_on_nobodys_word(work, call):
    code, _, err = call("sign", "bert", "--key", "release", "--countersign", "--signed-by", "release.pub")
    assert code == 12
    assert fixed_key().public.fingerprint in err
    (work / "bert/model.sig").unlink()
    assert call(*COUNTERSIGN)[0] == 12
    assert not further(work)


def test_the_trust_file_says_whose_word_and_at_what_gate(work, call, tmp_path_factory):
    etc = tmp_path_factory.mktemp("etc")
    text = (
        f'format = 1\n[keys.ci]\npem = """\n{fixed_key().public.pem.decode()}"""\n[roles.training]\nmembers = ["ci"]\n'
        '[[models]]\nmatch = "bert"\nsigned_by = ["training"]\nformats = ["torch", "unknown"]\n'
    )
    (etc / "trust.toml").write_text(text + 'gates = ["metrics.val_f1 >= 0.95"]\n')
    words = ("sign", "bert", "--key", "release", "--countersign", "--trust", etc / "trust.toml")
    code, _, err = call(*words)
    assert code == 13
    assert "metrics.val_f1 >= 0.95" in err
    assert not further(work)
    (etc / "trust.toml").write_text(text + 'gates = ["metrics.val_f1 >= 0.89"]\n')
    code, _, err = call(*words)
    assert code == 0, err
    assert "on the word of ci" in err


TWO_ROLES = """
[roles.training]
members = ["ci"]
[roles.release]
members = ["boss", "deputy"]
threshold = 2
[[models]]
match = "bert"
signed_by = ["training", "release"]
formats = ["torch", "unknown"]
"""


def test_the_trust_file_that_asks_for_those_who_are_still_missing(work, call, tmp_path_factory):
    """The very file that production goes by: of three who must sign, each signs after the other."""
    trust = tmp_path_factory.mktemp("etc") / "trust.toml"
    deputy = keys.generate("p256")
    (work / "deputy").write_bytes(deputy.to_pem(None))
    (work / "deputy").chmod(0o600)
    pems = {"ci": fixed_key().public.pem, "boss": (work / "release.pub").read_bytes(), "deputy": deputy.public.pem}
    known = "".join(f'[keys.{name}]\npem = """\n{pem.decode()}"""\n' for name, pem in pems.items())
    trust.write_text("format = 1\n" + known + TWO_ROLES)
    code, _, err = call("verify", "bert", "--trust", trust)
    assert (code, "sycee sign MODEL --key FILE --countersign" in err) == (13, True)
    for key in ("release", "deputy"):
        assert call("verify", "bert", "--trust", trust)[0] == 13
        code, _, err = call("sign", "bert", "--key", key, "--countersign", "--trust", trust)
        assert code == 0, err
    assert call("verify", "bert", "--trust", trust)[0] == 0


def test_the_word_of_one_who_counts_for_no_role(work, call, tmp_path_factory):
    trust = tmp_path_factory.mktemp("etc") / "trust.toml"
    pems = {"visitor": fixed_key().public.pem, "boss": (work / "release.pub").read_bytes()}
    known = "".join(f'[keys.{name}]\npem = """\n{pem.decode()}"""\n' for name, pem in pems.items())
    roles = '[roles.release]\nmembers = ["boss"]\n[[models]]\nmatch = "bert"\nsigned_by = ["release"]\n'
    trust.write_text("format = 1\n" + known + roles)
    code, _, err = call("sign", "bert", "--key", "release", "--countersign", "--trust", trust)
    assert (code, "visitor (not in the role release)" in err) == (13, True)
    assert not further(work)


@pytest.mark.parametrize("words", [("--signed-by", "first.pub"), ("--trust", "first.pub")])
def test_options_that_belong_together(work, call, words):
    assert call("sign", "bert", "--key", "release", *words)[0] == 2
    code, _, err = call(*COUNTERSIGN, "--trust", "first.pub")
    assert (code, "--trust and --signed-by exclude each other" in err) == (2, True)


def test_whose_word_has_to_be_said(work, call, monkeypatch):
    """--key is who signs here, so nobody is told to name by it whose word counts."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(work / "none"))
    code, _, err = call("sign", "bert", "--key", "release", "--countersign")
    assert code == 2
    assert "--signed-by FILE" in err
    assert "--key FILE" not in err


def test_a_folder_that_is_tracked_as_a_whole(work, call):
    (work / "bert.dvc").write_text("outs:\n- md5: 00000000000000000000000000000000.dir\n  path: bert\n")
    code, _, err = call(*COUNTERSIGN)
    assert code == 1
    assert "tracked as a whole" in err


def test_the_card_must_be_the_signed_one(work, call):
    (work / "bert/model_card.yaml").write_bytes(CARD.replace(b"1.2.0", b"1.3.0"))
    assert call(*COUNTERSIGN)[0] == 11
