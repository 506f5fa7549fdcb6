"""The values of a card, gathered from a request, this process, and what a person wrote into the card before."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sycee.capture import environment, frameworks, seeds
from sycee.capture.config import Note, finite_metrics, normalised
from sycee.capture.data import UNKNOWN, DataVersion, data_version
from sycee.capture.steps import Steps
from sycee.digest import sha256_hex
from sycee.formats import card, fingerprint
from sycee.formats.card import REQUIRED, SCHEMA_VERSION
from sycee.ops.codestate import code_values
from sycee.ops.context import FINGERPRINT, LOCK, PATCH, PYLOCK, Part, bound, part_at
from sycee.ops.datastate import data_versions
from sycee.ops.frozen import Request
from sycee.ops.project import Project

# What a person writes and new weights do not make wrong; version, evaluations and the like belong to the old weights.
KEPT = ("name", "description", "license", "authors", "tags", "languages", "lineage", "considerations", "links")
NO_SEED = "how it was seeded is not known: call sycee.seed(n), or import sycee before seeding, or give the seeds"

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]+")


def card_values(
    request: Request, project: Project, previous: Mapping[str, Any], context: Sequence[Part], steps: Steps
) -> dict[str, Any]:
    """Return all fields of the card but the weights and the warnings.

    Args:
        request: What was asked for; it wins over what is found.
        project: What surrounds the model.
        previous: The values of the card that was there before.
        context: The files of the context.
        steps: Collects what fails.
    """
    data = data_versions(request, project, steps)
    patch = found.data if (found := part_at(context, PATCH)) else b""
    code_state: dict[str, Any] = steps.run("the state of the code", lambda: code_values(project, patch, steps), {})
    values = {
        **{key: value for key, value in previous.items() if key in KEPT or key.startswith("x_")},
        **_required(request, data, steps),
        "schema_version": SCHEMA_VERSION,
        "created": request.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "code": code_state,
        "data": [version.entry() for version in data],
        "seeds": _seeds(request, steps),
        "environment": _environment(context, steps),
        "context": bound(context),
        **given_fields(request, steps.warn),
    }
    if (name := default_name(request.path)) and "name" not in values:
        values["name"] = name
    return {key: value for key, value in values.items() if key in REQUIRED or value not in ({}, [])}


def given_fields(request: Request, note: Note) -> dict[str, Any]:
    """Return the fields of the card that were given by name, as JSON-like values."""
    fields = {key: normalised(value, note, key) for key, value in request.fields.items() if value is not None}
    if isinstance(fields.get("version"), str):
        fields["version"] = fields["version"].removeprefix("v")  # the form of a Git tag, NAME@v1.0.0
    return fields


def default_name(folder: Path) -> str:
    """Return a model's name by its folder: ``models/My BERT`` gives ``My-BERT``; empty if nothing remains."""
    return _NOT_IN_NAMES.sub("-", folder.name).strip("-_")


def _required(request: Request, data: Iterable[DataVersion], steps: Steps) -> dict[str, Any]:
    config: Any = steps.run("training_config", lambda: normalised(request.training_config, steps.warn), None)
    metrics: dict[str, Any] = steps.run("metrics", lambda: finite_metrics(request.metrics, steps.warn), {})
    label = request.data_version or data_version(data)
    if label == UNKNOWN:
        steps.warn("neither data nor data_version was given: the version of the data is not known")
    return {
        "task": request.task,
        "metrics": metrics,
        "training_config": config if isinstance(config, dict) else {} if config is None else {"value": config},
        "data_version": label,
        "framework_version": steps.run("the frameworks", frameworks.framework_version, "unknown"),
    }


def _seeds(request: Request, steps: Steps) -> dict[str, Any]:
    given = seeds.seen() if request.seeds is None else request.seeds
    values: dict[str, Any] = steps.run("the seeds", lambda: normalised(given, steps.warn, "seeds"), {})
    if all(value is None for value in values.values()):
        steps.warn(NO_SEED)
    return values


def _environment(context: Sequence[Part], steps: Steps) -> dict[str, Any]:
    values = {
        "python": steps.run("the Python version", environment.python_version, "unknown"),
        "platform": steps.run("the platform", environment.platform_name, "unknown"),
    }
    if lock := part_at(context, LOCK):
        values |= {"lock": lock.path, "lock_sha256": sha256_hex(lock.data)}
    if files := part_at(context, PYLOCK):
        values["requirements_sha256"] = sha256_hex(files.data)
    if found := part_at(context, FINGERPRINT):
        values["fingerprint_sha256"] = sha256_hex(found.data)
        if devices := fingerprint.parse(found.data, found.path).facts["gpu"].get("devices"):
            values["accelerator"] = devices
    return values


def valid(values: dict[str, Any], steps: Steps) -> dict[str, Any]:
    """Return the values without the fields that break the schema: a training is not lost for a wrong licence.

    The five required fields are there in any case, at worst empty. Of the evaluations only those go that are wrong.
    """
    if isinstance(values.get("evaluations"), list):
        sound = list(_evaluations(values["evaluations"], steps))
        values = (
            {**values, "evaluations": sound} if sound else {key: values[key] for key in values if key != "evaluations"}
        )
    for name in [key for key in values if card.faults({**_EMPTY, key: values[key]})]:
        fault = card.faults({**_EMPTY, name: values[name]})[0]
        steps.complete = False
        steps.warn(f"the field {name!r} is left out of the card: {fault}")
        values = {key: value for key, value in values.items() if key != name}
    return {**_EMPTY, **values}


def _evaluations(given: Sequence[Any], steps: Steps) -> Iterator[Any]:
    for number, one in enumerate(given):
        if faults := card.evaluation_faults(one):
            steps.complete = False
            steps.warn(f"evaluations[{number}] is left out of the card: {faults[0]}")
        else:
            yield one


_EMPTY: Mapping[str, Any] = {
    "task": UNKNOWN,
    "metrics": {},
    "training_config": {},
    "data_version": UNKNOWN,
    "framework_version": UNKNOWN,
}


def finished(values: dict[str, Any], steps: Steps) -> dict[str, Any]:
    """Return the values with ``status`` and ``warnings``: the last thing that is added to a card."""
    values = valid(values, steps)
    status = "complete" if steps.complete else "partial"
    warnings = [warning.encode("utf-8", "backslashreplace").decode() for warning in steps.warnings]
    return {**values, "status": status, **({"warnings": warnings} if warnings else {})}
