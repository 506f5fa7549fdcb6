"""What gc keeps: everything that somebody could still ask for. What it removes: the rest, in an order that is safe."""

import datetime as dt
import io
import json
import os
import subprocess
from contextlib import nullcontext

import pytest

from sycee.cli.main import main
from sycee.digest import digest_bytes
from sycee.errors import Conflict, NotFound, RemoteError, SyceeError, UsageError
from sycee.formats import dirobject
from sycee.formats.dirobject import Entry
from sycee.ops.add import add
from sycee.ops.gc import artifacts, collect, survey
from sycee.ops.needed import GcRequest
from sycee.ops.push import push
from sycee.storage.local import LocalBackend
from sycee.store.objects import Remote
from sycee.workspace.repository import find_repository, open_repository
from sycee.workspace.revisions import Revisions
from sycee.workspace.roots import Scope

MD5 = {name: digest_bytes(name.encode()).md5 for name in ("one", "two", "three", "four", "mine", "a", "b", "c")}
WORKSPACE = Scope(Revisions())


@pytest.fixture
def store(tmp_path):
    return LocalBackend(tmp_path / "store")


def opened(root):
    return open_repository(root, environ=os.environ)


def request(store=None, scope=WORKSPACE, **options):
    def open_remote(_repo, name):
        if store is None:
            raise NotFound("there is no default remote")
        return Remote(name or "store", store)

    return GcRequest(scope, opened, open_remote, **options)


def write(repo, name, content):
    path = repo.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode())
    return path


def tracked(repo, name, content):
    """Track a file, or a folder with a file of each name given."""
    if isinstance(content, str):
        add(repo, [write(repo, name, content)])
    else:
        for member in content:
            write(repo, f"{name}/{member}", member)
        add(repo, [repo.root / name])


@pytest.fixture
def history(repo, git):
    """A file in four versions: tagged, on a branch, in between, and in the work tree; the cache has no others."""
    for content in ("one", "two", "three", "four"):
        tracked(repo, "f", content)
        git("add", "-A")
        git("commit", "-qm", content)
        if content == "one":
            git("tag", "-a", "v1", "-m", "v1")
        if content == "two":
            git("branch", "side")
    return repo


def held(root):
    """The object ids in a cache, its folder sums left out."""
    return {path.parent.name + path.name for path in (root / "files/md5").rglob("*") if path.is_file()}


def names(root):
    known = {value: key for key, value in MD5.items()}
    return {known.get(oid, oid) for oid in held(root) if not oid.endswith(".dir")}


SCOPES = [
    (WORKSPACE, {"four"}),
    (Scope(Revisions(tags=True)), {"one", "four"}),
    (Scope(Revisions(branches=True)), {"two", "four"}),
    (Scope(Revisions(branches=True, depth=2)), {"one", "two", "three", "four"}),
    (Scope(Revisions(revs=("HEAD~1",))), {"three", "four"}),
    (Scope(Revisions(revs=("HEAD~1",), depth=9)), {"one", "two", "three", "four"}),
    (Scope(Revisions(everything=True)), {"one", "two", "three", "four"}),
    (Scope(Revisions(since=dt.date(2000, 1, 1))), {"one", "two", "three", "four"}),
    (Scope(Revisions(since=dt.date(2999, 1, 1))), {"four"}),
    (Scope(Revisions(experiments=True)), {"four"}),
    (Scope(Revisions(), 1), {"four"}),
    (Scope(Revisions(), 2), {"three", "four"}),
    (Scope(Revisions(tags=True), 2), {"one", "three", "four"}),
    (Scope(Revisions(), 9), {"one", "two", "three", "four"}),
]


def test_a_scope_says_what_is_kept(history):
    for scope, kept in SCOPES:
        going = survey(history, request(scope=scope)).stores[0].items
        left = held(history.cache.root) - {item.key.removeprefix("files/md5/").replace("/", "") for item in going}
        assert left == {MD5[name] for name in kept}, scope
    assert collect(history, request()).count == 3
    assert names(history.cache.root) == {"four"}
    assert survey(history, request()).count == 0


