"""Pointers that ``dvc import`` made: their content comes from the repository they name, at the commit they name."""

import os
import subprocess

import pytest

from sycee.cli.main import main
from sycee.errors import DigestMismatch, NotFound, SyceeError, UsageError
from sycee.formats import pointer
from sycee.formats.stagesum import stage_checksum
from sycee.ops.add import add
from sycee.ops.checkout import checkout
from sycee.ops.importing import fill
from sycee.ops.init import InitRequest, init
from sycee.ops.push import push
from sycee.ops.status import status
from sycee.ops.transfer import fetch
from sycee.system.git import Git
from sycee.workspace.repository import find_repository

IMPORT = """\
md5: {stage}
frozen: true
deps:
- path: {path}
  repo:
    url: {url}
    rev_lock: {commit}
outs:
- {out}
"""
# As dvc 3.67 wrote it before and after `dvc commit` of what `dvc import --no-download` had left out.
GOLDEN = """\
md5: 4c8f6039430166715f8037aeae4bec06
frozen: true
deps:
- path: models/run.sh
  repo:
    url: ../../src
    rev_lock: 29a64de7b94d8768642a8324a10fb450699229f7
outs:
- hash: md5
  path: run.sh
"""
FILLED = """\
md5: fe595f9babdaf2bf950144f8392f2eb6
frozen: true
deps:
- path: models/run.sh
  repo:
    url: ../../src
    rev_lock: 29a64de7b94d8768642a8324a10fb450699229f7
outs:
- hash: md5
  path: run.sh
  md5: 3e2b31c72181b87149ff995e7202c0e3
  size: 10
"""


def make(root, files, tracked):
    """Make a repository with some of its files tracked, whose objects are in its cache only; returns its commit."""
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(data)
    subprocess.run(["git", "init", "-q", root], check=True)
    init(InitRequest(root))
    repo = find_repository(root, environ=os.environ)
    add(repo, [root / name for name in tracked])
    repo.close()
    return commit(root)


def commit(root):
    git = Git(root)
    git.run("add", "-A")
    git.run("commit", "-qm", "x")
    return git.head()


@pytest.fixture
def source(tmp_path):
    files = {"w.bin": "weights", "d/a": "a", "d/s/b": "b", "pkg/code.py": "x = 1\n", "pkg/big.bin": "big"}
    make(tmp_path / "src", files, ["w.bin", "d", "pkg/big.bin"])
    return tmp_path / "src"


def imported(repo, source, path, out="hash: md5", url=None):
    """Write the pointer of an import in a folder of the repository, and return the path of what it stands for."""
    name = path.rpartition("/")[2]
    folder = repo.root / "in"
    folder.mkdir(exist_ok=True)
    out = f"{out}\n  path: {name}"
    text = IMPORT.format(stage="a" * 32, path=path, url=url or "../../src", commit=Git(source).head(), out=out)
    (folder / f"{name}.dvc").write_text(text)
    return folder / name


def pull(repo):
    fill(repo, repo.tracked())
    fetch(repo, repo.tracked(), no_remote)
    return checkout(repo, repo.tracked()).marks


def no_remote(name):
    raise NotFound(f"no remote is to be asked, not even {name}")


def test_the_checksum_of_a_pointer_is_dvcs():
    out = pointer.Out("run.sh", "3e2b31c72181b87149ff995e7202c0e3", 10)
    assert pointer.patch(GOLDEN.encode(), "run.sh.dvc", out, None).decode() == FILLED
    assert stage_checksum({"deps": [], "wdir": ".", "md5": "x", "meta": 1}) == stage_checksum({"deps": []})
    assert stage_checksum({"deps": [], "wdir": "x"}) != stage_checksum({"deps": []})


def test_where_an_import_comes_from_is_read():
    found = pointer.parse(GOLDEN.encode(), "run.sh.dvc")
    assert (found.source.path, found.source.url, found.source.rev) == ("models/run.sh", "../../src", None)
    assert not found.outs[0].push
    assert pointer.parse(b"deps:\n- path: ../x\nouts:\n- path: x\n", "x.dvc").source is None


@pytest.mark.parametrize("path", ["w.bin", "d", "d/s", "d/a", "pkg/code.py", "pkg"])
def test_content_that_was_left_out_is_brought_and_noted(repo, source, path):
    place = imported(repo, source, path)
    pull(repo)
    assert content(place) == content(source / path)
    assert not status(repo, repo.tracked()).changes
    assert not pull(repo)


def content(place):
    if place.is_file():
        return place.read_text()
    kept = [path for path in place.rglob("*") if path.is_file() and path.suffix != ".dvc"]
    return {path.relative_to(place).as_posix(): path.read_text() for path in kept}


