"""The card as a CycloneDX 1.6 bill of materials for machine learning (ML-BOM).

The model is the main component, with its files, card, licence, ancestors and commit; what it needs to run and the data
it was trained on are components beside it. Everything of the format is closed, so what it has no place for stands in
``properties``, and the card itself is attached. Specification: https://cyclonedx.org/docs/1.6/json/.
"""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from sycee.digest import sha256_hex
from sycee.errors import FormatError
from sycee.formats import card, strictjson
from sycee.formats.portable import Imported, Portable, data_label, frameworks, is_spdx, unpacked, web_address
from sycee.formats.values import flat

MAX_SIZE = 16 << 20  # bytes
_CARD = f"sycee:{card.FILE_NAME}"  # reference of the component that carries the card
_MODEL = "sycee:model"
_EXPRESSION = re.compile(r"[\s()]|\bAND\b|\bOR\b")


def render(source: Portable) -> bytes:
    """Return the bill of materials; the same card gives the same bytes.

    Args:
        source: The card, with what is known beside it.
    """
    data, packages = list(_data(source)), list(_packages(source))
    parts = [*packages, *data, _carried(source)]
    stamp = {"timestamp": source.card.values["created"]} if "created" in source.card.values else {}
    bom = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": _serial(source),
        "version": 1,
        "metadata": {**stamp, "component": _model(source, data)},
        "components": parts,
        "dependencies": [{"ref": _MODEL, "dependsOn": [part["bom-ref"] for part in (*packages, *data)]}],
    }
    return f"{json.dumps(bom, indent=2, ensure_ascii=False)}\n".encode()


def read(data: bytes, name: str) -> Imported:
    """Return the card that a bill of materials carries.

    Args:
        data: The whole file.
        name: What to call it in messages.

    Raises:
        FormatError: If it is no strict JSON, or carries no card, or a damaged one.
    """
    if len(data) > MAX_SIZE:
        raise FormatError(f"{name} is larger than {MAX_SIZE} bytes (found {len(data)})", path=name)
    reader = strictjson.Reader(name)
    top = reader.mapping(strictjson.parse(data, name), "$", required=("components",))
    parts = [one for one in reader.array(top.get("components", []), "$.components") if isinstance(one, dict)]
    reader.finish()
    for part in parts:
        if part.get("bom-ref") == _CARD:
            packed, sha256 = _attachment(part, name)
            return Imported(unpacked(packed, sha256, name), exact=True)
    raise FormatError(
        f"{name} carries no card: it was not made by `sycee card export`",
        hint="a card is made of the README.md of the Hugging Face Hub too: --from hf",
        path=name,
    )


def _attachment(part: Mapping[str, Any], name: str) -> tuple[str, str]:
    try:
        content, digest = part["data"][0]["contents"]["attachment"]["content"], part["hashes"][0]["content"]
    except (KeyError, IndexError, TypeError):
        content = digest = None
    if not isinstance(content, str) or not isinstance(digest, str):
        raise FormatError(f"{name}: the component {_CARD} has no attachment", path=name)
    return content, digest


def _serial(source: Portable) -> str:
    """Return a UUID that follows from what is exported: version 8 (RFC 9562), from a sha256."""
    facts = [source.card.raw.decode(), *map(dict, source.later), source.name, source.identity, source.bundle]
    text = sha256_hex(json.dumps([*facts, dict(source.packages)]).encode())
    digits = f"{text[:12]}8{text[13:16]}{'89ab'[int(text[16], 16) % 4]}{text[17:32]}"
    return f"urn:uuid:{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in (None, "", [], {})}


def _hashes(**digests: str | None) -> list[dict[str, str]]:
    names = {"sha256": "SHA-256", "md5": "MD5", "blake3": "BLAKE3"}
    return [{"alg": names[key], "content": value} for key, value in digests.items() if value]


