"""Signing: what is refused, what is written in which order, and what is not read again."""

import datetime as dt
import subprocess

import pytest

from rigs.signed import CARD, MODEL, NOW, fixed_key, forge, payload_of, sign_folder, verify_folder, write_model
from sycee.digest import digest_bytes
from sycee.errors import Conflict, ContextMismatch, FormatError
from sycee.formats import bundle, channel, dirobject, pointer, record, revocations, statement
from sycee.formats.channel import Channel
from sycee.formats.pointer import Out
from sycee.formats.revocations import Revocations
from sycee.ops.add import add
from sycee.ops.sign import sign
from sycee.trust import keys
from sycee.trust.signing import sign as trust_sign
from sycee.workspace.repository import find_repository


@pytest.fixture
def folder(tmp_path):
    return write_model(tmp_path / "bert")


def git(root, *arguments):
    subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True)


@pytest.fixture
def work(tmp_path):
    """A model in a Git work tree."""
    git(tmp_path, "init", "-q")
    return write_model(tmp_path / "models" / "bert")


@pytest.fixture
def repo(work, tmp_path):
    (tmp_path / ".dvc" / "tmp").mkdir(parents=True)
    (tmp_path / ".dvc" / "config").touch()
    repo = find_repository(work, environ={"HOME": str(tmp_path)})
    yield repo
    repo.close()


def sign_in_git(work):
    from sycee.system.git import Git

    return sign_folder(work, git=Git(work.parents[1]))


# --- what is written -------------------------------------------------------------------------------------------------


def test_files_written_in_order(folder):
    result = sign_folder(folder)
    assert result.written == (".gitattributes", "model.pt.sig", "SHA256SUMS", "SHA256SUMS.sig", "model.sig")
    assert result.files == tuple(sorted(MODEL))
    assert result.weights == ("model.pt",)
    assert (folder / ".gitattributes").read_bytes() == b"* -text\n"
    assert result.warnings == ()


def test_signing_again_changes_nothing(folder):
    first = sign_folder(folder)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    second = sign_folder(folder)
    assert (second.written, second.identity) == ((), first.identity)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_statement(folder):
    result = sign_folder(folder)
    payload = payload_of(folder)
    subject = payload["subject"][0]
    assert subject["name"] == "bert"
    assert subject["annotations"] == {
        "sycee": {"identity": result.identity, "name": "bert", "version": "1.2.0", "serial": 7}
    }
    assert payload["predicate"]["serialization"] == {
        "method": "files",
        "hash_type": "sha256",
        "allow_symlinks": False,
        "ignore_paths": sorted(
            [
                ".git",
                ".gitattributes",
                ".github",
                ".gitignore",
                "SHA256SUMS.sig",
                "dvc.lock",
                "dvc.yaml",
                "model.pt.dvc",
                "model.pt.sig",
                "model.sig",
                "records",
            ]
        ),
    }
    facts = digest_bytes(MODEL["model.pt"])
    entry = next(item for item in payload["predicate"]["resources"] if item["name"] == "model.pt")
    assert entry == {
        "name": "model.pt",
        "algorithm": "sha256",
        "digest": facts.sha256,
        "size": 18,
        "md5": facts.md5,
        "blake3": facts.blake3,
    }
    assert [item["name"] for item in payload["predicate"]["resources"]] == sorted([*MODEL, "SHA256SUMS"])


@pytest.mark.parametrize("kind", ["p256", "p384", "p521", "rsa-3072"])
def test_every_kind_of_key(folder, kind):
    key = keys.generate(kind)
    sign_folder(folder, key)
    verify_folder(folder, key)


def test_fourteen_shards_are_one_model(folder):
    (folder / "model.pt").unlink()
    for number in range(1, 15):
        (folder / f"model-{number:05}-of-00014.safetensors").write_bytes(bytes([number]) * 100)
    (folder / "model.safetensors.index.json").write_bytes(b"{}")
    result = sign_folder(folder)
    assert len(result.weights) == 14
    assert len(list(folder.glob("*.safetensors.sig"))) == 14
    assert len(verify_folder(folder).weights) == 14


