"""A version from a remote alone: whole and right, or a typed error and nothing left behind."""

import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from rigs.signed import fixed_key, sign_folder, verify_folder
from rigs.trusted import write_demanding
from rigs.versions import commit_version, model_of, private, push_all, store
from sycee.cli.main import main
from sycee.digest import digest_bytes, sha256_hex
from sycee.errors import (
    Conflict,
    DigestMismatch,
    MissingData,
    NotFound,
    PolicyDenied,
    RemoteError,
    SignatureInvalid,
    SyceeError,
    UsageError,
    WrongVersion,
)
from sycee.formats import manifest
from sycee.ops import assembling
from sycee.ops.pullversion import VersionRequest, pull_version
from sycee.ops.sign import sign
from sycee.ops.trustplace import Asked
from sycee.storage.local import LocalBackend
from sycee.storage.memory import MemoryBackend
from sycee.store import versions
from sycee.store.layout import object_key
from sycee.store.objects import Remote
from sycee.trust.keys import generate

LABEL = "bert@1.2.0"
SIGNED = Asked(key=fixed_key().public)


@pytest.fixture
def remote():
    return store()


def put(remote, key, data):
    remote.backend.write(key, io.BytesIO(data), len(data))


PUSHED: dict[str, dict[str, bytes]] = {}  # made once, since a repository takes more time than a pull


@pytest.fixture
def identity(request, remote):
    """A version that was pushed; the pull happens elsewhere."""
    if not PUSHED or "repo" in request.fixturenames:
        repo = request.getfixturevalue("repo")
        pushed = commit_version(repo, "1.2.0")
        push_all(repo, remote)
        PUSHED[pushed] = {one.key: b"".join(remote.backend.read(one.key)) for one in remote.backend.list()}
        return pushed
    [(pushed, objects)] = PUSHED.items()
    for key, data in objects.items():
        put(remote, key, data)
    return pushed


@pytest.fixture
def target(tmp_path):
    folder = tmp_path / "machine"
    folder.mkdir()
    return folder / "bert"


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def beside(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


def test_by_identity_every_signed_file_and_its_proofs(repo, remote, identity, target):
    done = pull_version(VersionRequest(target, f"sycee:{identity}"), remote)
    assert (done.identity, done.moved, done.files, done.signers) == (identity, 1, 9, ())
    here = files(model_of(repo))
    assert files(target) == {name: here[name] for name in here if not name.endswith((".dvc", ".gitignore"))}
    assert verify_folder(target).identity == identity
    assert beside(target) == ["bert"]
    assert (target / "model.pt").stat().st_mode & 0o777 == (target / "model_card.yaml").stat().st_mode & 0o777
    assert (target / "model.pt").stat().st_nlink == 1


@pytest.mark.parametrize("request_by", ["identity", "name"])
def test_what_is_here_is_compared_and_nothing_is_asked(remote, identity, target, request_by):
    wanted = (
        VersionRequest(target, identity) if request_by == "identity" else VersionRequest(target, None, LABEL, SIGNED)
    )
    pull_version(wanted, remote)
    nobody = Remote("nobody", None)
    assert pull_version(wanted, nobody).moved is None
    (target / "model.pt").write_bytes(b"Weights of 1.2.0")
    with pytest.raises(DigestMismatch, match=r"model\.pt"):
        pull_version(wanted, nobody)


def test_by_name_as_the_key_signed_it(remote, identity, target):
    done = pull_version(VersionRequest(target, None, "bert@v1.2.0", SIGNED), remote)
    assert done.identity == identity
    assert [signer.fingerprint for signer in done.signers] == [fixed_key().public.fingerprint]


def test_a_folder_tracked_as_a_whole(repo, remote, target):
    identity = commit_version(repo, "1.2.0", whole=True)
    push_all(repo, remote)
    done = pull_version(VersionRequest(target, identity), remote)
    assert done.identity == identity
    assert verify_folder(target).warnings == ()


def test_files_of_the_same_bytes_do_not_become_one(repo, remote, target):
    model = model_of(repo)
    for name in ("a.pt", "b.pt"):
        model.mkdir(parents=True, exist_ok=True)
        (model / name).write_bytes(b"the same")
    identity = commit_version(repo, "1.2.0", whole=True)
    push_all(repo, remote)
    pull_version(VersionRequest(target, identity), remote)
    assert not (target / "a.pt").samefile(target / "b.pt")


def test_a_cache_that_is_there_is_used_and_filled(remote, identity, target, tmp_path):
    cache = tmp_path / "cache"
    pull_version(VersionRequest(target, identity, cache=cache), remote)
    oid = digest_bytes(b"weights of 1.2.0").md5
    assert (cache / object_key(oid)).read_bytes() == b"weights of 1.2.0"
    remote.backend.delete(object_key(oid))
    other = target.with_name("other")
    assert pull_version(VersionRequest(other, identity, cache=cache), remote).moved == 0
    assert not (other / "model.pt").samefile(cache / object_key(oid))


def test_what_a_cache_claims_is_compared(remote, identity, target, tmp_path):
    path = tmp_path / "cache" / object_key(digest_bytes(b"weights of 1.2.0").md5)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"weights of 1.2.1")
    with pytest.raises(DigestMismatch, match=r"model\.pt"):
        pull_version(VersionRequest(target, identity, cache=tmp_path / "cache"), remote)
    assert beside(target) == []


