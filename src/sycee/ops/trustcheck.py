"""``sycee trust check``: what ends when, and what would be refused on a day to come.

The rehearsal asks the decision itself, about a version that everybody signed, that day, and that has every record: what
is refused then is refused for the trust file's sake.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from sycee.core import policy
from sycee.core.policy import RecordFact, Rule, Signer, Situation, VersionFacts
from sycee.formats import times
from sycee.formats.trust import ModelRule, Trust
from sycee.trust.policy.authority import Authority
from sycee.trust.policy.withdrawn import Withdrawn, read_list

_NOBODYS = "0" * 64  # an identity, and a key of an identity, that are nobody's


class End(NamedTuple):
    """Something that ends.

    Attributes:
        what: For people: ``key alice``.
        when: When.
        grace_days: How many days it still counts after that.
        refuses: Whether something is refused afterwards for which it stood; else only new signatures do not count.
    """

    what: str
    when: dt.datetime
    grace_days: int = 0
    refuses: bool = True

    def is_over(self, at: dt.datetime) -> bool:
        """Tell whether it counts no more."""
        return at - self.when >= dt.timedelta(days=self.grace_days)


class Outlook(NamedTuple):
    """What becomes of the models of one entry.

    Attributes:
        match: Its pattern.
        refused: The rules that would refuse any version of them at the time that was asked about.
        hidden_by: The pattern of an entry before it that leaves it nothing; empty if none does.
        until: When a rule would refuse them all for the first time after that; None for never.
        then: The rule.
    """

    match: str
    refused: tuple[Rule, ...]
    hidden_by: str
    until: dt.datetime | None
    then: Rule | None


class Checked(NamedTuple):
    """What a look at a trust file found.

    Attributes:
        trust: The path of the file.
        at: The time that was asked about.
        ends: Everything that ends, the next one first.
        models: Every entry.
        warnings: What the decision warns of.
    """

    trust: str
    at: dt.datetime
    ends: tuple[End, ...]
    models: tuple[Outlook, ...]
    warnings: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        """Whether nothing is over that something stands on, and no entry refuses every version."""
        return not any(end.refuses and end.is_over(self.at) for end in self.ends) and not any(
            one.refused for one in self.models
        )

    def as_json(self) -> dict[str, Any]:
        """Return it for ``--json``."""
        return {
            "ok": self.is_good,
            "trust": self.trust,
            "at": times.render(self.at),
            "ends": [
                {**end._asdict(), "when": times.render(end.when), "over": end.is_over(self.at)} for end in self.ends
            ],
            "models": [
                {
                    **one._asdict(),
                    "refused": [rule._asdict() for rule in one.refused],
                    "until": times.render(one.until) if one.until else None,
                    "then": one.then._asdict() if one.then else None,
                }
                for one in self.models
            ],
            "warnings": list(self.warnings),
        }


def check(authority: Authority, at: dt.datetime) -> Checked:
    """Rehearse a time.

    Args:
        authority: The trust file, its keys loaded.
        at: The time, in UTC.

    Raises:
        NotFound: If an identity's trust root is not there, or nothing here that could use it.
        FormatError: If such a root, or the revocation list, is malformed.
        Conflict: If it is too long, or no regular file.
    """
    authority.identities.load()
    withdrawn = read_list(authority)
    ends = tuple(sorted(_ends(authority.trust, withdrawn), key=lambda end: end.when))
    rehearsal = _Rehearsal(authority, withdrawn, ends)
    models = tuple(rehearsal.outlook(number, at) for number in range(len(authority.trust.models)))
    warnings = (warning for rule in authority.trust.models for warning in rehearsal.decision(rule, at).warnings)
    return Checked(authority.described, at, ends, models, tuple(dict.fromkeys(warnings)))


def _ends(trust: Trust, withdrawn: Withdrawn) -> Iterator[End]:
    if trust.expires:
        yield End("trust file", trust.expires)
    yield from (End(f"key {key.name}", key.valid_until) for key in trust.keys.values() if key.valid_until)
    for one in trust.identities.values():
        if one.valid_until:  # what was signed before stays good, since a log proves the time
            yield End(f"identity {one.name}", one.valid_until, refuses=False)
    yield from (End(f"waiver for sycee:{one.identity[:12]}…", one.until) for one in trust.waivers)
    if trust.revocations and withdrawn.said:
        yield End(f"revocation list {withdrawn.said.number}", withdrawn.said.expires, trust.revocations.grace_days)


class _Rehearsal(NamedTuple):
    """A version without a fault, before the decision, at one time or another."""

    authority: Authority
    withdrawn: Withdrawn
    ends: tuple[End, ...]

    def outlook(self, number: int, at: dt.datetime) -> Outlook:
        """Return what becomes of the models of one entry, at a time and after it."""
        models = self.authority.trust.models
        rule = models[number]
        refused = self.refusals(rule, at)
        hidden_by = next((one.match for one in models[:number] if one.is_about(rule.match)), "")
        later = (when for when in sorted(self.last_times()) if when > at) if not refused else iter(())
        until = next((when for when in later if self.refusals(rule, when)), None)
        return Outlook(rule.match, refused, hidden_by, until, self.refusals(rule, until)[0] if until else None)

    def last_times(self) -> Iterator[dt.datetime]:
        """Yield when something stops to count; where that is after the end of the calendar, it never does."""
        for end in self.ends:
            if dt.timedelta(days=end.grace_days) < dt.datetime.max.replace(tzinfo=dt.UTC) - end.when:
                yield end.when + dt.timedelta(days=end.grace_days)

    def refusals(self, rule: ModelRule, at: dt.datetime) -> tuple[Rule, ...]:
        return tuple(one for one in self.decision(rule, at).rules if one.outcome == "failed")

    def decision(self, rule: ModelRule, at: dt.datetime) -> policy.Decision:
        """Ask about a model that is called like the pattern, by this entry alone; only the card is left open."""
        alone = replace(self.authority.trust, models=(rule,), waivers=())
        situation = Situation(at, revocations=self.withdrawn.said, revokers=self.withdrawn.signers)
        return policy.decide(alone, self.version(rule, at), situation)

    def version(self, rule: ModelRule, at: dt.datetime) -> VersionFacts:
        everybody = frozenset(self.everybody(at))
        records = (RecordFact(one.kind, at, passed=True, signers=everybody) for one in rule.records)
        return VersionFacts(
            model=rule.match,
            version=None,
            serial=rule.minimum_serial,
            identity=_NOBODYS,
            digests=frozenset(),
            weights={},
            signers=everybody,
            records=tuple(records),
            card=None,
        )

    def everybody(self, at: dt.datetime) -> Iterator[Signer]:
        """Yield a signature by each key, and by each identity at the last moment at which it may sign."""
        for name, key in self.authority.keys.items():
            yield Signer(name, key.fingerprint, key.kind)
        for number, one in enumerate(self.authority.trust.identities.values()):
            last = one.valid_until - dt.timedelta(seconds=1) if one.valid_until and one.valid_until <= at else at
            yield Signer(one.name, f"{number:064x}", one.subject, last)