def _model(source: Portable, data: list[dict[str, Any]]) -> dict[str, Any]:
    values, files = source.card.values, source.card.files
    parts = [_file(one.path, _hashes(sha256=one.sha256, md5=one.md5, blake3=one.blake3)) for one in files]
    return _known(
        {
            "type": "machine-learning-model",
            "bom-ref": _MODEL,
            "name": source.name,
            "version": source.card.version,
            "authors": [{"name": name} for name in values.get("authors", ())],
            "description": values.get("description"),
            "hashes": parts[0]["hashes"] if len(parts) == 1 else [],
            "licenses": _licenses(values.get("license")),
            "pedigree": _pedigree(values),
            "externalReferences": list(_references(source)),
            "properties": list(_properties(source)),
            "components": parts,
            "modelCard": _model_card(source, data),
            "tags": list(dict.fromkeys(values.get("tags", ()))),
        }
    )


def _file(path: str, hashes: list[dict[str, str]]) -> dict[str, Any]:
    return {"type": "file", "bom-ref": f"sycee:file:{path}", "name": path, "hashes": hashes}


def _licenses(text: str | None) -> list[dict[str, Any]]:
    if text is None:
        return []
    if is_spdx(text):
        return [{"license": {"id": text}}]
    tokens = [token for token in _EXPRESSION.split(text) if token]
    if len(tokens) > 1 and all(is_spdx(token) for token in tokens):
        return [{"expression": text}]
    return [{"license": {"name": text}}]


def _pedigree(values: Mapping[str, Any]) -> dict[str, Any]:
    base, code = values.get("lineage", {}).get("base_model", {}), values.get("code", {})
    commit = {"uid": code.get("commit"), "url": web_address(code.get("repo"))}
    ancestor = {
        "type": "machine-learning-model",
        "name": base.get("name"),
        "version": base.get("revision"),
        "hashes": _hashes(sha256=base.get("sha256")),
    }
    patches = [one for one in values.get("context", ()) if one["path"].endswith(".patch")]
    return _known(
        {
            "ancestors": [_known(ancestor)] if "name" in base else [],
            "commits": [_known(commit)] if "commit" in code else [],
            "patches": [{"type": "unofficial", "diff": {"url": quote(one["path"])}} for one in patches],
            "notes": f"relation to the ancestor: {base['relation']}" if "relation" in base else None,
        }
    )


def _references(source: Portable) -> Iterator[dict[str, Any]]:
    yield {"type": "model-card", "url": card.FILE_NAME, "hashes": _hashes(sha256=sha256_hex(source.card.raw))}
    if source.bundle:
        yield {"type": "digital-signature", "url": "model.sig", "hashes": _hashes(sha256=source.bundle)}
    links = source.card.values.get("links", {})
    found = [("vcs", source.card.values.get("code", {}).get("repo")), ("website", links.get("demo"))]
    found += [("documentation", links.get("docs")), ("issue-tracker", links.get("issues"))]
    found += [("documentation", paper) for paper in links.get("paper", ())]
    for kind, url in dict.fromkeys(found):
        if web_address(url):
            yield {"type": kind, "url": url}


def _properties(source: Portable) -> Iterator[dict[str, str]]:
    values = source.card.values
    if source.identity:
        yield {"name": "sycee:identity", "value": source.identity}
    for field in ("metrics", "training_config", "seeds", "environment", "training", "inference", "golden", "links"):
        for name, value in flat({field: values.get(field, {})}).items():
            if value != {}:
                yield {"name": f"sycee:{name}", "value": _text(value)}


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _model_card(source: Portable, data: list[dict[str, Any]]) -> dict[str, Any]:
    values = source.card.values
    about, inference = values.get("model", {}), values.get("inference", {})
    parameters = {
        "task": source.card.task,
        "architectureFamily": about.get("family"),
        "modelArchitecture": about.get("architecture"),
        "datasets": [{"ref": one["bom-ref"]} for one in data],
        "inputs": [{"format": _format(one)} for one in inference.get("inputs", ())],
        "outputs": [{"format": _format(one)} for one in inference.get("outputs", ())],
    }
    return _known(
        {
            "bom-ref": "sycee:modelCard",
            "modelParameters": _known(parameters),
            "quantitativeAnalysis": _known({"performanceMetrics": list(_metrics(source))}),
            "considerations": _considerations(values.get("considerations", {})),
        }
    )


