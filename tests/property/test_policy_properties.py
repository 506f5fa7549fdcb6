"""What is signed, recorded and found more never refuses; what is taken away never accepts."""

from hypothesis import given
from hypothesis import strategies as st

from rigs.policies import CI, DAY, NOW, OTHER, on_channel, revoked, signer, situation, statement, trust, version
from sycee.core.policy import RecordFact, Signer, decide
from sycee.core.quorum import distinct

SIGNERS = st.sampled_from([CI, *map(signer, ("alice", "bob", "carol", "mallory", "ci"))]) | st.builds(
    Signer,
    st.sampled_from(["alice", "bob", "ci"]),
    st.sampled_from(["11" * 32, "22" * 32, "55" * 32]),
    st.just("key"),
    st.none(),
)
SETS = st.frozensets(SIGNERS, max_size=5) | st.just(version().signers)
RECORDS = st.sampled_from(version().records) | st.builds(
    RecordFact,
    st.sampled_from(["approval", "replay", "evaluation"]),
    st.sampled_from([-200, -89, -10, 0, 1]).map(lambda days: NOW + days * DAY),
    st.booleans(),
    SETS,
)
CARDS = st.sampled_from([{"metrics": {"val_f1": value}} for value in (0.95, 0.1, "0.9", True, None)] + [{}])
FACTS = st.builds(
    lambda *values: version(**dict(zip(("signers", "records", "card", "serial"), values, strict=True))),
    SETS,
    st.lists(RECORDS, max_size=4).map(tuple) | st.just(version().records),
    CARDS | st.just(version().card),
    st.sampled_from([None, 11, 12, 13]),
)
STATEMENTS = st.builds(
    lambda serial, days, names: statement(serial=serial, expires=NOW + days * DAY, **names),
    st.sampled_from([39, 41, 42]),
    st.sampled_from([-5, -1, 1, 30]),
    st.sampled_from([{}, {"identity": OTHER}, {"identity": OTHER, "fallback": version().identity}]),
)
CHANNELS = st.none() | st.builds(lambda one, who: on_channel(statement=one, signers=who), STATEMENTS, SETS)
SITUATIONS = st.builds(
    lambda asked, channel, who, days: situation(
        asked_channel=asked, channel=channel, revokers=who, revocations=revoked(expires=NOW + days * DAY)
    ),
    st.sampled_from([None, "production"]),
    CHANNELS | st.just(on_channel()),
    SETS,
    st.sampled_from([-9, -1, 30]),
)
POLICIES = st.sampled_from(
    [trust(), *(trust(waiver=name) for name in ("metrics.val_f1 >= 0.89", "record approval by review"))]
)


@given(POLICIES, FACTS, SITUATIONS, SIGNERS, RECORDS)
def test_one_more_signature_or_record_never_refuses(policy, facts, around, one, record):
    if not decide(policy, facts, around).accepted:
        return
    more = facts._replace(signers=facts.signers | {one}, records=(*facts.records, record))
    assert decide(policy, more, around._replace(revokers=around.revokers | {one})).accepted


@given(POLICIES, FACTS, SITUATIONS, st.data())
def test_what_is_taken_away_never_accepts(policy, facts, around, data):
    if decide(policy, facts, around).accepted:
        return
    fewer = facts._replace(
        signers=frozenset(data.draw(st.sets(st.sampled_from(sorted(facts.signers, key=str)))) if facts.signers else ()),
        records=facts.records[: data.draw(st.integers(0, len(facts.records)))],
        card=data.draw(st.sampled_from([facts.card, {}, None])),
        serial=data.draw(st.sampled_from([facts.serial, None])),
    )
    gone = around._replace(
        channel=data.draw(st.sampled_from([around.channel, None])),
        revocations=data.draw(st.sampled_from([around.revocations, None])),
        revokers=data.draw(st.sampled_from([around.revokers, frozenset()])),
    )
    assert not decide(policy, fewer, gone).accepted


@given(POLICIES, FACTS, SITUATIONS)
def test_a_decision_has_a_reason_for_everything(policy, facts, around):
    decision = decide(policy, facts, around)
    assert decision.accepted == all(rule.outcome in {"passed", "waived", "idle"} for rule in decision.rules)
    for rule in decision.rules:
        assert rule.outcome != "pending"
        if rule.outcome == "failed":
            assert rule.expected
            assert rule.found
            assert rule.advice
    assert len({rule.name for rule in decision.rules}) == len(decision.rules)


@given(st.frozensets(SIGNERS, max_size=6), SIGNERS)
def test_more_signers_are_not_fewer(signers, one):
    count = distinct(signers)
    assert count <= min(len({who.name for who in signers}), len({who.fingerprint for who in signers}))
    assert count <= distinct(signers | {one}) <= count + 1
