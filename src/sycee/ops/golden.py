"""What a freeze keeps of inference: the source of the functions, golden samples, and what they gave.

The record counts only if the frozen source alone gives it again, in a process of its own. Whatever fails becomes a
warning in the card.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from sycee.capture import machine
from sycee.capture.importing import read_at_import
from sycee.capture.opened import opened
from sycee.capture.source import closure
from sycee.capture.steps import Steps
from sycee.core import modelfolder
from sycee.core.compare import Comparison, compare
from sycee.core.decision import rule_for
from sycee.digest import sha256_hex
from sycee.errors import CannotRun, SyceeError
from sycee.formats import fingerprint, golden
from sycee.formats.fingerprint import Fingerprint
from sycee.formats.golden import Call, File, Golden, Leaf, MadeWith, Rule, Sample
from sycee.ops.auxfiles import AUX, MAX_AUX, SOURCE, aux_parts
from sycee.ops.context import FOLDER, Part, bound
from sycee.ops.frozen import FrozenFile, Request
from sycee.replay import calibrate, record, results
from sycee.replay.record import MAX_SAMPLES, Recorded
from sycee.replay.results import Results
from sycee.replay.runner import How, Job
from sycee.system.tree import scan

PLACE = f"{FOLDER}/golden"
RECORD = f"{PLACE}/{results.RECORD}"
MACHINE = f"{PLACE}/fingerprint.json"  # that of the process that made the record, not of the training
MAX_LISTED = 16  # inputs and outputs that the card describes
MAX_TOGETHER = 1 << 30  # bytes of weights up to which two processes of a calibration run side by side


Value = TypeVar("Value")


class Captured(NamedTuple):
    """What a freeze keeps of inference.

    Attributes:
        parts: The files, for ``context/``.
        fields: The fields of the card.
    """

    parts: tuple[Part, ...] = ()
    fields: Mapping[str, Any] = {}


def capture_inference(request: Request, files: Sequence[FrozenFile], steps: Steps) -> Captured:
    """Return source, auxiliary files and golden samples of a freeze; what fails is a warning.

    Args:
        request: What was asked for. The model's folder has its weights.
        files: The weights.
        steps: Collects what fails.
    """
    inference = request.inference
    if not inference.functions:
        if inference.samples:
            steps.warn("samples were given without predict, so nothing can be recorded of them")
        return Captured()
    source = closure(inference.functions)
    for warning in source.warnings:
        steps.warn(warning)
    parts = [Part(f"{SOURCE}/{path}", data, "source") for path, data in source.files.items()]
    fields: dict[str, Any] = {"inference": {"entry": dict(source.entries)}} if source.entries else {}
    seen: list[Path] = []
    recorded = None
    if fault := inference.fault:
        steps.complete = False
        steps.warn(f"no golden samples are recorded: {fault}")
    elif inference.samples and inference.predict is not None:
        recorded = _trying(lambda: _record(request, seen, steps), steps)
        seen += steps.run("what the source reads", lambda: read_at_import(source, leave=[request.path]), [])
    parts += aux_parts(inference.aux, seen, source.files, steps)
    if recorded is None:
        return Captured(tuple(parts), fields)
    making = _Making(request, files, tuple(parts), source.entries)
    made = _trying(lambda: making.made(recorded), steps) or Captured()
    return Captured((*parts, *made.parts), {**fields, **made.fields})


def _trying(step: Callable[[], Value], steps: Steps) -> Value | None:
    """Return what a step gives, or None and a warning."""
    try:
        return step()
    except SyceeError as error:
        steps.complete = False
        advice = f" ({error.hint})" if error.hint else ""
        steps.warn(f"no golden samples are recorded: {machine.clean(error.message)}{advice}")
        return None


def _record(request: Request, seen: list[Path], steps: Steps) -> Recorded:
    """Run the functions on the samples; the files that they read go into ``seen``."""
    inference = request.inference
    if len(inference.samples) > MAX_SAMPLES:
        steps.warn(f"of {len(inference.samples)} samples the first {MAX_SAMPLES} are recorded")
    items = record.stored(inference.samples[:MAX_SAMPLES])
    with opened(leave=[request.path]) as read:
        recorded = record.record(inference.functions, items, request.path)
    seen += read
    _warn(recorded, steps)
    return recorded


def with_inference(values: Mapping[str, Any], captured: Captured, context: Sequence[Part]) -> dict[str, Any]:
    """Return the fields of a card with what is known of inference; what was given by name wins.

    Args:
        values: The fields so far.
        captured: What was captured.
        context: All files of the context.
    """
    told = {
        name: {**found, **given} if isinstance(given := values.get(name, {}), Mapping) else given
        for name, found in captured.fields.items()
    }
    return {**values, **told, **({"context": bound(context)} if context else {})}


class _Making(NamedTuple):
    """A record on its way."""

    request: Request
    files: Sequence[FrozenFile]
    parts: Sequence[Part]
    entry: Mapping[str, str]

    def made(self, recorded: Recorded) -> Captured:
        """Return the files and fields of the record.

        Raises:
            SyceeError: If there can be none.
        """
        if missing := self.request.inference.functions.keys() - self.entry.keys():
            raise CannotRun(f"the source of {', '.join(sorted(missing))} cannot be frozen, so nothing could replay it")
        with tempfile.TemporaryDirectory(prefix="sycee-freeze-") as place:
            job = self._job(recorded, Path(place).resolve())
            observed = calibrate.first(job)
            on = fingerprint.read(observed.fingerprint, MACHINE)
            proved, here = results.of_process(observed), results.of_outcomes(recorded.outcomes)
            given = self._golden(recorded, here, on)
            _require_same(_compared(given, here, proved))
            draft = self._giving(given, recorded, proved)
            noise = calibrate.noise(
                job,
                observed,
                lambda other: _deviation(_compared(draft, proved, results.of_process(other))),
                together=self._together(),
            )
        final = draft._replace(calibration=tuple(noise), envelope=calibrate.envelope(noise))
        return self._captured(final, recorded, results.expected(final.samples, proved), on)

    def _together(self) -> int:
        """Return how many processes may run at a time: each of them loads the weights."""
        size = sum(file.digests.size for file in self.files)
        return min(2, len(os.sched_getaffinity(0))) if size <= MAX_TOGETHER else 1

    def _job(self, recorded: Recorded, place: Path) -> Job:
        """Return the run of the frozen source, which is written to a folder of its own."""
        for name in (SOURCE, AUX):
            (place / name).mkdir(parents=True)
        for part in self.parts:
            path = place / part.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(part.data)
        facts = fingerprint.read(machine.collect(), MACHINE).facts
        how = How(threads_here(), facts["flag"], recorded.seeds, recorded=facts["env"], environ=self.request.environ)
        return Job(
            python=Path(sys.executable),
            source=place / SOURCE,
            model=self.request.path,
            entry=self.entry,
            items=recorded.items,
            how=how,
            machine=Path(machine.__file__),
            aux=place / AUX,
        )

    def _golden(self, recorded: Recorded, found: Results, on: Fingerprint) -> Golden:
        """Return the record but for its calibration and the file of its tensors."""
        samples = self._samples(recorded, found)
        return Golden(
            entry=self.entry,
            call=Call(fingerprint.device_class(on), threads_here(), recorded.seeds),
            samples=samples,
            rule=self._rule(samples),
            stochastic=recorded.stochastic,
            made_with=self._made_with(),
        )

    def _giving(self, made: Golden, recorded: Recorded, found: Results) -> Golden:
        """Return a record with other results."""
        samples = self._samples(recorded, found)
        return made._replace(samples=samples, rule=self._rule(samples))

    def _samples(self, recorded: Recorded, found: Results) -> tuple[Sample, ...]:
        return results.samples_of(recorded.items, found, private=self.request.inference.private_samples)

    def _rule(self, samples: Sequence[Sample]) -> Rule:
        return rule_for(self.request.inference.decision, self.request.task, samples)

    def _made_with(self) -> MadeWith:
        source = {
            part.path.removeprefix(f"{SOURCE}/"): sha256_hex(part.data) for part in self.parts if part.role == "source"
        }
        weights = {file.path: file.digests.sha256 for file in self.files}
        aux = {part.path: sha256_hex(part.data) for part in self.parts if part.role == "aux"}
        folder = self.request.path
        beside = {name: sha256_hex((folder / name).read_bytes()) for name in companions(folder, weights)}
        return MadeWith(source, weights, {**beside, **aux})

    def _captured(self, draft: Golden, recorded: Recorded, tensors: bytes | None, on: Fingerprint) -> Captured:
        """Return the files of a record and the card's fields about it."""
        made = draft._replace(tensors=File(results.TENSORS, sha256_hex(tensors)) if tensors else None)
        data = golden.render(made)
        golden.parse(data, RECORD)  # what cannot be read again is no record
        parts = [Part(RECORD, data, "golden"), Part(MACHINE, fingerprint.render(on), "golden")]
        if tensors:
            parts.append(Part(f"{PLACE}/{results.TENSORS}", tensors, "golden"))
        for item, sample in zip(recorded.items, made.samples, strict=True):
            if sample.input.path:
                parts.append(Part(f"{PLACE}/{sample.input.path}", item.stored.data, "golden"))
        return Captured(tuple(parts), {"golden": _summary(made, data), "inference": _signature(made, on)})


