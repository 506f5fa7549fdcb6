"""A release with all that a trust file can ask for: two signers, an approval, a channel, a revocation list.

Every byte of it that changes is refused. What may change is in :data:`HARMLESS`, each with its reason.
"""

import os

import pytest

from rigs.trusted import (
    CHANNELS,
    DAY,
    MODELS,
    NOW,
    PEOPLE,
    REVOKING,
    judged,
    key,
    write_list,
    write_signed,
    write_trust,
)
from sycee.errors import FormatError, NotFound, UsageError, VerificationError
from sycee.formats import channel
from sycee.formats.channel import Channel
from sycee.ops.records import add_record
from sycee.trust.policy.documents import sign_document
from sycee.trust.verify import Verified

ALL = os.environ.get("SYCEE_FLIPS") == "all"  # asked before the fixture that clears the environment
TWO = '[roles.release]\nmembers = ["alice", "bob"]\nthreshold = 2\n'
APPROVED = MODELS + 'records = [{kind = "approval", role = "review"}]\n'
REVIEW = '[roles.review]\nmembers = ["alice"]\n'
STATEMENT = "records/channel-production.json"

# Line ends of a key in PEM, a bit of its base64 that no byte takes, and the mark of how its point is written (62): it
# is the same key, by its fingerprint. In the folder is no such byte: a document has one text, a bundle no white space.
SAME_KEY = frozenset((f"{name}.pub", at) for name in PEOPLE for at in (26, 62, 91, 152, 177))

# What an operator may write otherwise into his own trust file, which nobody signs: text before the byte, and the byte.
LOOSER = (("grace_days = ", "2"),)


def harmless_bytes(trust_file):
    """Return every byte that may change, by its file and place."""
    text = trust_file.read_text()
    return SAME_KEY | {(trust_file.name, text.index(before + byte) + len(before)) for before, byte in LOOSER}


@pytest.fixture
def release(tmp_path):
    model = write_signed(tmp_path / "bert", "alice", "bob")
    trust_file = write_trust(
        tmp_path / "etc", TWO, CHANNELS.replace('["carol"]', '["bob"]') + REVIEW, REVOKING, APPROVED
    )
    write_list(tmp_path / "etc", "carol")
    add_record(model, "approval", {"decision": "approved"}, NOW - DAY, key("alice"))
    identity = judged(model, write_trust(tmp_path / "plain")).identity
    said = Channel("bert", "production", 40, NOW - DAY, NOW + 30 * DAY, identity)
    sign_document(model / STATEMENT, channel.render(said), key("bob"))
    return model, trust_file


def verdict(release):
    model, trust_file = release
    return judged(model, trust_file, channel="production")


def verdict_or_fault(release):
    """Return the verdict; or the error of a trust file or key that is none any more, with which nothing is verified."""
    try:
        return verdict(release)
    except (FormatError, NotFound, UsageError) as error:
        return error


def accepted_flips(release, flip, start, step):
    """Yield each byte whose change is accepted."""
    model, trust_file = release
    files = [path for path in model.rglob("*") if path.is_file()]
    files += [path for path in trust_file.parent.iterdir() if path.suffix in {".json", ".sig", ".pub", ".toml"}]
    for path in sorted(files):
        original = path.read_bytes()
        for index in range(start, len(original), step):
            changed = bytearray(original)
            changed[index] ^= flip
            path.write_bytes(changed)
            if isinstance(verdict_or_fault(release), Verified):
                yield path.name, index
        path.write_bytes(original)


@pytest.mark.parametrize("bit", range(8))
def test_flipped_bits(release, bit):
    assert isinstance(verdict(release), Verified)
    flips = {*accepted_flips(release, 1 << bit, *((0, 1) if ALL else (11 * bit, 397)))}
    harmless = harmless_bytes(release[1])
    assert len(harmless) <= 64
    assert " ".join(f"{name}:{at}" for name, at in sorted(flips - harmless)) == ""


def test_every_missing_file(release):
    model, trust_file = release
    files = [path for path in model.rglob("*") if path.is_file() and path.name != ".gitattributes"]
    files += [trust_file.with_name(name) for name in ("revoked.json", "revoked.json.sig")]
    for path in files:
        data = path.read_bytes()
        path.unlink()
        assert isinstance(verdict(release), VerificationError), path
        path.write_bytes(data)
    assert isinstance(verdict(release), Verified)
