"""Exports of any card give it back; readers of other forms raise nothing but errors that people understand."""

import json

from hypothesis import given
from hypothesis import strategies as st

from sycee.errors import FormatError
from sycee.formats import card, cyclonedx, huggingface, huggingfaceread, markdown
from sycee.formats.portable import Portable

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
NUMBER = st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
METRICS = st.dictionaries(TEXT, NUMBER, max_size=4)
EVALUATION = st.fixed_dictionaries(
    {
        "dataset": st.fixed_dictionaries({"name": TEXT}, optional={"type": TEXT, "config": TEXT, "split": TEXT}),
        "metrics": st.lists(
            st.fixed_dictionaries({"name": TEXT, "value": NUMBER}, optional={"slice": TEXT}), min_size=1, max_size=3
        ),
    },
    optional={"task": TEXT, "source": st.fixed_dictionaries({}, optional={"name": TEXT, "url": TEXT})},
)
CARD = st.fixed_dictionaries(
    {
        "task": TEXT,
        "metrics": METRICS,
        "training_config": st.dictionaries(TEXT, TEXT | NUMBER | st.none() | st.lists(TEXT), max_size=3),
        "data_version": TEXT,
        "framework_version": TEXT,
    },
    optional={
        "description": TEXT,
        "license": TEXT,
        "tags": st.lists(TEXT, max_size=3),
        "evaluations": st.lists(EVALUATION, max_size=3),
        "considerations": st.fixed_dictionaries({}, optional={"users": st.lists(TEXT), "limitations": st.lists(TEXT)}),
    },
)


@given(CARD, TEXT)
def test_every_export_gives_the_card_back(values, name):
    data = card.render(values)
    source = Portable(card.parse(data), name)
    page, bom = huggingface.render(source), cyclonedx.render(source)
    assert huggingfaceread.read(page).data == cyclonedx.read(bom, "b").data == data
    refs = [one["bom-ref"] for one in json.loads(bom)["components"]]
    assert len(refs) == len(set(refs))
    results = huggingface.metadata(source).get("model-index", [{"results": []}])[0]["results"]
    own = list(values["metrics"])
    later = [one for each in values.get("evaluations", ()) for one in each["metrics"]]
    assert sum(len(one["metrics"]) for one in results) == len(own) + len(later)


@given(TEXT)
def test_words_open_no_tag_and_no_link(words):
    shown = markdown.text(words)
    assert "<" not in shown
    assert all(before == "\\" for before, char in zip(" " + shown, shown, strict=False) if char == "[")


VALUE = st.recursive(
    st.none() | st.booleans() | NUMBER | TEXT | st.just(float("nan")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(
        {"name", "results", "task", "dataset", "metrics", "value", "type", "source", "url"}
    )), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
KEYS = ["license", "language", "tags", "datasets", "base_model", "model-index", "pipeline_tag", "library_name", "other"]


@given(st.dictionaries(st.sampled_from(KEYS), VALUE, max_size=5))
def test_metadata_of_any_shape_makes_a_card_or_an_error(metadata):
    text = f"---\n{json.dumps(metadata)}\n---\n"
    try:
        found = huggingfaceread.read(text.encode())
    except FormatError:
        return
    assert card.parse(found.data)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_readers(data):
    for read in (huggingfaceread.read, cyclonedx.read):
        for what in (data, b"---\n" + data + b"\n---\n"):
            try:
                read(what, "f")
            except FormatError:
                continue