def test_a_version_is_a_content_and_counts_where_it_came_last(history, git):
    for content in ("one", "two", "one"):
        tracked(history, "f", content)
        git("commit", "-qam", f"{content} again")
    git("rm", "-q", "f.dvc")
    git("commit", "-qm", "nothing")
    collect(history, request(scope=Scope(Revisions(), 2)))
    assert names(history.cache.root) == {"one", "two"}  # of what is tracked no more, too


def ignored_by_git(repo, git):
    del git
    tracked(repo, "sub/mine", "mine")
    with (repo.root / ".git/info/exclude").open("a") as file:
        file.write("sub/\n*.dvc\n")


def in_a_git_repository_inside(repo, git):
    del git
    tracked(repo, "inner/mine", "mine")
    subprocess.run(["git", "init", "-q", repo.root / "inner"], check=True)


def stage_only(repo, git):
    tracked(repo, "f", "mine")
    git("add", "f.dvc")
    (repo.root / "f.dvc").write_bytes(
        subprocess.run(["git", "show", "HEAD:f.dvc"], cwd=repo.root, capture_output=True, check=True).stdout
    )


def stash(repo, git):
    tracked(repo, "f", "mine")
    git("stash", "-q")


def stash_of_untracked(repo, git):
    tracked(repo, "g", "mine")
    git("stash", "-q", "--include-untracked")
    assert not (repo.root / "g.dvc").exists()


def autostash(repo, git):
    git("checkout", "-q", "-b", "topic", "side")
    git("commit", "-q", "--allow-empty", "-m", "topic")
    write(repo, "plain", "x")
    git("add", "plain")
    git("commit", "-qm", "plain")
    git("checkout", "-q", "main")
    write(repo, "plain", "y")
    git("add", "plain")
    git("commit", "-qm", "other")
    tracked(repo, "f", "mine")
    git("rebase", "--autostash", "topic", rc=None)
    assert git("stash", "list").stdout == ""


def merge_in_conflict(repo, git):
    git("checkout", "-q", "side")
    tracked(repo, "f", "mine")
    git("commit", "-qam", "mine")
    git("checkout", "-q", "main")
    git("merge", "-q", "side", rc=None)
    git("checkout", "-q", "--ours", "f.dvc")


def another_work_tree(repo, git):
    git("worktree", "add", "-q", "../beside", "HEAD")
    other = opened(repo.root.parent / "beside")
    (other.root / ".dvc/config.local").write_text(f"[cache]\n    dir = {repo.cache.root}\n")
    other = opened(other.root)
    tracked(other, "f", "mine")
    other.close()


def another_project_below(repo, git):
    (repo.root / "sub/.dvc").mkdir(parents=True)
    (repo.root / "sub/.dvc/config").write_text(f"[cache]\n    dir = {repo.cache.root}\n")
    other = opened(repo.root / "sub")
    tracked(other, "g", "mine")
    other.close()
    git("add", "-A")


def another_project_that_git_was_not_told_of(repo, git):
    another_project_below(repo, git)
    git("rm", "-rq", "--cached", "sub")


def another_project_in_a_git_repository_inside(repo, git):
    another_project_below(repo, git)
    git("rm", "-rq", "--cached", "sub")
    subprocess.run(["git", "init", "-q", repo.root / "sub"], check=True)


def link_without_a_pointer(repo, _git):
    tracked(repo, "f", "mine")
    path = repo.cache.path(MD5["mine"])
    tracked(repo, "f", "four")
    (repo.root / "deep").mkdir()
    (repo.root / "deep/left over").symlink_to(path)
    (repo.root / "deep/circle").symlink_to("circle")


def imported(repo, git):
    tracked(repo, "g", "mine")
    text = (repo.root / "g.dvc").read_text()
    (repo.root / "g.dvc").write_text(
        "deps:\n- path: g\n  repo:\n    url: https://example.org/x\n    rev_lock: " + "a" * 40 + "\n" + text
    )


