"""``context/golden/golden.json``: raw samples, and what the model's functions gave for them when it was frozen.

Specification: ``docs/spec/golden.md``. Tensors lie in a safetensors file beside it, inputs in a folder beside it. What
a process of a replay gives back names its values in the same form.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, cast, get_args

from sycee.formats import strictjson
from sycee.formats.strictjson import Reader
from sycee.formats.tensorheader import DTYPES

VERSION = 1
MAX_SIZE = 64 << 20  # bytes
MAX_SAMPLES = 16
MAX_TEXT = 1 << 16  # characters of a text that is kept; of a longer one, the digest
ROLES = ("load", "postprocess", "predict", "preprocess")

Stage = Literal["preprocessed", "output", "decision"]
STAGES: tuple[Stage, ...] = get_args(Stage)  # in the order in which they come about
Kind = Literal["tensor", "text", "bytes", "number", "none", "bool"]
InputKind = Literal["bytes", "text", "file", "json", "tree"]
RuleKind = Literal["boxes", "cosine", "exact", "regression", "tokens", "top1", "topk"]

_PATH = re.compile("\\$[^\x00-\x1f\x7f-\x9f\u2028\u2029]{0,2000}")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LINE = re.compile("[^\x00-\x1f\x7f-\x9f\u2028\u2029]{0,1000}")
_TYPES = {dtype for dtype, _ in DTYPES.values()}


class Leaf(NamedTuple):
    """One value inside what a stage gave.

    Attributes:
        path: Where it stands: ``$``, ``$.logits``, ``$[0].boxes``.
        kind: What it is.
        value: A text, number or boolean itself; None for all others, and for a text that is kept by its digest.
        dtype: Type of a tensor's elements.
        shape: Lengths of a tensor's axes.
        sha256: Of a tensor's elements (little-endian, C order), of bytes, of a text's UTF-8 where ``value`` is None.
        stored: Whether the tensor file has all elements, under :func:`place`.
        sliced: Whether it has :func:`sycee.formats.tensorfile.sliced` of them instead.
    """

    path: str
    kind: Kind
    value: str | int | float | bool | None = None
    dtype: str = ""
    shape: tuple[int, ...] = ()
    sha256: str = ""
    stored: bool = False
    sliced: bool = False


Stages = Mapping[Stage, tuple[Leaf, ...]]


class Input(NamedTuple):
    """A raw sample.

    Attributes:
        kind: How its bytes become what the first function gets.
        sha256: Of the bytes.
        size: How many they are.
        path: Where they lie below ``context/golden/``; None for a private sample.
        name: The name of the file that was given, for a sample that is a file.
    """

    kind: InputKind
    sha256: str
    size: int
    path: str | None = None
    name: str = ""


class Sample(NamedTuple):
    """A raw sample and what each stage gave for it."""

    id: str
    input: Input
    stages: Stages


class Call(NamedTuple):
    """How the functions were called.

    Attributes:
        device: Device class, as :func:`sycee.formats.fingerprint.device_class` says it.
        threads: Threads of the numeric libraries; None left it to them.
        seeds: Set before each sample, by generator; empty unless the model is stochastic.
    """

    device: str
    threads: int | None = None
    seeds: Mapping[str, int] = {}


class File(NamedTuple):
    """A file below ``context/golden/``, and the sha256 of its bytes."""

    path: str
    sha256: str


class Trial(NamedTuple):
    """One run of a calibration.

    Attributes:
        name: What was other than in the record: ``repeat``, ``threads 1``, ``lower isa``, ``batch 4``.
        max_rel: The largest deviation, in RMS of the record; 0.0 if not a bit differed, None if it could not be run.
        note: Why it could not be run, or what was found; may be empty.
    """

    name: str
    max_rel: float | None
    note: str = ""


class Rule(NamedTuple):
    """What must be equal where bits and numbers may not be; see :mod:`sycee.core.decision`.

    Attributes:
        kind: How it is decided.
        path: The leaf that decides; empty for every leaf of the stage.
        beside: The leaf with the classes of boxes, or with the gaps of log-probabilities of tokens.
        k: How many of the largest, for ``topk``.
        limit: What suffices: least overlap, least cosine, largest deviation; 0.0 for the kind's usual one.
    """

    kind: RuleKind
    path: str = ""
    beside: str = ""
    k: int = 1
    limit: float = 0.0


class MadeWith(NamedTuple):
    """sha256 of all that made the record, by path: below ``context/source/``, and below the model's folder."""

    source: Mapping[str, str] = {}
    weights: Mapping[str, str] = {}
    aux: Mapping[str, str] = {}