class Failing(MemoryBackend):
    """A store that goes away after some reads."""

    def __init__(self, other: MemoryBackend):
        super().__init__("failing")
        self._objects = other._objects
        self.left = -1
        self.read_keys: list[str] = []

    def read(self, key, **options):
        self.left -= 1
        if self.left == -1:
            raise RemoteError("the remote is gone")
        self.read_keys.append(key)
        return super().read(key, **options)


def test_what_was_interrupted_is_continued(repo, remote, target):
    (model_of(repo) / "more").mkdir(parents=True)
    (model_of(repo) / "more" / "second.pt").write_bytes(b"second weights")
    identity = commit_version(repo, "1.2.0", whole=True)
    push_all(repo, remote)
    failing = Remote("store", Failing(remote.backend), jobs=1)
    for left in range(40):
        failing.backend.left = left
        try:
            pull_version(VersionRequest(target, identity), failing)
            break
        except RemoteError:
            assert not target.exists()
            assert [name[:12] for name in beside(target)] == [assembling.PREFIX]
    assert files(target)["more/second.pt"] == b"second weights"
    assert beside(target) == ["bert"]
    objects = [key for key in failing.backend.read_keys if key.startswith("files/")]
    assert len(objects) == len(set(objects))  # none was asked for twice


def test_two_at_once(remote, identity, target):
    with (
        assembling.private_place(target, identity),
        pytest.raises(Conflict, match="another command is bringing this version"),
    ):
        pull_version(VersionRequest(target, identity), remote)


@pytest.mark.parametrize("after", [shutil.rmtree, lambda place: (shutil.rmtree(place), place.mkdir())])
def test_a_place_that_ends_while_one_waits_for_it(remote, identity, target, monkeypatch, after):
    """Between opening and locking, the command that held it has ended; a third one may have begun."""
    place, hold = assembling._place_of(target, identity), assembling.try_hold

    def held(fd):
        after(place)
        return hold(fd)

    monkeypatch.setattr(assembling, "try_hold", held)
    with pytest.raises(Conflict, match="another command is bringing this version"):
        pull_version(VersionRequest(target, identity), remote)


@pytest.mark.parametrize("name", ["objects", "statcache.sqlite", "made", "-x"])
def test_any_name_of_a_folder(remote, identity, target, name):
    folder = target.with_name(name)
    pull_version(VersionRequest(folder, identity), remote)
    assert verify_folder(folder).identity == identity
    assert beside(target) == [name]


def somebody_elses(place: Path, monkeypatch):
    place.mkdir()
    monkeypatch.setattr(assembling.os, "geteuid", lambda: place.stat().st_uid + 1)


@pytest.mark.parametrize(
    "plant",
    [
        lambda place, _: place.symlink_to(place.parent),
        lambda place, _: place.write_bytes(b""),
        somebody_elses,
    ],
    ids=["link", "file", "somebody else's"],
)
def test_a_place_that_is_not_ours(remote, identity, target, plant, monkeypatch):
    place = assembling._place_of(target, identity)
    plant(place, monkeypatch)
    with pytest.raises(Conflict, match="is in the way"):
        pull_version(VersionRequest(target, identity), remote)
    assert beside(target) == [place.name]


