"""Records: the page, what is refused, writing beside a model, and what ``sycee card`` says of them."""

import datetime as dt
import json
import re
from pathlib import Path

import pytest

from rigs.signed import KEY_PEM, fixed_key, sign_folder, write_model
from sycee.cli.main import main
from sycee.digest import sha256_hex
from sycee.errors import Conflict, ContextMismatch, FormatError, NotFound
from sycee.formats import record, sums
from sycee.formats.record import Record, Subject
from sycee.ops.records import add_record, evaluations_of, records_of
from sycee.trust.keys import generate
from sycee.trust.policy.authority import Authority

PAGE = (Path(__file__).parents[2] / "docs/spec/record.md").read_text()
NOW = dt.datetime(2026, 2, 1, 8, 30, tzinfo=dt.UTC)
FOUND = {"dataset": {"name": "WikiANN", "split": "test"}, "metrics": [{"name": "f1", "value": 0.871}]}


@pytest.fixture
def model(tmp_path):
    return write_model(tmp_path / "bert")


@pytest.fixture
def signed(model):
    sign_folder(model, fixed_key())
    return model


def example() -> bytes:
    return re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)[1].encode()


def test_the_example_of_the_page_is_what_is_written():
    one = record.parse(example(), "r")
    assert record.render(one) == example()
    assert f"`records/{record.file_name(one)}`" in PAGE
    assert one.subject == Subject(
        "bert", "SHA256SUMS", "4b17795a8c7074b49ed4185c4e13b385779adf02f25c5a61b977ed3ab804193b"
    )
    assert (one.kind, one.recorded) == ("evaluation", "2026-02-01T08:30:00Z")


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("Statement/v1", "Statement/v2", '$._type: must be "https://in-toto.io/Statement/v1"'),
        ('"subject": [', '"subject": [{}, ', "$.subject: must name exactly one version, not 2"),
        ('"SHA256SUMS"', '"../SHA256SUMS"', "annotations.sycee.file: must be SHA256SUMS or model_card.yaml"),
        ("4b17795a", "4B17795A", "$.subject[0].digest.sha256: is not a sha256 in lower-case hexadecimal"),
        ("evaluation/v1", "blessing/v1", "$.predicateType: must be https://sycee.dev/record/approval/v1 or"),
        ("evaluation/v1", "approval/v1", "$.predicate.approval: is missing"),
        ("2026-02-01T08:30:00Z", "2026-02-01 08:30", "$.predicate.recorded: must be a time"),
        ("2026-02-01T08", "2026-02-30T08", "$.predicate.recorded: must be a time"),
        ("2026-02-01T08", "2026-02-01T24", "$.predicate.recorded: must be a time"),
        ("0.871", "NaN", "is not strict JSON: NaN is not a JSON number"),
        ("0.871", '"high"', "$.predicate.evaluation.metrics[0].value: expected a finite number, found 'high'"),
        ('"date"', '"day"', "$.predicate.evaluation.day: is not a field of the card"),
        ('"_type"', '"extra": 1, "_type"', "$.extra: is not a member this format knows"),
        ('"name": "bert"', '"name": "bert", "name": "gpt"', "the member 'name' is there twice"),
    ],
)
def test_what_is_refused(old, new, fault):
    data = example().replace(old.encode(), new.encode(), 1)
    with pytest.raises(FormatError) as caught:
        record.parse(data, "r")
    assert fault in str([caught.value.message, *map(str, caught.value.faults)]).replace("\\'", "'")


def test_a_record_that_is_too_large_is_not_parsed():
    with pytest.raises(FormatError, match="larger than a record may be"):
        record.parse(b" " * (record.MAX_SIZE + 1), "r")


def test_a_record_of_a_signed_model_names_its_identity(signed):
    written = add_record(signed, "evaluation", FOUND, NOW, fixed_key())
    identity = sums.identity((signed / "SHA256SUMS").read_bytes())
    assert written.record.subject == Subject("bert", "SHA256SUMS", identity)
    assert re.fullmatch(r"evaluation-2026-02-01-[0-9a-f]{12}\.json", written.path.name)
    [here] = records_of(signed, Authority.of_key(fixed_key().public))
    assert (here.about, here.signature) == ("this version", "good")
    assert evaluations_of((here,)) == (FOUND,)
    assert records_of(signed, Authority.of_key(generate("p256").public))[0].signature == "bad"
    assert records_of(signed)[0].signature == "unchecked"
    sign_folder(signed, fixed_key())  # still the same version: records are not covered
    assert sums.identity((signed / "SHA256SUMS").read_bytes()) == identity


def test_a_record_of_a_model_that_is_not_signed_names_its_card(model):
    written = add_record(model, "evaluation", FOUND, NOW)
    digest = sha256_hex((model / "model_card.yaml").read_bytes())
    assert written.record.subject == Subject("bert", "model_card.yaml", digest)
    assert [(one.about, one.signature) for one in records_of(model, Authority.of_key(fixed_key().public))] == [
        ("this card", "none")
    ]


def test_a_record_of_another_version_counts_for_nothing(signed):
    add_record(signed, "evaluation", FOUND, NOW)
    (signed / "model.pt").write_bytes(b"other weights")
    sign_folder(signed, fixed_key())
    [one] = records_of(signed)
    assert one.about == "another version"
    assert evaluations_of((one,)) == ()


def test_a_signature_of_another_card_is_refused(signed):
    card = signed / "model_card.yaml"
    card.write_bytes(card.read_bytes().replace(b"0.892", b"0.992"))
    with pytest.raises(ContextMismatch, match="is not about the card beside it"):
        add_record(signed, "evaluation", FOUND, NOW)
    assert not (signed / "records").exists()


