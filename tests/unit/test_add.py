"""``sycee add`` writes object, ignore entry and pointer, in this order, or nothing."""

import stat

import pytest

from sycee.digest import digest_bytes
from sycee.errors import Conflict, FormatError, NotFound
from sycee.formats import pointer
from sycee.ops import storing
from sycee.ops.add import add, require_addable
from sycee.store import sums

WEIGHTS = digest_bytes(b"weights")
RECORD = f"meta:\n  sycee:\n    {WEIGHTS.md5}:\n      sha256: {WEIGHTS.sha256}\n      blake3: {WEIGHTS.blake3}\n"
POINTER = f"outs:\n- md5: {WEIGHTS.md5}\n  size: 7\n  hash: md5\n  path: f\n{RECORD}"


@pytest.fixture
def put(repo):
    def put(name, data=b"weights"):
        path = repo.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    return put


def test_a_file(repo, put):
    (added,) = add(repo, [put("f")])
    assert (repo.root / "f.dvc").read_text() == POINTER
    assert (repo.root / ".gitignore").read_text() == "/f\n"
    assert repo.cache.path(WEIGHTS.md5).read_bytes() == b"weights"
    assert added.digests == WEIGHTS
    assert added.changed == (repo.root / "f.dvc", repo.root / ".gitignore")
    assert (repo.root / "f").read_bytes() == b"weights"


def test_the_same_again_changes_nothing(repo, put):
    add(repo, [put("f")])
    before = (repo.root / "f.dvc").stat()
    (again,) = add(repo, [repo.root / "f"])
    assert again.changed == ()
    assert (repo.root / "f.dvc").stat().st_mtime_ns == before.st_mtime_ns


def test_a_folder(repo, put):
    for name, data in {"d/b": b"2", "d/a/x": b"1", "d/é": b"", "d/.hidden": b"3"}.items():
        put(name, data)
    (repo.root / "d/empty").mkdir()
    (added,) = add(repo, [repo.root / "d"])
    assert (added.out.size, added.out.nfiles, added.digests) == (3, 4, None)
    listed = repo.cache.read(added.out.md5).decode()
    assert [part.split('"')[0] for part in listed.split('"relpath": "')[1:]] == [".hidden", "a/x", "b", "\\u00e9"]
    record = pointer.parse((repo.root / "d.dvc").read_bytes(), "d.dvc")
    assert sums.known(repo.cache, pointer.sums_object(record, added.out.md5)).keys() == {".hidden", "a/x", "b", "é"}


def test_several_targets_beside_each_other_share_one_ignore_file(repo, put):
    add(repo, [put("m/a"), put("m/b"), put("m/[odd] name")])
    assert (repo.root / "m/.gitignore").read_text() == "/a\n/b\n/\\[odd\\] name\n"
    assert repo.git.ignored(["m/[odd] name"]) == {"m/[odd] name"}


def test_new_content_takes_old_digests_card_and_signature_out(repo, put):
    add(repo, [put("f")])
    pointer = repo.root / "f.dvc"
    text = (
        pointer.read_text() + "    card: " + "a" * 64 + "\n    sig: " + "b" * 64 + "\n  mine: {keep: yes}  # please\n"
    )
    pointer.write_text(text.replace(f"    {WEIGHTS.md5}", f"    {WEIGHTS.md5}", 1))
    add(repo, [put("f", b"retrained")])
    new, after = digest_bytes(b"retrained"), pointer.read_text()
    assert new.sha256 in after
    assert WEIGHTS.sha256 not in after
    assert "card:" not in after
    assert "sig:" not in after
    assert "  mine: {keep: yes}  # please\n" in after


def test_a_colleagues_pointer_gets_its_digests_back(repo, put):
    put("f", b"retrained")
    new = digest_bytes(b"retrained")
    stale = POINTER.replace(f"- md5: {WEIGHTS.md5}\n  size: 7", f"- md5: {new.md5}\n  size: 9")
    (repo.root / "f.dvc").write_text(stale)
    add(repo, [repo.root / "f"])
    after = (repo.root / "f.dvc").read_text()
    assert new.sha256 in after
    assert WEIGHTS.sha256 not in after


