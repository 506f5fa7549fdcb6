"""Gates: what is one, what it says, and that a fact of another kind never fulfils it."""

import pytest

from sycee.errors import FormatError
from sycee.formats import gate
from sycee.formats.gate import Gate

CARD = {
    "task": "ner",
    "metrics": {"val_f1": 0.892, "recall@5": 1, "eval/loss": 0.1, "nan": float("nan"), "seen": True, "1": {"2": 3}},
    "code": {"dirty": False},
    "tags": ["a"],
    "license": None,
}


@pytest.mark.parametrize(
    ("text", "written", "value"),
    [
        ("metrics.val_f1 >= 0.89", "metrics.val_f1 >= 0.89", 0.89),
        ("metrics.val_f1>=0.890", "metrics.val_f1 >= 0.89", 0.89),
        ("a   <=   1.0", "a <= 1", 1.0),
        ("a != -2e-5", "a != -2e-05", -2e-5),
        ("a > 9007199254740993", "a > 9007199254740993", 9007199254740993),
        ('task == "ner"', 'task == "ner"', "ner"),
        ('task == "\\u00fc >= \\"1\\""', 'task == "ü >= \\"1\\""', 'ü >= "1"'),
        ("code.dirty == false", "code.dirty == false", False),
        ("a != true", "a != true", True),
        ("metrics.recall@5 < 1", "metrics.recall@5 < 1", 1),
        ("metrics.eval/loss < 1", "metrics.eval/loss < 1", 1),
    ],
)
def test_what_is_a_gate(text, written, value):
    one = gate.parse(text)
    assert (str(one), one.value, type(one.value)) == (written, value, type(value))
    assert gate.parse(written) == one


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "a", "a >", "> 1", "a > b", "a => 1", "a = 1", "a ~ 1", "a > 1 and b > 1", "a > 1 ", " a > 1"),
        *(
            "a > nan",
            "a > inf",
            "a > 1e999",
            "a > -1e999",
            "a > 01",
            "a > 1.",
            "a > .5",
            "a > +1",
            "a > 0x1",
            "a > 1_0",
        ),
        *("a > 'x'", 'a == "x', 'a == "x" "y"', 'a == "\\ud800"', 'a == "x\\n"', "a == null", "a == True", "a == []"),
        *('a > "x"', "a < true", "a >= false", "a..b > 1", ".a > 1", "a. > 1", "a b > 1", "__import__('os') > 1"),
        *("a > ٣", "a\n> 1", "a > 1\n", f"a > {'9' * 40}", f"{'a' * 600} > 1", "$.a > 1", "a[0] > 1"),
    ],
)
def test_what_is_none(text):
    with pytest.raises(FormatError):
        gate.parse(text)


@pytest.mark.parametrize(
    ("text", "holds", "found"),
    [
        ("metrics.val_f1 >= 0.89", True, "0.892"),
        ("metrics.val_f1 >= 0.893", False, "0.892"),
        ("metrics.val_f1 > 0.892", False, "0.892"),
        ("metrics.val_f1 <= 0.892", True, "0.892"),
        ("metrics.recall@5 == 1", True, "1"),
        ("metrics.recall@5 != 1.0", False, "1"),
        ("metrics.1.2 == 3", True, "3"),
        ("metrics.seen == 1", False, "true"),
        ("metrics.seen >= 0", False, "true"),
        ("metrics.seen == true", True, "true"),
        ("metrics.nan == 0", False, "metrics.nan is neither a number nor a text nor true or false"),
        ("metrics.nan != 0", False, "metrics.nan is neither a number nor a text nor true or false"),
        ("metrics.none != 0", False, "the card has no metrics.none"),
        ("metrics != 0", False, "metrics is neither a number nor a text nor true or false"),
        ("tags.0 != 0", False, "the card has no tags.0"),
        ("license != 0", False, "license is neither a number nor a text nor true or false"),
        ('task == "ner"', True, '"ner"'),
        ('task != "qa"', True, '"ner"'),
        ("task != 1", False, '"ner"'),
        ("task.x == 1", False, "the card has no task.x"),
        ("code.dirty == false", True, "false"),
        ("code.dirty == 0", False, "false"),
    ],
)
def test_what_holds(text, holds, found):
    one = gate.parse(text)
    assert one.holds(CARD) is holds
    assert one.found(CARD) == found


@pytest.mark.parametrize(("text", "holds"), [("epochs <= 3.5", False), ("epochs >= 0.5", True), ("epochs == 1", False)])
def test_a_whole_number_beyond_floating_point(text, holds):
    assert gate.parse(text).holds({"epochs": 10**400}) is holds


def test_a_gate_is_a_value():
    assert gate.parse("a > 1") == Gate("a", ">", 1) == gate.parse("a > 1.0")
