"""How equal results are to those of the record: to the bit, but for noise, in what they decide, or not."""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from sycee.core.decision import Side, Verdict, content, decide, gathered
from sycee.core.deviation import FLOORS, Deviation, allowed, array, measure, precision
from sycee.formats.golden import STAGES, Golden, Leaf, Sample, Stage, Stages, place
from sycee.formats.replay import LEVELS, Compared, Level, falls_short
from sycee.formats.tensorfile import SLICE, Tensor, sliced

__all__ = ["LEVELS", "Comparison", "LeafResult", "Level", "StageResult", "compare"]


class LeafResult(NamedTuple):
    """How equal one value is.

    Attributes:
        path: Where it stands; ``$.scores[*]`` for numbers with a fraction that stand side by side.
        level: ``bit``, ``numeric`` or ``fail``.
        words: What is not equal; empty for ``bit``.
        deviation: Where it could be measured.
        is_form: Whether it is of another kind, type or shape: then no rule can hold it to be the same.
    """

    path: str
    level: Level
    words: str = ""
    deviation: Deviation | None = None
    is_form: bool = False


class StageResult(NamedTuple):
    """How equal one stage of one sample is.

    Attributes:
        sample: The sample's id.
        stage: The stage.
        level: How equal, the decision included where it is taken by this stage.
        leaves: Each value.
        verdict: What the rule says, where it was asked.
    """

    sample: str
    stage: Stage
    level: Level
    leaves: tuple[LeafResult, ...]
    verdict: Verdict | None = None

    @property
    def max_rel(self) -> float:
        """The largest deviation, in RMS; infinite if the form is another."""
        if any(leaf.is_form for leaf in self.leaves):
            return math.inf
        return max((leaf.deviation.max_rel for leaf in self.leaves if leaf.deviation), default=0.0)

    @property
    def first(self) -> LeafResult | None:
        """The first value that is not equal to the bit: of those that fail, if there is one."""
        differing = [leaf for leaf in self.leaves if leaf.level != "bit"]
        return next((leaf for leaf in differing if leaf.level == "fail"), differing[0] if differing else None)

    @property
    def words(self) -> str:
        """What is not equal, in a line."""
        is_plain = self.first is not None and self.first.deviation is None
        if self.verdict and not self.verdict.holds and not is_plain:
            return self.verdict.words
        return f"{self.first.path} {self.first.words}" if self.first else "equal to the bit"

    @property
    def told(self) -> Compared:
        """The same for a report."""
        far = math.inf if self.first else 0.0
        deviation = (self.first and self.first.deviation) or Deviation(far, far, far, 0, same=False)
        return Compared(
            sample=self.sample,
            stage=self.stage,
            level=self.level,
            path=self.first.path if self.first else "",
            words=self.words if self.first else "",
            max_rel=_finite(self.max_rel),
            p999_rel=_finite(deviation.p999_rel),
            rms_rel=_finite(deviation.rms_rel),
            max_ulp=deviation.max_ulp,
        )


def _finite(measure: float) -> float | None:
    return measure if math.isfinite(measure) else None


class Comparison(NamedTuple):
    """How equal all results are.

    Attributes:
        stages: Every stage of every sample, in their order.
        waived: Stages that need not be equal.
    """

    stages: tuple[StageResult, ...]
    waived: frozenset[str] = frozenset()

    @property
    def level(self) -> Level:
        """How equal the worst is; a preprocessed stage is equal to the bit, or fails."""
        counted = [one for one in self.stages if one.stage not in self.waived]
        levels: list[Level] = [
            "fail" if one.stage == "preprocessed" and one.level != "bit" else one.level for one in counted
        ]
        return _worst(levels)

    def below(self, demanded: Level) -> tuple[StageResult, ...]:
        """Return what is less equal than demanded, the earliest stage first."""
        short = [one for one in self.stages if one.stage not in self.waived and falls_short(one, demanded)]
        return tuple(sorted(short, key=lambda one: STAGES.index(one.stage)))

    @property
    def words(self) -> str:
        """What is not equal, in a line."""
        worst = self.below("decision") or self.below("numeric") or self.below("bit")
        if worst:
            return f"{worst[0].stage} of sample {worst[0].sample}: {worst[0].words}"
        passed_over = {one.stage for one in self.stages if one.stage in self.waived and one.level != "bit"}
        if passed_over:
            names = ", ".join(stage for stage in STAGES if stage in passed_over)
            return f"equal to the bit, but for what was waived and differs: {names}"
        return "all samples are equal to the bit"


