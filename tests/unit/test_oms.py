"""``sycee oms``: any folder or file signed and verified."""

import json
import os
import shutil

import pytest

from rigs import oms_vectors
from rigs.authorities import LEAF, MIDDLE
from rigs.oms_vectors import FOLDER, write
from rigs.signed import fixed_key, seal_payload
from sycee.errors import Conflict, DigestMismatch, FormatError, NotFound, PolicyDenied, SignatureInvalid, UsageError
from sycee.formats import bundle, omsstatement
from sycee.trust import keys
from sycee.trust.oms import sign as omssign
from sycee.trust.oms import verify as oms
from sycee.trust.oms.model import LeaveOut
from sycee.trust.oms.sign import SignRequest

KEY = fixed_key()

NO_TEXT = b"\xff".decode(errors="surrogateescape")


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "llm", FOLDER)


def sign(folder, file=None, **options):
    file = file or folder / "llm.sig"
    return omssign.sign(SignRequest(folder, file, options.pop("signer", KEY), **options))


def verify(folder, file=None, **leave_out):
    leaving = {name: frozenset(value) if isinstance(value, list) else value for name, value in leave_out.items()}
    return oms.verify(folder, file or folder / "llm.sig", KEY.public, LeaveOut(**leaving))


def problems(folder, file=None, **leave_out):
    with pytest.raises(DigestMismatch) as caught:
        verify(folder, file, **leave_out)
    return {one["path"]: one["message"] for one in caught.value.details["problems"]}


# what is signed


def test_what_is_signed_verifies_wherever_the_bundle_lies(folder, tmp_path):
    root = omssign.digest(folder)
    for file in (folder / "llm.sig", folder / "sub" / "deep.bundle", tmp_path / "elsewhere.json"):
        signed = sign(folder, file)
        assert signed.files == tuple(sorted(FOLDER))
        assert verify(folder, file).root == signed.root == root
        file.unlink()


def test_the_profile(folder):
    (folder / "model.bin.sig").write_bytes(b"another signature")
    sign(folder, leave_out=LeaveOut(frozenset({"sub"})))
    raw = (folder / "llm.sig").read_bytes()
    outer = json.loads(raw)
    assert b"\n" not in raw
    assert outer["mediaType"] == bundle.MEDIA_TYPE
    assert outer["verificationMaterial"] == {"publicKey": {"hint": KEY.public.fingerprint}, "tlogEntries": []}
    assert outer["dsseEnvelope"]["signatures"][0]["keyid"] == ""
    payload = json.loads(bundle.parse(raw).payload)
    assert [one["name"] for one in payload["predicate"]["resources"]] == [
        *("empty", "model.bin", "sub-1/x", "sub.txt", "we:ird 日本")
    ]
    assert payload["predicate"]["serialization"] == {
        "method": "files",
        "hash_type": "sha256",
        "allow_symlinks": False,
        "ignore_paths": [*oms_vectors.GIT, "llm.sig", "model.bin.sig", "sub"],
    }


def test_signing_twice_changes_no_byte(folder):
    sign(folder)
    before = (folder / "llm.sig").read_bytes()
    sign(folder)
    assert (folder / "llm.sig").read_bytes() == before


def test_by_certificate(folder):
    sign(folder, signer=LEAF.signer, certificates=(LEAF.der, MIDDLE.der))
    found = oms.verify(folder, folder / "llm.sig", oms_vectors.expected_signer("certificate"))
    assert found.as_json()["signer"] == {
        "subject": "CN=Release Signing",
        "names": ["Release Signing"],
        "valid_until": "2036-01-01T00:00:00+00:00",
        "fingerprint": LEAF.signer.public.fingerprint,
        "kind": "EC P-256",
    }
    (folder / "model.bin").write_bytes(b"weighty")
    with pytest.raises(DigestMismatch):
        oms.verify(folder, folder / "llm.sig", oms_vectors.expected_signer("certificate"))


def test_a_certificate_that_did_not_sign(folder):
    """Whoever is in the middle can put any certificate into a bundle; it is its key that must have signed."""
    sign(folder, certificates=(LEAF.der, MIDDLE.der))
    with pytest.raises(SignatureInvalid, match="is not a signature by the key"):
        oms.verify(folder, folder / "llm.sig", oms_vectors.expected_signer("certificate"))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("line\nfeed", "control character"),
        ("back\\slash", "backslash"),
        (NO_TEXT, "Unicode"),
    ],
)
def test_names_that_are_not_signed(folder, name, why):
    (folder / name).write_bytes(b"")
    with pytest.raises(FormatError, match=why):
        sign(folder)


