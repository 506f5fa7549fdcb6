"""``sycee replay``: run the golden samples of a version here, and compare with what they gave when it was frozen.

1  A private copy of the folder, each byte compared: by a key, or with its own card.
2  The record, and the samples; private ones are brought.
3  A process of its own runs the frozen source on them, without network.
4  Its results are compared stage by stage; how equal they must be, the fingerprints say.
5  If they differ: all that is not what it was, split into what can be the cause and what cannot.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from sycee.capture import machine
from sycee.core import explain
from sycee.core.compare import Comparison, StageResult, compare
from sycee.core.explain import Change, Explanation, Kind
from sycee.core.likeness import Known, likeness
from sycee.core.progress import SILENT, Progress
from sycee.digest import sha256_hex
from sycee.errors import CannotRun, ContextMismatch, FormatError, NotFound
from sycee.formats import fingerprint, golden, requirements, tensorfile
from sycee.formats.fingerprint import Fingerprint
from sycee.formats.golden import STAGES, Golden, Leaf, Sample, Stage
from sycee.formats.replay import Level, Mode, Report
from sycee.formats.tensorfile import Tensor
from sycee.ops import switches
from sycee.ops.auxfiles import AUX, SOURCE
from sycee.ops.baseline import accepted
from sycee.ops.bisect import bisect, told
from sycee.ops.context import LOCK
from sycee.ops.golden import MACHINE, PLACE, RECORD, companions
from sycee.ops.held import Held, held
from sycee.ops.rebuilt import Interpreter, rebuilt, running
from sycee.ops.switches import Switch
from sycee.ops.trustplace import Asked
from sycee.replay import results
from sycee.replay.child.samples import Stored
from sycee.replay.page import Evidence
from sycee.replay.results import Results
from sycee.replay.runner import TIMEOUT, How, Item, Job, Observed, run
from sycee.system.onepass import digest_file
from sycee.system.tree import scan

# Which function gives a stage.
ROLES: Mapping[Stage, str] = {"preprocessed": "preprocess", "output": "predict", "decision": "postprocess"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayRequest:
    """What to replay, and how.

    Attributes:
        folder: The model's folder.
        asked: What the folder has to be, and by whose word; None compares it with its own card.
        inputs: A folder with the samples of a version that keeps only their digests.
        waived: Stages whose differences are accepted.
        timeout: Seconds for all samples.
        rebuild: Whether to use the packages of the version's lock, and not those that are installed.
        bisect: Whether to look for what makes the difference, if there is one: how is computed, then each package.
        environ: The environment. The samples get of it only what describes the machine.
        progress: Where to announce the bytes read.
    """

    folder: Path
    asked: Asked | None
    inputs: Path | None = None
    waived: frozenset[Stage] = frozenset()
    timeout: float = TIMEOUT
    rebuild: bool = False
    bisect: bool = False
    environ: Mapping[str, str] = field(default_factory=dict)
    progress: Progress = SILENT


class Frozen(NamedTuple):
    """The record of a version.

    Attributes:
        golden: What is in ``golden.json``.
        tensors: Those that are stored.
        on: The fingerprint of the process that made it.
    """

    golden: Golden
    tensors: Mapping[str, Tensor]
    on: Fingerprint


class Replayed(NamedTuple):
    """How a replay came out.

    Attributes:
        report: What ``replay.json`` says.
        version: The version's label, or None.
        signer: The fingerprints of those who signed it; None where nobody was asked for.
        evidence: The samples, what was expected and what came out, for the page.
        on: The fingerprint of the process.
    """

    report: Report
    version: str | None
    signer: str | None
    evidence: Evidence
    on: Fingerprint

    @property
    def reproduced(self) -> bool:
        """Whether everything is as equal as it must be here."""
        return self.report.result == "reproduced"

    @property
    def label(self) -> str:
        """The model's name, with the version's label if it has one."""
        return f"{self.report.model}@{self.version}" if self.version else self.report.model

    def __repr__(self) -> str:
        return f"<Replayed {self.label}: {self.report.result}, {self.report.verdict}>"


def replay(request: ReplayRequest) -> Replayed:
    """Run the golden samples of a version in a process of its own.

    Raises:
        VerificationError: If the folder is not what was signed, or not what its card says.
        NotFound: If it has no golden samples, or the private ones are not brought.
        CannotRun: If the frozen code does not run here, or its packages are not to be had: nothing is known of its
            results then.
    """
    with held(request.folder, request.asked, progress=request.progress) as copy:
        return replay_copy(copy, request)


def replay_copy(copy: Held, request: ReplayRequest) -> Replayed:
    """Run the golden samples of a private copy; see :func:`replay`."""
    frozen = read_frozen(copy)
    items = items_of(frozen.golden, copy.folder, request.inputs)

    def once(python: Interpreter, switch: Switch | None = None) -> Replayed:
        job = _job(python, copy.folder, frozen, items, request)
        with request.progress.start(f"replaying {copy.name}", None):
            observed = run(job._replace(how=switch.applied(job.how)) if switch else job)
        outcome = _outcome(copy, frozen, observed, python)
        baseline = accepted(request.folder, frozen.golden, outcome.here, copy.authority)
        return judged(copy, frozen, outcome, request.waived, baseline)

    def trial(versions: Mapping[str, str]) -> Report:
        return once(rebuilt(copy, request.environ, request.progress, versions)).report

    done = once(rebuilt(copy, request.environ, request.progress) if request.rebuild else running())
    if request.bisect and not done.reproduced:
        cheap = switches.cheap(done.report, frozen.on, frozen.golden.call.threads)
        found = switches.search(done.report, cheap, lambda switch: once(running(), switch).report)
        report = switches.told(done.report, found)
        return done._replace(report=report if found.switch else told(report, bisect(report, trial)))
    return done


def _outcome(copy: Held, frozen: Frozen, observed: Observed, python: Interpreter) -> "Outcome":
    if observed.fault:
        raise CannotRun(
            f"the frozen code does not run here: {observed.fault}",
            hint="look for a package that is missing or of another version than in context/requirements.lock",
        )
    here = fingerprint.read(observed.fingerprint, "the fingerprint of the replay")
    changes = changes_here(copy, frozen, here, observed.packages, observed.loaded)
    found = results.of_process(observed)
    return Outcome(python.mode, observed.network, found, here, changes, observed.loaded, python.notes)


def read_frozen(copy: Held) -> Frozen:
    """Return the record of a version.

    Raises:
        NotFound: If it has none.
        ContextMismatch: If its parts do not belong together, or are malformed.
    """
    try:
        record = golden.parse((copy.folder / RECORD).read_bytes(), RECORD)
        on = fingerprint.parse((copy.folder / MACHINE).read_bytes(), MACHINE)
        tensors = _tensors(copy.folder, record)
        stages = {sample.id: sample.stages for sample in record.samples}
        results.require_agreeing(Results(stages, tensors), "the golden samples")
        return Frozen(record, tensors, on)
    except FileNotFoundError:
        raise NotFound(
            f"{copy.name} has no golden samples, so there is nothing to replay",
            hint="freeze it with predict=… and samples=[…]",
        ) from None
    except FormatError as error:
        raise ContextMismatch(f"the golden samples are malformed: {error.message}") from error


def _tensors(folder: Path, record: Golden) -> Mapping[str, Tensor]:
    if record.tensors is None:
        return {}
    data = _of_the_record(folder, record.tensors.path, record.tensors.sha256)
    return tensorfile.parse(data, record.tensors.path)


def items_of(record: Golden, folder: Path, inputs: Path | None) -> list[Item]:
    """Return the samples of a record.

    Args:
        record: The record.
        folder: The model's folder.
        inputs: Where the private ones are, under any name.

    Raises:
        NotFound: If one is not there.
        ContextMismatch: If one is not what the record says.
    """
    brought = _by_digest(inputs) if inputs else {}
    return [
        Item(one.id, Stored(one.input.kind, _input(one, folder, brought), one.input.name)) for one in record.samples
    ]


def _by_digest(inputs: Path) -> dict[str, Path]:
    if not inputs.is_dir():
        raise NotFound(f"there is no folder {inputs}", hint="name the folder with the samples: --inputs DIR")
    paths = [inputs / entry.relpath for entry in scan(inputs) if entry.kind == "file"]
    return {sha256_hex(path.read_bytes()): path for path in paths}


def _input(sample: Sample, folder: Path, brought: Mapping[str, Path]) -> bytes:
    wanted = sample.input.sha256
    if sample.input.path is None:
        if wanted not in brought:
            raise NotFound(
                f"sample {sample.id} is private: only its sha256 {wanted[:12]}… is kept",
                hint="name a folder that has it, under any name: --inputs DIR",
            )
        return brought[wanted].read_bytes()
    return _of_the_record(folder, sample.input.path, wanted)


def _of_the_record(folder: Path, name: str, sha256: str) -> bytes:
    """Return a file beside the record, which must be the one that the record means."""
    try:
        data = (folder / PLACE / name).read_bytes()
    except OSError:
        raise ContextMismatch(f"{RECORD} names {name}, which is no file here", path=f"{PLACE}/{name}") from None
    if sha256_hex(data) != sha256:
        raise ContextMismatch(f"{name} is not the file that {RECORD} names", path=f"{PLACE}/{name}")
    return data


def _job(python: Interpreter, folder: Path, frozen: Frozen, items: list[Item], request: ReplayRequest) -> Job:
    call, facts = frozen.golden.call, frozen.on.facts
    how = How(
        threads=call.threads,
        flags=facts["flag"],
        seeds=call.seeds,
        recorded=facts["env"],
        environ=request.environ,
        timeout=request.timeout,
    )
    return Job(
        python=python.path,
        source=folder / SOURCE,
        model=folder,
        entry=frozen.golden.entry,
        items=items,
        how=how,
        machine=Path(machine.__file__),
        aux=folder / AUX,
        bytecode=python.mode == "rebuilt",
    )


def changes_here(
    copy: Held, frozen: Frozen, here: Fingerprint, packages: Mapping[str, str], loaded: Collection[str] | None
) -> list[Change]:
    """Return all that is not what it was when the record was made.

    Args:
        copy: The version.
        frozen: Its record.
        here: The fingerprint of the process that ran it.
        packages: Normalised name and version of each package that the process could import.
        loaded: Those of which something was imported; None if it is not known.
    """
    return [
        *explain.differences(frozen.on, here),
        *_changed_files(copy, frozen.golden),
        *_changed_packages(copy.folder, packages, loaded),
    ]


def _changed_files(copy: Held, record: Golden) -> Iterator[Change]:
    made = record.made_with
    yield from _changes("source", made.source, {name: f"{SOURCE}/{name}" for name in made.source}, copy)
    yield from _changes("weights", made.weights, {name: name for name in made.weights}, copy)
    yield from _changes("aux", made.aux, {name: name for name in made.aux}, copy)
    for name in companions(copy.folder, made.weights):
        if name not in made.aux:
            yield Change("aux", name, "", _sha256(copy, name))


def _changes(area: str, made: Mapping[str, str], names: Mapping[str, str], copy: Held) -> Iterator[Change]:
    for name, digest in made.items():
        here = _sha256(copy, names[name])
        if here != digest:
            yield Change(area, name, digest, here)


def _sha256(copy: Held, name: str) -> str:
    """Return the digest of a file, which was hashed when the copy was made; empty if there is none."""
    path = copy.folder / name
    return copy.digests.get(name) or (digest_file(path).sha256 if path.is_file() else "")


def _changed_packages(folder: Path, packages: Mapping[str, str], loaded: Collection[str] | None) -> Iterator[Change]:
    """Yield which packages are not those of a model's lock, as far as they can matter."""
    path = folder / LOCK
    if not path.is_file():
        return
    for one in requirements.parse(path.read_bytes(), LOCK).requirements:
        name = requirements.normal_name(one.name)
        here = packages.get(name, "")
        if here != one.version and (loaded is None or name in loaded or not here):
            yield Change("package", one.name, one.version, here)


