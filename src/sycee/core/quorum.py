"""Who of those that signed counts for a role, and whether they are enough."""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from sycee.core.facts import Signer
from sycee.formats import times
from sycee.formats.trust import Role, Trust, TrustedIdentity, TrustedKey

# What a refusal is about; each has its error class (see errors.py), so that a server can tell them apart.
Refusal = Literal["signer", "denied", "expired", "revoked", "rolled back", "other version"]


class Quorum(NamedTuple):
    """How far the signatures on something go for a role.

    Attributes:
        role: The role.
        counted: Whose signature counts.
        others: Everybody else who signed, with what is against it, and that in words.
    """

    role: Role
    counted: frozenset[Signer]
    others: Mapping[Signer, tuple[Refusal, str]]

    def met(self, *forgiven: Refusal) -> bool:
        """Tell whether enough different ones signed, if some of what is against them were not."""
        pardoned = {signer for signer, (against, _) in self.others.items() if against in forgiven}
        return bool(self.role.members) and distinct(self.counted | pardoned) >= self.role.threshold

    @property
    def refusal(self) -> Refusal:
        """What the failure is about: the least that would have to be forgiven."""
        if self.met("revoked"):
            return "revoked"
        return "expired" if self.met("revoked", "expired") else "signer"

    @property
    def expected(self) -> str:
        """Who is asked for, in words."""
        return f"{self.role.threshold} of {', '.join(sorted(self.role.members)) or 'nobody'}"

    @property
    def found(self) -> str:
        """Who signed, in words."""
        told = sorted({signer.name for signer in self.counted})
        told += sorted({f"{signer.name} ({why})" for signer, (_, why) in self.others.items()})
        return ", ".join(told) or "nobody whom the trust file names"


def distinct(signers: Iterable[Signer]) -> int:
    """Return how many different ones signed: the most that can be chosen with no name and no key twice.

    One key under two names is one, and so are two keys of one name. The choice is a matching of names with keys.
    """
    keys_of: dict[str, list[str]] = {}
    for signer in signers:
        keys_of.setdefault(signer.name, []).append(signer.fingerprint)
    holder: dict[str, str] = {}  # key to the name that it stands for

    def seat(name: str, tried: set[str]) -> bool:
        for key in keys_of[name]:
            if key not in tried:
                tried.add(key)
                if key not in holder or seat(holder[key], tried):
                    holder[key] = name
                    return True
        return False

    return sum(seat(name, set()) for name in keys_of)


class Counting(NamedTuple):
    """By what signatures are counted.

    Attributes:
        trust: Who is who.
        now: The time, with its zone.
        revoked: Fingerprint of a withdrawn key to the reason.
    """

    trust: Trust
    now: dt.datetime
    revoked: Mapping[str, str]

    def quorum(self, role_name: str, signers: Iterable[Signer]) -> Quorum:
        """Return how far signatures go for a role; nobody is in a role that the trust file does not have."""
        role = self.trust.roles.get(role_name) or Role(role_name, frozenset())
        against = {signer: self._against(signer, role) for signer in signers}
        return Quorum(
            role,
            frozenset(signer for signer, reason in against.items() if reason is None),
            {signer: reason for signer, reason in against.items() if reason is not None},
        )

    def _against(self, signer: Signer, role: Role) -> tuple[Refusal, str] | None:
        """Return what is against counting a signature; None if nothing is."""
        who = self.trust.keys.get(signer.name) or self.trust.identities.get(signer.name)
        if who is None or signer.name not in role.members:
            return "signer", f"not in the role {role.name}"
        if signer.fingerprint in self.revoked:
            return "revoked", f"withdrawn: {self.revoked[signer.fingerprint]}"
        return self._out_of_time(who, signer)

    def _out_of_time(self, who: TrustedKey | TrustedIdentity, signer: Signer) -> tuple[Refusal, str] | None:
        """Judge a key at this time, since it proves none of its own, and an identity at the one that the log proves."""
        at = self.now if isinstance(who, TrustedKey) else signer.signed_at
        if at is None:
            return "signer", "no log vouches for the time of its signature"
        if who.valid_from and at < who.valid_from:
            return "expired", f"valid only from {times.render(who.valid_from)}"
        if who.valid_until and at >= who.valid_until:
            return "expired", f"valid only until {times.render(who.valid_until)}"
        return None
