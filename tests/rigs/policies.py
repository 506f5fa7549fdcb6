"""A trust file, a version that it accepts, and how to change one thing of either."""

import datetime as dt
from typing import Any

from sycee.core.policy import ChannelFact, RecordFact, Signer, Situation, VersionFacts
from sycee.formats import trustfile
from sycee.formats.channel import Channel
from sycee.formats.revocations import Revocations
from sycee.formats.trust import Trust

NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
IDENTITY, OTHER = "a1" * 32, "b2" * 32
FINGERPRINTS = {"alice": "11" * 32, "bob": "22" * 32, "carol": "33" * 32}

TRUST = f"""\
format = 1
expires = 2026-12-31T00:00:00Z
[keys.alice]
file = "alice.pub"
fingerprint = "{FINGERPRINTS["alice"]}"
valid_from = 2026-01-01T00:00:00Z
valid_until = 2027-01-01T00:00:00Z
[keys.bob]
file = "bob.pub"
fingerprint = "{FINGERPRINTS["bob"]}"
[keys.carol]
file = "carol.pub"
fingerprint = "{FINGERPRINTS["carol"]}"
[identities.ci]
issuer = "https://token.actions.githubusercontent.com"
subject = "https://github.com/acme/models/.github/workflows/train.yml@refs/heads/main"
valid_until = 2026-05-01T00:00:00Z
[roles.training]
members = ["ci", "carol"]
[roles.release]
members = ["alice", "bob"]
threshold = 2
[roles.review]
members = ["bob", "carol"]
threshold = 2
[roles.channel]
members = ["bob"]
[roles.revocation]
members = ["bob"]
[[models]]
match = "bert-*"
signed_by = ["training", "release"]
records = [{{kind = "approval", role = "review"}}, {{kind = "replay", role = "training", max_age_days = 90}}]
gates = ["metrics.val_f1 >= 0.89"]
minimum_serial = 12
channel_serials = {{production = 40}}
[revocations]
file = "revoked.json"
grace_days = 7
[channels]
grace_days = 3
"""

WAIVER = """
[[waivers]]
identity = "sycee:{identity}"
rules = {rules}
until = {until}
reason = "the old metric"
"""


def trust(
    text: str = TRUST, *, waiver: str = "", until: str = "2026-07-01T00:00:00Z", identity: str = IDENTITY
) -> Trust:
    """Return the trust file, with a waiver of one rule if one is named."""
    text += WAIVER.format(identity=identity, rules=[waiver], until=until) if waiver else ""
    return trustfile.parse(text.encode())


def signer(name: str, signed_at: dt.datetime | None = None) -> Signer:
    """Return a signature that was checked."""
    return Signer(name, FINGERPRINTS.get(name, "99" * 32), "EC P-256", signed_at)


CI = signer("ci", NOW - 60 * DAY)
SIGNERS = frozenset({CI, signer("alice"), signer("bob")})


def version(**changes: Any) -> VersionFacts:
    """Return the facts of a version that is accepted, or with changes."""
    reviewers = frozenset({signer("bob"), signer("carol")})
    facts = VersionFacts(
        model="bert-ner",
        version="1.4.0",
        serial=12,
        identity=IDENTITY,
        digests=frozenset({"c3" * 32, "d4" * 32}),
        weights={"model.safetensors": "safetensors"},
        signers=SIGNERS,
        records=(
            RecordFact("approval", NOW - 10 * DAY, passed=True, signers=reviewers),
            RecordFact("replay", NOW - 60 * DAY, passed=True, signers=frozenset({CI})),
        ),
        card={"metrics": {"val_f1": 0.892}, "task": "ner", "code": {"dirty": False}},
    )
    return facts._replace(**changes)


def statement(**changes: Any) -> Channel:
    """Return a channel statement that names the version."""
    one = Channel("bert-ner", "production", 41, NOW - 5 * DAY, NOW + 30 * DAY, IDENTITY, "1.4.0")
    return one._replace(**changes)


def on_channel(**changes: Any) -> ChannelFact:
    """Return the statement as it was found."""
    fact = ChannelFact(statement(), frozenset({signer("bob")}), 40, OTHER)
    return fact._replace(**changes)


def revoked(**changes: Any) -> Revocations:
    """Return a revocation list that names nothing of the version."""
    return Revocations(3, NOW - 5 * DAY, NOW + 30 * DAY, {}, {"ee" * 32: "wrong labels"}, {})._replace(**changes)


def situation(**changes: Any) -> Situation:
    """Return what is so around a version that is accepted, or with changes."""
    now = Situation(NOW, "production", on_channel(), revoked(), frozenset({signer("bob")}), 3)
    return now._replace(**changes)
