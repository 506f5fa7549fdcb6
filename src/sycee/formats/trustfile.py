"""Reads ``trust.toml``, strictly: every fault at once, each with its place. Specification: ``docs/spec/trust.md``.

What a reader could overlook is refused: an unknown member, a name that stands for nothing, an empty list, one person
under two names, a waiver of what is never waived.
"""

import datetime as dt
import re
import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from sycee.digest import is_hex
from sycee.errors import FormatError
from sycee.formats import gate, strictjson
from sycee.formats.channel import NAME as CHANNEL
from sycee.formats.channel import channel_name
from sycee.formats.trust import (
    DEFAULT_FORMATS,
    FILE_NAME,
    FORMS_RULE,
    MAX_SIZE,
    RECORD_KINDS,
    VERSION,
    ModelRule,
    RecordKind,
    RecordRule,
    RevocationSource,
    Role,
    Trust,
    TrustedIdentity,
    TrustedKey,
    Waiver,
)
from sycee.formats.weightform import FORMS

MAX_DAYS = 36_500  # a century
MAX_DOTS = 1000  # in a line: to read a name of many parts takes time by the square of their number
MAX_TEXT = 1000  # characters of an issuer, a subject, a reason

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_MATCH = re.compile(r"[A-Za-z0-9/_.*-]{1,200}")
_WAIVABLE = re.compile(
    rf"{FORMS_RULE}|record (?:{'|'.join(RECORD_KINDS)}) by {_NAME.pattern}|channel {CHANNEL.pattern} is current"
)
_TOP = ("expires", "warn_days", "keys", "identities", "roles", "models", "waivers", "revocations", "channels")
_VALIDITY = ("valid_from", "valid_until")

_Value = TypeVar("_Value")
_Other = TypeVar("_Other")
_How = Callable[[object, str], _Value]  # reads a value, given its place


def parse(data: bytes, name: str = FILE_NAME) -> Trust:
    """Read a trust file. Its keys are not looked at: a PEM text, or a file beside it, is for who loads them.

    Args:
        data: The whole file.
        name: What to call it in messages.

    Raises:
        FormatError: It is not what the specification allows; ``faults`` holds every fault, each with its place, such as
            ``roles.release.members[1]``.
    """
    reader = _Reader(name)
    trust = reader.trust(_toml(data, name))
    reader.finish()
    return trust


def _toml(data: bytes, name: str) -> object:
    if len(data) > MAX_SIZE:
        raise FormatError(f"{name} is longer than {MAX_SIZE} bytes")
    if any(line.count(b".") > MAX_DOTS for line in data.splitlines()):
        raise FormatError(f"{name} has a line with more than {MAX_DOTS} dots; no name has so many parts")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except RecursionError:
        raise FormatError(f"{name} is nested too deeply") from None
    except ValueError as error:  # TOMLDecodeError, UnicodeDecodeError, a number of thousands of digits
        raise FormatError(f"{name} is not TOML: {error}", hint="see docs/spec/trust.md for an example") from None


def _repeated(values: Iterable[object]) -> Iterator[int]:
    """Yield the places of values that were there before."""
    seen = set()
    for number, value in enumerate(values):
        if value in seen:
            yield number
        seen.add(value)


@dataclass(frozen=True, slots=True)
class _Table:
    """A table of the file, and where it stands."""

    members: Mapping[str, Any]
    at: str

    def read(self, member: str, how: _How[_Value], otherwise: _Other) -> _Value | _Other:
        """Read one member, if it is there."""
        return how(self.members[member], f"{self.at}.{member}") if member in self.members else otherwise