def threads_here() -> int:
    """Return how many threads numeric libraries use in this process."""
    torch = sys.modules.get("torch")
    return int(torch.get_num_threads()) if torch else len(os.sched_getaffinity(0))


def companions(folder: Path, weights: Collection[str]) -> Iterator[str]:
    """Yield the files that lie beside the weights and are read with them: vocabularies, settings."""
    for entry in scan(folder, enter=lambda name: name not in {FOLDER, modelfolder.RECORDS}):
        name = entry.relpath
        if entry.kind == "file" and name not in weights and entry.stat.st_size <= MAX_AUX and _is_companion(name):
            yield name


def _is_companion(name: str) -> bool:
    last = name.rpartition("/")[2]
    return name != modelfolder.CARD and not last.startswith(".") and not last.endswith(_NOT_COMPANIONS)


_NOT_COMPANIONS = (modelfolder.POINTER_SUFFIX, modelfolder.SIGNATURE_SUFFIX, "SHA256SUMS", "dvc.yaml", "dvc.lock")


def _warn(recorded: Recorded, steps: Steps) -> None:
    if recorded.stochastic:
        steps.warn(
            "the outputs differ from run to run and were recorded with seeds; if dropout was left on, call model.eval()"
        )
    if record.has_nan(recorded.outcomes):
        steps.warn("a golden sample gives what is no number (NaN); it is recorded as it is")