def test_an_executable(repo, put):
    put("f").chmod(0o755)
    add(repo, [repo.root / "f"])
    assert "  size: 7\n  isexec: true\n  hash: md5\n" in (repo.root / "f.dvc").read_text()


@pytest.mark.parametrize("way", ["hardlink", "symlink"])
def test_linked_files_stay_what_they_are(repo, put, way):
    (repo.root / ".dvc/config").write_text(f"[cache]\n    type = {way}\n")
    linked = type(repo)(repo.root, repo.git, _config(repo), repo.cache, repo.statcache)
    put("tool").chmod(0o755)
    add(linked, [put("f"), repo.root / "tool", put("d/x").parent])
    for name in ("f", "d/x"):
        assert (repo.root / name).stat().st_ino == repo.cache.path(WEIGHTS.md5).stat().st_ino
    assert (repo.root / "tool").stat().st_mode & stat.S_IXUSR  # an executable cannot share an inode with an object
    assert "isexec: true" in (repo.root / "tool.dvc").read_text()
    assert not any(one.changed for one in add(linked, [repo.root / name for name in ("f", "tool", "d")]))
    add(repo, [repo.root / "f", repo.root / "d"])  # where copies are asked for, links become copies again
    for name in ("f", "d/x"):
        assert (repo.root / name).lstat().st_ino != repo.cache.path(WEIGHTS.md5).stat().st_ino
        assert not (repo.root / name).is_symlink()


def _config(repo):
    from sycee.workspace.config import load_config

    return load_config(repo.dvc_dir, environ={})


REFUSED = {
    "absent": (NotFound, "absent does not exist"),
    "tracked.dvc": (Conflict, "has a name that DVC reads as its own"),
    ".dvc/config": (Conflict, "belongs to Git or DVC itself"),
    ".git/config": (Conflict, "belongs to Git or DVC itself"),
    ".gitignore": (Conflict, "has a name that DVC reads as its own"),
    "link": (Conflict, "link is a symbolic link"),
    "linked/f": (Conflict, "linked is a symlink, where a folder is needed"),
    "intracked": (Conflict, "intracked is tracked by Git"),
    "made/part": (Conflict, "made/part is a part of made, which is tracked as a whole"),
    "above": (Conflict, "above contains above/part, which is tracked by itself"),
    "hidden/f": (Conflict, r"the pointer hidden/f.dvc would be ignored by Git"),
    "output": (Conflict, "output is an output of a pipeline, recorded in dvc.lock"),
    "../outside": (Conflict, "lies outside the repository"),
    ".": (Conflict, "is the repository itself"),
    "tab\there": (Conflict, "contains a control character"),
    "a:b": (Conflict, "begins with a Windows drive"),
    "promised": (Conflict, "is an output of dvc.yaml:later"),
    "\udcff": (Conflict, r"the file name \\xff is not valid UTF-8"),
}


@pytest.fixture
def busy(repo, put):
    """A repository in which much is in the way."""
    add(repo, [put("whole/part").parent, put("above/part"), put("tracked")])
    repo.git.stage([put("intracked")])
    put("hidden/f")
    put(".gitignore", (repo.root / ".gitignore").read_bytes() + b"hidden/\n")
    (repo.root / "link").symlink_to("tracked")
    (repo.root / "linked").symlink_to("hidden")
    put("../outside")
    put("output")
    put("made/part")
    put("tab\there")
    put("a:b")
    put("promised")
    put("dvc.yaml", b"stages:\n  later:\n    cmd: x\n    outs:\n    - promised:\n        cache: false\n")
    put("\udcff")
    put(
        "dvc.lock",
        f"schema: '2.0'\nstages:\n  s:\n    cmd: x\n    outs:\n    - path: output\n      md5: {WEIGHTS.md5}\n"
        f"    - path: made\n      md5: {WEIGHTS.md5}.dir\n".encode(),
    )
    return repo


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_tracked_stops_all_targets(busy, put, name):
    kind, words = REFUSED[name]
    before = {path.name for path in busy.root.iterdir()}
    target = busy.root.parent / "outside" if name.startswith("..") else busy.root / name
    with pytest.raises(kind, match=words) as refused:
        add(busy, [put("good", b"new"), target])
    assert refused.value.hint or name in {"absent", ".dvc/config", ".git/config", "linked/f"}
    assert {path.name for path in busy.root.iterdir()} == before | {"good"}
    assert busy.cache.find(digest_bytes(b"new").md5) is None


