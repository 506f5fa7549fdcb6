"""``replay.json``: what a replay found, for machines; and what of it can become the content of a record.

That is either a verdict, for who demands that a version comes out the same, or a baseline for another platform.
Specification: ``docs/spec/replay.md``; records: :mod:`sycee.formats.record`.
"""

import json
import math
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, cast, get_args

from sycee.digest import sha256_hex
from sycee.errors import Fault, FormatError
from sycee.formats import strictjson
from sycee.formats.golden import STAGES, Stage, Stages, read_stages, stages_form
from sycee.formats.strictjson import Reader

VERSION = 1
MAX_SIZE = 64 << 20  # bytes

Result = Literal["reproduced", "differs"]
Mode = Literal["here", "rebuilt", "in process"]
Level = Literal["fail", "decision", "numeric", "bit"]
LEVELS: tuple[Level, ...] = get_args(Level)  # the worst first
_DEMANDS = LEVELS[1:]
_TEXTS = ("model", "label", "identity", "signer", "verdict", "platform")
_NETWORKS = ("none", "blocked", "open")


class Change(NamedTuple):
    """One thing that is not what it was.

    Attributes:
        area: An area of the fingerprint, or ``source``, ``weights``, ``aux``, ``input``.
        name: What changed, as its area calls it: a package, a fact, a path.
        frozen: What it was: a version, a value, the sha256 of a file; empty if it was not there.
        here: What it is; empty if it is not here.
    """

    area: str
    name: str
    frozen: str
    here: str


class Compared(NamedTuple):
    """How equal one stage of one sample is.

    Attributes:
        sample: The sample's id.
        stage: The stage.
        level: How equal.
        path: The first value that is not equal to the bit; empty if there is none.
        words: What of it is not equal.
        max_rel: Largest deviation of the stage, in RMS; None where it cannot be measured.
        p999_rel: What 99.9 % of that value's elements do not exceed; None likewise.
        rms_rel: Root of the mean square of its deviations; None likewise.
        max_ulp: Largest count of representable numbers in between.
    """

    sample: str
    stage: Stage
    level: Level
    path: str = ""
    words: str = ""
    max_rel: float | None = 0.0
    p999_rel: float | None = 0.0
    rms_rel: float | None = 0.0
    max_ulp: int = 0


class Report(NamedTuple):
    """What a replay found.

    Attributes:
        model: The model's name; informs people.
        identity: ``sycee:HEX`` of a version whose signature was checked; else empty.
        result: Whether everything is as equal as it had to be.
        verdict: One line that a person understands.
        mode: Where it ran: the packages that are here, a rebuilt environment, or the calling process itself.
        network: Whether the process had one.
        demanded: How equal results had to be.
        level: How equal the worst is.
        stages: Every stage of every sample.
        label: Its version label; may be empty.
        signer: The fingerprints of the keys that signed, sorted; empty if none was checked.
        waived: Stages that did not count.
        can: What is other than it was and can explain the difference, the most likely first.
        cannot: What else is other than it was.
        notes: Whatever a reader should know.
        platform: Where it ran, in words; empty if it is not known.
    """

    model: str
    identity: str
    result: Result
    verdict: str
    mode: Mode
    network: str
    demanded: Level
    level: Level
    stages: tuple[Compared, ...]
    label: str = ""
    signer: str = ""
    waived: tuple[str, ...] = ()
    can: tuple[Change, ...] = ()
    cannot: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()
    platform: str = ""

    @property
    def first(self) -> Compared | None:
        """The earliest stage that is less equal than it had to be."""
        short = [one for one in self.stages if one.stage not in self.waived and falls_short(one, self.demanded)]
        return min(short, key=lambda one: STAGES.index(one.stage), default=None)


def falls_short(one: Any, demanded: Level) -> bool:
    """Tell whether a stage is less equal than demanded; a preprocessed one has to be equal to the bit.

    Args:
        one: Something with a ``stage`` and a ``level``.
        demanded: How equal the others have to be.
    """
    return LEVELS.index(one.level) < LEVELS.index("bit" if one.stage == "preprocessed" else demanded)


