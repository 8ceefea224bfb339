import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sottovoce.privacy import Mechanism, Noise, PrivacyParameterError


@settings(deadline=None, max_examples=60)
@given(st.fractions(Fraction(1, 1000), 10), st.integers(1, 500))
def test_laplace_charges_no_more_than_was_asked_and_no_less_than_its_scale_costs(epsilon, bound):
    noise = Noise.laplace(epsilon, bound)
    assert Fraction(bound) / Fraction(noise.scale) <= noise.charge.epsilon <= epsilon
    assert float(noise.charge.epsilon) == pytest.approx(float(epsilon), rel=1e-14)
    assert noise._measurement().map(bound) <= math.nextafter(float(noise.charge.epsilon), math.inf)


@settings(deadline=None, max_examples=60)
@given(st.fractions(Fraction(1, 10**5), 10), st.integers(1, 500))
def test_gaussian_charges_no_more_than_was_asked_and_no_less_than_its_scale_costs(rho, bound):
    noise = Noise.gaussian(rho, bound)
    assert Fraction(bound) / (2 * Fraction(noise.scale) ** 2) <= noise.charge.rho <= rho
    assert float(noise.charge.rho) == pytest.approx(float(rho), rel=1e-14)
    assert noise.charge.epsilon is None
    assert noise._measurement().map(math.sqrt(bound)) == pytest.approx(
        float(noise.charge.rho), rel=1e-12
    )


@pytest.mark.parametrize("noise", [Noise.laplace(0.5, 3), Noise.gaussian(0.5, 3)])
def test_noise_is_integers_and_fresh_each_time(noise):
    counts = np.arange(1_000)
    first, second = noise.add(counts), noise.add(counts)
    assert first.dtype == np.int64
    assert first.shape == counts.shape
    assert (first != second).any()
    assert (noise.add(counts.astype(np.uint32)) != counts).any()
    assert len(noise.add(np.zeros(0, dtype=np.int64))) == 0
    assert len(noise.add([])) == 0


def test_a_noise_describes_itself():
    noise = Noise.laplace(0.25, 20)
    assert (noise.mechanism, noise.scale, noise.sensitivity) == (
        Mechanism.DISCRETE_LAPLACE,
        80.0,
        20,
    )
    assert noise == Noise(Mechanism.DISCRETE_LAPLACE, 80.0, 20)
    assert noise.variance == pytest.approx(2 * 80**2, rel=1e-4)
    assert Noise.gaussian(0.5, 1).variance == pytest.approx(1.0)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Noise.laplace(0, 1),
        lambda: Noise.laplace(-1, 1),
        lambda: Noise.laplace(1, 0),
        lambda: Noise.laplace(1e-13, 10),
        lambda: Noise.gaussian(0, 1),
        lambda: Noise.gaussian(1, -4),
        lambda: Noise.gaussian(float("nan"), 1),
        lambda: Noise(Mechanism.DISCRETE_LAPLACE, math.inf, 1),
        lambda: Noise.laplace(1, 1).add([0.5]),
        lambda: Noise.laplace(1, 1).add([[1, 2]]),
        lambda: Noise.laplace(1, 1).add([2**62 + 1]),
        lambda: Noise.laplace(1, 1).add(np.array([2**64 - 1], dtype=np.uint64)),
        lambda: Noise.laplace(1, 1).add([-(2**63)]),
    ],
)
def test_what_makes_no_sense_is_refused(make):
    with pytest.raises(PrivacyParameterError):
        make()
