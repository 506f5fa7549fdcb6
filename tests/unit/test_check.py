"""Every byte is judged, of every store; what is damaged is replaced only by what was hashed, and nothing is deleted."""

import json
import os
import random
import shutil
from pathlib import Path

import pytest

from sycee.cli.main import main
from sycee.core import subset
from sycee.core.progress import SILENT
from sycee.core.subset import Subset
from sycee.digest import LEGACY_BLOCK, LegacyMd5, digest_bytes, legacy_md5, sha256_hex
from sycee.errors import NotFound, UsageError
from sycee.formats import dirobject
from sycee.formats.dirobject import Entry
from sycee.ops.add import add
from sycee.ops.mend import Mender, cache_store
from sycee.storage.memory import MemoryBackend
from sycee.store.check import judge, survey
from sycee.store.expected import Expected
from sycee.store.layout import object_key
from sycee.store.objects import Remote, Wanted
from sycee.store.transfer import push
from sycee.system.locks import repository_lock
from sycee.workspace.wanted import wanted

OTHER = b"other bytes"


class Watched(MemoryBackend):
    """A store that notes the order of what is written."""

    def __init__(self):
        super().__init__("test")
        self.written = []

    def write(self, key, source, size, **options):
        self.written.append(key)
        super().write(key, source, size, **options)


@pytest.fixture
def backend():
    return Watched()


@pytest.fixture
def store(backend):
    return Remote("store", backend, jobs=4)


@pytest.fixture
def sycee(repo_dir, monkeypatch, capsys):
    """The command in this process, in a repository with a pushed file and a pushed folder."""
    monkeypatch.chdir(repo_dir)
    (repo_dir / "data/sub").mkdir(parents=True)
    for name, content in (("model.pt", b"weights"), ("data/a", b"first"), ("data/sub/b", b"second")):
        (repo_dir / name).write_bytes(content)

    def sycee(*words, rc=0):
        assert main(words) == rc, capsys.readouterr()
        return capsys.readouterr()

    for words in ("remote add -d store ../store", "remote add backup ../backup", "add model.pt data", "push"):
        sycee(*words.split())
    sycee("push", "-r", "backup")
    sycee("config", "cache.type", "copy")
    return sycee


def place(root, content, suffix=""):
    return root / object_key(digest_bytes(content).md5 + suffix)


def spoil(path, content=b"spoiled"):
    path.chmod(0o644)
    path.write_bytes(content)


def rot(path):
    """Change a byte as a disk does: neither size nor any time tells."""
    status = path.stat()
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    spoil(path, bytes(data))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def tree(*roots):
    files = [path for root in roots for path in root.rglob("*") if path.is_file() and ".dvc/tmp" not in str(path)]
    return {path: (path.stat().st_mode, path.read_bytes()) for path in files}


def report(done):
    (one,) = json.loads(done.out)["stores"]
    return one


def states(done):
    return sorted((fault["path"], fault["state"], fault["repaired_from"]) for fault in report(done)["faults"])


# what is an object


def put(backend, item, data):
    backend._objects[item.key] = data
    return item


def file(data, label="f", **known):
    return Wanted(label, Expected(digest_bytes(data).md5, **known))


@pytest.mark.parametrize(
    ("known", "stored", "state"),
    [
        ({}, b"bytes", None),
        ({"size": 5, "sha256": sha256_hex(b"bytes"), "blake3": digest_bytes(b"bytes").blake3}, b"bytes", None),
        ({}, None, "missing"),
        ({}, b"", "damaged"),
        ({}, b"bytes ", "damaged"),
        ({}, b"other", "damaged"),
        ({"size": 4}, b"bytes", "damaged"),
        ({"sha256": sha256_hex(b"other")}, b"bytes", "damaged"),
        ({"blake3": digest_bytes(b"other").blake3}, b"bytes", "damaged"),
        ({"at_most": 4}, b"bytes", "damaged"),
    ],
)
def test_an_object_is_judged_by_all_that_is_known_of_it(store, backend, known, stored, state):
    item = file(b"bytes", **known)
    if stored is not None:
        put(backend, item, stored)
    found = survey(store, [item], quick=False, progress=SILENT).findings.get(item.key)
    assert (found and found.state) == state
    assert (judge(store, item) and judge(store, item).state) == state


