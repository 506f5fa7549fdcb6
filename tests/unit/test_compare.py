"""How equal results are: bits, noise, decisions, and everything that is none of these."""

import math

import numpy as np
import pytest

from rigs.goldens import record, results
from sycee.core.compare import compare
from sycee.core.deviation import FLOORS, allowed, measure, precision
from sycee.formats.golden import Rule, parse, render
from sycee.formats.tensorfile import Tensor

LOGITS = np.array([[0.1, 2.5, -1.0]], np.float32)
TOP1 = Rule("top1")


def compared(made, waived=(), **stages):
    return compare(*made, *results(**stages), waived=waived)


def test_the_same_is_equal_to_the_bit():
    given = {"preprocessed": LOGITS, "output": {"a": [1, "x", None, True, 0.5, b"z"], "b": LOGITS}, "decision": "cat"}
    found = compared(record(**given), **given)
    assert found.level == "bit"
    assert found.below("bit") == ()
    assert found.words == "all samples are equal to the bit"
    assert [one.stage for one in found.stages] == ["preprocessed", "output", "decision"]


def test_records_for_tests_are_records():
    made, _ = record(output=LOGITS)
    assert parse(render(made), "x") == made


def test_noise_is_numeric():
    found = compared(record(TOP1, output=LOGITS), output=LOGITS * np.float32(1 + 1e-6))
    assert found.level == "numeric"
    assert found.stages[0].max_rel == pytest.approx(1.6e-6, rel=0.1)
    assert found.words.startswith("output of sample 0: $ differs by 1.5e-06 of its size (RMS), where 5e-06 is noise")


def test_the_envelope_of_the_calibration_widens_the_noise():
    moved = LOGITS * np.float32(1 + 1e-4)
    assert compared(record(TOP1, output=LOGITS), output=moved).level == "decision"
    assert compared(record(TOP1, envelope=3e-5, output=LOGITS), output=moved).level == "numeric"
    assert compared(record(TOP1, envelope=math.inf, output=LOGITS), output=moved).level == "decision"


@pytest.mark.parametrize("envelope", [0.5, 1e9])
def test_a_calibration_that_found_chaos_does_not_make_everything_the_same(envelope):
    assert compared(record(TOP1, envelope=envelope, output=LOGITS), output=np.roll(LOGITS, 1)).level == "fail"
    assert compared(record(TOP1, envelope=envelope, output=LOGITS), output=LOGITS * np.float32(1.1)).level == "decision"


def test_another_decision_fails():
    found = compared(record(TOP1, output=LOGITS), output=np.roll(LOGITS, -1))
    assert found.level == "fail"
    assert found.words == "output of sample 0: $: 0 instead of 1 at position 0"


@pytest.mark.parametrize(
    ("then", "here", "words"),
    [
        ({"a": LOGITS}, {"a": LOGITS[0]}, "$.a was float32 [1, 3] and is float32 [3]"),
        ({"a": LOGITS}, {"a": LOGITS.astype("f8")}, "$.a was float32 [1, 3] and is float64 [1, 3]"),
        ({"a": LOGITS}, {"b": LOGITS}, "$.a is not here"),
        ({"a": LOGITS}, {"a": LOGITS, "b": 1}, "$.b is new"),
        ({"a": LOGITS}, {"a": None}, "$.a was float32 [1, 3] and is nothing"),
        ([0.5, 0.25], [0.5], "$[*] was 2 numbers and is 1"),
        (0.5, 1, "$ is new"),
    ],
)
def test_another_form_fails_whatever_the_rule(then, here, words):
    found = compared(record(Rule("cosine"), output=then), output=here)
    assert found.level == "fail"
    assert found.words == f"output of sample 0: {words}"
    assert found.stages[0].max_rel == math.inf


@pytest.mark.parametrize(
    ("then", "here"),
    [
        ({281: 0.9, 285: 0.1}, {282: 0.9, 284: 0.1}),
        ({281: 0.9, 285: 0.1}, {281: 0.1, 285: 0.9}),
        ([[0.5, 0.25], [0.125]], [[0.5], [0.25, 0.125]]),
        ({"a": [0.5, 0.25]}, {"a": {0: 0.5, 2: 0.25}}),
    ],
)
def test_the_same_numbers_in_other_places_are_not_the_same(then, here):
    assert compared(record(output=then), output=here).level == "fail"


