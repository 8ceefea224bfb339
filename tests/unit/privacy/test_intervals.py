"""Half widths against the distribution computed by other means; no randomness here."""

import math

import numpy as np
import pytest
from scipy.stats import dlaplace, norm

from sottovoce.privacy import Noise, PrivacyParameterError, half_width, interval, intervals


def within(probabilities, width):
    middle = len(probabilities) // 2
    return probabilities[middle - width : middle + width + 1].sum()


def convolved(scales, reach=2_500):
    places = np.arange(-reach, reach + 1)
    whole = np.ones(1)
    for scale in scales:
        whole = np.convolve(whole, dlaplace.pmf(places, 1 / scale), mode="full")
        cut = (len(whole) - len(places)) // 2
        whole = whole[cut : cut + len(places)] if cut > 0 else whole
    return whole


def least(probabilities, confidence):
    return next(
        width
        for width in range(len(probabilities))
        if within(probabilities, width) >= confidence - 1e-8
    )


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
@pytest.mark.parametrize(
    "scales", [[0.3], [1.0], [7.5], [80.0], [0.5, 0.5], [5.0] * 4, [2.0, 30.0], [1.0] * 9 + [20.0]]
)
def test_the_half_width_is_the_least_that_holds(scales, confidence):
    noises = [Noise.laplace(1 / scale, 1) for scale in scales]
    width = half_width(noises, confidence)
    assert abs(width - least(convolved([noise.scale for noise in noises]), confidence)) <= 1
    assert within(convolved([noise.scale for noise in noises]), width) >= confidence - 1e-9


def test_one_laplace_is_its_own_quantile():
    noise = Noise.laplace(0.25, 20)
    # P(|z| > h) = 2 e^(-(h + 1) / s) / (1 + e^(-1 / s))
    ratio = math.exp(-1 / noise.scale)
    width = half_width([noise])
    assert 2 * ratio ** (width + 1) / (1 + ratio) <= 0.05 < 2 * ratio**width / (1 + ratio)


@pytest.mark.parametrize(("summands", "most"), [(1, 1.001), (60, 1.002), (600, 1.01)])
def test_coarsening_costs_little_and_never_takes_away(summands, most, monkeypatch):
    noise = Noise.laplace(1 / 3_000, 1)
    intervals._laplace.cache_clear()
    coarse = half_width({noise: summands})
    intervals._laplace.cache_clear()
    monkeypatch.setattr(intervals, "_FINEST", 2.0**40)
    exact = half_width({noise: summands})
    intervals._laplace.cache_clear()
    assert exact <= coarse <= exact * most


def test_gaussian_sums_are_normal_and_small_ones_are_bounded():
    noise = Noise.gaussian(0.002, 20)
    deviation = noise.scale * math.sqrt(24)
    assert half_width({noise: 24}) == math.ceil(norm.ppf(0.975) * deviation)
    small = Noise.gaussian(2, 1)  # sigma 1/2
    places = np.arange(-30, 31)
    mass = np.exp(-(places**2) / (2 * small.scale**2))
    assert within(mass / mass.sum(), half_width([small])) >= 0.95


def test_a_mixture_is_no_narrower_than_either_part():
    laplace, gaussian = Noise.laplace(0.1, 1), Noise.gaussian(0.01, 1)
    both = half_width([laplace, gaussian])
    assert both >= max(half_width([laplace]), half_width([gaussian]))


def test_nothing_summed_is_exact():
    assert half_width([]) == half_width({Noise.laplace(1, 1): 0}) == 0


def test_an_interval_of_a_count_starts_at_nothing():
    noise = Noise.laplace(0.25, 20)
    around = interval(1_000, [noise])
    assert (around.value, around.upper - around.value) == (1_000.0, half_width([noise]))
    low = interval(-30, [noise])
    assert (low.value, low.lower) == (0.0, 0.0)
    assert low.upper == half_width([noise])
    assert interval(-10_000, [noise]).upper == half_width([noise])


@pytest.mark.parametrize(
    "make",
    [
        lambda: half_width([], 1.0),
        lambda: half_width([], 0.0),
        lambda: half_width({Noise.laplace(1, 1): -1}),
        lambda: half_width([Noise.laplace(1, 1)], 1 - 1e-12),
    ],
)
def test_what_makes_no_sense_is_refused(make):
    with pytest.raises(PrivacyParameterError):
        make()
