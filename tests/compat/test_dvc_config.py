"""The same configuration commands, given to dvc and to sycee: the files must come out the same, byte for byte."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from rigs.warm import run_warm
from sycee.cli.main import cli

pytestmark = pytest.mark.slow

# One process for all commands: starting dvc takes most of a second.
ADD = ["remote", "add"]
MODIFY = ["remote", "modify"]
SEQUENCES = {
    "first remote": [[*ADD, "store", "s3://bucket/models"]],
    "default": [[*ADD, "-d", "store", "s3://bucket/models"]],
    "upper case": [[*ADD, "-d", "UPPER", "s3://Bucket/Models"], [*MODIFY, "Upper", "region", "eu-west-1"]],
    "relative path": [[*ADD, "-d", "near", "../x/y"], [*ADD, "home", "~/models"], [*ADD, "abs", "/mnt/models"]],
    "quoting": [[*ADD, "odd", "s3://b/a,b#c"], [*MODIFY, "odd", "profile", "it's"], [*MODIFY, "odd", "acl", " x "]],
    "options": [
        [*ADD, "-d", "store", "s3://bucket/models"],
        [*MODIFY, "store", "endpointurl", "https://minio.example.org"],
        [*MODIFY, "store", "region", "eu-west-1"],
        [*MODIFY, "store", "endpointurl", "http://127.0.0.1:9000"],
        [*MODIFY, "store", "ssl_verify", "false"],
        [*MODIFY, "-u", "store", "region"],
        [*MODIFY, "store", "configpath", "aws/config"],
    ],
    "local": [
        [*ADD, "store", "s3://bucket/models"],
        [*MODIFY, "--local", "store", "secret_access_key", "s3cr3t"],
        [*MODIFY, "--local", "store", "profile", "work"],
        [*MODIFY, "--local", "-u", "store", "secret_access_key"],
        ["remote", "default", "--local", "store"],
    ],
    "replace": [
        [*ADD, "a", "s3://one"],
        [*MODIFY, "a", "region", "eu-west-1"],
        [*ADD, "b", "s3://two"],
        [*ADD, "-f", "a", "s3://three"],
    ],
    "default and back": [
        [*ADD, "a", "s3://one"],
        [*ADD, "b", "s3://two"],
        ["remote", "default", "b"],
        ["remote", "default", "a"],
        ["remote", "default", "-u"],
    ],
    "remove": [
        [*ADD, "-d", "a", "s3://one"],
        [*ADD, "b", "s3://two"],
        ["remote", "remove", "a"],
    ],
    "remove the last": [[*ADD, "-d", "a", "s3://one"], ["remote", "remove", "a"]],
    "rename": [
        [*ADD, "-d", "a", "s3://one"],
        [*ADD, "b", "s3://two"],
        [*MODIFY, "a", "region", "eu-west-1"],
        ["remote", "rename", "a", "c"],
    ],
    "config": [
        [*ADD, "store", "s3://bucket/models"],
        ["config", "cache.type", "reflink,copy"],
        ["config", "core.autostage", "true"],
        ["config", "cache.dir", "../cache"],
        ["config", "core.remote", "store"],
        ["config", "remote.store.region", "eu-west-1"],
        ["config", "-u", "core.autostage"],
        ["config", "--global", "core.analytics", "false"],
    ],
    "one remote on another": [[*ADD, "base", "s3://b"], [*ADD, "-d", "sub", "remote://base/sub"]],
}


def make_repository(root: Path) -> dict[str, str]:
    (root / "repo/.dvc/tmp").mkdir(parents=True)
    (root / "repo/.dvc/config").write_bytes(b"[core]\n    no_scm = True\n")
    names = {"DVC_GLOBAL_CONFIG_DIR": "global", "DVC_SYSTEM_CONFIG_DIR": "system", "DVC_SITE_CACHE_DIR": "site"}
    return {**os.environ, **{name: str(root / folder) for name, folder in names.items()}, "DVC_NO_ANALYTICS": "1"}


def files(root: Path) -> dict[str, bytes]:
    found = {}
    for name in ("repo/.dvc/config", "repo/.dvc/config.local", "global/config"):
        # dvc also leaves files that say nothing; sycee does not make them
        if (root / name).exists() and (root / name).read_bytes().strip():
            found[name] = (root / name).read_bytes()
    return found


@pytest.fixture(scope="module")
def by_dvc(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    results = {}
    for title, commands in SEQUENCES.items():
        root = tmp_path_factory.mktemp("dvc")
        environ = make_repository(root)
        for words in commands:
            assert run_warm("dvc", words, root / "repo", environ).rc == 0, words
        results[title] = files(root)
    return results


@pytest.mark.parametrize("title", SEQUENCES)
def test_same_bytes(title: str, by_dvc: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in make_repository(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path / "repo")
    for arguments in SEQUENCES[title]:
        result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
        assert result.exit_code == 0, (arguments, result.output)
    assert files(tmp_path) == by_dvc[title]