def test_weights_are_those_the_card_names(folder):
    facts = digest_bytes(b"vectors")
    (folder / "vectors.dat").write_bytes(b"vectors")
    listed = f"model:\n  files:\n  - path: vectors.dat\n    size: 7\n    sha256: {facts.sha256}\n".encode()
    (folder / "model_card.yaml").write_bytes(CARD + listed)
    result = sign_folder(folder)
    assert result.weights == ("vectors.dat",)
    assert (folder / "vectors.dat.sig").exists()
    assert not (folder / "model.pt.sig").exists()
    assert verify_folder(folder).weights == {"vectors.dat"}


def test_without_a_card(tmp_path):
    folder = write_model(tmp_path / "plain", {"model.pt": b"w"})
    result = sign_folder(folder)
    assert "there is no model_card.yaml" in result.warnings[0]
    found = verify_folder(folder)
    assert (found.card, found.name) == (None, "plain")
    assert "there is no model_card.yaml" in found.warnings[0]


def test_leftovers_of_a_killed_run_are_swept(folder):
    (folder / ".AAAAAAAAAAAAAAAAAAAAAA.tmp").write_bytes(b"half")
    sign_folder(folder)
    assert not (folder / ".AAAAAAAAAAAAAAAAAAAAAA.tmp").exists()


@pytest.mark.parametrize("crash_at", ["model.pt.sig", "SHA256SUMS", "SHA256SUMS.sig", "model.sig"])
def test_crash_between_two_steps_never_verifies_and_signing_again_completes(folder, monkeypatch, crash_at):
    sign_folder(folder)
    (folder / "model.pt").write_bytes(b"retrained")
    real = trust_sign.write_file

    def crash(path, data):
        if path.name == crash_at:
            raise KeyboardInterrupt
        real(path, data)

    monkeypatch.setattr(trust_sign, "write_file", crash)
    with pytest.raises(KeyboardInterrupt):
        sign_folder(folder)
    with pytest.raises(Exception, match="is not what was signed"):
        verify_folder(folder)
    monkeypatch.undo()
    sign_folder(folder)
    verify_folder(folder)


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("context/source/__pycache__/pre.cpython-311.pyc", "bytecode"),
        ("pre.pyc", "bytecode"),
        ("aux.txt", "device on Windows"),
        ("a ", "Windows drops"),
        ("a\nb", "control character"),
        ("back\\slash", "backslash"),
        ("MODEL.pt", "same name"),
        ("data.dvc", "pointer to something that is not here"),
        (".git/config", "no reader"),
        (".github/workflows/x.yml", "no reader"),
        ("records/x.py", "is not a record"),
        ("checkpoint-500/model.pt", "left from the training"),
        ("SHA256SUMS/x", "is a folder, where only a regular file"),
    ],
)
def test_names_that_are_not_signed(folder, name, why):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    with pytest.raises(FormatError, match="cannot be signed") as caught:
        sign_folder(folder)
    assert why in caught.value.message
    assert not (folder / "model.sig").exists()


def test_all_refusals_at_once(folder, tmp_path):
    (folder / "x.pyc").write_bytes(b"")
    (folder / "link").symlink_to(tmp_path)
    with pytest.raises(FormatError) as caught:
        sign_folder(folder)
    assert {problem["path"] for problem in caught.value.details["problems"]} == {"x.pyc", "link"}


def test_empty_folder(tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / ".gitignore").write_bytes(b"/x\n")
    with pytest.raises(FormatError, match="holds nothing to sign"):
        sign_folder(tmp_path / "m")


def test_card_with_faults(folder):
    (folder / "model_card.yaml").write_bytes(b"task: ner\n")
    with pytest.raises(FormatError, match="not a valid card"):
        sign_folder(folder)


