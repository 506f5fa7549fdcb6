"""Install: Git calls sycee, nobody else's hook is touched, and all of it can be taken away again."""

import os
import stat
import subprocess

import pytest

from sycee.cli.main import main
from sycee.errors import Conflict, FormatError, UsageError
from sycee.formats import precommit
from sycee.ops.init import InitRequest, init
from sycee.ops.install import DRIVERS, HOOKS, InstallRequest, install, uninstall
from sycee.workspace.repository import find_repository

LINE = b"*.dvc merge=dvc diff=sycee\n"


def git_settings(root):
    listed = subprocess.run(["git", "config", "--local", "--list", "-z"], cwd=root, capture_output=True, check=True)
    return dict(entry.split("\n", 1) for entry in listed.stdout.decode().split("\0") if "\n" in entry)


def state(root):
    """Everything in Git's folder that install could touch, and the pre-commit tool's file."""
    files = [*root.glob(".git/hooks/*"), *root.glob(".git/info/*"), *root.glob(".pre-commit*")]
    return git_settings(root), {path: (path.stat().st_mode, path.read_bytes()) for path in files}


def hook(root, name):
    return root / ".git/hooks" / name


def test_install_and_take_it_back(repo):
    before = state(repo.root)
    assert {path.name for path in install(repo, InstallRequest())} == {*HOOKS, "attributes"}
    for name in HOOKS:
        text = hook(repo.root, name).read_text()
        assert text.startswith("#!/bin/sh\n")
        assert text.endswith(f'exec sycee git-hook {name} "$@"\n')
        assert hook(repo.root, name).stat().st_mode & stat.S_IXUSR
    assert DRIVERS.items() <= git_settings(repo.root).items()
    assert (repo.root / ".git/info/attributes").read_bytes() == LINE
    after = state(repo.root)
    assert install(repo, InstallRequest()) == []
    assert state(repo.root) == after
    assert len(uninstall(repo)) == 4
    assert state(repo.root) == before
    assert uninstall(repo) == []


@pytest.mark.parametrize("name", HOOKS)
@pytest.mark.parametrize("kind", ["script", "empty", "dangling"])
def test_a_foreign_hook_stops_it_before_the_first_change(repo, name, kind, capsys):
    place = hook(repo.root, name)
    place.parent.mkdir(exist_ok=True)
    if kind == "dangling":
        place.symlink_to("/nowhere/hook")
    else:
        place.write_text("#!/bin/sh\nexec dvc git-hook x\n" if kind == "script" else "")
    others = [path for path in (repo.root / ".git/hooks").iterdir() if path != place]
    before = git_settings(repo.root), sorted(others)
    assert main(["-C", str(repo.root), "install"]) == 1
    assert f'add this line to it: sycee git-hook {name} "$@"' in capsys.readouterr().err
    assert (git_settings(repo.root), sorted(p for p in (repo.root / ".git/hooks").iterdir() if p != place)) == before


def test_a_hook_of_ones_own_that_calls_sycee_is_left_alone(repo):
    place = hook(repo.root, "pre-push")
    place.parent.mkdir(exist_ok=True)
    place.write_text('#!/bin/sh\nmake lint\nsycee git-hook pre-push "$@"\n')
    assert place not in install(repo, InstallRequest())
    assert "make lint" in place.read_text()
    uninstall(repo)
    assert "make lint" in place.read_text()


def test_the_option_is_in_the_hook_and_can_change(repo):
    install(repo, InstallRequest(push=True))
    assert 'exec sycee git-hook pre-push --push "$@"\n' in hook(repo.root, "pre-push").read_text()
    assert install(repo, InstallRequest()) == [hook(repo.root, "pre-push")]


def test_attributes_of_ones_own_stay(repo):
    attributes = repo.root / ".git/info/attributes"
    attributes.parent.mkdir(exist_ok=True)
    attributes.write_bytes(b"*.txt text")
    install(repo, InstallRequest())
    assert attributes.read_bytes() == b"*.txt text\n" + LINE
    uninstall(repo)
    assert attributes.read_bytes() == b"*.txt text\n"