def test_quick_reads_nothing_and_judges_sizes_that_are_known(store, backend, monkeypatch):
    same, torn, gone = file(b"bytes"), file(b"whole", size=5), file(b"gone")
    put(backend, same, b"other")
    put(backend, torn, b"who")
    monkeypatch.setattr(backend, "read", None)
    seen = survey(store, [same, torn, gone], quick=True, progress=SILENT)
    assert {key: found.state for key, found in seen.findings.items()} == {torn.key: "damaged", gone.key: "missing"}
    assert seen.hashed == 0


def test_many_objects_of_all_sizes(store, backend):
    contents = [random.Random(number).randbytes(number * 40_000) for number in range(0, 300, 75)]
    items = [put(backend, file(data), data) for data in contents]
    put(backend, items[2], b"x")
    put(backend, items[-1], contents[-1][:-1] + b"\0" + b"more")
    seen = survey(store, items, quick=False, progress=SILENT)
    assert seen.findings.keys() == {items[2].key, items[-1].key}


def test_an_object_that_never_ends_is_not_read_to_its_end(store, backend, monkeypatch):
    item = put(backend, file(b"bytes"), b"bytes")

    def endless(key, *, start=0, length=None):
        assert length == 6
        yield b"bytes."[:length]

    monkeypatch.setattr(backend, "read", endless)
    assert judge(store, item).state == "damaged"


