"""What a difference looks like: swapped channels, another padding, rounded numbers have a face of their own.

That a stage differs, and what was changed, are facts. Many mistakes of a service leave no such fact, for they stand in
its own code. But the values tell: each channel of what came out is another channel of what was recorded. A pattern is
named only if it turns *all* recorded values of the first leaf that differs into those that came out.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import permutations
from typing import Any, NamedTuple

from sycee.core.deviation import array, rms
from sycee.formats.golden import Golden, Leaf, Sample, Stage, Stages, place
from sycee.formats.tensorfile import Tensor

_NEAR = 2e-5  # in RMS; what float32 loses when it is scaled and shifted
_LAST = 1.2e-7  # of the largest element: its last bit in float32
_FEW = 0.02  # share of elements that are off where nothing else is
_COARSE = 0.1  # in RMS; nearer than this is what was computed in fewer bits
_PICTURE, _NEARLY = 64, 0.05  # elements; in RMS of what varies
_CHANNELS = (2, 3, 4)


class Known(NamedTuple):
    """What a stage was compared by.

    Attributes:
        golden: The record.
        tensors: Its tensors.
        stages: What came out, by sample.
        found: The tensors that came out.
    """

    golden: Golden
    tensors: Mapping[str, Tensor]
    stages: Mapping[str, Stages]
    found: Mapping[str, Tensor]


def likeness(known: Known, sample: str, stage: Stage) -> str:
    """Return what a difference looks like; nothing if it looks like nothing that is known.

    Args:
        known: The record, and what came out.
        sample: The sample.
        stage: Its stage that differs.
    """
    recorded = next(one for one in known.golden.samples if one.id == sample)
    before, after = recorded.stages.get(stage, ()), known.stages.get(sample, {}).get(stage, ())
    if other := _of_another(known, sample, stage, after):
        return f"what sample {other} gave"
    if all(leaf.kind == "text" and leaf.value is not None for leaf in (*before, *after)):
        return _texts([str(leaf.value) for leaf in before], [str(leaf.value) for leaf in after])
    theirs = {leaf.path: leaf for leaf in after}
    for leaf in before:
        if leaf.path in theirs and not _same(leaf, theirs[leaf.path]):
            return _leaves(known, place(sample, stage, leaf.path), leaf, theirs[leaf.path])
    return ""


def _same(one: Leaf, two: Leaf) -> bool:
    return one._replace(stored=False, sliced=False) == two._replace(stored=False, sliced=False)


def _of_another(known: Known, sample: str, stage: Stage, after: Sequence[Leaf]) -> str:
    """Return the sample whose recorded values these are; those of the sample itself are no other's."""

    def gave(one: Sample) -> bool:
        leaves = one.stages.get(stage, ())
        return len(leaves) == len(after) > 0 and all(map(_same, leaves, after))

    return next((one.id for one in known.golden.samples if one.id != sample and gave(one)), "")


def _texts(before: list[str], after: list[str]) -> str:
    if before[::-1] == after:
        return "the same in reverse order"
    if sorted(before) == sorted(after):
        return "the same in another order"
    if [text.casefold() for text in before] == [text.casefold() for text in after]:
        return "other upper and lower case"
    shorter = min(len(before), len(after))
    if len(before) != len(after) and before[:shorter] == after[:shorter]:
        return f"{len(after)} values instead of {len(before)}"
    one, two = next(((one, two) for one, two in zip(before, after, strict=False) if one != two), ("", ""))
    return f"{two!r} where {one!r} was" if max(len(one), len(two)) <= 40 else ""


def _leaves(known: Known, where: str, one: Leaf, two: Leaf) -> str:
    if one.kind != "tensor" or two.kind != "tensor":
        return ""
    words = [f"{two.dtype} instead of {one.dtype}"] if one.dtype != two.dtype else []
    before, after = known.tensors.get(where), known.found.get(where)
    if one.sliced or before is None or after is None:
        return ", ".join(words)
    first, second = array(before), array(after)
    if first.shape != second.shape:
        return ", ".join([*words, _shapes(first, second)])
    return ", ".join([*words, *filter(None, [_values(first, second)])])


def _shapes(one: Any, two: Any) -> str:
    import numpy as np

    told = f"shape {_listed(two.shape)} instead of {_listed(one.shape)}"
    if sorted(one.shape) == sorted(two.shape):
        for order in permutations(range(one.ndim)):
            if one.transpose(order).shape == two.shape and np.array_equal(one.transpose(order), two, equal_nan=True):
                return f"axes in the order {_listed(order)}"
    if one.size == two.size and np.array_equal(one.ravel(), two.ravel(), equal_nan=True):
        return f"{told}, the values are the same"
    return told


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers)).join("()")


