"""``sycee trust show``: what a trust file says, as a table that people read, and as JSON."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

from sycee.core.printable import in_line
from sycee.formats import times
from sycee.formats.trust import ModelRule, Trust, TrustedIdentity, TrustedKey
from sycee.trust.policy.authority import Authority

Row = tuple[str, str]


def rows(authority: Authority) -> Iterator[Row]:
    """Yield what it says, name and text; an empty text is a heading."""
    trust = authority.trust
    yield "trust file", authority.described
    ends = times.render(trust.expires) if trust.expires else "never"
    yield "expires", f"{ends}; warnings {trust.warn_days} days before anything ends"
    yield from _people(authority)
    if trust.roles:
        yield "roles", ""
    for name, role in trust.roles.items():
        yield f"  {name}", f"{role.threshold} of {', '.join(sorted(role.members))}"
    yield "models", "" if trust.models else "none: nothing is accepted"
    for rule in trust.models:
        yield from _model(rule)
    yield from _exceptions(trust)


def _people(authority: Authority) -> Iterator[Row]:
    trust = authority.trust
    if trust.keys:
        yield "keys", ""
    for name, key in trust.keys.items():
        public = authority.keys[name]
        yield f"  {name}", f"{public.kind}, {public.fingerprint}{_validity(key)}"
    if trust.identities:
        yield "identities", ""
    for name, one in trust.identities.items():
        yield f"  {name}", f"{in_line(one.subject)}, by {in_line(one.issuer)}{_validity(one)}"


def _validity(one: TrustedKey | TrustedIdentity) -> str:
    first = f", from {times.render(one.valid_from)}" if one.valid_from else ""
    return first + (f", until {times.render(one.valid_until)}" if one.valid_until else "")


def _model(rule: ModelRule) -> Iterator[Row]:
    yield f"  {rule.match}", f"signed by {' and by '.join(rule.signed_by)}"
    for record in rule.records:
        age = f", at most {record.max_age_days} days old" if record.max_age_days else ""
        yield "", f"{record}{age}"
    yield from (("", str(gate)) for gate in rule.gates)
    yield "", f"weights as {', '.join(rule.formats)}"
    if rule.minimum_serial is not None:
        yield "", f"serial is at least {rule.minimum_serial}"
    for channel, serial in rule.channel_serials.items():
        yield "", f"channel {channel} from serial {serial} on"


def _exceptions(trust: Trust) -> Iterator[Row]:
    if trust.waivers:
        yield "waivers", ""
    for waiver in trust.waivers:
        yield f"  {waiver.identity[:12]}…", f"until {times.render(waiver.until)}: {in_line(waiver.reason)}"
        yield from (("", rule) for rule in sorted(waiver.rules))
    if source := trust.revocations:
        yield "revocations", f"{source.file}, signed by {source.role}; {source.grace_days} days of grace"
    else:
        yield "revocations", "none: nothing is ever withdrawn"
    fallback = "accepted" if trust.channel_fallback else "not accepted"
    yield "channels", f"{trust.channel_grace_days} days of grace; their fallback is {fallback}"


def as_json(authority: Authority) -> Any:
    """Return what it says for machines; each key with its kind and fingerprint."""
    trust = authority.trust
    keys = {
        name: {**key._asdict(), "pem": public.pem.decode(), "kind": public.kind, "fingerprint": public.fingerprint}
        for (name, key), public in zip(trust.keys.items(), authority.keys.values(), strict=True)
    }
    models = [
        {
            **rule._asdict(),
            "records": [one._asdict() for one in rule.records],
            "gates": [str(gate) for gate in rule.gates],
        }
        for rule in trust.models
    ]
    said = {
        "trust": authority.described,
        "expires": trust.expires,
        "warn_days": trust.warn_days,
        "keys": keys,
        "identities": {name: one._asdict() for name, one in trust.identities.items()},
        "roles": {name: role._asdict() for name, role in trust.roles.items()},
        "models": models,
        "waivers": [waiver._asdict() for waiver in trust.waivers],
        "revocations": trust.revocations._asdict() if trust.revocations else None,
        "channel_grace_days": trust.channel_grace_days,
        "channel_fallback": trust.channel_fallback,
    }
    return _plain(said)


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: times as text, sets as sorted lists."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple | frozenset):
        return [_plain(one) for one in (sorted(value) if isinstance(value, frozenset) else value)]
    return times.render(value) if isinstance(value, dt.datetime) else value
