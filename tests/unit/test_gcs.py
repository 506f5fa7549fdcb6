"""Who speaks for a remote in Google's cloud, and to which host."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sycee.errors import RemoteError, SyceeError, UsageError
from sycee.storage.gcs import GOOGLE, open_gcs
from sycee.storage.options import RemoteRequest
from sycee.storage.readonly import ReadOnlyBackend
from sycee.workspace.config import load_config
from sycee.workspace.remotes import open_backend


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the client library is given."""
    import obstore.store

    given: list[dict[str, Any]] = []

    def note(bucket: str, **options: Any) -> object:
        given.append({"bucket": bucket, **options})
        return object()

    monkeypatch.setattr(obstore.store, "GCSStore", note)
    return given


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".config/gcloud").mkdir(parents=True)
    (tmp_path / ".config/gcloud/application_default_credentials.json").write_text('{"type": "authorized_user"}')
    (tmp_path / "account.json").write_text(json.dumps({"type": "service_account", "private_key": "s3cr3t"}))
    return tmp_path


def opened(asked: list[dict[str, Any]], options: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, Any]:
    open_gcs(RemoteRequest("gs://my-bucket.example/pre", options, environ)).close()
    assert asked[0]["bucket"] == "my-bucket.example"
    return dict(asked[0]["config"])


def test_who_speaks(asked: list[dict[str, Any]], home: Path) -> None:
    account, logged_in = str(home / "account.json"), home / ".config/gcloud/application_default_credentials.json"
    environ = {"HOME": str(home)}
    variable = {"GOOGLE_APPLICATION_CREDENTIALS": account}
    nothing = {"HOME": "/nowhere"}
    for options, env, expected in (
        ({"credentialpath": account}, environ, {"service_account": account}),
        ({"credentialpath": str(logged_in)}, {**environ, **variable}, {"application_credentials": str(logged_in)}),
        ({}, {**environ, **variable}, {"service_account": account}),
        ({}, environ, {"application_credentials": str(logged_in)}),
        ({}, {**nothing, "CLOUDSDK_CONFIG": str(logged_in.parent)}, {"application_credentials": str(logged_in)}),
        ({"projectname": "p"}, nothing, {}),
        ({"allow_anonymous_login": "true"}, {**environ, **variable}, {}),
    ):
        asked.clear()
        anonymous = "allow_anonymous_login" in options
        assert opened(asked, options, env) == {"base_url": GOOGLE, "skip_signature": anonymous, **expected}


def test_without_a_name_objects_can_only_be_read() -> None:
    backend = open_gcs(RemoteRequest("gs://b", {"allow_anonymous_login": "true"}, {}))
    assert isinstance(backend, ReadOnlyBackend)
    with pytest.raises(RemoteError, match="allow_anonymous_login") as caught:
        backend.write_new("k", b"x")
    assert "known users only" in str(caught.value.hint)


def dvc_files(root: Path, **levels: str) -> Mapping[str, str]:
    """Write configuration files for a remote ``r``; return the environment."""
    (root / "repo/.dvc").mkdir(parents=True)
    (root / "user").mkdir()
    files = {"repo": "repo/.dvc/config", "local": "repo/.dvc/config.local", "user": "user/config"}
    for level, options in levels.items():
        (root / files[level]).write_text(f"['remote \"r\"']\n{options}")
    return {
        "HOME": str(root),
        "DVC_GLOBAL_CONFIG_DIR": str(root / "user"),
        "DVC_SYSTEM_CONFIG_DIR": str(root / "none"),
    }


HERE = "    url = gs://bucket\n"
ELSEWHERE = "    endpointurl = https://evil.example.org\n"


@pytest.mark.parametrize(
    "levels",
    [
        {"repo": HERE + ELSEWHERE},
        {"repo": HERE + ELSEWHERE, "local": "    projectname = p\n"},
        {"repo": ELSEWHERE, "user": HERE},
        {"repo": HERE + ELSEWHERE, "user": "    credentialpath = /x.json\n"},
    ],
)
def test_a_repository_cannot_send_a_token_to_a_stranger(
    asked: list[dict[str, Any]], home: Path, levels: dict[str, str]
) -> None:
    environ = dvc_files(home, **levels)
    config = load_config(home / "repo/.dvc", environ=environ)
    with pytest.raises(UsageError, match=r"aims the remote 'r' at https://evil\.example\.org") as caught:
        open_backend(config, "r", environ=environ)
    assert caught.value.hint == (
        "if you trust it: `sycee remote modify --local r endpointurl https://evil.example.org`"
    )
    assert asked == []


def test_a_local_file_that_comes_with_the_clone_is_no_users_own(
    asked: list[dict[str, Any]], home: Path, git: Any, repo_dir: Path
) -> None:
    (repo_dir / ".dvc/config.local").write_text(f"['remote \"r\"']\n{HERE}{ELSEWHERE}")
    environ = {"HOME": str(home)}
    opened_remote = open_backend(load_config(repo_dir / ".dvc", environ=environ), "r", environ=environ)
    opened_remote.backend.close()
    assert asked[0]["config"]["base_url"] == "https://evil.example.org"
    git("add", "-f", ".dvc/config.local")
    with pytest.raises(UsageError, match="would be given away"):
        open_backend(load_config(repo_dir / ".dvc", environ=environ), "r", environ=environ)


def test_a_stranger_may_be_spoken_to_without_a_name(asked: list[dict[str, Any]], home: Path) -> None:
    environ = dvc_files(home, repo=HERE + ELSEWHERE + "    allow_anonymous_login = true\n")
    open_backend(load_config(home / "repo/.dvc", environ=environ), "r", environ=environ).backend.close()
    config = asked[0]["config"]
    assert config == {"base_url": "https://evil.example.org", "skip_signature": True}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read the credentials in"),
        ("{", "holds no credentials of Google"),
        ("[]", "holds no credentials of Google"),
        ('{"private_key": "s3cr3t"}', "holds no credentials of Google"),
        ('{"type": "external_account", "x": "s3cr3t"}', "cannot use credentials of the kind 'external_account'"),
    ],
)
def test_files_that_hold_no_credentials(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "c.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(RemoteError, match=message) as caught:
        open_gcs(RemoteRequest("gs://b", {"credentialpath": str(path)}, {}))
    assert caught.value.hint
    assert "s3cr3t" not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize(
    ("url", "options", "message"),
    [
        ("gs://", {}, "names no bucket"),
        ("gs://b#x", {}, "names no bucket"),
        ("gs://b", {"endpointurl": "localhost:1"}, "endpointurl 'localhost:1' is no http or https address"),
        ("gs://b", {"endpointurl": "http://u:s3cr3t@h"}, "endpointurl is no http or https address"),
    ],
)
def test_options_that_mean_nothing(url: str, options: dict[str, str], message: str) -> None:
    with pytest.raises(SyceeError, match=message) as caught:
        open_gcs(RemoteRequest(url, options, {"HOME": "/nowhere"}))
    assert caught.value.exit_code == 2
    assert "s3cr3t" not in caught.value.message
