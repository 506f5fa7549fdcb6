"""Reading another repository: what arrives is verified, nothing of it is executed, and nothing leaves its place."""

import os
import shutil
import stat
import subprocess
import zlib
from pathlib import Path

import pytest

from sycee.cli.main import main
from sycee.errors import Conflict, DigestMismatch, FormatError, NotFound, RemoteError, UsageError
from sycee.ops.add import add
from sycee.ops.get import GetRequest, get, object_url
from sycee.ops.init import InitRequest, init
from sycee.ops.list import ListRequest, listing
from sycee.system.atomic import temp_name
from sycee.system.git import Git
from sycee.system.gitfetch import obtain
from sycee.workspace.repository import find_repository
from sycee.workspace.source import Asked, Surroundings, open_source

REMOTE = "[core]\n    remote = store\n['remote \"store\"']\n    url = ../../store\n"


@pytest.fixture
def around(tmp_path):
    """A place without a repository, which keeps what it is warned of."""
    warnings = []
    (tmp_path / "here").mkdir()
    return Surroundings(tmp_path / "here", os.environ, warnings.append)


@pytest.fixture
def source(tmp_path):
    """A repository with a tracked file, a tracked folder and files of Git; its objects are in ``store`` only."""
    root = tmp_path / "src"
    for name, data in {
        "w.bin": "weights",
        "d/a": "same",
        "d/s/b": "same",
        "d/c": "c",
        "pkg/code.py": "x = 1\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(data)
    subprocess.run(["git", "init", "-q", root], check=True)
    init(InitRequest(root))
    (root / ".dvc/config").write_text(REMOTE)
    repo = find_repository(root, environ=os.environ)
    add(repo, [root / "w.bin", root / "d"])
    repo.close()
    commit(root, "one")
    (root / ".dvc/cache").rename(tmp_path / "store")
    return root


def commit(root, tag):
    git = Git(root)
    git.run("add", "-A")
    git.run("commit", "-qm", tag)
    git.run("tag", tag)


def place(source, md5):
    return source.parent / "store/files/md5" / md5[:2] / md5[2:]


def names(around, asked, **wanted):
    return [one.path for one in listing(ListRequest(asked, **wanted), around)]


def test_a_file_and_a_folder_arrive_as_files_of_ones_own(source, around):
    target = get(GetRequest(Asked("../src"), "w.bin"), around)
    assert target == around.cwd / "w.bin"
    assert stat.S_IMODE(target.stat().st_mode) == 0o644
    folder = get(GetRequest(Asked("../src"), "d", out=around.cwd / "deep/er/copy"), around)
    assert {path.name: path.read_text() for path in folder.rglob("*") if path.is_file()} == {
        "a": "same",
        "b": "same",
        "c": "c",
    }
    assert len({path.stat().st_ino for path in folder.rglob("*") if path.is_file()}) == 3
    inside = get(GetRequest(Asked("../src"), "d/s/b", out=around.cwd / "deep"), around)
    assert inside == around.cwd / "deep/b"
    assert [path.name for path in around.cwd.iterdir() if path.name.startswith(".")] == []


def test_damage_in_the_store_is_refused_and_nothing_appears(source, around):
    stored = next((source.parent / "store/files/md5").glob("*/*[!r]"))
    for stored in (source.parent / "store/files/md5").glob("*/*"):
        if stored.suffix != ".dir":
            stored.chmod(0o644)
            stored.write_text("evil")
    with pytest.raises(DigestMismatch) as raised:
        get(GetRequest(Asked("../src"), "w.bin"), around)
    assert "kept in" not in raised.value.hint
    with pytest.raises(DigestMismatch):
        get(GetRequest(Asked("../src"), "d"), around)
    assert list(around.cwd.iterdir()) == []


def test_what_is_in_the_way_stays_unless_it_is_given_up(source, around):
    (around.cwd / "w.bin").write_text("mine")
    with pytest.raises(Conflict, match="exists"):
        get(GetRequest(Asked("../src"), "w.bin"), around)
    assert (around.cwd / "w.bin").read_text() == "mine"
    get(GetRequest(Asked("../src"), "w.bin", force=True), around)
    assert (around.cwd / "w.bin").read_text() == "weights"


def test_a_folder_goes_into_one_that_exists_file_by_file(source, around):
    (around.cwd / "d").mkdir()
    (around.cwd / "d/own").write_text("mine")
    (around.cwd / "d/a").write_text("older")
    get(GetRequest(Asked("../src"), "d", force=True), around)
    assert (around.cwd / "d/own").read_text() == "mine"
    assert (around.cwd / "d/a").read_text() == "same"
    (around.cwd / "d/s/b").unlink()
    (around.cwd / "d/s").rmdir()
    (around.cwd / "d/s").symlink_to("/")
    with pytest.raises(Conflict, match="each other's place"):
        get(GetRequest(Asked("../src"), "d", force=True), around)
    (around.cwd / "w.bin/w.bin").mkdir(parents=True)
    with pytest.raises(Conflict, match="is a folder"):
        get(GetRequest(Asked("../src"), "w.bin", out=around.cwd / "w.bin", force=True), around)


@pytest.mark.parametrize("path", ["..", "../src/w.bin", "/etc/passwd", "d/../../x"])
def test_a_path_that_leads_out_of_the_source_is_refused(source, around, path):
    with pytest.raises(UsageError, match="leads out"):
        get(GetRequest(Asked("../src"), path), around)


@pytest.mark.parametrize("url", ["ext::sh -c 'touch x'", "--upload-pack=touch x", "fd::3", "s3://bucket/x", "HG://x/y"])
def test_addresses_that_are_commands_are_refused(around, url):
    with pytest.raises(UsageError, match="no address"):
        open_source(Asked(url), around)


def test_what_is_not_there_is_named(source, around):
    with pytest.raises(NotFound, match=r"no nope in \.\./src"):
        get(GetRequest(Asked("../src"), "nope"), around)
    with pytest.raises(NotFound, match="no d/nope"):
        get(GetRequest(Asked("../src"), "d/nope"), around)
    with pytest.raises(NotFound, match=r"no w\.bin/x"):
        listing(ListRequest(Asked("../src"), "w.bin/x"), around)
    with pytest.raises(NotFound, match="no repository"):
        open_source(Asked("../none"), around)
    with pytest.raises(NotFound, match="no revision"):
        open_source(Asked("../src", "v9"), around)
    with pytest.raises(RemoteError, match="cannot read"):
        open_source(Asked("https://user:secret@127.0.0.1:1/x"), around)
    (source.parent / "store").rename(source.parent / "gone")
    with pytest.raises(NotFound, match="neither in the cache nor on remote 'store'"):
        get(GetRequest(Asked("../src"), "w.bin"), around)
    assert list(around.cwd.iterdir()) == []


def test_no_secret_of_an_address_is_shown(around):
    with pytest.raises(RemoteError) as raised:
        open_source(Asked("https://user:secret@127.0.0.1:1/x"), around)
    assert "secret" not in raised.value.message


def test_an_address_is_cloned_once_for_each_commit(source, around, tmp_path):
    url = source.as_uri()
    full = Git(source).head()
    assert names(around, Asked(url, full)) == names(around, Asked(url)) == names(around, Asked("../src", "one"))
    (source / "new").write_text("n")
    commit(source, "two")
    assert "new" in names(around, Asked(url))
    assert "new" in names(around, Asked(url, "two"))
    assert "new" not in names(around, Asked(url, "main~1"))
    assert "new" in names(around, Asked(url, "main"))  # after its history was asked for
    with pytest.raises(NotFound, match="no revision"):
        open_source(Asked(url, "v9"), around)
    source.rename(tmp_path / "moved")
    assert obtain(url, full, home=around.clones).id == full
    with pytest.raises(RemoteError):
        obtain(url, "two", home=around.clones)


def test_what_a_killed_git_left_in_a_clone_is_no_hindrance(source, around):
    clone = obtain(source.as_uri(), None, home=around.clones).git.root
    (clone / "shallow.lock").touch()
    (clone / "refs/sycee" / "x.lock").touch()
    (source / "new").write_text("n")
    commit(source, "two")
    assert "new" in names(around, Asked(source.as_uri()))


def test_neither_hooks_nor_settings_of_a_source_are_obeyed(source, around, tmp_path):
    """Everything that Git would start for a repository is set to leave a trace."""
    trace = tmp_path / "trace"
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\ntouch {trace}\n")
    script.chmod(0o755)
    git = Git(source)
    for key in ("core.fsmonitor", "core.sshCommand", "core.pager", "uploadpack.packObjectsHook", "diff.external"):
        git.run("config", key, str(script))
    git.run("config", "protocol.ext.allow", "always")
    git.run("config", "remote.origin.url", f"ext::{script}")
    git.run("config", "remote.origin.promisor", "true")
    blob = git.run("rev-parse", "HEAD:pkg/code.py").decode().strip()
    (source / ".git/objects" / blob[:2] / blob[2:]).unlink()
    for hook in ("reference-transaction", "post-checkout", "pre-auto-gc"):
        (source / ".git/hooks").mkdir(exist_ok=True)
        shutil.copy(script, source / ".git/hooks" / hook)
    with pytest.raises(NotFound, match="Git lacks the object"):
        get(GetRequest(Asked("../src", "one"), "pkg/code.py"), around)
    with pytest.raises(RemoteError):
        listing(ListRequest(Asked(source.as_uri())), around)
    assert not trace.exists()


def test_a_damaged_object_of_git_is_noticed(source, around):
    git = Git(source)
    blob = git.run("rev-parse", "HEAD:pkg/code.py").decode().strip()
    loose = source / ".git/objects" / blob[:2] / blob[2:]
    loose.chmod(0o644)
    loose.write_bytes(zlib.compress(b"blob 6\0x = 2\n"))
    with pytest.raises((DigestMismatch, FormatError, NotFound)):
        get(GetRequest(Asked("../src", "one"), "pkg/code.py"), around)
    assert list(around.cwd.iterdir()) == []


@pytest.mark.parametrize("name", [b"..", b".git", b"a\\b"])
def test_hostile_names_in_a_commit_are_not_written(source, around, name):
    git = Git(source)
    blob = bytes.fromhex(git.run("rev-parse", "HEAD:pkg/code.py").decode().strip())
    inner = git.run("hash-object", "-t", "tree", "-w", "--literally", "--stdin", stdin=b"100644 x\0" + blob)
    entries = b"40000 " + name + b"\0" + bytes.fromhex(inner.decode().strip())
    middle = git.run("hash-object", "-t", "tree", "-w", "--literally", "--stdin", stdin=entries).decode().strip()
    tree = git.run("mktree", stdin=f"040000 tree {middle}\tevil\n".encode()).decode().strip()
    made = git.run("commit-tree", "-m", "x", tree).decode().strip()
    with pytest.raises((FormatError, NotFound)):
        get(GetRequest(Asked("../src", made), "evil"), around)
    assert [path.name for path in around.cwd.iterdir()] == []


@pytest.mark.parametrize("path", ["../../../x", "/etc/x", ".git/hooks/x"])
def test_hostile_pointers_of_a_source_are_refused(source, around, path):
    (source / "w.bin.dvc").write_text((source / "w.bin.dvc").read_text().replace("path: w.bin", f"path: {path}"))
    with pytest.raises(FormatError):
        get(GetRequest(Asked("../src"), "w.bin"), around)


def test_a_source_cannot_aim_the_users_credentials_elsewhere(source, around):
    own = Path(around.environ["DVC_GLOBAL_CONFIG_DIR"])
    own.mkdir()
    (own / "config").write_text(
        "['remote \"store\"']\n    url = s3://ours\n    endpointurl = https://ours.example\n    secret_access_key = s\n"
    )
    (source / ".dvc/config").write_text(
        "[core]\n    remote = store\n['remote \"store\"']\n    url = s3://ours\n    endpointurl = https://theirs.example\n"
    )
    commit(source, "redirect")
    for asked in (Asked("../src"), Asked(source.as_uri(), "redirect"), Asked("../src", "redirect")):
        config = open_source(asked, around).projects[0].config
        assert "secret_access_key" not in config.remotes()["store"]
    assert any("another host" in warning for warning in around.notify.__self__)


def test_a_remote_that_lies_beside_an_unknown_place_is_named(source, around):
    known = Path(os.environ["GIT_CONFIG_GLOBAL"])
    known.write_text(
        f'{known.read_text()}[url "{source.parent.as_uri()}/"]\n    insteadOf = https://git.example.org/\n'
    )
    asked = Asked("https://git.example.org/src")
    with pytest.raises(NotFound, match="folder beside it") as raised:
        get(GetRequest(asked, "w.bin"), around)
    assert "--remote" in raised.value.hint
    chosen = Asked("https://git.example.org/src", remote_config={"url": "../store"})
    assert get(GetRequest(chosen, "w.bin"), around).read_text() == "weights"
    assert object_url(chosen, "w.bin", around).startswith(str(source.parent / "store/files/md5"))


def test_a_project_inside_is_listed_only_by_name(source, around):
    inner = source / "inner"
    inner.mkdir()
    init(InitRequest(inner, subdir=True))
    (inner / "n.bin").write_text("n")
    repo = find_repository(inner, environ=os.environ)
    add(repo, [inner / "n.bin"])
    repo.close()
    commit(source, "two")
    for asked in (Asked("../src"), Asked("../src", "two"), Asked(source.as_uri())):
        assert "inner" not in names(around, asked)
        assert "n.bin" in names(around, asked, path="inner", dvc_only=True)
    get(GetRequest(Asked("../src", "two"), "inner/n.bin"), around)
    assert (around.cwd / "n.bin").read_text() == "n"


def test_leftovers_of_a_killed_get_are_swept(source, around):
    left = around.cwd / temp_name()
    (left / "objects").mkdir(parents=True)
    get(GetRequest(Asked("../src"), "w.bin"), around)
    assert [path.name for path in around.cwd.iterdir()] == ["w.bin"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["get", "../src", "w.bin", "--remote-config", "x"], 2),
        (["get", "../src", "w.bin", "--config", "nowhere"], 2),
        (["get", "../src", "w.bin", "--remote", "nowhere"], 1),
        (["get", "../src", "w.bin", "-j", "0"], 2),
        (["get", "../src", "w.bin.dvc"], 2),
        (["get", "../src", "."], 2),
        (["get", "../src", "pkg/code.py", "--show-url"], 1),
        (["list", "../src", "-T", "--json"], 2),
        (["list", "../src", "nope"], 1),
        (["list", "../src", "-L", "-1"], 2),
    ],
)
def test_wrong_words(source, around, capsys, words, code):
    assert main(["-C", str(around.cwd), *words]) == code
    assert "hint:" in capsys.readouterr().err
    assert list(around.cwd.iterdir()) == []


def test_the_whole_of_a_source_needs_a_name(source, around):
    target = get(GetRequest(Asked("../src"), ".", out=around.cwd / "all"), around)
    found = sorted(path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file())
    assert found == [".dvcignore", ".gitignore", "d/a", "d/c", "d/s/b", "pkg/code.py", "w.bin"]


def test_a_hook_that_calls_us_keeps_its_branches(source, around, tmp_path, monkeypatch):
    own = tmp_path / "own"
    subprocess.run(["git", "init", "-q", own], check=True)
    (own / "mine").write_text("mine")
    commit(own, "mine")
    before = Git(own).run("for-each-ref")
    Git(source).run("branch", "mine")
    monkeypatch.setenv("GIT_DIR", str(own / ".git"))
    for rev in (None, "mine", "HEAD~0"):
        obtain(f"file://{source}", rev, home=around.clones)
    monkeypatch.delenv("GIT_DIR")
    assert Git(own).run("for-each-ref") == before
    assert Git(own).run("config", "core.bare") == b"false\n"
