"""For any JSON-like values: PyYAML (1.1) and ruamel.yaml (1.2) read from our text what was written."""

import unicodedata
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from sycee.errors import FormatError
from sycee.formats import card, schema, values, yamltext
from sycee.formats.paths import path_fault

# What a reviewer of a card would not see, or would see in another order: zero width, bidirectional, line separators.
HIDDEN = {chr(code) for code in (0xAD, 0x061C, *range(0x200B, 0x2010), *range(0x2028, 0x202F), *range(0x2060, 0x2070))}
TRAPS = st.sampled_from(Path(__file__).with_name("yaml_traps.txt").read_text("unicode_escape").split("|"))
TEXT = st.one_of(TRAPS, st.text(max_size=20), st.text("abc:#-? \n\t'\"\\&*{}[],|>%@=<~.0123e_", max_size=12))
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(values.MIN_INT, values.MAX_INT),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXT,
)
KEYS = TEXT.filter(bool)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)
MAPPINGS = st.dictionaries(KEYS, VALUES, max_size=5)


def same(left: object, right: object) -> bool:
    """Equal, and of one type: 1 is not 1.0, and True is not 1."""
    if isinstance(left, dict) and isinstance(right, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return type(left) is type(right) and left == right


@given(MAPPINGS)
def test_three_readers_agree(written):
    data = yamltext.dump(written)
    assert same(yaml.safe_load(data), written), data
    assert same(YAML(typ="safe", pure=True).load(data), written), data
    read, faults = yamltext.load(data, "t")
    assert same(read, written), data
    assert faults == []


@given(MAPPINGS)
def test_text_shows_what_it_says(written):
    text = yamltext.dump(written).decode()
    assert not HIDDEN.intersection(text)
    assert all(character == "\n" or unicodedata.category(character) != "Cc" for character in text)
    assert "\r" not in text
    assert text.endswith("\n")


@given(st.one_of(st.binary(max_size=80), TEXT.map(str.encode)))
def test_reader_fails_only_in_its_own_way(data):
    try:
        read, faults = yamltext.load(data, "t")
    except FormatError:
        return
    if not faults:
        assume(read is not None)
        try:
            assert same(YAML(typ="safe", pure=True).load(data), read) or read != read
        except YAMLError as error:
            pytest.fail(f"accepted what ruamel.yaml refuses: {error}")


@given(st.text("abc:#-? \n'\"&*{}[],|>!%=<~.0123e_+xob", max_size=24))
def test_reader_reads_as_yaml_12(text):
    test_reader_fails_only_in_its_own_way.hypothesis.inner_test(text.encode())


FORMAT = jsonschema.FormatChecker(formats=())
FORMAT.checks("relative-path")(lambda value: not isinstance(value, str) or path_fault(value) is None)
JUDGE = jsonschema.Draft202012Validator(card.card_schema(), format_checker=FORMAT)
HEX = st.sampled_from(["a" * 32, "a" * 32 + ".dir", "b" * 64, "b" * 40, "B" * 64, "b" * 64 + "\n", "", 1])
LIKELY = st.one_of(
    HEX, VALUES, st.sampled_from(["a/b", "../a", "/a", "lock", "complete", "1.0.0", "2026-01-31T12:00:00Z"])
)


def conforming(rule: dict, depth: int = 0) -> st.SearchStrategy:
    """Values that follow the schema's shape, with likely and unlikely leaves, so that both verdicts occur."""
    if "$ref" in rule:
        return conforming(card.card_schema()["$defs"][rule["$ref"].rpartition("/")[2]], depth)
    if rule.get("properties") and depth < 4:
        members = {
            key: st.deferred(lambda r=inner: conforming(r, depth + 1)) for key, inner in rule["properties"].items()
        }
        required = {key: members[key] for key in rule.get("required", ())}
        spare = st.sampled_from(["x_own", "comit", "path"])
        full = st.fixed_dictionaries(required, optional={key: members[key] for key in members.keys() - required.keys()})
        return st.builds(lambda a, b: {**b, **a}, full, st.dictionaries(spare, LIKELY, max_size=1))
    if "items" in rule:
        return st.lists(conforming(rule["items"], depth + 1), max_size=2) | LIKELY
    if "enum" in rule:
        return st.sampled_from([*rule["enum"], True, 1.0, "other"])
    kinds = {"string": st.sampled_from(["a/b", "1.0.0", "a" * 32, "b" * 64, "2026-01-31T12:00:00Z", "/x", ""]),
             "integer": st.sampled_from([0, 1, 5, -1, 1.0, 1.5, True]), "number": st.sampled_from([0, 0.5, -1.0, True]),
             "boolean": st.booleans(), "object": MAPPINGS}  # fmt: skip
    names = rule.get("type", "string")
    return st.one_of(*(kinds.get(name, LIKELY) for name in ([names] if isinstance(names, str) else names)))


@given(st.one_of(conforming(card.card_schema()), VALUES))
def test_validator_and_schema_agree(written):
    ours = schema.faults(written, card.card_schema())
    theirs = list(JUDGE.iter_errors(written))
    assert bool(ours) == bool(theirs), (ours, theirs)


def test_the_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(card.card_schema())