class Outcome(NamedTuple):
    """What a run gave, and where.

    Attributes:
        mode: Which Python ran it.
        network: Whether it had one.
        found: What the samples gave.
        here: The fingerprint of the process.
        changes: What is not what it was.
        loaded: The distributions that took part; None if it is not known.
        notes: What else a reader should know.
        functions: Those that were given and are not the frozen ones, by role.
    """

    mode: Mode
    network: str
    found: Results
    here: Fingerprint
    changes: Sequence[Change]
    loaded: Collection[str] | None
    notes: tuple[str, ...] = ()
    functions: Sequence[Change] = ()


def judged(
    copy: Held, frozen: Frozen, outcome: Outcome, waived: Collection[Stage], baselines: Sequence[Golden] = ()
) -> Replayed:
    """Return how a run came out: how equal it is, how equal it must be, and what may be the cause.

    Args:
        copy: The version.
        frozen: Its record.
        outcome: The run.
        waived: Stages that do not count.
        baselines: Records that were accepted for this platform: what is as equal as it must be has to have their bits.
    """
    found = outcome.found
    compared = compare(frozen.golden, frozen.tensors, found.stages, found.tensors, waived)
    demanded: Level = explain.demanded(frozen.on, outcome.here)
    if baselines and not compared.below(demanded):
        others = [compare(one, {}, found.stages, found.tensors, waived) for one in baselines]
        compared = next((one for one in others if one.below("bit")), others[0])
        demanded, outcome = "bit", outcome._replace(notes=(*outcome.notes, _TIGHTER))
    short = compared.below(demanded)
    moved = short or compared.below("bit")
    told = _explained(moved[0], compared, outcome, frozen.golden) if moved else Explanation((), (), compared.words)
    report = Report(
        model=copy.name,
        identity=copy.identity,
        result="differs" if short else "reproduced",
        verdict=f"{told.verdict}{_looks(short[0], frozen, found)}" if short else _tolerated(told.verdict, moved),
        mode=outcome.mode,
        network=outcome.network,
        demanded=demanded,
        level=compared.level,
        stages=tuple(one.told for one in compared.stages),
        label=copy.version or "",
        signer=copy.signer or "",
        waived=tuple(sorted(waived)),
        can=told.can,
        cannot=told.cannot,
        notes=(UNVERIFIED, *outcome.notes) if copy.signer is None else outcome.notes,
        platform=f"{fingerprint.device_class(outcome.here)}, Python {outcome.here.facts['python'].get('version', '?')}",
    )
    evidence = Evidence(frozen.golden, frozen.tensors, _shown(copy.folder, frozen.golden), found.stages, found.tensors)
    return Replayed(report, copy.version, copy.signer, evidence, outcome.here)