@pytest.mark.parametrize("size", [0, 1, 511, LEGACY_BLOCK - 1, LEGACY_BLOCK, 3 * LEGACY_BLOCK + 7])
def test_the_md5_of_before_dvc_3_from_pieces_of_any_length(size):
    data = (b"line\r\n" * (size // 6 + 1))[:size]
    blocks = [data[at : at + LEGACY_BLOCK] for at in range(0, size, LEGACY_BLOCK)]
    address = LegacyMd5()
    for at in range(0, size, 700_001):
        address.update(data[at : at + 700_001])
    assert address.hexdigest() == legacy_md5(blocks)


def test_objects_of_before_dvc_3_are_judged_by_their_own_md5(store, backend):
    data = b"one\r\ntwo\r\n"
    item = Wanted("f", Expected(legacy_md5([data])), legacy=True)
    modern = Wanted("f", Expected(legacy_md5([data])))
    put(backend, item, data)
    put(backend, modern, data)
    assert survey(store, [item, modern], quick=False, progress=SILENT).findings.keys() == {modern.key}


# parts


def test_the_parts_cover_everything_once():
    oids = [digest_bytes(str(number).encode()).md5 for number in range(500)]
    held = [[oid for oid in oids if Subset(number, 7).holds(oid)] for number in range(1, 8)]
    assert sorted(oid for part in held for oid in part) == sorted(oids)
    assert all(40 < len(part) < 110 for part in held)


@pytest.mark.parametrize("text", ["", "0/3", "4/3", "1", "1/0", "a/b", "-1/3", "1/3/3", "1 / 3", "1/10000000"])
def test_what_is_no_part_is_refused(text):
    with pytest.raises(UsageError, match="is no part"):
        subset.parse(text)


# the command


def test_all_is_well(sycee, repo_dir):
    assert sycee("check").out == (
        "          objects  size   cache\n"
        "data      3        137 B  whole\n"
        "model.pt  1        7 B    whole\n"
        "cache: 4 objects, 144 B hashed: all whole\n"
    )
    assert "remote 'store': 4 objects, 144 B hashed: all whole\n" in sycee("check", "--remote").out
    assert "remote 'backup'" in sycee("check", "-r", "backup").out
    assert "cache: 1 objects, 7 B hashed" in sycee("check", "model.pt").out


def test_nothing_to_check(repo_dir, monkeypatch, capsys):
    monkeypatch.chdir(repo_dir)
    assert main(["check"]) == 0
    assert capsys.readouterr().out == "cache: nothing to check\n"


def test_bytes_that_rot_unseen_are_found_and_mended(sycee, repo_dir):
    path = place(repo_dir / ".dvc/cache", b"weights")
    sycee("status")
    rot(path)
    rotten = path.read_bytes()
    found = sycee("check", rc=11)
    assert f"damaged  model.pt  ({path.relative_to(repo_dir / '.dvc/cache')})\n" in found.out
    assert f"expected md5 {digest_bytes(b'weights').md5}, found md5 {digest_bytes(rotten).md5}\n" in found.out
    assert "needed by model.pt in the work tree\n" in found.out
    assert found.err == "hint: repair it: sycee check --repair\n"
    assert "repaired from the work tree (model.pt)\n" in sycee("check", "--repair").out
    assert path.read_bytes() == b"weights"
    assert path.stat().st_mode & 0o777 == 0o444
    (kept,) = (repo_dir / ".dvc/cache/sycee/quarantine").iterdir()
    assert kept.read_bytes() == rotten
    assert sycee("check").out.endswith("all whole\n")


def test_what_was_found_damaged_is_believed_by_no_other_verb(sycee, repo_dir, tmp_path):
    path = place(repo_dir / ".dvc/cache", b"weights")
    rot(path)
    sycee("check", rc=11)
    shutil.rmtree(tmp_path / "store/files")
    assert "is damaged" in sycee("push", rc=11).err


def test_without_repair_nothing_is_written_and_no_lock_is_taken(sycee, repo_dir, tmp_path):
    rot(place(repo_dir / ".dvc/cache", b"weights"))
    place(tmp_path / "store", b"first").unlink()
    before = tree(repo_dir, tmp_path / "store")
    with repository_lock(repo_dir / ".dvc/tmp"):
        sycee("check", rc=11)
        sycee("check", "--remote", rc=1)
    assert tree(repo_dir, tmp_path / "store") == before


@pytest.mark.parametrize("source", ["second copy", "work tree", "remote 'store'", "remote 'backup'", "nothing"])
def test_a_good_copy_is_taken_from_wherever_it_is(sycee, repo_dir, tmp_path, source):
    sources = ["second copy", "work tree", "remote 'store'", "remote 'backup'", "nothing"]
    before = sources[: sources.index(source)]
    cached = place(repo_dir / ".dvc/cache", b"first")
    copy = repo_dir / ".dvc/cache" / object_key(digest_bytes(b"first").md5, legacy=True)
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes(OTHER if "second copy" in before else b"first")
    spoil(cached)
    if "work tree" in before:
        spoil(repo_dir / "data/a", OTHER)
    for name in ("store", "backup"):
        if f"remote '{name}'" in before:
            spoil(place(tmp_path / name, b"first"))
    done = sycee("check", "--repair", "--json", rc=11 if source == "nothing" else 0)
    (fault,) = report(done)["faults"]
    if source == "nothing":
        assert "no good copy" in fault["not_repaired"]
        assert cached.read_bytes() == b"spoiled"
    else:
        assert source in fault["repaired_from"]
        assert cached.read_bytes() == b"first"


def test_a_folder_without_its_directory_object(sycee, repo_dir):
    (listed,) = (repo_dir / ".dvc/cache/files").rglob("*.dir")
    listed.unlink()
    place(repo_dir / ".dvc/cache", b"second").unlink()
    found = sycee("check", rc=1)
    assert "note: data: which files it has is not known, so they were not looked at\n" in found.err
    assert states(sycee("check", "--repair", "--json")) == [
        ("data", "missing", "remote 'store'"),
        ("data/sub/b", "missing", "the work tree (data/sub/b)"),
    ]
    assert sycee("check").out.endswith("all whole\n")


def test_a_remote_is_mended_in_the_right_order(sycee, repo_dir, tmp_path):
    (listed,) = (tmp_path / "store/files").rglob("*.dir")
    listed.unlink()
    spoil(place(tmp_path / "store", b"first"))
    place(tmp_path / "store", b"weights").unlink()
    place(repo_dir / ".dvc/cache", b"weights").unlink()
    spoil(repo_dir / "model.pt")
    done = sycee("check", "--remote", "--repair", "--json")
    assert states(done) == [
        ("data", "missing", "the cache"),
        ("data/a", "damaged", "the cache"),
        ("model.pt", "missing", "remote 'backup'"),
    ]
    (kept,) = (tmp_path / "store/sycee/quarantine").iterdir()
    assert kept.read_bytes() == b"spoiled"
    assert kept.name == f"{digest_bytes(b'first').md5}-{sha256_hex(b'spoiled')[:16]}"
    assert sycee("check", "--remote").out.endswith("all whole\n")


def test_no_directory_object_without_its_files(sycee, repo_dir, tmp_path):
    (listed,) = (tmp_path / "store/files").rglob("*.dir")
    listed.unlink()
    for root in (tmp_path / "store", tmp_path / "backup", repo_dir / ".dvc/cache"):
        place(root, b"first").unlink()
    spoil(repo_dir / "data/a")
    done = sycee("check", "--remote", "--repair", rc=1)
    assert "not repaired: 1 of its files are not there whole\n" in done.out
    assert not listed.exists()
    assert "hint: repair it where a good copy is: sycee check -r store --repair in the clone" in done.err


def test_a_part_of_a_folder(sycee, repo_dir, tmp_path):
    spoil(place(tmp_path / "store", b"first"))
    assert sycee("check", "--remote", "data/sub/b").out.endswith("2 objects, 132 B hashed: all whole\n")
    assert states(sycee("check", "--remote", "data/a", "data/sub", "--json", rc=11)) == [("data/a", "damaged", None)]
    assert "data/nothing" in sycee("check", "data/nothing", rc=1).err


def test_no_directory_object_without_the_files_that_were_not_asked_for(sycee, repo_dir, tmp_path):
    (listed,) = (tmp_path / "store/files").rglob("*.dir")
    listed.unlink()
    place(tmp_path / "store", b"first").unlink()
    done = sycee("check", "--remote", "data/sub", "--repair", rc=1)
    assert "not repaired: 1 of its files are not there whole\n" in done.out
    assert not listed.exists()


def test_the_damaged_copy_is_kept_before_it_is_replaced(repo, store, backend):
    (repo.root / "f").write_bytes(b"weights")
    add(repo, [repo.root / "f"])
    item = wanted(repo.tracked()[0])
    push(store, repo.cache, [item], SILENT)
    put(backend, item, OTHER)
    backend.written.clear()
    assert Mender(repo, lambda: iter([store]), SILENT).onto(store, item, ["f"]) == "the cache"
    aside = f"sycee/quarantine/{item.oid}-{sha256_hex(OTHER)[:16]}"
    assert backend.written == [aside, item.key]
    assert (backend._objects[aside], backend._objects[item.key]) == (OTHER, b"weights")


def test_bytes_with_the_right_md5_and_another_sha256_are_damaged_and_stay_without_a_good_copy(repo):
    (repo.root / "f").write_bytes(b"weights")
    add(repo, [repo.root / "f"])
    item = file(b"weights", sha256=sha256_hex(OTHER))
    assert judge(cache_store(repo.cache), item).state == "damaged"
    before = tree(repo.cache.root)
    with pytest.raises(NotFound, match="no good copy"):
        Mender(repo, lambda: iter([]), SILENT).into_cache(item, ["f"])
    assert tree(repo.cache.root) == before


def test_folder_sums(sycee, repo_dir, tmp_path):
    (cached,) = (path for path in (repo_dir / ".dvc/cache/sycee/sums").rglob("*") if path.is_file())
    there = tmp_path / "store" / cached.relative_to(repo_dir / ".dvc/cache")
    there.unlink()
    found = sycee("check", "--remote")
    assert "note: data (folder sums): not in remote 'store', so its files are checked by md5 alone" in found.err
    shutil.copy(cached, there)
    rot(there)
    rot(cached)
    assert states(sycee("check", "--remote", "--json", rc=11)) == [("data (folder sums)", "damaged", None)]
    assert states(sycee("check", "--repair", "--json")) == [("data (folder sums)", "damaged", "remote 'backup'")]
    assert states(sycee("check", "--remote", "--repair", "--json")) == [("data (folder sums)", "damaged", "the cache")]
    assert len(list((tmp_path / "store/sycee/quarantine").iterdir())) == 1
    assert sycee("check", "--remote").out.endswith("all whole\n")


def test_a_size_that_only_the_sums_know(sycee, tmp_path):
    spoil(place(tmp_path / "store", b"second"), b"sec")
    assert states(sycee("check", "--remote", "--quick", "--json", rc=11)) == [("data/sub/b", "damaged", None)]


def test_versions_that_depend_on_it(sycee, repo_dir, git, tmp_path):
    git("add", "-A")
    git("commit", "-qm", "one")
    git("tag", "v1")
    (repo_dir / "model.pt").write_bytes(b"newer")
    sycee("add", "model.pt")
    git("commit", "-qam", "two")
    first = git("rev-parse", "v1").stdout.strip()
    place(repo_dir / ".dvc/cache", b"weights").unlink()
    place(repo_dir / ".dvc/cache", b"first").unlink()
    assert states(sycee("check", "--json", rc=1)) == [("data/a", "missing", None)]
    done = sycee("check", "-A", "--json", rc=1)
    by_path = {fault["path"]: fault["needed_by"] for fault in report(done)["faults"]}
    assert by_path["model.pt"] == [{"path": "model.pt", "work_tree": False, "commits": [first]}]
    assert by_path["data/a"][0]["work_tree"]
    assert len(by_path["data/a"][0]["commits"]) == 2
    assert f"needed by model.pt in {first[:10]}\n" in sycee("check", "--rev", "v1", rc=1).out
    sycee("check", "-T", "--repair")
    assert place(repo_dir / ".dvc/cache", b"weights").read_bytes() == b"weights"


def test_parts_of_the_whole_are_told(sycee, repo_dir):
    reports = [report(sycee("check", "--json", "--subset", f"{number}/3")) for number in (1, 2, 3)]
    assert [one["total"] for one in reports] == [4, 4, 4]
    assert sum(one["checked"] - 1 for one in reports) == 3  # the directory object is looked at in each
    assert "4 objects (part 1/3), " in sycee("check", "--subset", "1/3").out


def test_what_is_not_pushed_is_not_looked_for(sycee, repo_dir, tmp_path):
    place(tmp_path / "store", b"weights").unlink()
    pointer = repo_dir / "model.pt.dvc"
    pointer.write_text(pointer.read_text().replace("  hash: md5\n", "  hash: md5\n  push: false\n"))
    assert sycee("check", "--remote").out.endswith("all whole\n")


def test_an_import_is_not_looked_for_on_the_remotes_here(sycee, repo_dir, tmp_path):
    place(tmp_path / "store", b"weights").unlink()
    pointer = repo_dir / "model.pt.dvc"
    source = "deps:\n- path: model.pt\n  repo: {url: ../other, rev_lock: " + "a" * 40 + "}\n"
    pointer.write_text("frozen: true\n" + source + pointer.read_text())
    assert sycee("check", "--remote").out.endswith("all whole\n")


def test_an_out_is_looked_for_on_its_own_remote(sycee, repo_dir, tmp_path):
    shutil.rmtree(tmp_path / "store/files")
    for pointer in repo_dir.glob("*.dvc"):
        if pointer.is_file():
            pointer.write_text(pointer.read_text().replace("  hash: md5\n", "  hash: md5\n  remote: backup\n"))
    assert sycee("check", "--remote").out.endswith("remote 'backup': 4 objects, 144 B hashed: all whole\n")


def test_a_directory_object_that_leads_elsewhere(sycee, repo_dir):
    data = json.dumps([{"md5": digest_bytes(b"first").md5, "relpath": "../../escape"}]).encode()
    oid = dirobject.object_id(data)
    path = repo_dir / ".dvc/cache" / object_key(oid)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    (repo_dir / "bad.dvc").write_text(f"outs:\n- md5: {oid}\n  hash: md5\n  path: bad\n")
    found = sycee("check", rc=11).out
    assert "damaged  bad  (" in found
    assert "escape" in found


def test_one_object_for_two_paths_is_looked_at_once(sycee, repo_dir):
    (repo_dir / "twin.pt").write_bytes(b"weights")
    sycee("add", "twin.pt")
    rot(place(repo_dir / ".dvc/cache", b"weights"))
    spoil(repo_dir / "model.pt")
    done = sycee("check", "--repair")
    assert "needed by model.pt in the work tree; twin.pt in the work tree\n" in done.out
    assert "repaired from the work tree (twin.pt)\n" in done.out


def test_a_remote_that_cannot_be_used_is_told_and_does_not_stop_a_repair(sycee, repo_dir):
    sycee("remote", "add", "odd", "webhdfs://host/x")
    place(repo_dir / ".dvc/cache", b"first").unlink()
    (repo_dir / "data/a").unlink()
    sycee("remote", "default", "odd")
    done = sycee("check", "--repair")
    assert "warning: remote 'odd' is not asked: " in done.err
    assert "repaired from remote 'store'\n" in done.out


@pytest.mark.parametrize(
    ("words", "rc", "told"),
    [
        (["--remote", "backup"], 2, "sycee check -r backup"),
        (["-r", "nowhere"], 1, "there is no remote 'nowhere'"),
        (["--subset", "5/4"], 2, "is no part"),
        (["-j", "0"], 2, "range"),
        (["nothing.pt"], 1, "nothing.pt is not tracked here"),
        (["--rev", "v9"], 1, "is no revision"),
    ],
)
def test_wrong_words(sycee, words, rc, told):
    assert told in sycee("check", *words, rc=rc).err


def test_a_remote_that_does_not_answer(sycee, tmp_path):
    (tmp_path / "file").write_text("")
    shutil.rmtree(tmp_path / "store")
    (tmp_path / "store").mkdir()
    (tmp_path / "store/files").symlink_to("/proc")
    assert sycee("check", "--remote", rc=20).err


@pytest.mark.parametrize("jobs", ["1", "3"])
def test_at_most_as_many_at_once_as_asked(sycee, jobs):
    assert sycee("check", "--remote", "-j", jobs).out.endswith("all whole\n")


def test_a_link_in_the_cache_is_no_object(sycee, repo_dir):
    path = place(repo_dir / ".dvc/cache", b"weights")
    path.unlink()
    Path(path).symlink_to(repo_dir / "model.pt")
    done = sycee("check", "--repair", rc=1)
    assert "is a symbolic link" in done.out
    assert path.is_symlink()


def test_a_missing_directory_object_is_made_known_to_the_row(sycee, repo_dir):
    entry = Entry("x", digest_bytes(b"nothing").md5)
    oid = dirobject.object_id(dirobject.render([entry]))
    (repo_dir / "gone.dvc").write_text(f"outs:\n- md5: {oid}\n  hash: md5\n  path: gone\n")
    assert report(sycee("check", "--json", rc=1))["artifacts"]["gone"] == {"objects": 0, "size": 0, "missing": 1}


def test_the_sizes_are_those_after_the_repair(sycee, repo_dir, tmp_path):
    for root, words in ((repo_dir / ".dvc/cache", "check"), (tmp_path / "store", "check --remote")):
        for content in (b"weights", b"first"):
            place(root, content).unlink()
        sizes = json.loads(sycee(*words.split(), "--json", rc=1).out)["stores"][0]["artifacts"]
        assert sizes["model.pt"]["size"] == 0
        mended = json.loads(sycee(*words.split(), "--repair", "--json").out)["stores"][0]["artifacts"]
        whole = json.loads(sycee(*words.split(), "--json").out)["stores"][0]["artifacts"]
        assert mended == whole
        assert whole["model.pt"]["size"] == len(b"weights")


IMPORT = """\
frozen: true
deps:
- path: x
  repo:
    url: https://example.org/r.git
    rev_lock: a123456789012345678901234567890123456789
outs:
- md5: 0123456789abcdef0123456789abcdef
  size: 3
  hash: md5
  path: x
"""


def test_of_imports_it_says_that_no_remote_was_asked(sycee, repo_dir):
    (repo_dir / "x.dvc").write_text(IMPORT)
    note = "note: x is imported from another repository and stays there, so no remote was asked for it\n"
    for words in ("check --remote", "check --remote --quick", "check -r backup", "check --remote x.dvc"):
        shown = sycee(*words.split())
        assert shown.err == note
    assert shown.out == "remote 'store': nothing to check\n"
    assert note not in sycee("check", rc=1).err  # in the cache it is looked for


def test_what_was_imported_is_brought_by_pull(sycee, repo_dir):
    (repo_dir / "x.dvc").write_text(IMPORT)
    assert sycee("check", "--repair", rc=1).err.endswith("hint: bring it from where it was imported: sycee pull x\n")
