"""The card as a README.md of the Hugging Face Hub: metadata, ``model-index``, and a page to read.

The metadata is what ``huggingface_hub`` reads: one result for each data set and source, so that its grouping by
(task, data set, configuration, split, revision) merges nothing. The card itself is carried in a comment at the end.
:mod:`sycee.formats.huggingfaceread` reads both ways back.
"""

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any

from sycee.digest import sha256_hex
from sycee.formats import yamltext
from sycee.formats.huggingfacepage import page
from sycee.formats.portable import UNKNOWN, Portable, base_license, frameworks, is_spdx, metric_label
from sycee.formats.values import flat

NAME = "README.md"
UNSPECIFIED = "unspecified"  # the Hub wants a data set's name for every result
_WIDTH = 76  # of the carried card

# The tasks that the Hub knows as `pipeline_tag`.
_TASKS = (
    "any-to-any audio-classification audio-text-to-text audio-to-audio automatic-speech-recognition depth-estimation "
    "document-question-answering feature-extraction fill-mask graph-ml image-classification image-feature-extraction "
    "image-segmentation image-text-to-image image-text-to-text image-text-to-video image-to-3d image-to-image "
    "image-to-text image-to-video keypoint-detection mask-generation multiple-choice object-detection "
    "question-answering reinforcement-learning robotics sentence-similarity summarization table-question-answering "
    "table-to-text tabular-classification tabular-regression tabular-to-text text-classification text-generation "
    "text-ranking text-retrieval text-to-3d text-to-audio text-to-image text-to-speech text-to-video "
    "time-series-forecasting token-classification translation unconditional-image-generation video-classification "
    "video-text-to-text video-to-video visual-document-retrieval visual-question-answering voice-activity-detection "
    "zero-shot-classification zero-shot-image-classification zero-shot-object-detection"
)
TASKS = frozenset(_TASKS.split())
_ALSO = {"ner": "token-classification"}
# The Hub's name of a library by the name of its distribution, what serving needs first.
LIBRARIES = {
    "sentence-transformers": "sentence-transformers", "transformers": "transformers", "diffusers": "diffusers",
    "peft": "peft", "timm": "timm", "spacy": "spacy", "keras": "keras", "torch": "pytorch", "tensorflow": "tensorflow",
    "scikit-learn": "sklearn", "onnxruntime": "onnx", "flax": "flax", "jax": "jax", "paddlepaddle": "paddlepaddle",
}  # fmt: skip
HUB = "https://huggingface.co/"
_REPO_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?", re.ASCII)
_DATASET_URL = re.compile(re.escape(HUB) + r"datasets/([\w.-]+(?:/[\w.-]+)?)/?", re.ASCII)
_NOT_IN_IDS = re.compile(r"[^a-z0-9._-]+")


def render(source: Portable) -> bytes:
    """Return the README.md of a model; the same card gives the same bytes.

    Args:
        source: The card, with what is known beside it.
    """
    text = f"---\n{yamltext.dump(metadata(source)).decode()}---\n\n{page(source)}\n"
    return f"{text}{carried(source.card.raw, text)}".encode()


def carried(data: bytes, text: str) -> str:
    """Return the comment that carries a card's bytes behind a page, and says of which text it was made."""
    packed = base64.b64encode(data).decode()
    lines = "\n".join(packed[start : start + _WIDTH] for start in range(0, len(packed), _WIDTH))
    return f"<!-- sycee model_card.yaml sha256={sha256_hex(data)} text={sha256_hex(text.encode())}\n{lines}\n-->\n"


