"""What a difference looks like: each pattern is told by its name, and nothing is told where there is none."""

import numpy as np
import pytest

from rigs.goldens import record, results
from sycee.core.likeness import Known, likeness

_random = np.random.default_rng(4)
PICTURE = _random.standard_normal((1, 3, 12, 12)).astype("f4")
ROW = np.float32([[0.31234, -1.2, 2.7654, 0.05]])
ROWS = np.vstack([ROW, 2 * ROW + 1])
SCALE = np.float32([0.5, 2, 3])[:, None, None]
IDS = np.array([101, 7, 8, 9, 102, 0, 0])


def smooth():
    """Return a picture whose neighbours are alike, as those of a photograph are."""
    y, x = np.mgrid[0:12, 0:12] / 12
    return np.stack([np.sin(5 * x + y), np.cos(4 * y - x), x * y])[None].astype("f4")


def alike(one, two, stage="output", **options):
    made, tensors = record(**{stage: one}, **options)
    stages, found = results(**{stage: two})
    return likeness(Known(made, tensors, stages, found), "0", stage)


ARRAYS = {
    "swapped colour channels: these are in reverse order": (PICTURE, PICTURE[:, ::-1]),
    "channels in the order 1, 0, 2": (PICTURE, PICTURE[:, [1, 0, 2]]),
    "channels in reverse order": (PICTURE[:, :2], PICTURE[:, 1::-1]),
    "swapped colour channels: these are in reverse order, and then normalised as the ones at their places are": (
        PICTURE,
        PICTURE[:, ::-1] * SCALE + SCALE,
    ),
    "another normalisation: channel 0 times 0.5 + 1, channel 1 times 2 - 2": (
        PICTURE,
        PICTURE * SCALE + np.float32([1, -2, 0])[:, None, None],
    ),
    "all values times 255 - 3": (PICTURE, PICTURE * 255 - 3),
    "all values times 0.5": (ROW, ROW / 2),
    "mirrored left to right": (PICTURE, PICTURE[..., ::-1]),
    "mirrored top to bottom": (PICTURE, PICTURE[..., ::-1, :]),
    "turned by 180 degrees": (PICTURE, PICTURE[..., ::-1, ::-1]),
    "turned by 90 degrees": (PICTURE, np.rot90(PICTURE, axes=(2, 3))),
    "height and width exchanged": (PICTURE, PICTURE.swapaxes(2, 3)),
    "turned by 90 degrees, before it was scaled": (smooth(), np.rot90(smooth(), axes=(2, 3)) + PICTURE / 100),
    "nearly the same picture, decoded or scaled in another way": (smooth(), smooth() + PICTURE / 100),
    "axes in the order (0, 2, 3, 1)": (PICTURE, PICTURE.transpose(0, 2, 3, 1)),
    "shape (3, 12, 12) instead of (1, 3, 12, 12), the values are the same": (PICTURE, PICTURE[0]),
    "shape (1, 3) instead of (1, 4)": (ROW, ROW[:, :3]),
    "float64 instead of float32, the same but for the last digits": (PICTURE, PICTURE * np.float64(1.000001)),
    "float64 instead of float32": (PICTURE, PICTURE.astype("f8")),
    "int32 instead of int64": (IDS, IDS.astype("i4")),
    "rounded to 2 decimals": (ROW, ROW.round(2)),
    "rounded to whole numbers": (PICTURE, PICTURE.round()),
    "rounded to float16": (ROW, ROW.astype("f2").astype("f4")),
    "computed in bfloat16": (ROW, np.float32([[0.3125, -1.1875, 2.75, 0.0625]])),
    "softmax of it": (ROW, np.exp(ROW) / np.exp(ROW).sum()),
    "softmax left out": (np.exp(ROW) / np.exp(ROW).sum(), ROW),
    "log softmax of it": (ROW, ROW - np.log(np.exp(ROW).sum())),
    "sigmoid of it": (ROW, 1 / (1 + np.exp(-ROW))),
    "scaling to length 1 of it": (ROWS, ROWS / np.linalg.norm(ROWS, axis=-1, keepdims=True)),
    "NaN where 1 of 4 numbers were": (ROW, np.float32([[0.31234, np.nan, 2.7654, 0.05]])),
    "the same after 2 more at the front: padding on the other side": (IDS, np.roll(IDS, 2)),
    "nothing but zeros": (PICTURE, np.zeros_like(PICTURE)),
    "100 where 8 was, at position 2": (IDS, np.array([101, 7, 100, 9, 102, 0, 0])),
}