def test_content_comes_from_the_commit_that_the_pointer_names(repo, source):
    place = imported(repo, source, "w.bin")
    pull(repo)
    (source / "w.bin").write_text("others")
    there = find_repository(source, environ=os.environ)
    add(there, [source / "w.bin"])
    there.close()
    commit(source)
    place.unlink()
    (repo.root / ".dvc/cache").rename(repo.root / "gone")
    pull(repo)
    assert place.read_text() == "weights"


def test_nothing_is_asked_of_the_source_when_nothing_lacks(repo, source, tmp_path):
    place = imported(repo, source, "d")
    pull(repo)
    source.rename(tmp_path / "moved")
    (place / "a").unlink()
    pull(repo)
    assert (place / "a").read_text() == "a"


def test_imports_are_not_pushed(repo, source):
    imported(repo, source, "w.bin")
    pull(repo)
    assert not push(repo, repo.tracked(), no_remote).moved


def test_a_source_that_is_gone_is_named(repo, source, tmp_path):
    imported(repo, source, "w.bin")
    source.rename(tmp_path / "moved")
    with pytest.raises(NotFound, match=r"in/w\.bin: there is no repository \.\./\.\./src"):
        pull(repo)
    with pytest.raises(NotFound):
        fetch(repo, repo.tracked(), no_remote)


def test_a_commit_that_is_gone_is_named(repo, source):
    place = imported(repo, source, "w.bin")
    origin = place.with_name("w.bin.dvc")
    origin.write_text(origin.read_text().replace(Git(source).head(), "b" * 40))
    with pytest.raises(NotFound, match="no revision"):
        pull(repo)


@pytest.mark.parametrize("path", ["w.bin", "d", "pkg/code.py"])
def test_other_content_than_the_pointer_says_is_refused(repo, source, path):
    md5 = "a" * 32 + (".dir" if path == "d" else "")
    place = imported(repo, source, path, f"md5: '{md5}'\n  hash: md5")
    before = place.with_name(f"{place.name}.dvc").read_bytes()
    with pytest.raises(DigestMismatch, match="other content"):
        pull(repo)
    assert not place.exists()
    assert place.with_name(f"{place.name}.dvc").read_bytes() == before


def test_an_import_of_an_import_comes_from_its_source(repo, source, tmp_path):
    make(tmp_path / "middle", {"x": "x"}, ["x"])
    middle = find_repository(tmp_path / "middle", environ=os.environ)
    place = imported(middle, source, "d")
    pull(middle)
    middle.close()
    commit(tmp_path / "middle")
    (tmp_path / "middle/.dvc/cache").rename(tmp_path / "gone")
    ours = imported(repo, tmp_path / "middle", "in/d", url="../../middle")
    pull(repo)
    assert content(ours) == content(place)


def test_imports_in_a_circle_end(repo, source):
    place = imported(repo, source, "in/w.bin", f"md5: {'a' * 32}\n  hash: md5", url=str(repo.root))
    origin = place.with_name("w.bin.dvc")
    origin.write_text(origin.read_text().replace(Git(source).head(), "HEAD"))
    commit(repo.root)
    with pytest.raises(SyceeError, match="circle"):
        fetch(repo, repo.tracked(), no_remote)


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ("    remote:\n      url: s3://theirs\n", SyceeError),
        ("    config: ../evil\n", SyceeError),
    ],
)
def test_a_pointer_sets_no_options(repo, source, more, error):
    origin = imported(repo, source, "w.bin").with_name("w.bin.dvc")
    origin.write_text(origin.read_text().replace("outs:", f"{more}outs:"))
    with pytest.raises(error, match="sets options"):
        pull(repo)


@pytest.mark.parametrize(
    ("url", "error"), [("ext::sh -c 'touch here'", UsageError), ("--upload-pack=x", UsageError), ("/nowhere", NotFound)]
)
def test_hostile_addresses_of_a_pointer_are_refused(repo, source, url, error):
    imported(repo, source, "w.bin", url=f'"{url}"')
    with pytest.raises(error):
        pull(repo)


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", ".."])
def test_a_path_that_leads_out_of_the_source_is_refused(repo, source, path):
    origin = imported(repo, source, "w.bin").with_name("w.bin.dvc")
    origin.write_text(origin.read_text().replace("path: w.bin\n  repo", f"path: {path}\n  repo"))
    with pytest.raises(UsageError, match="leads out"):
        pull(repo)


def test_pull_says_which_pointers_git_has_to_know(repo, source, capsys):
    imported(repo, source, "w.bin")
    assert main(["-C", str(repo.root), "pull"]) == 0
    printed = capsys.readouterr()
    assert "1 file added" in printed.out
    assert "git add in/w.bin.dvc" in printed.out + printed.err
    assert main(["-C", str(repo.root), "fetch"]) == 0