def listed_by_the_pointer(repo, _git):
    tracked(repo, "g", "mine")
    entry = f"  - relpath: x\n    md5: {MD5['mine']}\n    size: 4\n"
    (repo.root / "g.dvc").write_text(f"outs:\n- path: g\n  hash: md5\n  files:\n{entry}")


def output_of_a_pipeline(repo, _git):
    tracked(repo, "g", "mine")
    (repo.root / "g.dvc").unlink()
    (repo.root / "dvc.lock").write_text(
        f"schema: '2.0'\nstages:\n  train:\n    cmd: x\n    outs:\n    - path: g\n      hash: md5\n"
        f"      md5: {MD5['mine']}\n      size: 4\n"
    )


@pytest.mark.parametrize(
    "work",
    [
        *(
            stage_only,
            stash,
            stash_of_untracked,
            autostash,
            merge_in_conflict,
            another_work_tree,
            another_project_below,
        ),
        *(link_without_a_pointer, imported, listed_by_the_pointer, output_of_a_pipeline),
        *(
            another_project_in_a_git_repository_inside,
            ignored_by_git,
            in_a_git_repository_inside,
            another_project_that_git_was_not_told_of,
        ),
    ],
)
def test_what_nobody_may_lose_stays_in_any_scope(history, git, work):
    work(history, git)
    collect(history, request())
    assert "mine" in names(history.cache.root)
    assert "three" not in names(history.cache.root)


def test_a_work_tree_on_another_disk_may_need_anything(history, git, tmp_path):
    git("worktree", "add", "-q", "../beside", "HEAD")
    other = opened(history.root.parent / "beside")
    tracked(other, "f", "mine")
    other.close()
    (history.root.parent / "beside").rename(tmp_path / "unmounted")
    git("worktree", "lock", "../beside", rc=None)
    with pytest.raises(Conflict, match=r"locked work tree .*beside is not here"):
        collect(history, request())
    git("worktree", "unlock", "../beside", rc=None)
    assert collect(history, request()).count


def test_a_project_inside_with_stores_of_its_own_is_not_asked(history, git):
    another_project_in_a_git_repository_inside(history, git)
    (history.root / "sub/.dvc/config").write_text("")
    (history.root / "sub/g.dvc").write_text("outs: [")
    assert collect(history, request(scope=Scope(Revisions(revs=("HEAD",))))).count
    with (history.root / "sub/.dvc/config").open("a") as file:
        file.write(f"[cache]\n    dir = {history.cache.root}\n")
    with pytest.raises(SyceeError, match=r"g\.dvc is not readable YAML"):
        collect(history, request(scope=Scope(Revisions(revs=("HEAD",)))))


def test_an_object_has_one_name_whatever_links_lead_to_it(history):
    folder, name = MD5["four"][:2], MD5["four"][2:]
    other = f"{int(folder, 16) ^ 1:02x}"  # where objects of before DVC 3.0 would lie
    (history.cache.root / other).symlink_to(f"files/md5/{folder}")
    collect(history, request())
    assert (history.cache.root / "files/md5" / folder / name).read_bytes() == b"four"


def test_a_pointer_that_git_ignores_and_nobody_can_read_ends_it(history):
    (history.root / "x.dvc").write_text("outs: [")
    (history.root / ".git/info/exclude").write_text("x.dvc\n")
    with pytest.raises(Conflict, match="nothing is removed"):
        collect(history, request())
    assert "three" in names(history.cache.root)


def test_other_projects_that_are_named_keep_their_objects(history, tmp_path):
    root = tmp_path / "other"
    subprocess.run(["git", "init", "-q", root], check=True)
    (root / ".dvc").mkdir()
    (root / ".dvc/config").write_text(f"[cache]\n    dir = {history.cache.root}\n")
    other = find_repository(root, environ=os.environ)
    tracked(other, "g", "mine")
    collect(history, request(projects=(other,)))
    assert names(history.cache.root) == {"four", "mine"}
    collect(history, request())
    assert names(history.cache.root) == {"four"}