def _values(one: Any, two: Any) -> str:
    """Return what turns the first array into the second, of the same shape; the simplest that does."""
    import numpy as np

    if np.array_equal(one, two, equal_nan=one.dtype.kind == "f" and two.dtype.kind == "f"):
        return ""
    tried = (_moved, _few, _integers) if one.dtype.kind in "iub" else _OF_NUMBERS
    return next(filter(None, (pattern(one, two) for pattern in tried)), "")


def _moved(one: Any, two: Any) -> str:
    import numpy as np

    for words, moved in _moves(one):
        if moved.shape == two.shape and np.array_equal(moved, two, equal_nan=True):
            return words
    return ""


def _nearly_moved(one: Any, two: Any) -> str:
    """Return how a picture was turned before it was scaled: then pixels are a level off here and there."""
    import numpy as np

    if one.size < _PICTURE or not (np.isfinite(one).all() and np.isfinite(two).all()):
        return ""
    few = _NEARLY * rms(two - two.mean())
    if rms(one.astype("f8") - two) < few:
        return "nearly the same picture, decoded or scaled in another way"
    for words, moved in _moves(one):
        if moved.shape == two.shape and rms(moved.astype("f8") - two) < few:
            return f"{words}, before it was scaled"
    return ""


def _moves(one: Any) -> Iterator[tuple[str, Any]]:
    """Yield an array with its elements at other places, channels first, and how that is called."""
    axes = [axis for axis, length in enumerate(one.shape) if length > 1]
    for axis in axes:
        if one.shape[axis] in _CHANNELS and one.ndim > 2:
            for order in permutations(range(one.shape[axis])):
                yield _reordered(order), one.take(order, axis)
    wide = [axis for axis in axes if one.shape[axis] not in _CHANNELS or one.ndim < 3]
    if len(wide) > 1:
        yield from _turned(one, wide[-2], wide[-1])


def _turned(one: Any, height: int, width: int) -> Iterator[tuple[str, Any]]:
    """Yield the eight ways in which a picture can lie, but the one in which it does."""
    import numpy as np

    across = one.swapaxes(height, width)
    yield "mirrored left to right", np.flip(one, width)
    yield "mirrored top to bottom", np.flip(one, height)
    yield "turned by 180 degrees", np.flip(one, (height, width))
    yield "height and width exchanged", across
    yield "turned by 90 degrees", np.flip(across, width)
    yield "turned by 90 degrees", np.flip(across, height)
    yield "height and width exchanged, turned by 180 degrees", np.flip(across, (height, width))


def _reordered(order: Sequence[int]) -> str:
    if list(order) == sorted(order, reverse=True):
        return "swapped colour channels: these are in reverse order" if len(order) == 3 else "channels in reverse order"
    return f"channels in the order {', '.join(map(str, order))}"


def _missing(one: Any, two: Any) -> str:
    """Return how many numbers became none."""
    import numpy as np

    count = int((np.isnan(two) & ~np.isnan(one)).sum())
    return f"NaN where {count:,} of {one.size:,} numbers were" if count else ""


def _zeros(_: Any, two: Any) -> str:
    return "" if two.any() or two.size < 2 else "nothing but zeros"


def _same_digits(one: Any, two: Any) -> str:
    return "the same but for the last digits" if _near(one, two) else ""


def _few(one: Any, two: Any) -> str:
    """Return how many elements are off, if they are few."""
    import numpy as np

    off = one != two
    count = int(off.sum())
    if one.size < 20 or count > max(1, _FEW * one.size) or (one.dtype.kind == "f" and not np.isfinite(one - two).all()):
        return ""
    by = abs(two[off].astype("f8") - one[off].astype("f8")).max(initial=0)
    return f"{count:,} of {one.size:,} values alone off, by {'up to ' if count > 1 else ''}{by:.3g}"


def _integers(one: Any, two: Any) -> str:
    """Return how token ids moved, or where they part."""
    import numpy as np

    flat, other = one.ravel(), two.ravel()
    for shift in range(1, flat.size):
        if np.array_equal(np.roll(flat, shift), other) and flat[-1] == flat[flat.size - shift]:
            return f"the same after {shift} more at the front: padding on the other side"
    parted = int((flat != other).argmax())
    return f"{other[parted]} where {flat[parted]} was, at position {parted}" if flat[parted] != other[parted] else ""


def _functions(one: Any, two: Any) -> str:
    """Return the function that was applied once more than in the record, or was not."""
    import numpy as np

    if one.ndim == 0 or one.shape[-1] < 2:
        return ""
    with np.errstate(all="ignore"):
        for words, function in _FUNCTIONS.items():
            if _near(function(one.astype("f8")), two):
                return f"{words} of it"
            if _near(function(two.astype("f8")), one):
                return f"{words} left out"
    return ""