def test_nothing_is_overwritten(model):
    first = add_record(model, "evaluation", FOUND, NOW, fixed_key())
    again = add_record(model, "evaluation", FOUND, NOW, fixed_key())
    assert again == first
    other = generate("p256")
    second = add_record(model, "evaluation", FOUND, NOW, other)
    assert (second.path, second.signature == first.signature) == (first.path, False)
    assert [records_of(model, Authority.of_key(key.public))[0].signature for key in (fixed_key(), other)] == [
        "good",
        "good",
    ]
    first.path.write_bytes(b"{}")
    with pytest.raises(Conflict, match="is there already, with other bytes"):
        add_record(model, "evaluation", FOUND, NOW, fixed_key())


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ({"decision": "approved"}, None),
        ({"by": "Ada", "decision": "rejected", "comment": "val_f1 is too low"}, None),
        ({}, "$.decision: is missing"),
        ({"decision": "maybe"}, "$.decision: must be one of approved, rejected"),
        ({"decision": ["approved"]}, "$.decision: must be one of approved, rejected"),
        ({"decision": "approved", "by": ""}, "$.by: is empty: leave it out"),
        ({"decision": "approved", "comment": 1}, "$.comment: must be a string, not a number"),
        ({"decision": "approved", "at": "noon"}, "$.at: is not a member this format knows"),
        ("approved", "$: must be an object, not a string"),
    ],
)
def test_approvals(content, fault):
    faults = [str(one) for one in record.KINDS["approval"](content)]
    assert (fault in faults) if fault else not faults


def test_a_folder_that_is_a_link_is_not_written_to(model, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (model / "records").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Conflict, match="is no folder"):
        add_record(model, "evaluation", FOUND, NOW)
    assert records_of(model) == ()
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_what_cannot_be_read_is_listed_with_the_reason(model, tmp_path):
    (model / "records").mkdir()
    (model / "records/a.json").write_text("{")
    (tmp_path / "secret.json").write_bytes(example())
    (model / "records/b.json").symlink_to(tmp_path / "secret.json")
    (model / "records/c.txt").write_text("not looked at")
    (model / "records/0123456789abcdef.model.sig").write_text("a further signer's bundle")
    (model / "records/channel-production.json").write_text("no record")
    (model / "records/d.json.0123456789ab.sigstore.json").write_text("a signature of what is not there")
    found = {one.name: one for one in records_of(model)}
    assert found.keys() == {"records/a.json", "records/b.json"}
    assert "is not strict JSON" in found["records/a.json"].fault
    assert found["records/b.json"].fault.startswith("records/b.json cannot be opened")
    assert {one.record for one in found.values()} == {None}


def test_without_a_card_there_is_nothing_to_record_about(tmp_path):
    with pytest.raises(NotFound, match=r"has no model_card\.yaml"):
        add_record(tmp_path, "evaluation", FOUND, NOW)


def test_content_that_breaks_its_kind_is_not_written(model):
    with pytest.raises(FormatError, match=r"evaluation\.metrics: is missing"):
        add_record(model, "evaluation", {"dataset": {"name": "d"}}, NOW)
    with pytest.raises(FormatError, match="not the values of a record"):
        record.render(Record("evaluation", Subject("n", "SHA256SUMS", "0" * 64), "2026-02-01T08:30:00Z", {"x_": {1}}))


def run(capsys, folder, *arguments):
    code = main(["-C", str(folder), "card", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_add_and_show(capsys, signed, tmp_path):
    (tmp_path / "key").write_bytes(KEY_PEM)
    (tmp_path / "key").chmod(0o600)
    (tmp_path / "key.pub").write_bytes(fixed_key().public.pem)
    code, out, err = run(
        capsys, tmp_path, "add-evaluation", "bert", "--dataset", "WikiANN", "--metric", "f1=0.871", "--metric", "n=12",
        "--split", "test", "--source-url", "https://example.com/17", "--date", "2026-02-01", "--key", "key",
    )  # fmt: skip
    assert code == 0
    name = out.strip()
    assert name.startswith("bert/records/evaluation-")
    assert "signed; then commit it: git add bert/records && git commit" in err
    code, out, _ = run(capsys, tmp_path, "show", "bert", "--key", "key.pub")
    assert code == 0
    assert f"{name.removeprefix('bert/')}  evaluation of " in out
    assert ", about this version, signed by this key\n" in out
    assert re.search(r"^  dataset\.split +test$", out, re.MULTILINE)
    code, out, _ = run(capsys, tmp_path, "show", "bert", "--json")
    [one] = json.loads(out)["records"]
    assert (one["about"], one["signature"], one["kind"]) == ("this version", "unchecked", "evaluation")
    assert one["evaluation"]["metrics"] == [{"name": "f1", "value": 0.871}, {"name": "n", "value": 12}]


def test_show_escapes_what_a_terminal_would_obey(capsys, model):
    add_record(model, "evaluation", {**FOUND, "notes": "\x1b[2J"}, NOW)
    _, out, _ = run(capsys, model, "show", ".")
    assert "\x1b" not in out
    assert "\\x1b[2J" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--metric", "f1=high"], "'f1=high' is no metric"),
        (["--metric", "f1=nan"], "'f1=nan' is no metric"),
        (["--metric", "=1"], "'=1' is no metric"),
        (["--metric", "f1=1", "--metric", "f1=2"], "the metric f1 is given twice"),
        (["--metric", "f1=1", "--date", "yesterday"], "$.predicate.evaluation.date: expected a day"),
    ],
)
def test_wrong_use(capsys, model, words, said):
    code, out, err = run(capsys, model, "add-evaluation", ".", "--dataset", "d", *words)
    assert (code, out) == (2, "")
    assert said in err
    assert not (model / "records").exists()