def test_folders_keep_their_members_and_their_sums(repo):
    tracked(repo, "d", ["a", "b"])
    before = held(repo.cache.root)
    sums = [path for path in (repo.cache.root / "sycee/sums").rglob("*") if path.is_file()]
    (repo.root / "d/b").unlink()
    tracked(repo, "d", ["a", "c"])
    found = survey(repo, request())
    assert [item.key for item in found.stores[0].items] == [
        repo.cache.path(next(oid for oid in before if oid.endswith(".dir"))).relative_to(repo.cache.root).as_posix(),
        repo.cache.path(MD5["b"]).relative_to(repo.cache.root).as_posix(),
        sums[0].relative_to(repo.cache.root).as_posix(),
    ]
    collect(repo, request())
    assert names(repo.cache.root) == {"a", "c"}
    assert not sums[0].exists()


def without_directory_object(repo):
    tracked(repo, "d", ["a", "b"])
    path = next((repo.cache.root / "files/md5").rglob("*.dir"))
    return path, path.read_bytes()


def test_a_directory_object_that_is_nowhere_stops_everything(repo):
    path, _ = without_directory_object(repo)
    path.unlink()
    tracked(repo, "f", "one")
    tracked(repo, "f", "two")
    before = held(repo.cache.root)
    with pytest.raises(Conflict, match=r"d: its directory object .* so nothing is removed") as refused:
        collect(repo, request())
    assert "--skip-failed" in refused.value.hint
    assert held(repo.cache.root) == before
    done = collect(repo, request(skip_failed=True))
    assert "left out" not in done.skipped[0]
    assert names(repo.cache.root) == {"two"}


def test_a_damaged_directory_object_counts_as_missing(repo):
    path, data = without_directory_object(repo)
    path.chmod(0o644)
    path.write_bytes(dirobject.render([Entry("a", MD5["a"])]))
    before = held(repo.cache.root)
    with pytest.raises(Conflict, match=r"5b94ef7ba4840901cc23311660411a1d.dir cannot be read"):
        collect(repo, request())
    assert held(repo.cache.root) == before
    assert path.read_bytes() != data


def test_a_directory_object_is_read_from_the_remote_where_the_cache_lacks_it(repo, store):
    path, _ = without_directory_object(repo)
    push(repo, repo.tracked(), lambda _name: Remote("store", store))
    path.unlink()
    collect(repo, request(store, cloud=True))
    assert names(repo.cache.root) == {"a", "b"}
    assert not path.exists()
    assert repo.cache.find(MD5["a"])


def test_a_damaged_directory_object_of_a_remote_is_called_so_as_everywhere(repo, store):
    path, _ = without_directory_object(repo)
    push(repo, repo.tracked(), lambda _name: Remote("store", store))
    key = path.relative_to(repo.cache.root).as_posix()
    store.write(key, io.BytesIO(b"[]"), 2)
    path.unlink()
    words = (
        r"cannot be read \(object .*dir is damaged on remote 'store': expected md5 .*, found md5 .*\): what it lists"
    )
    with pytest.raises(Conflict, match=words):
        collect(repo, request(store, cloud=True))


def test_a_remote_is_not_touched_while_a_folder_is_unknown(repo, store, tmp_path):
    path, _ = without_directory_object(repo)
    push(repo, repo.tracked(), lambda _name: Remote("store", store))
    store.delete(path.relative_to(repo.cache.root).as_posix())
    path.unlink()
    before = held(tmp_path / "store")
    with pytest.raises(Conflict, match="nothing is removed") as refused:
        collect(repo, request(store, cloud=True, skip_failed=True))
    assert "--skip-failed" not in refused.value.hint
    assert held(tmp_path / "store") == before


def test_an_unreadable_pointer_of_the_past_stops_everything(history, git):
    write(history, "f.dvc", "outs: [")
    git("commit", "-qam", "broken")
    git("checkout", "-q", "HEAD~1", "--", "f.dvc")
    git("commit", "-qm", "mended")
    before = held(history.cache.root)
    with pytest.raises(Conflict, match=r"f\.dvc.*nothing is removed"):
        collect(history, request(scope=Scope(Revisions(everything=True))))
    with pytest.raises(Conflict, match="nothing is removed"):
        collect(history, request(scope=Scope(Revisions(), 1)))
    assert held(history.cache.root) == before
    collect(history, request())  # the scope does not ask for it


