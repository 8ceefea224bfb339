"""Is the noise distributed as it says? It has no seed: each test here fails by chance once in a
million runs or less, which each says.
"""

import numpy as np
import pytest
from scipy.stats import chi2, dlaplace

from sottovoce.privacy import Noise
from sottovoce.sketches import FlajoletMartin, estimate_from_occupancy

DRAWS = 100_000


def probabilities(noise, places):
    if noise.charge.epsilon is not None:
        return dlaplace.pmf(places, 1 / noise.scale)
    whole = np.arange(-40 * int(noise.scale + 1), 40 * int(noise.scale + 1) + 1)
    mass = np.exp(-(whole**2) / (2 * noise.scale**2)).sum()
    return np.exp(-(places**2) / (2 * noise.scale**2)) / mass


@pytest.mark.parametrize(
    "noise",
    [
        Noise.laplace(0.3, 1),
        Noise.laplace(2.0, 1),
        Noise.laplace(0.25, 5),
        Noise.gaussian(0.3, 1),
        Noise.gaussian(0.1, 20),
    ],
    ids=lambda noise: f"{noise.mechanism}-{noise.scale:.3g}",
)
def test_noise_has_its_distribution(noise):
    """Chi-square over all values that come ten times or more: by chance, once in a million."""
    drawn = noise.add(np.zeros(DRAWS, dtype=np.int64))
    reach = int(40 * noise.scale) + 1
    places = np.arange(-reach, reach + 1)
    expected = DRAWS * probabilities(noise, places)
    often = expected >= 10
    counts = np.bincount(np.clip(drawn + reach, 0, 2 * reach), minlength=len(places))
    rest, rest_expected = counts[~often].sum(), DRAWS - expected[often].sum()
    statistic = ((counts[often] - expected[often]) ** 2 / expected[often]).sum()
    statistic += (rest - rest_expected) ** 2 / max(rest_expected, 1.0)
    assert statistic <= chi2.ppf(1 - 1e-6, often.sum())


@pytest.mark.parametrize("noise", [Noise.laplace(0.1, 2), Noise.gaussian(0.01, 2)])
def test_the_noises_of_a_vector_are_independent_and_have_their_variance(noise):
    """By chance, once in a million: five deviations of a correlation, six of a variance."""
    drawn = noise.add(np.zeros(DRAWS, dtype=np.int64)).astype(float)
    for lag in (1, 2, 7):
        correlation = np.corrcoef(drawn[:-lag], drawn[lag:])[0, 1]
        assert abs(correlation) <= 5.2 / np.sqrt(DRAWS)
    kurtosis = 6.0 if noise.charge.epsilon is not None else 3.0
    spread = np.sqrt((kurtosis - 1) / DRAWS)
    assert abs(drawn.var() / noise.variance - 1) <= 6 * spread


def test_noise_is_added_to_what_it_is_given():
    """By chance, once in a million: the mean of a hundred thousand within five deviations."""
    noise = Noise.laplace(0.5, 1)
    counts = np.arange(DRAWS, dtype=np.int64) * 1_000
    error = noise.add(counts) - counts
    assert abs(error.mean()) <= 5 * np.sqrt(noise.variance / DRAWS)
    assert np.abs(error).max() <= 2 * 40


def test_distinct_listeners_cost_half_as_much_again_at_most_for_a_tenth_of_epsilon():
    """The design's target: 4,096 buckets, epsilon .1, 50,000 listeners, within 1.5 of noiseless.

    The true ratio is about 1.1; over 120 runs that of two root mean squares has a deviation of
    about .05 (they share the sketches): by chance, below once in a million.
    """
    rng = np.random.default_rng(3)
    items, buckets, noise = 50_000, 4_096, Noise.laplace(0.1, 1)
    exact, noisy, held = [], [], 0
    for _ in range(120):
        sketch = FlajoletMartin(buckets)
        sketch.update_hashes(rng.integers(0, 2**64, items, dtype=np.uint64))
        exact.append(sketch.estimate().value / items - 1)
        estimate = estimate_from_occupancy(
            noise.add(sketch.occupancy()), buckets, noise.variance, confidence=0.95
        )
        noisy.append(estimate.value / items - 1)
        held += estimate.contains(items)
    assert np.sqrt(np.mean(np.square(noisy))) <= 1.5 * np.sqrt(np.mean(np.square(exact)))
    assert held >= 99  # of Binomial(120, .95), below once in a million
