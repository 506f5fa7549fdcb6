"""AWS Signature Version 4 for the few requests that sycee sends to S3 itself.

Source: *Authenticating Requests: Using the Authorization Header (AWS Signature Version 4)*, Amazon S3 API Reference.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from urllib.parse import quote

UNSIGNED = "UNSIGNED-PAYLOAD"  # the body is protected by TLS alone
_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Keys:
    """Who signs.

    Attributes:
        access_key: Its id.
        secret_key: Never sent.
        token: Of a session, or None.
    """

    access_key: str
    secret_key: str
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What is signed.

    Attributes:
        method: ``PUT``, …
        host: As in the Host header: without the port where it is the scheme's own.
        path: Percent-encoded, as it is sent.
        query: Names and values, not encoded.
        headers: Further headers that must not be changed on the way; names in lower case.
        payload: The body's sha256 in hex, or :data:`UNSIGNED`.
    """

    method: str
    host: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    payload: str


def encoded_query(query: Mapping[str, str]) -> str:
    """Return a query as it is sent and signed: encoded, in the order of the names."""
    pairs = sorted((quote(name, safe=""), quote(value, safe="")) for name, value in query.items())
    return "&".join(f"{name}={value}" for name, value in pairs)


def signed_headers(request: Request, keys: Keys, region: str, now: datetime) -> dict[str, str]:
    """Return the headers of a request, its signature among them.

    Args:
        request: What is asked.
        keys: Who asks.
        region: Of the bucket.
        now: The time in UTC.
    """
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    headers = {**request.headers, "host": request.host, "x-amz-date": stamp, "x-amz-content-sha256": request.payload}
    if keys.token:
        headers["x-amz-security-token"] = keys.token
    names = ";".join(sorted(headers))
    listed = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers))
    canonical = "\n".join((request.method, request.path, encoded_query(request.query), listed, names, request.payload))
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    text = "\n".join((_ALGORITHM, stamp, scope, sha256(canonical.encode()).hexdigest()))
    signature = _chained(keys.secret_key, *scope.split("/"), text).hex()
    credential = f"Credential={keys.access_key}/{scope}"
    headers["authorization"] = f"{_ALGORITHM} {credential}, SignedHeaders={names}, Signature={signature}"
    return headers


def _chained(secret: str, *texts: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for text in texts:
        key = hmac.new(key, text.encode(), sha256).digest()
    return key
