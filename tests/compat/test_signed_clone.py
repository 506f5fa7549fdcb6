"""A signed model goes through a real Git, in its worst configuration, and verifies in the clone."""

import subprocess

import pytest

from rigs.signed import MODEL, fixed_key, verify_folder, write_model
from sycee.ops.add import add
from sycee.ops.sign import sign
from sycee.workspace.repository import find_repository

pytestmark = pytest.mark.slow


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


@pytest.mark.parametrize("config", [["core.autocrlf=true"], ["core.eol=crlf", "core.autocrlf=input"]])
def test_clone_verifies(tmp_path, config):
    root = tmp_path / "repo"
    root.mkdir()
    git(root, "init", "-q")
    (root / ".gitattributes").write_text("* text=auto\n")
    (root / ".dvc" / "tmp").mkdir(parents=True)
    (root / ".dvc" / "config").touch()
    model = write_model(root / "models" / "bert", {**MODEL, "context/windows.txt": b"a\r\nb\r\n"})
    repo = find_repository(model, environ={"HOME": str(tmp_path)})
    try:
        add(repo, [model / "model.pt"])
        sign(model, fixed_key(), repo=repo)
    finally:
        repo.close()
    git(root, "add", "models", ".gitattributes")
    git(root, "commit", "-q", "-m", "signed")
    options = [word for setting in config for word in ("-c", setting)]
    subprocess.run(
        ["git", *options, "clone", "-q", str(root), str(tmp_path / "clone")], check=True, capture_output=True
    )
    clone = tmp_path / "clone" / "models" / "bert"
    assert not (clone / "model.pt").exists()
    (clone / "model.pt").write_bytes(MODEL["model.pt"])
    assert verify_folder(clone).warnings == ()