def _tolerated(verdict: str, moved: Sequence[StageResult]) -> str:
    return f"as equal as it can be here: {verdict}" if moved else verdict


def _looks(first: StageResult, frozen: Frozen, found: Results) -> str:
    alike = likeness(Known(frozen.golden, frozen.tensors, found.stages, found.tensors), first.sample, first.stage)
    return f"; it looks like {alike}" if alike else ""


UNVERIFIED = (
    "not verified: the folder was compared with its own card alone, which anybody could have written; "
    "its code ran with your rights"
)
_TIGHTER = "compared with what was accepted for this platform, and as equal to the record as it must be"


def _shown(folder: Path, record: Golden) -> dict[str, bytes]:
    """Return the samples that are not private."""
    paths = {one.id: one.input.path for one in record.samples}
    return {name: (folder / PLACE / path).read_bytes() for name, path in paths.items() if path}


def _explained(first: StageResult, compared: Comparison, outcome: Outcome, frozen: Golden) -> Explanation:
    stages = outcome.found.stages.get(first.sample, {}).get(first.stage, ())
    leaf = next((one for one in stages if first.first and one.path == first.first.path), None)
    asked = {one.stage for one in compared.stages}
    own = [change for change in outcome.functions if change.name in _takes_part(first.stage, asked)]
    told = explain.explain(
        first.stage,
        [*own, *outcome.changes],
        kind=_kind(first, leaf, frozen),
        equal={stage for stage in STAGES if all(one.level == "bit" for one in compared.stages if one.stage == stage)},
        loaded=outcome.loaded,
    )
    return told._replace(cannot=(*told.cannot, *(change for change in outcome.functions if change not in own)))


def _kind(first: StageResult, leaf: Leaf | None, frozen: Golden) -> Kind:
    """Return what a value is: integers that were made of an image are no token ids."""
    if leaf is None or leaf.kind not in {"tensor", "text"}:
        return "values"
    given = next(one.input for one in frozen.samples if one.id == first.sample)
    is_image = given.kind == "file" and given.name.lower().endswith(_IMAGES)
    if is_image and first.stage == "preprocessed" and leaf.kind == "tensor":
        return "pixels"
    return explain.kind_of(leaf.dtype, leaf.shape)


_IMAGES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".gif", ".avif", ".jp2", ".ppm", ".pgm")


def _takes_part(stage: Stage, asked: Collection[Stage]) -> set[str]:
    """Return the functions that can be why a stage is the first to differ: what is before it is equal, if asked."""
    before = STAGES[: STAGES.index(stage)]
    return {"load", ROLES[stage]} | {ROLES[one] for one in before if one not in asked}
