"""What object stores and the network say, in the words of the port: the one place where it is translated.

The client library reports every failure as text: the server's XML answer, or a chain of causes down to the socket.
Both are looked up in tables below; the first row that matches wins.
"""

import re
from dataclasses import dataclass

from sycee.errors import NotFound, RemoteError, SyceeError

_CODE = re.compile(r"<Code>([A-Za-z0-9.]+)</Code>")
_MESSAGE = re.compile(r"<Message>([^<]{1,300})</Message>")
_STATUS = re.compile(r"status code: (\d{3})")
_REGION = re.compile(r"<Region>([a-z0-9-]+)</Region>")


@dataclass(frozen=True, slots=True)
class Action:
    """What was tried when it failed.

    Attributes:
        verb: ``read``, ``write``, ``list``, ``delete``, ``look at``.
        url: Of the object or the store, without credentials.
        key: The object, empty for the store.
        remote: The remote's name, for the commands in hints.
    """

    verb: str
    url: str
    key: str = ""
    remote: str = "NAME"


@dataclass(frozen=True, slots=True)
class _Cause:
    reason: str
    hint: str | None = None


_KEYS_HINT = "KEYS"  # stands for one of these, by the scheme of the url
_KEYS_HINTS = {
    "s3": (
        "set them with `sycee remote modify --local NAME access_key_id …` and `… secret_access_key …`, "
        "or choose a `profile`; keys in the remote's options win over those of the environment"
    ),
    "azure": (
        "set `account_key`, `sas_token` or `connection_string` with `sycee remote modify --local NAME …`, "
        "or log in: `az login`; options of the remote win over the environment"
    ),
    "gs": (
        "name the file of a service account: `sycee remote modify NAME credentialpath FILE`, "
        "or log in: `gcloud auth application-default login`"
    ),
}
_REGION_HINT = "set it with `sycee remote modify NAME region REGION`"

_REPLACED = _Cause("somebody replaced it meanwhile", "run the command again")
_BY_CODE = {
    "NoSuchBucket": _Cause("the bucket does not exist", "create the bucket, or correct the remote's url"),
    "SignatureDoesNotMatch": _Cause("the server refuses the signature: the secret key is wrong", _KEYS_HINT),
    "InvalidAccessKeyId": _Cause("the server does not know the access key", _KEYS_HINT),
    "InvalidToken": _Cause("the session token is wrong", _KEYS_HINT),
    "ExpiredToken": _Cause("the session token has expired", "log in again, then run the command again"),
    "TokenRefreshRequired": _Cause("the session token has expired", "log in again, then run the command again"),
    "AccessDenied": _Cause(
        "access denied", "ask whoever owns the bucket for the permission (s3:ListBucket among them), or use other keys"
    ),
    "AllAccessDisabled": _Cause("access denied", "ask whoever owns the bucket why it is closed"),
    "RequestTimeTooSkewed": _Cause("the clock of this machine is wrong", "set the clock, then run the command again"),
    "PermanentRedirect": _Cause("the bucket lies in another region", _REGION_HINT),
    "AuthorizationHeaderMalformed": _Cause("the bucket lies in another region", _REGION_HINT),
    "IllegalLocationConstraintException": _Cause("the bucket lies in another region", _REGION_HINT),
    "InvalidBucketName": _Cause("the server does not accept the bucket's name", "correct the remote's url"),
    "SlowDown": _Cause("the server is overloaded", "try again later, with fewer `jobs`"),
    "ServiceUnavailable": _Cause("the server is overloaded", "try again later, with fewer `jobs`"),
    "ContainerNotFound": _Cause("the container does not exist", "create the container, or correct the remote's url"),
    "ContainerBeingDeleted": _Cause("the container is being deleted", "create another one, or wait"),
    "InvalidResourceName": _Cause("the server does not accept the container's name", "correct the remote's url"),
    "AuthenticationFailed": _Cause("the server refuses the credentials", _KEYS_HINT),
    "AuthorizationFailure": _Cause("the server refuses the credentials", _KEYS_HINT),
    "AuthenticationRequired": _Cause("the server refuses the credentials", _KEYS_HINT),
    "AuthorizationPermissionMismatch": _Cause("access denied", "ask for the role `Storage Blob Data Contributor`"),
    "KeyBasedAuthenticationNotPermitted": _Cause("the account takes no keys", "log in: `az login`"),
    "NoAuthenticationInformation": _Cause("there are no credentials", _KEYS_HINT),
    "PublicAccessNotPermitted": _Cause("there are no credentials", _KEYS_HINT),
    "ServerBusy": _Cause("the server is overloaded", "try again later, with fewer `jobs`"),
    "PreconditionFailed": _REPLACED,
    "ConditionNotMet": _REPLACED,
    "NotImplemented": _Cause("the server does not know this operation"),
}

