"""Whatever a machine says, its fingerprint is written, read back and compared; no explanation loses a change."""

import contextlib
import json
import re

from hypothesis import given
from hypothesis import strategies as st

from sycee.capture import machine
from sycee.core.explain import Change, demanded, differences, explain
from sycee.core.suspects import AREAS as ALL_AREAS
from sycee.errors import FormatError
from sycee.formats import fingerprint
from sycee.formats.fingerprint import AREAS, Fingerprint

ANYTHING = st.text(st.characters(), max_size=40) | st.text("/\\~.:-aZ \n\x1b\u2028\udc80", max_size=30)
NAMES = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,12}", fullmatch=True)
LINES = ANYTHING.map(machine.clean).filter(bool)
FACTS = st.builds(
    lambda areas: Fingerprint({**{area: {} for area in AREAS}, **areas}),
    st.dictionaries(st.sampled_from(AREAS), st.dictionaries(NAMES, LINES, max_size=3), max_size=4),
)
VALUES = st.sampled_from(["", "1.0", "2.0", "a" * 64, "b" * 64, "avx " * 20]) | ANYTHING
KNOWN = st.sampled_from(["pillow", "Torch", "numpy", "isa", "version", "OMP_NUM_THREADS", "model.pt"])
CHANGES = st.lists(st.builds(Change, st.sampled_from(ALL_AREAS), KNOWN | ANYTHING, VALUES, VALUES), max_size=8)


@given(ANYTHING)
def test_a_clean_text_fits_the_format_and_names_no_root(text):
    clean = machine.clean(text)
    assert not clean or fingerprint._VALUE.fullmatch(clean)
    assert not re.search(r"(?:^|[\s:=,])[/\\~]", clean)


@given(st.dictionaries(st.from_regex(r"(OMP|LC|TORCH)_\w{1,9}|[A-Z]+", fullmatch=True), ANYTHING))
def test_any_environment_gives_a_valid_fingerprint(environ):
    value = machine.collect({}, environ)
    assert value["env"].keys() <= environ.keys()
    found = fingerprint.read(value, "f")
    assert fingerprint.parse(fingerprint.render(found), "f") == found


@given(FACTS)
def test_what_is_written_is_read(facts):
    data = fingerprint.render(facts)
    assert fingerprint.parse(data, "f") == facts
    assert json.loads(data)["version"] == 1
    assert len(fingerprint.key(facts)) == 64


@given(st.binary(max_size=60), FACTS, st.integers(0, 300))
def test_what_is_refused_is_refused_with_a_reason(garbage, facts, place):
    data = fingerprint.render(facts)
    spoilt = data[:place] + garbage + data[place + len(garbage) :]
    for text in (garbage, spoilt):
        with contextlib.suppress(FormatError):
            assert fingerprint.render(fingerprint.parse(text, "f")) == text


@given(FACTS, FACTS)
def test_differences_are_what_distinguishes(one, two):
    assert differences(one, one) == ()
    assert demanded(one, one) == "bit"
    turned = tuple(Change(area, name, here, frozen) for area, name, frozen, here in differences(two, one))
    assert differences(one, two) == turned
    assert demanded(one, two) == demanded(two, one)
    if fingerprint.key(one) == fingerprint.key(two):
        assert demanded(one, two) == "bit"


@given(
    st.sampled_from(["preprocessed", "output", "decision"]),
    CHANGES,
    st.sampled_from(["pixels", "tokens", "text", "values"]),
    st.sets(st.sampled_from(["preprocessed", "output"])),
    st.none() | st.lists(KNOWN),
)
def test_an_explanation_has_every_change_once_and_one_line(stage, changes, kind, equal, loaded):
    found = explain(stage, changes, kind=kind, equal=equal, loaded=loaded)
    assert not set(found.can) & set(found.cannot)
    assert {*found.can, *found.cannot} <= {change for change in changes if change.frozen != change.here}
    named = {(change.area, change.name) for change in (*found.can, *found.cannot) if change.area != "package"}
    assert named == {(c.area, c.name) for c in changes if c.frozen != c.here and c.area != "package"}
    assert found.verdict.startswith(stage)
    assert not re.search("[\x00-\x1f\x7f\u2028\ud800-\udfff]", found.verdict)