def test_what_a_kill_at_the_end_left_goes_with_the_next_look(remote, identity, target):
    pull_version(VersionRequest(target, identity), remote)
    place = assembling._place_of(target, identity)
    (place / "objects").mkdir(parents=True)
    assert pull_version(VersionRequest(target, identity), remote).moved is None
    assert beside(target) == ["bert"]


def test_places_that_nobody_continued_are_swept(remote, identity, target):
    old = target.with_name(f"{assembling.PREFIX}old")
    (old / "objects").mkdir(parents=True)
    os.utime(old, (0, 0))
    fresh = target.with_name(f"{assembling.PREFIX}fresh")
    fresh.mkdir()
    pull_version(VersionRequest(target, identity), remote)
    assert beside(target) == [fresh.name, "bert"]


@pytest.mark.parametrize(
    ("request_of", "error", "words"),
    [
        (lambda path: VersionRequest(path), UsageError, "no version is named"),
        (lambda path: VersionRequest(path, "ab"), UsageError, "is not an identity"),
        (lambda path: VersionRequest(path, None, "bert", SIGNED), UsageError, "not NAME@VERSION"),
        (lambda path: VersionRequest(path, None, LABEL), UsageError, "anybody may call a version by any name"),
        (lambda path: VersionRequest(path / "x" / "y", "0" * 64), NotFound, "there is no folder"),
        (lambda path: VersionRequest(path, "0" * 64), MissingData, "has no version sycee:0000"),
        (lambda path: VersionRequest(path, None, "bert@9", SIGNED), MissingData, "calls itself bert@9"),
    ],
)
def test_requests_that_mean_nothing_here(remote, identity, target, request_of, error, words):
    with pytest.raises(error, match=words):
        pull_version(request_of(target), remote)
    assert beside(target) == []


def test_another_thing_in_the_way(remote, identity, target):
    target.mkdir()
    os.mkfifo(target / "SHA256SUMS")
    with pytest.raises(Conflict, match="is no version"):
        pull_version(VersionRequest(target, identity), remote)
    (target / "SHA256SUMS").unlink()
    with pytest.raises(Conflict, match="is no version"):
        pull_version(VersionRequest(target, identity), remote)
    (target / "SHA256SUMS").write_bytes(b"0")
    with pytest.raises(Conflict, match="is another version"):
        pull_version(VersionRequest(target, identity), remote)


def test_another_version_in_the_way_of_a_name(repo, remote, identity, target):
    pull_version(VersionRequest(target, identity), remote)
    commit_version(repo, "1.3.0")
    push_all(repo, remote)
    with pytest.raises(Conflict, match=r"bert@1\.3\.0"):
        pull_version(VersionRequest(target, None, "bert@1.3.0", SIGNED), remote)


def test_no_room(remote, identity, target, monkeypatch):
    monkeypatch.setattr(assembling.shutil, "disk_usage", lambda _path: SimpleNamespace(free=10))
    with pytest.raises(SyceeError, match="has room for 10"):
        pull_version(VersionRequest(target, identity), remote)


# What whoever may write to the remote can do.


def edit(remote, identity, change: Callable[[dict], None]) -> None:
    key = versions.manifest_key(identity)
    value = json.loads(private(remote)[key])
    change(value)
    put(remote, key, (json.dumps(value, indent=2, sort_keys=True) + "\n").encode())


def file(value, path):
    return next(one for one in value["files"] if one["path"] == path)


def add_file(remote, path, data, **more):
    def change(value):
        value["files"].append({"path": path, "sha256": sha256_hex(data), "size": len(data), **more})
        value["files"].sort(key=lambda one: one["path"])

    put(remote, versions.blob_key(sha256_hex(data)), data)
    return change


def replace_sums(remote):
    """Other sums, well-formed, in the place of those that were signed."""

    def change(value):
        one = file(value, "SHA256SUMS")
        put(remote, versions.blob_key(one["sha256"]), b"0" * one["size"])

    return change


