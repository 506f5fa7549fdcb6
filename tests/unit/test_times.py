"""Times in signed files: one instant, one text."""

import datetime as dt

import pytest

from sycee.formats import times


def test_one_instant_has_one_text():
    when = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)
    assert times.render(when) == "2026-01-31T12:00:00Z"
    assert times.parse("2026-01-31T12:00:00Z") == when
    assert times.parse("0001-01-01T00:00:00Z") == dt.datetime.min.replace(tzinfo=dt.UTC)


@pytest.mark.parametrize(
    "text",
    [
        *("", "2026-01-31", "2026-01-31T12:00:00", "2026-01-31T12:00:00+00:00", "2026-01-31 12:00:00Z"),
        *("2026-01-31T12:00:00.5Z", "2026-06-31T12:00:00Z", "2026-01-31T24:00:00Z", "2026-01-31T12:00:60Z"),
        *("0000-01-01T00:00:00Z", "2026-01-31T12:00:00z", "2026-01-31T12:00:00Z\n", "٢026-01-31T12:00:00Z"),
    ],
)
def test_what_is_no_time(text):
    assert times.parse(text) is None