def test_a_mapping_may_be_filled_in_any_order():
    assert compared(record(output={7: 0.9, 1: 0.1}), output={1: 0.1, 7: 0.9}).level == "bit"


def test_what_was_waived_and_differs_is_not_called_equal():
    found = compared(record(TOP1, output=LOGITS, decision="cat"), waived={"output"}, output=-LOGITS, decision="cat")
    assert found.words == "equal to the bit, but for what was waived and differs: output"
    assert compared(record(TOP1, output=LOGITS), waived={"output"}, output=LOGITS).words.startswith("all samples are")


def test_a_sample_that_gave_nothing_fails():
    found = compare(*record(preprocessed=1, output=2), {}, {})
    assert [(one.stage, one.level) for one in found.stages] == [("preprocessed", "fail"), ("output", "fail")]
    assert found.below("decision")[0].words == "$ is not here"


@pytest.mark.parametrize(
    ("then", "here", "words"),
    [
        ("cat", "dog", "$ was 'cat' and is 'dog'"),
        (3, 4, "$ was 3 and is 4"),
        (True, False, "$ was True and is False"),
        (b"a", b"b", "$ was bytes ca978112ca1b and is bytes 3e23e8160039"),
        ("a" * 80, "b", "$ was 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…' and is 'b'"),
        (np.arange(6), np.arange(6) // 2, "$ 5 of its 6 elements differ"),
    ],
)
def test_what_has_no_noise_is_equal_or_not(then, here, words):
    found = compared(record(Rule("exact"), output=then), output=here)
    assert found.level == "fail"
    assert f"{found.stages[0].first.path} {found.stages[0].first.words}" == words


def test_one_level_of_one_pixel_is_caught_though_the_output_passes():
    pixels = np.zeros((8, 8, 3), np.uint8)
    other = pixels.copy()
    other[3, 4, 1] = 1
    made = record(TOP1, preprocessed=pixels, output=LOGITS)
    found = compared(made, preprocessed=other, output=LOGITS * np.float32(1 + 3e-7))
    assert [one.level for one in found.stages] == ["fail", "numeric"]
    assert found.level == "fail"
    assert found.words == "preprocessed of sample 0: $ 1 of its 192 elements differ"
    assert compared(made, {"preprocessed"}, preprocessed=other, output=LOGITS).level == "bit"


def test_preprocessing_has_no_noise():
    made = record(TOP1, preprocessed=LOGITS, output=LOGITS)
    found = compared(made, preprocessed=LOGITS * np.float32(1 + 1e-7), output=LOGITS)
    assert found.stages[0].level == "numeric"
    assert found.level == "fail"
    assert [one.stage for one in found.below("decision")] == ["preprocessed"]


def test_a_decision_of_its_own_decides_for_the_output():
    made = record(Rule("exact"), output=LOGITS, decision={"label": "cat", "score": 0.9})
    moved = LOGITS * np.float32(1.001)
    found = compared(made, output=moved, decision={"label": "cat", "score": 0.9001})
    assert [one.level for one in found.stages] == ["decision", "decision"]
    found = compared(made, output=moved, decision={"label": "dog", "score": 0.9001})
    assert [one.level for one in found.stages] == ["fail", "fail"]
    found = compared(made, output=LOGITS, decision={"label": "dog", "score": 0.9})
    assert [one.stage for one in found.below("bit")] == ["decision"]
    assert found.words == "decision of sample 0: $.label was 'cat' and is 'dog'"


def test_a_large_output_is_judged_by_its_slice_and_never_equal_to_the_bit_by_it():
    large = np.linspace(-1, 1, 100_000, dtype="f4").reshape(10, -1)
    made = record(Rule("cosine"), keep="sliced", output=large)
    assert compared(made, output=large).level == "bit"
    beside = large.copy()
    beside[0, 1] += 1e-3  # between two elements that were kept
    assert compared(made, output=beside).level == "numeric"
    assert compared(made, output=large * np.float32(1.01)).level == "decision"
    assert compared(made, output=-large).level == "fail"


def test_what_was_not_kept_is_equal_or_fails():
    made = record(Rule("exact"), keep="", output=LOGITS)
    assert compared(made, output=LOGITS).level == "bit"
    found = compared(made, output=LOGITS * np.float32(1 + 1e-7))
    assert found.level == "fail"
    assert found.stages[0].first.words == "differs, and its elements were not kept"


def test_a_text_that_is_kept_by_its_digest_is_compared_by_it():
    made, tensors = record(output="long")
    (sample,) = made.samples
    (leaf,) = sample.stages["output"]
    digest = "d0cfc2e5319b82cdc71a33873e826c93d7ee11363f8ac91c4fa3a2cfcd2286e5"  # of another text
    hidden = sample._replace(stages={"output": (leaf._replace(value=None, sha256=digest),)})
    assert compared((made._replace(samples=(hidden,)), tensors), output="long").level == "fail"


def tensor(*values, dtype="f4"):
    array = np.array(values, dtype)
    return Tensor(array.dtype.name, array.shape, array.tobytes())


NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("one", "two", "max_rel", "same"),
    [
        ((1.0, NAN), (1.0, NAN), 0.0, True),
        ((1.0, NAN), (NAN, 1.0), INF, False),
        ((1.0, NAN), (1.0, 1.0), INF, False),
        ((NAN, NAN), (NAN, NAN), 0.0, True),
        ((1.0, INF), (1.0, INF), 0.0, True),
        ((1.0, INF), (1.0, -INF), INF, False),
        ((1.0, INF), (1.0, 1.0), INF, False),
        ((0.0, 0.0), (0.0, -0.0), 0.0, False),
        ((0.0, 0.0), (0.0, 1e-30), INF, False),
        ((3e38, 3e38), (3e38, -3e38), 2.0, False),
        ((1e-45, 1e-45), (1e-45, 0.0), 1.0, False),
    ],
)
def test_edges_of_numbers(one, two, max_rel, same):
    found = measure(tensor(*one), tensor(*two))
    assert found.max_rel == pytest.approx(max_rel)
    assert found.same is same


