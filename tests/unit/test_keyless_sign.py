"""Signing without a key, against a Sigstore on this machine: what is written, what is not, and what goes wrong."""

import json
from pathlib import Path

import pytest

from rigs.fulcio import ISSUER, SUBJECT, Sigstore
from rigs.signed import KEY_PEM, fixed_key, payload_of, sign_folder, write_model
from rigs.sigstoreserver import serving, token, write_config
from sycee.cli.main import main
from sycee.errors import ConfigError, NotFound, RemoteError, UsageError
from sycee.formats import bundle, sums
from sycee.formats.trust import TrustedIdentity
from sycee.trust.folder import Folder
from sycee.trust.policy.documents import read_document, sign_document
from sycee.trust.signing.keyless import Identities, Root
from sycee.trust.signing.keylesssign import KeylessSigner

DATA = b'{"decision": "approved"}\n'
OTHER = "acme/models/.github/workflows/release.yml@refs/heads/main"


@pytest.fixture(scope="module")
def instance():
    return Sigstore()


@pytest.fixture
def service(instance):
    with serving(instance) as service:
        yield service


@pytest.fixture
def config(service, tmp_path):
    return write_config(service, tmp_path / "config.json")


@pytest.fixture
def ci(config):
    return KeylessSigner.connect(token(), config)


@pytest.fixture
def model(tmp_path):
    return write_model(tmp_path / "bert")


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def names(folder, *, but=()):
    return {name for name in files(folder) if not name.startswith("context/")} - {*but}


def witness_of(instance, tmp_path, raw):
    root = Root.read(instance.write_root(tmp_path / "root.json"))
    return root.check_dsse(raw, bundle.parse(raw).payload)


def test_a_model_gets_sums_and_a_bundle_and_no_detached_signature(instance, ci, model, tmp_path):
    result = sign_folder(model, ci)
    assert names(model) == {"model.pt", "model_card.yaml", ".gitattributes", "SHA256SUMS", "model.sig"}
    witness = witness_of(instance, tmp_path, (model / "model.sig").read_bytes())
    assert (witness.subject, witness.issuer) == (SUBJECT, ISSUER)
    assert (result.fingerprint, result.witness) == (witness.fingerprint, witness)
    assert result.identity == sums.identity((model / "SHA256SUMS").read_bytes())
    assert [path for path in payload_of(model)["predicate"]["serialization"]["ignore_paths"] if "sig" in path] == [
        "model.sig"
    ]


def test_signing_the_same_again_asks_nobody(service, ci, model):
    sign_folder(model, ci)
    before, asked = files(model), len(service.asked)
    assert sign_folder(model, ci).written == ()
    assert (files(model), len(service.asked)) == (before, asked)


def test_the_next_version_takes_the_place_of_the_own_signature(ci, model):
    first = sign_folder(model, ci)
    (model / "model.pt").write_bytes(b"weights of the next one")
    assert sign_folder(model, ci).identity != first.identity
    assert not (model / "records").exists()


def test_beside_another_signer(instance, config, ci, model, tmp_path):
    first = sign_folder(model)
    before = files(model)
    second = sign_folder(model, ci)
    third = sign_folder(model, KeylessSigner.connect(token(workflow=OTHER), config))
    assert {first.identity} == {second.identity, third.identity}
    written = {f"records/{one.fingerprint[:16]}.model.sig" for one in (second, third)}
    assert files(model).keys() - before.keys() == written
    subjects = {witness_of(instance, tmp_path, (model / name).read_bytes()).subject for name in written}
    assert subjects == {SUBJECT, f"https://github.com/{OTHER}"}
    assert sign_folder(model, ci).written == ()


def test_in_the_place_of_a_key_its_detached_signatures_go(ci, model):
    sign_folder(model)
    assert {"model.pt.sig", "SHA256SUMS.sig"} <= names(model)
    sign_folder(model, ci, replace=True)
    assert not {"model.pt.sig", "SHA256SUMS.sig"} & names(model)
    sign_folder(model, replace=True)
    assert {"model.pt.sig", "SHA256SUMS.sig"} <= names(model)


def test_a_document_has_its_bundle_beside_it(instance, ci, tmp_path):
    path = tmp_path / "x.json"
    signature, _ = sign_document(path, DATA, ci)
    assert signature.name.endswith(".sigstore.json")
    assert sign_document(path, DATA, ci) == (signature, path)
    assert sign_document(path, DATA, fixed_key())[0].name == "x.json.sig"
    instance.write_root(tmp_path / "root.json")
    identities = Identities((TrustedIdentity("ci", ISSUER, SUBJECT, "root.json"),), tmp_path)
    with Folder(tmp_path) as folder:
        document = read_document(folder, "x.json", 100)
    [signer] = identities.signers_of_file(document.bundles[0], DATA, "x.json")
    assert signature.name == f"x.json.{signer.fingerprint[:12]}.sigstore.json"