def test_card_that_names_other_bytes(folder):
    (folder / "model_card.yaml").write_bytes(
        CARD + b"model:\n  files:\n  - path: model.pt\n    size: 18\n    sha256: " + b"a" * 64 + b"\n"
    )
    with pytest.raises(
        ContextMismatch, match=r"lists the sha256 of model\.pt as a{64}, and that is [0-9a-f]{64}"
    ) as caught:
        sign_folder(folder)
    assert caught.value.hint == "freeze again, which writes the card for the files as they are, and sign that"
    assert caught.value.details["expected"] == "a" * 64


def test_card_that_names_weights_that_are_not_here(folder):
    (folder / "model_card.yaml").write_bytes(
        CARD + b"model:\n  files:\n  - path: model.pt\n    size: 18\n    sha256: " + b"a" * 64 + b"\n"
    )
    (folder / "model.pt").unlink()
    with pytest.raises(FormatError, match=r"model\.pt is named by the card and not here"):
        sign_folder(folder)


def test_file_that_changes_meanwhile(folder):
    def digests_of(path, on_bytes):
        facts = digest_bytes(path.read_bytes())
        (folder / "model.pt").write_bytes(b"weights of b model")
        return facts

    with pytest.raises(Conflict, match=r"changed while it was being signed: model\.pt"):
        trust_sign.sign(trust_sign.Request(folder, fixed_key(), digests_of))


def test_another_signers_bundle_is_kept(folder):
    sign_folder(folder, keys.generate("p256"))
    before = (folder / "model.sig").read_bytes()
    (folder / "model.pt").write_bytes(b"other weights!!!!!")
    with pytest.raises(Conflict, match="is by another signer, and of another version") as caught:
        sign_folder(folder)
    assert "--force" in caught.value.hint
    assert (folder / "model.sig").read_bytes() == before
    assert not (folder / "records").exists()
    sign_folder(folder, replace=True)
    verify_folder(folder)


LATER = NOW + dt.timedelta(days=9)


def approval():
    subject = record.Subject("bert", "SHA256SUMS", "0" * 64)
    return record.render(record.Record("approval", subject, "2026-06-01T00:00:00Z", {"decision": "approved"}))


LOOKALIKES = {
    "the text that a bundle signs": lambda: bundle.pae(b"{}"),
    "a record": approval,
    "a channel's statement": lambda: channel.render(Channel("bert", "production", 9, NOW, LATER, "0" * 64)),
    "a revocation list": lambda: revocations.render(Revocations(9, NOW, LATER)),
}


@pytest.mark.parametrize("what", LOOKALIKES)
def test_weights_whose_signature_would_be_good_for_something_else(folder, what):
    """Who brings weights to a signer gets no statement, record or list signed with them."""
    (folder / "model_card.yaml").unlink()
    (folder / "more.pt").write_bytes(LOOKALIKES[what]())
    with pytest.raises(FormatError, match=rf"more\.pt is no weights but {what}"):
        sign_folder(folder)
    assert not (folder / "model.sig").exists()
    (folder / "more.pt").write_bytes(LOOKALIKES[what]() + b"\0" * (5 << 20))
    if what.startswith("the text"):
        with pytest.raises(FormatError, match="is no weights"):
            sign_folder(folder)


def test_a_folder_whose_name_no_bundle_can_say(folder):
    folder = folder.rename(folder.with_name(b"\xff".decode(errors="surrogateescape")))
    sign_folder(folder)  # the card says its name
    (folder / "model_card.yaml").unlink()
    with pytest.raises(FormatError, match="has a name that is not valid Unicode"):
        sign_folder(folder, replace=True)


