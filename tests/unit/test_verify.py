"""The verifier: each step refuses what it must, with the documented error, and says what differs."""

import copy
import json
import os
import pickle
import shutil
from dataclasses import replace

import pytest

from rigs.signed import MODEL, fixed_key, forge, payload_of, sign_folder, verify_folder, write_model
from sycee.errors import (
    ContextMismatch,
    DigestMismatch,
    NotFound,
    PolicyDenied,
    SignatureInvalid,
    SyceeError,
    UsageError,
    VerificationError,
)
from sycee.formats import bundle
from sycee.trust import keys
from sycee.trust.verify import Verified


@pytest.fixture
def model(tmp_path):
    folder = write_model(tmp_path / "bert")
    sign_folder(folder)
    return folder


def problems(caught):
    return {problem["path"]: problem for problem in caught.value.details["problems"]}


def test_signed_folder_verifies_and_says_what_was_verified(model):
    found = verify_folder(model)
    assert found.identity == sign_folder(model).identity
    assert (found.name, found.version, found.card.task) == ("bert", "1.2.0", "ner")
    assert set(found.files) == {*MODEL, "SHA256SUMS"}
    assert found.weights == {"model.pt"}
    assert found.warnings == ()
    assert found.unread == frozenset()
    assert found.as_json()["identity"] == f"sycee:{found.identity}"


def test_folder_verifies_wherever_it_lies(model, tmp_path):
    moved = tmp_path / "srv" / "anything"
    shutil.copytree(model, moved)
    assert verify_folder(moved).name == "bert"


# --- every byte ---------------------------------------------------------------------------------------------------

# Single bytes that may change without being refused: none; the bundle is compact JSON, so it has no byte without a
# meaning. What may be *added* to a folder's files without being refused: white space after the bundle's JSON.
FLIPS = (0x01, 0x20, 0x80)
ADDED = {("model.sig", b"\n")}


@pytest.mark.parametrize(("flip", "start", "step"), [(0x01, 0, 7), (0x20, 3, 7), (0x80, 5, 7)])
def test_flipped_bytes_of_every_file_are_refused(model, flip, start, step):
    flip_bytes(model, flip, start, step)


@pytest.mark.slow
@pytest.mark.parametrize("flip", FLIPS)
def test_every_flipped_byte_of_every_file_is_refused(model, flip):
    flip_bytes(model, flip, 0, 1)


def flip_bytes(model, flip, start, step):
    accepted, wrong = [], []
    for path in sorted(path for path in model.rglob("*") if path.is_file()):
        original = path.read_bytes()
        for index in range(start, len(original), step):
            changed = bytearray(original)
            changed[index] ^= flip
            path.write_bytes(changed)
            try:
                verify_folder(model)
                accepted.append((path.name, index))
            except VerificationError:
                pass
            except SyceeError as error:
                wrong.append((path.name, index, repr(error)))
        path.write_bytes(original)
    assert (accepted, wrong) == ([], [])
    verify_folder(model)


