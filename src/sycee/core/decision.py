"""When two results decide the same, although their numbers are not the same: one rule for each sort of task."""

import math
import re
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, get_args

from sycee.core.deviation import array, rms
from sycee.digest import sha256_hex
from sycee.errors import UsageError
from sycee.formats.golden import Leaf, Rule, RuleKind, Sample
from sycee.formats.tensorfile import Tensor

# What suffices where a rule has no limit of its own: see :class:`sycee.formats.golden.Rule`.
USUAL: Mapping[RuleKind, float] = {"boxes": 0.99, "cosine": 0.9999, "exact": 1e-2, "regression": 1e-3, "tokens": 1e-2}
MARGIN = 2.0  # two candidates may each move by the tolerance, towards each other

_POSITION = re.compile(r"\[[0-9]+\]")
_FLOATING = ("float", "bfloat")
_CLASSES = re.compile(r"classif|sentiment|\bner\b|tagging|token|recogni|segment|digit|language-id", re.IGNORECASE)
_BOXES = re.compile(r"\$(?:.*\.)?(?:pred_)?boxes")
_BESIDE = re.compile(r"\$(?:.*\.)?(?:pred_)?(?:labels|classes|class_ids)")


class Side(NamedTuple):
    """What a stage gave.

    Attributes:
        leaves: By path, without numbers that have a fraction.
        tensors: Those that are there as a whole by path, such numbers among them: see :func:`gathered`.
    """

    leaves: Mapping[str, Leaf]
    tensors: Mapping[str, Tensor]


class Verdict(NamedTuple):
    """Whether two results decide the same, and what there is to say about it."""

    holds: bool
    words: str = ""


def rule_for(given: object, task: str, samples: Sequence[Sample]) -> Rule:
    """Return the rule of a record.

    Args:
        given: What the user said: None, the name of a rule, or a mapping with the members of a
            :class:`~sycee.formats.golden.Rule`, its kind under ``rule``.
        task: The card's task.
        samples: The record's samples.

    Raises:
        UsageError: If that names no rule.
    """
    if given is None:
        return guess_rule(task, samples[0].stages.get("decision") or samples[0].stages["output"])
    members: Mapping[str, Any] = given if isinstance(given, Mapping) else {"rule": given}
    others = {name: value for name, value in members.items() if name != "rule"}
    kinds = get_args(RuleKind)
    if members.get("rule") not in kinds or not all(_is_member(name, value) for name, value in others.items()):
        raise UsageError(
            f"{_shown(given)} is no rule for decisions",
            hint=f"give one of {', '.join(kinds)}, or {{'rule': 'topk', 'k': 5, 'path': '$.logits'}}",
        )
    return Rule(members["rule"], **others)


def _shown(given: object) -> str:
    """Return what was given, unless that names an address of memory."""
    return repr(given) if isinstance(given, str | int | float | Mapping) else f"a {type(given).__name__}"


def _is_member(name: str, value: object) -> bool:
    if name in {"path", "beside"}:
        return isinstance(value, str) and value.startswith("$")
    if name == "k":
        return type(value) is int and value > 0
    return name == "limit" and isinstance(value, float) and 0 < value < math.inf


def guess_rule(task: str, leaves: Sequence[Leaf]) -> Rule:
    """Return the rule that fits a task and the form of its results.

    Args:
        task: The card's task.
        leaves: What the deciding stage gave for a sample.
    """
    boxes = next((leaf.path for leaf in leaves if _BOXES.fullmatch(leaf.path) and leaf.shape[-1:] == (4,)), "")
    if boxes:
        return Rule("boxes", boxes, next((leaf.path for leaf in leaves if _BESIDE.fullmatch(leaf.path)), ""))
    shapes = {leaf.path: leaf.shape for leaf in leaves if leaf.dtype.startswith(_FLOATING)}
    shapes |= {path: tensor.shape for path, tensor in gathered(leaves).items()}
    if not shapes or any(not leaf.dtype.startswith(_FLOATING) and type(leaf.value) is not float for leaf in leaves):
        return Rule("exact")
    path = next(iter(shapes)) if len(shapes) == 1 else ""
    if all(shape[-1:] in {(), (1,)} for shape in shapes.values()):
        return Rule("regression", path)
    return Rule("top1" if _CLASSES.search(task) else "cosine", path)