def test_names_that_no_bundle_can_say(folder, tmp_path):
    with pytest.raises(FormatError, match=r"own name .* is not valid Unicode"):
        sign(folder, folder / NO_TEXT)
    with pytest.raises(FormatError, match=r"own name .* control character"):
        sign(folder, folder / "a\nb.sig")
    sign(folder, tmp_path / b"\xfe".decode(errors="surrogateescape"))
    folder = folder.rename(folder.with_name(NO_TEXT))
    with pytest.raises(FormatError, match=r"the name .* is not valid Unicode"):
        sign(folder, tmp_path / "other.sig")
    assert not (tmp_path / "other.sig").exists()


def test_what_else_is_not_signed(folder, tmp_path):
    (folder / "link").symlink_to("model.bin")
    (folder / "sub" / "away").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe")
    with pytest.raises(FormatError) as caught:
        sign(folder)
    assert {one["path"] for one in caught.value.details["problems"]} == {"link", "sub/away", "pipe"}
    sign(folder, leave_out=LeaveOut(frozenset({"link", "pipe", "sub"})))
    assert not (folder / "llm.sig").read_bytes().startswith(b" ")


def test_two_names_that_are_one_elsewhere(folder):
    (folder / "MODEL.bin").write_bytes(b"")
    with pytest.raises(FormatError, match="is the same name as"):
        sign(folder)


def test_an_empty_folder(tmp_path):
    (tmp_path / "llm").mkdir()
    with pytest.raises(FormatError, match="holds nothing to sign"):
        sign(tmp_path / "llm")


def test_bundles_that_are_not_replaced(folder):
    sign(folder, signer=keys.generate("p384"))
    with pytest.raises(Conflict, match="is by another signer"):
        sign(folder)
    sign(folder, replace=True)
    with pytest.raises(Conflict, match="is by another signer"):
        sign(folder, signer=LEAF.signer, certificates=(LEAF.der,))
    (folder / "model.json").write_bytes(b"{}")
    with pytest.raises(Conflict, match="exists and is no bundle"):
        sign(folder, folder / "model.json", replace=True)


def test_a_bundle_needs_a_folder(folder):
    with pytest.raises(NotFound, match="there is no folder"):
        sign(folder, folder / "no" / "llm.sig")


def test_a_file_that_changes_meanwhile(folder, monkeypatch):
    render = omssign._digests

    def slow(model, listing, progress):
        found = render(model, listing, progress)
        (folder / "sub" / "c").write_bytes(b"later")
        return found

    monkeypatch.setattr(omssign, "_digests", slow)
    with pytest.raises(Conflict, match="changed while it was being signed"):
        sign(folder)
    assert not (folder / "llm.sig").exists()


# what is verified


def test_what_differs_is_told_together(folder):
    sign(folder)
    (folder / "model.bin").write_bytes(b"weighty")
    (folder / "sub.txt").unlink()
    (folder / "new").write_bytes(b"")
    (folder / "link").symlink_to("new")
    assert problems(folder) == {
        "link": "is a symbolic link, where only regular files may stand",
        "model.bin": "has other bytes",
        "new": "is here and was not signed",
        "sub.txt": "is signed and not here",
    }


def test_links_are_not_followed(folder, tmp_path):
    sign(folder)
    shutil.move(folder / "sub", tmp_path / "sub")
    (folder / "sub").symlink_to(tmp_path / "sub")
    (tmp_path / "copy").write_bytes(FOLDER["model.bin"])
    (folder / "model.bin").unlink()
    (folder / "model.bin").symlink_to(tmp_path / "copy")
    for unsigned_files in (False, True):
        found = problems(folder, unsigned_files=unsigned_files)
        assert "could not be read" in found["sub/c"]
        assert "could not be read" in found["model.bin"]