def _worst(levels: Iterable[Level]) -> Level:
    return min(levels, key=LEVELS.index, default="bit")


def compare(
    record: Golden,
    kept: Mapping[str, Tensor],
    found: Mapping[str, Stages],
    tensors: Mapping[str, Tensor],
    waived: Collection[str] = (),
) -> Comparison:
    """Compare results with a record.

    Args:
        record: What is expected.
        kept: The tensors of the record's tensor file.
        found: What each sample gave here.
        tensors: The tensors of that, under :func:`sycee.formats.golden.place`.
        waived: Stages that need not be equal.
    """
    results: list[StageResult] = []
    for sample in record.samples:
        at_hand = _AtHand(sample, found.get(sample.id, {}), kept, tensors, record.envelope)
        results += _of_sample(at_hand, record)
    return Comparison(tuple(results), frozenset(waived))


class _AtHand(NamedTuple):
    """What is known of one sample."""

    sample: Sample
    found: Stages
    kept: Mapping[str, Tensor]
    tensors: Mapping[str, Tensor]
    envelope: float

    def sides(self, stage: Stage) -> tuple[Side, Side]:
        """Return what a stage gave then, and here; of what was sliced then, the same elements."""
        then = self.sample.stages[stage]
        expected = self._side(stage, then, self.kept)
        found = self._side(stage, in_order_of(then, self.found.get(stage, ())), self.tensors)
        slices = {
            path: sliced(tensor)
            for path, tensor in found.tensors.items()
            if path in expected.leaves and expected.leaves[path].sliced and math.prod(tensor.shape) > SLICE
        }
        return expected, found._replace(tensors={**found.tensors, **slices})

    def _side(self, stage: Stage, leaves: tuple[Leaf, ...], tensors: Mapping[str, Tensor]) -> Side:
        named = {leaf.path: leaf for leaf in leaves if not isinstance(leaf.value, float)}
        places = {path: place(self.sample.id, stage, path) for path in named}
        at_hand = {path: tensors[where] for path, where in places.items() if where in tensors}
        return Side(named, {**at_hand, **gathered(leaves)})


def in_order_of(then: Sequence[Leaf], here: Sequence[Leaf]) -> tuple[Leaf, ...]:
    """Return leaves in the order of those of the record: a mapping may be filled in any order."""
    order = {leaf.path: number for number, leaf in enumerate(then)}
    return tuple(sorted(here, key=lambda leaf: order.get(leaf.path, len(order))))


def _of_sample(known: _AtHand, record: Golden) -> Iterator[StageResult]:
    stages = known.sample.stages
    deciding: Stage = "decision" if "decision" in stages else "output"
    results = {stage: _of_stage(known, stage) for stage in STAGES if stage in stages}
    results[deciding] = _decided(results[deciding], known, record)
    if deciding == "decision" and results["decision"].level != "fail":
        results["output"] = _outvoted(results["output"])
    yield from results.values()


def _outvoted(output: StageResult) -> StageResult:
    """Return an output of which the decision was still the same."""
    if output.level != "fail" or any(leaf.is_form for leaf in output.leaves):
        return output
    return output._replace(level="decision")


def _decided(result: StageResult, known: _AtHand, record: Golden) -> StageResult:
    """Return the result of the stage that decides, with what the rule says of it."""
    if result.level == "bit" or any(leaf.is_form for leaf in result.leaves):
        return result
    expected, found = known.sides(result.stage)
    types = [precision(one) for one in expected.tensors.values() if one.dtype in FLOORS]
    tolerance = max((allowed(dtype, record.envelope) for dtype in types), default=0.0)
    verdict = decide(record.rule, expected, found, tolerance)
    level: Level = "fail" if not verdict.holds else "decision" if result.level == "fail" else result.level
    return result._replace(level=level, verdict=verdict)


