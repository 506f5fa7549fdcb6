"""How long something is to count: ``30d``, ``12h``, or until a date."""

import datetime as dt
import re

from sycee.errors import UsageError

_SPAN = re.compile(r"([1-9][0-9]{0,3})([hdw])", re.ASCII)
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}
_LONGEST = dt.timedelta(days=3660)


def until(text: str, now: dt.datetime) -> dt.datetime:
    """Return when something ends.

    Args:
        text: A span from now on (``12h``, ``30d``, ``8w``), a day (``2027-01-31``, its first second in UTC), or a time
            with its zone (``2027-01-31T12:00:00Z``).
        now: The time, with its zone.

    Returns:
        The end in UTC, whole seconds.

    Raises:
        UsageError: If the text is none of these, or the end is not later than now, or more than ten years later.
    """
    end = _end(text, now)
    if end is None:
        raise UsageError(
            f"{text!r} is no time to end at", hint="for example 30d, 12h, 2027-01-31 or 2027-01-31T12:00:00Z"
        )
    if end <= now:
        raise UsageError(f"{text} is over already; it is {now:%Y-%m-%dT%H:%M:%SZ}", hint="name a later time")
    if end > now + _LONGEST:
        raise UsageError(f"{text} is more than ten years away", hint="what never expires cannot be taken back")
    return end


def _end(text: str, now: dt.datetime) -> dt.datetime | None:
    try:
        if span := _SPAN.fullmatch(text):
            end = now + dt.timedelta(**{_UNITS[span[2]]: int(span[1])})
        else:
            end = dt.datetime.fromisoformat(text)
            if end.tzinfo is None and len(text) == len("2027-01-31"):
                end = end.replace(tzinfo=dt.UTC)
        return end.astimezone(dt.UTC).replace(microsecond=0) if end.tzinfo else None
    except (ValueError, OverflowError):  # beyond the first or the last year
        return None


def left(end: dt.datetime, now: dt.datetime) -> str:
    """Return how long it still is until a time, for people: ``in 12 days``, ``in 5 hours``, ``2 days ago``."""
    seconds = (end - now).total_seconds()
    days, hours = divmod(abs(seconds) // 3600, 24)
    amount, unit = (days, "day") if days else (hours, "hour")
    words = f"{amount:.0f} {unit}{'' if amount == 1 else 's'}"
    return f"in {words}" if seconds > 0 else f"{words} ago"
