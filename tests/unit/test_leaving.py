"""What push leaves for signed versions: all that a machine without Git needs, after the objects, and nothing else."""

import io

import pytest

from rigs.signed import CARD, MODEL, fixed_key
from rigs.versions import NAME, commit, commit_version, git, model_of, private, push_all, store
from sycee.digest import digest_bytes, sha256_hex
from sycee.errors import DigestMismatch, MissingData, RemoteError
from sycee.formats import manifest
from sycee.ops.add import add
from sycee.ops.gc import collect
from sycee.ops.needed import GcRequest
from sycee.ops.push import push
from sycee.ops.sign import sign
from sycee.storage.memory import MemoryBackend
from sycee.store import versions
from sycee.store.objects import Remote
from sycee.workspace.revisions import Revisions, read_history
from sycee.workspace.roots import Scope


class Noting(MemoryBackend):
    """A store that notes the order of writing, and refuses some of it."""

    def __init__(self):
        super().__init__("noting")
        self.written = []
        self.refused = ""

    def write(self, key, source, size, **options):
        if self.refused and key.startswith(self.refused):
            raise RemoteError("refused by the test")
        self.written.append(key)
        super().write(key, source, size, **options)


@pytest.fixture
def remote():
    return store()


@pytest.fixture
def noting():
    return Remote("store", Noting(), jobs=1)


def read(remote, identity):
    return versions.read_manifest(remote.backend, identity)


def test_everything_that_git_holds_and_no_pointer(repo, remote):
    identity = commit_version(repo, "1.2.0")
    outcome = push_all(repo, remote)
    assert outcome.notes == []
    [(name, left)] = outcome.versions
    assert (name, left) == ("store", read(remote, identity))
    assert (left.label, left.identity) == ("bert@1.2.0", identity)
    by_path = {one.path: one for one in left.files}
    assert set(by_path) == {*MODEL, "model.pt.sig", "SHA256SUMS", "SHA256SUMS.sig", "model.sig", ".gitattributes"}
    weights = digest_bytes(b"weights of 1.2.0")
    assert by_path["model.pt"] == manifest.Entry("model.pt", weights.sha256, weights.size, weights.md5)
    for path, one in by_path.items():
        data = (model_of(repo) / path).read_bytes()
        assert one.sha256 == sha256_hex(data)
        if one.md5 is None:
            assert versions.read_blob(remote.backend, one) == data
    assert versions.read_index(remote.backend, "bert@1.2.0") == (identity,)


def test_a_second_push_writes_nothing(repo, noting):
    commit_version(repo, "1.2.0")
    push_all(repo, noting)
    before, noting.backend.written = noting.backend.written, []
    assert push_all(repo, noting).versions == []
    assert noting.backend.written == []
    kinds = [key.split("/")[1] for key in before]
    assert kinds == sorted(kinds, key=["md5", "blobs", "versions", "names"].index)


@pytest.mark.parametrize("refused", ["sycee/blobs", "sycee/versions", "sycee/names"])
def test_what_was_cut_off_is_completed(repo, noting, refused):
    identity = commit_version(repo, "1.2.0")
    noting.backend.refused = refused
    with pytest.raises(RemoteError):
        push_all(repo, noting)
    if refused != "sycee/names":
        with pytest.raises(MissingData, match="has no version sycee:"):
            read(noting, identity)
    noting.backend.refused = ""
    push_all(repo, noting)
    assert versions.read_index(noting.backend, "bert@1.2.0") == (identity,)
    assert read(noting, identity).identity == identity


@pytest.mark.parametrize("data", [b"", b"{", b"half"])
def test_torn_manifests_and_index_entries_are_replaced(repo, remote, data):
    identity = commit_version(repo, "1.2.0")
    push_all(repo, remote)
    before = private(remote)
    for key in (versions.manifest_key(identity), versions.index_key("bert@1.2.0")):
        remote.backend.write(key, io.BytesIO(data), len(data))
    with pytest.raises(DigestMismatch):
        read(remote, identity)
    with pytest.raises(DigestMismatch):
        versions.read_index(remote.backend, "bert@1.2.0")
    push_all(repo, remote)
    assert private(remote) == before


