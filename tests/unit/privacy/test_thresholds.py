import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sottovoce.privacy import (
    Noise,
    PrivacyParameterError,
    release_above,
    thin,
    threshold_delta,
    threshold_for,
)


def tail(scale, at):
    """P(discrete Laplace >= at)."""
    ratio = math.exp(-1 / scale)
    return ratio**at / (1 + ratio) if at >= 0 else 1 - ratio ** (1 - at) / (1 + ratio)


@settings(deadline=None)
@given(st.floats(0.05, 4.0), st.integers(1, 60), st.floats(1e-12, 0.01))
def test_the_threshold_is_the_least_with_its_delta(epsilon, bound, delta):
    noise = Noise.laplace(epsilon, bound)
    threshold = threshold_for(noise, delta)
    assert threshold_delta(noise, threshold) <= Fraction(delta)
    assert threshold == bound or threshold_delta(noise, threshold - 1) > Fraction(delta)


@settings(deadline=None, max_examples=60)
@given(st.floats(0.05, 3.0), st.lists(st.integers(1, 8), min_size=1, max_size=8), st.data())
def test_no_listener_can_spread_their_listens_so_that_delta_is_too_small(epsilon, listens, data):
    bound = sum(listens)
    noise = Noise.laplace(epsilon, bound)
    threshold = data.draw(st.integers(bound, bound + 200))
    none = math.prod(1 - tail(noise.scale, threshold - count) for count in listens)
    assert 1 - none <= float(threshold_delta(noise, threshold)) * (1 + 1e-9) + 1e-13


def test_delta_is_that_of_the_worst_listener():
    noise = Noise.laplace(0.5, 4)  # scale 8
    assert float(threshold_delta(noise, 40)) == pytest.approx(4 * tail(8, 39), rel=1e-12)
    one = Noise.laplace(3, 1)
    assert float(threshold_delta(one, 10)) == pytest.approx(tail(1 / 3, 9), rel=1e-12)
    assert threshold_delta(noise, 3) == 1


def test_only_keys_that_occur_and_reach_the_threshold_come_out():
    keys = np.array([7, 8, 9, 10], dtype=np.uint64)
    noise = Noise.laplace(2, 1)
    found, noisy = release_above(keys, [0, 1_000_000, 1, 0], noise, 500)
    assert found.tolist() == [8]
    assert abs(int(noisy[0]) - 1_000_000) < 100
    assert noisy.dtype == np.int64


def test_thinning_keeps_what_reaches_the_threshold():
    keys, noisy = thin(np.array([1, 2, 3]), np.array([5, -5, 4]), 5)
    assert (keys.tolist(), noisy.tolist()) == ([1], [5])


@pytest.mark.parametrize(
    "make",
    [
        lambda: threshold_for(Noise.gaussian(1, 1), 1e-9),
        lambda: threshold_for(Noise.laplace(1, 1), 0),
        lambda: threshold_for(Noise.laplace(1, 1), 1),
        lambda: release_above(np.arange(2), [1, 2], Noise.gaussian(1, 1), 5),
    ],
)
def test_what_makes_no_sense_is_refused(make):
    with pytest.raises(PrivacyParameterError):
        make()
