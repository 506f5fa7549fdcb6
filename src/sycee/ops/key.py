"""``sycee key``: what a key file is, what a trust file says of it, and its public half."""

import datetime as dt
import stat
from pathlib import Path
from typing import Any, NamedTuple

from sycee.errors import Conflict
from sycee.formats import times
from sycee.ops.keygen import create_key_file
from sycee.trust import keys
from sycee.trust.keys import GetPassword, PublicKey
from sycee.trust.policy.authority import Authority


class KeyFacts(NamedTuple):
    """What is known of a key file.

    Attributes:
        path: The file.
        public: Its public half; None of an encrypted private key that nobody opened.
        is_private: Whether it can sign.
        is_encrypted: Whether it needs a password.
        mode: Its permissions, such as ``0600``.
    """

    path: Path
    public: PublicKey | None
    is_private: bool
    is_encrypted: bool
    mode: str

    def as_json(self) -> dict[str, Any]:
        """Return the facts for ``--json``."""
        known = {"kind": self.public.kind, "fingerprint": self.public.fingerprint} if self.public else {}
        own = {"path": str(self.path), "private": self.is_private, "encrypted": self.is_encrypted, "mode": self.mode}
        return own | known


def read_key(path: Path, get_password: GetPassword | None) -> KeyFacts:
    """Look at a key file, public or private.

    Args:
        path: The file.
        get_password: Asked only for an encrypted private key; None to leave that closed.

    Raises:
        NotFound: If it is not there.
        UsageError: If it is no key, of an unsupported kind, or the password is wrong.
    """
    pem = keys.read_private_pem(path, allow_insecure_permissions=True)
    mode = f"{stat.S_IMODE(path.stat().st_mode):04o}"
    if b"PRIVATE KEY-----" not in pem:
        return KeyFacts(path, keys.parse_public(pem, str(path)), is_private=False, is_encrypted=False, mode=mode)
    encrypted = keys.is_encrypted(pem)
    closed = encrypted and get_password is None
    public = None if closed else keys.parse_private(pem, str(path), get_password).public
    return KeyFacts(path, public, is_private=True, is_encrypted=encrypted, mode=mode)


class Named(NamedTuple):
    """What a trust file says of a key.

    Attributes:
        name: What it calls the key.
        roles: That the key is a member of, sorted.
        valid_from: From when on its signatures count; None for always.
        valid_until: Until when; None for ever.
    """

    name: str
    roles: tuple[str, ...]
    valid_from: dt.datetime | None
    valid_until: dt.datetime | None

    def as_json(self) -> dict[str, Any]:
        """Return it for ``--json``."""
        limits = {"valid_from": self.valid_from, "valid_until": self.valid_until}
        shown = {which: times.render(limit) for which, limit in limits.items() if limit}
        return {"name": self.name, "roles": [*self.roles]} | shown

    def __str__(self) -> str:
        roles = f"member of {', '.join(self.roles)}" if self.roles else "member of no role"
        first = f", from {times.render(self.valid_from)}" if self.valid_from else ""
        last = f", until {times.render(self.valid_until)}" if self.valid_until else ""
        return f"{self.name}: {roles}{first}{last}"


def named_in(trust_file: Path, key: PublicKey) -> tuple[Named, ...]:
    """Return under which names a trust file has a key; none if it does not name it.

    Raises:
        NotFound: If the trust file, or a key file that it names, is not there.
        FormatError: If it is malformed.
    """
    authority = Authority.read(trust_file)
    trust = authority.trust
    found = []
    for name, public in sorted(authority.keys.items()):
        if public.fingerprint == key.fingerprint:
            roles = tuple(sorted(role.name for role in trust.roles.values() if name in role.members))
            found.append(Named(name, roles, trust.keys[name].valid_from, trust.keys[name].valid_until))
    return tuple(found)


def export_public(path: Path, get_password: GetPassword | None, out: Path | None) -> PublicKey:
    """Return the public half of a key, and write it to a file that is not there yet.

    Args:
        path: The key.
        get_password: Asked if it is encrypted.
        out: Where it goes; None to write no file.

    Raises:
        UsageError: See :func:`sycee.trust.keys.parse_private`.
        Conflict: If the file is there and holds another key.
    """
    pem = keys.read_private_pem(path, allow_insecure_permissions=True)
    is_private = b"PRIVATE KEY-----" in pem
    public = (
        keys.parse_private(pem, str(path), get_password).public if is_private else keys.parse_public(pem, str(path))
    )
    if out is not None and not (out.is_file() and out.read_bytes() == public.pem):
        if out.exists() or out.is_symlink():
            raise Conflict(f"{out} is there, and a key is never overwritten", hint="choose another name", path=str(out))
        create_key_file(out, public.pem, 0o644)
    return public
