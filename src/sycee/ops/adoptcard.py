"""The card of an adopted model: what DVC's files recorded of its making, and honestly nothing else."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sycee.capture.config import finite_metrics, normalised
from sycee.capture.data import UNKNOWN, DataVersion, data_version
from sycee.capture.steps import Steps
from sycee.digest import md5_hex
from sycee.errors import FormatError
from sycee.formats import card, pipeline, yamldialect
from sycee.formats.pipeline import Stage
from sycee.formats.pointer import Out
from sycee.ops.adoptable import Model
from sycee.ops.facts import model_values
from sycee.ops.frozen import FrozenFile
from sycee.ops.gather import default_name, finished
from sycee.system.tree import kind_at
from sycee.workspace.tracked import LOCK, PIPELINE, Tracked

NOT_RECORDED = "adopted after the training: its code, packages, frameworks and seeds were not recorded"
_MAX_METRICS = 1 << 20  # bytes


@dataclass(frozen=True, slots=True)
class _Run:
    """A stage as ``dvc.lock`` recorded it, its paths absolute."""

    stage: Stage
    folder: Path

    def path(self, text: str) -> Path:
        return Path(os.path.normpath(self.folder / self.stage.wdir / text))

    def touches(self, outs: Sequence[Out], paths: Sequence[Path]) -> bool:
        places = [self.path(out.path) for out in outs]
        return any(place == path or place in path.parents for place in places for path in paths)


def adopted_card(
    root: Path, tracked: Sequence[Tracked], model: Model, files: Sequence[FrozenFile], given: Mapping[str, Any]
) -> bytes:
    """Return the bytes of a card.

    Args:
        root: The repository's root.
        tracked: Everything that is tracked: what of a stage's dependencies is data.
        model: The model.
        files: Its weights.
        given: What the user said: ``created``, and ``task`` if it is known.
    """
    steps = Steps()
    steps.complete = False
    steps.warn(NOT_RECORDED)
    paths = [one.path for one in model.tracked]
    runs = list(_runs(tracked, steps))
    made = [run for run in runs if run.touches(run.stage.outs, paths)]
    used = [run for run in runs if run not in made and run.touches(run.stage.deps, paths)]
    data = [version for run in made for version in _data(run, root, tracked)]
    values = {
        "task": UNKNOWN,
        "metrics": _metrics([*made, *used], steps),
        "training_config": _params(made, steps),
        "data_version": data_version(data),
        "framework_version": UNKNOWN,
        "schema_version": card.SCHEMA_VERSION,
        **({"name": name} if (name := default_name(model.folder)) else {}),
        **given,
        "model": model_values(files, None),
        **({"data": [version.entry() for version in data]} if data else {}),
    }
    for field in ("task", "data_version"):
        if values[field] == UNKNOWN:
            steps.warn(f"{field} is not known: write it into the card")
    return card.render(finished(values, steps))


def _runs(tracked: Sequence[Tracked], steps: Steps) -> Iterator[_Run]:
    for lock in dict.fromkeys(one.origin for one in tracked if one.origin.name == LOCK):
        beside = lock.with_name(PIPELINE)
        try:
            data = beside.read_bytes() if kind_at(beside) == "file" else b""
            for stage in pipeline.stages(lock.read_bytes(), lock.name, data):
                yield _Run(stage, lock.parent)
        except (FormatError, OSError) as error:
            steps.warn(f"{lock.name} could not be read: {error}")


def _data(run: _Run, root: Path, tracked: Sequence[Tracked]) -> Iterator[DataVersion]:
    """Yield the dependencies of a stage that are tracked: code and settings are not."""
    held = {one.path for one in tracked}
    for dep in run.stage.deps:
        path = run.path(dep.path)
        if root in path.parents and dep.md5 and held.intersection((path, *path.parents)):
            yield DataVersion(path.relative_to(root).as_posix(), dep.md5, dep.size, dep.nfiles)


def _params(runs: Sequence[_Run], steps: Steps) -> dict[str, Any]:
    files = {file: values for run in runs for file, values in run.stage.params.items()}
    chosen: Any = next(iter(files.values())) if len(files) == 1 else files
    found = normalised(chosen, steps.warn, "training_config")
    return found if isinstance(found, dict) else {}


def _metrics(runs: Sequence[_Run], steps: Steps) -> dict[str, Any]:
    found: dict[str, dict[str, Any]] = {}
    for run in runs:
        recorded = {run.path(out.path): out.md5 for out in run.stage.outs}
        for path in map(run.path, run.stage.metrics):
            values = _read_metrics(path, recorded.get(path), steps)
            if values:
                found[path.name if path.stem in found else path.stem] = values
    if not found:
        steps.warn("no metrics were found")
    return next(iter(found.values())) if len(found) == 1 else dict(found)


def _read_metrics(path: Path, md5: str | None, steps: Steps) -> dict[str, Any]:
    if kind_at(path) != "file" or path.stat().st_size > _MAX_METRICS:
        steps.warn(f"the metrics {path.name} are not here")
        return {}
    data = path.read_bytes()
    if md5 is not None and md5_hex(data) != md5:
        steps.warn(f"the metrics {path.name} changed since the stage ran, so they are left out")
        return {}
    try:
        text = data.decode()
        values = json.loads(text) if path.suffix == ".json" else yamldialect.load(text, path.name)
    except (ValueError, FormatError, RecursionError):
        steps.warn(f"the metrics {path.name} are neither JSON nor YAML")
        return {}
    return finite_metrics(values, steps.warn) if isinstance(values, Mapping) else {}