def test_a_successor_of_a_document(ci, tmp_path):
    path = tmp_path / "x.json"
    sign_document(path, b"{}\n", fixed_key())
    signature, _ = sign_document(path, DATA, ci, replace=True)
    assert {one.name for one in tmp_path.glob("x.json*")} == {"x.json", signature.name}


# --- what goes wrong


@pytest.mark.parametrize("path", ["/api/v2/signingCert", "/api/v1/log/entries"])
def test_a_service_that_refuses_leaves_nothing(service, ci, model, tmp_path, path):
    before = files(model)
    service.broken.add(path)
    with pytest.raises(RemoteError, match="could not be asked for a signature") as caught:
        sign_folder(model, ci)
    assert caught.value.exit_code == 20
    with pytest.raises(RemoteError):
        sign_document(tmp_path / "x.json", DATA, ci)
    assert files(model) == {**before, ".gitattributes": b"* -text\n"}
    assert not list(tmp_path.glob("x.json*"))


def test_a_log_that_lies_is_found_out(service, ci, model):
    service.lies = True
    with pytest.raises(RemoteError, match=r"gave what does not verify: .* invalid log entry"):
        sign_folder(model, ci)
    assert not (model / "model.sig").exists()


def test_nobody_who_answers(instance, model, tmp_path):
    with serving(instance) as gone:
        config = write_config(gone, tmp_path / "config.json")
    with pytest.raises(RemoteError, match="could not be asked"):
        sign_folder(model, KeylessSigner.connect(token(), config))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "there is no identity token, and this is no CI job"),
        ("nonsense", "the identity token cannot be used: .*malformed"),
        (token(seconds=-60), "the identity token cannot be used"),
        (token(aud="somebody else"), "the identity token cannot be used"),
    ],
)
def test_tokens_that_prove_nothing(config, given, said):
    with pytest.raises(UsageError, match=said):
        KeylessSigner.connect(given, config)


def test_configurations_that_are_none(config, tmp_path):
    with pytest.raises(NotFound, match="there is no Sigstore configuration"):
        KeylessSigner.connect(token(), tmp_path / "absent.json")
    for text in ("", "{}", json.dumps({**json.loads(config.read_text()), "signingConfig": {}})):
        (tmp_path / "wrong.json").write_text(text)
        with pytest.raises(ConfigError, match=r"wrong\.json"):
            KeylessSigner.connect(token(), tmp_path / "wrong.json")


# --- the command


