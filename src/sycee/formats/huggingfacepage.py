"""The page of a README.md: what a person wants to know of a model, in the sections that the Hub's readers expect.

Every word of the card goes through :mod:`sycee.formats.markdown`; sections without facts are left out.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sycee.formats.markdown import code, line, table, text
from sycee.formats.portable import Portable, data_label, frameworks, metric_label, web_address
from sycee.formats.values import flat


def page(source: Portable) -> str:
    """Return the page below the metadata."""
    parts = [f"# {line(source.name)}\n", *(part for section in _SECTIONS for part in section(source))]
    return "\n".join(parts)


def _section(title: str, *parts: str, level: int = 2) -> Iterator[str]:
    if found := [part for part in parts if part]:
        yield f"{'#' * level} {title}\n"
        yield from found


def _facts(facts: Mapping[str, str | None]) -> str:
    return "".join(f"- **{name}:** {value}\n" for name, value in facts.items() if value)


def _bullets(items: Any) -> str:
    return "".join(f"- {line(item)}\n" for item in items)


def _words(items: Any) -> str:
    return ", ".join(map(code, items))


def _address(text: str) -> str:
    return f"<{text}>" if web_address(text) else code(text)


def _details(source: Portable) -> Iterator[str]:
    values = source.card.values
    about, base = values.get("model", {}), values.get("lineage", {}).get("base_model", {})
    if "description" in values:
        yield f"{text(values['description'])}\n"
    facts = {
        "Developed by": ", ".join(map(line, values.get("authors", ()))),
        "Model type": code(about["architecture"]) if "architecture" in about else None,
        "Task": code(source.card.task),
        "Language": _words(values.get("languages", ())),
        "License": code(values["license"]) if "license" in values else None,
        "Derived from": code(" ".join(base[key] for key in ("name", "revision") if key in base)) if base else None,
        "Version": code(source.card.version) if source.card.version else None,
        "Identity": code(f"sycee:{source.identity}") if source.identity else None,
        "Parameters": f"{about['parameters']:,}" if "parameters" in about else None,
    }
    yield from _section("Model Details", _facts(facts))
    links = values.get("links", {})
    found = {"Repository": [values.get("code", {}).get("repo")], "Paper": links.get("paper", ())}
    found |= {key.capitalize(): [links.get(key)] for key in ("demo", "docs", "issues")}
    named = {name: ", ".join(_address(item) for item in items if item) for name, items in found.items()}
    yield from _section("Model Sources", _facts(named), level=3)


def _uses(source: Portable) -> Iterator[str]:
    known = source.card.values.get("considerations", {})
    users = f"Users: {', '.join(map(line, known['users']))}\n" if known.get("users") else ""
    yield from _section("Uses", users, _bullets(known.get("use_cases", ())))
    yield from _section("Out-of-Scope Use", _bullets(known.get("out_of_scope", ())), level=3)
    risks = "".join(_risk(risk["name"], risk) for risk in known.get("risks", ()))
    fairness = "".join(_risk(one["group"], one) for one in known.get("fairness", ()))
    limits = [*known.get("limitations", ()), *known.get("tradeoffs", ())]
    yield from _section("Bias, Risks, and Limitations", _bullets(limits), risks, fairness)


def _risk(name: str, facts: Mapping[str, str]) -> str:
    more = (f"{key}: {line(facts[key])}" for key in ("benefits", "harms", "mitigation") if facts.get(key))
    return f"- {'; '.join([f'**{line(name)}**', *more])}\n"


def _training(source: Portable) -> Iterator[str]:
    card = source.card
    data = [[code(one["path"]), code(one.get("dvc", {}).get("md5", "-"))] for one in card.values.get("data", ())]
    rows = table(["data", "version"], data) if data else ""
    parts = [f"Data: {code(card.data_version)}\n", rows]
    settings = [[code(name), code(_shown(value))] for name, value in flat(card.training_config).items()]
    yield from _section("Training Details", *parts)
    yield from _section("Training Hyperparameters", table(["setting", "value"], settings) if settings else "", level=3)
    facts = {key: value for key, value in card.values.get("training", {}).items() if not key.startswith("x_")}
    measured = {name.replace("_", " "): code(_shown(value)) for name, value in facts.items()}
    yield from _section("Speeds, Sizes, Times", _facts(measured), level=3)


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _evaluation(source: Portable) -> Iterator[str]:
    own = [[code(name), code(_shown(value))] for name, value in flat(source.card.metrics).items()]
    yield from _section("Evaluation", table(["metric", "value"], own) if own else "")
    rows = [_measured(one, metric) for one in source.evaluations for metric in one["metrics"]]
    head = ["data", "metric", "value", "samples", "source", "date"]
    results = table(head, rows) if rows else ""
    yield from _section("Results on Other Data", results, level=3) if own else _section("Evaluation", results)


def _measured(evaluation: Mapping[str, Any], metric: Mapping[str, Any]) -> list[str]:
    origin = evaluation.get("source", {})
    where, what = data_label(evaluation["dataset"]), metric_label(metric)
    interval = " [{}, {}]".format(*map(_shown, metric["ci"])) if "ci" in metric else ""
    value = f"{_shown(metric['value'])}{interval}{' ' + metric['unit'] if 'unit' in metric else ''}"
    by = " ".join(origin[key] for key in ("name", "url") if key in origin)
    samples = _shown(metric["samples"]) if "samples" in metric else ""
    return [code(cell) if cell else "" for cell in (where, what, value, samples, by, evaluation.get("date", ""))]


def _technical(source: Portable) -> Iterator[str]:
    values = source.card.values
    files = [[code(one.path), f"{one.size:,}", code(one.sha256)] for one in source.card.files]
    yield from _section("Files", table(["file", "bytes", "sha256"], files) if files else "")
    state = values.get("code", {})
    dirty = " with uncommitted changes" if state.get("dirty") else ""
    facts = {
        "Code": f"{code(state['commit'])}{dirty}" if "commit" in state else None,
        "Script": code(state["entrypoint"]) if "entrypoint" in state else None,
        "Python": code(values.get("environment", {}).get("python", "")) if "environment" in values else None,
        "Platform": code(values["environment"]["platform"]) if "platform" in values.get("environment", {}) else None,
    }
    yield from _section("Provenance", _facts(facts))
    versions = _facts({line(name): code(version or "-") for name, version in frameworks(source.card.framework_version)})
    yield from _section("Framework versions", versions, level=3)
    yield "This page was made from the model's card, `model_card.yaml`, which it carries in a comment at its end.\n"


_SECTIONS = (_details, _uses, _training, _evaluation, _technical)
