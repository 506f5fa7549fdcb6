"""Times in signed files: RFC 3339, UTC, whole seconds: ``2026-01-31T12:00:00Z``. One instant has one text."""

import datetime as dt
import re

_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", re.ASCII)


def parse(text: str) -> dt.datetime | None:
    """Return the time that a text is, in UTC; None if it is none, or in another form."""
    if not _TIME.fullmatch(text):
        return None
    try:
        when = dt.datetime.fromisoformat(text)
    except ValueError:  # the 31st of June
        return None
    return when if render(when) == text else None  # 24:00:00 is the next day's 00:00:00


def render(when: dt.datetime) -> str:
    """Return the text of a time.

    Args:
        when: In UTC, whole seconds.
    """
    return when.isoformat(timespec="seconds").replace("+00:00", "Z")
