"""What a verifier must accept: keys, versions, statements and lists by name, without bytes. No reason: accepted."""

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from sycee.errors import Expired, PolicyDenied, Revoked, RolledBack, SignatureInvalid, VerificationError, WrongVersion

LIST_GRACE, CHANNEL_GRACE, APPROVAL_AGE = (dt.timedelta(days=days) for days in (2, 1, 60))


class Version(NamedTuple):
    signers: set[str]
    approvals: list[tuple[str, dt.datetime]]  # by whom and when, of those that say yes
    packed: list["Statement"]  # at most one: the channel statement in its folder


class Statement(NamedTuple):
    serial: int
    version: str
    fallback: str | None
    expires: dt.datetime
    signers: frozenset[str]


class Withdrawn(NamedTuple):
    number: int
    expires: dt.datetime
    names: frozenset[str]  # of keys and versions
    signers: frozenset[str]


@dataclass
class Model:
    """The state of the world, as far as it matters for what is accepted."""

    now: dt.datetime
    roles: dict[str, set[str]]
    thresholds: dict[str, int]
    ends: dict[str, dt.datetime] = field(default_factory=dict)  # of keys whose validity ends
    versions: dict[str, Version] = field(default_factory=dict)
    served: Statement | None = None
    served_list: Withdrawn | None = None
    fallbacks: bool = True  # whether they are accepted
    seen: Statement | None = None
    seen_list: int = 0

    def reasons(self, name: str) -> set[type[VerificationError]]:
        """Return the errors that a version may be refused with; none if it must be accepted."""
        return {*self._signed(name), *self._withdrawn(name), *self._channel(name), *self._approved(name)}

    def accept(self, name: str) -> None:
        self.seen = self.statement(name)
        self.seen_list = self.served_list.number

    def quorum(self, role: str, signers: Iterable[str]) -> type[PolicyDenied] | None:
        """Return the error if too few signed; revoked is forgiven first, then expired."""
        kinds = [self._against(signer, role) for signer in signers]
        for forgiven, error in (((), None), (("revoked",), Revoked), (("revoked", "expired"), Expired)):
            if sum(kind is None or kind in forgiven for kind in kinds) >= self.thresholds[role]:
                return error
        return PolicyDenied

    def _against(self, signer: str, role: str) -> str | None:
        if signer not in self.roles[role]:
            return "signer"
        if role != "revocation" and signer in self.withdrawn:
            return "revoked"
        return "expired" if signer in self.ends and self.now >= self.ends[signer] else None

    def knows(self, signers: Iterable[str]) -> bool:
        return any(signer in members for members in self.roles.values() for signer in signers)

    @property
    def withdrawn(self) -> frozenset[str]:
        one = self.served_list
        return frozenset() if one is None or self.quorum("revocation", one.signers) else one.names

    def statement(self, name: str) -> Statement | None:
        """Return the statement that counts for a version: by enough of the right people, then by serial."""
        found = [one for one in (self.served, *self.versions[name].packed) if one and self.knows(one.signers)]
        return max(found, key=lambda one: (not self.quorum("channel", one.signers), one.serial), default=None)

    def _signed(self, name: str) -> Iterator[type[VerificationError]]:
        if not self.knows(self.versions[name].signers):
            yield SignatureInvalid
        elif error := self.quorum("release", self.versions[name].signers):
            yield error

    def _withdrawn(self, name: str) -> Iterator[type[VerificationError]]:
        one = self.served_list
        if name in self.withdrawn:
            yield Revoked
        if one is None or not self.knows(one.signers):
            yield PolicyDenied
        elif error := self.quorum("revocation", one.signers):
            yield error
        elif one.number < self.seen_list:
            yield RolledBack
        elif self.now >= one.expires + LIST_GRACE:
            yield Expired

    def _channel(self, name: str) -> Iterator[type[VerificationError]]:
        if (one := self.statement(name)) is None:
            yield PolicyDenied
            return
        if error := self.quorum("channel", one.signers):
            yield error
        if name not in {one.version, one.fallback if self.fallbacks else None}:
            yield WrongVersion
        if self.now >= one.expires + CHANNEL_GRACE:
            yield Expired
        if self.seen and (one.serial, one.version) != self.seen[:2] and one.serial <= self.seen.serial:
            yield RolledBack

    def _approved(self, name: str) -> Iterator[type[VerificationError]]:
        approvals = self.versions[name].approvals
        if self.quorum("review", {signer for signer, when in approvals if self.now - when <= APPROVAL_AGE}):
            yield PolicyDenied if self.quorum("review", {signer for signer, _ in approvals}) else Expired
