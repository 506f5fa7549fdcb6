"""Exports of cards, judged by those who read them: huggingface_hub, the CycloneDX schema, openssl."""

import json
import re
import subprocess

import pytest

from rigs.fullcard import FULL, poisoned
from rigs.signed import MODEL, fixed_key, sign_folder, write_model
from sycee.formats import card, cyclonedx, huggingface, huggingfaceread
from sycee.formats.portable import Portable
from sycee.formats.values import flat
from sycee.ops.frozen import utc_now
from sycee.ops.records import add_record

pytestmark = pytest.mark.slow

POISONED = poisoned(FULL)
CARDS = {
    "full": FULL,
    "five": {key: FULL[key] for key in card.REQUIRED},
    "empty": {
        **{key: FULL[key] for key in card.REQUIRED},
        "metrics": {},
        "training_config": {},
        "data_version": "unknown",
    },
    "poisoned": POISONED,
}


def source(values) -> Portable:
    return Portable(card.parse(card.render(values)), "team/bert", packages={"torch": "2.1.2+cpu", "own": "1 (vcs abc)"})


def expected_metrics(values) -> list[tuple[str, float]]:
    own = [(name, value) for name, value in flat(values["metrics"]).items() if value != {}]
    more = [(one.get("type", one["name"]), one["value"]) for e in values.get("evaluations", ()) for one in e["metrics"]]
    return sorted([*own, *more])


@pytest.fixture(scope="module")
def hub():
    import huggingface_hub  # takes a second

    return huggingface_hub


@pytest.mark.parametrize("name", CARDS)
def test_the_hub_reads_the_same_metrics(hub, name):
    values = CARDS[name]
    text = huggingface.render(source(values)).decode()
    read = hub.ModelCard(text)
    results = read.data.eval_results or []
    assert sorted((one.metric_type, one.metric_value) for one in results) == expected_metrics(values)
    assert all(one.dataset_name for one in results)
    assert len({one.unique_identifier for one in results}) == len(
        {(one.unique_identifier, one.source_name, one.dataset_name) for one in results}
    )
    saved = hub.ModelCard(str(read))  # its own writer groups by what it reads: nothing may be merged
    again = saved.data.eval_results or []
    assert sorted((one.metric_type, one.metric_value, one.source_url or "") for one in again) == sorted(
        (one.metric_type, one.metric_value, one.source_url or "") for one in results
    )


def test_the_hub_reads_the_same_facts(hub):
    data = hub.ModelCard(huggingface.render(source(FULL)).decode()).data
    assert (data.license, data.language, data.pipeline_tag) == ("apache-2.0", ["en", "no"], "token-classification")
    assert (data.library_name, data.base_model, data.tags) == (
        "transformers",
        "google-bert/bert-base-cased",
        ["ner", "news"],
    )
    assert (data.model_name, data.datasets) == ("team/bert", ["eriktks/conll2003"])
    assert data.base_model_relation == "finetune"


def test_no_text_of_a_card_gets_into_the_metadata_or_becomes_markup(hub):
    text = huggingface.render(source(POISONED)).decode()
    assert hub.ModelCard(text).data.license == "other"
    page = text[text.index("\n---\n", 4) + 5 : text.index("<!-- sycee")]
    prose = re.sub(r"`[^`\n]*`", "", page)
    assert "<" not in prose
    assert not re.search(r"(?<!\\)!?\[", prose)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert text.count("<!--") == 1


def test_a_browser_finds_nothing_in_a_page_but_what_belongs_there():
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    for values, links in ((FULL, 3), (POISONED, 0)):
        text = huggingface.render(source(values)).decode()
        page = reader.render(text[text.index("\n---\n", 4) + 5 :])
        assert set(re.findall(r"<(\w+)", page)) <= {
            *("h1", "h2", "h3", "p", "ul", "li", "strong", "code"),
            *("table", "thead", "tbody", "tr", "th", "td", "a"),
        }
        assert len(re.findall(r"<a ", page)) == links
        assert page.count("<h2>") == 7


def test_a_card_of_the_hub_is_imported(hub):
    results = [
        hub.EvalResult(
            "text-classification", "glue", "GLUE MRPC", "accuracy", 0.86, dataset_split="test", dataset_config="mrpc"
        ),
        hub.EvalResult(
            "text-classification", "glue", "GLUE MRPC", "f1", 0.9, dataset_split="test", dataset_config="mrpc"
        ),
    ]
    data = hub.ModelCardData(
        language="en", license="mit", library_name="transformers", tags=["x"], datasets=["nyu-mll/glue"],
        base_model="google-bert/bert-base-cased", pipeline_tag="text-classification", model_name="mrpc",
        eval_results=results,
    )  # fmt: skip
    readme = hub.ModelCard.from_template(data, model_id="mrpc")
    made = huggingfaceread.read(str(readme).encode())
    assert not made.exact
    read = card.parse(made.data)
    assert (read.task, read.name, read.metrics) == ("text-classification", "mrpc", {"accuracy": 0.86, "f1": 0.9})
    assert (read.values["license"], read.values["languages"]) == ("MIT", ["en"])
    assert read.values["lineage"] == {"base_model": {"name": "google-bert/bert-base-cased"}}
    back = hub.ModelCard(huggingface.render(Portable(read, "mrpc")).decode()).data.eval_results
    wanted = [(one.dataset_type, one.dataset_config, one.metric_type, one.metric_value) for one in results]
    found = [(one.dataset_type, one.dataset_config, one.metric_type, one.metric_value) for one in back]
    assert set(wanted) <= set(found)


@pytest.fixture(scope="module")
def judge():
    from cyclonedx.schema import SchemaVersion  # takes a second
    from cyclonedx.validation.json import JsonStrictValidator

    return JsonStrictValidator(SchemaVersion.V1_6)


@pytest.mark.parametrize("name", CARDS)
def test_the_bill_of_materials_follows_the_official_schema(judge, name):
    data = cyclonedx.render(source(CARDS[name]))
    assert judge.validate_str(data.decode()) is None
    bom = json.loads(data)
    refs = re.findall(r'"bom-ref": "([^"]*)"', data.decode())
    assert len(refs) == len(set(refs))
    model = bom["metadata"]["component"]
    assert model["type"] == "machine-learning-model"
    metrics = model["modelCard"].get("quantitativeAnalysis", {}).get("performanceMetrics", [])
    numbers = [value for value in flat(CARDS[name]["metrics"]).values() if value != {}]
    assert [json.loads(one["value"]) for one in metrics[: len(numbers)]] == numbers
    assert len({(one["type"], one["value"], one.get("slice")) for one in metrics}) == len(metrics)


def test_the_official_schema_would_refuse(judge):
    bom = json.loads(cyclonedx.render(source(FULL)))
    bom["metadata"]["component"]["modelCard"]["extra"] = 1
    assert judge.validate_str(json.dumps(bom)) is not None


def test_openssl_checks_a_signed_record(tmp_path):
    model = write_model(tmp_path / "m", MODEL)
    sign_folder(model, fixed_key())
    written = add_record(model, "evaluation", FULL["evaluations"][0], utc_now(), fixed_key())
    (tmp_path / "key.pub").write_bytes(fixed_key().public.pem)
    words = ["dgst", "-sha256", "-verify", tmp_path / "key.pub", "-signature", written.signature, written.path]
    done = subprocess.run(["openssl", *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "Verified OK\n")