def test_the_remote_loses_what_the_cache_loses(history, store, tmp_path):
    push(history, history.tracked(), lambda _name: Remote("store", store))
    (tmp_path / "store/ab").mkdir()
    (tmp_path / "store/ab/readme").write_bytes(b"somebody's")
    for content in ("one", "two"):
        store.write(history.cache.path(MD5[content]).relative_to(history.cache.root).as_posix(), _file(history), 3)
    done = collect(history, request(store, scope=Scope(Revisions(tags=True)), cloud=True))
    assert [(one.remote, len(one.items)) for one in done.stores] == [(None, 2), ("store", 1)]
    assert names(tmp_path / "store") == {"one", "four"}
    assert (tmp_path / "store/ab/readme").exists()


def _file(history):
    return history.cache.path(MD5["one"])


def test_only_what_the_remote_lacks_stays(history, store):
    push(history, history.tracked(), lambda _name: Remote("store", store))
    tracked(history, "g", "mine")
    collect(history, request(store, not_in_remote=True))
    assert names(history.cache.root) == {"mine"}


def test_an_object_in_another_size_is_not_on_the_remote(history, store):
    key = history.cache.path(MD5["four"]).relative_to(history.cache.root).as_posix()
    store.write(key, history.cache.path(MD5["one"]), 3)
    collect(history, request(store, not_in_remote=True))
    assert names(history.cache.root) == {"four"}


def test_a_remote_that_fails_costs_nothing(history, store, monkeypatch):
    def fails(*_arguments):
        raise RemoteError("gone")

    before = held(history.cache.root)
    monkeypatch.setattr(store, "list", fails)
    with pytest.raises(RemoteError):
        collect(history, request(store, cloud=True))
    assert held(history.cache.root) == before


def test_a_removal_that_fails_stops_before_the_members(repo, monkeypatch):
    tracked(repo, "d", ["a", "b"])
    (repo.root / "d.dvc").unlink()
    before = held(repo.cache.root)

    def refuses(_self, key):
        raise RemoteError(f"cannot delete {key}")

    monkeypatch.setattr(LocalBackend, "delete", refuses)
    with pytest.raises(SyceeError, match=r"cannot delete .*\.dir") as refused:
        collect(repo, request())
    assert refused.value.exit_code == 1  # the cache is no remote
    assert held(repo.cache.root) == before


def test_what_became_garbage_after_the_question_stays(history):
    asked = survey(history, request(scope=Scope(Revisions(tags=True))))
    done = collect(history, request(), approved=asked)
    assert done.count == 2
    assert names(history.cache.root) == {"one", "four"}


def test_garbage_is_told_by_path(history, git):
    tracked(history, "d", ["a", "b"])
    git("add", "-A")
    git("commit", "-qm", "d")
    git("rm", "-q", "d.dvc")
    found = survey(history, request())
    told = artifacts(history, found)
    assert told["f"] == (3, len("onetwothree"))
    assert told["d/"][0] == 4  # two files, the directory object, the sums
    assert sum(count for count, _ in told.values()) == found.count


def test_nothing_but_objects_goes(history):
    root = history.cache.root
    others = ["sycee/quarantine/x", "runs/ab/cd/ef", "zz/foo", f"files/md5/ab/{'0' * 30}.sig", "ab/cd", "README"]
    for name in others:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    collect(history, request())
    assert [name for name in others if not (root / name).exists()] == []


def test_legacy_objects_go_and_stay_by_their_own_layout(history, git):
    root = history.cache.root
    for oid in (MD5["four"], "ab" + "0" * 30):
        (root / oid[:2]).mkdir(exist_ok=True)
        (root / oid[:2] / oid[2:]).write_bytes(b"four")
    pointer = f"outs:\n- md5: {MD5['four']}\n  size: 4\n  path: f\n"
    (history.root / "f.dvc").write_text(pointer)
    git("add", "f.dvc")
    collect(history, request())
    assert held(root) == set()
    assert (root / MD5["four"][:2] / MD5["four"][2:]).exists()
    assert not (root / "ab" / ("0" * 30)).exists()


