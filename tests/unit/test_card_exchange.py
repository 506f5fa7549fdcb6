"""Cards in the forms of others: the bytes come back, the output is the same each time, and what is lost is named."""

import json
import re
from pathlib import Path

import pytest

from rigs.fullcard import EVIL, FULL, poisoned
from rigs.signed import fixed_key, sign_folder, write_model
from sycee.cli.main import main
from sycee.digest import sha256_hex
from sycee.errors import FormatError
from sycee.formats import card, cyclonedx, huggingface, huggingfaceread, markdown, yamldialect
from sycee.formats.portable import Portable
from sycee.ops.cardexchange import FORMS, export_card, import_card
from sycee.ops.frozen import utc_now
from sycee.ops.records import add_record

ODD = b"# hand\ntask: ner # t\nmetrics: {f1: 1e-5}\ntraining_config: {}\ndata_version: 'v1'\nframework_version: torch"
RAW = {"full": card.render(FULL), "poisoned": card.render(poisoned(FULL)), "by hand": ODD}
LATER = {"dataset": {"name": "WNUT-17", "split": "test"}, "metrics": [{"name": "f1", "value": 0.52}]}


def source(data: bytes) -> Portable:
    return Portable(card.parse(data), "bert")


def test_the_example_of_the_page_is_what_is_written():
    page = (Path(__file__).parents[2] / "docs/spec/exports.md").read_text()
    given = re.search(r"^```yaml\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)[1]
    made = re.search(r"^```markdown\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)[1]
    assert huggingface.render(source(given.encode())).decode() == made


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", RAW)
def test_an_export_gives_the_card_back_byte_for_byte(form, name):
    data = FORMS[form].render(source(RAW[name]))
    found = FORMS[form].read(data, "file")
    assert (found.data, found.exact, found.left) == (RAW[name], True, ())
    assert FORMS[form].render(source(RAW[name])) == data


def test_a_page_with_the_line_ends_of_windows_gives_the_card_back():
    data = huggingface.render(source(RAW["full"])).replace(b"\n", b"\r\n")
    assert huggingfaceread.read(data).data == RAW["full"]


def test_a_page_that_was_edited_says_so():
    data = huggingface.render(source(RAW["full"])).replace(b"0.871", b"0.999")
    found = huggingfaceread.read(data)
    assert found.data == RAW["full"]
    assert found.left == ("the page was edited after it was made, and a card carries none of that",)


@pytest.mark.parametrize("form", FORMS)
def test_a_damaged_card_is_refused(form):
    data = FORMS[form].render(source(RAW["full"]))
    digest = sha256_hex(RAW["full"]).encode()
    with pytest.raises(FormatError, match="the card that it carries is damaged"):
        FORMS[form].read(data.replace(digest, b"0" * 64), "file")


def test_a_carried_file_that_is_no_card_is_refused():
    text = "---\nlicense: mit\n---\n"
    with pytest.raises(FormatError, match=r"the card in README\.md: not a valid card"):
        huggingfaceread.read((text + huggingface.carried(b"task: 1\n", text)).encode())


def test_a_page_within_a_card_is_not_taken_for_the_card_of_the_page():
    inner = huggingface.render(source(ODD)).decode()
    outer = card.render({**FULL, "description": inner})
    assert huggingfaceread.read(huggingface.render(source(outer))).data == outer


def test_results_of_one_data_set_from_two_sources_stay_apart():
    read = yamldialect.load(huggingface.render(source(RAW["full"])).decode().split("---\n")[1], "README.md")
    results = read["model-index"][0]["results"]
    assert [one["dataset"].get("config") for one in results] == [None, "en", "en (2)", None]
    assert [one["dataset"]["name"] for one in results] == ["dataset-v3.2.1", "WikiANN", "WikiANN", "WNUT-17"]
    assert results[0]["metrics"][2] == {"type": "test.loss", "name": "test.loss", "value": 1e-07}
    assert [one.get("source") for one in results] == [
        None,
        {"url": "https://example.com/17", "name": "nightly"},
        None,
        None,
    ]


def test_what_the_page_of_a_model_tells():
    page = huggingface.render(source(RAW["full"])).decode()
    for said in (
        "# bert\n", "Finds persons in news.\n\nTrained on CoNLL 2003.\n",
        "- **Developed by:** Ada &lt;ada@example.com&gt;\n",
        "## Uses\n\nUsers: editors\n", "- identify people in private messages\n",
        "**misses rare names**; mitigation: review\n",
        "| `batch_size` | `16` |\n", "| `WikiANN, en, test` | `F1` | `0.871 [0.866, 0.876]` | `10000` |",
        f"| `model.pt` | 3 | `{'0' * 64}` |\n", f"- **Code:** `{'c' * 40}` with uncommitted changes\n",
        "- **torch:** `2.1.2+cpu`\n",
    ):  # fmt: skip
        assert said in page


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("<b>&amp;", "&lt;b&gt;&amp;amp;"), ("# no heading", "\\# no heading"), ("- no item", "&#45; no item"),
        ("1. no item", "&#49;. no item"), ("![x](http://t)", "!\\[x\\](http://t)"), ("a\r\n    b", "a\nb"),
        ("a\u202eb\x1b", "a\\\\u202eb\\\\u001b"),
        ("$x$ *y* _z_ ~~w~~ a|b", "\\$x\\$ \\*y\\* \\_z\\_ \\~\\~w\\~\\~ a\\|b"),
        ("Title\n===", "Title\n&#61;=="),
    ],
)  # fmt: skip
def test_words_become_no_markup(words, shown):
    assert markdown.text(words) == shown


