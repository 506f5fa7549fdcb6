"""Whatever a configuration or a metric holds: what goes into the card is JSON-like, and most of it is itself."""

import datetime as dt
import enum
from pathlib import PurePosixPath

from hypothesis import given
from hypothesis import strategies as st

from sycee.capture.config import finite_metrics, normalised
from sycee.formats import card, values

Colour = enum.Enum("Colour", "RED GREEN")
JSON = st.one_of(st.none(), st.booleans(), st.integers(values.MIN_INT, values.MAX_INT), st.text("abc é", max_size=5),
                 st.floats(allow_nan=False, allow_infinity=False))  # fmt: skip
ODD = st.one_of(
    st.floats(), st.integers(), st.text(max_size=3), st.binary(max_size=3), st.complex_numbers(), st.dates(),
    st.times(), st.frozensets(st.integers(), max_size=3),
    st.sampled_from([*Colour, Colour, len, object(), PurePosixPath("a/b"), dt.timedelta(1), "\ud800", 2**80, ...]),
)  # fmt: skip
KEYS = st.one_of(
    st.text("abc", min_size=1, max_size=3), st.integers(), st.sampled_from([*Colour, None, "", "\ud800", "k" * 300])
)


def nested(leaves, keys):
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=10
    )


@given(nested(JSON | ODD, KEYS))
def test_any_value_becomes_json_like(value):
    assert list(values.faults(normalised(value, lambda _note: None))) == []


@given(nested(JSON, st.text("abc", min_size=1, max_size=3)))
def test_json_like_values_stay_as_they_are(value):
    notes = []
    assert normalised(value, notes.append) == value
    assert notes == []


@given(st.dictionaries(KEYS, nested(JSON | ODD, KEYS), max_size=4))
def test_any_metrics_make_a_valid_card(metrics):
    five = {"task": "t", "training_config": {}, "data_version": "v", "framework_version": "f"}
    assert card.faults({**five, "metrics": finite_metrics(metrics, lambda _note: None)}) == []