def test_every_truncation_and_a_trailing_byte_are_refused(model):
    for path in sorted(path for path in model.rglob("*") if path.is_file()):
        original = path.read_bytes()
        changes = [original[:-1], original[: len(original) // 2], b""]
        changes += [original + added for added in (b"\n", b"\0", b"x") if (path.name, added) not in ADDED]
        for changed in changes:
            path.write_bytes(changed)
            with pytest.raises(VerificationError):
                verify_folder(model)
        path.write_bytes(original)


def test_white_space_around_the_bundle_means_nothing(model):
    outer = json.loads((model / "model.sig").read_bytes())
    (model / "model.sig").write_text(json.dumps(outer, indent=2) + "\n")
    verify_folder(model)


@pytest.mark.parametrize("name", [*MODEL, "SHA256SUMS", "SHA256SUMS.sig", "model.pt.sig", "model.sig"])
def test_every_missing_file_is_refused(model, name):
    (model / name).unlink()
    with pytest.raises(SignatureInvalid if name.endswith(".sig") else DigestMismatch, match=name):
        verify_folder(model)


# --- steps 1 and 2: the bundle ------------------------------------------------------------------------------------


def test_unsigned_folder(tmp_path):
    with pytest.raises(SignatureInvalid, match=r"is not signed: model\.sig is missing") as caught:
        verify_folder(write_model(tmp_path / "m"))
    assert caught.value.exit_code == 12


def test_no_folder_and_a_lone_file(tmp_path):
    with pytest.raises(NotFound, match="is not a model folder"):
        verify_folder(tmp_path / "nothing")
    lone = tmp_path / "model.pt"
    lone.write_bytes(b"x")
    with pytest.raises(NotFound) as caught:
        verify_folder(lone)
    assert "--weights-only" in caught.value.hint


def test_wrong_key_names_both_fingerprints(model):
    other = keys.generate("p256")
    with pytest.raises(SignatureInvalid) as caught:
        verify_folder(model, other)
    assert fixed_key().public.fingerprint in caught.value.message
    assert other.public.fingerprint in caught.value.message


def test_hint_of_the_right_key_over_another_keys_signature(model):
    signer = keys.generate("p256")
    outer = json.loads((model / "model.sig").read_bytes())
    payload = bundle.parse((model / "model.sig").read_bytes()).payload
    forge(model, payload, signer)
    wrong = json.loads((model / "model.sig").read_bytes())
    outer["dsseEnvelope"] = wrong["dsseEnvelope"]
    (model / "model.sig").write_text(json.dumps(outer))
    with pytest.raises(SignatureInvalid, match="is not a signature by the key"):
        verify_folder(model)


def test_payload_is_not_parsed_before_the_signature_is_checked(model):
    envelope = bundle.parse((model / "model.sig").read_bytes())
    (model / "model.sig").write_bytes(bundle.render(replace(envelope, payload=b"{not json")))
    with pytest.raises(SignatureInvalid, match="is not a signature by the key"):
        verify_folder(model)


def test_bundle_that_is_a_link_is_refused(model, tmp_path):
    (model / "model.sig").rename(tmp_path / "elsewhere.sig")
    (model / "model.sig").symlink_to(tmp_path / "elsewhere.sig")
    with pytest.raises(SignatureInvalid):
        verify_folder(model)


# --- step 3: hostile statements, each validly signed ----------------------------------------------------------------


def with_resource(payload, **changes):
    payload["predicate"]["resources"][0] |= changes
    return payload


def with_ignored(payload, path):
    payload["predicate"]["serialization"]["ignore_paths"].append(path)
    return payload


HOSTILE_NAMES = [
    "../x",
    "a/../../x",
    "/etc/passwd",
    "a//b",
    "a/./b",
    "",
    ".",
    "a\\b",
    "C:x",
    ".git/hooks/x",
    "a\nb",
    "x\0",
]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_unsafe_resource_names(model, name):
    forge(model, with_resource(payload_of(model), name=name))
    with pytest.raises(SignatureInvalid, match="malformed") as caught:
        verify_folder(model)
    assert any("resources[0].name" in fault for fault in caught.value.details["faults"])


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("context/source", "listed as signed"),
        ("model.pt", "listed as signed"),
        ("extra.py", "none of the names"),
        ("context/evil", "none of the names"),
        ("__pycache__", "none of the names"),
        ("../../etc", "component"),
        ("evil.py.sig", "none of the names"),
        ("evil.dvc", "none of the names"),
        (".", "component"),
    ],
)
def test_signer_may_leave_only_known_names_unsigned(model, path, reason):
    forge(model, with_ignored(payload_of(model), path))
    with pytest.raises(SignatureInvalid, match="unsigned") as caught:
        verify_folder(model)
    assert reason in caught.value.message


def test_duplicate_member_in_the_payload(model):
    payload = bundle.parse((model / "model.sig").read_bytes()).payload
    forge(model, payload.replace(b'"_type":', b'"_type":"x","_type":', 1))
    with pytest.raises(SignatureInvalid, match="is there twice"):
        verify_folder(model)


def test_bundle_cannot_list_itself(model):
    payload = payload_of(model)
    payload["predicate"]["resources"].append({"name": "model.sig", "algorithm": "sha256", "digest": "0" * 64})
    forge(model, payload)
    with pytest.raises(SignatureInvalid):
        verify_folder(model)


# --- step 4: the expected version ---------------------------------------------------------------------------------


@pytest.mark.parametrize("expect", ["bert@1.2.0", "bert@v1.2.0"])
def test_expected_version(model, expect):
    verify_folder(model, expect=expect)


@pytest.mark.parametrize("expect", ["bert@1.2.1", "Bert@1.2.0", "bert@", "gpt@1.2.0", "bert"])
def test_unexpected_version(model, expect):
    with pytest.raises((PolicyDenied, UsageError)) as caught:
        verify_folder(model, expect=expect)
    assert caught.value.exit_code == (13 if expect.partition("@")[2] else 2)


def test_expected_identity(model):
    identity = verify_folder(model).identity
    verify_folder(model, identity=identity)
    verify_folder(model, identity=f"sycee:{identity}")
    with pytest.raises(PolicyDenied, match="another version"):
        verify_folder(model, identity="0" * 64)
    with pytest.raises(UsageError, match="is not an identity"):
        verify_folder(model, identity="abc")