def test_the_driver_of_dvc_is_replaced_and_any_other_is_not(repo, git):
    git("config", "merge.dvc.driver", "dvc git-hook merge-driver --ancestor %O --our %A --their %B ")
    install(repo, InstallRequest())
    assert git_settings(repo.root)["merge.dvc.driver"] == DRIVERS["merge.dvc.driver"]
    git("config", "merge.dvc.driver", "our-own %A")
    with pytest.raises(Conflict, match=r"merge.dvc.driver is 'our-own %A' already"):
        install(repo, InstallRequest())
    uninstall(repo)
    assert git_settings(repo.root)["merge.dvc.driver"] == "our-own %A"


def test_hooks_path_inside_and_outside(repo, git, tmp_path):
    git("config", "core.hooksPath", ".githooks")
    install(repo, InstallRequest())
    assert (repo.root / ".githooks/pre-push").is_file()
    git("config", "core.hooksPath", str(tmp_path / "for all"))
    with pytest.raises(Conflict, match="whose hooks serve other repositories too"):
        install(repo, InstallRequest())
    assert not (tmp_path / "for all").exists()


def test_in_a_worktree_the_hooks_are_those_of_the_clone(repo, git, tmp_path):
    git("commit", "-qm", "x")
    git("worktree", "add", "-q", str(tmp_path / "wt"))
    inside = find_repository(tmp_path / "wt", environ=os.environ)
    assert hook(repo.root, "pre-push") in [path.resolve() for path in install(inside, InstallRequest())]
    assert install(repo, InstallRequest()) == []
    inside.close()


def test_a_project_below_the_git_root(tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    for name in ("a b", "c"):
        (tmp_path / name).mkdir()
        init(InitRequest(tmp_path / name, subdir=True))
    first, second = (find_repository(tmp_path / name, environ=os.environ) for name in ("a b", "c"))
    install(first, InstallRequest())
    assert "exec sycee -C 'a b' git-hook pre-commit \"$@\"" in hook(tmp_path, "pre-commit").read_text()
    with pytest.raises(Conflict, match="not this repository's"):
        install(second, InstallRequest())


def test_without_git(tmp_path):
    init(InitRequest(tmp_path, no_scm=True))
    repo = find_repository(tmp_path, environ=os.environ)
    for act in (lambda: install(repo, InstallRequest()), lambda: uninstall(repo)):
        with pytest.raises(UsageError, match="without Git"):
            act()


def test_remove_goes_alone(repo_dir):
    assert main(["-C", str(repo_dir), "install", "--remove", "--push"]) == 2


def test_the_pre_commit_tool(repo, git):
    config = repo.root / ".pre-commit-config.yaml"
    config.write_text("# ours\nrepos:\n- repo: local  # lint\n  hooks:\n  - id: lint\n    entry: make lint\n")
    before = config.read_bytes()
    install(repo, InstallRequest(use_pre_commit_tool=True, push=True))
    text = config.read_text()
    assert text.startswith("# ours\nrepos:\n- repo: local  # lint\n")
    assert "entry: sycee git-hook pre-push --push" in text
    assert not hook(repo.root, "pre-push").exists()
    assert install(repo, InstallRequest(use_pre_commit_tool=True, push=True)) == []
    install(repo, InstallRequest(use_pre_commit_tool=True))
    assert config.read_text().count("sycee git-hook pre-push\n") == 1
    uninstall(repo)
    assert config.read_bytes() == before


@pytest.mark.parametrize("text", [b"- a\n", b"repos: 1\n", b"\xff", b"a: [\n", b"a: &x 1\nb: *x\n"])
def test_a_broken_file_of_the_tool_stops_it(repo, text):
    (repo.root / ".pre-commit-config.yaml").write_bytes(text)
    before = state(repo.root)
    with pytest.raises(FormatError, match=r"\.pre-commit-config\.yaml"):
        install(repo, InstallRequest(use_pre_commit_tool=True))
    assert state(repo.root) == before


def test_an_empty_file_of_the_tool_is_a_new_one():
    assert precommit.with_hooks(b"", [("pre-push", "x")]).startswith(b"repos:\n- repo: local\n")
    assert precommit.without_hooks(b"") == b""


def test_a_folder_whose_name_would_be_a_command_gets_no_hooks(repo):
    place = repo.root / "x\ntouch PWNED\n"
    place.mkdir()
    init(InitRequest(place, subdir=True))
    inner = find_repository(place, environ=os.environ)
    before = state(repo.root)
    with pytest.raises(Conflict, match="cannot stand in a hook"):
        install(inner, InstallRequest())
    inner.close()
    assert state(repo.root) == before


def test_a_diff_of_a_pointer_whose_name_looks_like_an_option(repo):
    pointer = "outs:\n- md5: {}\n  hash: md5\n  path: -n\n"
    (repo.root / "-n.dvc").write_text(pointer.format("a" * 32))
    (repo.root / "--help.dvc").write_text("no pointer")
    install(repo, InstallRequest())
    git = ["git", "-C", str(repo.root)]
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "-c", "core.hooksPath=/dev/null", "commit", "-qm", "x"], check=True)
    (repo.root / "-n.dvc").write_text(pointer.format("b" * 32))
    (repo.root / "--help.dvc").write_text("no pointer, still")
    shown = subprocess.run([*git, "diff"], capture_output=True, check=True).stdout.decode()
    assert (
        f"+    md5  {'b' * 32}\n" in shown or f"+- md5: {'b' * 32}\n" in shown
    )  # the latter without sycee on the PATH
    assert "+no pointer, still" in shown


