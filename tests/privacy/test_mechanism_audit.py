"""The audit of `tests.privacy.audit` on the mechanisms by themselves.

Each test fails by chance below once in a million runs.
"""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from tests.privacy.audit import audited_epsilon, probability

from sottovoce.privacy import Noise, epsilon_of, release_above, threshold_delta

DRAWS = 100_000
DRAWS_OF_A_BUG = 40_000


def outputs(noise, counts, draws=DRAWS):
    """What tells most in each of many releases of one vector: the least over its keys."""
    vector = np.asarray(counts, dtype=np.int64)
    return noise.add(np.tile(vector, draws)).reshape(draws, len(vector)).min(axis=1)


def half_the_noise(noise, counts):
    """The planted bug: half the noise that the charge is for."""
    return outputs(replace(noise, scale=noise.scale / 2), counts, DRAWS_OF_A_BUG)


NEIGHBOURS = [
    pytest.param(Noise.laplace(0.25, 20), [100], [120], id="a-quarter-20-on-one-key"),
    pytest.param(Noise.laplace(1.0, 2), [5, 5], [6, 6], id="one-spread-over-two-keys"),
    pytest.param(Noise.laplace(2.0, 1), [0], [1], id="two-absent-or-once"),
]


@pytest.mark.parametrize(("noise", "with_listener", "without"), NEIGHBOURS)
def test_laplace_gives_away_no_more_than_it_charges_and_half_the_noise_is_caught(
    noise, with_listener, without
):
    charged = float(noise.charge.epsilon)
    found = audited_epsilon(outputs(noise, with_listener), outputs(noise, without))
    assert found <= charged
    bug = half_the_noise(noise, with_listener), half_the_noise(noise, without)
    assert audited_epsilon(*bug) > charged


def test_gaussian_gives_away_no_more_than_it_charges_and_half_the_noise_is_caught():
    noise, delta = Noise.gaussian(0.125, 100), 0.01  # L2 of 10
    charged = float(epsilon_of(noise.charge.rho, delta))
    assert audited_epsilon(outputs(noise, [3]), outputs(noise, [13]), delta) <= charged
    bug = half_the_noise(noise, [3]), half_the_noise(noise, [13])
    assert audited_epsilon(*bug, delta) > charged


def test_a_key_of_one_listener_comes_out_no_more_often_than_delta():
    """20,000 releases at delta near .02, and the same with half the noise."""
    noise, runs, threshold = Noise.laplace(1.0, 3), 20_000, 15
    delta = threshold_delta(noise, threshold)
    assert Fraction(1, 100) < delta < Fraction(3, 100)

    def seen(used):
        keys = np.repeat(np.arange(runs), 3)  # three keys of the listener alone, in each run
        found, _ = release_above(keys, np.ones(3 * runs, dtype=np.int64), used, threshold)
        return probability(len(np.unique(found)), runs)

    assert seen(noise)[0] <= float(delta)
    # A threshold for the right delta, with noise twice as wide: what a forgotten factor would do.
    assert seen(replace(noise, scale=2 * noise.scale))[0] > float(delta)