def test_a_shallow_clone_may_not_judge_a_remote(history, store, tmp_path):
    subprocess.run(["git", "clone", "-q", "--depth=1", f"file://{history.root}", tmp_path / "clone"], check=True)
    clone = find_repository(tmp_path / "clone", environ=os.environ)
    for scope in (Scope(Revisions(everything=True)), Scope(Revisions(), 2), Scope(Revisions(branches=True, depth=2))):
        with pytest.raises(Conflict, match="shallow"):
            survey(clone, request(store, scope=scope, cloud=True))
    survey(clone, request(store, cloud=True))


def test_nor_a_cache_that_it_may_share(history, store, tmp_path):
    subprocess.run(["git", "clone", "-q", "--depth=1", f"file://{history.root}", tmp_path / "clone"], check=True)
    everything = request(store, scope=Scope(Revisions(everything=True)))
    survey(find_repository(tmp_path / "clone", environ=os.environ), everything)
    (tmp_path / "clone/.dvc/config.local").write_text(f"[cache]\n    dir = {history.cache.root}\n")
    with pytest.raises(Conflict, match="a cache that others may share"):
        survey(find_repository(tmp_path / "clone", environ=os.environ), everything)


def test_unfinished_files_of_long_ago_go(history):
    folder = history.cache.path(MD5["four"]).parent
    old, new = folder / f".{'A' * 22}.tmp", folder / f".{'B' * 22}.tmp"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (1, 1))
    collect(history, request())
    assert not old.exists()
    assert new.exists()


def test_it_waits_for_nobody_and_holds_every_lock(history, git, monkeypatch):
    git("worktree", "add", "-q", "../beside", "HEAD")
    locked = []
    monkeypatch.setattr(
        type(history), "locked", lambda self: (locked.append(self.root.name), nullcontext())[1], raising=True
    )
    survey(history, request())
    assert locked == []
    collect(history, request())
    assert locked == ["beside", "repo"]


def test_without_git_only_the_workspace_is_a_scope(tmp_path):
    (tmp_path / "plain/.dvc").mkdir(parents=True)
    (tmp_path / "plain/.dvc/config").write_text("[core]\n    no_scm = true\n")
    plain = find_repository(tmp_path / "plain", environ=os.environ)
    for content in ("one", "two"):
        tracked(plain, "f", content)
    with pytest.raises(UsageError, match="need Git"):
        collect(plain, request(scope=Scope(Revisions(tags=True))))
    collect(plain, request())
    assert names(plain.cache.root) == {"two"}
    plain.close()


def test_a_repository_without_commits(repo):
    tracked(repo, "f", "one")
    tracked(repo, "f", "two")
    for scope in (Scope(Revisions(everything=True)), Scope(Revisions(), 3), Scope(Revisions(commits=True))):
        collect(repo, request(scope=scope))
    assert names(repo.cache.root) == {"two"}


def test_the_command(history, capsys):
    def run(*words):
        code = main(["-C", str(history.root), "gc", *words])
        return code, *capsys.readouterr()

    assert run()[0] == 2
    for words in (["-w", "-n2"], ["-w", "-r", "x"], ["-w", "-c", "--not-in-remote"], ["-w", "stray"], ["-w", "--json"]):
        assert run(*words)[0] == 2
    code, out, err = run("-w")
    assert (code, out) == (1, "")
    assert "  f: 3 objects, 11 B\n" in err
    assert "error: nothing was removed: there is no terminal to ask" in err
    assert names(history.cache.root) == {"one", "two", "three", "four"}
    assert json.loads(run("-T", "--dry", "--json")[1])["paths"] == {"f": {"objects": 2, "bytes": 8}}
    assert run("-T", "-f")[:2] == (0, "Removed 2 objects from repo cache.\nNo unused 'legacy' cache to remove.\n")
    assert "No unused 'repo' cache" in run("-T")[1]  # nothing to ask about
