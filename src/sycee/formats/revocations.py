"""Revocation lists: what was signed and must not be used any more. Specification: ``docs/spec/revocations.md``."""

import datetime as dt
from collections.abc import Mapping
from typing import NamedTuple

from sycee.formats import strictjson, times

TYPE = "https://sycee.dev/revocations/v1"
MAX_SIZE = 4 << 20  # bytes
MAX_NUMBER = 2**53 - 1  # what every JSON reader keeps exactly
MAX_REASON = 500  # characters

KINDS = ("keys", "versions", "files")


class Revocations(NamedTuple):
    """One list. Each member maps what is withdrawn to the reason, for people.

    Attributes:
        number: Grows with every list, from 1.
        issued: When it was made, UTC, whole seconds.
        expires: From when on a newer one is needed.
        keys: Fingerprints, 64 hex digits. Everything that they signed stops counting.
        versions: Identities, 64 hex digits.
        files: sha256 of files, 64 hex digits: in whatever version they are.
    """

    number: int
    issued: dt.datetime
    expires: dt.datetime
    keys: Mapping[str, str] = {}
    versions: Mapping[str, str] = {}
    files: Mapping[str, str] = {}


def render(revocations: Revocations) -> bytes:
    """Return the one text of a list.

    Raises:
        FormatError: The values are not those of a list.
    """
    document = _document(revocations)
    _read(document, "the new revocation list")
    return strictjson.render_readable(document)


def _document(revocations: Revocations) -> dict[str, object]:
    return {
        "type": TYPE,
        "number": revocations.number,
        "issued": times.render(revocations.issued),
        "expires": times.render(revocations.expires),
        **{kind: dict(getattr(revocations, kind)) for kind in KINDS},
    }


def parse(data: bytes, name: str) -> Revocations:
    """Read a list strictly.

    Args:
        data: The whole file.
        name: What to call it in messages.

    Raises:
        FormatError: With every fault; also if a single byte differs from what :func:`render` writes.
    """
    revocations = _read(strictjson.parse(data, name, limit=MAX_SIZE), name)
    strictjson.require_canonical(data, strictjson.render_readable(_document(revocations)), name)
    return revocations


def _read(value: object, name: str) -> Revocations:
    reader = strictjson.Reader(name)
    top = reader.mapping(value, "$", required=("type", "number", "issued", "expires", *KINDS), optional=())
    reader.finish()
    reader.constant(top["type"], "$.type", TYPE)
    revocations = Revocations(
        reader.integer(top["number"], "$.number", least=1, most=MAX_NUMBER),
        reader.time(top["issued"], "$.issued"),
        reader.time(top["expires"], "$.expires"),
        *(_reasons(reader, top[kind], f"$.{kind}") for kind in KINDS),
    )
    reader.finish()
    if revocations.expires <= revocations.issued:
        reader.fault("$.expires", "must be later than issued")
    reader.finish()
    return revocations


def _reasons(reader: strictjson.Reader, value: object, path: str) -> Mapping[str, str]:
    members = reader.mapping(value, path)
    return {
        reader.sha256(one, path): reader.line(why, f"{path}.{one}", longest=MAX_REASON) for one, why in members.items()
    }
