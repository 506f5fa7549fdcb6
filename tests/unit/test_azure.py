"""Who speaks for an Azure remote, and to which host: options, environment, log-ins."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from rigs.azure import KEY
from sycee.errors import RemoteError, SyceeError, UsageError
from sycee.storage.azure import open_azure
from sycee.storage.options import RemoteRequest

SAS = "sv=2021&sig=s3cr3t"
CONNECTION = f"AccountName=conn;AccountKey={KEY};EndpointSuffix=core.windows.net"
PRINCIPAL = {"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c", "AZURE_CLIENT_SECRET": "s3cr3t"}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the client library is given."""
    import obstore.store

    given: list[dict[str, Any]] = []

    def note(container: str, **options: Any) -> object:
        given.append({"container": container, **options})
        return object()

    monkeypatch.setattr(obstore.store, "AzureStore", note)
    return given


def opened(asked: list[dict[str, Any]], options: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, Any]:
    open_azure(RemoteRequest("azure://box/pre/fix", options, {"HOME": "/nowhere", **environ})).close()
    provider = asked[0]["credential_provider"]
    return {**asked[0]["config"], **(provider() if provider else {})}


@pytest.mark.parametrize(
    ("options", "environ", "expected"),
    [
        ({"connection_string": CONNECTION}, {}, {"account_name": "conn", "access_key": KEY}),
        ({"connection_string": CONNECTION}, {"AZURE_STORAGE_SAS_TOKEN": SAS}, {"access_key": KEY}),
        ({"connection_string": CONNECTION, "account_name": "x"}, {}, {"account_name": "conn"}),
        (
            {"connection_string": f"BlobEndpoint=https://one2.blob.core.windows.net/;SharedAccessSignature=?{SAS}"},
            {},
            {"account_name": "one2", "sas_token": SAS, "endpoint": "https://one2.blob.core.windows.net"},
        ),
        (
            {"connection_string": "UseDevelopmentStorage=true"},
            {},
            {"endpoint": "http://127.0.0.1:10000/devstoreaccount1", "access_key": KEY},
        ),
        (
            {"connection_string": f"AccountName=abc;AccountKey={KEY};EndpointSuffix=core.chinacloudapi.cn"},
            {},
            {"endpoint": "https://abc.blob.core.chinacloudapi.cn"},
        ),
        ({"account_name": "abc", "account_key": KEY}, {"AZURE_STORAGE_KEY": "b3RoZXI="}, {"access_key": KEY}),
        ({"account_name": "abc", "sas_token": f"?{SAS}"}, {}, {"sas_token": SAS}),
        (
            {"account_name": "abc", "tenant_id": "t", "client_id": "c", "client_secret": "s"},
            {"AZURE_STORAGE_CONNECTION_STRING": CONNECTION},
            {"account_name": "abc", "client_secret": "s"},
        ),
        ({"account_name": "abc", "allow_anonymous_login": "true"}, PRINCIPAL, {"skip_signature": True}),
        ({}, {"AZURE_STORAGE_CONNECTION_STRING": CONNECTION}, {"account_name": "conn", "access_key": KEY}),
        (
            {"account_name": "abc"},
            {"AZURE_STORAGE_CONNECTION_STRING": CONNECTION, "AZURE_STORAGE_KEY": KEY},
            {"account_name": "abc", "access_key": KEY, "endpoint": "https://abc.blob.core.windows.net"},
        ),
        ({}, {"AZURE_STORAGE_ACCOUNT": "env1", "AZURE_STORAGE_SAS_TOKEN": SAS}, {"account_name": "env1"}),
        ({"account_name": "abc"}, PRINCIPAL, {"tenant_id": "t", "client_id": "c", "client_secret": "s3cr3t"}),
        (
            {"account_name": "abc"},
            {"AZURE_FEDERATED_TOKEN_FILE": "/token", "AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c"},
            {"federated_token_file": "/token", "tenant_id": "t"},
        ),
    ],
)
def test_who_speaks(
    asked: list[dict[str, Any]], options: dict[str, str], environ: dict[str, str], expected: dict[str, Any]
) -> None:
    found = opened(asked, options, environ)
    assert expected.items() <= found.items()
    assert found["use_emulator"] is False
    assert asked[0]["container"] == "box"
    assert asked[0]["prefix"] == "pre/fix"