def test_values_become_no_markup():
    assert markdown.code("a`b|c\n") == "`a\\u0060b\\u007cc`"
    assert markdown.code("x" * 1000) == f"`{'x' * markdown.MAX_CODE}…`"
    assert markdown.code(" ") == "(empty)"
    assert markdown.table(["a", "b"], [["1", "2"]] * 201).endswith("| … and 1 more |  |\n")


README = b"""\
---
license: llama3
language: en
datasets: [squad]
tags: [a, 7]
base_model: [a/b, c/d]
library_name: transformers
thumbnail: x.png
date: 2024-01-31
model-index:
- name: my model!
  results:
  - task: {type: question-answering}
    dataset: {name: SQuAD, type: squad, split: 2}
    metrics:
    - {type: f1, value: 88.5}
    - {type: exact_match, value: 'about 80'}
    - {type: loss, value: .nan}
    - {type: ok, value: true}
    - {value: 1}
    - nonsense
  - dataset: {}
    metrics: [{type: f1, value: 3}]
  - 7
- name: another
  results: [{}]
---
# A page

### Training hyperparameters

- learning_rate: 2e-05
- optimizer: Adam with betas=(0.9,0.999)

### Framework versions

- Transformers 4.38.2
- Pytorch 2.1.2+cu121
- Datasets 2.18.0
"""