class Golden(NamedTuple):
    """The whole record.

    Attributes:
        entry: Each of :data:`ROLES` that the model has to its ``module:function``; ``predict`` is there.
        call: How they were called.
        samples: 1 to :data:`MAX_SAMPLES`.
        rule: What decides.
        stochastic: Whether outputs are the same only with seeds.
        tensors: The tensor file; None if no tensor is stored.
        calibration: What was tried when the model was frozen.
        envelope: The largest deviation of the calibration, in RMS of the record: the noise to expect.
        made_with: What the record was made with.
    """

    entry: Mapping[str, str]
    call: Call
    samples: tuple[Sample, ...]
    rule: Rule
    stochastic: bool = False
    tensors: File | None = None
    calibration: tuple[Trial, ...] = ()
    envelope: float = 0.0
    made_with: MadeWith = MadeWith()


def place(sample: str, stage: Stage, path: str) -> str:
    """Return the name under which a leaf's tensor is in a tensor file."""
    return f"{sample}/{stage}/{path}"


def parse(data: bytes, name: str) -> Golden:
    """Read a record strictly.

    Args:
        data: All bytes of the file.
        name: Its name, for messages.

    Raises:
        FormatError: With every fault; also if a single byte differs from what :func:`render` writes.
    """
    reader = Reader(name)
    golden = _golden(reader, strictjson.parse(data, name, limit=MAX_SIZE))
    reader.finish()
    strictjson.require_canonical(data, render(golden), name)
    return golden


def render(golden: Golden) -> bytes:
    """Return the one text of a record."""
    tensors = golden.tensors
    document = {
        "version": VERSION,
        "entry": dict(golden.entry),
        "call": {**golden.call._asdict(), "seeds": dict(golden.call.seeds)},
        "stochastic": golden.stochastic,
        "samples": [
            {"id": one.id, "input": one.input._asdict(), "stages": stages_form(one.stages)} for one in golden.samples
        ],
        "tensors": tensors and tensors._asdict(),
        "calibration": [
            {**one._asdict(), "max_rel": None if one.max_rel is None else one.max_rel.hex()}
            for one in golden.calibration
        ],
        "envelope": golden.envelope.hex(),
        "rule": {**golden.rule._asdict(), "limit": golden.rule.limit.hex()},
        "made_with": {part: dict(files) for part, files in golden.made_with._asdict().items()},
    }
    return strictjson.render_readable(document)


def stages_form(stages: Stages) -> dict[str, Any]:
    """Return the JSON form of what the stages gave."""
    return {stage: [leaf_form(leaf) for leaf in leaves] for stage, leaves in stages.items()}


def leaf_form(leaf: Leaf) -> dict[str, Any]:
    """Return the JSON form of a leaf: members that say nothing for its kind are left out."""
    form: dict[str, Any] = {"path": leaf.path, "kind": leaf.kind}
    if leaf.value is not None:
        form["value"] = leaf.value.hex() if isinstance(leaf.value, float) else leaf.value
    if leaf.sha256:
        form["sha256"] = leaf.sha256
    if leaf.kind == "tensor":
        form |= {"dtype": leaf.dtype, "shape": list(leaf.shape)}
    return form | {name: True for name in ("stored", "sliced") if getattr(leaf, name)}


def read_stages(reader: Reader, value: object, path: str) -> Stages:
    """Return what stages gave, from its JSON form; every fault goes to the reader."""
    found = reader.mapping(value, path, optional=STAGES)
    return {stage: _leaves(reader, found[stage], f"{path}.{stage}") for stage in STAGES if stage in found}


def _leaves(reader: Reader, value: object, path: str) -> tuple[Leaf, ...]:
    items = reader.array(value, path)
    leaves = tuple(_leaf(reader, item, f"{path}[{at}]") for at, item in enumerate(items))
    if len({leaf.path for leaf in leaves}) != len(leaves):
        reader.fault(path, "has two values of the same path")
    return leaves


# Kind: members that a leaf of it must have, and may have, besides path and kind.
_MEMBERS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "tensor": (("dtype", "shape", "sha256"), ("stored", "sliced")),
    "text": ((), ("value", "sha256")),
    "bytes": (("sha256",), ()),
    "number": (("value",), ()),
    "bool": (("value",), ()),
    "none": ((), ()),
}