def metadata(source: Portable) -> dict[str, Any]:
    """Return the metadata, in the order in which it is written."""
    values = source.card.values
    results = list(_results(source))
    metrics = dict.fromkeys(metric["type"] for result in results for metric in result["metrics"])
    libraries = (LIBRARIES[name] for name, _ in frameworks(source.card.framework_version) if name in LIBRARIES)
    found = {
        "language": list(values.get("languages", ())),
        **_license(values.get("license")),
        "library_name": next(libraries, None),
        "tags": list(dict.fromkeys(values.get("tags", ()))),
        "datasets": list(dict.fromkeys(_datasets(source))),
        "metrics": list(metrics),
        **_base_model(values.get("lineage", {}).get("base_model", {})),
        "pipeline_tag": _hub_task(source.card.task),
        "model-index": [{"name": source.name, "results": results}] if results else [],
    }
    return {key: value for key, value in found.items() if value not in (None, [])}


def _license(text: str | None) -> dict[str, str]:
    if text is None:
        return {}
    return {"license": base_license(text).lower()} if is_spdx(text) else {"license": "other", "license_name": text}


def _base_model(base: Mapping[str, Any]) -> dict[str, str]:
    name = base.get("name", "")
    if not _REPO_ID.fullmatch(name):  # a path, or words: the page has it
        return {}
    relation = {"base_model_relation": base["relation"]} if "relation" in base else {}
    return {"base_model": name, **relation}


def _datasets(source: Portable) -> Iterator[str]:
    """Yield the ids of data sets that are surely on the Hub."""
    for entry in source.card.values.get("data", ()):
        if match := _DATASET_URL.fullmatch(entry.get("url", "")):
            yield match[1]


def _hub_task(task: str) -> str | None:
    known = _ALSO.get(task.lower(), task.lower())
    return known if known in TASKS else None


def _results(source: Portable) -> Iterator[dict[str, Any]]:
    """Yield what ``model-index`` lists: one result for each (task, data set, source)."""
    used: set[tuple[Any, ...]] = set()
    for result in (*_own_metrics(source), *(_result(source, one) for one in source.evaluations)):
        data = result["dataset"]
        config, number = data.get("config"), 1
        while (key := _grouped_by(result)) in used:
            number += 1
            data["config"] = f"{config or 'default'} ({number})"
        used.add(key)
        yield result


def _grouped_by(result: Mapping[str, Any]) -> tuple[Any, ...]:
    data = result["dataset"]
    return (result["task"]["type"], data["type"], *(data.get(key) for key in ("config", "split", "revision")))


def _own_metrics(source: Portable) -> Iterator[dict[str, Any]]:
    numbers = {name: value for name, value in flat(source.card.metrics).items() if not isinstance(value, Mapping)}
    if numbers:
        label = source.card.data_version
        metrics = [{"type": name, "name": name, "value": value} for name, value in numbers.items()]
        name = UNSPECIFIED if label == UNKNOWN else label
        yield {"task": _task(source.card.task), "dataset": {"name": name, "type": _id(name)}, "metrics": metrics}


def _result(source: Portable, evaluation: Mapping[str, Any]) -> dict[str, Any]:
    given = evaluation["dataset"]
    dataset = {"name": given["name"], "type": given.get("type", _id(given["name"]))}
    dataset |= {key: given[key] for key in ("config", "split", "revision", "args") if key in given}
    result = {
        "task": _task(evaluation.get("task", source.card.task)),
        "dataset": dataset,
        "metrics": [_metric(one) for one in evaluation["metrics"]],
    }
    origin = evaluation.get("source", {})
    if "url" in origin:  # a name alone is refused by the reader; the page has it
        result["source"] = {"url": origin["url"], **({"name": origin["name"]} if "name" in origin else {})}
    return result


def _metric(one: Mapping[str, Any]) -> dict[str, Any]:
    values = {"type": one.get("type", one["name"]), "name": metric_label(one), "value": one["value"]}
    return values | ({"args": one["args"]} if "args" in one else {})


def _task(task: str) -> dict[str, str]:
    return {"type": _hub_task(task) or task, "name": task}


def _id(name: str) -> str:
    return _NOT_IN_IDS.sub("-", name.lower()).strip("-.") or UNSPECIFIED
