"""Signed documents: names, signers, replacing without a gap, limits, and what is refused."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from rigs.signed import fixed_key
from sycee.digest import sha256_hex
from sycee.errors import Conflict, NotFound
from sycee.system import atomic
from sycee.trust.folder import Folder
from sycee.trust.keys import generate
from sycee.trust.policy import documents
from sycee.trust.policy.documents import MAX_SIGNATURES, is_document, read_document, sign_document, signature_names

PAGE = (Path(__file__).parents[2] / "docs/spec/signed-document.md").read_text()
KEY, OTHER, THIRD = fixed_key(), generate("p256"), generate("p384")
DATA = b'{"decision": "approved"}\n'


def read(folder, name="x.json", limit=1000):
    with Folder(folder) as opened:
        return read_document(opened, name, limit)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def digits(key):
    return key.public.fingerprint[:12]


def signers(document, *keys):
    digest = sha256_hex(document.data)
    return [key for key in keys if any(key.public.verify_detached(one, digest) for one in document.signatures)]


def test_the_example_of_the_page_is_what_is_written(tmp_path):
    data = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)[1].encode()
    sign_document(tmp_path / "approval.json", data, KEY)
    assert (tmp_path / "approval.json").read_bytes() == data
    assert len(data) == 25
    assert (tmp_path / "approval.json.sig").read_bytes().hex() == re.search(r"```hex\n(\w+)\n```", PAGE)[1]
    assert f"`approval.json.{digits(KEY)}.sig`" in PAGE


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_checks_it(tmp_path):
    signature, document = sign_document(tmp_path / "x.json", DATA, KEY)
    (tmp_path / "key.pub").write_bytes(KEY.public.pem)
    said = subprocess.run(
        ["openssl", "dgst", "-sha256", "-verify", tmp_path / "key.pub", "-signature", signature, document],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout == "Verified OK\n"


def test_further_signers_add_theirs_to_the_same_bytes(tmp_path):
    path = tmp_path / "x.json"
    assert sign_document(path, DATA, KEY) == (tmp_path / "x.json.sig", path)
    assert sign_document(path, DATA, OTHER) == (tmp_path / f"x.json.{digits(OTHER)}.sig", path)
    assert sign_document(path, DATA, THIRD) == (tmp_path / f"x.json.{digits(THIRD)}.sig", path)
    found = read(tmp_path)
    assert (found.name, found.data, found.bundles) == ("x.json", DATA, ())
    assert signers(found, KEY, OTHER, THIRD) == [KEY, OTHER, THIRD]


def test_who_signed_already_does_not_sign_again(tmp_path):
    path = tmp_path / "x.json"
    sign_document(path, DATA, OTHER)
    sign_document(path, DATA, KEY)
    before = {name: (tmp_path / name).stat().st_mtime_ns for name in names(tmp_path)}
    assert sign_document(path, DATA, OTHER)[0].name == "x.json.sig"
    assert sign_document(path, DATA, KEY)[0].name == f"x.json.{digits(KEY)}.sig"
    assert {name: (tmp_path / name).stat().st_mtime_ns for name in names(tmp_path)} == before


def test_another_document_of_the_same_name_stays(tmp_path):
    path = tmp_path / "x.json"
    path.write_bytes(b"{}\n")
    with pytest.raises(Conflict, match="is there already, with other bytes"):
        sign_document(path, DATA, KEY)
    assert names(tmp_path) == ["x.json"]
    path.unlink()
    path.mkdir()
    with pytest.raises(Conflict, match="is there already"):
        sign_document(path, DATA, KEY, replace=True)
    assert names(tmp_path) == ["x.json"]


def test_a_successor_takes_the_place_of_document_and_signatures(tmp_path):
    path = tmp_path / "x.json"
    for key in (OTHER, KEY, THIRD):
        sign_document(path, b"{}\n", key)
    (tmp_path / "x.json.0123456789ab.sigstore.json").write_bytes(b"{}")
    (tmp_path / "y.json.sig").write_bytes(b"of another document")
    assert sign_document(path, DATA, KEY, replace=True) == (tmp_path / "x.json.sig", path)
    assert names(tmp_path) == ["x.json", "x.json.sig", "y.json.sig"]
    assert signers(read(tmp_path), KEY, OTHER, THIRD) == [KEY]
    sign_document(path, DATA, OTHER, replace=True)  # the same bytes: a further signer
    assert signers(read(tmp_path), KEY, OTHER, THIRD) == [KEY, OTHER]


@pytest.mark.parametrize("writes", range(4))
def test_whenever_a_replacement_ends_the_document_has_a_signature_that_fits(tmp_path, monkeypatch, writes):
    path = tmp_path / "x.json"
    sign_document(path, b"{}\n", KEY)
    done = []

    def write(where, data):
        if len(done) == writes:
            raise KeyboardInterrupt
        done.append(atomic.write_file(where, data))

    monkeypatch.setattr(documents, "write_file", write)
    if writes < 3:
        with pytest.raises(KeyboardInterrupt):
            sign_document(path, DATA, KEY, replace=True)
    else:
        sign_document(path, DATA, KEY, replace=True)
    found = read(tmp_path)
    assert found.data == (b"{}\n" if writes < 2 else DATA)
    assert signers(found, KEY) == [KEY]
    monkeypatch.undo()
    sign_document(path, DATA, KEY, replace=True)  # doing it again completes it
    assert signers(read(tmp_path), KEY) == [KEY]


def test_a_signature_is_there_before_its_document(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(documents, "write_file", lambda path, _data: written.append(path.name))
    sign_document(tmp_path / "x.json", DATA, KEY)
    assert written == ["x.json.sig", "x.json"]


def test_which_names_belong_to_which_document():
    hexes = "0123456789ab"
    ours = ["x.json.sig", f"x.json.{hexes}.sig", f"x.json.{hexes}.sigstore.json"]
    others = [
        "x.json",
        "model.sig",
        f"x.json.{hexes.upper()}.sig",
        f"x.json.{hexes}0.sig",
        "x.json.sigstore.json",
        ".sig",
    ]
    assert signature_names([*ours, *others, "x.json.y.json.sig"]) == {
        "x.json": ours,
        "x.json.y.json": ["x.json.y.json.sig"],
    }
    assert [name for name in ours + others if is_document(name)] == ["x.json"]


def test_what_lies_deeper_is_read_from_there(tmp_path):
    (tmp_path / "records").mkdir()
    sign_document(tmp_path / "records/x.json", DATA, KEY)
    sign_document(tmp_path / "x.json", DATA, OTHER)
    assert signers(read(tmp_path, "records/x.json"), KEY, OTHER) == [KEY]
    with pytest.raises(NotFound):
        read(tmp_path, "elsewhere/x.json")


def test_keyless_bundles_are_read_beside_the_others(tmp_path):
    (tmp_path / "x.json").write_bytes(DATA)
    (tmp_path / "x.json.0123456789ab.sigstore.json").write_bytes(b"bundle")
    assert read(tmp_path) == ("x.json", DATA, (), (b"bundle",))


@pytest.mark.parametrize("count", [MAX_SIGNATURES, MAX_SIGNATURES + 1])
def test_only_so_many_signatures_are_read(tmp_path, count):
    (tmp_path / "x.json").write_bytes(DATA)
    for number in range(count):
        (tmp_path / f"x.json.{number:012x}.sig").write_bytes(b"one")
    if count <= MAX_SIGNATURES:
        assert len(read(tmp_path).signatures) == count
    else:
        with pytest.raises(Conflict, match="has 33 signatures beside it; at most 32 are read"):
            read(tmp_path)


@pytest.mark.parametrize("name", ["x.json", "x.json.sig", "x.json.0123456789ab.sigstore.json"])
def test_links_folders_and_giants_are_refused(tmp_path, name):
    sign_document(tmp_path / "x.json", DATA, KEY)
    (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / "elsewhere").write_bytes(DATA)
    (tmp_path / name).symlink_to("elsewhere")
    with pytest.raises(Conflict, match="cannot be opened"):
        read(tmp_path)
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    with pytest.raises(Conflict, match="is not a regular file"):
        read(tmp_path)
    (tmp_path / name).rmdir()
    (tmp_path / name).write_bytes(b" " * (256 << 10) + b" ")
    with pytest.raises(Conflict, match="is longer than"):
        read(tmp_path)


def test_a_linked_folder_is_not_listed(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "records").symlink_to("real")
    with Folder(tmp_path) as folder:
        assert folder.names("absent") == []
        with pytest.raises(Conflict, match="records cannot be opened"):
            folder.names("records")