def render(report: Report) -> bytes:
    """Return ``replay.json``."""
    first = report.first
    document = {
        "version": VERSION,
        **report._asdict(),
        "stages": [_compared_form(one) for one in report.stages],
        "first": first and {"sample": first.sample, "stage": first.stage, "path": first.path},
        "can": [one._asdict() for one in report.can],
        "cannot": [one._asdict() for one in report.cannot],
    }
    return strictjson.render_readable(document)


def _compared_form(one: Compared) -> dict[str, Any]:
    measures = {name: value for name, value in one._asdict().items() if isinstance(value, float)}
    return {**one._asdict(), **{name: value if math.isfinite(value) else None for name, value in measures.items()}}


def parse(data: bytes, name: str) -> Report:
    """Read ``replay.json`` strictly.

    Args:
        data: All bytes of the file.
        name: Its name, for messages.

    Raises:
        FormatError: With every fault; also if the result does not follow from the stages, or if a single byte differs
            from what :func:`render` writes.
    """
    reader = Reader(name)
    members = ("version", "first", *Report._fields)
    found = reader.mapping(strictjson.parse(data, name, limit=MAX_SIZE), "$", required=members, optional=())
    if "version" in found:
        reader.constant(found["version"], "$.version", VERSION)
    reader.finish()
    report = _report(reader, found)
    reader.finish()
    reader.constant(report.result, "$.result", "differs" if report.first else "reproduced")
    reader.finish()
    strictjson.require_canonical(data, render(report), name, ", or names another first stage than it lists")
    return report


def _report(reader: Reader, found: Mapping[str, Any]) -> Report:
    texts = {name: reader.text(found[name], f"$.{name}") for name in _TEXTS}
    return Report(
        **texts,
        result=cast(Result, reader.choice(found["result"], "$.result", get_args(Result))),
        mode=cast(Mode, reader.choice(found["mode"], "$.mode", get_args(Mode))),
        network=reader.choice(found["network"], "$.network", _NETWORKS),
        demanded=cast(Level, reader.choice(found["demanded"], "$.demanded", _DEMANDS)),
        level=cast(Level, reader.choice(found["level"], "$.level", LEVELS)),
        stages=tuple(_compared(reader, one, path) for path, one in reader.items(found["stages"], "$.stages")),
        waived=tuple(reader.choice(one, path, STAGES) for path, one in reader.items(found["waived"], "$.waived")),
        can=tuple(_change(reader, one, path) for path, one in reader.items(found["can"], "$.can")),
        cannot=tuple(_change(reader, one, path) for path, one in reader.items(found["cannot"], "$.cannot")),
        notes=tuple(reader.text(one, path) for path, one in reader.items(found["notes"], "$.notes")),
    )


def _compared(reader: Reader, value: object, path: str) -> Compared:
    found = reader.mapping(value, path, required=Compared._fields, optional=())
    sample, where, words = (reader.text(found.get(name, ""), f"{path}.{name}") for name in ("sample", "path", "words"))
    stage = cast(Stage, reader.choice(found.get("stage"), f"{path}.stage", STAGES))
    level = cast(Level, reader.choice(found.get("level"), f"{path}.level", LEVELS))
    largest, most, mean = (_measure(reader, found.get(f"{name}_rel"), path) for name in ("max", "p999", "rms"))
    ulp = reader.integer(found.get("max_ulp"), f"{path}.max_ulp", least=0)
    return Compared(sample, stage, level, where, words, largest, most, mean, ulp)


def _measure(reader: Reader, value: object, path: str) -> float | None:
    if value is not None and not (isinstance(value, float) and value >= 0):
        reader.fault(path, f"has a deviation that is neither null nor a number of at least 0.0: {value!r}"[:200])
        return None
    return value


def _change(reader: Reader, value: object, path: str) -> Change:
    found = reader.mapping(value, path, required=Change._fields, optional=())
    return Change(*(reader.text(found.get(name), f"{path}.{name}") for name in Change._fields))