def _leaf(reader: Reader, value: object, path: str) -> Leaf:
    kind = value.get("kind") if isinstance(value, dict) else None
    must, may = _MEMBERS.get(str(kind), ((), ()))
    found = reader.mapping(value, path, required=("path", "kind", *must), optional=may)
    if str(kind) not in _MEMBERS:
        reader.fault(f"{path}.kind", f"must be one of {', '.join(_MEMBERS)}")
        return Leaf("$", "none")
    where = _matching(reader, found.get("path"), f"{path}.path", _PATH)
    digest = reader.sha256(found["sha256"], f"{path}.sha256") if "sha256" in found else ""
    leaf = Leaf(where, cast(Kind, kind), _value(reader, kind, found, path), sha256=digest)
    if kind == "text" and ("value" in found) == bool(digest):
        reader.fault(path, "must have either value or sha256")
    return _tensor(reader, leaf, found, path) if kind == "tensor" else leaf


def _value(reader: Reader, kind: object, found: Mapping[str, Any], path: str) -> str | int | float | bool | None:
    if "value" not in found:
        return None
    value, where = found["value"], f"{path}.value"
    if kind == "bool":
        return reader.flag(value, where)
    if kind == "text":
        return reader.text(value, where)
    return reader.floating(value, where) if isinstance(value, str) else _whole(reader, value, where)