def test_the_folder_itself_may_be_reached_by_a_link_and_a_file_may_not(folder, tmp_path):
    sign(folder)
    (tmp_path / "link").symlink_to(folder)
    assert verify(tmp_path / "link").root == verify(folder).root
    (tmp_path / "file").symlink_to(folder / "model.bin")
    with pytest.raises(Conflict, match="is a symbolic link"):
        sign(tmp_path / "file", tmp_path / "x.sig")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Conflict, match="neither a folder nor a file"):
        sign(tmp_path / "pipe", tmp_path / "x.sig")
    with pytest.raises(NotFound, match="there is no"):
        sign(tmp_path / "none", tmp_path / "x.sig")


def test_gits_entries_are_left_out_unless_one_looks(folder):
    sign(folder)
    write(
        folder,
        {".git/hooks/x": b"1", ".github/w": b"2", ".gitattributes": b"3", ".gitignore": b"4", "sub/.gitignore": b"5"},
    )
    assert problems(folder) == {"sub/.gitignore": "is here and was not signed"}
    (folder / "sub/.gitignore").unlink()
    assert verify(folder)
    found = problems(folder, git=False)
    assert found.keys() == {".git/hooks/x", ".github/w", ".gitattributes", ".gitignore"}
    assert all("its signer left it out" in message for message in found.values())


def test_gits_entries_may_be_signed(folder):
    write(folder, {".gitattributes": b"* -text\n", ".github/w": b"1"})
    sign(folder, leave_out=LeaveOut(git=False))
    assert verify(folder).statement.names >= {".gitattributes", ".github/w"}
    (folder / ".gitattributes").write_bytes(b"evil")
    assert problems(folder) == {".gitattributes": "has other bytes"}


def test_the_signer_does_not_decide_alone_what_is_left_out(folder):
    write(folder, {"build/evil.py": b"1", "notes.md": b"2"})
    sign(folder, leave_out=LeaveOut(frozenset({"build", "notes.md", "gone"})))
    found = problems(folder)
    assert found.keys() == {"build/evil.py", "notes.md"}
    assert all("--allow-ignored" in message for message in found.values())
    assert problems(folder, allowed=["notes.md"]).keys() == {"build/evil.py"}
    assert verify(folder, allowed=["build", "notes.md"])
    assert verify(folder, paths=["build", "notes.md"])
    with pytest.raises(UsageError, match="its signer did not leave it out") as caught:
        verify(folder, allowed=["sub"])
    assert "build, gone" in caught.value.hint


def test_names_of_signatures_may_be_left_out_as_files_only(folder):
    names = ["other.sig", "x.sigstore.json"]
    payload = omsstatement.render("llm", _digests(), names)
    (folder / "llm.sig").write_bytes(seal_payload(payload))
    write(folder, {"other.sig": b"1"})
    assert verify(folder)
    write(folder, {"x.sigstore.json/evil.py": b"1", "unnamed.sig": b"2"})
    assert problems(folder).keys() == {"x.sigstore.json/evil.py", "unnamed.sig"}


def _digests():
    return {one["name"]: one["digest"] for one in oms_vectors.files(FOLDER)}


def test_ignoring_hides_no_signed_file(folder):
    sign(folder)
    (folder / "model.bin").write_bytes(b"weighty")
    assert problems(folder, paths=["model.bin"]) == {"model.bin": "has other bytes"}


def test_unsigned_files_may_be_let_pass(folder):
    sign(folder)
    write(folder, {"new": b"", "more/new": b""})
    assert verify(folder, unsigned_files=True).warnings == (
        "files here that were not signed: 2; nothing is known of them",
    )
    (folder / "sub.txt").unlink()
    assert problems(folder, unsigned_files=True) == {"sub.txt": "is signed and not here"}


def test_a_signed_name_outside_is_never_read(folder, tmp_path):
    (tmp_path / "secret").write_bytes(b"weights")
    payload = omsstatement.render("llm", {"../secret": oms_vectors.HASHES["sha256"](b"weights")}, [])
    (folder / "llm.sig").write_bytes(seal_payload(payload))
    for unsigned_files in (False, True):
        with pytest.raises(SignatureInvalid, match=r"has the component '\.\.'"):
            verify(folder, unsigned_files=unsigned_files)