def gathered(leaves: Iterable[Leaf]) -> dict[str, Tensor]:
    """Return the numbers with a fraction as tensors: what stands side by side in lists is measured by its common size.

    Args:
        leaves: What a stage gave.

    Returns:
        By path, with ``[*]`` for positions.
    """
    families: dict[str, list[float]] = {}
    for leaf in leaves:
        if isinstance(leaf.value, float):
            families.setdefault(_POSITION.sub("[*]", leaf.path), []).append(leaf.value)
    return {
        path: Tensor("float64", (len(values),), struct.pack(f"<{len(values)}d", *values))
        for path, values in families.items()
    }


def content(leaf: Leaf) -> object:
    """Return what is equal for equal values, however they are kept."""
    if leaf.kind == "text" and isinstance(leaf.value, str):
        return sha256_hex(leaf.value.encode())
    return leaf.sha256 or (type(leaf.value), leaf.value)


def decide(rule: Rule, expected: Side, found: Side, tolerance: float) -> Verdict:
    """Tell whether two results decide the same.

    Args:
        rule: How to tell.
        expected: What the stage gave when the model was frozen.
        found: What it gave here, in the same form.
        tolerance: The largest deviation that is noise, in RMS: a narrower decision than that may fall either way.
    """
    if rule.kind == "exact":
        return _exact(rule, expected, found)
    pairs = [(path, expected.tensors[path], found.tensors.get(path)) for path in _deciding(rule, expected)]
    if not pairs:
        return Verdict(holds=False, words=f"there is nothing to decide by at {rule.path or '$'}")
    for path, one, two in pairs:
        if two is None or one.shape != two.shape:
            return Verdict(holds=False, words=f"{path} has another shape")
        pair = _Pair(array(one), array(two))
        if _has_new_nan(pair):
            return Verdict(holds=False, words=f"{path} is no number (NaN), where it was one")
        verdict = _RULES[rule.kind](pair, rule, (expected, found, tolerance))
        if not verdict.holds:
            return Verdict(holds=False, words=f"{path}: {verdict.words}")
    return Verdict(holds=True)


def _has_new_nan(pair: "_Pair") -> bool:
    """Tell whether an element is no number that was one: it can be neither large nor near."""
    return bool(((pair.found != pair.found) & (pair.expected == pair.expected)).any())


def _deciding(rule: Rule, side: Side) -> Iterable[str]:
    """Return the paths that a rule looks at."""
    if rule.path:
        return [rule.path] if rule.path in side.tensors else []
    whole = rule.kind in {"boxes", "tokens"}
    return [path for path, one in side.tensors.items() if whole or one.dtype.startswith(_FLOATING)]


def _exact(rule: Rule, expected: Side, found: Side) -> Verdict:
    for path, leaf in expected.leaves.items():
        is_kept = leaf.dtype.startswith(_FLOATING) and path in expected.tensors
        if not is_kept and (path not in found.leaves or content(leaf) != content(found.leaves[path])):
            return Verdict(holds=False, words=f"{path} is another")
    limit = rule.limit or USUAL["exact"]
    for path in _deciding(Rule("regression"), expected):
        one, two = (side.tensors.get(path) for side in (expected, found))
        if one is None or two is None or one.shape != two.shape or not _keeps(one, two, limit):
            return Verdict(holds=False, words=f"{path} moved by more than {limit:g} of its size")
    return Verdict(holds=True)


def _keeps(one: Tensor, two: Tensor, limit: float) -> bool:
    expected = array(one)
    return _near(expected, array(two), limit * (rms(expected) or 1.0))


class _Pair(NamedTuple):
    """Two arrays of one shape."""

    expected: Any
    found: Any

    def rows(self) -> Iterator[tuple[Any, Any]]:
        """Yield both along the last axis."""
        length = self.expected.shape[-1] if self.expected.ndim else 1
        yield from zip(self.expected.reshape(-1, length), self.found.reshape(-1, length), strict=True)


_Sides = tuple[Side, Side, float]


def _topk(pair: _Pair, rule: Rule, sides: _Sides) -> Verdict:
    """Demand the same k largest along the last axis, unless those that changed places were nearly equal.

    As many as there are, or more, would always be the same: then k is one less, and a single value must be near.
    """
    candidates = pair.expected.shape[-1] if pair.expected.ndim else 1
    if candidates <= 1:
        return _regression(pair, rule, sides)
    narrow = MARGIN * sides[2] * rms(pair.expected)
    for number, (one, two) in enumerate(pair.rows()):
        first, second = (set(_largest(row, min(rule.k, candidates - 1))) for row in (one, two))
        lost, won = first - second, second - first
        gap = max((float(one[at]) for at in lost), default=0.0) - min((float(one[at]) for at in won), default=0.0)
        if lost and not gap < narrow:
            return Verdict(holds=False, words=f"{_named(won)} instead of {_named(lost)} at position {number}")
    return Verdict(holds=True)


