"""``--dvc-exit-codes``: the same situations, the same commands, and the exit codes of the real dvc."""

import shutil
import subprocess

import pytest

from rigs.warm import run_warm
from sycee.cli.main import main

pytestmark = pytest.mark.slow

# Situation to commands. A trailing -q is DVC's way to ask in silence.
SITUATIONS = {
    "plain": ["status", "add a", "push", "config core.remote store", "cache dir"],
    "tracked": [
        *("", "frobnicate", "add", "add --frob a", "init", "add missing", "status", "status nothing", "push", "pull"),
        *("push -r nothing", "status -c", "checkout nothing", "commit nothing", "move a b", "remove a", "diff nothing"),
        *(
            "config core.nothing 1",
            "config core.remote",
            "config -u core.remote",
            "remote default",
            "cache dir --local",
        ),
        *("remote default nothing", "remote modify nothing url x", "cache dir", "unprotect nothing", "check-ignore a"),
    ],
    "changed": ["status", "status -q", "status -q --json", "checkout a", "commit"],
    "emptied": ["remote add -d store ../store", "push", "fetch", "pull", "checkout", "status -c"],
    "malformed": ["status", "checkout", "push", "data status"],
    "misconfigured": ["status", "push", "remote list", "checkout"],
}


@pytest.fixture
def situations(tmp_path, repo_dir, dvc):
    """A folder for each situation, made by dvc."""
    for name in ("a", "b"):
        (repo_dir / name).write_text(name)
    dvc("add", "-q", "a", "b")
    subprocess.run(["git", "add", "-A"], cwd=repo_dir, check=True)
    subprocess.run(["git", "commit", "-qm", "first"], cwd=repo_dir, check=True)
    folders = {name: tmp_path / name.replace(" ", "-") for name in SITUATIONS}
    for name, folder in folders.items():
        shutil.copytree(repo_dir, folder) if name != "plain" else folder.mkdir()
    (folders["plain"] / "a").touch()
    (folders["changed"] / "a").write_text("other")
    shutil.rmtree(folders["emptied"] / ".dvc/cache")
    for name in ("a", "b"):
        (folders["emptied"] / name).unlink()
    (folders["malformed"] / "x.dvc").write_text("{{")
    (folders["misconfigured"] / ".dvc/config.local").write_text("[core\n")
    return folders


def sycee(folder, words):
    return main(["-C", str(folder), "--dvc-exit-codes", *words])


def test_exit_codes_are_those_of_dvc(situations, tmp_path):
    asked = [(name, line.split()) for name, lines in SITUATIONS.items() for line in lines]
    copies = {name: shutil.copytree(folder, tmp_path / "dvc" / name) for name, folder in situations.items()}
    theirs = [run_warm("dvc", words, copies[name]).rc for name, words in asked]
    ours = [sycee(situations[name], words) for name, words in asked]
    differing = {
        f"{name}: {' '.join(words)}": (our, their)
        for (name, words), our, their in zip(asked, ours, theirs, strict=True)
        if our != their
    }
    assert differing == {}, "ours, theirs"
    assert {0, 1, 251, 253, 254, 255} <= set(ours)
