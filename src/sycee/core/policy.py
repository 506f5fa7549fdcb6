"""Whether a version may be used here: trust file, facts and situation in; a verdict, rule by rule, out.

Nothing here reads a file, a key or a clock. The signatures behind the facts were checked before; which facts a policy
may ask for, and what each rule refuses with, is the table in ``docs/trust.md``.

Monotonic: one more signature or record turns no acceptance into a refusal, and what is taken away turns no refusal into
an acceptance. What withdraws is the revocation list alone, whose absence refuses.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from sycee import errors
from sycee.core.facts import ChannelFact, RecordFact, Signer, Situation, VersionFacts
from sycee.core.quorum import Counting, Quorum, Refusal
from sycee.formats import times
from sycee.formats.gate import Gate
from sycee.formats.revocations import Revocations
from sycee.formats.trust import CHANNEL_ROLE, FORMS_RULE, ModelRule, RecordRule, Trust

__all__ = [
    "ChannelFact",
    "Decision",
    "Outcome",
    "RecordFact",
    "Refusal",
    "Rule",
    "Signer",
    "Situation",
    "VersionFacts",
    "decide",
    "error_class",
]

_NOBODY = "nobody"  # the role asked for by an entry that asks for none, which no trust file has: none can be met
CLOCK_SKEW = dt.timedelta(minutes=5)  # by how much a record may be ahead of the clock here

Outcome = Literal["passed", "failed", "waived", "pending", "idle"]


class Rule(NamedTuple):
    """One rule, and how the version stands to it.

    Attributes:
        name: ``signed by release``, ``metrics.val_f1 >= 0.89``: what a waiver names.
        outcome: ``idle``: nothing demands it here. ``pending``: the facts are not known yet.
        expected: What the policy demands.
        found: What is so.
        advice: What would change the outcome; empty if it passed.
        refusal: What a failure is about.
    """

    name: str
    outcome: Outcome
    expected: str = ""
    found: str = ""
    advice: str = ""
    refusal: Refusal = "denied"


class Decision(NamedTuple):
    """The verdict.

    Attributes:
        rules: Every rule, in the order of asking.
        warnings: What passed and will not for long, or passed by grace.
    """

    rules: tuple[Rule, ...]
    warnings: tuple[str, ...] = ()

    @property
    def refused(self) -> Rule | None:
        """The first rule that failed; None if none did."""
        return next((rule for rule in self.rules if rule.outcome == "failed"), None)

    @property
    def accepted(self) -> bool:
        """Whether the version may be used: rules were asked, and each is fulfilled, waived, or demanded by nothing."""
        return bool(self.rules) and all(rule.outcome in {"passed", "waived", "idle"} for rule in self.rules)


_ERRORS: Mapping[Refusal, type[errors.PolicyDenied]] = {
    "signer": errors.PolicyDenied,
    "denied": errors.PolicyDenied,
    "expired": errors.Expired,
    "revoked": errors.Revoked,
    "rolled back": errors.RolledBack,
    "other version": errors.WrongVersion,
}


def error_class(rule: Rule) -> type[errors.PolicyDenied]:
    """Return the class of the error that a failure of this rule is."""
    return _ERRORS[rule.refusal]


def decide(trust: Trust, facts: VersionFacts, situation: Situation) -> Decision:
    """Judge a version by every rule that a trust file has for it.

    Args:
        trust: What the operator wrote down.
        facts: What is known of the version; rules about what is not known yet come out as pending.
        situation: The time, and what lies around the version.
    """
    judge = _Judge(trust, facts, situation, trust.rule_for(facts.model))
    rules = tuple(judge.after_waivers(rule) for rule in judge.rules())
    return Decision(rules, tuple(dict.fromkeys(judge.warnings)))


_COUNTERSIGN = "sycee sign MODEL --key FILE --countersign"
_SIGN_AGAIN: Mapping[Refusal, str] = {
    "revoked": "have it signed with a key that was not withdrawn",
    "expired": "have it signed with a key that is valid now: a key proves no time of signing; or renew its validity",
    "signer": "have it signed by who is missing, or change the role in the trust file",
}


def counting(trust: Trust, situation: Situation) -> Counting:
    """Return by what signatures are counted, of those too that :func:`decide` is not asked about.

    Args:
        trust: What the operator wrote down.
        situation: The time and the revocation list; nothing else of it.
    """
    withdrawn = _revocations(trust, situation)
    return Counting(trust, situation.now, withdrawn.keys if withdrawn else {})


def _revocations(trust: Trust, situation: Situation) -> Revocations | None:
    """Return the list, if those signed it who may; also one that has expired, since it never says too little."""
    return situation.revocations if trust.revocations and _revokers(trust, situation).met() else None


def _revokers(trust: Trust, situation: Situation) -> Quorum:
    """Return who signed the list. What it says of its own signers does not count here: it would silence itself."""
    role = trust.revocations.role if trust.revocations else ""
    return Counting(trust, situation.now, {}).quorum(role, situation.revokers)


@dataclass(slots=True)
class _Judge:
    """One version before one policy."""

    trust: Trust
    facts: VersionFacts
    situation: Situation
    model: ModelRule | None
    warnings: list[str] = field(default_factory=list)

    def rules(self) -> Iterator[Rule]:
        """Yield every rule, in the order of asking."""
        yield self.trust_is_current()
        yield self.model_is_known()
        if self.model:
            yield from (self.signed_by(role) for role in self.model.signed_by or (_NOBODY,))
        yield self.not_revoked()
        yield self.list_is_current()
        if self.model and self.model.minimum_serial is not None:
            yield self.serial(self.model.minimum_serial)
        if self.situation.asked_channel is not None:
            yield from self.channel(self.situation.asked_channel)
        if self.model:
            yield self.forms(self.model)
            yield from (self.record(rule) for rule in self.model.records)
            yield from (self.gate(gate) for gate in self.model.gates)

    def trust_is_current(self) -> Rule:
        name, expires = "trust file is current", self.trust.expires
        if expires is None:
            return Rule(name, "idle")
        if self.situation.now < expires:
            self.warn_before(expires, "the trust file expires")
            return Rule(name, "passed", f"before {_time(expires)}", _time(self.situation.now))
        advice = "get the current trust file from who keeps it; who does, reviews it and sets a later expires"
        return Rule(name, "failed", f"before {_time(expires)}", _time(self.situation.now), advice, "expired")

    def model_is_known(self) -> Rule:
        name, model = "model is known", self.facts.model
        if self.model is not None:
            return Rule(name, "passed", self.model.match, model)
        patterns = ", ".join(rule.match for rule in self.trust.models)
        advice = "if it may be used here, add a [[models]] entry for it to the trust file"
        return Rule(name, "failed", patterns or "no model at all", model or "a model without a name", advice)

    def signed_by(self, role: str) -> Rule:
        rule = self.signatures(f"signed by {role}", self.quorum(role, self.facts.signers))
        if rule.outcome != "failed" or rule.refusal != "signer":
            return rule
        if self.situation.more_to_sign and self.anybody_counts():
            return rule._replace(outcome="idle", advice="")
        return rule._replace(advice=f"{rule.advice}; to sign beside others: {_COUNTERSIGN}")

    def anybody_counts(self) -> bool:
        """Tell whether somebody signed who counts for one of the roles that the model's entry asks for."""
        roles = self.model.signed_by if self.model else ()
        return any(self.quorum(role, self.facts.signers).counted for role in roles)

    def signatures(self, name: str, quorum: Quorum) -> Rule:
        """Return the rule that a quorum is met."""
        if quorum.met():
            self.warn_of_keys(quorum.counted)
            return Rule(name, "passed", quorum.expected, quorum.found)
        refusal = quorum.refusal
        return Rule(name, "failed", quorum.expected, quorum.found, _SIGN_AGAIN[refusal], refusal)

    def not_revoked(self) -> Rule:
        name, revoked = "not revoked", self.revocations
        if revoked is None:
            return Rule(name, "idle", found="no list that counts" if self.trust.revocations else "")
        expected, why = f"not in list {revoked.number}", revoked.versions.get(self.facts.identity)
        reasons = [f"this version: {why}"] if why else []
        withdrawn = sorted(self.facts.digests & revoked.files.keys())
        reasons += [f"a file of it, sha256 {one}: {revoked.files[one]}" for one in withdrawn]
        if not reasons:
            return Rule(name, "passed", expected, "not in it")
        advice = "use another version; what was withdrawn is never waived"
        return Rule(name, "failed", expected, "; ".join(reasons), advice, "revoked")

    def list_is_current(self) -> Rule:
        name, source, found = "revocation list is current", self.trust.revocations, self.situation.revocations
        if source is None:
            return Rule(name, "idle")
        if found is None:
            advice = f"bring {source.file} and its signatures here"
            return Rule(name, "failed", f"the list {source.file}", "none", advice)
        if not self.revokers.met():
            return self.signatures(name, self.revokers)
        seen = self.situation.revocations_seen or 0
        if found.number < seen:
            advice = f"bring the newest {source.file} here; this one is older than what was accepted before"
            return Rule(name, "failed", f"number {seen} or higher", f"number {found.number}", advice, "rolled back")
        self.warn_of_keys(self.revokers.counted)
        advice = f"bring a newer {source.file} here; who keeps it makes one: sycee trust revoke"
        return self.until(Rule(name, "passed", advice=advice), found.expires, source.grace_days)

    def until(self, rule: Rule, expires: dt.datetime, grace_days: int) -> Rule:
        """Return a rule that holds before a time, and for some days of grace, with a warning."""
        late, grace = self.situation.now - expires, dt.timedelta(days=grace_days)
        rule = rule._replace(expected=f"before {_time(expires)}", found=_time(self.situation.now), refusal="expired")
        what = rule.name.removesuffix(" is current")
        if late < dt.timedelta(0):
            self.warn_before(expires, f"the {what} expires")
        elif late < grace:
            self.warnings.append(f"the {what} expired at {_time(expires)}; it counts for {_days(grace - late)} more")
        else:
            allowance = f", and {grace_days} days of grace" if grace_days else ""
            return rule._replace(outcome="failed", expected=rule.expected + allowance)
        return rule._replace(advice="")

    def serial(self, least: int) -> Rule:
        name, serial = f"serial is at least {least}", self.facts.serial
        if serial is None and self.facts.card is None:
            return Rule(name, "pending")
        expected, found = f"serial {least} or higher", "none" if serial is None else f"serial {serial}"
        if serial is not None and serial >= least:
            return Rule(name, "passed", expected, found)
        return Rule(name, "failed", expected, found, "use a newer version", "rolled back")

    def channel(self, asked: str) -> Iterator[Rule]:
        names = (f"channel {asked}", f"channel {asked} is current", f"channel {asked} has not gone back")
        fact = self.situation.channel
        if fact is None or (fact.statement.model, fact.statement.name) != (self.facts.model, asked):
            found = f"one for {fact.statement.model}, {fact.statement.name}" if fact else "none"
            advice = "bring the statement here with its signatures, or give --channel-file; sycee channel set makes one"
            yield Rule(names[0], "failed", f"a statement for {self.facts.model}, {asked}", found, advice)
            yield from (Rule(name, "idle", found="there is no statement") for name in names[1:])
            return
        yield self.channel_names_it(names[0], fact)
        advice = "bring the newest statement here; who keeps the channel makes one: sycee channel set"
        rule = Rule(names[1], "passed", advice=advice)
        yield self.until(rule, fact.statement.expires, self.trust.channel_grace_days)
        yield self.channel_goes_on(names[2], fact)

    def channel_names_it(self, name: str, fact: ChannelFact) -> Rule:
        signatures = self.signatures(name, self.quorum(CHANNEL_ROLE, fact.signers))
        if signatures.outcome == "failed":
            return signatures
        one, here = fact.statement, self.facts.identity
        allowed = (one.identity, one.fallback if self.trust.channel_fallback else None)
        expected = " or ".join(f"sycee:{identity}" for identity in allowed if identity)
        if here not in allowed:
            advice = f"use the version that the channel names: {one.version or one.identity}"
            if one.serial < self.least_serial(fact):
                advice = "the statement is older than one that was accepted here: bring the newest"
            elif here == one.fallback:
                advice += "; or, as this is its fallback, say fallback = true under [channels] in the trust file"
            return Rule(name, "failed", expected, f"sycee:{here}", advice, "other version")
        if here != one.identity:
            self.warnings.append(f"this is the fallback of {name}, which names {one.version or one.identity}")
        return Rule(name, "passed", expected, f"sycee:{here}")

    def channel_goes_on(self, name: str, fact: ChannelFact) -> Rule:
        one, least = fact.statement, self.least_serial(fact)
        expected, found = f"serial {least} or higher", f"serial {one.serial}"
        if one.serial < least:
            advice = "bring the newest statement here; to go back on purpose, sign a new one: sycee channel set"
            return Rule(name, "failed", expected, found, advice, "rolled back")
        if one.serial == fact.seen and fact.seen_identity not in {None, one.identity}:
            advice = "somebody signed two statements with one serial; find out why, then: sycee channel set"
            seen = f"serial {one.serial} for sycee:{fact.seen_identity}, as seen here before"
            return Rule(name, "failed", seen, f"{found} for sycee:{one.identity}", advice, "rolled back")
        return Rule(name, "passed", expected, found)

    def least_serial(self, fact: ChannelFact) -> int:
        """Return the serial below which a statement goes back: configured, or accepted here before."""
        configured = self.model.channel_serials.get(fact.statement.name, 0) if self.model else 0
        return max(configured, fact.seen or 0)

    def forms(self, model: ModelRule) -> Rule:
        wrong = [f"{name}: {form}" for name, form in sorted(self.facts.weights.items()) if form not in model.formats]
        expected = ", ".join(model.formats)
        if not wrong:
            return Rule(FORMS_RULE, "passed", expected, ", ".join(sorted({*self.facts.weights.values()})) or "none")
        advice = "convert it (sycee convert MODEL --to safetensors), or allow the form in the trust file"
        return Rule(FORMS_RULE, "failed", expected, "; ".join(wrong), advice)

    def record(self, rule: RecordRule) -> Rule:
        if self.facts.records is None:
            return Rule(str(rule), "pending")
        good = [one for one in self.facts.records if one.kind == rule.kind and one.passed and not self.is_ahead(one)]
        lasting, fresh, ever = (self.quorum_of(rule, good, extra) for extra in (self.trust.warn_days, 0, None))
        expected = f"{fresh.expected}" + (f", at most {rule.max_age_days} days ago" if rule.max_age_days else "")
        if fresh.met():
            self.warn_of_keys(fresh.counted)
            if not lasting.met():
                self.warnings.append(f"{rule} will soon be too old: it may be {rule.max_age_days} days old")
            return Rule(str(rule), "passed", expected, self.told(rule.kind))
        advice = f"make one of this version: sycee attest MODEL --type {rule.kind}; then bring it here"
        return Rule(str(rule), "failed", expected, self.told(rule.kind), advice, "expired" if ever.met() else "denied")

    def quorum_of(self, rule: RecordRule, records: Sequence[RecordFact], after_days: int | None) -> Quorum:
        """Return who counts of those who signed records that will be young enough then; of all, with None."""
        if rule.max_age_days is not None and after_days is not None:
            oldest = dt.timedelta(days=rule.max_age_days - after_days)
            records = [one for one in records if self.age(one) <= oldest]
        return self.quorum(rule.role, frozenset().union(*(one.signers for one in records)))

    def age(self, record: RecordFact) -> dt.timedelta:
        return self.situation.now - record.recorded

    def is_ahead(self, record: RecordFact) -> bool:
        return self.age(record) < -CLOCK_SKEW

    def told(self, kind: str) -> str:
        """Say which records of a kind there are."""
        return "; ".join(self.described(one) for one in self.facts.records or () if one.kind == kind) or "none"

    def described(self, record: RecordFact) -> str:
        names = ", ".join(sorted({signer.name for signer in record.signers})) or "nobody whom the trust file names"
        failed, ahead = "" if record.passed else ", not passed", ", ahead of the clock" if self.is_ahead(record) else ""
        return f"{_time(record.recorded)} by {names}{failed}{ahead}"

    def gate(self, gate: Gate) -> Rule:
        if self.facts.card is None:
            return Rule(str(gate), "pending")
        if gate.holds(self.facts.card):
            return Rule(str(gate), "passed", gate.expected, gate.found(self.facts.card))
        advice = "use a version that fulfils it, or waive it for this one, for a time, in [[waivers]]"
        return Rule(str(gate), "failed", gate.expected, gate.found(self.facts.card), advice)

    # What all rules share

    @property
    def counting(self) -> Counting:
        return counting(self.trust, self.situation)

    def quorum(self, role: str, signers: frozenset[Signer]) -> Quorum:
        return self.counting.quorum(role, signers)

    @property
    def revokers(self) -> Quorum:
        return _revokers(self.trust, self.situation)

    @property
    def revocations(self) -> Revocations | None:
        return _revocations(self.trust, self.situation)

    def warn_of_keys(self, signers: frozenset[Signer]) -> None:
        for name in sorted({signer.name for signer in signers}):
            key = self.trust.keys.get(name)
            if key and key.valid_until:
                self.warn_before(key.valid_until, f"the validity of the key {key.name} ends")

    def warn_before(self, end: dt.datetime, what: str) -> None:
        left = end - self.situation.now
        if left <= dt.timedelta(days=self.trust.warn_days):
            self.warnings.append(f"{what} in {_days(left)}, at {_time(end)}")

    def after_waivers(self, rule: Rule) -> Rule:
        """Return a rule as it stands after the exceptions for this very version."""
        if rule.outcome != "failed" or rule.name not in self.waivable:
            return rule
        waivers = [one for one in self.trust.waivers if one.identity == self.facts.identity and rule.name in one.rules]
        if not waivers:
            return rule
        last = max(waivers, key=lambda one: one.until)
        if last.until <= self.situation.now:
            return rule._replace(advice=f"{rule.advice}; the waiver for it ended at {_time(last.until)}")
        words = f"waived until {_time(last.until)}: {last.reason}"
        self.warnings.append(f"{rule.name}: {words}")
        return rule._replace(outcome="waived", advice=words)

    @property
    def waivable(self) -> frozenset[str]:
        """The rules that an exception may be made of: none of signatures, revocation and going back."""
        model, channel = self.model, self.situation.asked_channel
        if model is None:
            return frozenset()
        asked = () if channel is None else (f"channel {channel} is current",)
        return frozenset([FORMS_RULE, *map(str, (*model.records, *model.gates)), *asked])


def _time(when: dt.datetime) -> str:
    return times.render(when.astimezone(dt.UTC))


def _days(left: dt.timedelta) -> str:
    return f"{left.days} day{'' if left.days == 1 else 's'}" if left.days else "less than a day"