@pytest.mark.parametrize("words", ARRAYS)
def test_what_tensors_look_like(words):
    one, two = ARRAYS[words]
    assert alike(one, two) == words


def test_single_values():
    two = PICTURE.copy()
    two[0, 1, 3, 4] += 0.25
    assert alike(PICTURE, two) == "1 of 432 values alone off, by 0.25"
    two[0, 0, 0, 0] += 0.5
    assert alike(PICTURE, two) == "2 of 432 values alone off, by up to 0.5"
    whole = (PICTURE * 50).astype("u1")
    other = whole.copy()
    other[0, 0, 0, 0] ^= 1
    assert alike(whole, other, stage="preprocessed") == "1 of 432 values alone off, by 1"


TEXTS = {
    "the same in reverse order": (["a", "b", "c"], ["c", "b", "a"]),
    "the same in another order": (["a", "b", "c"], ["b", "a", "c"]),
    "other upper and lower case": (["a", "b"], ["A", "b"]),
    "2 values instead of 3": (["a", "b", "c"], ["a", "b"]),
    "'lynx' where 'puma' was": (["tabby", "puma"], ["tabby", "lynx"]),
    "": (["a" * 50], ["b" * 50]),
}


@pytest.mark.parametrize("words", TEXTS)
def test_what_texts_look_like(words):
    assert alike(*TEXTS[words], stage="decision") == words


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (PICTURE, _random.standard_normal(PICTURE.shape).astype("f4")),
        (ROW, ROW[:, ::-1] + np.float32([[0.1, 0.3, 0.2, 0.9]])),
        (ROW, np.full_like(ROW, np.inf)),
        (np.zeros((1, 3, 12, 12), "f4"), PICTURE),
        (np.float32(3), np.float32(4)),
        (np.zeros((0, 3), "f4"), np.zeros((0, 3), "f8")),
        (1.5, 2.5),
        (ROW, "text"),
        ({"a": ROW}, {"b": ROW}),
        (ROW, None),
    ],
)
@pytest.mark.filterwarnings("error")
def test_what_looks_like_nothing_is_told_as_nothing_of_the_kind(one, two):
    assert alike(one, two) in {"", "float64 instead of float32"}


def test_a_tensor_of_which_only_the_digest_or_a_slice_is_kept():
    assert alike(PICTURE, PICTURE[:, ::-1], keep=None) == ""
    assert alike(PICTURE, PICTURE[:, ::-1], keep="sliced") == ""
    assert alike(PICTURE, PICTURE.astype("f8"), keep=None) == "float64 instead of float32"


def test_a_text_that_is_kept_by_its_digest_is_not_told():
    made, tensors = record(preprocessed="a private text")
    [sample] = made.samples
    hidden = tuple(leaf._replace(value=None, sha256="0" * 64) for leaf in sample.stages["preprocessed"])
    made = made._replace(samples=(sample._replace(stages={"preprocessed": hidden}),))
    stages, found = results(preprocessed="another text")
    assert likeness(Known(made, tensors, stages, found), "0", "preprocessed") == ""


def test_what_belongs_to_another_sample():
    made, tensors = record(output=ROW)
    other, _ = record(output=ROW * 3)
    both = made._replace(samples=(*made.samples, other.samples[0]._replace(id="1")))
    stages, found = results(output=ROW * 3)
    assert likeness(Known(both, tensors, stages, found), "0", "output") == "what sample 1 gave"
