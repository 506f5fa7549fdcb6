"""Tensors as small pictures, in PNG: images as they are, all else as a strip of colours; and where two differ."""

import math
import struct
import zlib
from typing import Any, NamedTuple

from sycee.core.deviation import array
from sycee.formats.tensorfile import Tensor

MAX_SIDE = 256  # pixels of a picture; of larger images every nth pixel is shown
LEAST_SIDE = 8  # of an image; what is smaller is a table of numbers
STRIP = 128, 32  # elements in a row of a strip, and rows

# From low to high: dark blue, teal, yellow; each in red, green, blue. And from equal to different.
_SCALE = ((48, 36, 92), (36, 130, 142), (250, 222, 96))
_APART = ((236, 238, 240), (244, 150, 90), (176, 20, 40))


class Picture(NamedTuple):
    """A PNG file, and its size in pixels."""

    png: bytes
    width: int
    height: int


class Pictures(NamedTuple):
    """The same tensor as it was expected and as it is, in one scale, and how far apart they are at each place."""

    expected: Picture
    found: Picture
    apart: Picture


def of(expected: Tensor, found: Tensor) -> Pictures | None:
    """Return pictures of two tensors of one type and shape; None of what is no plain number, or empty.

    Raises:
        CannotRun: If numpy is not installed.
    """
    if expected.dtype.startswith(("complex", "float8", "float4")) or not math.prod(expected.shape):
        return None
    one, two = (_arranged(array(tensor)) for tensor in (expected, found))
    low, high = (0.0, 255.0) if expected.dtype == "uint8" else _range(one)
    apart = _difference(one, two)
    width = max(float(apart.max()), 1e-300)
    coloured = one.ndim == 3 and one.shape[2] == 3
    plain = coloured or (expected.dtype == "uint8" and one.shape[0] >= LEAST_SIDE)
    first, second = (_picture(_levels(values, low, high), () if plain else _SCALE) for values in (one, two))
    return Pictures(first, second, _picture(_levels(apart.max(axis=2) if coloured else apart, 0.0, width), _APART))


def _arranged(values: Any) -> Any:
    """Return an image as rows, columns and, of three, colours; anything else as rows of its elements."""
    import numpy as np

    image = values[0] if values.ndim == 4 and values.shape[0] == 1 else values
    if image.ndim == 3 and image.shape[0] in {1, 3} and min(image.shape[1:]) >= LEAST_SIDE:
        image = np.moveaxis(image, 0, 2)
    if image.ndim == 3 and image.shape[2] in {1, 3, 4}:
        image = image[:, :, :3] if image.shape[2] > 1 else image[:, :, 0]
    is_image = image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)
    if is_image and min(image.shape[:2]) >= LEAST_SIDE:
        step = math.ceil(max(image.shape[:2]) / MAX_SIDE)
        return image[::step, ::step].astype("f8")
    return _strip(values.reshape(-1))


def _strip(flat: Any) -> Any:
    import numpy as np

    columns, rows = STRIP
    kept = flat[np.arange(min(len(flat), columns * rows)) * len(flat) // min(len(flat), columns * rows)].astype("f8")
    columns = min(columns, len(kept))
    padded = np.full(math.ceil(len(kept) / columns) * columns, np.nan)
    padded[: len(kept)] = kept
    return padded.reshape(-1, columns)


def _range(values: Any) -> tuple[float, float]:
    import numpy as np

    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


def _difference(one: Any, two: Any) -> Any:
    """Return how far apart two arrays are; what is no number is at its largest, unless it is in both."""
    import numpy as np

    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.abs(two - one)
    apart[(one == two) | (np.isnan(one) & np.isnan(two))] = 0.0
    known = np.isfinite(apart)
    apart[~known] = float(apart[known].max(initial=0.0)) or 1.0
    return apart


def _levels(values: Any, low: float, high: float) -> Any:
    """Return values as shares of a range; NaN stays."""
    import numpy as np

    with np.errstate(invalid="ignore", over="ignore"):
        return np.clip((values - low) / ((high - low) or 1.0), 0.0, 1.0)


def _picture(levels: Any, scale: tuple[tuple[int, int, int], ...]) -> Picture:
    import numpy as np

    shades = np.nan_to_num(levels) * 255
    if scale:
        steps = np.linspace(0, 255, len(scale))
        shades = np.stack([np.interp(shades, steps, [colour[band] for colour in scale]) for band in range(3)], axis=2)
    elif shades.ndim == 2:
        shades = np.repeat(shades[:, :, None], 3, axis=2)
    seen = ~np.isnan(levels if levels.ndim == 2 else levels.sum(axis=2))
    pixels = np.concatenate([shades, seen[:, :, None] * 255], axis=2).round().astype(np.uint8)
    return Picture(png(pixels.tobytes(), pixels.shape[1]), pixels.shape[1], pixels.shape[0])


def png(pixels: bytes, width: int) -> bytes:
    """Return a PNG file.

    Args:
        pixels: Red, green, blue and opacity of each pixel, row by row.
        width: Pixels in a row.
    """
    stride = 4 * width
    height = len(pixels) // stride
    rows = b"".join(b"\0" + pixels[at : at + stride] for at in range(0, len(pixels), stride))
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
