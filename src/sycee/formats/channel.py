"""Channel statements: the small signed files by which ``production`` names one version.

Specification: ``docs/spec/channel.md``.
"""

import datetime as dt
from typing import NamedTuple

MAX_SIZE = 16 << 10  # bytes


class Channel(NamedTuple):
    """What one statement says.

    Attributes:
        model: The model's name.
        name: ``production``.
        serial: Grows with every statement of this model and channel.
        issued: When it was made, UTC, whole seconds.
        expires: From when on it does not count.
        identity: The version, 64 hex digits.
        version: Its label, for people; empty if it has none.
        fallback: Another version that may stand in for it without a new statement, 64 hex digits; None for none.
    """

    model: str
    name: str
    serial: int
    issued: dt.datetime
    expires: dt.datetime
    identity: str
    version: str = ""
    fallback: str | None = None
