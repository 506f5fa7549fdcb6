"""``trust.toml``: who may sign what, as the operator of a machine wrote it down. Specification: ``docs/spec/trust.md``.

What is not allowed here is refused: an unknown member, an unknown model, an empty list. The file says nothing about
one version; the decision about a version is :mod:`sycee.core.policy`'s. It is read by :mod:`sycee.formats.trustfile`.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from sycee.formats.gate import Gate

FILE_NAME = "trust.toml"
MAX_SIZE = 1 << 20  # bytes
VERSION = 1  # of the format
CHANNEL_ROLE = "channel"  # whose members speak for channels
DEFAULT_FORMATS = ("safetensors", "onnx")  # forms of weights that run nothing when they are loaded

FORMS_RULE = "weights are allowed forms"

RecordKind = Literal["approval", "evaluation", "replay"]
RECORD_KINDS: tuple[RecordKind, ...] = get_args(RecordKind)


class TrustedKey(NamedTuple):
    """A public key under the name that the rest of the file calls it by.

    Attributes:
        name: As roles list it.
        pem: SubjectPublicKeyInfo in PEM; empty when ``file`` says where it is.
        file: Path of the key, relative to the trust file's folder; empty when ``pem`` holds it.
        fingerprint: sha256 of the PEM that it must have, 64 hex digits; None with ``pem``.
        valid_from: Before it, nothing counts that this key signed; None for no limit.
        valid_until: From it on, nothing counts that this key signed; None for no limit.
    """

    name: str
    pem: str = ""
    file: str = ""
    fingerprint: str | None = None
    valid_from: dt.datetime | None = None
    valid_until: dt.datetime | None = None


class TrustedIdentity(NamedTuple):
    """Somebody who signs without a key: a workflow or a person, as Sigstore's certificates name them.

    Attributes:
        name: As roles list it.
        issuer: Of the token, compared to the letter.
        subject: The certificate's only alternative name, compared to the letter; no pattern.
        root: Path of the pinned ``trusted_root.json``, relative to the trust file's folder; empty for the one that
            the sigstore package ships.
        valid_from: As for a key.
        valid_until: As for a key, compared with the signing time that the log vouches for.
    """

    name: str
    issuer: str
    subject: str
    root: str = ""
    valid_from: dt.datetime | None = None
    valid_until: dt.datetime | None = None


class Role(NamedTuple):
    """Who may speak for a purpose: ``training``, ``release``, ``channel``, ``revocation``, or any other word.

    Attributes:
        name: The word.
        members: Names of keys and identities.
        threshold: How many different ones of them must have signed.
    """

    name: str
    members: frozenset[str]
    threshold: int = 1


class RecordRule(NamedTuple):
    """A record that must lie beside a version.

    Attributes:
        kind: What it must say: a passed replay, an approval, an evaluation.
        role: Who must have signed it.
        max_age_days: How old it may be; None for any age.
    """

    kind: RecordKind
    role: str
    max_age_days: int | None = None

    def __str__(self) -> str:
        """Return the name of this rule."""
        return f"record {self.kind} by {self.role}"


class ModelRule(NamedTuple):
    """What is demanded of the models whose name matches.

    Attributes:
        match: A pattern for the model's name, where ``*`` stands for any text: ``bert-*``. The first rule that matches
            decides; a model that no rule matches is refused.
        signed_by: Roles that must all have signed the version. Never empty.
        records: Records that must be there.
        gates: Conditions on signed facts of the card: ``metrics.val_f1 >= 0.89``.
        formats: Forms of weights that are allowed: ``safetensors``, ``onnx``, ``torch``, ``pickle`` …
        minimum_serial: The lowest serial that is accepted; None for any, and for versions without one.
        channel_serials: Channel to the lowest serial of its statement that is accepted; for machines that forget.
    """

    match: str
    signed_by: tuple[str, ...]
    records: tuple[RecordRule, ...] = ()
    gates: tuple[Gate, ...] = ()
    formats: tuple[str, ...] = DEFAULT_FORMATS
    minimum_serial: int | None = None
    channel_serials: Mapping[str, int] = {}

    def is_about(self, model: str) -> bool:
        """Tell whether the pattern matches the whole of a model's name, in the same case."""
        first, *others = self.match.split("*")
        if not others:
            return model == first
        *middle, last = others
        if len(model) < len(first) + len(last) or not model.startswith(first) or not model.endswith(last):
            return False
        at, end = len(first), len(model) - len(last)
        for part in middle:  # each at the first place where it fits: no later one leaves more room for the rest
            at = model.find(part, at, end) + len(part)
            if at < len(part):
                return False
        return True


class Waiver(NamedTuple):
    """A time-limited exception for one exact version.

    Attributes:
        identity: Of the version, 64 hex digits.
        rules: Names of the rules that it need not fulfil, as ``sycee trust explain`` prints them; never a signature.
        until: When it ends.
        reason: Why, for people.
    """

    identity: str
    rules: frozenset[str]
    until: dt.datetime
    reason: str


class RevocationSource(NamedTuple):
    """Where the signed list of what is withdrawn lies.

    Attributes:
        file: Path, relative to the trust file's folder. Its signatures lie beside it.
        role: Who must have signed it.
        grace_days: How long an expired list still counts, with a warning: for machines without a network.
    """

    file: str
    role: str = "revocation"
    grace_days: int = 0


@dataclass(frozen=True, slots=True)
class Trust:
    """A valid trust file.

    Attributes:
        keys: By name.
        identities: By name; no name is both.
        roles: By name; every member is one of the above, no threshold exceeds the members.
        models: In the order of the file.
        waivers: In the order of the file.
        revocations: None where nothing is ever withdrawn.
        channel_grace_days: How long an expired channel statement still counts, with a warning.
        channel_fallback: Whether the fallback that a channel statement names is accepted too, with a warning.
        expires: When the whole file stops counting; None for never.
        warn_days: How many days before something expires a warning says so.
    """

    keys: Mapping[str, TrustedKey]
    identities: Mapping[str, TrustedIdentity]
    roles: Mapping[str, Role]
    models: tuple[ModelRule, ...]
    waivers: tuple[Waiver, ...] = ()
    revocations: RevocationSource | None = None
    channel_grace_days: int = 0
    channel_fallback: bool = False
    expires: dt.datetime | None = None
    warn_days: int = 14

    def rule_for(self, model: str) -> ModelRule | None:
        """Return the first rule that is about a model; None if none is, and for one without a name."""
        return next((rule for rule in self.models if model and rule.is_about(model)), None)
