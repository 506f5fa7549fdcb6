"""The rules: what decides the same, for each sort of task."""

import numpy as np
import pytest

from rigs.goldens import record, results
from sycee.core.compare import compare
from sycee.core.decision import guess_rule, rule_for
from sycee.errors import UsageError
from sycee.formats.golden import Rule


def decided(rule, then, here, envelope=0.0):
    """Return the level, of results that are further apart than noise."""
    return compare(*record(rule, envelope, output=then), *results(output=here)).level


def f4(*values):
    return np.array(values, np.float32)


@pytest.mark.parametrize(
    ("rule", "then", "here", "level"),
    [
        (Rule("top1"), f4(1, 2, 3), f4(0, 0, 9), "decision"),
        (Rule("top1"), f4(1, 2, 3), f4(1, 3.5, 3), "fail"),
        (Rule("top1"), f4([1, 2], [2, 1]), f4([1, 2.5], [1, 2]), "fail"),
        (Rule("top1"), f4(1, 2, 3), f4(np.nan, 2, 3), "fail"),
        (Rule("top1"), f4(3, 2, 1), f4(np.nan, np.nan, np.nan), "fail"),
        (Rule("top1"), f4(3, np.nan, 1), f4(3.1, np.nan, 1), "decision"),
        (Rule("top1"), f4([3], [2]), f4([1], [9]), "fail"),
        (Rule("top1"), f4([3], [2]), f4([3.001], [2]), "decision"),
        (Rule("top1", "$.a"), {"a": f4(1, 2), "b": f4(1, 2)}, {"a": f4(1, 3), "b": f4(2, 1)}, "decision"),
        (Rule("top1", "$.b"), {"a": f4(1, 2), "b": f4(1, 2)}, {"a": f4(1, 3), "b": f4(2, 1)}, "fail"),
        (Rule("top1"), [0.1, 0.7], [0.2, 0.6], "decision"),
        (Rule("topk", k=2), f4(1, 2, 3), f4(1, 4, 3), "decision"),
        (Rule("topk", k=2), f4(1, 2, 3), f4(3, 2, 4), "fail"),
        (Rule("topk", k=9), f4(1, 2, 3), f4(3, 2, 1), "fail"),
        (Rule("topk", k=9), f4(1, 2, 3), f4(1, 3, 4), "decision"),
        (Rule("cosine"), f4(1, 2, 3), f4(1.001, 2, 3), "decision"),
        (Rule("cosine"), f4(1, 2, 3), f4(1.1, 2, 3), "fail"),
        (Rule("cosine", limit=0.99), f4(1, 2, 3), f4(1.1, 2, 3), "decision"),
        (Rule("cosine"), f4(0, 0), f4(0, 1), "fail"),
        (Rule("cosine"), f4(1, 2), f4(np.nan, 2), "fail"),
        (Rule("regression"), f4(100, 200), f4(100.1, 200), "decision"),
        (Rule("regression"), f4(100, 200), f4(101, 200), "fail"),
        (Rule("regression", limit=2.0), f4(100, 200), f4(101, 200), "decision"),
        (Rule("regression"), f4(1, np.nan), f4(1.0001, np.nan), "decision"),
        (Rule("regression"), f4(1, np.nan), f4(1, 2), "fail"),
        (Rule("regression"), f4(0, 0), f4(0, 1e-9), "fail"),
        (Rule("exact"), {"label": "cat", "score": 0.9}, {"label": "cat", "score": 0.901}, "decision"),
        (Rule("exact"), {"label": "cat", "score": 0.9}, {"label": "cat", "score": 0.8}, "fail"),
        (Rule("exact"), {"label": "cat", "score": 0.9}, {"label": "dog", "score": 0.9}, "fail"),
        (Rule("exact"), {"ids": np.arange(3)}, {"ids": np.arange(3)[::-1]}, "fail"),
        (Rule("exact"), {"m": "a", "x": f4(1, 2)}, {"m": "a", "x": f4(1, 2.001)}, "decision"),
        (Rule("exact"), {"m": "a", "x": f4(0, 0)}, {"m": "a", "x": f4(0, 1e-5)}, "decision"),
        (Rule("tokens", "$.ids"), {"ids": np.arange(3)}, {"ids": np.array([0, 1, 9])}, "fail"),
        (Rule("top1", "$.no"), f4(1, 2), f4(1, 3), "fail"),
    ],
)
def test_rules(rule, then, here, level):
    assert decided(rule, then, here) == level


def test_two_candidates_that_noise_may_exchange_are_a_tie():
    then, here = f4(1.0, 1.00005, -1.0), f4(1.00005, 1.0, -1.0)
    assert decided(Rule("top1"), then, here) == "fail"
    assert decided(Rule("top1"), then, here, envelope=1e-5) == "numeric"


