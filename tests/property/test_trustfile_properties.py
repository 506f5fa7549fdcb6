"""What is written is read; garbage is refused with a reason; a pattern means what a reader thinks it means."""

import contextlib
import datetime as dt
import re
import string
import tomllib

from hypothesis import given
from hypothesis import strategies as st

from rigs.policies import TRUST, revoked, statement
from sycee.errors import Fault, FormatError
from sycee.formats import channel, gate, revocations, trustfile
from sycee.formats.channel import Channel
from sycee.formats.gate import Gate
from sycee.formats.revocations import Revocations
from sycee.formats.trust import ModelRule

HEX = st.integers(0, 2**256 - 1).map(lambda number: f"{number:064x}")
TIMES = st.datetimes(timezones=st.just(dt.UTC)).map(lambda when: when.replace(microsecond=0))
SPANS = st.lists(TIMES, min_size=2, max_size=2, unique=True).map(sorted)
LINES = st.text(st.characters(), min_size=1, max_size=30).filter(str.isprintable)
NAMES = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,10}", fullmatch=True)
CHANNELS = st.builds(
    lambda model, name, serial, span, versions, label: Channel(
        model, name, serial, *span, versions[0], label, versions[1]
    ),
    st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?", fullmatch=True).filter(lambda name: len(name) < 200),
    NAMES,
    st.integers(1, 2**53 - 1),
    SPANS,
    st.lists(HEX, min_size=2, max_size=2, unique=True) | HEX.map(lambda one: [one, None]),
    st.just("") | LINES,
)
REASONS = st.dictionaries(HEX, LINES, max_size=3)
LISTS = st.builds(
    lambda number, span, *reasons: Revocations(number, *span, *reasons),
    st.integers(1, 2**53 - 1),
    SPANS,
    *[REASONS] * 3,
)
FLOATS = st.floats(-1e30, 1e30) | st.integers(-(10**29), 10**29)
EQUAL = st.sampled_from(["==", "!="])
PATHS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_@/-]{0,9}(\.[A-Za-z0-9_][A-Za-z0-9_@/-]{0,9}){0,3}", fullmatch=True)
GATES = st.builds(Gate, PATHS, st.sampled_from([">=", "<=", "==", "!=", ">", "<"]), FLOATS) | st.builds(
    Gate, PATHS, EQUAL, LINES | st.booleans()
)
FORMATS = {
    "trust": (lambda data: trustfile.parse(data, "t"), TRUST.encode()),
    "channel": (lambda data: channel.parse(data, "c"), channel.render(statement())),
    "revocations": (lambda data: revocations.parse(data, "r"), revocations.render(revoked())),
    "gate": (lambda data: gate.parse(data.decode(errors="replace")), b"metrics.val_f1 >= 0.89"),
}


@given(CHANNELS)
def test_a_statement_that_is_written_is_read(one):
    data = channel.render(one)
    assert channel.parse(data, "c") == one
    assert len(data) <= channel.MAX_SIZE


@given(LISTS)
def test_a_list_that_is_written_is_read(one):
    assert revocations.parse(revocations.render(one), "r") == one


@given(GATES)
def test_a_gate_that_is_written_is_read(one):
    read = gate.parse(str(one))
    assert read == one
    assert str(read) == str(one)


@given(st.sampled_from(sorted(FORMATS)), st.binary(max_size=40), st.integers(0, 1500), st.integers(0, 40))
def test_garbage_is_refused_with_a_reason(name, garbage, place, length):
    parse, data = FORMATS[name]
    for text in (garbage, data[:place] + garbage + data[place + length :]):
        with contextlib.suppress(FormatError):
            parse(text)


def faults_of(text):
    try:
        trustfile.parse(text.encode())
    except FormatError as error:
        return error.faults or [Fault("", "refused without a place")]
    return []


VALUES = st.recursive(
    st.sampled_from(
        ["true", "1", "-1", "nan", "inf", "1e400", "2026-01-01", "2026-01-01T00:00:00", "12:00:00", '"x"', '""']
    )
    | st.just(r'"\u0000"'),
    lambda inner: (
        st.lists(inner, max_size=2).map(lambda items: f"[{', '.join(items)}]")
        | st.dictionaries(NAMES, inner, max_size=2).map(
            lambda table: "{" + ", ".join(f"{name} = {value}" for name, value in table.items()) + "}"
        )
    ),
    max_leaves=4,
)
LINE = re.compile(r"^(\w+) = .*$", re.MULTILINE)


@given(st.integers(0, len(LINE.findall(TRUST)) - 1), VALUES)
def test_a_value_of_any_kind_is_refused_with_a_place_or_read(number, value):
    line = list(LINE.finditer(TRUST))[number]
    text = f"{TRUST[: line.start()]}{line[1]} = {value}{TRUST[line.end() :]}"
    tomllib.loads(text)
    assert all(re.match(r"[a-z]", fault.path) for fault in faults_of(text))


@given(st.text("ab*", min_size=1, max_size=8), st.text("ab", max_size=10))
def test_a_pattern_means_what_an_expression_says(match, name):
    expression = "[ab]*".join(map(re.escape, match.split("*")))
    assert ModelRule(match, ("r",)).is_about(name) == bool(re.fullmatch(expression, name))


@given(st.text(string.printable, max_size=12))
def test_no_text_is_an_expression_that_is_evaluated(text):
    with contextlib.suppress(FormatError):
        assert gate.parse(f"a == {text}").value is not None
