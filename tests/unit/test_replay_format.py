"""``replay.json`` and baselines: one text for one report, strictly read; a baseline is the content of a record."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from rigs.goldens import record, results
from sycee.core.compare import compare
from sycee.digest import sha256_hex
from sycee.errors import FormatError
from sycee.formats import record as records
from sycee.formats import replay
from sycee.formats.golden import Rule
from sycee.formats.replay import (
    Compared,
    Verdict,
    baseline_form,
    content_faults,
    parse,
    passed,
    read_baseline,
    read_verdict,
    render,
)

SPEC = (Path(__file__).parents[2] / "docs/spec/replay.md").read_text()
EXAMPLE, VERDICT, BASELINE = (text.encode() for text in re.findall(r"```json\n(.*?)```", SPEC, re.DOTALL))


def changed(data, *keys, to):
    document = inside = json.loads(data)
    for key in keys[:-1]:
        inside = inside[key]
    if to is ...:
        del inside[keys[-1]]
    else:
        inside[keys[-1]] = to
    return document


def test_the_example_of_the_specification():
    report = parse(EXAMPLE, "replay.json")
    assert render(report) == EXAMPLE
    assert report.result == "differs"
    assert report.first == report.stages[0]
    assert report.can == (("package", "pillow", "10.4.0", "9.1.0"),)


def test_the_first_stage_is_the_earliest_that_is_less_equal_than_demanded():
    report = parse(EXAMPLE, "x")
    assert report._replace(demanded="bit", waived=("preprocessed",)).first.stage == "output"
    assert report._replace(waived=("preprocessed",)).first is None
    noisy = report.stages[0]._replace(level="numeric")
    assert report._replace(demanded="decision", stages=(*report.stages[1:], noisy)).first == noisy


@pytest.mark.parametrize(
    ("keys", "to", "fault"),
    [
        (("version",), 2, "$.version: must be 1, not 2"),
        (("result",), ..., "$.result: is missing"),
        (("result",), "passed", "$.result: must be one of reproduced, differs"),
        (("more",), 1, "$.more: is not a member this format knows"),
        (("demanded",), "fail", "$.demanded: must be one of decision, numeric, bit"),
        (("network",), None, "$.network: must be one of none, blocked, open"),
        (("stages",), {}, "$.stages: must be an array, not an object"),
        (("stages", 0, "stage"), "loaded", "$.stages[0].stage: must be one of preprocessed, output, decision"),
        (("stages", 1, "max_ulp"), -1, "$.stages[1].max_ulp: must be an integer of at least 0, not -1"),
        (
            ("stages", 1, "max_rel"),
            -1.0,
            "$.stages[1]: has a deviation that is neither null nor a number of at least 0.0: -1.0",
        ),
        (("can", 0), "pillow", "$.can[0]: must be an object, not a string"),
        (("can", 0, "here"), 3, "$.can[0].here: must be a string, not a number"),
        (("notes", 0), 1, "$.notes[0]: must be a string, not a number"),
        (("waived",), ["all"], "$.waived[0]: must be one of preprocessed, output, decision"),
    ],
)
def test_what_is_malformed_is_named(keys, to, fault):
    with pytest.raises(FormatError) as caught:
        parse(json.dumps(changed(EXAMPLE, *keys, to=to)).encode(), "replay.json")
    assert fault in [str(one) for one in caught.value.faults]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (EXAMPLE.strip(), "not in canonical form"),
        (
            json.dumps(changed(EXAMPLE, "first", to=None), indent=2, sort_keys=True).encode() + b"\n",
            "another first stage",
        ),
        (b"null", "must be an object"),
        (b" " * (replay.MAX_SIZE + 1), "is longer than"),
    ],
)
def test_bytes_that_are_no_report(data, words):
    with pytest.raises(FormatError, match=words):
        parse(data, "replay.json")


def test_what_is_compared_is_told():
    logits = np.float32([1, 2, 3])
    made = record(Rule("top1"), preprocessed=b"a", output=logits)
    found = compare(*made, *results(preprocessed=b"a", output=logits * np.float32(1 + 1e-6)))
    same, moved = (one.told for one in found.stages)
    assert same == Compared("0", "preprocessed", "bit")
    assert (moved.level, moved.path, moved.max_ulp) == ("numeric", "$", 12)
    assert moved.rms_rel < moved.max_rel < 2e-6
    other = compare(*made, *results(preprocessed=b"b", output=logits[:2].copy())).stages[1].told
    assert (other.level, other.max_rel, other.rms_rel) == ("fail", None, None)
    assert other.words == "$ was float32 [3] and is float32 [2]"


def test_a_verdict_is_the_content_of_a_record():
    verdict = Verdict.of(parse(EXAMPLE, "replay.json"))
    assert json.dumps(verdict._asdict(), indent=2) + "\n" == VERDICT.decode()
    assert verdict.report == sha256_hex(EXAMPLE)
    content = json.loads(VERDICT)
    assert read_verdict(content) == verdict
    subject = records.Subject("silver", "SHA256SUMS", sha256_hex(b"sums"))
    data = records.render(records.Record("replay", subject, "2026-02-01T08:30:00Z", content))
    assert read_verdict(records.parse(data, "x").content) == verdict


def test_which_contents_say_that_it_comes_out_the_same():
    content = json.loads(VERDICT)
    assert not passed(content)
    assert passed({**content, "result": "reproduced"})
    assert passed(json.loads(BASELINE))


@pytest.mark.parametrize(
    ("name", "to", "fault"),
    [
        ("result", "passed", "$.result: must be one of reproduced, differs"),
        ("demanded", "fail", "$.demanded: must be one of decision, numeric, bit"),
        ("mode", None, "$.mode: must be one of here, rebuilt, in process"),
        ("network", "some", "$.network: must be one of none, blocked, open"),
        ("platform", ..., "$.platform: is missing"),
        ("report", "ab", '$.report: must be a sha256, 64 lower-case hex digits, not "ab"'),
        ("stages", [], "$.stages: is not a member this format knows"),
    ],
)
def test_a_malformed_verdict_is_no_content_of_a_record(name, to, fault):
    assert fault in [str(one) for one in content_faults(changed(VERDICT, name, to=to))]


def test_a_baseline_is_the_content_of_a_record():
    content = json.loads(BASELINE)
    baseline = read_baseline(content)
    assert json.dumps(baseline_form(baseline), indent=2) + "\n" == BASELINE.decode()
    subject = records.Subject("silver", "SHA256SUMS", sha256_hex(b"sums"))
    data = records.render(records.Record("replay", subject, "2026-02-01T08:30:00Z", content))
    assert read_baseline(records.parse(data, "x").content) == baseline


@pytest.mark.parametrize(
    ("keys", "to", "fault"),
    [
        (("key",), "*", '$.key: must be a sha256, 64 lower-case hex digits, not "*"'),
        (("card",), ..., "$.card: is missing"),
        (("level",), "good", "$.level: must be one of fail, decision, numeric, bit"),
        (("samples", "0", "output", 0, "dtype"), ..., '$.samples["0"].output[0].dtype: is missing'),
        (("tensors",), None, "$.tensors: is not a member this format knows"),
    ],
)
def test_a_malformed_baseline_is_no_content_of_a_record(keys, to, fault):
    content = changed(BASELINE, *keys, to=to)
    assert fault in [str(one) for one in content_faults(content)]
    subject = records.Subject("silver", "SHA256SUMS", sha256_hex(b"sums"))
    with pytest.raises(FormatError) as caught:
        records.render(records.Record("replay", subject, "2026-02-01T08:30:00Z", content))
    assert any(str(one).startswith("$.predicate.replay.") for one in caught.value.faults)
