"""Every path that a stranger may write, through every place that reads one: refused, or it stays where it belongs."""

import json
import os
import subprocess

import pytest

from rigs.escapes import REFUSED
from sycee.cli.main import main
from sycee.digest import md5_hex
from sycee.errors import SyceeError
from sycee.formats import dirobject, foldersums, sums
from sycee.formats.paths import path_fault
from sycee.ops.checkout import Options, checkout
from sycee.ops.get import GetRequest, get
from sycee.ops.importing import fetch_imports
from sycee.ops.list import ListRequest, listing
from sycee.storage.local import LocalBackend
from sycee.storage.memory import MemoryBackend
from sycee.workspace.placed import placed
from sycee.workspace.source import Asked, Surroundings
from sycee.workspace.together import finish
from sycee.workspace.tracked import parse_origin

MD5, SHA256 = "a" * 32, "b" * 64
OUT = {"md5": MD5, "size": 1, "hash": "md5"}
OWN = (".dvc", ".DVC/config", ".dvc/config", ".dvc/tmp/x", "a/.dvc/config", "a/.Dvc")
FORMS = (*REFUSED, *OWN)  # JSON is YAML, so one notation serves for all


def yaml(value):
    return json.dumps(value).encode()


def tracked_at(root, name, value, pipeline=b""):
    return [one.relpath for one in parse_origin(root, root / name, yaml(value), pipeline)]


def of_pointer(root, form):
    return tracked_at(root, "x.dvc", {"outs": [{**OUT, "path": form}]})


def of_pointer_with_several(root, form):
    return tracked_at(root, "x.dvc", {"outs": [{**OUT, "path": "fine"}, {**OUT, "path": form}]})[1:]


def of_pointer_below(root, form):
    return tracked_at(root, "sub/x.dvc", {"outs": [{**OUT, "path": form}]})


def of_folder_of_pointer(root, form):
    return tracked_at(root, "x.dvc", {"wdir": form, "outs": [{**OUT, "path": "x"}]})


def of_lock(root, form):
    return tracked_at(
        root, "dvc.lock", {"schema": "2.0", "stages": {"s": {"cmd": "x", "outs": [{**OUT, "path": form}]}}}
    )


def of_folder_of_step(root, form):
    lock = {"schema": "2.0", "stages": {"s": {"cmd": "x", "outs": [{**OUT, "path": "x"}]}}}
    return tracked_at(root, "dvc.lock", lock, yaml({"stages": {"s": {"cmd": "x", "wdir": form, "outs": ["x"]}}}))


def of_folder_of_templated_step(root, form):
    lock = {"schema": "2.0", "stages": {f"s@{form}": {"cmd": "x", "outs": [{**OUT, "path": "x"}]}}}
    step = {"foreach": [form], "do": {"cmd": "x", "wdir": "${item}", "outs": ["x"]}}
    return tracked_at(root, "dvc.lock", lock, yaml({"stages": {"s": step}}))


NORMALISING = (
    *(of_pointer, of_pointer_with_several, of_pointer_below, of_folder_of_pointer),
    *(of_lock, of_folder_of_step, of_folder_of_templated_step),
)


@pytest.mark.parametrize("consumer", NORMALISING)
def test_what_is_tracked_lies_below_the_root_and_in_nobodys_settings(consumer, tmp_path):
    refused = 0
    for form in FORMS:
        try:
            found = consumer(tmp_path, form)
        except SyceeError:
            refused += 1
            continue
        for relpath in found:
            assert path_fault(relpath) is None, form
            assert ".dvc" not in relpath.casefold().split("/"), form
    assert refused >= 50


def manifest(form):
    return json.dumps([{"md5": MD5, "relpath": form}]).encode()


STRICT = {
    "directory object": lambda form: dirobject.parse(manifest(form)),
    "directory object, written": lambda form: dirobject.render([dirobject.Entry(form, MD5)]),
    "folder sums": lambda form: foldersums.parse(
        f"{foldersums.HEADER}\n{SHA256} {SHA256} {MD5} 1 {form}\n".encode(errors="surrogatepass")
    ),
    "SHA256SUMS": lambda form: sums.parse(f"{SHA256}  {form}\n".encode(errors="surrogatepass"), "SHA256SUMS"),
    "key of a store": lambda form: list(MemoryBackend("m").read(form)),
}


@pytest.mark.parametrize("reads", STRICT.values(), ids=STRICT)
def test_lists_of_files_have_no_such_names(reads):
    for form in REFUSED:
        with pytest.raises(SyceeError):
            reads(form)


def everything(root):
    return sorted((path.relative_to(root).as_posix(), path.lstat().st_mode) for path in root.rglob("*"))


