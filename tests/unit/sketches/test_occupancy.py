import math
import time

import numpy as np
import pytest

from sottovoce.sketches import FlajoletMartin, InvalidParameter, estimate_from_occupancy


@pytest.mark.parametrize("items", [0, 1, 2, 10])
@pytest.mark.parametrize("seed", range(5))
def test_a_handful_is_counted_exactly(items, seed):
    sketch = FlajoletMartin()
    sketch.update([f"{seed} {i}" for i in range(items)])
    estimate = sketch.estimate()
    assert round(estimate.value) == items
    assert estimate.contains(items)
    assert estimate.upper - estimate.lower <= 2


@pytest.mark.parametrize("power", [6, 12, 20, 34, 48, 55])
def test_expected_occupancies_give_the_number_back(power):
    levels, buckets, items = 50, 16384, 2.0**power
    chance = np.exp2(-np.arange(1.0, levels + 1)) / buckets
    expected = buckets * -np.expm1(items * np.log1p(-chance))
    for noise in (0.0, 200.0):
        estimate = estimate_from_occupancy(expected, buckets, noise)
        assert estimate.value == pytest.approx(items, rel=1e-6)
        assert estimate.contains(items)


def test_full_levels_bound_nothing_above():
    assert estimate_from_occupancy([64] * 20, 64).upper == math.inf


def test_noise_alone_is_about_nobody():
    rng = np.random.default_rng(1)
    runs = [estimate_from_occupancy(rng.laplace(0, 10, 50), 16384, 200.0) for _ in range(100)]
    assert sum(run.contains(0) for run in runs) >= 90
    assert max(run.value for run in runs) < 150


def test_negative_occupancies_are_noise_like_any_other():
    estimate = estimate_from_occupancy([-500.0] * 50, 16384, 3200.0)
    assert (estimate.value, estimate.lower) == (0.0, 0.0)


def test_more_confidence_is_a_wider_interval():
    sketch = FlajoletMartin()
    sketch.update(np.arange(5_000))
    narrow, wide = sketch.estimate(0.5), sketch.estimate(0.999)
    assert wide.lower < narrow.lower < narrow.value == wide.value < narrow.upper < wide.upper


def test_an_estimate_takes_a_few_milliseconds():
    sketch = FlajoletMartin()
    sketch.update(np.arange(100_000))
    occupancy = sketch.occupancy()
    times = []
    for _ in range(7):
        begin = time.perf_counter()
        estimate_from_occupancy(occupancy, 16384, 200.0)
        times.append(time.perf_counter() - begin)
    assert min(times) < 0.02


@pytest.mark.parametrize(
    ("occupancy", "buckets", "noise", "confidence"),
    [([], 64, 0, 0.9), ([math.nan], 64, 0, 0.9), ([1], 0, 0, 0.9), ([1], 64, -1, 0.9),
     ([1], 64, math.inf, 0.9), ([1], 64, 0, 1.0), ([1], 64, 0, 0.0)],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(occupancy, buckets, noise, confidence):
    with pytest.raises(InvalidParameter):
        estimate_from_occupancy(occupancy, buckets, noise, confidence)


@pytest.mark.parametrize("buckets", [0, 15, 100, 1 << 17])
def test_buckets_are_a_power_of_two(buckets):
    with pytest.raises(InvalidParameter, match="power of two"):
        FlajoletMartin(buckets)