def test_tokens_behind_a_narrow_choice_may_be_others():
    gaps = f4(3.0, 0.001, 5.0)
    rule = Rule("tokens", "$.ids", "$.gaps")

    def level(ids):
        return decided(rule, {"ids": np.arange(3), "gaps": gaps}, {"ids": np.array(ids), "gaps": gaps})

    assert level([0, 1, 9]) == "decision"
    assert level([0, 9, 9]) == "fail"
    assert level([9, 1, 2]) == "fail"


def test_a_narrow_choice_in_one_text_says_nothing_of_the_next():
    rule = Rule("tokens", "$.ids", "$.gaps")
    gaps = f4([0.001, 5.0], [5.0, 5.0])

    def level(ids):
        return decided(rule, {"ids": np.array([[0, 1], [2, 3]]), "gaps": gaps}, {"ids": np.array(ids), "gaps": gaps})

    assert level([[0, 9], [2, 3]]) == "decision"
    assert level([[0, 9], [2, 9]]) == "fail"


BOXES = f4([0, 0, 100, 100], [50, 50, 150, 150])
LABELS = np.array([1, 2])


@pytest.mark.parametrize(
    ("boxes", "labels", "level"),
    [
        (BOXES + np.float32(0.1), LABELS, "decision"),
        (BOXES[::-1] + np.float32(0.1), LABELS[::-1], "decision"),
        (BOXES + np.float32(0.1), LABELS[::-1], "fail"),
        (BOXES + np.float32(2), LABELS, "fail"),
        (BOXES[:1], LABELS[:1], "fail"),
        (BOXES * np.float32(np.nan), LABELS, "fail"),
    ],
)
def test_boxes_are_near_and_of_their_class(boxes, labels, level):
    rule = Rule("boxes", "$.boxes", "$.labels")
    given = {"boxes": np.ascontiguousarray(boxes), "labels": np.ascontiguousarray(labels)}
    assert decided(rule, {"boxes": BOXES, "labels": LABELS}, given) == level


def test_no_box_is_equal_to_no_box():
    none = {"boxes": np.zeros((0, 4), "f4"), "labels": np.zeros(0, "i8")}
    assert decided(Rule("boxes", "$.boxes", "$.labels"), none, none) == "bit"


@pytest.mark.parametrize(
    ("task", "output", "rule"),
    [
        ("image-classification", np.zeros((1, 10), "f4"), Rule("top1", "$")),
        ("ner", {"logits": np.zeros((1, 7, 9), "f4")}, Rule("top1", "$.logits")),
        ("sentence-similarity", np.zeros((1, 384), "f4"), Rule("cosine", "$")),
        ("image-classification", [0.1, 0.9], Rule("top1", "$[*]")),
        ("", np.zeros(5, "f8"), Rule("cosine", "$")),
        ("price", 3.5, Rule("regression", "$")),
        ("price", np.zeros((4, 1), "f4"), Rule("regression", "$")),
        ("image-classification", {"label": "cat", "score": 0.5}, Rule("exact")),
        ("translation", "ein Text", Rule("exact")),
        ("classification", 3, Rule("exact")),
        ("classification", np.arange(4), Rule("exact")),
        ("anything", [], Rule("exact")),
        ("anything", [np.zeros(3, "f4"), np.zeros(4, "f4")], Rule("cosine")),
        (
            "object-detection",
            {"boxes": BOXES, "labels": LABELS, "scores": f4(1, 2)},
            Rule("boxes", "$.boxes", "$.labels"),
        ),
        ("object-detection", [{"boxes": BOXES}], Rule("boxes", "$[0].boxes")),
    ],
)
def test_the_rule_fits_task_and_form(task, output, rule):
    found, _ = results(output=output)
    assert guess_rule(task, found["0"]["output"]) == rule


def test_what_postprocess_gives_decides():
    made, _ = record(output=BOXES, decision="cat")
    assert rule_for(None, "classification", made.samples) == Rule("exact")


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ("top1", Rule("top1")),
        ({"rule": "topk", "k": 5, "path": "$.logits"}, Rule("topk", "$.logits", k=5)),
        ({"rule": "regression", "limit": 0.5}, Rule("regression", limit=0.5)),
    ],
)
def test_a_rule_can_be_given(given, rule):
    assert rule_for(given, "", ()) == rule


@pytest.mark.parametrize(
    "given",
    [
        "best",
        5,
        {},
        {"rule": ["top1"]},
        {"rule": "top1", "k": 0},
        {"rule": "top1", "k": True},
        {"rule": "top1", "p": 1},
        {"rule": "cosine", "limit": "0.9"},
        {"rule": "cosine", "limit": float("nan")},
        {"rule": "top1", "path": "logits"},
    ],
)
def test_what_is_no_rule_is_refused(given):
    with pytest.raises(UsageError, match="is no rule") as caught:
        rule_for(given, "", ())
    assert "boxes, cosine, exact" in caught.value.hint
