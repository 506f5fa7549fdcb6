"""The facts that the tolerance rests on: noise has the size of the outputs, and one kernel's tells another's."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rigs.goldens import record, results
from sycee.core.compare import compare
from sycee.core.deviation import FACTOR, measure
from sycee.formats.golden import Rule
from sycee.formats.tensorfile import Tensor

WIDTH, LAYERS = 32, 6


def _sums(chunk, order):
    """Return a product of matrices whose sums are taken as another kernel would."""

    def product(one, two):
        terms = (one[:, :, None] * two[None, :, :])[:, order, :]
        total = np.zeros((one.shape[0], two.shape[1]), np.float32)
        for start in range(0, terms.shape[1], chunk):
            part = np.zeros_like(total)
            for at in range(start, min(start + chunk, terms.shape[1])):
                part = part + terms[:, at]
            total = total + part
        return total

    return product


KERNELS = [
    _sums(1, slice(None)),
    _sums(4, slice(None)),
    _sums(8, slice(None)),
    _sums(16, slice(None, None, -1)),
    _sums(1, slice(None, None, -1)),
]


def outputs(seed, scale=1.0):
    """Return what one network gives with each of the kernels; the last is the reference, in double precision."""
    random = np.random.default_rng(seed)
    weights = [random.normal(0, WIDTH**-0.5, (WIDTH, WIDTH)).astype("f4") for _ in range(LAYERS)]
    given = random.normal(size=(4, WIDTH)).astype("f4")
    for product in [*KERNELS, lambda one, two: (one.astype("f8") @ two.astype("f8")).astype("f4")]:
        value = given
        for layer in weights:
            value = value + np.tanh(product(value, layer))
        yield value * np.float32(scale)


def as_tensor(array):
    return Tensor(array.dtype.name, array.shape, array.tobytes())


def noises(seed, scale=1.0):
    *kernels, reference = (as_tensor(one) for one in outputs(seed, scale))
    return [measure(reference, one).max_rel for one in kernels]


@given(st.integers(0, 10_000))
def test_each_kernel_predicts_every_other(seed):
    found = noises(seed)
    assert min(found) > 0
    assert max(found) <= FACTOR * min(found)


@given(st.integers(0, 10_000), st.sampled_from([2.0**-30, 2.0**-10, 2.0**10, 2.0**60]))
def test_the_scale_of_the_outputs_changes_nothing(seed, scale):
    assert noises(seed, scale) == noises(seed)


@given(st.integers(0, 10_000))
def test_limits_that_know_no_scale_refuse_noise_and_pass_a_change(seed):
    first, *_, reference = outputs(seed)
    large = 2.0**20
    assert not np.allclose(first * large, reference * large, rtol=1e-7, atol=1e-7)  # noise is refused
    small = np.float32(2.0**-24)
    assert np.allclose(-reference * small, reference * small, rtol=1.3e-6, atol=1e-5)  # the opposite is accepted
    made = record(Rule("cosine"), output=reference * small)
    assert compare(*made, *results(output=-reference * small)).level == "fail"


@given(st.integers(0, 10_000), st.integers(0, 8 * 8 * 3 - 1), st.integers(1, 255))
def test_any_pixel_that_is_another_is_caught_by_the_stage_before(seed, at, level):
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    other = pixels.copy()
    other.reshape(-1)[at] ^= level
    output = np.float32([0.25, 4.0])
    found = compare(
        *record(Rule("top1"), preprocessed=pixels, output=output), *results(preprocessed=other, output=output)
    )
    assert found.level == "fail"
    assert [one.stage for one in found.below("decision")] == ["preprocessed"]
