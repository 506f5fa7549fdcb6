"""Google Cloud Storage as DVC's remote options describe it: options in, backend out.

Credentials are looked for in this order: the remote's ``credentialpath``; ``GOOGLE_APPLICATION_CREDENTIALS``; a log-in
by ``gcloud``; what a cloud machine hands to its programs. All of them become a bearer token, which whoever receives it
can use elsewhere. So they go to Google, or to an ``endpointurl`` that the user has set; never to one of a repository.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sycee.errors import RemoteError, UsageError
from sycee.storage.clients import CONNECT_SECONDS, address, bucket_of, four_clients
from sycee.storage.objectstore import ObjectStoreBackend
from sycee.storage.options import RemoteRequest
from sycee.storage.port import Backend
from sycee.storage.readonly import ReadOnlyBackend

GOOGLE = "https://storage.googleapis.com"

_KINDS = {"service_account", "authorized_user"}
_MAX_FILE = 1 << 20  # bytes
_VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS"


def open_gcs(request: RemoteRequest) -> Backend:
    """Return a backend for a ``gs://`` remote. Nothing is sent yet.

    Raises:
        UsageError: For options that contradict each other, mean nothing, or would give a token to a stranger.
        RemoteError: If the file of the credentials cannot be read or used.
    """
    bucket, prefix = bucket_of(request, "bucket")
    endpoint = address(request.options.get("endpointurl", GOOGLE), "endpointurl")
    anonymous = request.flag("allow_anonymous_login")
    if "endpointurl" in request.foreign and not anonymous:
        raise UsageError(
            f"the repository's configuration aims the remote {request.name!r} at {endpoint}, "
            "and credentials of Google would be given away there",
            hint=f"if you trust it: `sycee remote modify --local {request.name} endpointurl {endpoint}`",
        )
    config = {"base_url": endpoint, "skip_signature": anonymous, **({} if anonymous else _credentials(request))}
    transport: dict[str, Any] = {"connect_timeout": f"{CONNECT_SECONDS}s"}
    if endpoint.startswith("http://"):
        transport["allow_http"] = True

    def make(options: dict[str, Any], retry: dict[str, Any]) -> Any:
        from obstore.store import GCSStore

        return GCSStore(bucket, prefix=prefix or None, config=config, client_options=options, retry_config=retry)

    url = f"gs://{bucket}" + (f"/{prefix}" if prefix else "")
    backend = ObjectStoreBackend(four_clients(make, transport), url, name=request.name)
    if anonymous:
        return ReadOnlyBackend(backend, "the remote is set to allow_anonymous_login", hint=_ANONYMOUS)
    return backend


_ANONYMOUS = "Google takes objects from known users only: unset the option, and log in"


def _credentials(request: RemoteRequest) -> Mapping[str, str]:
    """Return where the credentials are; nothing where the client library asks the cloud machine itself."""
    path = request.options.get("credentialpath") or request.environ.get(_VARIABLE)
    if path is None and (logged_in := _gcloud(request.environ)).is_file():
        path = str(logged_in)
    if path is None:
        return {}
    kind = _kind_of(Path(path).expanduser(), request)
    return {"service_account" if kind == "service_account" else "application_credentials": path}


def _gcloud(environ: Mapping[str, str]) -> Path:
    folder = environ.get("CLOUDSDK_CONFIG") or f"{environ.get('HOME') or Path.home()}/.config/gcloud"
    return Path(folder) / "application_default_credentials.json"


def _kind_of(path: Path, request: RemoteRequest) -> str:
    """Return the kind of credentials in a file; messages show nothing of what it holds."""
    hint = f"correct `credentialpath` of the remote {request.name!r}, or {_VARIABLE}"
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(_MAX_FILE))
        kind = str(found["type"])
    except OSError as error:
        raise RemoteError(f"cannot read the credentials in {path}: {error.strerror}", hint=hint) from None
    except (ValueError, KeyError, TypeError):
        raise RemoteError(f"{path} holds no credentials of Google", hint=hint) from None
    if kind not in _KINDS:
        raise RemoteError(
            f"sycee cannot use credentials of the kind {kind!r} in {path}",
            hint=f"`dvc push -r {request.name}` works on the same cache; or use a service account's key",
        )
    return kind