class Verdict(NamedTuple):
    """What a replay found, in short: the members of a :class:`Report` that a record keeps.

    Attributes:
        result: As in the report, like all others.
        verdict: For people.
        demanded: How equal results had to be.
        level: How equal the worst is.
        mode: Where it ran.
        network: Whether it had one.
        platform: Where it ran, in words.
        report: The sha256 of the whole ``replay.json``.
    """

    result: Result
    verdict: str
    demanded: Level
    level: Level
    mode: Mode
    network: str
    platform: str
    report: str

    @classmethod
    def of(cls, report: Report) -> "Verdict":
        """Return the verdict of a report."""
        members = {name: getattr(report, name) for name in cls._fields if name != "report"}
        return cls(**members, report=sha256_hex(render(report)))


def read_verdict(value: object) -> Verdict:
    """Return the verdict that the content of a record holds.

    Raises:
        FormatError: With every fault, as ``$.path``.
    """
    reader = Reader("the verdict")
    found = reader.mapping(value, "$", required=Verdict._fields, optional=())
    choices = {"result": get_args(Result), "demanded": _DEMANDS, "level": LEVELS, "mode": get_args(Mode)}
    chosen: dict[str, Any] = {
        name: reader.choice(found.get(name), f"$.{name}", among)
        for name, among in {**choices, "network": _NETWORKS}.items()
    }
    words = {name: reader.text(found.get(name), f"$.{name}") for name in ("verdict", "platform")}
    verdict = Verdict(**(chosen | words), report=reader.sha256(found.get("report"), "$.report"))
    reader.finish()
    return verdict


class Baseline(NamedTuple):
    """What the samples give on another platform, accepted by somebody: equal keys then demand these bits too.

    Attributes:
        key: Of the fingerprint of that platform (:func:`sycee.formats.fingerprint.key`).
        device: Its device class.
        card: The sha256 of the version's card.
        golden: The sha256 of the version's ``golden.json``, whose samples these are.
        level: How equal the results were to the record, when they were accepted.
        samples: What each sample gave, tensors by their digests.
    """

    key: str
    device: str
    card: str
    golden: str
    level: Level
    samples: Mapping[str, Stages]


def baseline_form(baseline: Baseline) -> dict[str, Any]:
    """Return a baseline as the content of a record."""
    return {
        **baseline._asdict(),
        "samples": {name: stages_form(stages) for name, stages in baseline.samples.items()},
    }


def read_baseline(value: object) -> Baseline:
    """Return the baseline that the content of a record holds.

    Raises:
        FormatError: With every fault, as ``$.path``.
    """
    reader = Reader("the baseline")
    found = reader.mapping(value, "$", required=Baseline._fields, optional=())
    key, card, golden = (reader.sha256(found.get(name), f"$.{name}") for name in ("key", "card", "golden"))
    baseline = Baseline(
        key=key,
        device=reader.text(found.get("device"), "$.device"),
        card=card,
        golden=golden,
        level=cast(Level, reader.choice(found.get("level"), "$.level", LEVELS)),
        samples={
            name: read_stages(reader, stages, f"$.samples[{json.dumps(name)}]")
            for name, stages in reader.mapping(found.get("samples"), "$.samples").items()
        },
    )
    reader.finish()
    return baseline


def is_verdict(content: object) -> bool:
    """Tell which of its two forms the content of a record has."""
    return isinstance(content, dict) and "result" in content


def passed(content: Mapping[str, Any]) -> bool:
    """Tell whether the content of a record says that a version came out as equal as it had to be.

    A baseline says so too: only what did is accepted as one.
    """
    return not is_verdict(content) or content["result"] == "reproduced"


def content_faults(value: object) -> list[Fault]:
    """Return every fault of the content of a record of this kind."""
    try:
        read_verdict(value) if is_verdict(value) else read_baseline(value)
    except FormatError as error:
        return list(error.faults)
    return []