def test_a_log_in_by_az(asked: list[dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / ".azure").mkdir()
    (tmp_path / ".azure/azureProfile.json").write_text("{}")
    (tmp_path / "az").touch(mode=0o755)
    environ = {"HOME": str(tmp_path), "PATH": str(tmp_path)}
    assert opened(asked, {"account_name": "abc"}, environ)["use_azure_cli"] is True
    asked.clear()
    left_out = {"account_name": "abc", "exclude_environment_credential": "true"}
    assert "client_secret" not in opened(asked, left_out, PRINCIPAL)
    with pytest.raises(RemoteError, match="there are no credentials"):
        opened(asked, {**left_out, "exclude_managed_identity_credential": "True"}, PRINCIPAL)


def test_credentials_from_elsewhere_go_to_the_host_of_the_account_only(asked: list[dict[str, Any]]) -> None:
    """Whatever a repository calls the account, it cannot lead a token to another host than Azure's."""
    for name in ("evil.example.org/", "a@evil", "abc.evil", "ABC", "ab", "x" * 25, "é23"):
        with pytest.raises(UsageError, match="is no account of Azure"):
            opened(asked, {"account_name": name}, {"AZURE_STORAGE_SAS_TOKEN": SAS})
    bare = "BlobEndpoint=http://evil.example.org;AccountName=abc"
    with pytest.raises(UsageError, match="has neither AccountKey nor SharedAccessSignature"):
        opened(asked, {"connection_string": bare}, {"AZURE_STORAGE_SAS_TOKEN": SAS, "AZURE_STORAGE_KEY": KEY})
    assert asked == []


def test_time_outs(asked: list[dict[str, Any]]) -> None:
    options = {"account_name": "abc", "account_key": KEY, "connection_timeout": "3", "read_timeout": "7.5"}
    opened(asked, options, {})
    assert {one["client_options"]["connect_timeout"] for one in asked} == {"3.0s"}
    assert asked[0]["client_options"]["read_timeout"] == "7.5s"
    assert "allow_http" not in asked[0]["client_options"]


@pytest.mark.parametrize(
    ("url", "options", "message"),
    [
        ("azure://", {"account_name": "abc"}, "names no container"),
        ("azure://box?x=y", {"account_name": "abc"}, "names no container"),
        ("azure://me@box/x", {"account_name": "abc"}, "names no container"),
        ("azure://box", {}, "names no account of Azure"),
        ("azure://box", {"account_name": "abc", "account_key": "not base64: s3cr3t"}, "is not base64"),
        ("azure://box", {"connection_string": f"AccountKey={KEY}"}, "names no AccountName"),
        ("azure://box", {"connection_string": f"{CONNECTION};BlobEndpoint=ftp://s3cr3t@h"}, "its BlobEndpoint is no"),
        ("azure://box", {"account_name": "abc", "client_secret": "s3cr3t", "tenant_id": "t"}, "but no client_id"),
        ("azure://box", {"account_name": "abc", "allow_anonymous_login": "maybe"}, "has the value 'maybe'"),
    ],
)
def test_options_that_mean_nothing(url: str, options: dict[str, str], message: str) -> None:
    with pytest.raises(SyceeError, match=message) as caught:
        open_azure(RemoteRequest(url, options, {"HOME": "/nowhere"}))
    assert caught.value.exit_code == 2
    assert caught.value.hint
    assert "s3cr3t" not in f"{caught.value.message} {caught.value.hint}"
