"""Azure and Google remotes as a user has them: configured, pushed to, forgotten, pulled from."""

import shutil
from pathlib import Path

import pytest

from conftest import Run
from rigs.azure import AzureServer
from rigs.gcs import GcsServer

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("kind", ["azure", "gs"])
def test_there_and_back(repo_dir: Path, run: Run, azure_server: AzureServer, gcs_server: GcsServer, kind: str) -> None:
    options = azure_server.options() if kind == "azure" else gcs_server.options()
    run("remote", "add", "-d", "cloud", f"{kind}://models/there-and-back")
    for option, value in options.items():
        run("remote", "modify", "--local", "cloud", option, value)
    (repo_dir / "data/sub").mkdir(parents=True)
    (repo_dir / "data/a").write_bytes(b"a" * 5_000_000)
    (repo_dir / "data/sub/b").write_bytes(b"")
    run("add", "data")
    assert run("push").stdout == "3 files pushed\n"
    assert run("push").stdout == "Everything is up to date.\n"
    shutil.rmtree(repo_dir / ".dvc/cache")
    shutil.rmtree(repo_dir / "data")
    run("pull")
    assert (repo_dir / "data/a").read_bytes() == b"a" * 5_000_000
    assert (repo_dir / "data/sub/b").read_bytes() == b""
    assert f"{kind}://models/there-and-back, reachable" in run("doctor", rc=None).stdout