def test_all_signed_versions_of_the_revisions(repo, remote):
    identities = [commit_version(repo, version) for version in ("1.0.0", "1.1.0", "1.2.0")]
    (repo.root / "readme").write_text("another commit, the same version")
    commit(repo, "other")
    history = read_history(repo.root, repo.git, Revisions(commits=True))
    outcome = push(repo, [*repo.tracked(), *history.tracked], lambda _name: remote)
    assert {left.identity for _, left in outcome.versions} == {*identities}
    for identity, version in zip(identities, ("1.0.0", "1.1.0", "1.2.0"), strict=True):
        assert read(remote, identity).version == version
        weights = next(one for one in read(remote, identity).files if one.path == "model.pt")
        assert weights.sha256 == sha256_hex(f"weights of {version}".encode())


def test_a_folder_tracked_as_a_whole_is_made_of_objects(repo, remote):
    identity = commit_version(repo, "1.0.0", whole=True)
    push_all(repo, remote)
    here = read(remote, identity)
    assert {one.path for one in here.files} >= {*MODEL, "model.sig"}
    assert all(one.md5 for one in here.files)
    remote = store()
    git(repo, "rm", "-q", "--cached", f"{NAME}.dvc")  # only the past knows it now
    history = read_history(repo.root, repo.git, Revisions(tags=True))
    push(repo, history.tracked, lambda _name: remote)
    assert read(remote, identity) == here


def test_a_folder_that_is_not_as_it_was_signed_is_told_of(repo, remote):
    commit_version(repo, "1.2.0")
    (model_of(repo) / "model_card.yaml").write_bytes(CARD.replace(b"0.892", b"0.999"))
    [note] = push_all(repo, remote).notes
    assert note.startswith("models/bert: nothing is left for machines without Git, since model_card.yaml is not")
    assert private(remote) == {}


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("notes.txt", b"x", "is here and was not signed"),
        ("SHA256SUMS", b"0\n", "not what was signed"),
        ("model.sig", b"{}", "model.sig"),
        ("context/requirements.lock", None, "is signed and not here"),
    ],
)
def test_why_nothing_is_left(repo, remote, name, data, why):
    commit_version(repo, "1.2.0")
    path = model_of(repo) / name
    path.unlink(missing_ok=True)
    if data is not None:
        path.write_bytes(data)
    [note] = push_all(repo, remote).notes
    assert why in note
    assert private(remote) == {}


def test_newer_weights_under_an_older_signature(repo, remote):
    commit_version(repo, "1.2.0")
    model = model_of(repo)
    (model / "model.pt").unlink()
    (model / "model.pt").write_bytes(b"trained again")
    add(repo, [model / "model.pt"])
    [note] = push_all(repo, remote).notes
    assert "model.pt is not what was signed" in note
    assert private(remote) == {}
    commit(repo, "stale")
    history = read_history(repo.root, repo.git, Revisions(revs=("HEAD",)))
    assert push(repo, history.tracked, lambda _name: remote).notes == []  # of the past nothing can be changed
    assert private(remote) == {}


def test_unsigned_models_and_those_that_are_not_pushed_leave_nothing(repo, remote):
    commit_version(repo, "1.2.0")
    pointer = model_of(repo) / "model.pt.dvc"
    pointer.write_bytes(pointer.read_bytes().replace(b"  hash: md5\n", b"  hash: md5\n  push: false\n"))
    assert push_all(repo, remote).notes == []
    (model_of(repo) / "model.sig").unlink()
    pointer.write_bytes(pointer.read_bytes().replace(b"  push: false\n", b""))
    assert push_all(repo, remote).notes == []
    assert private(remote) == {}