@pytest.mark.parametrize("kind", ["p256", "p384", "rsa-3072"])
def test_a_second_signer_stands_beside_the_first(folder, kind):
    """One file more, over the very same payload; who signs again changes nothing."""
    first, second = sign_folder(folder), keys.generate(kind)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    result = sign_folder(folder, second)
    name = f"records/{second.public.fingerprint[:16]}.model.sig"
    assert (result.identity, result.written) == (first.identity, (name,))
    assert all(path.read_bytes() == data for path, data in before.items())
    theirs, own = (bundle.parse((folder / one).read_bytes()) for one in ("model.sig", name))
    assert own.payload == theirs.payload
    assert second.public.verify_envelope(own.signature, bundle.pae(own.payload))
    if kind != "rsa-3072":
        assert sign_folder(folder, second).written == ()
    assert sign_folder(folder).written == (), "the first one's own is untouched too"
    verify_folder(folder)


def test_a_second_signer_signs_nothing_that_he_did_not_find(folder):
    """Whoever can write the folder chose a name, a serial and what is left out; the files are the same."""
    sign_folder(folder)
    payload = payload_of(folder)
    payload["subject"][0].update(name="prod", annotations={"sycee": {"name": "prod", "version": "9", "serial": 999}})
    payload["predicate"]["serialization"]["ignore_paths"].append("zz.py")
    payload["extra"] = "unknown"
    honest = bundle.parse((folder / "model.sig").read_bytes()).payload
    forge(folder, payload, keys.generate("p256"))
    [name] = sign_folder(folder, keys.generate("p256")).written
    assert bundle.parse((folder / name).read_bytes()).payload == honest


def test_a_second_signer_vouches_for_what_he_read(folder):
    """Where the first bundle says less than is known, the second one says it, by its own digests."""
    sign_folder(folder)
    payload = payload_of(folder)
    for resource in payload["predicate"]["resources"]:
        del resource["blake3"]
    forge(folder, payload)
    second = keys.generate("p256")
    [name] = sign_folder(folder, second).written
    own = statement.parse(bundle.parse((folder / name).read_bytes()).payload)
    assert all(resource.blake3 for resource in own.resources)


def test_what_is_longer_than_before_and_what_is_shorter(folder):
    """Files that stood there are replaced whatever their size: a version of thousands of files had a large bundle."""
    sign_folder(folder)
    for name in ("model.sig", "SHA256SUMS", "SHA256SUMS.sig", "model.pt.sig"):
        (folder / name).write_bytes(b"x" * (2 << 20))
    assert len(sign_folder(folder).written) == 4
    verify_folder(folder)


def retrained(folder):
    """A version that two have signed, and after it one that the first alone has signed."""
    sign_folder(folder)
    second = keys.generate("p256")
    [name] = sign_folder(folder, second).written
    (folder / "model.pt").write_bytes(b"other weights!!!!!")
    return name, second


def test_a_bundle_of_another_version_is_told_of(folder):
    name, second = retrained(folder)
    (folder / "records/0000000000000000.model.sig").write_bytes(b"junk")
    result = sign(folder, fixed_key())
    junk, stale = result.warnings
    assert junk.startswith("records/0000000000000000.model.sig is no bundle that can be read; it does not count")
    assert stale.startswith(f"{name} is about another version (by the key {second.public.fingerprint}); it does not")
    assert (folder / name).is_file()
    (folder / "records/0000000000000000.model.sig").unlink()
    verify_folder(folder)
    assert sign(folder, second).warnings == (), "he signs again, and his old one is replaced"
    verify_folder(folder, second)


def test_force_moves_bundles_of_another_version_aside(folder):
    name, second = retrained(folder)
    data = (folder / name).read_bytes()
    third = keys.generate("p256")
    [told] = sign(folder, third, replace=True).warnings
    assert not (folder / name).exists()
    [moved] = folder.parent.glob(f".sycee-aside-*/{folder.name}/{name}")
    assert moved.read_bytes() == data
    assert told.endswith(f"it lies now in {moved}")
    [beside] = sign_folder(folder, second).written
    assert sign(folder, third, replace=True).warnings == ()
    assert (folder / beside).is_file(), "one about this version stays"