def test_shards(tmp_path):
    folder = write(tmp_path / "llm", FOLDER)
    payload = oms_vectors.statement(oms_vectors.shards(3, "sha256"), method="shards", shard_size=3)
    (folder / "llm.sig").write_bytes(seal_payload(payload))
    assert verify(folder).warnings == ("shards do not cover empty files: empty",)
    assert verify(folder).as_json()["method"] == "shards"
    (folder / "model.bin").write_bytes(b"weiGhts")
    assert problems(folder) == {"model.bin": "has other bytes from 3 to 6"}
    (folder / "model.bin").write_bytes(b"weight")
    assert problems(folder) == {"model.bin": "has another size"}
    (folder / "model.bin").write_bytes(b"")
    assert problems(folder) == {"model.bin": "has another size"}
    write(folder, {"model.bin": b"weights", "new": b"1"})
    assert problems(folder) == {"new": "is here and was not signed"}


def test_a_file_that_grew_since_it_was_cut_is_not_read(tmp_path):
    """A shard may have one byte; to cut what grew to a terabyte into such would never end."""
    folder = write(tmp_path / "llm", FOLDER)
    payload = oms_vectors.statement(oms_vectors.shards(1, "sha256"), method="shards", shard_size=1)
    (folder / "llm.sig").write_bytes(seal_payload(payload))
    assert verify(folder)
    os.truncate(folder / "model.bin", 1 << 40)
    assert problems(folder) == {"model.bin": "has another size"}


def test_a_lone_file(tmp_path):
    write(tmp_path, {"model.bin": b"weights", "beside": b""})
    file, signature = tmp_path / "model.bin", tmp_path / "model.bin.sig"
    signed = sign(file, signature)
    assert (signed.files, verify(file, signature).root) == ((".",), omssign.digest(file))
    file.write_bytes(b"weighty")
    assert problems(file, signature) == {"model.bin": "has other bytes"}
    with pytest.raises(DigestMismatch, match="is a folder, and a lone file was signed"):
        verify(tmp_path, signature)


def test_a_file_where_a_folder_was_signed(folder, tmp_path):
    sign(folder, tmp_path / "llm.sig")
    with pytest.raises(DigestMismatch, match="is a file, and a folder of 6 files was signed"):
        verify(folder / "model.bin", tmp_path / "llm.sig")


def test_other_methods_are_answered(folder):
    sign(folder)
    rule = oms_vectors.expected_signer("certificate")
    with pytest.raises(SignatureInvalid, match="is signed by a key, and roots of certificates were given"):
        oms.verify(folder, folder / "llm.sig", rule)
    sign(folder, signer=LEAF.signer, certificates=(LEAF.der, MIDDLE.der), replace=True)
    with pytest.raises(SignatureInvalid, match="is signed by a certificate, and a key was given"):
        oms.verify(folder, folder / "llm.sig", LEAF.signer.public)
    outer = json.loads((folder / "llm.sig").read_bytes())
    outer["verificationMaterial"]["tlogEntries"] = [{}]
    (folder / "llm.sig").write_bytes(json.dumps(outer).encode())
    for expected in (rule, KEY.public):
        with pytest.raises(SignatureInvalid, match="is a keyless signature"):
            oms.verify(folder, folder / "llm.sig", expected)


def test_bundles_that_cannot_be_read(folder):
    with pytest.raises(NotFound, match="there is no bundle"):
        verify(folder)
    (folder / "llm.sig").write_bytes(b"{")
    with pytest.raises(SignatureInvalid, match="is not strict JSON"):
        verify(folder)


def test_another_key(folder):
    sign(folder, signer=keys.generate("p256"))
    with pytest.raises(SignatureInvalid, match="was signed by the key"):
        verify(folder)


@pytest.mark.slow
@pytest.mark.parametrize(("certified", "step"), [(False, 2), (True, 7)])
def test_no_byte_of_a_bundle_can_be_another(tmp_path, certified, step):
    """Bytes with one bit changed, which one by its place; all were tried once, and each is refused."""
    folder = write(tmp_path / "llm", {"a": b"1"})
    by = {"signer": LEAF.signer, "certificates": (LEAF.der, MIDDLE.der)} if certified else {}
    expected = oms_vectors.expected_signer("certificate") if certified else KEY.public
    sign(folder, tmp_path / "m.sig", **by)
    good = (tmp_path / "m.sig").read_bytes()
    assert oms.verify(folder, tmp_path / "m.sig", expected)
    for at in range(0, len(good), step):
        (tmp_path / "m.sig").write_bytes(good[:at] + bytes([good[at] ^ 1 << at % 8]) + good[at + 1 :])
        with pytest.raises((SignatureInvalid, PolicyDenied)):
            oms.verify(folder, tmp_path / "m.sig", expected)
