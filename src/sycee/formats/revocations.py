"""Revocation lists: what was signed and must not be used any more. Specification: ``docs/spec/revocations.md``."""

import datetime as dt
from collections.abc import Mapping
from typing import NamedTuple

MAX_SIZE = 4 << 20  # bytes


class Revocations(NamedTuple):
    """One list. Each member maps what is withdrawn to the reason, for people.

    Attributes:
        number: Grows with every list.
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