DVCS = "#!/usr/bin/sh\nexec dvc git-hook {} $@\n"  # as dvc install writes them; tests/compat has the real one


def put_hooks_of_dvc(root, change=""):
    (root / ".git/hooks").mkdir(exist_ok=True)
    for name in HOOKS:
        hook(root, name).write_text(DVCS.format(name) + change)
        hook(root, name).chmod(0o755)


def test_hooks_of_dvc_are_replaced_kept_and_put_back(repo, git, capsys):
    put_hooks_of_dvc(repo.root)
    git("config", "merge.dvc.name", "DVC merge driver")
    git("config", "merge.dvc.driver", "dvc git-hook merge-driver --ancestor %O --our %A --their %B ")
    before = state(repo.root)
    assert main(["-C", str(repo.root), "install"]) == 0
    assert "sycee install --push" in capsys.readouterr().err
    for name in HOOKS:
        assert f"exec sycee git-hook {name}" in hook(repo.root, name).read_text()
        assert hook(repo.root, f"{name}.by-dvc").read_text() == DVCS.format(name)
    after = state(repo.root)
    assert install(repo, InstallRequest()) == []
    assert state(repo.root) == after
    assert len(uninstall(repo)) == 4
    assert state(repo.root) == before


def test_after_a_kill_between_copy_and_hook_the_next_run_completes(repo):
    put_hooks_of_dvc(repo.root)
    hook(repo.root, "pre-push.by-dvc").write_text(DVCS.format("pre-push"))
    install(repo, InstallRequest())
    assert "exec sycee" in hook(repo.root, "pre-push").read_text()


@pytest.mark.parametrize("spoilt", ["changed", "copy", "link", "project at the root"])
def test_what_a_person_made_of_a_hook_of_dvc_is_theirs(repo, git, spoilt):
    put_hooks_of_dvc(repo.root, "make lint\n" if spoilt == "changed" else "")
    place, asked = hook(repo.root, "pre-push"), repo
    if spoilt == "copy":
        hook(repo.root, "pre-push.by-dvc").write_text("mine")
    elif spoilt == "link":
        place.rename(repo.root / "mine")
        place.symlink_to("../../mine")
    elif spoilt == "project at the root":
        (repo.root / "below").mkdir()
        init(InitRequest(repo.root / "below", subdir=True))
        asked = find_repository(repo.root / "below", environ=os.environ)
    before = state(repo.root)
    with pytest.raises(Conflict, match="hook already"):
        install(asked, InstallRequest())
    assert state(repo.root) == before
