"""The decision: each rule alone can refuse, with its error class, what was expected and found, and what to do."""

import datetime as dt
import re
from pathlib import Path

import pytest

from rigs.policies import (
    CI,
    DAY,
    FINGERPRINTS,
    IDENTITY,
    NOW,
    OTHER,
    SIGNERS,
    TRUST,
    on_channel,
    revoked,
    signer,
    situation,
    statement,
    trust,
    version,
)
from sycee.core.policy import Decision, RecordFact, Rule, Signer, decide, error_class
from sycee.core.quorum import distinct
from sycee.errors import Expired, FormatError, PolicyDenied, Revoked, RolledBack, WrongVersion

FRESH = NOW + dt.timedelta(minutes=4)


def judged(facts=None, around=None, policy=None) -> Decision:
    return decide(policy or trust(), facts or version(), around or situation())


def rule(decision: Decision, name: str) -> Rule:
    return next(one for one in decision.rules if one.name == name)


def test_a_good_version_is_accepted_without_a_warning():
    decision = judged()
    assert decision.accepted
    assert decision.refused is None
    assert decision.warnings == ()
    assert [(one.name, one.outcome) for one in decision.rules] == [
        ("trust file is current", "passed"),
        ("model is known", "passed"),
        ("signed by training", "passed"),
        ("signed by release", "passed"),
        ("not revoked", "passed"),
        ("revocation list is current", "passed"),
        ("serial is at least 12", "passed"),
        ("channel production", "passed"),
        ("channel production is current", "passed"),
        ("channel production has not gone back", "passed"),
        ("weights are allowed forms", "passed"),
        ("record approval by review", "passed"),
        ("record replay by training", "passed"),
        ("metrics.val_f1 >= 0.89", "passed"),
    ]


def records(**changes):
    """Return the version's records, with those of one kind changed."""
    kind = changes.pop("kind")
    return tuple(one._replace(**changes) if one.kind == kind else one for one in version().records)