def test_the_best_card_is_made_of_a_page_of_somebody_else():
    found = huggingfaceread.read(README)
    read = card.parse(found.data)
    assert not found.exact
    assert (read.task, read.name, read.data_version) == ("question-answering", None, "squad")
    assert read.framework_version == "transformers==4.38.2, torch==2.1.2+cu121, datasets==2.18.0"
    assert read.training_config == {"learning_rate": 2e-05, "optimizer": "Adam with betas=(0.9,0.999)"}
    assert read.metrics == {"SQuAD": {"f1": 88.5}, "unknown": {"f1": 3}}
    assert read.values["evaluations"][0]["dataset"] == {"name": "SQuAD", "type": "squad", "split": "2"}
    assert (read.values["license"], read.values["tags"]) == ("llama3", ["a"])
    assert sorted(found.left) == sorted(
        [
            "model-index[0].results[0].metrics[1]: its value is no number",
            "model-index[0].results[0].metrics[2]: $: is not a finite number: nan",
            "model-index[0].results[0].metrics[3]: its value is no number",
            "model-index[0].results[0].metrics[4]: has no name",
            "model-index[0].results[0].metrics[5]: its value is no number",
            "model-index[0].results[2]: is no result",
            "model-index[1].results[0]: of a second model; a card is about one",
            "model-index[0].name: 'my model!' is no name for a card",
            "tags: 1 of 2 are no text",
            "base_model: a card names one, and 1 more are here: c/d",
            "thumbnail: a card has no place for it",
            "date: a card has no place for it",
            "datasets: their names are the data_version; which versions they had is not known",
            "the text of the page: write what matters into description, considerations and links",
        ]
    )


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"# no metadata\n", "README.md has no metadata"),
        (b"---\n- a\n---\n", "README.md: the metadata is no mapping"),
        (b"---\na: &x 1\nb: *x\n---\n", "README.md holds an anchor or alias"),
        (b"---\na: [\n---\n", "README.md is not readable YAML"),
        (b"\xff", "README.md is not UTF-8 (byte 0)"),
        (b" " * (huggingfaceread.MAX_SIZE + 1), "README.md is larger than"),
    ],
)
def test_a_page_that_cannot_be_read(data, said):
    with pytest.raises(FormatError) as caught:
        huggingfaceread.read(data)
    assert caught.value.message.startswith(said)


@pytest.mark.parametrize(
    "metadata", ["", "license: 7", "model-index: x", "model-index: [{name: 1, results: {a: 1}}]", "language: {a: b}"]
)
def test_metadata_of_another_shape_still_makes_a_card(metadata):
    assert card.parse(huggingfaceread.read(f"---\n{metadata}\n---\n".encode()).data).task == "unknown"


def test_a_bill_of_materials_of_somebody_else_is_refused():
    with pytest.raises(FormatError, match="carries no card"):
        cyclonedx.read(b'{"components": [{"bom-ref": "x"}, 7]}', "bom")
    with pytest.raises(FormatError, match="has no attachment"):
        cyclonedx.read(b'{"components": [{"bom-ref": "sycee:model_card.yaml"}]}', "bom")
    with pytest.raises(FormatError, match="is there twice"):
        cyclonedx.read(b'{"components": [], "components": []}', "bom")


def test_what_the_bill_of_materials_tells():
    bom = json.loads(
        cyclonedx.render(source(RAW["full"])._replace(packages={"torch": "2.1.2+cpu", "own": "1 (editable)"}))
    )
    model = bom["metadata"]["component"]
    assert model["hashes"][0] == {"alg": "SHA-256", "content": "0" * 64}
    assert model["licenses"] == [{"license": {"id": "Apache-2.0"}}]
    assert model["pedigree"]["ancestors"][0]["name"] == "google-bert/bert-base-cased"
    assert model["pedigree"]["commits"] == [{"uid": "c" * 40, "url": "https://example.com/team/bert.git"}]
    torch, own, *data, carried = bom["components"]
    assert (torch["type"], torch["purl"]) == ("framework", "pkg:pypi/torch@2.1.2%2Bcpu")
    assert (own["type"], own["properties"]) == ("library", [{"name": "sycee:origin", "value": "editable"}])
    assert "purl" not in own
    assert [one["name"] for one in data] == ["data/conll", "data/dev.csv"]
    assert carried["name"] == "model_card.yaml"
    assert {"name": "sycee:training_config.lr", "value": "2e-05"} in model["properties"]
    metric = model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"][4]
    assert metric["confidenceInterval"] == {"lowerBound": "0.866", "upperBound": "0.876"}
    assert metric["slice"] == "WikiANN, en, test"


@pytest.mark.parametrize(
    ("text", "licenses"),
    [
        ("MIT OR Apache-2.0", [{"expression": "MIT OR Apache-2.0"}]),
        ("llama3", [{"license": {"name": "llama3"}}]),
        ("GPL-3.0-only", [{"license": {"id": "GPL-3.0-only"}}]),
    ],
)
def test_licences(text, licenses):
    data = card.render({**FULL, "license": text})
    assert json.loads(cyclonedx.render(source(data)))["metadata"]["component"]["licenses"] == licenses