def test_a_folder_is_not_checked_out_elsewhere(repo, tmp_path):
    for number, form in enumerate(FORMS):
        data = manifest(form)
        oid = f"{md5_hex(data)}.dir"
        place = repo.cache.path(oid)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        pointer = {"outs": [{"md5": oid, "size": 1, "nfiles": 1, "hash": "md5", "path": f"d{number}"}]}
        (tracked,) = parse_origin(repo.root, repo.root / "x.dvc", yaml(pointer))
        before = everything(tmp_path)
        with pytest.raises(SyceeError):
            checkout(repo, [tracked], Options(force=True))
        after = [one for one in everything(tmp_path) if not one[0].startswith("repo/.dvc/tmp")]
        assert after == [one for one in before if not one[0].startswith("repo/.dvc/tmp")], form


@pytest.fixture
def source(tmp_path):
    """A repository with a secret beside it, which a path could reach."""
    root = tmp_path / "src"
    subprocess.run(["git", "init", "-q", root], check=True)
    for name in ("plain", "a/plain", ".dvc/config", "../x", "../secret"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(b"")
    return root


def test_nothing_else_is_taken_out_of_a_source(source, repo, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    around = Surroundings(tmp_path / "here", os.environ)
    for form in REFUSED:
        if os.path.normpath(form) in {".", "a", "b", "a/b", "x"} or form == "":
            continue  # a folder or a name in the source, written in a roundabout way
        with pytest.raises(SyceeError):
            get(GetRequest(Asked(str(source)), form, tmp_path / "here/out"), around)
        with pytest.raises(SyceeError):
            listing(ListRequest(Asked(str(source)), form), around)
        pointer = {"deps": [{"path": form, "repo": {"url": str(source)}}], "outs": [{"path": "x", "hash": "md5"}]}
        try:
            tracked = parse_origin(repo.root, repo.root / "x.dvc", yaml(pointer))
        except SyceeError:
            continue
        assert fetch_imports(repo, tracked).failures, form
    assert not list((tmp_path / "here").iterdir())
    assert not list((repo.cache.root / "files").rglob("*"))


def test_notes_of_ours_that_somebody_else_wrote(repo, tmp_path):
    repo.scratch.mkdir(parents=True)
    (repo.scratch / "placed.json").write_text(json.dumps({form: [MD5, False, ""] for form in FORMS}))
    assert placed(repo) == {}
    before = everything(tmp_path)
    for form in (*REFUSED, ".dvc/config", ".DVC/config"):
        change = {"path": form, "data": "", "oid": None, "legacy": False, "before": None}
        (repo.scratch / "adopt.json").write_text(json.dumps([change]))
        with pytest.raises(SyceeError):
            finish(repo, "adopt")
        (repo.scratch / "adopt.json").unlink()
    assert everything(tmp_path) == before


def test_a_history_of_such_pointers_is_shown_and_not_obeyed(repo, git, capfd, tmp_path):
    git("commit", "-q", "--allow-empty", "-m", "before")
    for number, form in enumerate(FORMS):
        (repo.root / f"p{number:02}.dvc").write_bytes(yaml({"outs": [{**OUT, "path": form}]}))
    git("add", "-A")
    git("commit", "-qm", "hostile")
    before = everything(tmp_path)
    for words in (
        ["review", "HEAD~1", "--markdown", "--no-remote"],
        ["review", "HEAD~1", "--no-remote"],
        ["diff", "HEAD~1"],
        ["check", "-A"],
        ["status"],
        ["checkout", "--force"],
        ["gc", "--all-commits", "--force"],
        ["push"],
        ["adopt", "--all"],
    ):
        code = main(["-C", str(repo.root), *words])
        shown = "".join(capfd.readouterr())
        assert code in {0, 1, 2}, (words, shown)
        assert not set(shown) & set(map(chr, (0, 1, 13, 27, 127, 0x202E))), words
        assert "Traceback" not in shown
    assert [one for one in everything(tmp_path) if ".dvc/tmp" not in one[0]] == [
        one for one in before if ".dvc/tmp" not in one[0]
    ]


def test_a_link_on_the_way_is_no_way(repo, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (repo.root / "link").symlink_to(tmp_path / "elsewhere")
    oid = repo.cache.put_bytes(b"x")
    pointer = {"outs": [{"md5": oid, "size": 1, "hash": "md5", "path": "link/x"}]}
    tracked = parse_origin(repo.root, repo.root / "x.dvc", yaml(pointer))
    with pytest.raises(SyceeError, match="symlink"):
        checkout(repo, tracked, Options(force=True))
    with pytest.raises(SyceeError):
        list(LocalBackend(repo.root).read("link/x"))
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_note_that_came_with_the_clone_is_not_completed(repo):
    repo.scratch.mkdir(parents=True)
    change = {"path": "planted", "data": "eA==", "oid": None, "legacy": False, "before": None}
    (repo.scratch / "adopt.json").write_text(json.dumps([change]))
    repo.git.run("add", "-f", ".dvc/tmp/sycee/adopt.json")
    with pytest.raises(SyceeError, match="came with the clone"):
        finish(repo, "adopt")
    assert not (repo.root / "planted").exists()