def other_weights(remote):
    def change(value):
        data = b"weights of 6.6.6"
        put(remote, object_key(digest_bytes(data).md5), data)
        file(value, "model.pt").update(md5=digest_bytes(data).md5, sha256=sha256_hex(data))

    return change


def poisoned_object(remote):
    return lambda value: put(remote, object_key(file(value, "model.pt")["md5"]), b"weights of 6.6.6")


def longer_object(remote):
    return lambda value: put(remote, object_key(file(value, "model.pt")["md5"]), b"weights of 1.2.0" + b"0" * 5_000_000)


def same_md5_claimed(remote):
    """The manifest leads to an object whose bytes have its md5 and not the signed sha256."""

    def change(value):
        data = b"weights of 6.6.6"
        put(remote, object_key(digest_bytes(data).md5), data)
        file(value, "model.pt")["md5"] = digest_bytes(data).md5

    return change


def missing_blob(remote):
    return lambda value: remote.backend.delete(versions.blob_key(file(value, "model_card.yaml")["sha256"]))


def poisoned_blob(remote):
    return lambda value: put(remote, versions.blob_key(file(value, "model_card.yaml")["sha256"]), b"x" * 9)


def file_and_folder(remote):
    def change(value):
        add_file(remote, "records/a.json", b"{}")(value)
        add_file(remote, "records/a.json/b.json", b"{}")(value)

    return change


def other_attributes(remote):
    def change(value):
        value["files"].remove(file(value, ".gitattributes"))
        add_file(remote, ".gitattributes", b"* text\n")(value)

    return change


ATTACKS = {
    "other sums": (replace_sums, DigestMismatch, "SHA256SUMS"),
    "other weights": (other_weights, DigestMismatch, "model.pt has another digest"),
    "weights by another md5": (same_md5_claimed, DigestMismatch, "expected sha256"),
    "a poisoned object": (poisoned_object, DigestMismatch, "model.pt"),
    "an endless object": (longer_object, DigestMismatch, "model.pt"),
    "a missing object": (
        lambda remote: lambda value: remote.backend.delete(object_key(file(value, "model.pt")["md5"])),
        MissingData,
        "model.pt",
    ),
    "a missing blob": (missing_blob, MissingData, "model_card.yaml"),
    "a poisoned blob": (poisoned_blob, DigestMismatch, "model_card.yaml"),
    "a file that is left out": (
        lambda _remote: lambda value: value["files"].remove(file(value, "context/source/pre.py")),
        DigestMismatch,
        "context/source/pre.py is not in the manifest",
    ),
    "a smaller size": (
        lambda _remote: lambda value: file(value, "model.pt").update(size=3),
        DigestMismatch,
        "model.pt",
    ),
    "a greater size": (
        lambda _remote: lambda value: file(value, "model.pt").update(size=17),
        DigestMismatch,
        "model.pt",
    ),
    "an absurd size": (
        lambda _remote: lambda value: file(value, "model.pt").update(size=1 << 52),
        SyceeError,
        "has room for",
    ),
    "one more file": (lambda remote: add_file(remote, "evil.py", b"x"), DigestMismatch, "evil.py is signed content"),
    "bytecode": (lambda remote: add_file(remote, "records/x.pyc", b"x"), DigestMismatch, "x.pyc is not allowed here"),
    "an escape": (lambda remote: add_file(remote, "../evil", b"x"), DigestMismatch, "unsafe path"),
    "an absolute path": (lambda remote: add_file(remote, "/tmp/evil", b"x"), DigestMismatch, "unsafe path"),
    "a hook": (lambda remote: add_file(remote, ".git/hooks/pre-commit", b"x"), DigestMismatch, "unsafe path"),
    "a name twice": (lambda remote: add_file(remote, "MODEL.PT", b"x"), DigestMismatch, "same name"),
    "a file that is a folder": (file_and_folder, DigestMismatch, "is a file and a folder"),
    "another identity": (
        lambda _remote: lambda value: value.update(identity="0" * 64),
        DigestMismatch,
        "must be the sha256 of SHA256SUMS",
    ),
    "other attributes of Git": (other_attributes, DigestMismatch, "lets Git alter"),
}


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("by_name", [False, True], ids=["identity", "name"])
def test_attacks_leave_nothing_behind(remote, identity, target, name, by_name):
    attack, error, words = ATTACKS[name]
    edit(remote, identity, attack(remote))
    wanted = VersionRequest(target, None, LABEL, SIGNED) if by_name else VersionRequest(target, identity)
    with pytest.raises(error, match=words):
        pull_version(wanted, remote)
    left = [one for one in beside(target) if not one.startswith(assembling.PREFIX)]
    assert left == []
    assert error is SyceeError or beside(target) == []  # a full disk can be mended, and what came is kept