def _of_stage(known: _AtHand, stage: Stage) -> StageResult:
    if stage not in known.found:
        gone = LeafResult("$", "fail", "is not here", is_form=True)
        return StageResult(known.sample.id, stage, "fail", (gone,))
    leaves = (
        *_leaves(*known.sides(stage), known.envelope),
        *_elsewhere(known.sample.stages[stage], known.found[stage]),
    )
    return StageResult(known.sample.id, stage, _worst(leaf.level for leaf in leaves), leaves)


def _leaves(expected: Side, found: Side, envelope: float) -> Iterator[LeafResult]:
    for path in dict.fromkeys((*expected.leaves, *found.leaves)):
        one, two = expected.leaves.get(path), found.leaves.get(path)
        if one is None or two is None:
            yield LeafResult(path, "fail", "is not here" if two is None else "is new", is_form=True)
        elif (one.kind, one.dtype, one.shape) != (two.kind, two.dtype, two.shape):
            yield LeafResult(path, "fail", f"was {_form(one)} and is {_form(two)}", is_form=True)
        elif content(one) == content(two):
            yield LeafResult(path, "bit")
        elif one.kind == "tensor":
            yield _of_tensor(one, expected.tensors.get(path), found.tensors.get(path), envelope)
        else:
            yield LeafResult(path, "fail", f"was {_shown(one)} and is {_shown(two)}")
    for path in dict.fromkeys((*expected.tensors, *found.tensors)):
        if path not in expected.leaves and path not in found.leaves:
            yield _of_numbers(path, expected.tensors.get(path), found.tensors.get(path), envelope)


def _elsewhere(then: Sequence[Leaf], here: Sequence[Leaf]) -> Iterator[LeafResult]:
    """Yield the numbers with a fraction that stand where none did, or no longer do: under another class, say."""
    one, two = (dict.fromkeys(leaf.path for leaf in side if isinstance(leaf.value, float)) for side in (then, here))
    for path in dict.fromkeys((*one, *two)):
        if path not in one or path not in two:
            yield LeafResult(path, "fail", "is not here" if path in one else "is new", is_form=True)


def _form(leaf: Leaf) -> str:
    return (
        f"{leaf.dtype} {list(leaf.shape)}" if leaf.kind == "tensor" else {"none": "nothing"}.get(leaf.kind, leaf.kind)
    )


def _shown(leaf: Leaf) -> str:
    if leaf.value is None:
        return f"{leaf.kind} {leaf.sha256[:12]}"
    text = leaf.value if isinstance(leaf.value, str) else repr(leaf.value)
    short = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return repr(short) if isinstance(leaf.value, str) else short


_SHOWN = 56  # characters of a text


def _of_tensor(leaf: Leaf, one: Tensor | None, two: Tensor | None, envelope: float) -> LeafResult:
    if one is None or two is None:
        return LeafResult(leaf.path, "fail", "differs, and its elements were not kept")
    if leaf.dtype in FLOORS:
        result = _measured(leaf.path, one, two, envelope)
        return result._replace(level="numeric") if result.level == "bit" and leaf.sliced else result
    differing = int((array(one) != array(two)).sum()) if leaf.dtype in _PLAIN else 0
    return LeafResult(leaf.path, "fail", f"{differing:,} of its {math.prod(one.shape):,} elements differ")


_PLAIN = {"bool", *(f"{sign}int{bits}" for sign in ("u", "") for bits in (8, 16, 32, 64))}


def _of_numbers(path: str, one: Tensor | None, two: Tensor | None, envelope: float) -> LeafResult:
    if one is None or two is None or one.shape != two.shape:
        counts = [tensor.shape[0] if tensor else 0 for tensor in (one, two)]
        return LeafResult(path, "fail", f"was {counts[0]} numbers and is {counts[1]}", is_form=True)
    return LeafResult(path, "bit") if one.data == two.data else _measured(path, one, two, envelope)


def _measured(path: str, one: Tensor, two: Tensor, envelope: float) -> LeafResult:
    deviation = measure(one, two)
    if deviation.same:
        return LeafResult(path, "bit", deviation=deviation)
    limit = allowed(precision(one), envelope)
    words = f"differs by {deviation.max_rel:.2g} of its size (RMS), where {limit:.2g} is noise"
    return LeafResult(path, "numeric" if deviation.max_rel <= limit else "fail", words, deviation)