def test_other_bits_inside_of_nan_are_the_same():
    one = Tensor("float32", (1,), b"\x00\x00\xc0\x7f")
    two = Tensor("float32", (1,), b"\x01\x00\xc0\xff")
    assert measure(one, two).same


def test_statistics():
    then = np.ones(10_000, np.float32)
    here = then.copy()
    here[:5] = 1.5
    found = measure(tensor(*then), tensor(*here))
    assert (found.max_rel, found.p999_rel) == (0.5, 0.0)
    assert found.rms_rel == pytest.approx(0.5 * math.sqrt(5e-4))
    assert found.max_ulp == 1 << 22


@pytest.mark.parametrize(
    ("dtype", "one", "two", "ulp"),
    [
        ("float64", b"\0\0\0\0\0\0\xf0\x3f", b"\1\0\0\0\0\0\xf0\x3f", 1),
        ("float64", b"\0\0\0\0\0\0\xf0\xbf", b"\0\0\0\0\0\0\xf0\x3f", 2 * 0x3FF0000000000000),
        ("float16", b"\0\x3c", b"\2\x3c", 2),
        ("bfloat16", b"\x80\x3f", b"\x81\x3f", 1),
        ("float32", b"\0\0\0\x80", b"\1\0\0\0", 1),
    ],
)
def test_representable_numbers_between(dtype, one, two, ulp):
    assert measure(Tensor(dtype, (1,), one), Tensor(dtype, (1,), two)).max_ulp == ulp


def test_a_python_number_that_was_a_float32_has_its_noise():
    assert precision(tensor(0.1, NAN, dtype="f4")._replace(dtype="float32")) == "float32"
    assert precision(tensor(float(np.float32(0.1)), NAN, INF, dtype="f8")) == "float32"
    assert precision(tensor(0.1, dtype="f8")) == "float64"
    score = float(np.float32(0.1))
    assert compared(record(Rule("regression"), output=score), output=score * (1 + 1e-6)).level == "numeric"
    assert compared(record(Rule("regression"), output=0.1), output=0.1 * (1 + 1e-6)).level == "decision"


def test_numbers_side_by_side_are_measured_by_their_common_size():
    scores = [float(np.float32(one)) for one in (0.99, 1e-6)]
    here = [scores[0], scores[1] + 1e-7]
    assert compared(record(Rule("cosine"), output={"p": scores}), output={"p": here}).level == "numeric"


def test_floors_are_those_of_the_type():
    assert list(FLOORS) == ["float64", "float32", "float16", "bfloat16"]
    assert allowed("float16", 0.0) == 2e-3
    assert allowed("float32", 1e-5) == 8e-5