_OFFLINE = "check the network and the address of the remote; what was stored before is untouched"
_CA_HINT = "name the authority that signed it: `sycee remote modify NAME ssl_verify CA.pem`"
_BY_TEXT = (
    (
        "External AWS credential provider",
        _Cause("the AWS profile gives no credentials any more", "log in again, then run the command again"),
    ),
    ("169.254.169.254", _Cause("there are no credentials", _KEYS_HINT)),
    ("dns error", _Cause("its name cannot be resolved", _OFFLINE)),
    ("ConnectionRefused", _Cause("nothing answers there (connection refused)", _OFFLINE)),
    ("NetworkUnreachable", _Cause("the network is unreachable", _OFFLINE)),
    ("HostUnreachable", _Cause("the host is unreachable", _OFFLINE)),
    ("InvalidCertificate", _Cause("its TLS certificate is not trusted", _CA_HINT)),
    ("InvalidContentType", _Cause("it does not speak TLS", "begin the `endpointurl` with http://, if that is meant")),
    ("redirect without LOCATION", _Cause("the bucket lies in another region", _REGION_HINT)),
    ("TimedOut", _Cause("it did not answer in time", _OFFLINE)),
    ("timed out", _Cause("it did not answer in time", _OFFLINE)),
    ("performing token request", _Cause("there are no credentials", _KEYS_HINT)),
    ("kind: Connect", _Cause("no connection", _OFFLINE)),
)

_NO_BUCKET = {"NoSuchBucket", "ContainerNotFound"}
_BY_STATUS = {
    "401": _Cause("the server refuses the credentials", _KEYS_HINT),
    "403": _BY_CODE["AccessDenied"],
    "301": _BY_CODE["PermanentRedirect"],
    "307": _BY_CODE["PermanentRedirect"],
    "412": _BY_CODE["PreconditionFailed"],
    "429": _BY_CODE["SlowDown"],
    "503": _BY_CODE["SlowDown"],
    "507": _Cause("the server has no space left", "free some space there"),
}


def error_code(error: Exception) -> str:
    """Return the code of the server's answer (``NoSuchKey``), or its HTTP status, or an empty text."""
    text = str(error)
    found = _CODE.search(text) or _STATUS.search(text)
    return found[1] if found else ""


def beyond_the_end(error: Exception) -> bool:
    """Tell whether a range was refused because the object ends before it."""
    return error_code(error) in {"InvalidRange", "416"} or "Wanted range starting at" in str(error)


def translated(error: Exception, action: Action) -> SyceeError:
    """Return what a failure of the client library means.

    Args:
        error: What was raised.
        action: What was tried.
    """
    code = error_code(error)
    if isinstance(error, FileNotFoundError) and code not in _NO_BUCKET and action.verb != "write":
        return NotFound(f"{action.url} does not exist", key=action.key)
    cause = _cause(error, code)
    hint = _KEYS_HINTS[action.url.partition(":")[0]] if cause.hint == _KEYS_HINT else cause.hint
    hint = hint and hint.replace("NAME", action.remote)
    return RemoteError(f"cannot {action.verb} {action.url}: {cause.reason}", hint=hint, key=action.key, code=code)


def _cause(error: Exception, code: str) -> _Cause:
    text = str(error)
    cause = _BY_CODE.get(code)
    cause = cause or next((row for mark, row in _BY_TEXT if mark in text), None)
    status = _STATUS.search(text)
    cause = cause or (_BY_STATUS.get(status[1]) if status else None)
    if cause is not None and cause.hint == _REGION_HINT and (region := _REGION.search(text)):
        return _Cause(f"{cause.reason} ({region[1]})", f"set it with `sycee remote modify NAME region {region[1]}`")
    return cause or _Cause(_first_line(text))


def _first_line(text: str) -> str:
    """Return what the server or the library said, on one line, without the library's debugging output."""
    if message := _MESSAGE.search(text):
        return message[1]
    return text.partition("\n")[0].strip()[:300] or "it failed without saying why"
