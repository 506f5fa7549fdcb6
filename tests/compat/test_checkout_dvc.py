"""Switching branches, relinking and summing up beside the real dvc: the same files, links and lines."""

import subprocess

import pytest

from rigs.warm import run_warm

pytestmark = pytest.mark.slow


def both(worlds, *words):
    """Run a command of both programs in their repositories; what they print and leave must be the same."""
    ours, theirs = (run_warm(program, words, folder) for program, folder in worlds.items())
    assert (ours.rc, ours.stdout) == (theirs.rc, theirs.stdout), (words, ours, theirs)
    assert seen(worlds["sycee"]) == seen(worlds["dvc"]), words
    return ours.stdout


def git(worlds, *words):
    for folder in worlds.values():
        subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)


def seen(root):
    """Path to content and number of names of everything that is not a pointer, Git's or DVC's own."""
    found = {}
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        if not {".git", ".dvc"} & set(parts) and path.is_file() and path.suffix != ".dvc":
            found["/".join(parts)] = (path.read_bytes(), path.stat().st_nlink)
    return found


def write(worlds, files):
    for root in worlds.values():
        for name, content in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(content)


@pytest.fixture
def worlds(tmp_path):
    """Two branches: on ``main`` a folder, a file and a file in a folder; on ``other`` the last one changed, and one."""
    worlds = {program: tmp_path / program for program in ("sycee", "dvc")}
    for program, root in worlds.items():
        root.mkdir()
        subprocess.run(["git", "init", "-q"], cwd=root, check=True)
        assert run_warm(program, ["init", "-q"] if program == "dvc" else ["init"], root).rc == 0
    write(worlds, {"d/a": "1", "d/s/b": "2", "f": "f", "sub/s": "s"})
    for program, root in worlds.items():
        assert run_warm(program, ["add", "d", "f", "sub/s"], root).rc == 0
    git(worlds, "add", "-A")
    git(worlds, "commit", "-qm", "main")
    git(worlds, "checkout", "-qb", "other")
    git(worlds, "rm", "-q", "d.dvc", "f.dvc")
    write(worlds, {"sub/s": "changed", "n": "new"})
    for program, root in worlds.items():
        assert run_warm(program, ["add", "sub/s", "n"], root).rc == 0
    git(worlds, "add", "-A")
    git(worlds, "commit", "-qm", "other")
    return worlds


def test_branches_links_and_sums(worlds):
    git(worlds, "checkout", "-q", "main")
    assert both(worlds, "checkout").splitlines() == ["M       sub/s", "D       n"]
    git(worlds, "checkout", "-q", "other")
    assert both(worlds, "checkout", "--summary") == "1 file modified, 1 file added and 2 files deleted\n"
    git(worlds, "checkout", "-q", "main")
    assert both(worlds, "checkout", "sub/s") == "M       sub/s\n"  # a target takes nothing away
    for root in worlds.values():
        (root / "n").write_text("worked on")
    assert both(worlds, "checkout") == "A       d/\nA       f\n"
    assert both(worlds, "config", "cache.type", "hardlink,copy") == ""
    assert both(worlds, "checkout", "--relink") == "Relinked successfully\n"
    assert {links for _, links in (seen(worlds["sycee"])[name] for name in ("f", "d/a"))} == {2}
    for root in worlds.values():
        (root / "f").unlink()
    assert both(worlds, "checkout", "--relink", "--summary") == "1 file added\nRelinked successfully\n"
    assert both(worlds, "checkout", "--summary") == "No changes.\n"
    both(worlds, "gc", "-w", "-f")
    assert both(worlds, "status") == "Data and pipelines are up to date.\n"