def _softmax(values: Any) -> Any:
    import numpy as np

    grown = np.exp(values - values.max(-1, keepdims=True))
    return grown / grown.sum(-1, keepdims=True)


def _log_softmax(values: Any) -> Any:
    import numpy as np

    return np.log(_softmax(values))


def _sigmoid(values: Any) -> Any:
    import numpy as np

    return 1 / (1 + np.exp(-values))


def _unit(values: Any) -> Any:
    import numpy as np

    return values / np.linalg.norm(values, axis=-1, keepdims=True)


_FUNCTIONS: Mapping[str, Callable[[Any], Any]] = {
    "softmax": _softmax,
    "log softmax": _log_softmax,
    "sigmoid": _sigmoid,
    "scaling to length 1": _unit,
}


def _near(one: Any, two: Any) -> bool:
    """Tell whether two arrays are equal but for what arithmetic loses."""
    import numpy as np

    moved = abs(one - two.astype("f8"))
    return bool(np.isfinite(moved).all() and moved.max(initial=0) <= _NEAR * max(rms(two.astype("f8")), 1e-30))


def _channels(one: Any, two: Any) -> str:
    """Return how channels were exchanged or scaled, as another normalisation does."""
    if line := _line(one, two):
        return f"all values {_scaled(*line)}"
    for axis in [axis for axis, length in enumerate(one.shape) if length in _CHANNELS and one.ndim > 2]:
        count = one.shape[axis]
        for order in permutations(range(count)):
            lines = [_line(one.take(source, axis), two.take(channel, axis)) for channel, source in enumerate(order)]
            if all(lines):
                return _normalised(order, [line for line in lines if line])
    return ""


def _normalised(order: Sequence[int], lines: Sequence[tuple[float, float]]) -> str:
    if list(order) != sorted(order):
        return f"{_reordered(order)}, and then normalised as the ones at their places are"
    return f"another normalisation: channel 0 {_scaled(*lines[0])}, channel 1 {_scaled(*lines[1])}"


def _scaled(factor: float, offset: float) -> str:
    return f"times {factor:.4g}" + (f" {'+' if offset > 0 else '-'} {abs(offset):.4g}" if abs(offset) > _NEAR else "")


def _line(one: Any, two: Any) -> tuple[float, float] | None:
    """Return factor and offset that turn the first array into the second; None if none do, or any would."""
    import numpy as np

    x, y = one.ravel().astype("f8"), two.ravel().astype("f8")
    if x.size < 3 or not (np.isfinite(x).all() and np.isfinite(y).all()) or min(x.std(), y.std()) < _NEAR:
        return None
    factor = float((x * y).sum() / (x * x).sum())
    if abs(factor * x - y).max() <= 4 * _NEAR * y.std():
        return factor, 0.0
    if x.size < 8:  # too few to tell a line by
        return None
    factor = float(((x - x.mean()) * (y - y.mean())).mean() / x.var())
    offset = float(y.mean() - factor * x.mean())
    return (factor, offset) if abs(factor * x + offset - y).max() <= 4 * _NEAR * y.std() else None


def _rounded(one: Any, two: Any) -> str:
    """Return to what the elements were rounded."""
    import numpy as np

    if not np.isfinite(two).all():
        return ""
    for digits in range(6):
        if abs(np.round(one, digits) - two).max(initial=0) <= _LAST * abs(two).max(initial=0):
            return f"rounded to {digits} decimals" if digits else "rounded to whole numbers"
    with np.errstate(over="ignore"):
        if np.array_equal(one.astype("f2").astype(one.dtype), two):
            return "rounded to float16"
        return _narrow(one, two)


def _narrow(one: Any, two: Any) -> str:
    """Return the type that came out's numbers all fit into, where those of the record do not."""
    import numpy as np

    if one.dtype != np.float32 or one.size < 2 or not rms(one.astype("f8") - two) < _COARSE * rms(one):
        return ""
    if _in_bfloat16(two) and not _in_bfloat16(one):
        return "computed in bfloat16"
    return "computed in float16" if _in_float16(two) and not _in_float16(one) else ""


def _in_bfloat16(values: Any) -> bool:
    return not (values.astype("<f4").view("<u4") & 0xFFFF).any()


def _in_float16(values: Any) -> bool:
    import numpy as np

    return bool(np.array_equal(values.astype("f2").astype(values.dtype), values))


_OF_NUMBERS = (_missing, _zeros, _moved, _few, _rounded, _same_digits, _functions, _channels, _nearly_moved)