LATE = "2026-05-01T00:00:00Z"
# What is changed of facts, situation and trust file; the rule that refuses; its error; found; advice.
REFUSALS = {
    "trust file past its time": (
        {}, {}, ("expires = 2026-12-31", "expires = 2026-06-01"),
        "trust file is current", Expired, "2026-06-01T12:00:00Z", "get the current trust file",
    ),
    "model that nobody named": (
        {"model": "gpt"}, {"asked_channel": None}, (), "model is known", PolicyDenied, "gpt", "add a [[models]] entry",
    ),
    "a pattern in another case": (
        {"model": "Bert"}, {"asked_channel": None}, (), "model is known", PolicyDenied, "Bert", "add",
    ),
    "nobody of a role": (
        {"signers": SIGNERS - {CI}}, {}, (),
        "signed by training", PolicyDenied, "alice (not in the role training)", "have it signed by who",
    ),
    "one of two": (
        {"signers": SIGNERS - {signer("bob")}}, {}, (),
        "signed by release", PolicyDenied, "alice, ci (not in the role release)", "have it signed by who",
    ),
    "one key under two names": (
        {"signers": frozenset({CI, signer("alice"), Signer("bob", FINGERPRINTS["alice"], "")})}, {}, (),
        "signed by release", PolicyDenied, "alice, bob", "have it signed",
    ),
    "two keys under one name": (
        {"signers": frozenset({CI, signer("alice"), signer("alice")._replace(fingerprint="44" * 32)})}, {}, (),
        "signed by release", PolicyDenied, "alice", "have it signed",
    ),
    "somebody unknown": (
        {"signers": SIGNERS - {CI} | {signer("mallory")}}, {}, (),
        "signed by training", PolicyDenied, "mallory (not in the role training)", "have it signed",
    ),
    "a key past its time": (
        {}, {}, ("valid_until = 2027-01-01", "valid_until = 2026-05-31"),
        "signed by release", Expired, "alice (valid only until 2026-05-31T00:00:00Z)", "valid now",
    ),
    "a key before its time": (
        {}, {}, ("valid_from = 2026-01-01", "valid_from = 2026-06-02"),
        "signed by release", Expired, "alice (valid only from 2026-06-02T00:00:00Z)", "valid now",
    ),
    "an identity that signed after its time": (
        {"signers": SIGNERS - {CI} | {signer("ci", NOW - 20 * DAY)}}, {}, (),
        "signed by training", Expired, "ci (valid only until 2026-05-01T00:00:00Z)", "valid now",
    ),
    "an identity without a time": (
        {"signers": SIGNERS - {CI} | {signer("ci")}}, {}, (),
        "signed by training", PolicyDenied, "no log vouches for the time", "have it signed",
    ),
    "a withdrawn key": (
        {}, {"revocations": revoked(keys={FINGERPRINTS["alice"]: "lost laptop"})}, (),
        "signed by release", Revoked, "alice (withdrawn: lost laptop)", "a key that was not withdrawn",
    ),
    "a withdrawn version": (
        {}, {"revocations": revoked(versions={IDENTITY: "leaks names"})}, (),
        "not revoked", Revoked, "this version: leaks names", "use another version",
    ),
    "a withdrawn file": (
        {}, {"revocations": revoked(files={"d4" * 32: "poisoned"})}, (),
        "not revoked", Revoked, f"a file of it, sha256 {'d4' * 32}: poisoned", "use another version",
    ),
    "no list": (
        {}, {"revocations": None}, (), "revocation list is current", PolicyDenied, "none", "bring revoked.json",
    ),
    "a list that nobody signed": (
        {}, {"revokers": frozenset()}, (), "revocation list is current", PolicyDenied, "nobody", "have it signed",
    ),
    "a list by somebody else": (
        {}, {"revokers": frozenset({signer("alice")})}, (),
        "revocation list is current", PolicyDenied, "alice (not in the role revocation)", "have it signed",
    ),
    "an older list": (
        {}, {"revocations_seen": 4}, (), "revocation list is current", RolledBack, "number 3", "bring the newest",
    ),
    "a list past its grace": (
        {}, {"revocations": revoked(expires=NOW - 7 * DAY)}, (),
        "revocation list is current", Expired, "2026-06-01T12:00:00Z", "bring a newer revoked.json",
    ),
    "an old serial": ({"serial": 11}, {}, (), "serial is at least 12", RolledBack, "serial 11", "use a newer version"),
    "no serial": ({"serial": None}, {}, (), "serial is at least 12", RolledBack, "none", "use a newer version"),
    "no statement": (
        {}, {"channel": None}, (), "channel production", PolicyDenied, "none", "bring the statement here",
    ),
    "a statement for another model": (
        {}, {"channel": on_channel(statement=statement(model="bert-qa"))}, (),
        "channel production", PolicyDenied, "one for bert-qa, production", "bring the statement here",
    ),
    "a statement for another channel": (
        {}, {"channel": on_channel(statement=statement(name="staging"))}, (),
        "channel production", PolicyDenied, "one for bert-ner, staging", "bring the statement here",
    ),
    "a statement by somebody else": (
        {}, {"channel": on_channel(signers=frozenset({signer("alice")}))}, (),
        "channel production", PolicyDenied, "alice (not in the role channel)", "have it signed",
    ),
    "another version than the channel's": (
        {}, {"channel": on_channel(statement=statement(identity=OTHER, version="1.5.0"))}, (),
        "channel production", WrongVersion, f"sycee:{IDENTITY}", "use the version that the channel names: 1.5.0",
    ),
    "a fallback that the trust file does not accept": (
        {}, {"channel": on_channel(statement=statement(identity=OTHER, version="1.5.0", fallback=IDENTITY))}, (),
        "channel production", WrongVersion, f"sycee:{IDENTITY}", "say fallback = true under [channels]",
    ),
    "a statement past its grace": (
        {}, {"channel": on_channel(statement=statement(expires=NOW - 3 * DAY))}, (),
        "channel production is current", Expired, "2026-06-01T12:00:00Z", "bring the newest statement",
    ),
    "a serial below the one that was seen": (
        {}, {"channel": on_channel(seen=42)}, (),
        "channel production has not gone back", RolledBack, "serial 41", "to go back on purpose",
    ),
    "a serial below the configured one": (
        {}, {"channel": on_channel(statement=statement(serial=39), seen=None)}, (),
        "channel production has not gone back", RolledBack, "serial 39", "to go back on purpose",
    ),
    "two statements with one serial": (
        {}, {"channel": on_channel(seen=41, seen_identity=OTHER)}, (),
        "channel production has not gone back", RolledBack, f"serial 41 for sycee:{IDENTITY}", "find out why",
    ),
    "weights that run code": (
        {"weights": {"model.bin": "pickle", "a.onnx": "onnx"}}, {}, (),
        "weights are allowed forms", PolicyDenied, "model.bin: pickle", "sycee convert",
    ),
    "no approval": (
        {"records": version().records[1:]}, {}, (),
        "record approval by review", PolicyDenied, "none", "sycee attest MODEL --type approval",
    ),
    "an approval that says no": (
        {"records": records(kind="approval", passed=False)}, {}, (),
        "record approval by review", PolicyDenied, "bob, carol, not passed", "sycee attest",
    ),
    "an approval by one of two": (
        {"records": records(kind="approval", signers=frozenset({signer("bob")}))}, {}, (),
        "record approval by review", PolicyDenied, "2026-05-22T12:00:00Z by bob", "sycee attest",
    ),
    "an old replay": (
        {"records": records(kind="replay", recorded=NOW - 91 * DAY)}, {}, (),
        "record replay by training", Expired, "2026-03-02T12:00:00Z by ci", "sycee attest MODEL --type replay",
    ),
    "a replay from the future": (
        {"records": records(kind="replay", recorded=NOW + dt.timedelta(minutes=6))}, {}, (),
        "record replay by training", PolicyDenied, "ahead of the clock", "sycee attest",
    ),
    "a metric that is too low": (
        {"card": {"metrics": {"val_f1": 0.88}}}, {}, (),
        "metrics.val_f1 >= 0.89", PolicyDenied, "0.88", "waive it for this one, for a time",
    ),
    "a metric that is not there": (
        {"card": {}}, {}, (), "metrics.val_f1 >= 0.89", PolicyDenied, "the card has no metrics.val_f1", "waive",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS)
def test_each_rule_alone_refuses(case):
    facts, around, text, name, error, found, advice = REFUSALS[case]
    decision = judged(version(**facts), situation(**around), trust(TRUST.replace(*text) if text else TRUST))
    assert not decision.accepted
    refused = decision.refused
    assert refused.name == name
    assert [one.name for one in decision.rules if one.outcome == "failed"] == [name]
    assert error_class(refused) is error
    assert found in refused.found
    assert advice in refused.advice
    assert refused.expected


def test_every_rule_has_a_refusal_in_the_table():
    assert {name for _, _, _, name, *_ in REFUSALS.values()} == {one.name for one in judged().rules}


def test_the_table_of_the_page_is_what_is_asked():
    """Each rule in its order, with every error that it gives above, and whether it may be waived."""
    page = (Path(__file__).parents[2] / "docs/trust.md").read_text().partition("## Rules")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(.+?)` \| .+ \| (.+?) \| (yes|no) \|$", page, re.MULTILINE)
    named = {"ROLE": "(?:training|release|review)", "KIND": "(?:approval|replay)", "NAME": "production", "N": "12"}
    patterns = [re.sub("|".join(rf"\b{word}\b" for word in named), lambda m: named[m[0]], name) for name, *_ in rows]
    asked = [next(at for at, one in enumerate(patterns) if re.fullmatch(one, rule.name)) for rule in judged().rules]
    assert asked == sorted(asked)
    assert {*asked} == {*range(len(rows))}
    for _, _, _, name, error, *_ in REFUSALS.values():
        at = next(at for at, one in enumerate(patterns) if re.fullmatch(one, name))
        assert f"`{error.__name__}`" in rows[at][1]
    for (name, _, waivable), pattern in zip(rows, patterns, strict=True):
        rule_name = next(one.name for one in judged().rules if re.fullmatch(pattern, one.name))
        if waivable == "yes":
            assert trust(waiver=rule_name)
        else:
            with pytest.raises(FormatError, match="cannot be waived"):
                trust(waiver=name)


@pytest.mark.parametrize(
    ("facts", "around"),
    [
        ({"records": records(kind="replay", recorded=FRESH)}, {}),
        ({"signers": SIGNERS | {signer("mallory"), signer("carol")}}, {}),
        ({"records": (*version().records, *records(kind="approval", passed=False))}, {}),
        ({}, {"channel": on_channel(seen=41, seen_identity=IDENTITY)}),
        ({}, {"asked_channel": None, "channel": None}),
        ({}, {"revocations": revoked(number=9, keys={"77" * 32: "unknown"})}),
    ],
    ids=["clock skew", "more signers", "a rejection beside", "seen before", "no channel", "other keys"],
)
def test_what_does_not_matter(facts, around):
    assert judged(version(**facts), situation(**around)).accepted


def test_several_records_make_one_quorum():
    one, two = (frozenset({signer(name)}) for name in ("bob", "carol"))
    both = [RecordFact("approval", NOW - DAY, passed=True, signers=who) for who in (one, two)]
    assert judged(version(records=(*both, version().records[1]))).accepted


def test_facts_that_are_not_known_yet_are_pending():
    decision = judged(version(card=None, records=None, serial=None))
    assert not decision.accepted
    assert decision.refused is None
    assert [one.name for one in decision.rules if one.outcome == "pending"] == [
        "serial is at least 12",
        "record approval by review",
        "record replay by training",
        "metrics.val_f1 >= 0.89",
    ]


def test_a_trust_file_that_names_nothing_refuses_everything():
    decision = judged(policy=trust("format = 1"), around=situation(asked_channel=None))
    assert decision.refused.name == "model is known"
    assert decision.refused.expected == "no model at all"
    assert not Decision(()).accepted


def test_the_first_entry_that_matches_decides():
    stricter = TRUST.replace("[[models]]\n", '[[models]]\nmatch = "bert-n*"\nsigned_by = ["channel"]\n[[models]]\n', 1)
    names = [one.name for one in judged(policy=trust(stricter)).rules]
    assert "signed by channel" in names
    assert "signed by release" not in names


def test_an_entry_that_asks_for_no_role_accepts_nothing():
    policy = trust()
    rule_of_none = policy.models[0]._replace(signed_by=())
    held = type(policy)(policy.keys, policy.identities, policy.roles, (rule_of_none,))
    assert judged(policy=held).refused.name == "signed by nobody"


def test_a_list_may_withdraw_the_key_that_signed_it():
    """Else the list would silence itself, and nothing would be withdrawn."""
    around = situation(revocations=revoked(keys={FINGERPRINTS["bob"]: "stolen"}))
    decision = judged(around=around)
    assert rule(decision, "revocation list is current").outcome == "passed"
    assert error_class(decision.refused) is Revoked


def test_a_list_that_does_not_count_withdraws_nothing():
    around = situation(revocations=revoked(versions={IDENTITY: "a lie"}), revokers=frozenset({signer("alice")}))
    decision = judged(around=around)
    assert rule(decision, "not revoked").outcome == "idle"
    assert decision.refused.name == "revocation list is current"


def test_a_list_in_its_grace_still_withdraws():
    around = situation(revocations=revoked(versions={IDENTITY: "leaks"}, expires=NOW - DAY))
    assert error_class(judged(around=around).refused) is Revoked


@pytest.mark.parametrize(
    ("facts", "around", "text", "warning"),
    [
        ({}, {}, ("2026-12-31T", "2026-06-10T"), "the trust file expires in 8 days, at 2026-06-10T00:00:00Z"),
        ({}, {}, ("2026-12-31T00", "2026-06-02T11"), "the trust file expires in less than a day, at"),
        ({}, {}, ("2027-01-01T", "2026-06-03T"), "the validity of the key alice ends in 1 day, at"),
        ({}, {"revocations": revoked(expires=NOW + 2 * DAY)}, (), "the revocation list expires in 2 days"),
        (
            {},
            {"revocations": revoked(expires=NOW - DAY)},
            (),
            "the revocation list expired at 2026-05-31T12:00:00Z; it",
        ),
        (
            {},
            {"channel": on_channel(statement=statement(expires=NOW + DAY))},
            (),
            "the channel production expires in 1",
        ),
        ({}, {"channel": on_channel(statement=statement(expires=NOW))}, (), "channel production expired at"),
        (
            {},
            {"channel": on_channel(statement=statement(identity=OTHER, version="1.5.0", fallback=IDENTITY))},
            ("[channels]\n", "[channels]\nfallback = true\n"),
            "this is the fallback of channel production, which names 1.5.0",
        ),
        ({"records": records(kind="replay", recorded=NOW - 80 * DAY)}, {}, (), "record replay by training will soon"),
    ],
)
def test_what_will_not_pass_for_long_warns(facts, around, text, warning):
    decision = judged(version(**facts), situation(**around), trust(TRUST.replace(*text) if text else TRUST))
    assert decision.accepted
    assert [one for one in decision.warnings if warning in one]


GATE = "metrics.val_f1 >= 0.89"
LOW = {"card": {"metrics": {"val_f1": 0.5}}}


@pytest.mark.parametrize(
    ("facts", "around", "name"),
    [
        (LOW, {}, GATE),
        ({"weights": {"a.bin": "pickle"}}, {}, "weights are allowed forms"),
        ({"records": version().records[1:]}, {}, "record approval by review"),
        ({}, {"channel": on_channel(statement=statement(expires=NOW - 9 * DAY))}, "channel production is current"),
    ],
)
def test_what_may_be_waived_is(facts, around, name):
    decision = judged(version(**facts), situation(**around), trust(waiver=name))
    assert decision.accepted
    waived = rule(decision, name)
    assert (waived.outcome, waived.advice) == ("waived", "waived until 2026-07-01T00:00:00Z: the old metric")
    assert decision.warnings == (f"{name}: {waived.advice}",)


def test_a_waiver_in_another_spacing_is_for_the_same_gate():
    assert judged(version(**LOW), policy=trust(waiver="metrics.val_f1>=0.890")).accepted


def test_a_waiver_is_for_one_version():
    assert judged(version(**LOW), policy=trust(waiver=GATE, identity=OTHER)).refused.name == GATE


def test_a_waiver_that_ended_says_so():
    refused = judged(version(**LOW), policy=trust(waiver=GATE, until="2026-06-01T12:00:00Z")).refused
    assert refused.name == GATE
    assert "the waiver for it ended at 2026-06-01T12:00:00Z" in refused.advice


def test_a_rule_that_may_not_be_waived_is_not_even_by_a_policy_made_in_code():
    policy = trust(waiver=GATE)
    for name in ("signed by release", "not revoked", "serial is at least 12", "channel production"):
        waivers = (policy.waivers[0]._replace(rules=frozenset({name})),)
        held = type(policy)(policy.keys, policy.identities, policy.roles, policy.models, waivers, policy.revocations)
        facts = version(signers=frozenset(), serial=1)
        around = situation(revocations=revoked(versions={IDENTITY: "x"}), channel=None)
        assert rule(judged(facts, around, held), name).outcome == "failed"


@pytest.mark.parametrize(
    ("signers", "count"),
    [
        ("", 0),
        ("a1", 1),
        ("a1 a2", 1),
        ("a1 b1", 1),
        ("a1 b2", 2),
        ("a1 a2 b1", 2),
        ("a1 a2 a3 b1 c1", 2),
        ("a1 b1 b2 c2 c3 d3", 3),
        ("a1 b1 b2 c2 c3 d3 d4", 4),
    ],
)
def test_how_many_are_different(signers, count):
    assert distinct(Signer(name, key, "") for name, key in signers.split()) == count


def test_an_old_statement_sends_nobody_to_the_version_that_it_names():
    old = on_channel(statement=statement(identity=OTHER, version="1.5.0"), seen=42)
    refused = judged(version(), situation(channel=old)).refused
    assert refused.advice == "the statement is older than one that was accepted here: bring the newest"