@pytest.mark.parametrize("data", [b"", b"{}", b"[", b"\xff", b"{" * 100_000])
def test_no_manifest_at_all(remote, identity, target, data):
    put(remote, versions.manifest_key(identity), data)
    with pytest.raises(DigestMismatch):
        pull_version(VersionRequest(target, identity), remote)
    assert beside(target) == []


def test_a_manifest_too_long(remote, identity, target, monkeypatch):
    monkeypatch.setattr(manifest, "MAX_BYTES", 50)
    with pytest.raises(DigestMismatch, match="longer than 50 bytes"):
        pull_version(VersionRequest(target, identity), remote)


def claim(remote, *identities):
    put(remote, versions.index_key(LABEL), manifest.render_index(LABEL, identities))


def test_somebody_elses_version_under_the_name(repo, remote, identity, target):
    model = model_of(repo)
    for path in model.rglob("*.sig"):
        path.unlink()
    foreign = sign_folder(model, generate("p256"))
    assert foreign.identity == identity  # the same bytes: only the signer differs
    push_all(repo, remote)
    with pytest.raises(SignatureInvalid, match="is signed by nobody whom the key"):
        pull_version(VersionRequest(target, None, LABEL, SIGNED), remote)
    assert beside(target) == []


def test_a_further_signer_suffices(repo, remote, identity, target):
    second = generate("p256")
    assert sign(model_of(repo), second, repo=repo).identity == identity
    push_all(repo, remote)
    done = pull_version(VersionRequest(target, None, LABEL, Asked(key=second.public)), remote)
    assert [signer.fingerprint for signer in done.signers] == [second.public.fingerprint]


def test_another_version_under_the_name(repo, remote, identity, target):
    second = commit_version(repo, "1.3.0", serial=8)
    push_all(repo, remote)
    claim(remote, second)
    with pytest.raises(WrongVersion, match=r"claims to be bert@1\.2\.0 on the remote, and was signed as bert@1\.3\.0"):
        pull_version(VersionRequest(target, None, LABEL, SIGNED), remote)
    claim(remote, second, identity, "0" * 64)
    assert pull_version(VersionRequest(target, None, LABEL, SIGNED), remote).identity == identity


def test_of_several_the_highest_serial(repo, remote, identity, target):
    model = model_of(repo)
    card = (model / "model_card.yaml").read_bytes()
    (model / "model_card.yaml").write_bytes(card.replace(b"serial: 7", b"serial: 9"))
    newer = sign_folder(model).identity
    push_all(repo, remote)
    claim(remote, newer, identity)  # the order is the attacker's
    assert pull_version(VersionRequest(target, None, LABEL, SIGNED), remote).identity == newer


def trust_file(folder, serial):
    return Asked(trust=write_demanding(folder, serial))


def test_a_trust_file_decides(remote, identity, target, tmp_path):
    wanted = VersionRequest(target, None, LABEL, trust_file(tmp_path / "strict", 8))
    with pytest.raises(PolicyDenied, match="serial"):
        pull_version(wanted, remote)
    assert beside(target) == []
    done = pull_version(VersionRequest(target, None, LABEL, trust_file(tmp_path / "enough", 7)), remote)
    assert (done.identity, [signer.name for signer in done.signers]) == (identity, ["alice"])


@pytest.mark.parametrize("data", [b"other\n", f"{LABEL}\n".encode(), b""], ids=["another", "nobody", "empty"])
def test_an_index_that_is_none(remote, identity, target, data):
    put(remote, versions.index_key(LABEL), data)
    with pytest.raises(DigestMismatch, match="index entry"):
        pull_version(VersionRequest(target, None, LABEL, SIGNED), remote)