def test_a_signature_made_by_hand_is_kept(folder):
    (folder / "model.pt.sig").write_bytes(keys.generate("p256").sign_detached(digest_bytes(MODEL["model.pt"]).sha256))
    with pytest.raises(Conflict, match=r"model\.pt\.sig is there"):
        sign_folder(folder)
    (folder / "model.pt.sig").write_bytes(fixed_key().sign_detached(digest_bytes(MODEL["model.pt"]).sha256))
    sign_folder(folder)


def test_weights_whose_signature_would_be_the_bundle(tmp_path):
    facts = digest_bytes(b"w")
    listed = f"model:\n  files:\n  - path: model\n    size: 1\n    sha256: {facts.sha256}\n".encode()
    folder = write_model(tmp_path / "m", {"model": b"w", "model_card.yaml": CARD + listed})
    with pytest.raises(FormatError, match=r"would have model\.sig as its signature"):
        sign_folder(folder)
    (folder / "model_card.yaml").unlink()
    sign_folder(folder)  # not weights by its name
    verify_folder(folder)


# --- Git -------------------------------------------------------------------------------------------------------------


def test_ignored_file_is_refused_and_weights_are_not(work):
    (work.parents[1] / ".gitignore").write_text("*.pt\n*.lock\n")
    with pytest.raises(FormatError, match="is ignored by Git") as caught:
        sign_in_git(work)
    assert [problem["path"] for problem in caught.value.details["problems"]] == ["context/requirements.lock"]
    git(work.parents[1], "add", "-f", "models/bert/context/requirements.lock")
    result = sign_in_git(work)
    assert result.warnings == (
        "model.pt has no pointer and Git ignores it, so a clone would not have it: `sycee add` it",
    )


@pytest.mark.parametrize(
    ("where", "line", "why"),
    [
        ("context/.gitattributes", "*.lock text", "text is set"),
        ("context/.gitattributes", "*.lock text=auto", "text is auto"),
        ("context/.gitattributes", "*.lock -text filter=lfs", "filter is lfs"),
        ("context/.gitattributes", "*.lock ident", "ident is set"),
        ("../../.git/info/attributes", "*.lock working-tree-encoding=UTF-16", "working-tree-encoding is UTF-16"),
    ],
)
def test_attributes_that_would_alter_bytes(work, where, line, why):
    (work / where).parent.mkdir(exist_ok=True)
    (work / where).write_text(line + "\n")
    with pytest.raises(FormatError, match="would be altered by Git") as caught:
        sign_in_git(work)
    assert why in caught.value.message


def test_attributes_above_are_overruled_by_ours(work):
    (work.parents[1] / ".gitattributes").write_text("* text=auto eol=crlf\n")
    sign_in_git(work)


# --- pointers and the statcache ------------------------------------------------------------------------------------


def test_pointer_gets_card_and_signature(work, repo):
    add(repo, [work / "model.pt"])
    result = sign(work, fixed_key(), repo=repo)
    assert result.written[-2:] == ("model.sig", "model.pt.dvc")
    facts = digest_bytes(MODEL["model.pt"])
    found = pointer.parse((work / "model.pt.dvc").read_bytes(), "p")
    assert found.meta["sycee"] == {
        facts.md5: {"sha256": facts.sha256, "blake3": facts.blake3},
        "card": digest_bytes(CARD).sha256,
        "sig": digest_bytes((work / "model.pt.sig").read_bytes()).sha256,
    }
    assert found.outs[0].md5 == facts.md5
    assert verify_folder(work).warnings == ()
    assert sign(work, fixed_key(), repo=repo).written == ()


def test_unchanged_weights_are_not_read_again(work, repo, monkeypatch):
    import time

    time.sleep(0.06)  # until the file's times have settled
    add(repo, [work / "model.pt"])
    read = []
    real = __import__("sycee.store.statcache", fromlist=["x"]).digest_file
    monkeypatch.setattr(
        "sycee.store.statcache.digest_file", lambda path, **kw: (read.append(path.name), real(path, **kw))[1]
    )
    sign(work, fixed_key(), repo=repo)
    assert "model.pt" not in read
    assert "pre.py" in read