# --- step 5: the exact set ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "extra.txt",
        ".hidden",
        "context/source/evil.py",
        "context/source/__pycache__/pre.cpython-311.pyc",
        "__pycache__/x",
        "pre.pyc",
        ".git/evil.py",
        ".git/config",
        ".github/x",
        "model.sig.sig",
        "model2.sig",
        "extra.pt.sig",
        "other.dvc",
        "context/dvc.yaml",
        "records/evil.py",
        "records/__pycache__/x.json",
        "records",
        "model.pt/x",
        ".gitignore/x.py",
        "context/.gitattributes",
        "CONTEXT/requirements.lock",
    ],
)
def test_additional_names_are_refused(model, name):
    path = model / name
    if name == "model.pt/x":
        (model / "model.pt").unlink()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    with pytest.raises(DigestMismatch) as caught:
        verify_folder(model)
    assert caught.value.exit_code == 11
    assert any(name.startswith(path) for path in problems(caught))


@pytest.mark.parametrize("name", [".gitignore", "context/.gitignore", "dvc.yaml", "dvc.lock", "records/eval.json"])
def test_names_that_may_stand_there_unsigned(model, name):
    (model / name).parent.mkdir(exist_ok=True)
    (model / name).write_bytes(b"{}\n")
    verify_folder(model)


@pytest.mark.parametrize("name", [".gitignore", ".gitattributes", "dvc.yaml", "model.pt.dvc", "context/.gitignore"])
def test_folder_in_the_place_of_an_unsigned_file(model, name):
    (model / name).unlink(missing_ok=True)
    (model / name).mkdir()
    with pytest.raises(DigestMismatch, match="is a folder, where only a regular file may stand"):
        verify_folder(model)