def _format(one: Mapping[str, Any]) -> str:
    shape = "x".join("?" if size is None else str(size) for size in one.get("shape", ()))
    facts = [one.get(key) for key in ("name", "modality", "media_type", "dtype")]
    return " ".join(fact for fact in (*facts, shape, one.get("layout"), one.get("color")) if fact) or "unknown"


def _metrics(source: Portable) -> Iterator[dict[str, Any]]:
    for name, value in flat(source.card.metrics).items():
        if value != {}:
            yield {"type": name, "value": _text(value)}
    for evaluation in source.evaluations:
        where = data_label(evaluation["dataset"])
        for one in evaluation["metrics"]:
            ends = dict(zip(("lowerBound", "upperBound"), map(_text, one.get("ci", ())), strict=False))
            part = f"{where}, {one['slice']}" if "slice" in one else where
            value = f"{_text(one['value'])}{' ' + one['unit'] if 'unit' in one else ''}"
            yield _known({"type": one["name"], "value": value, "slice": part, "confidenceInterval": ends})


def _considerations(known: Mapping[str, Any]) -> dict[str, Any]:
    outside = [f"Out of scope: {text}" for text in known.get("out_of_scope", ())]
    risks = [{"name": one["name"], "mitigationStrategy": one.get("mitigation")} for one in known.get("risks", ())]
    fairness = [
        {
            "groupAtRisk": one["group"],
            "benefits": one.get("benefits"),
            "harms": one.get("harms"),
            "mitigationStrategy": one.get("mitigation"),
        }
        for one in known.get("fairness", ())
    ]
    return _known(
        {
            "users": known.get("users"),
            "useCases": known.get("use_cases"),
            "technicalLimitations": [*known.get("limitations", ()), *outside],
            "performanceTradeoffs": known.get("tradeoffs"),
            "ethicalConsiderations": [_known(one) for one in risks],
            "fairnessAssessments": [_known(one) for one in fairness],
        }
    )


def _packages(source: Portable) -> Iterator[dict[str, Any]]:
    """Yield what the model needs to run: the lock's distributions, or the frameworks that the card names."""
    serving = dict(frameworks(source.card.framework_version))
    for name, text in (source.packages or serving).items():
        version, _, origin = text.partition(" ")
        part = {"type": "framework" if name in serving else "library", "bom-ref": f"sycee:package:{name}"}
        purl = f"pkg:pypi/{quote(name, safe='')}" + (f"@{quote(version, safe='')}" if version else "")
        local = [{"name": "sycee:origin", "value": origin.strip("()")}] if origin else []
        yield _known({**part, "name": name, "version": version, "purl": None if origin else purl, "properties": local})


def _data(source: Portable) -> Iterator[dict[str, Any]]:
    for number, one in enumerate(source.card.values.get("data", ()), 1):
        dvc, url, name = one.get("dvc", {}), web_address(one.get("url")), one["path"]
        md5 = dvc.get("md5")
        facts = {"dvc.md5": md5, "dvc.size": dvc.get("size"), "dvc.nfiles": dvc.get("nfiles"), "role": one.get("role")}
        facts |= {key: one.get(key) for key in ("git_rev", "croissant")}
        yield _known(
            {
                "type": "data",
                "bom-ref": f"sycee:data:{number}",
                "name": name,
                "version": md5,
                "hashes": _hashes(md5=md5 if md5 and not md5.endswith(".dir") else None),
                "licenses": _licenses(one.get("license") or None),
                "externalReferences": [{"type": "distribution", "url": url}] if url else [],
                "properties": [{"name": f"sycee:{key}", "value": _text(fact)} for key, fact in facts.items() if fact],
                "data": [{"type": "dataset", "name": name}],
            }
        )


def _carried(source: Portable) -> dict[str, Any]:
    packed = base64.b64encode(source.card.raw).decode()
    attachment = {"contentType": "application/yaml", "encoding": "base64", "content": packed}
    return {
        "type": "data",
        "bom-ref": _CARD,
        "name": card.FILE_NAME,
        "hashes": _hashes(sha256=sha256_hex(source.card.raw)),
        "data": [{"type": "other", "name": card.FILE_NAME, "contents": {"attachment": attachment}}],
    }