def test_weights_changed_since_add(work, repo):
    add(repo, [work / "model.pt"])
    (work / "model.pt").unlink()
    (work / "model.pt").write_bytes(b"retrained")
    with pytest.raises(ContextMismatch, match=r"model\.pt\.dvc points to other bytes"):
        sign(work, fixed_key(), repo=repo)


def edit_pointer(work, change, sycee=None):
    raw = (work / "model.pt.dvc").read_bytes()
    out = pointer.parse(raw, "p").outs[0]
    (work / "model.pt.dvc").write_bytes(pointer.patch(raw, "p", change(out), sycee))


def test_verify_compares_pointer_bundle_and_bytes(work, repo):
    add(repo, [work / "model.pt"])
    sign(work, fixed_key(), repo=repo)
    good = (work / "model.pt.dvc").read_bytes()
    facts = digest_bytes(MODEL["model.pt"])
    cases = [
        (lambda out: out._replace(md5="0" * 32), None, "points to other bytes"),
        (lambda out: out._replace(size=19), None, "about the size"),
        (lambda out: out, {facts.md5: {"sha256": "0" * 64, "blake3": facts.blake3}}, "about the sha256"),
        (lambda out: out, {"card": "0" * 64}, "about the card"),
        (lambda out: out, {"sig": "0" * 64}, "about the signature"),
    ]
    for change, sycee, why in cases:
        edit_pointer(work, change, sycee)
        with pytest.raises(ContextMismatch, match=why) as caught:
            verify_folder(work)
        assert caught.value.exit_code == 14
        (work / "model.pt.dvc").write_bytes(good)
    for data in (b"", b"outs: 1\n", pointer.render(Out("other.pt", "0" * 32, 1), None), b"wdir: ..\n" + good):
        (work / "model.pt.dvc").write_bytes(data)
        with pytest.raises(ContextMismatch):
            verify_folder(work)
    (work / "model.pt.dvc").unlink()
    verify_folder(work)


def test_stale_record_is_a_warning(work, repo):
    add(repo, [work / "model.pt"])
    sign(work, fixed_key(), repo=repo)
    facts = digest_bytes(MODEL["model.pt"])
    raw = (work / "model.pt.dvc").read_text().replace(f"    {facts.md5}:", f"    {'0' * 32}:")
    (work / "model.pt.dvc").write_text(raw)
    assert "keeps digests of other bytes" in verify_folder(work).warnings[0]


def test_pointer_of_a_folder_inside_the_model(work, repo):
    for name in ("a.bin", "sub/b.bin"):
        (work / "shards" / name).parent.mkdir(parents=True, exist_ok=True)
        (work / "shards" / name).write_bytes(name.encode())
    add(repo, [work / "shards"])
    sign(work, fixed_key(), repo=repo)
    verify_folder(work)
    raw = (work / "shards.dvc").read_text()
    (work / "shards.dvc").write_text(
        raw.replace("md5: ", "md5: 0", 1).replace(".dir", "x.dir").replace("x.dir", ".dir")
    )
    with pytest.raises(ContextMismatch):
        verify_folder(work)


def test_folder_tracked_as_a_whole(work, repo):
    add(repo, [work])
    result = sign(work, fixed_key(), repo=repo)
    assert result.warnings == ()
    assert result.added == work.with_name(f"{work.name}.dvc")
    verify_folder(work)
    out = pointer.parse(result.added.read_bytes(), "p").outs[0]
    listed = {entry.relpath for entry in dirobject.parse(repo.cache.read(str(out.md5)))}
    assert {"model.sig", "model.pt.sig", "SHA256SUMS", "SHA256SUMS.sig", *MODEL} <= listed
    signed_pointer = result.added.read_bytes()
    again = sign(work, fixed_key(), repo=repo)
    assert (again.written, again.added) == ((), None)
    assert result.added.read_bytes() == signed_pointer
