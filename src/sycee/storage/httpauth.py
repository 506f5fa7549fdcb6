"""How a client of an HTTP server says who it is: a fixed header, or the answer to a challenge.

Basic (RFC 7617) and a header of the server's own hand the secret over with every request; digest (RFC 7616) proves
that it is known, with md5 or sha256, for the quality of protection ``auth`` or none.
"""

import hashlib
import os
import re
import threading
from base64 import b64encode
from collections.abc import Mapping
from typing import Protocol

_PAIR = re.compile(r'([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_SCHEME = re.compile(r"(?:^|,)\s*(digest)\s+", re.IGNORECASE)
_NEXT_SCHEME = re.compile(r",\s*[A-Za-z][A-Za-z0-9-]*\s+[A-Za-z]")
_ALGORITHMS = {"": hashlib.md5, "md5": hashlib.md5, "sha-256": hashlib.sha256}
_STRENGTH = ("sha-256", "md5", "")


class Auth(Protocol):
    """What a client says of itself.

    Attributes:
        waits: Whether the server has to ask first.
    """

    waits: bool

    def headers(self, method: str, target: str) -> Mapping[str, str]:
        """Return what to send along with a request for a target (path and query)."""

    def challenged(self, challenge: str) -> bool:
        """Take a server's challenge; tell whether a second attempt makes sense."""


class Fixed:
    """The same headers with every request; none for nobody in particular."""

    waits = False

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    def headers(self, method: str, target: str) -> Mapping[str, str]:
        """See :meth:`Auth.headers`."""
        del method, target
        return self._headers

    def challenged(self, challenge: str) -> bool:
        """See :meth:`Auth.challenged`."""
        del challenge
        return False


def basic(user: str, password: str) -> Auth:
    """Return what sends a name and a password."""
    token = b64encode(f"{user}:{password}".encode()).decode()
    return Fixed({"Authorization": f"Basic {token}"})


class Digest:
    """Answers to the newest challenge of one server; may be used by many threads.

    Args:
        user: The name.
        password: Is never sent.
    """

    def __init__(self, user: str, password: str) -> None:
        self._user = user
        self._password = password
        self.waits = True
        self._challenge: Mapping[str, str] = {}
        self._count = 0
        self._lock = threading.Lock()

    def headers(self, method: str, target: str) -> Mapping[str, str]:
        """See :meth:`Auth.headers`; empty before the first challenge."""
        with self._lock:
            challenge = self._challenge
            self._count += 1
            count = f"{self._count:08x}"
        if not challenge:
            return {}
        return {"Authorization": self._answer(challenge, method, target, count)}

    def challenged(self, challenge: str) -> bool:
        """See :meth:`Auth.challenged`; a challenge that was answered in vain before is not taken again."""
        offered = _strongest(challenge)
        with self._lock:
            if offered is None or offered.get("nonce") == self._challenge.get("nonce"):
                return False
            again = bool(self._challenge) and offered.get("stale", "").lower() != "true"
            self._challenge = offered
            self.waits = False
            self._count = 0
        return not again

    def _answer(self, challenge: Mapping[str, str], method: str, target: str, count: str) -> str:
        hasher = _ALGORITHMS[challenge.get("algorithm", "").lower()]

        def digest(*parts: str) -> str:
            return hasher(":".join(parts).encode()).hexdigest()

        realm, nonce = challenge.get("realm", ""), challenge["nonce"]
        secret = digest(self._user, realm, self._password)
        request = digest(method, target)
        fields = {"username": self._user, "realm": realm, "nonce": nonce, "uri": target}
        if "qop" in challenge:
            own = os.urandom(8).hex()
            fields["response"] = digest(secret, nonce, count, own, "auth", request)
            fields["cnonce"] = own
        else:
            fields["response"] = digest(secret, nonce, request)
        fields |= {name: challenge[name] for name in ("opaque",) if name in challenge}
        plain = {name: challenge[name] for name in ("algorithm",) if name in challenge}
        plain |= {"qop": "auth", "nc": count} if "qop" in challenge else {}
        quoted = [f"{name}={_quoted(value)}" for name, value in fields.items()]
        return "Digest " + ", ".join([*quoted, *(f"{name}={value}" for name, value in plain.items())])


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _strongest(header: str) -> Mapping[str, str] | None:
    """Return the strongest digest challenge in a ``WWW-Authenticate`` header that can be answered."""
    offered = {}
    for found in _SCHEME.finditer(header):
        rest = header[found.end() :]
        end = _NEXT_SCHEME.search(rest)
        pairs = _PAIR.findall(rest[: end.start()] if end else rest)
        fields = {name.lower(): re.sub(r"\\(.)", r"\1", quoted) or plain for name, quoted, plain in pairs}
        ways = {way.strip() for way in fields.get("qop", "auth").split(",")}
        if "nonce" in fields and "auth" in ways:
            offered[fields.get("algorithm", "").lower()] = fields
    return next((offered[name] for name in _STRENGTH if name in offered), None)