@pytest.fixture
def model(tmp_path):
    folder = write_model(tmp_path / "bert")
    lock = b"torch==2.13.0\n"
    bound = {"path": "context/requirements.lock", "sha256": sha256_hex(lock), "size": len(lock), "role": "lock"}
    values = dict(card.parse((folder / "model_card.yaml").read_bytes()).values)
    (folder / "model_card.yaml").write_bytes(card.render({**values, "context": [bound]}))
    sign_folder(folder, fixed_key())
    return folder


def test_an_export_has_the_evaluations_that_were_recorded_later(model):
    before = {form: export_card(model, form).data for form in FORMS}
    add_record(model, "evaluation", LATER, utc_now(), fixed_key())
    for form in FORMS:
        done = export_card(model, form)
        assert b"WNUT-17" in done.data
        assert b"WNUT-17" not in before[form]
        assert done.warnings == ()
        assert FORMS[form].read(done.data, "f").data == (model / "model_card.yaml").read_bytes()
    bom = json.loads(export_card(model, "cyclonedx").data)
    kinds = [one["type"] for one in bom["metadata"]["component"]["externalReferences"]]
    assert kinds == ["model-card", "digital-signature"]
    assert bom["components"][0]["purl"] == "pkg:pypi/torch@2.13.0"


def test_records_and_locks_that_do_not_belong_are_left_out(model):
    add_record(model, "evaluation", LATER, utc_now())
    (model / "records/broken.json").write_text("{")
    (model / "context/requirements.lock").write_text("evil==1\n")
    text = (model / "model_card.yaml").read_text().replace("0.892", "0.99")
    (model / "model_card.yaml").write_text(text)
    done = export_card(model, "cyclonedx")
    assert b"WNUT-17" not in done.data
    assert b"evil" not in done.data
    assert b"digital-signature" not in done.data
    assert [warning.partition(":")[0] for warning in done.warnings] == [
        "records/broken.json is left out",
        "context/requirements.lock is not the one that the card binds",
    ]


def run(capfd, folder, *arguments):
    code = main(["-C", str(folder), "card", *arguments])
    out, err = capfd.readouterr()
    return code, out, err


def test_there_and_back_by_the_command(capfd, model):
    code, out, err = run(capfd, model, "export", ".", "--to", "hf", "-o", "README.md")
    assert (code, out) == (0, "")
    assert err.startswith("README.md: ")
    code, out, err = run(capfd, model, "import", "README.md", "--from", "hf")
    assert (code, out) == (0, (model / "model_card.yaml").read_text())
    assert err == "README.md: the card that it carries, byte for byte\n"
    assert import_card(model / "README.md", "hf").exact


def test_a_file_is_not_replaced_unasked(capfd, model):
    (model.parent / "README.md").write_text("mine")
    code, _, err = run(capfd, model, "export", ".", "--to", "hf", "-o", "../README.md")
    assert code == 1
    assert "exists\nhint: give another name, or --force" in err
    assert run(capfd, model, "export", ".", "--to", "hf", "-o", "../README.md", "--force")[0] == 0
    assert run(capfd, model, "export", ".", "--to", "hf", "-o", "../README.md")[0] == 0  # the same bytes
    assert run(capfd, model, "export", ".", "--to", "hf", "-o", "none/README.md")[0] == 1
    assert run(capfd, model, "import", "none", "--from", "hf")[0] == 1
    assert run(capfd, model, "export", ".", "--to", "mlflow")[0] == 2


def test_what_is_not_taken_is_told(capfd, tmp_path):
    (tmp_path / "README.md").write_bytes(README)
    code, out, err = run(capfd, tmp_path, "import", "README.md", "--from", "hf", "-o", "card.yaml")
    assert (code, out) == (0, "")
    assert "warning: not taken: thumbnail: a card has no place for it\n" in err
    assert err.endswith("card.yaml: a card made of its metadata\n")
    assert EVIL not in err
