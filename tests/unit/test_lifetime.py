"""Until when something counts: spans, days, times, and what is none of them."""

import datetime as dt

import pytest

from sycee.core.lifetime import left, until
from sycee.errors import UsageError

NOW = dt.datetime(2026, 2, 1, 8, 30, 5, 999, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("30d", "2026-03-03T08:30:05+00:00"),
        ("12h", "2026-02-01T20:30:05+00:00"),
        ("8w", "2026-03-29T08:30:05+00:00"),
        ("2027-01-31", "2027-01-31T00:00:00+00:00"),
        ("2027-01-31T12:00:00Z", "2027-01-31T12:00:00+00:00"),
        ("2027-01-31T12:00:00.5+08:00", "2027-01-31T04:00:00+00:00"),
    ],
)
def test_what_can_be_said(text, end):
    assert until(text, NOW).isoformat() == end


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is no time to end at"),
        ("0d", "is no time to end at"),
        ("-1d", "is no time to end at"),
        ("30", "is no time to end at"),
        ("30 d", "is no time to end at"),
        ("٣d", "is no time to end at"),
        ("soon", "is no time to end at"),
        ("2026-02-30", "is no time to end at"),
        ("2027-01-31T12:00:00", "is no time to end at"),  # of which zone?
        ("20270131", "is no time to end at"),
        ("2026-02-01", "is over already"),
        ("2025-01-01T00:00:00Z", "is over already"),
        ("9999d", "more than ten years"),
        ("99999d", "is no time to end at"),
        ("9999-12-31", "more than ten years"),
        ("0001-01-01T00:00:00+23:00", "is no time to end at"),
    ],
)
def test_what_cannot(text, why):
    with pytest.raises(UsageError, match=why):
        until(text, NOW)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (86400 * 12 + 5, "in 12 days"),
        (86400, "in 1 day"),
        (7200, "in 2 hours"),
        (60, "in 0 hours"),
        (0, "0 hours ago"),
        (-86400 * 2, "2 days ago"),
    ],
)
def test_how_long_it_still_is(seconds, words):
    assert left(NOW + dt.timedelta(seconds=seconds), NOW) == words
