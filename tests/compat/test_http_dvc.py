"""One HTTPS remote, used by sycee and the real dvc in turn: what one pushes the other pulls."""

import shutil
from pathlib import Path

import pytest

from conftest import Run
from rigs.http import HttpRules, running_http

pytestmark = pytest.mark.slow


def test_push_with_one_pull_with_the_other(repo_dir: Path, run: Run, dvc: Run, tmp_path: Path) -> None:
    (repo_dir / "data").mkdir()
    for name in ("a", "b"):
        (repo_dir / "data" / name).write_text(name)
    with running_http(tmp_path / "http", HttpRules(auth="basic", methods=("PUT",), tls=True)) as rig:
        run("remote", "add", "-d", "web", rig.url)
        for option, value in rig.options(method="PUT").items():
            run("remote", "modify", *(["--local"] if option == "password" else []), "web", option, value)
        assert run("remote", "list").stdout == f"web\t{rig.url}\t(default)\n"
        dvc("add", "data")
        dvc("push")
        by_dvc = tree(rig.folder)
        assert len(by_dvc) == 3
        assert "up to date" in run("push").stdout
        forget(repo_dir)
        run("pull")
        assert (repo_dir / "data/b").read_text() == "b"

        (repo_dir / "model.pt").write_bytes(bytes(3 << 20))
        run("add", "model.pt")
        run("push")
        assert len(tree(rig.folder)) == 4
        assert "Everything is up to date" in dvc("push").stdout
        forget(repo_dir)
        dvc("pull")
        assert (repo_dir / "model.pt").read_bytes() == bytes(3 << 20)

        shutil.rmtree(rig.folder)
        rig.folder.mkdir()
        run("push")
        assert tree(rig.folder).items() >= by_dvc.items()
        assert "password" not in (repo_dir / ".dvc/config").read_text()
        assert "web" in run("doctor", rc=None).stdout


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def forget(repo: Path) -> None:
    shutil.rmtree(repo / ".dvc/cache")
    shutil.rmtree(repo / "data")
    (repo / "model.pt").unlink(missing_ok=True)