def run(capsys, folder, *arguments):
    code = main(["-C", str(folder), *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_sign_keyless(capsys, monkeypatch, config, model, tmp_path):
    monkeypatch.setenv("SIGSTORE_ID_TOKEN", token())
    code, out, err = run(capsys, tmp_path, "sign", "bert", "--keyless", "--sigstore-config", "config.json")
    assert code == 0
    assert out.startswith("sycee:")
    assert f"signed, 4 files, by {SUBJECT} by {ISSUER}" in err
    (tmp_path / "token").write_text(f"{token()}\n")
    monkeypatch.delenv("SIGSTORE_ID_TOKEN")
    words = ("sign", "bert", "--keyless", "--identity-token-file", "token", "--sigstore-config", "config.json")
    code, _, err = run(capsys, tmp_path, *words)
    assert (code, "nothing changed" in err) == (0, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--keyless", "--key", "key"], "--keyless and --key are two signers"),
        (["--key", "key", "--sigstore-config", "config.json"], "--sigstore-config is for --keyless"),
        (["--keyless", "--identity-token-file", "absent"], "absent is not a file with a token"),
        (["--keyless"], "there is no identity token"),
    ],
)
def test_wrong_use(capsys, monkeypatch, config, model, tmp_path, words, said):
    monkeypatch.delenv("SIGSTORE_ID_TOKEN", raising=False)
    (tmp_path / "key").write_bytes(KEY_PEM)
    code, out, err = run(capsys, tmp_path, "sign", "bert", *words)
    assert (code, out) == (2, "")
    assert said in err
    assert not (model / "model.sig").exists()


TRUST = """\
format = 1
[identities.ci]
issuer = "{issuer}"
subject = "{subject}"
root = "root.json"
[keys.ada]
pem = \"\"\"
{pem}\"\"\"
[roles.training]
members = ["ci"]
[roles.release]
members = ["ada"]
[[models]]
match = "bert"
signed_by = {roles}
formats = ["unknown"]
"""


@pytest.fixture
def trust(instance, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trust")
    instance.write_root(folder / "root.json")

    def write(roles='["training"]', subject=SUBJECT):
        text = TRUST.format(issuer=ISSUER, subject=subject, roles=roles, pem=fixed_key().public.pem.decode())
        (folder / "trust.toml").write_text(text)
        return str(folder / "trust.toml")

    return write


def test_a_trust_file_that_names_the_workflow_verifies_it(capsys, ci, model, tmp_path, trust):
    sign_folder(model, ci)
    code, out, err = run(capsys, tmp_path, "verify", "bert", "--trust", trust(), "--json")
    assert code == 0, out + err
    assert (code, json.loads(out)["signers"][0]["name"]) == (0, "ci"), err
    code, _, err = run(capsys, tmp_path, "verify", "bert", "--trust", trust(subject=SUBJECT.replace("main", "dev")))
    assert (code, f"names has signed this model; it was signed by {SUBJECT} by {ISSUER}" in err) == (12, True), err
    sealed = (model / "model.sig").read_bytes()
    (model / "model.sig").write_bytes(sealed.replace(b'"logIndex":"1"', b'"logIndex":"2"'))
    code, _, err = run(capsys, tmp_path, "verify", "bert", "--trust", trust())
    assert (code, "nobody that can be believed: model.sig is not a good signature without a key: " in err) == (12, True)
    (model / "model.sig").write_bytes(sealed)
    (tmp_path / "key.pub").write_bytes(fixed_key().public.pem)
    code, _, err = run(capsys, tmp_path, "verify", "bert", "--key", "key.pub")
    assert (code, "has signed this model; it was signed by somebody without a key" in err) == (12, True), err
    (model / "model.pt").write_bytes(b"Weights of a model")
    code, _, err = run(capsys, tmp_path, "verify", "bert", "--trust", trust())
    assert (code, "model.pt" in err) == (11, True), err


@pytest.mark.parametrize("weights", [True, False])
def test_a_workflow_trains_and_a_key_releases_without_the_weights(capsys, ci, model, tmp_path, trust, weights):
    sign_folder(model, ci)
    (tmp_path / "key").write_bytes(KEY_PEM)
    (tmp_path / "key").chmod(0o600)
    kept = (model / "model.pt").read_bytes()
    if not weights:
        (model / "model.pt").unlink()
    words = ("sign", "bert", "--countersign", "--trust", trust(), "--key", "key")
    code, _, err = run(capsys, tmp_path, *words)
    assert (code, "countersigned in records/" in err) == (0, True), err
    (model / "model.pt").write_bytes(kept)
    both = trust('["training", "release"]')
    code, _, err = run(capsys, tmp_path, "verify", "bert", "--trust", both)
    assert code == 0, err


def test_a_key_trains_and_a_workflow_releases(capsys, monkeypatch, config, model, tmp_path, trust):
    sign_folder(model)
    monkeypatch.setenv("SIGSTORE_ID_TOKEN", token())
    words = ("sign", "bert", "--countersign", "--trust", trust('["release"]'), "--keyless", "--sigstore-config")
    for said in ("countersigned in records/", "was countersigned like this before"):
        code, _, err = run(capsys, tmp_path, *words, "config.json")
        assert (code, said in err) == (0, True), err
    code, _, err = run(capsys, tmp_path, "verify", "bert", "--trust", trust('["training", "release"]'))
    assert code == 0, err


# --- the other implementation


@pytest.mark.slow
def test_model_signing_verifies_ours_and_we_verify_its(instance, config, ci, model, tmp_path):
    from model_signing import signing, verifying

    sign_folder(model, ci)
    signed_by = verifying.Config().use_sigstore_verifier(identity=SUBJECT, oidc_issuer=ISSUER, trust_config=config)
    signed_by.verify(model, model / "model.sig")
    (model / "model.pt").write_bytes(b"other weights")
    with pytest.raises(ValueError, match="mismatch"):
        signed_by.verify(model, model / "model.sig")

    theirs = tmp_path / "theirs.sig"
    signing.Config().use_sigstore_signer(identity_token=token(), trust_config=Path(config)).sign(model, theirs)
    assert str(witness_of(instance, tmp_path, theirs.read_bytes())) == f"{SUBJECT} by {ISSUER}"