def _whole(reader: Reader, value: object, path: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    reader.fault(path, "must be an integer, or a text with a number in hexadecimal form")
    return 0


def _tensor(reader: Reader, leaf: Leaf, found: Mapping[str, Any], path: str) -> Leaf:
    axes = reader.array(found.get("shape", []), f"{path}.shape")
    shape = tuple(reader.integer(axis, f"{path}.shape[{at}]", least=0) for at, axis in enumerate(axes))
    dtype = reader.choice(found.get("dtype"), f"{path}.dtype", sorted(_TYPES))
    for name in ("stored", "sliced"):
        if name in found:
            reader.constant(found[name], f"{path}.{name}", expected=True)
    if "stored" in found and "sliced" in found:
        reader.fault(path, "is both stored and sliced")
    return leaf._replace(dtype=dtype, shape=shape, stored="stored" in found, sliced="sliced" in found)


def _golden(reader: Reader, value: object) -> Golden:
    members = ("version", *(name for name in Golden._fields))
    found = reader.mapping(value, "$", required=members, optional=())
    if "version" in found:
        reader.constant(found["version"], "$.version", VERSION)
    reader.finish()  # what a member holds is looked at only when all are there
    golden = Golden(
        entry=_entry(reader, found["entry"]),
        call=_call(reader, found["call"]),
        samples=_samples(reader, found["samples"]),
        rule=read_rule(reader, found["rule"], "$.rule"),
        stochastic=reader.flag(found["stochastic"], "$.stochastic"),
        tensors=None if found["tensors"] is None else _file(reader, found["tensors"], "$.tensors"),
        calibration=_calibration(reader, found["calibration"]),
        envelope=_measure(reader, found["envelope"], "$.envelope"),
        made_with=_made_with(reader, found["made_with"]),
    )
    _agreeing(reader, golden)
    return golden


def _agreeing(reader: Reader, golden: Golden) -> None:
    if golden.stochastic != bool(golden.call.seeds):
        reader.fault("$.call.seeds", "must be there for a stochastic model, and for no other")
    leaves = (leaf for sample in golden.samples for stage in sample.stages.values() for leaf in stage)
    if any(leaf.stored or leaf.sliced for leaf in leaves) != bool(golden.tensors):
        reader.fault("$.tensors", "must be there if a tensor is stored or sliced, and only then")


def _entry(reader: Reader, value: object) -> Mapping[str, str]:
    found = reader.mapping(value, "$.entry", required=("predict",), optional=ROLES)
    return {role: _function(reader, name, f"$.entry.{role}") for role, name in found.items() if role in ROLES}


def _function(reader: Reader, value: object, path: str) -> str:
    text = reader.text(value, path)
    module, _, name = text.partition(":")
    if text and not all(part.isidentifier() for part in (*module.split("."), *name.split("."))):
        reader.fault(path, "must be module:function")
    return text


def _call(reader: Reader, value: object) -> Call:
    found = reader.mapping(value, "$.call", required=Call._fields, optional=())
    seeds = reader.mapping(found.get("seeds", {}), "$.call.seeds")
    threads = found.get("threads")
    return Call(
        _matching(reader, found.get("device", ""), "$.call.device", _LINE),
        None if threads is None else reader.integer(threads, "$.call.threads", least=1),
        {_seeded(reader, name): reader.integer(seed, f"$.call.seeds.{name}", least=0) for name, seed in seeds.items()},
    )


def _seeded(reader: Reader, generator: str) -> str:
    return _matching(reader, generator, "$.call.seeds", _ID)


def _samples(reader: Reader, value: object) -> tuple[Sample, ...]:
    items = reader.array(value, "$.samples")
    if not 1 <= len(items) <= MAX_SAMPLES:
        reader.fault("$.samples", f"must be 1 to {MAX_SAMPLES}, not {len(items)}")
    samples = tuple(_sample(reader, item, f"$.samples[{at}]") for at, item in enumerate(items))
    if len({sample.id for sample in samples}) != len(samples):
        reader.fault("$.samples", "has two samples of the same id")
    return samples


def _sample(reader: Reader, value: object, path: str) -> Sample:
    found = reader.mapping(value, path, required=Sample._fields, optional=())
    stages = read_stages(reader, found.get("stages", {}), f"{path}.stages")
    if "output" not in stages:
        reader.fault(f"{path}.stages.output", "is missing")
    name = _matching(reader, found.get("id", "0"), f"{path}.id", _ID)
    return Sample(name, _input(reader, found.get("input"), f"{path}.input"), stages)


def _input(reader: Reader, value: object, path: str) -> Input:
    found = reader.mapping(value, path, required=Input._fields, optional=())
    kind = reader.choice(found.get("kind"), f"{path}.kind", get_args(InputKind))
    name = reader.text(found.get("name", ""), f"{path}.name")
    if (kind == "file" or name) and (not reader.relpath(name, f"{path}.name") or "/" in name or kind != "file"):
        reader.fault(f"{path}.name", "must be the name of a file, for a sample that is one, and else empty")
    return Input(
        cast(InputKind, kind),
        reader.sha256(found.get("sha256"), f"{path}.sha256"),
        reader.integer(found.get("size"), f"{path}.size", least=0),
        None if found.get("path") is None else reader.relpath(found["path"], f"{path}.path"),
        name,
    )


def _file(reader: Reader, value: object, path: str) -> File:
    found = reader.mapping(value, path, required=File._fields, optional=())
    return File(reader.relpath(found.get("path"), f"{path}.path"), reader.sha256(found.get("sha256"), f"{path}.sha256"))


def _calibration(reader: Reader, value: object) -> tuple[Trial, ...]:
    return tuple(
        _trial(reader, item, f"$.calibration[{at}]") for at, item in enumerate(reader.array(value, "$.calibration"))
    )


def _trial(reader: Reader, value: object, path: str) -> Trial:
    found = reader.mapping(value, path, required=Trial._fields, optional=())
    measured = found.get("max_rel")
    return Trial(
        _matching(reader, found.get("name", ""), f"{path}.name", _LINE),
        None if measured is None else _measure(reader, measured, f"{path}.max_rel"),
        _matching(reader, found.get("note", ""), f"{path}.note", _LINE),
    )


def _measure(reader: Reader, value: object, path: str) -> float:
    number = reader.floating(value, path)
    if not number >= 0.0:  # infinite, where a result was of another form; never a NaN
        reader.fault(path, "must not be negative")
    return number


def read_rule(reader: Reader, value: object, path: str) -> Rule:
    """Return a rule from its JSON form; every fault goes to the reader."""
    found = reader.mapping(value, path, required=Rule._fields, optional=())
    return Rule(
        cast(RuleKind, reader.choice(found.get("kind"), f"{path}.kind", get_args(RuleKind))),
        _of_leaf(reader, found.get("path"), f"{path}.path"),
        _of_leaf(reader, found.get("beside"), f"{path}.beside"),
        reader.integer(found.get("k"), f"{path}.k", least=1),
        _measure(reader, found.get("limit"), f"{path}.limit"),
    )


def _of_leaf(reader: Reader, value: object, path: str) -> str:
    return "" if value == "" else _matching(reader, value, path, _PATH)


def _made_with(reader: Reader, value: object) -> MadeWith:
    found = reader.mapping(value, "$.made_with", required=MadeWith._fields, optional=())
    return MadeWith(*(_digests(reader, found.get(part, {}), f"$.made_with.{part}") for part in MadeWith._fields))


def _digests(reader: Reader, value: object, path: str) -> Mapping[str, str]:
    files = reader.mapping(value, path)
    return {
        reader.relpath(name, path): reader.sha256(digest, f"{path}[{json.dumps(name)}]")
        for name, digest in files.items()
    }


def _matching(reader: Reader, value: object, path: str, pattern: re.Pattern[str]) -> str:
    text = reader.text(value, path)
    if isinstance(value, str) and not pattern.fullmatch(text):
        reader.fault(path, f"is {json.dumps(text[:80])}, which has no such form: see the specification")
    return text
