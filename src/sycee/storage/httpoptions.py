"""HTTP(S) remotes as DVC's remote options describe them: options in, backend out."""

import re
from functools import cache
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from sycee.errors import UsageError
from sycee.storage.http import HttpBackend
from sycee.storage.httpauth import Auth, Digest, Fixed, basic
from sycee.storage.httpclient import HttpClient, Transport
from sycee.storage.options import RemoteRequest
from sycee.storage.port import Backend
from sycee.system.terminal import ask_secret

CONNECT_SECONDS = 10
STALL_SECONDS = 60

_METHODS = {"POST", "PUT"}
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OWN_HEADERS = {"host", "content-length", "transfer-encoding", "range", "if-range", "if-none-match", "connection"}


def open_http(request: RemoteRequest) -> Backend:
    """Return a backend for an ``http://`` or ``https://`` remote. Nothing is sent yet.

    Raises:
        UsageError: For options that contradict each other or mean nothing.
        RemoteError: If the file of ``ssl_verify`` cannot be read.
    """
    parts = urlsplit(request.url)
    if not _is_place(request.url):
        raise UsageError(
            f"the remote {request.name!r} has no url that objects can lie below",
            hint="write it as https://HOST[:PORT]/FOLDER",
        )
    method = request.options.get("method", "POST").upper()
    if method not in _METHODS:
        raise UsageError(f"the option method has the value {method!r}", hint="use POST or PUT")
    auth = _auth(request)
    url = urlunsplit((parts.scheme.lower(), parts.netloc.rpartition("@")[2], parts.path, "", ""))
    client = HttpClient(_transport(request, url), auth, name=request.name)
    return HttpBackend(client, url, method=method)


def _is_place(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and not parts.query and not parts.fragment and parts.port != 0
    except ValueError:  # a port that is none
        return False


def _auth(request: RemoteRequest) -> Auth:
    """Return who asks; as in DVC, ``user`` and ``password`` count only where ``auth`` says how to send them."""
    way = request.options.get("auth", "").lower()
    parts = urlsplit(request.url)
    if not way:
        known = parts.username is not None
        return basic(unquote(parts.username or ""), unquote(parts.password or "")) if known else Fixed({})
    if way not in {"basic", "digest", "custom"}:
        raise UsageError(f"the option auth has the value {way!r}", hint="use basic, digest or custom")
    named = "custom_auth_header" if way == "custom" else "user"
    who = request.options.get(named)
    if who is None:
        raise UsageError(
            f"auth {way!r} needs the option {named}", hint=f"`sycee remote modify {request.name} {named} …`"
        )
    secret = _password(request, who)
    if way == "custom":
        return _custom(who, secret)
    return basic(who, secret) if way == "basic" else Digest(who, secret)


def _custom(header: str, secret: str) -> Auth:
    if not _TOKEN.fullmatch(header) or header.lower() in _OWN_HEADERS:
        raise UsageError(f"{header!r} cannot be a custom_auth_header", hint="write the header's name alone, as X-Token")
    if not secret.isprintable():
        raise UsageError("the password cannot be sent in a header", hint="it holds a line break or a control character")
    return Fixed({header: secret.encode().decode("latin-1")})  # UTF-8 on the line, as DVC sends it


def _password(request: RemoteRequest, user: str) -> str:
    password = request.options.get("password")
    if password is not None:
        return password
    hint = f"`sycee remote modify --local {request.name} password …`, or `… ask_password true`"
    if not request.flag("ask_password"):
        raise UsageError(f"the remote {request.name!r} has `auth` and no password", hint=hint)
    return _asked(urlsplit(request.url).hostname or "", user)


@cache  # a command that opens a remote twice asks once
def _asked(host: str, user: str) -> str:
    return ask_secret(f"Password of {user} at {host}")


def _transport(request: RemoteRequest, url: str) -> Transport:
    return Transport(
        request.seconds("connect_timeout", CONNECT_SECONDS),
        request.seconds("read_timeout", STALL_SECONDS),
        _tls(request) if url.startswith("https:") else None,
        _proxy(request, url),
    )


def _tls(request: RemoteRequest) -> Any:
    """Return what decides whether a server is the right one: the system's authorities, and those that are named."""
    import ssl

    context = ssl.create_default_context()
    if request.trusts_any():
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    if authorities := request.authorities("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        try:
            context.load_verify_locations(cadata=authorities.decode("ascii", "ignore"))
        except ssl.SSLError:
            raise UsageError(
                f"the file that `ssl_verify` of the remote {request.name!r} names holds no certificates",
                hint="it must hold certificates in PEM form",
            ) from None
    return context


def _proxy(request: RemoteRequest, url: str) -> str | None:
    """Return the proxy that the environment names for a url, as all HTTP clients read it."""
    import urllib.request

    environ = {name.lower(): value for name, value in request.environ.items() if name.lower().endswith("_proxy")}
    parts = urlsplit(url)
    named = environ.get(f"{parts.scheme}_proxy") or environ.get("all_proxy")
    if not named or urllib.request.proxy_bypass_environment(  # type: ignore[attr-defined] # not in its stubs
        parts.netloc, {"no": environ.get("no_proxy", "")}
    ):
        return None
    return named if "://" in named else f"http://{named}"
