"""The rule of the budget against the privacy loss itself, computed exactly. No probability in it.

The worst neighbours of sensitivity 1: each release is the noise, or the noise shifted by one. The
loss of a discrete Laplace is then +epsilon or -epsilon, that of a discrete Gaussian linear in what
was drawn; the losses of independent releases add.
"""

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import binom

from sottovoce.privacy import (
    Allowance,
    ChargeRecord,
    Held,
    Ledger,
    Mechanism,
    Noise,
    Opening,
    Pot,
    ReleaseKey,
    ReleasePlan,
    Standing,
    read_odometer,
)

NANO = Fraction(1, 10**9)


def losses(noise, times):
    """Values and probabilities of the privacy loss of releases with one noise."""
    if noise.mechanism is Mechanism.DISCRETE_LAPLACE:
        epsilon = 1 / noise.scale
        up = 1 / (1 + math.exp(-epsilon))
        ups = np.arange(times + 1)
        return (2 * ups - times) * epsilon, binom.pmf(ups, times, up)
    # n shifted Gaussians tell as much as one of scale / sqrt(n), but for what is discrete.
    scale = noise.scale / math.sqrt(times)
    draws = np.arange(-math.ceil(12 * scale) - 1, math.ceil(12 * scale) + 2)
    mass = np.exp(-(draws**2) / (2 * scale**2))
    return (1 - 2 * draws) / (2 * scale**2), mass / mass.sum()


def true_delta(epsilon, noises):
    values, chances = np.zeros(1), np.ones(1)
    for noise, times in noises:
        more, with_chance = losses(noise, times)
        values = (values[:, None] + more).ravel()
        chances = (chances[:, None] * with_chance).ravel()
    above = values > epsilon
    return float((chances[above] * -np.expm1(epsilon - values[above])).sum())


def plan(laplace, gaussian, epsilon=1, delta=NANO, gaussian_share=Fraction(1, 2)):
    whole = 1 - gaussian_share if gaussian else Fraction(1)
    standing = [Standing(f"laplace {i}", whole / laplace) for i in range(laplace)]
    standing += [
        Standing(f"gaussian {i}", gaussian_share / gaussian, Mechanism.DISCRETE_GAUSSIAN)
        for i in range(gaussian)
    ]
    return ReleasePlan.of(epsilon, delta, standing, 0)


def noises_of(made, laplace, gaussian):
    found = [(made.noise("laplace 0", 1), laplace)] if laplace else []
    return [*found, (made.noise("gaussian 0", 1), gaussian)] if gaussian else found


CASES = [(4, 0), (4, 1), (12, 1), (2, 2), (60, 1), (0, 1), (0, 5)]


@pytest.mark.parametrize(("laplace", "gaussian"), CASES)
@pytest.mark.parametrize("epsilon", [Fraction(1, 4), 1, 3])
def test_a_plan_that_is_spent_whole_gives_away_no_more_than_its_budget(laplace, gaussian, epsilon):
    share = Fraction(1) if not laplace else Fraction(1, 2)
    made = plan(laplace, gaussian, epsilon, gaussian_share=share)
    assert true_delta(float(epsilon) + 1e-12, noises_of(made, laplace, gaussian)) <= float(NANO)


@pytest.mark.parametrize(("laplace", "gaussian"), [(4, 0), (4, 1), (0, 1)])
def test_half_the_noise_would_give_away_more(laplace, gaussian):
    share = Fraction(1) if not laplace else Fraction(1, 2)
    made = plan(laplace, gaussian, gaussian_share=share)
    halved = [
        (Noise(noise.mechanism, noise.scale / 2, 1), times)
        for noise, times in noises_of(made, laplace, gaussian)
    ]
    assert true_delta(1.0, halved) > float(NANO)


def test_many_small_pure_charges_cost_what_they_cost_concentrated():
    """A wholly concentrated budget takes more of them than epsilons add up to, and rightly."""
    made = ReleasePlan.of(1, NANO, [Standing("all", Fraction(1), Mechanism.DISCRETE_GAUSSIAN)], 0)
    noise = Noise.laplace(Fraction(1, 200), 1)
    ledger = Ledger([Opening(b"x", 0), Allowance(b"x", "live", 0, made, 1)])
    held = 0
    while isinstance(
        ledger.apply(ChargeRecord(b"x", ReleaseKey("live", (0,), f"{held}"), noise.charge)), Held
    ):
        held += 1
    assert 200 < held < 5_000
    assert true_delta(1.0, [(noise, held)]) <= float(NANO)
    assert ledger.account("live", 0).left(Pot.STANDING) < made.budget.price(noise.charge)


def test_what_the_odometer_reads_is_no_less_than_what_was_given_away():
    made, days = plan(4, 0, Fraction(1, 2), Fraction(0)), 30
    log = [Opening(b"x", 0), Allowance(b"x", "live", 0, made, 1)]
    log += [
        ChargeRecord(b"x", ReleaseKey("live", (day * 86_400_000,), name), made.charge(name, 1))
        for day in range(days)
        for name in (f"laplace {i}" for i in range(4))
    ]
    reading = read_odometer(Ledger(log), days, NANO)
    assert float(reading.epsilon) < days / 2
    assert true_delta(float(reading.epsilon), [(made.noise("laplace 0", 1), 4 * days)]) <= float(
        reading.delta
    )
