"""What every test stands on: an environment that is nobody's, a fresh repository, and the real commands."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from rigs.warm import Done, run_warm
from sycee.cli.main import main
from sycee.ops.init import InitRequest, init
from sycee.workspace.repository import Repository, find_repository

pytest_plugins = ["rigs.plugin"]

settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None)  # by hand: new examples at every run
settings.register_profile("fast", max_examples=20, deadline=None)  # for `make test-fast`
settings.load_profile("ci" if os.environ.get("CI") else "search")

BIN = Path(sys.executable).parent
_FOREIGN = ("AWS_", "SYCEE_", "GIT_", "DVC_", "XDG_")
_GIT_CONFIG = """\
[user]
    name = Tester
    email = tester@example.org
[init]
    defaultBranch = main
[protocol "file"]
    allow = always
"""


@pytest.fixture(autouse=True)
def environment(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Cut a test off from the machine's configuration, credentials and certificates; returns its home folder."""
    home = tmp_path_factory.mktemp("home")
    for name in list(os.environ):
        if name.startswith(_FOREIGN) or name.endswith("_CA_BUNDLE") or name in {"SSL_CERT_FILE", "SSL_CERT_DIR"}:
            monkeypatch.delenv(name)
    (home / "gitconfig").write_text(_GIT_CONFIG)
    places = {
        "HOME": home,
        "XDG_CONFIG_HOME": home / "config",
        "XDG_CACHE_HOME": home / "cache",
        "XDG_DATA_HOME": home / "data",
        "XDG_CONFIG_DIRS": home / "etc",
        "GIT_CONFIG_GLOBAL": home / "gitconfig",
        "GIT_CONFIG_SYSTEM": os.devnull,
        "DVC_SITE_CACHE_DIR": home / "dvc-site",
        "DVC_GLOBAL_CONFIG_DIR": home / "dvc-global",
        "DVC_SYSTEM_CONFIG_DIR": home / "dvc-system",
        "DVC_NO_ANALYTICS": "1",
        "UV_OFFLINE": "1",  # a freeze asks no index, unless its test is about that
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
    }
    for name, value in places.items():
        monkeypatch.setenv(name, str(value))
    return home


Run = Callable[..., Done]


def command(program: str, cwd: Path) -> Run:
    """Return a function that runs a program of this environment in ``cwd`` (or in ``cwd=``)."""

    def run(*arguments: str | Path, cwd: Path = cwd, rc: int | None = 0) -> Done:
        """Run it; its exit code must be ``rc``, unless that is None."""
        result = run_warm(program, arguments, cwd) if program in {"sycee", "dvc"} else _run(program, arguments, cwd)
        assert rc is None or result.rc == rc, result
        return result

    return run


def _run(program: str, arguments: Iterable[str | Path], cwd: Path) -> Done:
    done = subprocess.run(
        [program, *arguments], cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Return what runs the command in this process, and gives its exit code, standard output and standard error."""

    def call(*arguments: str | Path) -> tuple[int, str, str]:
        code = main([str(one) for one in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def repo_dir(tmp_path: Path) -> Path:
    """A fresh Git repository with ``sycee init`` done."""
    root = tmp_path / "repo"
    subprocess.run(["git", "init", "-q", root], check=True)
    init(InitRequest(root))
    return root


@pytest.fixture
def repo(repo_dir: Path) -> Iterator[Repository]:
    """The same, opened for operations in this process."""
    opened = find_repository(repo_dir, environ=os.environ)
    yield opened
    opened.close()


@pytest.fixture
def run(repo_dir: Path) -> Run:
    """The ``sycee`` script, in ``repo_dir``."""
    return command("sycee", repo_dir)


@pytest.fixture
def dvc(repo_dir: Path) -> Run:
    """The real ``dvc``, in ``repo_dir``."""
    return command("dvc", repo_dir)


@pytest.fixture
def git(repo_dir: Path) -> Run:
    """The real ``git``, in ``repo_dir``."""
    return command("git", repo_dir)