def test_a_model_on_two_remotes(repo, remote):
    model = model_of(repo)
    commit_version(repo, "1.2.0")
    (model / "more.pt").write_bytes(b"more")
    (model / "model_card.yaml").unlink()
    add(repo, [model / "more.pt"])
    sign(model, fixed_key(), repo=repo)
    pointer = model / "more.pt.dvc"
    pointer.write_bytes(pointer.read_bytes().replace(b"  hash: md5\n", b"  hash: md5\n  remote: other\n"))
    [note] = push_all(repo, remote).notes
    assert "bound to several remotes" in note


def test_what_others_added_to_a_version_stays(repo, remote):
    identity = commit_version(repo, "1.2.0")
    records = model_of(repo) / "records"
    records.mkdir()
    (records / "approval.json").write_bytes(b"{}\n")
    push_all(repo, remote)
    (records / "approval.json").unlink()
    (records / "replay.json").write_bytes(b"{}\n")
    push_all(repo, remote)
    assert {"records/approval.json", "records/replay.json"} <= {one.path for one in read(remote, identity).files}


def test_a_part_of_a_model_is_no_version(repo, remote):
    model = model_of(repo)
    commit_version(repo, "1.2.0")
    (model / "more.pt").write_bytes(b"more")
    (model / "model_card.yaml").unlink()
    add(repo, [model / "more.pt"])
    sign(model, fixed_key(), repo=repo)
    push(repo, repo.tracked([model / "more.pt.dvc"]), lambda _name: remote)
    assert private(remote) == {}
    push(repo, repo.tracked([model / "model.pt.dvc"]), lambda _name: remote)
    assert [key for key in private(remote) if key.startswith("sycee/versions/")]


def test_two_versions_that_claim_one_label(repo, remote):
    first = commit_version(repo, "1.2.0")
    push_all(repo, remote)
    second = commit_version(repo, "1.2.0-1", serial=8)
    model = model_of(repo)
    card = (model / "model_card.yaml").read_bytes().replace(b"1.2.0-1", b"1.2.0")
    (model / "model_card.yaml").write_bytes(card)
    second = sign(model, fixed_key(), repo=repo).identity
    push_all(repo, remote)
    assert versions.read_index(remote.backend, "bert@1.2.0") == (first, second)


@pytest.fixture
def collected(repo, remote):
    """Two pushed versions; the first one's weights are in no version that is kept, for it only Git remembers it."""
    identities = [commit_version(repo, version) for version in ("1.0.0", "1.1.0")]
    history = read_history(repo.root, repo.git, Revisions(tags=True))
    push(repo, history.tracked, lambda _name: remote)
    return identities


def collect_all(repo, remote):
    request = GcRequest(Scope(Revisions()), lambda _root: repo, lambda _repo, _name: remote, cloud=True)
    return [item for one in collect(repo, request).stores if one.remote for item in one.items]


def test_gc_takes_versions_whose_objects_go_manifest_first(repo, remote, collected):
    first, second = collected
    before = private(remote)
    going = collect_all(repo, remote)
    assert going[0].key == versions.manifest_key(first)
    assert [item.kind for item in going] == sorted(item.kind for item in going)
    assert read(remote, second).identity == second
    assert versions.read_index(remote.backend, "bert@1.1.0") == (second,)
    for one in read(remote, second).files:
        if one.md5 is None:
            assert versions.read_blob(remote.backend, one)
    with pytest.raises(MissingData):
        read(remote, first)
    with pytest.raises(MissingData):
        versions.read_index(remote.backend, "bert@1.0.0")
    assert len(private(remote)) < len(before)
    assert push_all(repo, remote).versions == []
    assert collect_all(repo, remote) == []


def test_gc_leaves_what_an_unreadable_manifest_may_name(repo, remote, collected):
    first, second = collected
    later = versions.manifest_key("0" * 64)
    remote.backend.write_new(later, b'{"format": 2}')
    going = {item.key for item in collect_all(repo, remote)}
    assert going & {later, versions.manifest_key(first), versions.manifest_key(second)} == {
        versions.manifest_key(first)
    }
    assert not [key for key in going if key.startswith(("sycee/blobs", "sycee/names"))]