def test_a_lost_pointer_write_leaves_the_old_version(repo, put, monkeypatch):
    add(repo, [put("f")])
    put("f", b"retrained")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(storing, "write_file", full)
    with pytest.raises(OSError, match="No space left"):
        add(repo, [repo.root / "f"])
    assert (repo.root / "f.dvc").read_text() == POINTER
    assert repo.cache.find(WEIGHTS.md5)


def test_a_file_that_is_written_meanwhile_is_not_added(repo, put):
    path = put("f", b"x" * 100)

    class Meddler:
        def start(self, *_):
            return self

        def advance(self, _):
            path.write_bytes(b"y" * 99)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    with pytest.raises(Conflict, match="changed while it was read"):
        add(repo, [path], progress=Meddler())
    assert not (repo.root / "f.dvc").exists()
    assert not (repo.cache.root / "files").exists()


def test_an_unchanged_legacy_pointer_stays(repo, put):
    legacy = digest_bytes(b"one\ntwo\n").md5
    text = f"outs:\n- md5: {legacy}\n  size: 10\n  path: f\n"
    put("f", b"one\r\ntwo\r\n")
    (repo.root / "f.dvc").write_text(text)
    assert add(repo, [repo.root / "f"])[0].changed == ()
    assert (repo.root / "f.dvc").read_text() == text
    add(repo, [put("f", b"three")])
    assert "hash: md5" in (repo.root / "f.dvc").read_text()


def test_an_unreadable_pointer_is_not_overwritten(repo, put):
    (repo.root / "f.dvc").write_text("outs:\n- md5: [\n")
    with pytest.raises(FormatError, match=r"f\.dvc"):
        add(repo, [put("f")])
    assert (repo.root / "f.dvc").read_text() == "outs:\n- md5: [\n"


def test_a_linked_ignore_file_does_not_draw_a_secret_into_the_repository(repo, put, tmp_path):
    (tmp_path / "credentials").write_text("secret")
    (repo.root / ".gitignore").unlink(missing_ok=True)
    (repo.root / ".gitignore").symlink_to(tmp_path / "credentials")
    with pytest.raises(Conflict, match=r"\.gitignore is a symbolic link"):
        add(repo, [put("f")])
    assert (repo.root / ".gitignore").is_symlink()
    assert not (repo.root / "f.dvc").exists()


def test_git_is_asked_once_whether_it_has_any_of_many_targets(repo, put, monkeypatch):
    targets = [put(f"f{number}", b"%d" % number) for number in range(5)]
    asked = []
    real = type(repo.git).run
    monkeypatch.setattr(
        type(repo.git), "run", lambda git, *words, **how: (asked.append(words), real(git, *words, **how))[1]
    )
    monkeypatch.setattr("sycee.system.git.ARGUMENTS", 3)
    require_addable(repo, targets, {})
    assert [words[0] for words in asked] == ["ls-files", "ls-files", "check-ignore"]


def test_a_folder_of_which_git_has_a_file_is_named(repo, put):
    put("data/in/f")
    repo.git.stage([put("data/in/g")])
    with pytest.raises(Conflict, match=r"^data is tracked by Git"):
        add(repo, [put("other"), repo.root / "data"])
    assert not (repo.root / "other.dvc").exists()