class _Reader(strictjson.Reader):
    """Walks a parsed trust file. Places are written as people say them: ``keys.alice.file``, without a ``$``."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.members: Collection[str] = ()  # what roles may list
        self.roles: Collection[str] = ()  # what all others may ask for

    def fault(self, path: str, message: str) -> None:
        super().fault(path.removeprefix("$."), message)

    def finish(self) -> None:
        try:
            super().finish()
        except FormatError as error:
            error.advise("correct it, then look at what it says: sycee trust check --trust FILE")
            raise

    def table(self, value: object, at: str, *required: str, optional: Collection[str] = ()) -> _Table:
        return _Table(self.mapping(value, at, required=required, optional=tuple(optional)), at)

    def trust(self, value: object) -> Trust:
        """Read the whole; names first, so that what refers to them can be judged."""
        top = self.table(value, "$", "format", optional=_TOP)
        top.read("format", lambda found, at: self.constant(found, at, VERSION), None)
        keys = {name: self.key(name, one, at) for name, one, at in self.named(top, "keys")}
        identities = {name: self.identity(name, one, at) for name, one, at in self.named(top, "identities")}
        self.require_distinct(keys, identities)
        self.members = {*keys, *identities}
        roles = {name: self.role(name, one, at) for name, one, at in self.named(top, "roles")}
        self.roles = roles.keys()
        grace_days, fallback = top.read("channels", self.channels, (0, False))
        return Trust(
            keys=keys,
            identities=identities,
            roles=roles,
            models=top.read("models", self.models, ()),
            waivers=top.read("waivers", self.each(self.waiver), ()),
            revocations=top.read("revocations", self.revocations, None),
            channel_grace_days=grace_days,
            channel_fallback=fallback,
            expires=top.read("expires", self.moment, None),
            warn_days=top.read("warn_days", self.whole(0, MAX_DAYS), 14),
        )

    def named(self, top: _Table, member: str) -> Iterator[tuple[str, object, str]]:
        """Yield name, value and place of each entry of a table whose names the user chose."""
        at = f"$.{member}"
        for name, value in self.mapping(top.members.get(member, {}), at).items():
            if _NAME.fullmatch(name):
                yield name, value, f"{at}.{name}"
            else:
                self.fault(at, f"{name[:80]!r} is no name: letters, digits, '-' and '_', at most 64 of them")

    def each(self, how: _How[_Value]) -> _How[tuple[_Value, ...]]:
        """Return what reads an array that has items."""

        def read(value: object, path: str) -> tuple[_Value, ...]:
            if value == []:
                self.fault(path, "is empty; leave it out, or say what is meant")
            return tuple(how(item, at) for at, item in self.items(value, path))

        return read

    def distinct(self, how: _How[_Value]) -> _How[tuple[_Value, ...]]:
        """Return what reads an array that has items, each once."""

        def read(value: object, path: str) -> tuple[_Value, ...]:
            found = self.each(how)(value, path)
            for number in _repeated(found):
                self.fault(f"{path}[{number}]", "is there twice")
            return found

        return read

    def whole(self, least: int, most: int | None = None) -> _How[int]:
        """Return what reads a whole number within limits."""
        return lambda value, path: self.integer(value, path, least=least, most=most)

    def moment(self, value: object, path: str) -> dt.datetime | None:
        """Read a time, into UTC."""
        try:
            if isinstance(value, dt.datetime) and value.tzinfo:
                return value.astimezone(dt.UTC)
        except OverflowError:  # in the first and the last hours of the calendar
            pass
        self.fault(path, "must be a date and time with its zone, without quotes: 2027-01-31T00:00:00Z")
        return None

    def words(self, value: object, path: str) -> str:
        return self.line(value, path, longest=MAX_TEXT)

    # Who

    def key(self, name: str, value: object, at: str) -> TrustedKey:
        table = self.table(value, at, optional=("file", "pem", "fingerprint", *_VALIDITY))
        has_file, has_pem, has_fingerprint = (one in table.members for one in ("file", "pem", "fingerprint"))
        if has_file == has_pem:
            self.fault(at, "must have either a file or a pem")
        elif has_file and not has_fingerprint:
            self.fault(f"{at}.fingerprint", "is missing; it ties the file to this line, and sycee key show prints it")
        elif has_pem and has_fingerprint:
            self.fault(f"{at}.fingerprint", "is for a key in a file; the text of a pem says it already")
        return TrustedKey(
            name,
            table.read("pem", self.pem, ""),
            table.read("file", self.relpath, ""),
            table.read("fingerprint", self.sha256, None),
            *self.validity(table),
        )

    def pem(self, value: object, at: str) -> str:
        text = self.text(value, at)
        if text and not text.lstrip().startswith("-----BEGIN PUBLIC KEY-----"):
            self.fault(at, "must be a public key in PEM, which begins with -----BEGIN PUBLIC KEY-----")
        return text

    def validity(self, table: _Table) -> tuple[dt.datetime | None, dt.datetime | None]:
        first, last = (table.read(member, self.moment, None) for member in _VALIDITY)
        if first and last and last <= first:
            self.fault(f"{table.at}.valid_until", "must be later than valid_from")
        return first, last

    def identity(self, name: str, value: object, at: str) -> TrustedIdentity:
        table = self.table(value, at, "issuer", "subject", optional=("root", *_VALIDITY))
        issuer, subject = table.read("issuer", self.words, ""), table.read("subject", self.words, "")
        return TrustedIdentity(name, issuer, subject, table.read("root", self.relpath, ""), *self.validity(table))

    def require_distinct(self, keys: Mapping[str, TrustedKey], identities: Mapping[str, TrustedIdentity]) -> None:
        """Demand that nobody is there under two names: whoever is would count twice."""
        seen: dict[object, str] = {}
        for key in keys.values():
            self.note(seen, key.fingerprint or key.pem.strip(), f"keys.{key.name}")
        for one in identities.values():
            self.note(seen, (one.issuer, one.subject), f"identities.{one.name}")
            if one.name in keys:
                self.fault(f"identities.{one.name}", "is the name of a key too")

    def note(self, seen: dict[object, str], who: object, at: str) -> None:
        if who and (other := seen.setdefault(who, at)) != at:
            self.fault(at, f"is {other} again, under another name")

    def role(self, name: str, value: object, at: str) -> Role:
        table = self.table(value, at, "members", optional=("threshold",))
        members = table.read("members", self.distinct(self.member), ())
        threshold = table.read("threshold", self.whole(1, max(1, len(members))), 1)
        return Role(name, frozenset(members), threshold)

    def member(self, value: object, path: str) -> str:
        return self.known(value, path, self.members, "neither a key nor an identity of this file")

    def role_name(self, value: object, path: str) -> str:
        return self.known(value, path, self.roles, "no role of this file")

    def known(self, value: object, path: str, names: Collection[str], otherwise: str) -> str:
        name = self.text(value, path)
        if isinstance(value, str) and name not in names:
            self.fault(path, f"{name[:80]!r} is {otherwise}; there are: {', '.join(sorted(names)) or 'none'}")
        return name

    # What is demanded

    def models(self, value: object, path: str) -> tuple[ModelRule, ...]:
        rules = self.each(self.model)(value, path)
        for number in _repeated(rule.match for rule in rules):
            self.fault(f"{path}[{number}].match", "is that of an entry before it, and the first one decides")
        return rules

    def model(self, value: object, at: str) -> ModelRule:
        others = ("records", "gates", "formats", "minimum_serial", "channel_serials")
        table = self.table(value, at, "match", "signed_by", optional=others)
        return ModelRule(
            match=table.read("match", self.pattern, ""),
            signed_by=table.read("signed_by", self.distinct(self.role_name), ()),
            records=table.read("records", self.distinct(self.record), ()),
            gates=table.read("gates", self.distinct(self.gate), ()),
            formats=table.read("formats", self.distinct(self.form), DEFAULT_FORMATS),
            minimum_serial=table.read("minimum_serial", self.whole(1), None),
            channel_serials=table.read("channel_serials", self.channel_serials, {}),
        )

    def pattern(self, value: object, path: str) -> str:
        text = self.text(value, path)
        if not _MATCH.fullmatch(text):
            self.fault(path, "must be a model's name, in which * stands for any text, such as bert-*")
        return text

    def record(self, value: object, at: str) -> RecordRule:
        table = self.table(value, at, "kind", "role", optional=("max_age_days",))
        kind = table.read("kind", self.record_kind, RECORD_KINDS[0])
        days = table.read("max_age_days", self.whole(1, MAX_DAYS), None)
        return RecordRule(kind, table.read("role", self.role_name, ""), days)

    def record_kind(self, value: object, path: str) -> RecordKind:
        chosen = self.choice(value, path, RECORD_KINDS)
        return next(kind for kind in RECORD_KINDS if kind == chosen)

    def gate(self, value: object, path: str) -> gate.Gate:
        try:
            return gate.parse(self.text(value, path))
        except FormatError as error:
            if isinstance(value, str):
                self.fault(path, error.message)
            return gate.Gate("", "==", value=False)

    def form(self, value: object, path: str) -> str:
        return self.choice(value, path, FORMS)

    def channel_serials(self, value: object, path: str) -> Mapping[str, int]:
        members = self.mapping(value, path)
        return {
            channel_name(self, name, path): self.integer(one, f"{path}.{name}", least=1)
            for name, one in members.items()
        }

    # Exceptions, lists, channels

    def waiver(self, value: object, at: str) -> Waiver:
        table = self.table(value, at, "identity", "rules", "until", "reason")
        return Waiver(
            table.read("identity", self.version, ""),
            frozenset(table.read("rules", self.distinct(self.waived), ())),
            table.read("until", self.moment, None) or dt.datetime.min.replace(tzinfo=dt.UTC),
            table.read("reason", self.words, ""),
        )

    def version(self, value: object, path: str) -> str:
        text = self.text(value, path).removeprefix("sycee:")
        if not is_hex(text, "sha256"):
            self.fault(path, "must be the identity of one version: sycee: and 64 lower-case hex digits")
        return text

    def waived(self, value: object, path: str) -> str:
        """Read the name of a rule that may be waived; a gate in whatever spacing."""
        text = self.text(value, path)
        if _WAIVABLE.fullmatch(text):
            return text
        try:
            return str(gate.parse(text))
        except FormatError:
            self.fault(
                path,
                f"{text[:80]!r} cannot be waived; a gate, 'record KIND by ROLE', '{FORMS_RULE}' and"
                " 'channel NAME is current' can",
            )
            return text

    def revocations(self, value: object, at: str) -> RevocationSource:
        table = self.table(value, at, "file", optional=("role", "grace_days"))
        role = self.role_name(table.members.get("role", "revocation"), f"{at}.role")
        return RevocationSource(
            table.read("file", self.relpath, ""), role, table.read("grace_days", self.whole(0, MAX_DAYS), 0)
        )

    def channels(self, value: object, at: str) -> tuple[int, bool]:
        table = self.table(value, at, optional=("grace_days", "fallback"))
        return table.read("grace_days", self.whole(0, MAX_DAYS), 0), table.read("fallback", self.flag, False)