# The command.


@pytest.fixture
def bucket(repo, tmp_path):
    identity = commit_version(repo, "1.2.0")
    push_all(repo, Remote("store", LocalBackend(tmp_path / "bucket")))
    (tmp_path / "key.pub").write_bytes(fixed_key().public.pem)
    return identity


def sycee(folder, *words):
    return main(["-C", str(folder), *map(str, words)])


def test_the_command_by_a_path(bucket, target, capsys):
    assert sycee(target.parent, "pull", "--identity", bucket, "bert", "--remote", "../bucket") == 0
    out = capsys.readouterr().out
    assert f"identity  sycee:{bucket}\n" in out
    assert "bert has 9 files, 1 of them from objects" in out
    assert sycee(target.parent, "pull", LABEL, "bert", "--key", "../key.pub", "--remote", "../bucket", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "folder": str(target),
        "identity": f"sycee:{bucket}",
        "files": 9,
        "objects": 0,
        "present": True,
        "signers": [{"name": "key", "fingerprint": fixed_key().public.fingerprint}],
    }


def test_the_command_by_a_name_of_the_users_own(bucket, target, tmp_path, capsys):
    assert sycee(target.parent, "remote", "add", "--global", "-d", "near", tmp_path / "bucket") == 0
    assert sycee(target.parent, "pull", LABEL, "bert", "--key", "../key.pub") == 0
    assert sycee(target.parent, "pull", "--identity", bucket, "second", "-r", "near") == 0
    assert sycee(target.parent, "pull", "--identity", bucket, "third", "-r", tmp_path / "bucket") == 0
    assert files(target) == files(target.with_name("third"))


def test_the_command_by_the_trust_file_of_the_machine(bucket, target, tmp_path, capsys, monkeypatch):
    """As verify finds it: outside of a repository a name and a folder mean a version."""
    monkeypatch.setenv("SYCEE_TRUST", str(trust_file(tmp_path / "etc", 7).trust))
    assert sycee(target.parent, "pull", LABEL, "bert", "--remote", "../bucket") == 0
    assert "signer    alice  " in capsys.readouterr().out
    monkeypatch.setenv("SYCEE_TRUST", str(tmp_path / "nowhere.toml"))
    assert sycee(target.parent, "pull", LABEL, "again", "--remote", "../bucket") != 0
    assert beside(target) == ["bert"]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--identity", "0" * 64], 2, "a version and a folder are needed"),
        (["--identity", "0" * 64, "bert"], 2, "no remote is named"),
        (["--identity", "0" * 64, "bert", "--remote", "../bucket"], 1, "has no version sycee:0000"),
        (["--identity", "0" * 64, "bert", "--remote", "../nowhere"], 1, "has no version"),
        (["--identity", "0" * 64, "bert", "--rev", "v1"], 2, "--rev is for what pointers name"),
        (["--identity", "0" * 64, "bert", "--all-tags"], 2, "--all-tags is for what pointers name"),
        (["bert", "--json"], 2, "--json is for --identity"),
        (["bert", "--key", "../key.pub"], 2, "a version and a folder are needed"),
        (["a", "b", "c", "--key", "../key.pub"], 2, "a version and a folder are needed"),
        (["--identity", "0" * 64, "bert", "--remote", "smb://x/y"], 1, "smb"),
    ],
)
def test_the_command_misused(tmp_path, target, words, code, told, capsys):
    (tmp_path / "bucket").mkdir()
    (tmp_path / "key.pub").write_bytes(fixed_key().public.pem)
    assert sycee(target.parent, "pull", *words) == code
    assert told in capsys.readouterr().err
    assert beside(target) == []


def test_push_says_how_to_have_it(repo, tmp_path, capsys):
    identity = commit_version(repo, "1.2.0")
    sycee(repo.root, "remote", "add", "-d", "store", tmp_path / "bucket")
    capsys.readouterr()
    assert sycee(repo.root, "push") == 0
    told = capsys.readouterr()
    assert told.out == "1 file pushed\n"
    assert told.err == f"left bert@1.2.0 on store: sycee pull --identity {identity} DIR\n"
