"""What goes wrong with Azure and Google remotes, and what a user is told."""

import io
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from test_s3_errors import CALLS

from rigs.azure import ACCOUNT, KEY, AzureServer
from rigs.gcs import GcsServer, private_key, running_gcs, service_account
from rigs.http import running_http
from rigs.s3 import S3Server
from sycee.errors import NotFound, RemoteError
from sycee.storage.azure import open_azure
from sycee.storage.gcs import open_gcs
from sycee.storage.options import RemoteRequest
from sycee.storage.port import Backend

OTHER = "AAAA" + KEY[4:]


def failure(opener: Callable[[RemoteRequest], Backend], call: str, url: str, options: dict[str, str]) -> RemoteError:
    request = RemoteRequest(url, options, {"HOME": "/nowhere"}, "store")
    with closing(opener(request)) as backend, pytest.raises(RemoteError) as caught:
        CALLS[call](backend)
    assert caught.value.exit_code == 20
    assert caught.value.hint
    told = f"{caught.value.message} {caught.value.hint} {caught.value.details}"
    assert not [secret for secret in (OTHER, KEY, "PRIVATE KEY", "sig=") if secret in told]
    return caught.value


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS)
def test_wrong_account_key(azure_server: AzureServer, call: str) -> None:
    options = {"connection_string": azure_server.connection_string.replace(KEY, OTHER)}
    error = failure(open_azure, call, "azure://models/errors", options)
    assert error.message.endswith(": the server refuses the credentials")
    assert "remote modify --local store" in str(error.hint)


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS)
def test_missing_container(azure_server: AzureServer, call: str) -> None:
    error = failure(open_azure, call, "azure://none/errors", azure_server.options())
    assert error.message.endswith(": the container does not exist")


@pytest.mark.slow
def test_shared_access_signatures(azure_server: AzureServer) -> None:
    def options(sas: str) -> dict[str, str]:
        text = f"AccountName={ACCOUNT};BlobEndpoint={azure_server.endpoint};SharedAccessSignature={sas}"
        return {"connection_string": text}

    with closing(open_azure(RemoteRequest("azure://models/sas", options(azure_server.sas()), {}))) as backend:
        backend.write("k", io.BytesIO(b"x"), 1)
        assert list(backend.read("k")) == [b"x"]
        with pytest.raises(NotFound):
            list(backend.read("missing"))
    error = failure(open_azure, "read", "azure://models/sas", options(azure_server.sas(minutes=-60)))
    assert error.message == "cannot read azure://models/sas/k: the server refuses the credentials"


@pytest.mark.parametrize(
    ("opener", "url", "options"),
    [
        (open_azure, "azure://c", {"connection_string": f"AccountName=abc;AccountKey={KEY};BlobEndpoint=ADDRESS/abc"}),
        (open_gcs, "gs://b", {"endpointurl": "ADDRESS", "allow_anonymous_login": "true"}),
    ],
)
@pytest.mark.parametrize("call", ["size", "read", "list"])
def test_nothing_listens(
    opener: Callable[[RemoteRequest], Backend], url: str, options: dict[str, str], call: str
) -> None:
    given = {name: value.replace("ADDRESS", "http://127.0.0.1:1") for name, value in options.items()}
    assert failure(opener, call, url, given).message.endswith(": nothing answers there (connection refused)")


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS)
def test_an_account_that_google_does_not_know(
    gcs_server: GcsServer, s3_server: S3Server, tmp_path: Path, call: str
) -> None:
    with running_gcs(tmp_path, s3_server) as other:
        stranger = gcs_server.options(credentialpath=str(other.account))
        error = failure(open_gcs, call, "gs://models/errors", stranger)
    assert error.message.endswith(": the server refuses the credentials")
    assert "gcloud auth application-default login" in str(error.hint)


@pytest.mark.slow
def test_missing_bucket_in_googles_cloud(gcs_server: GcsServer) -> None:
    error = failure(open_gcs, "list", "gs://no-such-bucket/p", gcs_server.options())
    assert error.message.endswith(": the bucket does not exist")


@pytest.mark.slow
def test_without_a_name_nothing_is_said_of_who_asks(gcs_server: GcsServer) -> None:
    options = {"endpointurl": gcs_server.endpoint, "allow_anonymous_login": "true"}
    gcs_server.seen.clear()
    failure(open_gcs, "read", "gs://models/errors", options)
    assert set(gcs_server.seen) == {""}


def test_a_token_follows_no_redirect(tmp_path: Path) -> None:
    """Whoever answers for the address may send us on, and must not have sent on the token."""
    with running_http(tmp_path / "near") as near, running_http(tmp_path / "far") as far:
        (far.folder / "models").mkdir()
        near.rules.fault = lambda handler: handler.end(307, {"Location": f"{far.url}/models"}) or True
        account = tmp_path / "account.json"
        account.write_text(service_account(private_key()))
        options = {"endpointurl": near.url.removesuffix("/store"), "credentialpath": str(account)}
        with closing(open_gcs(RemoteRequest("gs://models", options, {}))) as backend, pytest.raises(RemoteError):
            list(backend.list("x"))
    assert near.seen[0][2]["authorization"].startswith("Bearer ")
    assert far.seen
    assert not [headers for _, _, headers in far.seen if "authorization" in headers]
