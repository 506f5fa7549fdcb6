"""How far a tensor is from the expected one, measured by the size of what was expected.

Absolute limits know nothing of a model's scale, and a count of representable numbers in between explodes around zero,
where a harmless rounding passes a million of them. The root of the mean square of the expected tensor is a measure
that fits every model; the facts behind the floors are in ``docs/spec/replay.md``.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from sycee.errors import CannotRun
from sycee.formats.tensorfile import Tensor

FACTOR = 8.0  # how many times the noise of the calibration is still noise

# The noise of a type of numbers where the calibration found less, in RMS.
FLOORS: Mapping[str, float] = {"float64": 1e-12, "float32": 5e-6, "float16": 2e-3, "bfloat16": 1.6e-2}

# What is never noise, whatever the calibration found, in RMS: a model so unstable does not come out the same.
CEILINGS: Mapping[str, float] = {"float64": 5e-3, "float32": 5e-3, "float16": 5e-2, "bfloat16": 1e-1}


class Deviation(NamedTuple):
    """How far a tensor is from the expected one, in RMS of the finite elements of that.

    Attributes:
        max_rel: The largest deviation of an element; infinite where one of the two is no finite number.
        p999_rel: What 99.9 % of the elements do not exceed.
        rms_rel: Root of the mean square of all deviations.
        max_ulp: Largest count of representable numbers in between: told, and never decided by.
        same: Whether every bit is equal, but for those inside of what is no number (NaN).
    """

    max_rel: float
    p999_rel: float
    rms_rel: float
    max_ulp: int
    same: bool


def allowed(dtype: str, envelope: float) -> float:
    """Return the largest deviation that is noise, in RMS.

    Args:
        dtype: One of :data:`FLOORS`.
        envelope: The noise that the calibration found; an infinite one says nothing.
    """
    noise = FACTOR * envelope if math.isfinite(envelope) else 0.0
    return min(max(noise, FLOORS[dtype]), CEILINGS[dtype])


def array(tensor: Tensor) -> Any:
    """Return a tensor as an array; of bfloat16, as float32, which has all its numbers.

    Raises:
        CannotRun: If numpy is not installed.
    """
    try:
        import numpy as np
    except ImportError as error:
        raise CannotRun("numbers cannot be compared without numpy", hint="pip install 'sycee[replay]'") from error
    if tensor.dtype == "bfloat16":
        wide = np.frombuffer(tensor.data, "<u2").astype("<u4") << 16
        return wide.view("<f4").reshape(tensor.shape)
    return np.frombuffer(tensor.data, np.dtype(tensor.dtype).newbyteorder("<")).reshape(tensor.shape)


def precision(tensor: Tensor) -> str:
    """Return in which type the numbers were computed: float64 is often float32 that was made a list or a text of."""
    if tensor.dtype != "float64":
        return tensor.dtype
    import numpy as np

    wide = array(tensor)
    with np.errstate(over="ignore", invalid="ignore"):
        return "float32" if np.array_equal(wide.astype("f4").astype("f8"), wide, equal_nan=True) else "float64"


def measure(expected: Tensor, found: Tensor) -> Deviation:
    """Return how far a tensor is from the expected one.

    NaN is equal to NaN, and an infinity to itself. Where all that was expected is zero, everything else is infinitely
    far.

    Args:
        expected: Of a floating type.
        found: Of the same type and shape, not empty.
    """
    import numpy as np

    one, two = array(expected), array(found)
    equal = (one == two) | (np.isnan(one) & np.isnan(two))
    finite = np.isfinite(one) & np.isfinite(two)
    moved = np.full(one.shape, math.inf)
    with np.errstate(over="ignore"):
        moved[finite] = np.abs(two[finite].astype("f8") - one[finite].astype("f8"))
    moved[equal] = 0.0
    relative = _by_size(moved, rms(one))
    return Deviation(
        float(relative.max()),
        float(np.quantile(relative, 0.999, method="higher")),
        rms(relative) if np.isfinite(relative).all() else math.inf,
        _ulp(expected, found, finite),
        bool((equal & ((np.signbit(one) == np.signbit(two)) | np.isnan(one))).all()),
    )


def rms(values: Any) -> float:
    """Return the root of the mean square of the finite values; 0.0 if there are none."""
    import numpy as np

    finite = values[np.isfinite(values)].astype("f8")
    largest = float(np.abs(finite).max(initial=0.0))
    return largest * math.sqrt(float(np.mean((finite / largest) ** 2))) if largest else 0.0


def _by_size(moved: Any, size: float) -> Any:
    import numpy as np

    if size:
        with np.errstate(over="ignore"):
            return moved / size
    return np.where(moved == 0.0, 0.0, math.inf)


def _ulp(expected: Tensor, found: Tensor, finite: Any) -> int:
    """Return the largest count of representable numbers between two finite elements of the same place."""
    one, two = (_ordered(tensor)[finite] for tensor in (expected, found))
    between = (one > two) * (one - two) + (two > one) * (two - one)  # unsigned: only the positive one is kept
    return int(between.max(initial=0))


def _ordered(tensor: Tensor) -> Any:
    """Return the elements' bits as unsigned integers that are ordered as the numbers are."""
    import numpy as np

    size = {"float64": 8, "float32": 4}.get(tensor.dtype, 2)
    bits = np.frombuffer(tensor.data, f"<u{size}").astype("u8").reshape(tensor.shape)
    sign = np.uint64(1 << (8 * size - 1))
    return np.where(bits & sign, sign - (bits - sign), bits + sign)
