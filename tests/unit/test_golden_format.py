"""``golden.json``: one text for one record, every fault of a malformed one, and the form that a process gives back."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sycee.digest import sha256_hex
from sycee.errors import FormatError
from sycee.formats import golden
from sycee.formats.golden import Leaf, parse, render
from sycee.formats.strictjson import Reader
from sycee.formats.tensorfile import Tensor
from sycee.formats.tensorfile import render as render_tensors
from sycee.replay.child import forms
from sycee.replay.child.stages import Outcome
from sycee.replay.child.values import flatten

SPEC = (Path(__file__).parents[2] / "docs/spec/golden.md").read_text()
EXAMPLE = re.search(r"```json\n(.*?)```", SPEC, re.DOTALL)[1].encode()
PIXELS = Tensor("uint8", (2, 2), b"\x00\x80\xff\x40")
LOGITS = Tensor("float32", (1, 3), b"\x00\x00\xc0\xbf\x00\x00\x80\x3e\x00\x00\x80\x40")


def changed(*keys, to):
    """Return the example with one value replaced; ``...`` takes it away."""
    document = json.loads(EXAMPLE)
    inside = document
    for key in keys[:-1]:
        inside = inside[key]
    if to is ...:
        del inside[keys[-1]]
    else:
        inside[keys[-1]] = to
    return json.dumps(document).encode()


def faults(data):
    with pytest.raises(FormatError) as caught:
        parse(data, "golden.json")
    return [str(fault) for fault in caught.value.faults]


def test_the_example_of_the_specification():
    record = parse(EXAMPLE, "golden.json")
    assert render(record) == EXAMPLE
    assert record.entry["predict"] == "inference:predict"
    assert record.envelope == record.calibration[2].max_rel == 2.0**-20
    assert record.samples[0].stages["decision"] == (
        Leaf("$.label", "text", "silver"),
        Leaf("$.score", "number", 0.96875),
    )
    tensors = {"0/preprocessed/$": PIXELS, "0/output/$.logits": LOGITS}
    assert record.tensors.sha256 == sha256_hex(render_tensors(tensors))
    for stage, tensor in (("preprocessed", PIXELS), ("output", LOGITS)):
        (leaf,) = record.samples[0].stages[stage]
        assert golden.place("0", stage, leaf.path) in tensors
        assert leaf.sha256 == sha256_hex(tensor.data)


def test_the_rest_has_usual_values():
    record = parse(EXAMPLE, "golden.json")
    (sample,) = record.samples
    least = golden.Golden(
        entry={"predict": "a:b"},
        call=golden.Call("cpu x86_64"),
        samples=(sample._replace(stages={"output": (Leaf("$", "none"),)}),),
        rule=golden.Rule("exact"),
    )
    assert parse(render(least), "x") == least


SAMPLE = ("samples", 0)
OUTPUT = (*SAMPLE, "stages", "output")
DECISION = (*SAMPLE, "stages", "decision")


@pytest.mark.parametrize(
    ("keys", "to", "fault"),
    [
        (("version",), 2, "$.version: must be 1, not 2"),
        (("version",), True, "$.version: must be 1, not true"),
        (("rule",), ..., "$.rule: is missing"),
        (("more",), 1, "$.more: is not a member this format knows"),
        (("entry", "predict"), ..., "$.entry.predict: is missing"),
        (("entry", "predict"), "os.system", "$.entry.predict: must be module:function"),
        (("entry", "predict"), "os:system('x')", "$.entry.predict: must be module:function"),
        (("entry", "predict"), None, "$.entry.predict: must be a string, not null"),
        (("entry", "train"), "a:b", "$.entry.train: is not a member this format knows"),
        (("call", "threads"), 0, "$.call.threads: must be an integer of at least 1, not 0"),
        (("call", "seeds"), {"torch": 0}, "$.call.seeds: must be there for a stochastic model, and for no other"),
        (("call", "seeds"), {"torch": 0.5}, "$.call.seeds.torch: must be an integer of at least 0, not 0.5"),
        (("call", "seeds"), {"\ud800": 1}, "$.call.seeds: is not valid Unicode"),
        (("call", "device"), "cpu\nx", '$.call.device: is "cpu\\nx", which has no such form: see the specification'),
        (("stochastic",), 1, "$.stochastic: must be true or false, not a number"),
        (("samples",), [], "$.samples: must be 1 to 16, not 0"),
        ((*SAMPLE, "id"), "../x", '$.samples[0].id: is "../x", which has no such form: see the specification'),
        ((*SAMPLE, "id"), 0, "$.samples[0].id: must be a string, not a number"),
        ((*SAMPLE, "stages", "output"), ..., "$.samples[0].stages.output: is missing"),
        ((*SAMPLE, "stages", "loaded"), [], "$.samples[0].stages.loaded: is not a member this format knows"),
        (
            (*SAMPLE, "input", "path"),
            "../../secret",
            "$.samples[0].input.path: unsafe path \"../../secret\": it has the component '..'",
        ),
        ((*SAMPLE, "input", "path"), "", "$.samples[0].input.path: is empty"),
        ((*SAMPLE, "input", "kind"), "pickle", "$.samples[0].input.kind: must be one of bytes, text, file, json, tree"),
        (
            (*SAMPLE, "input", "name"),
            "x.jpg",
            "$.samples[0].input.name: must be the name of a file, for a sample that is one, and else empty",
        ),
        ((*SAMPLE, "input", "size"), -1, "$.samples[0].input.size: must be an integer of at least 0, not -1"),
        (
            (*SAMPLE, "input", "sha256"),
            "AB",
            '$.samples[0].input.sha256: must be a sha256, 64 lower-case hex digits, not "AB"',
        ),
        (
            (*OUTPUT, 0, "kind"),
            "pickle",
            "$.samples[0].stages.output[0].kind: must be one of tensor, text, bytes, number, bool, none",
        ),
        (
            (*OUTPUT, 0, "kind"),
            ["tensor"],
            "$.samples[0].stages.output[0].kind: must be one of tensor, text, bytes, number, bool, none",
        ),
        ((*OUTPUT, 0, "shape"), ..., "$.samples[0].stages.output[0].shape: is missing"),
        (
            (*OUTPUT, 0, "shape"),
            [1, -3],
            "$.samples[0].stages.output[0].shape[1]: must be an integer of at least 0, not -3",
        ),
        ((*OUTPUT, 0, "stored"), False, "$.samples[0].stages.output[0].stored: must be true, not false"),
        ((*OUTPUT, 0, "sliced"), True, "$.samples[0].stages.output[0]: is both stored and sliced"),
        (
            (*OUTPUT, 0, "path"),
            "logits",
            '$.samples[0].stages.output[0].path: is "logits", which has no such form: see the specification',
        ),
        ((*DECISION, 0, "value"), ..., "$.samples[0].stages.decision[0]: must have either value or sha256"),
        ((*DECISION, 0, "value"), "\ud800", "$.samples[0].stages.decision[0].value: is not valid Unicode"),
        ((*DECISION, 1, "path"), "$.label", "$.samples[0].stages.decision: has two values of the same path"),
        (
            (*DECISION, 1, "value"),
            0.5,
            "$.samples[0].stages.decision[1].value: must be an integer, or a text with a number in hexadecimal form",
        ),
        (
            (*DECISION, 1, "value"),
            "0.5",
            '$.samples[0].stages.decision[1].value: must be a number in hexadecimal form, such as 0x1.8p+1, not "0.5"',
        ),
        (("tensors",), None, "$.tensors: must be there if a tensor is stored or sliced, and only then"),
        (("tensors", "path"), "/etc/passwd", '$.tensors.path: unsafe path "/etc/passwd": it is absolute'),
        (("calibration", 0, "max_rel"), "nan", "$.calibration[0].max_rel: must not be negative"),
        (("envelope",), "-0x1.0p+0", "$.envelope: must not be negative"),
        (
            ("rule", "kind"),
            "never",
            "$.rule.kind: must be one of boxes, cosine, exact, regression, tokens, top1, topk",
        ),
        (("rule", "k"), 0, "$.rule.k: must be an integer of at least 1, not 0"),
        (
            ("made_with", "source"),
            {"../a": "0" * 64},
            "$.made_with.source: unsafe path \"../a\": it has the component '..'",
        ),
    ],
)
def test_what_is_malformed_is_named(keys, to, fault):
    assert fault in faults(changed(*keys, to=to))


def test_all_faults_come_at_once():
    document = json.loads(EXAMPLE)
    document["rule"]["kind"] = "never"
    document["samples"] = document["samples"] * 2
    document["stochastic"] = "no"
    found = faults(json.dumps(document).encode())
    assert [fault.partition(":")[0] for fault in found] == ["$.samples", "$.rule.kind", "$.stochastic"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is not strict JSON"),
        (b"[]", "must be an object, not an array"),
        (b"[" * 100_000, "is nested too deeply"),
        (EXAMPLE.rstrip(b"\n"), "is not in canonical form"),
        (EXAMPLE.replace(b"  ", b" "), "is not in canonical form"),
        (EXAMPLE.replace(b'"version": 1', b'"version": 1, "version": 1'), "is there twice"),
        (b" " * (golden.MAX_SIZE + 1), "is longer than"),
    ],
)
def test_bytes_that_are_no_record(data, words):
    with pytest.raises(FormatError, match=words):
        parse(data, "golden.json")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_what_a_process_gives_back_is_read_and_written_the_same(value):
    """The process has no sycee to ask, so it writes the form by itself."""
    written = forms.sample(Outcome("0", {"output": flatten(value)}), {})["stages"]
    reader = Reader("observed.json")
    stages = golden.read_stages(reader, json.loads(json.dumps(written)), "$")
    reader.finish()
    assert golden.stages_form(stages) == written