def _compared(draft: Golden, kept: Results, found: Results) -> Comparison:
    return compare(draft, kept.tensors, found.stages, found.tensors)


def _require_same(compared: Comparison) -> None:
    """Refuse a record that the frozen source alone does not give: what predicts is then an object of this process."""
    if compared.level in {"bit", "numeric"}:
        return
    if "<path>" in machine.clean(compared.words):
        raise CannotRun(
            f"a result names a place of this machine, which is another one elsewhere: {compared.words}",
            hint="return the name of the file, or what is in it",
        )
    raise CannotRun(
        f"the frozen source gives other results than this process did: {compared.words}",
        hint="give load=…, which loads the model from its folder; predict then gets it as its first argument",
    )


def _deviation(compared: Comparison) -> float:
    return max((one.max_rel for one in compared.stages if one.stage == "output"), default=0.0)


def _summary(made: Golden, data: bytes) -> dict[str, Any]:
    return {
        "file": RECORD,
        "sha256": sha256_hex(data),
        "samples": len(made.samples),
        "level": "bit",
        "tolerance": {"envelope": made.envelope},
    }


def _signature(made: Golden, on: Fingerprint) -> dict[str, Any]:
    """Return the card's ``inference``: entry points, and what goes in and comes out, as the first sample has it."""
    first = made.samples[0]
    inputs = [_field(leaf) for leaf in first.stages.get("preprocessed", ())] or [{"modality": first.input.kind}]
    flags = on.facts["flag"]
    precision = flags.get("torch.get_float32_matmul_precision")
    deterministic = flags.get("torch.are_deterministic_algorithms_enabled")
    mode = {"precision": precision, "deterministic": None if deterministic is None else deterministic == "True"}
    return {
        "entry": dict(made.entry),
        "inputs": inputs[:MAX_LISTED],
        "outputs": [_field(leaf) for leaf in first.stages["output"]][:MAX_LISTED],
        **({"mode": known} if (known := {k: v for k, v in mode.items() if v is not None}) else {}),
    }


def _field(leaf: Leaf) -> dict[str, Any]:
    if leaf.kind == "tensor":
        return {"name": leaf.path, "dtype": leaf.dtype, "shape": list(leaf.shape)}
    return {"name": leaf.path, "modality": leaf.kind}
