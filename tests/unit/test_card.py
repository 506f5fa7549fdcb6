"""The card: its page, the vectors, the order of fields, the typed view."""

import json
import math
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sycee.errors import FormatError
from sycee.formats import card, requirements, values, yamltext
from sycee.formats.card import CardFile, ContextFile
from sycee.formats.requirements import Requirement

ROOT = Path(__file__).parents[2]
VECTORS = ROOT / "tests/vectors/card"
EXPECT = json.loads((VECTORS / "expect.json").read_text())
PAGE = (ROOT / "docs/spec/card.md").read_text()
FIVE = {"task": "ner", "metrics": {}, "training_config": {}, "data_version": "v1", "framework_version": "torch==2.1"}
SHA = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
LOCK = "89c10cc1dfbf2567cdf4a4cf61c13ecade9f7113cbf9c5fb9854b72f95cb1847"


def example(number: int) -> bytes:
    return re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[number].encode()


def test_the_example_of_the_page_is_what_is_written():
    data = example(1)
    parsed = card.parse(data, "model_card.yaml")
    assert card.render(parsed.values) == data
    shuffled = dict(sorted(parsed.values.items()))
    assert list(card.parse(card.render(shuffled)).values) == list(parsed.values)
    assert parsed.values["training_config"] == {
        "lr": 2e-05, "batch_size": 16, "max_len": 128, "schedule": "no", "hidden": [256, 128],
    }  # fmt: skip
    assert parsed.values["code"]["argv"] == ["--lr", "2e-5"]
    assert parsed.values["description"].count("\n") == 2


def test_the_minimal_example_of_the_page_is_valid():
    parsed = card.parse(example(0))
    assert list(parsed.values) == list(card.REQUIRED)
    assert card.render(parsed.values) == example(0)


def test_the_evaluations_of_the_page_are_what_is_written():
    parsed = card.parse(example(2))
    assert card.render(parsed.values) == example(2)
    assert parsed.values["evaluations"][0]["metrics"][0]["ci"] == [0.866, 0.876]


def test_the_typed_view():
    data = example(1)
    parsed = card.parse(data)
    assert parsed.raw is data
    assert (parsed.task, parsed.name, parsed.version, parsed.serial) == ("ner", "bert", None, None)
    assert parsed.metrics == {"val_f1": 0.892, "test_acc": 0.921}
    assert parsed.training_config["lr"] == 2e-05
    assert parsed.data_version == "data/conll@md5:978ca45691cd12e610fb0788867f8252.dir"
    assert parsed.framework_version == "transformers==4.38.2, torch==2.1.2+cpu"
    assert parsed.warnings == ()
    assert parsed.files == (
        CardFile("model.pt", 3, SHA, "69d919adfcb3595bd1e0d1fbff4b4f0b",
                 "4878ca0425c739fa427f7eda20fe845f6b2e46ba5fe2a14df5b1e32f50603215"),
    )  # fmt: skip
    assert parsed.context == (ContextFile("context/requirements.lock", LOCK, 2806, "lock"),)


def test_the_values_of_a_card_cannot_be_changed():
    parsed = card.parse(example(0))
    with pytest.raises(TypeError):
        parsed.values["task"] = "other"
    with pytest.raises(TypeError):
        parsed.metrics["f1"] = 1.0


def test_every_vector_is_in_the_table():
    assert {path.stem for path in VECTORS.glob("*.yaml")} == EXPECT.keys()


@pytest.mark.parametrize("case", EXPECT)
def test_vector(case):
    data, expect = (VECTORS / f"{case}.yaml").read_bytes(), EXPECT[case]
    if "values" in expect:
        assert card.parse(data, "c").values == expect["values"]
        return
    with pytest.raises(FormatError) as caught:
        card.parse(data, "c")
    assert [str(fault) for fault in caught.value.faults] == expect["faults"]
    assert caught.value.message.startswith("c: ")
    assert caught.value.exit_code == 1


def test_fields_of_ones_own_come_last_and_keep_their_order():
    text = card.render({"x_b": 1, **FIVE, "x_a": 2, "name": "n"}).decode()
    assert [line.partition(":")[0] for line in text.splitlines()] == [*card.REQUIRED, "name", "x_b", "x_a"]


def test_render_refuses_what_parse_would_refuse():
    with pytest.raises(FormatError, match=r"\$\.metrics\.loss: is not a finite number: nan"):
        card.render({**FIVE, "metrics": {"loss": math.nan}})
    with pytest.raises(FormatError, match=r"\$\.training_config\.x: is a set"):
        card.render({**FIVE, "training_config": {"x": {1}}})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("no", '"no"'), ("1e-5", '"1e-5"'), ("010", '"010"'), ("1.10", '"1.10"'), ("12:30:45", '"12:30:45"'),
        ("~", '"~"'), ("2026-01-31", '"2026-01-31"'), ("=", '"="'), ("<<", '"<<"'), ("", '""'), ("a: b", '"a: b"'),
        ("a #b", '"a #b"'), ("a\u202eb", '"a\\u202eb"'), ("\x00", '"\\0"'), ("\x1b[2J", '"\\x1b[2J"'),
        ("é", '"é"'), ("_:0", "_:0"), ("\U000e0041", '"\\U000e0041"'),
        ("word", "word"), ("data/a@md5:0f, b", "data/a@md5:0f, b"), ("torch==2.1.2+cpu", "torch==2.1.2+cpu"),
        (1e-5, "1.0e-05"), (1e16, "1.0e+16"), (0.1, "0.1"), (1.0, "1.0"), (-0.0, "-0.0"), (True, "true"),
        (None, "null"), (2**64 - 1, "18446744073709551615"), ([1, 2.5], "[1, 2.5]"), ([], "[]"), ({}, "{}"),
        ("a" * 32, f'"{"a" * 32}"'),
    ],
)  # fmt: skip
def test_how_a_value_is_written(value, text):
    assert yamltext.dump({"k": value}) == f"k: {text}\n".encode()


def test_the_longest_key_is_read_by_everybody():
    import yaml

    written = {"\U000e0041" * values.MAX_KEY: 1}
    assert yaml.safe_load(yamltext.dump(written)) == yamltext.load(yamltext.dump(written), "t")[0] == written


def test_how_lines_are_written():
    assert yamltext.dump({"k": "a\n\nb: c\n"}) == b"k: |\n  a\n\n  b: c\n"
    assert yamltext.dump({"k": "a\n b"}) == b'k: "a\\n b"\n'
    assert yamltext.dump({"k": ["a\nb", {"l": ["x"]}]}) == b'k:\n- "a\\nb"\n- l:\n  - x\n'


def test_a_file_that_is_too_large_is_not_parsed():
    with pytest.raises(FormatError, match="is larger than 1048576 bytes"):
        card.parse(b"#" * (yamltext.MAX_BYTES + 1))


def test_requirements_cannot_smuggle_options():
    assert requirements.render([Requirement("--index-url=http://x", "1\n--pre")]).endswith(
        b"\nindex-url_http___x==1_--pre\n"
    )
    assert requirements.render([Requirement("a b", "1 ; x")]).endswith(b"\na_b==1___x\n")


def test_importing_the_card_imports_no_yaml():
    code = "import sys, sycee.formats.card; print('ruamel.yaml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_a_long_scalar_takes_no_long_time():
    with pytest.raises(FormatError):  # quadratic in its length, this took an hour
        card.parse(b"task: 1" + b"_" * 500_000 + b"z\n")