def _largest(row: Any, k: int) -> list[int]:
    return [int(at) for at in (-row.astype("f8")).argsort(kind="stable")[:k]]


def _named(classes: set[int]) -> str:
    return ", ".join(map(str, sorted(classes)))


def _cosine(pair: _Pair, rule: Rule, _: _Sides) -> Verdict:
    """Demand the same direction along the last axis."""
    limit = rule.limit or USUAL["cosine"]
    for number, (one, two) in enumerate(pair.rows()):
        cosine = _angle(one.astype("f8"), two.astype("f8"))
        if not cosine >= limit:
            return Verdict(holds=False, words=f"cosine {cosine:.6f} at position {number}, at least {limit:g} is needed")
    return Verdict(holds=True)


def _angle(one: Any, two: Any) -> float:
    lengths = math.sqrt(float(one @ one)), math.sqrt(float(two @ two))
    if not all(lengths):
        return float(lengths[0] == lengths[1])
    return float(one @ two) / lengths[0] / lengths[1]


def _regression(pair: _Pair, rule: Rule, _: _Sides) -> Verdict:
    """Demand that no value moved further than the limit: in the unit of the output if the user gave it, else in RMS."""
    limit = rule.limit or USUAL["regression"] * rms(pair.expected)
    return Verdict(_near(pair.expected, pair.found, limit), f"moved by more than {limit:g}")


def _near(one: Any, two: Any, limit: float) -> bool:
    import numpy as np

    return bool(np.isclose(two, one, rtol=0.0, atol=limit, equal_nan=True).all())


def _tokens(pair: _Pair, rule: Rule, sides: _Sides) -> Verdict:
    """Demand the same tokens, up to the first that was chosen by less than the limit before the next best."""
    gaps = sides[0].tensors.get(rule.beside)
    narrow = array(gaps).reshape(-1) < (rule.limit or USUAL["tokens"]) if gaps is not None else []
    at = 0
    for one, two in pair.rows():
        for other, token in enumerate(one):
            if token != two[other]:
                return Verdict(holds=False, words=f"token {two[other]} instead of {token} at position {at + other}")
            if at + other < len(narrow) and narrow[at + other]:
                break
        at += len(one)
    return Verdict(holds=True)


def _boxes(pair: _Pair, rule: Rule, sides: _Sides) -> Verdict:
    """Demand for each box (x1, y1, x2, y2) one of the same class in nearly the same place."""
    limit = rule.limit or USUAL["boxes"]
    classes = [
        array(side.tensors[rule.beside]).reshape(-1) if rule.beside in side.tensors else None for side in sides[:2]
    ]
    left = list(range(len(pair.found.reshape(-1, 4))))
    for number, box in enumerate(pair.expected.reshape(-1, 4)):
        same = [at for at in left if classes[0] is None or classes[1] is None or classes[0][number] == classes[1][at]]
        best = max(same, key=lambda at: _overlap(box, pair.found.reshape(-1, 4)[at]), default=None)
        if best is None or not _overlap(box, pair.found.reshape(-1, 4)[best]) >= limit:
            return Verdict(holds=False, words=f"box {number} has no counterpart of its class")
        left.remove(best)
    return Verdict(holds=True)


def _overlap(one: Any, two: Any) -> float:
    """Return the area that two boxes share, by the area that they cover."""
    one, two = [float(edge) for edge in one], [float(edge) for edge in two]
    if one == two:
        return 1.0
    width, height = (min(one[at + 2], two[at + 2]) - max(one[at], two[at]) for at in (0, 1))
    shared = max(width, 0.0) * max(height, 0.0)
    covered = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, two)) - shared
    return shared / covered if covered > 0.0 else 0.0


_RULES: Mapping[str, Callable[[_Pair, Rule, _Sides], Verdict]] = {
    "boxes": _boxes,
    "cosine": _cosine,
    "regression": _regression,
    "tokens": _tokens,
    "top1": lambda pair, rule, sides: _topk(pair, rule._replace(k=1), sides),
    "topk": _topk,
}
