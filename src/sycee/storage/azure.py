"""Azure Blob Storage as DVC's remote options describe it: options in, backend out.

Credentials are looked for in this order: the remote's own options; the environment (``AZURE_STORAGE_*``, ``AZURE_*``);
a log-in by ``az``; what a cloud machine hands to its programs. A connection string is taken as it is: its address is
never combined with credentials from elsewhere. All others go to the account's host at Azure, and to no other.
"""

import re
import shutil
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sycee.errors import RemoteError, UsageError
from sycee.storage.clients import CONNECT_SECONDS, STALL_SECONDS, address, bucket_of, four_clients
from sycee.storage.objectstore import ObjectStoreBackend
from sycee.storage.options import RemoteRequest
from sycee.storage.port import Backend

SUFFIX = "core.windows.net"

_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")  # it becomes a part of the host's name
_EMULATOR = {
    "AccountName": "devstoreaccount1",
    "AccountKey": "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
    "BlobEndpoint": "http://127.0.0.1:10000/devstoreaccount1",
}  # what every emulator is delivered with; no secret
_HINT = "set `account_key`, `sas_token` or `connection_string` with `sycee remote modify --local NAME …`, or log in: az"
_PRINCIPAL = {"tenant_id": "AZURE_TENANT_ID", "client_id": "AZURE_CLIENT_ID", "client_secret": "AZURE_CLIENT_SECRET"}


@dataclass(frozen=True, slots=True)
class _Access:
    """Where a container lies and who asks: what the client library calls them."""

    account: str
    endpoint: str
    config: Mapping[str, Any] = field(default_factory=dict)
    secret: Mapping[str, Any] | None = None


def open_azure(request: RemoteRequest) -> Backend:
    """Return a backend for an ``azure://`` remote. Nothing is sent yet.

    Raises:
        UsageError: For options that contradict each other or mean nothing.
        RemoteError: If there are no credentials.
    """
    container, prefix = bucket_of(request, "container")
    access = _access(request)
    transport: dict[str, Any] = {"connect_timeout": f"{request.seconds('connection_timeout', CONNECT_SECONDS)}s"}
    if access.endpoint.startswith("http://"):
        transport["allow_http"] = True
    settings = {"account_name": access.account, "endpoint": access.endpoint, "use_emulator": False, **access.config}

    def make(options: dict[str, Any], retry: dict[str, Any]) -> Any:
        from obstore.store import AzureStore

        secret = access.secret
        return AzureStore(
            container,
            prefix=prefix or None,
            config=settings,
            client_options=options,
            retry_config=retry,
            credential_provider=None if secret is None else lambda: secret,
        )

    clients = four_clients(make, transport, request.seconds("read_timeout", STALL_SECONDS))
    url = f"azure://{container}" + (f"/{prefix}" if prefix else "")
    return ObjectStoreBackend(clients, url, name=request.name)


def _access(request: RemoteRequest) -> _Access:
    options, environ = request.options, request.environ
    if text := options.get("connection_string"):
        return _connected(text, "the option connection_string")
    account = options.get("account_name") or environ.get("AZURE_STORAGE_ACCOUNT") or ""
    own = {"account_key", "sas_token", "client_secret"} & options.keys() or request.flag("allow_anonymous_login")
    if not own and (text := environ.get("AZURE_STORAGE_CONNECTION_STRING")):
        access = _connected(text, "AZURE_STORAGE_CONNECTION_STRING")
        if account in {"", access.account}:
            return access
    if not _ACCOUNT.fullmatch(account):
        what = f"{account!r} is no account of Azure" if account else "the remote names no account of Azure"
        raise UsageError(what, hint=f"`sycee remote modify {request.name} account_name ACCOUNT`")
    config, secret = _who(request)
    return _Access(account, f"https://{account}.blob.{SUFFIX}", config, secret)


def _who(request: RemoteRequest) -> tuple[Mapping[str, Any], Mapping[str, Any] | None]:
    """Return configuration and secret of whoever asks."""
    options, environ = request.options, request.environ
    if key := options.get("account_key"):
        return {}, _key(key, "account_key")
    if sas := options.get("sas_token"):
        return {}, _sas(sas)
    if "client_secret" in options:
        return _principal(options, dict.fromkeys(_PRINCIPAL, ""), "the remote's options"), None
    if request.flag("allow_anonymous_login"):
        return {"skip_signature": True}, None
    if key := environ.get("AZURE_STORAGE_KEY"):
        return {}, _key(key, "AZURE_STORAGE_KEY")
    if sas := environ.get("AZURE_STORAGE_SAS_TOKEN"):
        return {}, _sas(sas)
    return _ambient(request), None


def _ambient(request: RemoteRequest) -> Mapping[str, Any]:
    """Return who the machine says is asking, in the order of Azure's own libraries."""
    environ = request.environ
    if not request.flag("exclude_environment_credential"):
        if environ.get("AZURE_CLIENT_SECRET"):
            return _principal({}, environ, "the environment")
        if token := environ.get("AZURE_FEDERATED_TOKEN_FILE"):
            found = {
                name: environ.get(variable, "") for name, variable in _PRINCIPAL.items() if name != "client_secret"
            }
            return {**found, "federated_token_file": token}
    home = environ.get("AZURE_CONFIG_DIR") or f"{environ.get('HOME') or Path.home()}/.azure"
    if (Path(home) / "azureProfile.json").is_file() and shutil.which("az", path=environ.get("PATH")):
        return {"use_azure_cli": True}
    if request.flag("exclude_managed_identity_credential"):
        raise RemoteError("there are no credentials for the remote", hint=_HINT.replace("NAME", request.name))
    return {}


def _principal(options: Mapping[str, str], environ: Mapping[str, str], where: str) -> Mapping[str, Any]:
    found = {name: options.get(name) or environ.get(variable, "") for name, variable in _PRINCIPAL.items()}
    if missing := [name for name, value in found.items() if not value]:
        raise UsageError(f"{where} have client_secret but no {missing[0]}", hint=_HINT)
    return found


def _connected(text: str, where: str) -> _Access:
    """Read a connection string: address and credentials in one."""
    fields = dict(part.partition("=")[::2] for part in text.split(";") if part.strip())
    if fields.get("UseDevelopmentStorage", "").lower() == "true":
        fields = {**_EMULATOR, **fields}
    account = fields.get("AccountName", "")
    scheme, suffix = fields.get("DefaultEndpointsProtocol", "https"), fields.get("EndpointSuffix", SUFFIX)
    endpoint = fields.get("BlobEndpoint") or f"{scheme}://{account}.blob.{suffix}"
    if not account and (found := re.match(r"https://([a-z0-9]{3,24})\.blob\.", endpoint)):
        account = found[1]
    if not _ACCOUNT.fullmatch(account):
        raise UsageError(f"{where} names no AccountName", hint="copy it again from the portal, in quotes")
    if "AccountKey" in fields:
        secret = _key(fields["AccountKey"], where)
    elif "SharedAccessSignature" in fields:
        secret = _sas(fields["SharedAccessSignature"])
    else:
        raise UsageError(f"{where} has neither AccountKey nor SharedAccessSignature", hint="copy it again, in quotes")
    return _Access(account, address(endpoint, "its BlobEndpoint"), {}, secret)


def _key(text: str, where: str) -> Mapping[str, Any]:
    try:
        b64decode(text, validate=True)
    except ValueError:
        raise UsageError(f"{where} holds no account key: it is not base64", hint="copy it again") from None
    return {"access_key": text, "expires_at": None}


def _sas(text: str) -> Mapping[str, Any]:
    return {"sas_token": text.lstrip("?"), "expires_at": None}
