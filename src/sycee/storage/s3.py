"""S3 and MinIO as DVC's remote options describe them: options in, backend out.

Everything the client needs is passed to it. What it would otherwise pick up from the process's environment (an
endpoint, a stale session token) cannot decide where a push goes. The one exception are the credentials that a cloud
machine hands to its programs (web identity, container, instance): the client library fetches and renews those itself.
"""

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sycee.errors import UsageError
from sycee.storage.awskeys import AwsFiles, credentials
from sycee.storage.clients import CONNECT_SECONDS, STALL_SECONDS, four_clients
from sycee.storage.objectstore import Clients, ObjectStoreBackend
from sycee.storage.options import RemoteRequest
from sycee.storage.port import Backend
from sycee.storage.readonly import ReadOnlyBackend
from sycee.storage.s3parts import Bucket, S3Parts, proxied
from sycee.storage.uploads import Uploader

if TYPE_CHECKING:
    from ssl import SSLContext

DEFAULT_REGION = "us-east-1"  # also what compatible servers expect that have no regions
_REGION = re.compile(r"[A-Za-z0-9_-]+")

# Options without which objects would be stored otherwise than the bucket's owner wants. Reading needs none of them.
_CANNOT_WRITE = ("acl", "grant_read", "grant_read_acp", "grant_write_acp", "grant_full_control")
_HEADERS = {
    "server_side_encryption": "x-amz-server-side-encryption",
    "sse_kms_key_id": "x-amz-server-side-encryption-aws-kms-key-id",
}
_CANNOT_AT_ALL = ("sse_customer_algorithm", "sse_customer_key")


def open_s3(request: RemoteRequest) -> Backend:
    """Return a backend for an S3 remote. Nothing is sent yet.

    Raises:
        UsageError: For options that contradict each other or that sycee cannot honour.
        RemoteError: If the credentials the options name cannot be found.
    """
    bucket, prefix = _place(request.url)
    _refuse(request)
    settings = _Settings(request, bucket, prefix)
    url = f"s3://{bucket}" + (f"/{prefix}" if prefix else "")
    backend = ObjectStoreBackend(settings.clients(), url, name=request.name, uploader=settings.uploader())
    if unwritable := [name for name in _CANNOT_WRITE if name in request.options]:
        return ReadOnlyBackend(backend, f"sycee cannot set `{unwritable[0]}` on what it stores", hint=_ACL_HINT)
    return backend


_ACL_HINT = (
    "push with `dvc push`, which works on the same cache, or give the bucket a policy instead of access lists "
    "and drop the option: `sycee remote modify -u NAME acl`"
)


def _place(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    if not parts.netloc or parts.username is not None:
        raise UsageError(f"{_hidden(url)} names no bucket", hint="write it as s3://BUCKET/PREFIX")
    return parts.netloc, parts.path.strip("/")


def _hidden(url: str) -> str:
    return f"{url.partition('://')[0]}://…{url.rpartition('@')[2]}" if "@" in url else url


def _refuse(request: RemoteRequest) -> None:
    for name in _CANNOT_AT_ALL:
        if name in request.options:
            raise UsageError(
                f"sycee cannot use `{name}`: keys that are sent along with each request",
                hint="use `sse = aws:kms` with `sse_kms_key_id`, or `dvc push -r NAME`, which works on the same cache",
            )


class _Settings:
    """One remote's options, turned into what the client library calls them."""

    def __init__(self, request: RemoteRequest, bucket: str, prefix: str) -> None:
        self._request = request
        self._options = request.options
        self._environ = request.environ
        self._journals = request.scratch and request.scratch / "uploads"
        self._bucket = bucket
        self._prefix = prefix or None
        files = AwsFiles(self._options, self._environ)
        self._region = self._found_region(files)
        self._endpoint = self._found_endpoint()
        self._anonymous = request.flag("allow_anonymous_login")
        self._stall = request.seconds("read_timeout", STALL_SECONDS)
        self._transport = self._found_transport()
        self._keys = None if self._anonymous else credentials(files)

    def uploader(self) -> Uploader | None:
        """Return what continues uploads: for keys that are known here, and where no proxy stands between."""
        if self._journals is None or self._keys is None or proxied(self._endpoint, self._environ):
            return None
        encryption = {_HEADERS[name]: value for name, value in self._encryption().items()}
        bucket = Bucket(
            endpoint=self._endpoint,
            name=self._bucket,
            prefix=self._prefix or "",
            region=self._region,
            keys=self._keys,
            seconds=self._stall,
            headers=encryption,
            tls=self._context,
        )
        return Uploader(S3Parts(bucket), self._journals)

    def _context(self) -> "SSLContext":
        """Return how TLS is spoken by those who do not speak through the client library."""
        import ssl

        context = ssl.create_default_context()
        if authority := self._transport.get("root_certificate"):
            context.load_verify_locations(cadata=authority.decode())
        if self._transport.get("allow_invalid_certificates"):
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def clients(self) -> Clients:
        from obstore.store import S3Store

        config = {
            "region": self._region,
            "endpoint": self._endpoint,
            "virtual_hosted_style_request": False,
            "skip_signature": self._anonymous,
            **self._encryption(),
        }

        def make(options: dict[str, Any], retry: dict[str, Any]) -> Any:
            return S3Store(
                self._bucket,
                prefix=self._prefix,
                config=config,
                client_options=options,
                retry_config=retry,
                credential_provider=self._keys,
            )

        return four_clients(make, self._transport, self._stall)

    def _found_region(self, files: AwsFiles) -> str:
        named = (
            self._options.get("region") or self._environ.get("AWS_REGION") or self._environ.get("AWS_DEFAULT_REGION")
        )
        region = named or files.region() or DEFAULT_REGION
        if not _REGION.fullmatch(region):  # it becomes a part of the host's name
            raise UsageError(f"{region!r} is no region", hint="write it as eu-west-1")
        return region

    def _found_endpoint(self) -> str:
        named = self._options.get("endpointurl")
        if named is None:
            scheme = "https" if self._request.flag("use_ssl", default=True) else "http"
            return f"{scheme}://s3.{self._region}.amazonaws.com" + (".cn" if self._region.startswith("cn-") else "")
        parts = urlsplit(named)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise UsageError(
                f"endpointurl {named!r} is no http or https address", hint="write it as https://HOST[:PORT]"
            )
        if parts.username is not None:
            raise UsageError("endpointurl holds a user name", hint="use access_key_id and secret_access_key instead")
        return named.rstrip("/")

    def _found_transport(self) -> dict[str, Any]:
        seconds = self._request.seconds("connect_timeout", CONNECT_SECONDS)
        transport: dict[str, Any] = {"connect_timeout": f"{seconds}s"}
        if self._endpoint.startswith("http://"):
            return {**transport, "allow_http": True}  # certificates of this machine have no say
        if self._request.trusts_any():
            return {**transport, "allow_invalid_certificates": True}
        authorities = self._request.authorities("AWS_CA_BUNDLE")
        return {**transport, "root_certificate": authorities} if authorities else transport

    def _encryption(self) -> dict[str, str]:
        key = self._options.get("sse_kms_key_id")
        algorithm = self._options.get("sse") or ("aws:kms" if key else None)
        found = {"server_side_encryption": algorithm, "sse_kms_key_id": key}
        return {name: value for name, value in found.items() if value}