@pytest.mark.parametrize("name", [*MODEL, ".gitignore", "records/x.json", "SHA256SUMS"])
def test_symbolic_link_to_the_same_bytes_is_refused(model, tmp_path, name):
    path = model / name
    path.parent.mkdir(exist_ok=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(path.read_bytes() if path.exists() else b"{}")
    path.unlink(missing_ok=True)
    path.symlink_to(elsewhere)
    with pytest.raises(DigestMismatch, match="is a symbolic link"):
        verify_folder(model)


def test_symbolic_link_to_a_folder_with_the_same_files(model, tmp_path):
    (model / "context").rename(tmp_path / "context")
    (model / "context").symlink_to(tmp_path / "context")
    with pytest.raises(DigestMismatch) as caught:
        verify_folder(model)
    assert "symbolic link" in problems(caught)["context"]["message"]


def test_special_file_is_refused_and_not_opened(model):
    (model / "context" / "requirements.lock").unlink()
    os.mkfifo(model / "context" / "requirements.lock")
    with pytest.raises(DigestMismatch, match="neither a file nor a folder"):
        verify_folder(model)


def test_name_that_is_not_unicode(model):
    (model / os.fsdecode(b"\xff\xfe")).write_bytes(b"")
    with pytest.raises(DigestMismatch) as caught:
        verify_folder(model)
    caught.value.message.encode()


def test_attributes_must_be_exactly_ours(model):
    (model / ".gitattributes").write_bytes(b"* text=auto\n")
    with pytest.raises(DigestMismatch, match="lets Git alter"):
        verify_folder(model)
    (model / ".gitattributes").unlink()
    verify_folder(model)


# --- step 6: bytes ------------------------------------------------------------------------------------------------


def test_all_problems_are_told_at_once(model):
    (model / "model.pt").write_bytes(b"weights of b model")
    (model / "model_card.yaml").write_bytes(MODEL["model_card.yaml"].replace(b"0.892", b"0.9921"))
    (model / "context" / "requirements.lock").unlink()
    (model / "extra").write_bytes(b"")
    with pytest.raises(DigestMismatch) as caught:
        verify_folder(model)
    found = problems(caught)
    assert found.keys() == {"model.pt", "model_card.yaml", "context/requirements.lock", "extra"}
    assert found["model.pt"]["expected"].startswith("blake3:")
    assert found["model.pt"]["found"].startswith("blake3:")
    assert found["model_card.yaml"]["expected"] == f"{len(MODEL['model_card.yaml'])} bytes"
    for name in found:
        assert name in caught.value.message


def test_older_pair_under_a_newer_bundle_is_explained(tmp_path):
    older, newer = write_model(tmp_path / "1"), write_model(tmp_path / "2", {**MODEL, "model.pt": b"newer weights"})
    sign_folder(older)
    sign_folder(newer)
    for name in ("model.pt", "model.pt.sig"):
        shutil.copy(older / name, newer / name)
    with pytest.raises(DigestMismatch) as caught:
        verify_folder(newer)
    assert "model.pt and model.pt.sig belong together but to another version than model.sig" in caught.value.message


def test_whole_older_folder_verifies_but_not_as_the_newer_version(tmp_path):
    older = write_model(tmp_path / "1")
    sign_folder(older)
    with pytest.raises(PolicyDenied):
        verify_folder(older, expect="bert@1.3.0")


# --- steps 7 to 9 --------------------------------------------------------------------------------------------------


def resign(model, files):
    """Change files and sign a bundle that agrees with them, but leave SHA256SUMS as it is."""
    from sycee.digest import digest_bytes
    from sycee.formats.statement import Resource, root_digest

    payload = payload_of(model)
    for name, data in files.items():
        (model / name).write_bytes(data)
        facts = digest_bytes(data)
        entry = next(item for item in payload["predicate"]["resources"] if item["name"] == name)
        entry |= {"digest": facts.sha256, "size": facts.size, "md5": facts.md5, "blake3": facts.blake3}
    resources = [Resource(item["name"], item["digest"]) for item in payload["predicate"]["resources"]]
    payload["subject"][0]["digest"]["sha256"] = root_digest(resources)
    forge(model, payload)


def test_sums_that_disagree_with_the_bundle(model):
    resign(model, {"context/requirements.lock": b"torch==2.0.0\n"})
    with pytest.raises(ContextMismatch, match="SHA256SUMS lists other") as caught:
        verify_folder(model)
    assert caught.value.exit_code == 14


def test_bundle_that_names_another_identity(model):
    payload = payload_of(model)
    payload["subject"][0]["annotations"]["sycee"]["identity"] = "0" * 64
    forge(model, payload)
    with pytest.raises(ContextMismatch, match="another identity"):
        verify_folder(model)


@pytest.mark.parametrize("name", ["model.pt", "SHA256SUMS"])
def test_detached_signature_by_another_key(model, name):
    (model / f"{name}.sig").write_bytes(keys.generate("p256").sign_detached("0" * 64))
    with pytest.raises(SignatureInvalid, match=f"{name}.sig is not a signature of {name}"):
        verify_folder(model)


def test_detached_signatures_cannot_be_exchanged(model):
    (model / "model.pt.sig").write_bytes((model / "SHA256SUMS.sig").read_bytes())
    with pytest.raises(SignatureInvalid):
        verify_folder(model)


def test_huge_signature_is_not_read(model):
    with (model / "model.pt.sig").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(SignatureInvalid, match="is longer than"):
        verify_folder(model)


def test_signed_annotations_that_contradict_the_card(model):
    payload = payload_of(model)
    payload["subject"][0]["annotations"]["sycee"]["version"] = "9.9.9"
    forge(model, payload)
    with pytest.raises(ContextMismatch, match=r"about the version: expected 9\.9\.9, found 1\.2\.0"):
        verify_folder(model)


# --- only the verifier makes a Verified ------------------------------------------------------------------------------


def test_only_the_verifier_makes_a_verified(model):
    found = verify_folder(model)
    values = {name: getattr(found, name) for name in Verified.__dataclass_fields__ if name != "token"}
    with pytest.raises(TypeError, match="only the verifier"):
        Verified(**values, token=object())
    with pytest.raises((TypeError, ValueError)):
        replace(found, identity="0" * 64)
    for way in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            way(found)


def test_no_socket_is_opened(model, monkeypatch):
    import socket

    def refuse(*_args, **_kwargs):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    verify_folder(model)


def test_weights_that_were_not_pulled(model):
    (model / "model.pt.dvc").write_bytes(b"outs:\n- md5: " + b"0" * 32 + b"\n  path: model.pt\n")
    (model / "model.pt").unlink()
    with pytest.raises(DigestMismatch, match=r"model\.pt is signed and not here \(sycee pull brings it\)"):
        verify_folder(model)


@pytest.mark.parametrize(("name", "error"), [(".gitattributes", DigestMismatch), ("model.pt.dvc", ContextMismatch)])
def test_huge_unsigned_files_are_not_read(model, name, error):
    with (model / name).open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(error, match="is longer than"):
        verify_folder(model)


def test_folder_that_is_replaced_while_it_is_open(model, tmp_path):
    from sycee.trust.folder import Folder

    with Folder(model) as folder:
        model.rename(tmp_path / "away")
        write_model(model, {"other": b"x"})
        assert "model.pt" in folder.scan().files
        assert folder.read("model.pt", 100) == MODEL["model.pt"]
