"""What the decision about a version is made from: facts that were checked, and what is so around the version."""

import datetime as dt
from collections.abc import Mapping
from typing import Any, NamedTuple

from sycee.formats.channel import Channel
from sycee.formats.revocations import Revocations


class Signer(NamedTuple):
    """Somebody whose signature was checked, by a key or an identity that the trust file names.

    Attributes:
        name: As the trust file names it.
        fingerprint: sha256 of the public key in PEM, 64 hex digits; for an identity, of the key in its certificate.
        described: For people: ``EC P-256``, or issuer and subject.
        signed_at: When, if a log vouches for it; None for a key, which proves no time.
    """

    name: str
    fingerprint: str
    described: str
    signed_at: dt.datetime | None = None


class RecordFact(NamedTuple):
    """A record about this very version.

    Attributes:
        kind: ``approval``, ``evaluation``, ``replay``.
        recorded: When it says that it was written.
        passed: Whether what it tells is good: always so for an evaluation; the verdict of a replay or an approval.
        signers: Who signed it, of those that the trust file names.
    """

    kind: str
    recorded: dt.datetime
    passed: bool
    signers: frozenset[Signer]


class VersionFacts(NamedTuple):
    """What is known of a version. Until the card was checked, ``card`` is None and rules about it are pending.

    Attributes:
        model: The signed name.
        version: The signed label; None if it has none.
        serial: The signed serial; None if it has none.
        identity: 64 hex digits.
        digests: sha256 of every signed file.
        weights: Name of each weights file to its form: ``safetensors``, ``torch``, ``onnx``, ``pickle``.
        signers: Who signed the version, each once.
        records: Records about it; None until they were read.
        card: The signed card's values; None until it was checked, an empty mapping if the version has none.
    """

    model: str
    version: str | None
    serial: int | None
    identity: str
    digests: frozenset[str]
    weights: Mapping[str, str]
    signers: frozenset[Signer]
    records: tuple[RecordFact, ...] | None
    card: Mapping[str, Any] | None


class ChannelFact(NamedTuple):
    """A channel statement that was found and is about this model.

    Attributes:
        statement: What it says.
        signers: Who signed it, of those that the trust file names.
        seen: The highest serial that this machine has accepted for this model and channel; None for none.
        seen_identity: The version that the statement with that serial named; None for none.
    """

    statement: Channel
    signers: frozenset[Signer]
    seen: int | None = None
    seen_identity: str | None = None


class Situation(NamedTuple):
    """What is so around the version.

    Attributes:
        now: The time, with its zone.
        asked_channel: The channel that was asked for; None for none.
        channel: Its statement; None if none was asked for, or none was found.
        revocations: The list; None if there is none.
        revokers: Who signed the list.
        revocations_seen: The highest number of a list that this machine has accepted; None for none.
        more_to_sign: Whether this is asked on behalf of a signer to come, so that a role that still lacks one is no
            reason to refuse, as long as somebody signed who counts for a role that is asked for.
    """

    now: dt.datetime
    asked_channel: str | None = None
    channel: ChannelFact | None = None
    revocations: Revocations | None = None
    revokers: frozenset[Signer] = frozenset()
    revocations_seen: int | None = None
    more_to_sign: bool = False
